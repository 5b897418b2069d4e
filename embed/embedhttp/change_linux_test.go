package embedhttp

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tensor"
)

// servedFolder returns a handler of the model in dir, and its log.
func servedFolder(t testing.TB, dir string) (*Handler, *bytes.Buffer) {
	t.Helper()
	m, err := embed.Load(t.Context(), dir, embed.Config{Workers: 2})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	q := embed.NewQueue(m, embed.QueueConfig{})
	t.Cleanup(func() { _ = q.Close(t.Context()) })
	var log bytes.Buffer
	h, err := New(Config{Models: []Model{{Name: "tiny", Queue: q, Info: m.Info()}}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	return h, &log
}

const aText = `{"model": "tiny", "input": "a"}`

// Weights that are cut or overwritten while they are served are an error of the
// server, whose log says which file it was.
func TestWeightsChange(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"cut":         func(path string) error { return os.Truncate(path, 0) },
		"overwritten": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("\xff", 1<<20)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(tinyFolder)))
			h, log := servedFolder(t, dir)
			require.Equal(t, 200, send(h, "POST", "/v1/embeddings", aText).Code)
			path := filepath.Join(dir, "model.safetensors")
			require.NoError(t, change(path))
			for range 2 {
				log.Reset()
				message := requireError(t, send(h, "POST", "/v1/embeddings", aText), 500, serverError, "internal_error", "")
				assert.NotContains(t, message, path)
				assert.Contains(t, log.String(), "level=ERROR")
				assert.Contains(t, log.String(), path)
				assert.Contains(t, log.String(), "changed since")
			}
			require.Equal(t, 200, send(h, "GET", "/health", "").Code)
		})
	}
}

// A model whose vectors are not finite is no fault of the client's.
func TestNotFinite(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(tinyFolder)))
	f, err := tensor.Open(filepath.Join(tinyFolder, "model.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	var tensors []tensor.Tensor
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		if strings.HasSuffix(name, "word_embeddings.weight") {
			x.Data = bytes.Repeat([]byte{0xff}, len(x.Data))
		}
		tensors = append(tensors, x)
	}
	var b bytes.Buffer
	require.NoError(t, tensor.Write(&b, tensors, nil))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "model.safetensors"), b.Bytes(), 0o600))
	h, log := servedFolder(t, dir)
	requireError(t, send(h, "POST", "/v1/embeddings", aText), 500, serverError, "internal_error", "")
	assert.Contains(t, log.String(), "input 0: the model's output has a NaN or an infinity")
}
