package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOllama(t *testing.T) {
	store := t.TempDir()
	t.Setenv("OLLAMA_MODELS", store)
	digest := strings.Repeat("0a", 32)
	blob := filepath.Join(store, "blobs", "sha256-"+digest)
	write := func(name, content string) {
		path := filepath.Join(store, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	layer := func(kind, digest string) string {
		return `{"mediaType":"` + kind + `","digest":"` + digest + `","size":4}`
	}
	manifest := func(layers ...string) string {
		return `{"schemaVersion":2,"config":{"digest":"sha256:x"},"layers":[` + strings.Join(layers, ",") + `]}`
	}
	model := layer(ollamaModel, "sha256:"+digest)
	write("blobs/sha256-"+digest, "GGUF")
	write("manifests/registry.ollama.ai/library/nomic-embed-text/latest", manifest(layer("application/vnd.ollama.image.license", "sha256:b"), model))
	write("manifests/registry.ollama.ai/library/nomic-embed-text/v1.5", manifest(model))
	write("manifests/registry.ollama.ai/own/model/latest", manifest(model))
	write("manifests/hf.co/own/model/Q8_0", manifest(model))
	write("manifests/registry.ollama.ai/library/adapted/latest", manifest(model, layer(ollamaAdapter, "sha256:"+digest)))
	write("manifests/registry.ollama.ai/library/none/latest", manifest())
	write("manifests/registry.ollama.ai/library/bad/latest", manifest(layer(ollamaModel, "sha256:../../x")))
	write("manifests/registry.ollama.ai/library/gone/latest", manifest(layer(ollamaModel, "sha256:"+strings.Repeat("0b", 32))))
	write("manifests/registry.ollama.ai/library/broken/latest", "{")
	for _, name := range []string{"nomic-embed-text", "nomic-embed-text:latest", "nomic-embed-text:v1.5", "own/model", "hf.co/own/model:Q8_0"} {
		path, err := Ollama(name)
		require.NoError(t, err, name)
		assert.Equal(t, blob, path, name)
	}
	for name, want := range map[string]string{
		"adapted": "a model with an adapter", "none": "no layer of type", "bad": "expected one layer of the model", "gone": "no such file",
		"broken": "unexpected end of JSON", "": "expected a name such as", "../x": "expected a name such as", "a/b/c/d": "expected a name such as",
		"x:": "expected a name such as", "x:../y": "expected a name such as",
	} {
		_, err := Ollama(name)
		assert.ErrorContains(t, err, "ollama:"+name+": ", name)
		assert.ErrorContains(t, err, want, name)
	}
	_, err := Ollama("other")
	assert.ErrorIs(t, err, ErrNotCached)
}
