package embed

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tinyGGUF = "../testdata/gguf/bert.gguf"

// A GGUF file gives the ids and the vectors of the folder that it was made of, by its path, in
// a folder of its own and from a file system.
func TestGGUF(t *testing.T) {
	c := readCases(t, "bert")
	want := readTensors(t, "bert", "encode.safetensors")
	data, err := os.ReadFile(tinyGGUF)
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "x.gguf"), data, 0o644))
	named := filepath.Join(t.TempDir(), "sha256-0a") // as in Ollama's store
	require.NoError(t, os.WriteFile(named, data, 0o644))
	cfg := Config{MaxTokens: c.MaxSeqLength} // which the file lacks
	loads := map[string]func() (*Model, error){
		"file":        func() (*Model, error) { return Load(t.Context(), tinyGGUF, cfg) },
		"no ending":   func() (*Model, error) { return Load(t.Context(), named, cfg) },
		"folder":      func() (*Model, error) { return Load(t.Context(), folder, cfg) },
		"file system": func() (*Model, error) { return LoadFS(t.Context(), os.DirFS(folder), cfg) },
	}
	prints := map[string]bool{}
	for name, load := range loads {
		t.Run(name, func(t *testing.T) {
			m, err := load()
			require.NoError(t, err)
			defer m.Close()
			for i, text := range c.Texts[1:] { // the first is empty, an error here
				ids, _ := tokenized(t, m, text, Options{})
				require.Equal(t, c.IDs[i+1], ids, "%q", text)
			}
			requireClose(t, want["plain"][1:], embedTexts(t, m, c.Texts[1:], Options{}), goldenTolerance)
			info := m.Info()
			assert.Equal(t, []string{"mean"}, info.Pooling)
			assert.True(t, info.Normalized)
			assert.Equal(t, "bert", info.Family)
			print, err := m.Fingerprint(context.Background())
			require.NoError(t, err)
			prints[print] = true
		})
	}
	assert.Len(t, prints, 1)
	m, err := Load(t.Context(), tinyGGUF, Config{})
	require.NoError(t, err)
	assert.Equal(t, "bert", m.Info().Name)
	require.NoError(t, m.Close())
}

func TestGGUFErrors(t *testing.T) {
	data, err := os.ReadFile(tinyGGUF)
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"a-Q4_K_M.gguf", "b-F16.GGUF"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	_, err = Load(t.Context(), dir, Config{})
	assert.ErrorContains(t, err, dir+": several GGUF files, expected the path of one: a-Q4_K_M.gguf, b-F16.GGUF")
	path := filepath.Join(dir, "cut.gguf")
	require.NoError(t, os.WriteFile(path, data[:len(data)-100], 0o644))
	_, err = Load(t.Context(), path, Config{})
	assert.ErrorContains(t, err, path+": tensor ")
	assert.ErrorContains(t, err, "past the end")
	path = filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o644))
	_, err = Load(t.Context(), path, Config{})
	assert.EqualError(t, err, path+": a file, expected the folder of a model, or a GGUF file")
	_, err = Quantize(t.Context(), tinyGGUF, filepath.Join(dir, "out"), Int8, nil)
	assert.EqualError(t, err, tinyGGUF+": a file, expected the folder of a model")
	one := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(one, "x.gguf"), data, 0o644))
	_, err = Quantize(t.Context(), one, filepath.Join(dir, "out"), Int8, nil)
	assert.ErrorContains(t, err, "a folder of a GGUF file alone")
}
