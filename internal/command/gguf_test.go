package command

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ggufFile = "../../testdata/gguf/bert.gguf"

// ollamaStore makes a store of Ollama's with that file as the model small.
func ollamaStore(t *testing.T, data []byte) {
	t.Helper()
	store := t.TempDir()
	t.Setenv("OLLAMA_MODELS", store)
	blob := strings.Repeat("0a", 32)
	for name, content := range map[string]string{
		"blobs/sha256-" + blob:                              string(data),
		"manifests/registry.ollama.ai/library/small/latest": `{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:` + blob + `"}]}`,
	} {
		path := filepath.Join(store, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
}

// A GGUF file is a model by its path, and by its name in Ollama's store.
func TestGGUFModel(t *testing.T) {
	data, err := os.ReadFile(ggufFile)
	require.NoError(t, err)
	ollamaStore(t, data)
	var answers []string
	for model, name := range map[string]string{ggufFile: "bert", "ollama:small": "ollama:small"} {
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

// They are served under the names that Ollama's clients ask for.
func TestServeGGUF(t *testing.T) {
	needSignals(t)
	data, err := os.ReadFile(ggufFile)
	require.NoError(t, err)
	ollamaStore(t, data)
	s := serve(t, "--model", ggufFile, "--model", "ollama:small:latest")
	models := s.get(t, "/v1/models")
	for _, name := range []string{"bert", "small"} {
		assert.Contains(t, models, `"id":"`+name+`"`)
		resp, err := s.client.Post(s.url+"/api/embed", "", strings.NewReader(`{"model":"`+name+`:latest","input":"summer"}`))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, 200, resp.StatusCode, name)
		resp, err = s.client.Post(s.url+"/api/show", "", strings.NewReader(`{"model":"`+name+`"}`))
		require.NoError(t, err)
		shown, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		assert.Contains(t, string(shown), `"format":"gguf"`, name)
	}
	s.end(t, syscall.SIGTERM)
}
