package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// A file of a job, wherever it is, says what made it.
func TestInfoOfFile(t *testing.T) {
	in := write(t, "in.txt", "a\nb\n")
	out := in + ".parquet"
	code, _, stderr := rhumb(t, "", "batch", "--model", tiny, in, out, "--prompt", "query: ", "--dimensions", "8", "--encoding", "int8,float")
	require.Zero(t, code, stderr)
	moved := filepath.Join(t.TempDir(), "moved.bin")
	require.NoError(t, os.Rename(out, moved))
	code, stdout, stderr := rhumb(t, "", "info", "--json", moved)
	require.Zero(t, code, stderr)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	print, err := embed.Fingerprint(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	info, err := embed.Inspect(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"model": info.Name, "fingerprint": print, "prompt": "query: ", "dimensions": 8.0, "encodings": []any{"int8", "float"}, "rows": 2.0,
	}, got)
	code, stdout, _ = rhumb(t, "", "info", moved)
	assert.Zero(t, code)
	assert.Regexp(t, `(?m)^prompt +"query: "$`, stdout)
	assert.Regexp(t, `(?m)^rows +2$`, stdout)

	// embed's says the same, and so does the record of any other output of batch.
	embedded := filepath.Join(t.TempDir(), "out.parquet")
	code, _, stderr = rhumb(t, "", "embed", "--model", tiny, "--input", in, "--output", embedded, "--prompt", "query: ", "--dimensions", "8", "--encoding", "int8,float")
	require.Zero(t, code, stderr)
	code, want, _ := rhumb(t, "", "info", "--json", moved)
	require.Zero(t, code)
	code, stdout, stderr = rhumb(t, "", "info", "--json", embedded)
	require.Zero(t, code, stderr)
	assert.Equal(t, want, stdout)
	for _, keep := range []string{"--keep-job=false", "--keep-job"} {
		dir := t.TempDir()
		out := filepath.Join(dir, "out.npy")
		code, _, stderr = rhumb(t, "", "batch", "--model", tiny, in, out, "--prompt", "query: ", "--dimensions", "8", "--encoding", "int8", keep)
		require.Zero(t, code, stderr)
		code, stdout, stderr = rhumb(t, "", "info", "--json", out)
		require.Zero(t, code, stderr)
		got["encodings"] = []any{"int8"}
		var of map[string]any
		require.NoError(t, json.Unmarshal([]byte(stdout), &of))
		assert.Equal(t, got, of)
		require.NoError(t, os.WriteFile(out, []byte("another"), 0o666))
		code, _, stderr = rhumb(t, "", "info", out)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "does not say what made it")
	}

	for name, content := range map[string]string{"a.npy": "\x93NUMPY", "b.parquet": "PAR1", "c": "", "d.parquet": "PAR1\xff\xff\xff\xffPAR1"} {
		code, _, stderr := rhumb(t, "", "info", write(t, name, content))
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, name+": ")
	}
}
