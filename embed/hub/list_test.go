package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What List names, Resolve finds where it says, without a network.
func TestList(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	write := func(name, content string) {
		path := filepath.Join(cache, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	first, second := strings.Repeat("1", 40), strings.Repeat("2", 40)
	folder := filepath.Join(cache, "models--own--model", "snapshots")
	write("models--own--model/refs/main", second+"\n")
	write("models--own--model/refs/pr/1", first)
	write("models--own--model/refs/v1", second)
	write("models--own--model/refs/.ref-123", second) // what a download that was stopped left
	write("models--own--model/snapshots/"+first+"/config.json", "12")
	write("models--own--model/snapshots/"+second+"/config.json", "123")
	write("models--own--model/blobs/weights", "1234567")
	require.NoError(t, os.Mkdir(filepath.Join(folder, second, "onnx"), 0o755))
	if err := os.Symlink(filepath.Join("..", "..", "..", "blobs", "weights"), filepath.Join(folder, second, "onnx", "model")); err != nil {
		t.Skip("no links: ", err)
	}
	require.NoError(t, os.Symlink("nowhere", filepath.Join(folder, second, "gone")))
	write("models--model/refs/main", first)
	write("models--model/snapshots/"+first+"/x", "1")
	write("models--own--begun/refs/main", first)
	write("datasets--own--data/snapshots/"+first+"/x", "1")
	write("models--own--model/snapshots/notes/x", "1")
	write("version.txt", "1")
	list, err := List("")
	require.NoError(t, err)
	assert.Equal(t, []Cached{
		{Name: "model", Revisions: []string{"main"}, Commit: first, Path: filepath.Join(cache, "models--model", "snapshots", first), Bytes: 1},
		{Name: "own/model", Revisions: []string{"pr/1"}, Commit: first, Path: filepath.Join(folder, first), Bytes: 2},
		{Name: "own/model", Revisions: []string{"main", "v1"}, Commit: second, Path: filepath.Join(folder, second), Bytes: 10},
	}, list)
	for _, m := range list {
		path, err := Resolve(t.Context(), m.Name, Options{Revision: m.Revisions[0]})
		require.NoError(t, err)
		assert.Equal(t, m.Path, path)
	}
	list, err = List(filepath.Join(cache, "none"))
	require.NoError(t, err)
	assert.Empty(t, list)
	_, err = List(filepath.Join(cache, "version.txt"))
	assert.ErrorContains(t, err, "version.txt")
}

// What ListOllama names, Ollama finds.
func TestListOllama(t *testing.T) {
	store := filepath.Join(t.TempDir(), "models")
	t.Setenv("OLLAMA_MODELS", store)
	list, err := ListOllama()
	require.NoError(t, err)
	assert.Empty(t, list)
	digest := strings.Repeat("0a", 32)
	write := func(name, content string) {
		path := filepath.Join(store, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	manifest := `{"layers":[{"mediaType":"` + ollamaModel + `","digest":"sha256:` + digest + `"}]}`
	write("blobs/sha256-"+digest, "GGUF")
	write("manifests/registry.ollama.ai/library/nomic-embed-text/latest", manifest)
	write("manifests/registry.ollama.ai/library/nomic-embed-text/v1.5", manifest)
	write("manifests/registry.ollama.ai/own/model/latest", manifest)
	write("manifests/hf.co/own/model/Q8_0", manifest)
	write("manifests/registry.ollama.ai/library/gone/latest", strings.ReplaceAll(manifest, "0a", "0b"))
	write("manifests/registry.ollama.ai/.DS_Store", "")
	list, err = ListOllama()
	require.NoError(t, err)
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
		path, err := Ollama(m.Name)
		require.NoError(t, err)
		assert.Equal(t, path, m.Path)
		assert.EqualValues(t, 4, m.Bytes)
	}
	assert.Equal(t, []string{"hf.co/own/model:Q8_0", "nomic-embed-text:latest", "nomic-embed-text:v1.5", "own/model:latest"}, names)
}
