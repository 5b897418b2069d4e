package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOllama finds models by names of any kind in a store whose manifests say anything: what
// it returns is a file of the store, and the list has no more than the store.
func FuzzOllama(f *testing.F) {
	digest := strings.Repeat("0a", 32)
	for _, manifest := range []string{
		`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:` + digest + `"}]}`,
		`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../x"}]}`,
		`{"layers":[{"mediaType":"application/vnd.ollama.image.adapter"}]}`, `{"layers":{}}`, `{`, `null`, "",
	} {
		for _, name := range []string{"name", "own/name:tag", "hf.co/own/name:Q8_0", "../x", "a/b/c/d", "x:..", ""} {
			f.Add(name, []byte(manifest))
		}
	}
	f.Fuzz(func(t *testing.T, name string, manifest []byte) {
		root := t.TempDir()
		store := filepath.Join(root, "store")
		t.Setenv("OLLAMA_MODELS", store)
		for _, path := range []string{"blobs/sha256-" + digest, "manifests/registry.ollama.ai/library/name/latest", "manifests/registry.ollama.ai/own/name/tag", "manifests/hf.co/own/name/Q8_0"} {
			path = filepath.Join(store, filepath.FromSlash(path))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, manifest, 0o644))
		}
		if path, err := Ollama(name); err == nil {
			require.Equal(t, filepath.Join(store, "blobs"), filepath.Dir(path))
		}
		list, err := ListOllama()
		require.True(t, err != nil || len(list) <= 3, "%v", list)
	})
}
