package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pulledByOllama makes a store of Ollama's with tiny-gguf:v1 in it, and returns the model's file.
func pulledByOllama(t *testing.T) string {
	t.Helper()
	store := t.TempDir()
	t.Setenv("OLLAMA_MODELS", store)
	digest := strings.Repeat("0a", 32)
	file := filepath.Join(store, "blobs", "sha256-"+digest)
	for path, content := range map[string]string{
		file: "GGUF",
		filepath.Join(store, "manifests", "registry.ollama.ai", "library", "tiny-gguf", "v1"): `{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:` + digest + `"}]}`,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return file
}

// What pull downloads and what Ollama has, models lists.
func TestModels(t *testing.T) {
	o := newOffer(t, offered)
	t.Setenv("OLLAMA_MODELS", t.TempDir())
	code, stdout, stderr := rhumb(t, "", "models")
	assert.Zero(t, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "rhumb pull")
	code, stdout, stderr = rhumb(t, "", "models", "--json")
	assert.Zero(t, code)
	assert.Empty(t, stdout+stderr)

	file := pulledByOllama(t)
	code, stdout, stderr = rhumb(t, "", "pull", offered)
	require.Zero(t, code, stderr)
	folder := strings.TrimSpace(stdout)
	code, stdout, stderr = rhumb(t, "", "models", "--json")
	require.Zero(t, code, stderr)
	var list []modelJSON
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	for d.More() {
		var m modelJSON
		require.NoError(t, d.Decode(&m))
		list = append(list, m)
	}
	require.Len(t, list, 2)
	weights, err := os.Stat(filepath.Join(folder, "model.safetensors"))
	require.NoError(t, err)
	assert.Greater(t, list[0].Bytes, weights.Size())
	list[0].Bytes = 0
	assert.Equal(t, []modelJSON{
		{Name: o.id, Revisions: []string{"main"}, Commit: commit, Path: folder},
		{Name: "ollama:tiny-gguf:v1", Bytes: 4, Path: file},
	}, list)

	code, stdout, stderr = rhumb(t, "", "models")
	require.Zero(t, code, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 3)
	assert.Equal(t, []string{"model", "revision", "MB", "path"}, strings.Fields(lines[0]))
	assert.Equal(t, []string{o.id, "main", folder}, append(strings.Fields(lines[1])[:2], strings.Fields(lines[1])[3]))
	assert.Equal(t, []string{"ollama:tiny-gguf:v1", "-", "0.0", file}, strings.Fields(lines[2]))
}
