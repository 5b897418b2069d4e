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

// A GGUF file is a model by its path, and by its name in Ollama's store.
func TestGGUFModel(t *testing.T) {
	const file = "../../testdata/gguf/bert.gguf"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	store := t.TempDir()
	t.Setenv("OLLAMA_MODELS", store)
	blob := strings.Repeat("0a", 32)
	for name, content := range map[string]string{
		"blobs/sha256-" + blob:                             string(data),
		"manifests/registry.ollama.ai/library/tiny/latest": `{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:` + blob + `"}]}`,
	} {
		path := filepath.Join(store, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	var answers []string
	for model, name := range map[string]string{file: "bert", "ollama:tiny": "ollama:tiny"} {
		code, stdout, stderr := rhumb(t, "", "info", "--json", "--model", model)
		require.Zero(t, code, stderr)
		var info struct{ Name, Family string }
		require.NoError(t, json.Unmarshal([]byte(stdout), &info), stdout)
		assert.Equal(t, "bert", info.Family)
		assert.Equal(t, name, info.Name)
		code, stdout, stderr = rhumb(t, "", "embed", "--model", model, "summer")
		require.Zero(t, code, stderr)
		answers = append(answers, stdout)
	}
	assert.Equal(t, answers[0], answers[1])
	code, _, stderr := rhumb(t, "", "info", "--model", "ollama:none")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "ollama:none: not in the cache")
}
