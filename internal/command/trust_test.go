package command

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Info says which code of a folder was taken for what its model_type computes.
func TestInfoNamesTrustedCode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "coded")
	require.NoError(t, os.CopyFS(dir, os.DirFS(tiny)))
	path := filepath.Join(dir, "config.json")
	config, err := os.ReadFile(path)
	require.NoError(t, err)
	config = bytes.Replace(config, []byte("{"), []byte(`{"auto_map": {"AutoModel": "modeling_bird.BirdModel"},`), 1)
	require.NoError(t, os.WriteFile(path, config, 0o600))

	code, _, stderr := rhumb(t, "", "info", "--model", dir)
	assert.NotZero(t, code)
	assert.Contains(t, stderr, "--trust-model-type")
	code, stdout, stderr := rhumb(t, "", "info", "--model", dir, "--trust-model-type")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "trusted code   modeling_bird.BirdModel, on your word, for what bert computes without it\n")
	code, stdout, stderr = rhumb(t, "", "info", "--model", dir, "--trust-model-type", "--json")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, `"modeling_bird.BirdModel"`)
}
