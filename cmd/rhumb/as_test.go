package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A folder is what it says, unless --as overrules that.
func TestAs(t *testing.T) {
	const golden = "../../testdata/heads/logit-qwen3/model"
	g := readCross(t, golden)
	plain := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"} {
		data, err := os.ReadFile(filepath.Join(golden, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(plain, name), data, 0o666))
	}
	args := append([]string{"rerank", "--sort=false", "--query", g.Queries[0], "--model", plain}, g.Documents[:3]...)
	code, stdout, stderr := rhumb(t, "", args...)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "an embedding model, expected a reranker or a classifier; rhumb embed serves it, and rhumb rerank --as rerank")
	code, stdout, stderr = rhumb(t, "", append(args, "--as", "rerank")...)
	require.Equal(t, 0, code, stderr)
	for i, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var got struct{ Score float32 }
		require.NoError(t, json.Unmarshal([]byte(line), &got))
		assert.InDelta(t, g.answers["scores"][i], got.Score, crossTolerance)
	}
	code, _, stderr = rhumb(t, "", append(args, "--as", "embedding")...)
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--as")
	code, _, stderr = rhumb(t, "", "rerank", "--query", "q", "summer", "--as", "rerank", "--model", tiny)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "an embedding model, expected a reranker or a classifier")
}
