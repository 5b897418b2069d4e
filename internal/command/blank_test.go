package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Blank lines of text are passed over; what counts rows counts them, so that it leads
// to the line of the file.
func TestBlankLines(t *testing.T) {
	model, err := filepath.Abs(tiny)
	require.NoError(t, err)
	t.Setenv("RHUMB_MODEL", model)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("in.txt", []byte("one\n\n  \ntwo\n\n"), 0o666))

	code, stdout, stderr := rhumb(t, "", "embed", "--input", "in.txt")
	require.Zero(t, code, stderr)
	code, batched, stderr := rhumb(t, "", "batch", "in.txt", "out.jsonl", "--chunk", "1")
	require.Zero(t, code, stderr)
	assert.Equal(t, "out.jsonl: 2 rows\n", batched)
	data, err := os.ReadFile("out.jsonl")
	require.NoError(t, err)
	assert.Equal(t, stdout, string(data))
	for i, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		assert.True(t, strings.HasPrefix(line, fmt.Sprintf(`{"index":%d,`, 3*i)), line)
	}

	code, stdout, stderr = rhumb(t, "", "search", "--corpus", "in.txt", "two")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, `{"index":3,"score":`)
	assert.Equal(t, 1, strings.Count(stdout, `"index":3`))

	for _, args := range []string{"embed --input in.txt", "batch in.txt kept.jsonl", "search --corpus in.txt two"} {
		code, _, stderr := rhumb(t, "", append(strings.Fields(args), "--keep-blank")...)
		assert.Equal(t, 1, code, args)
		assert.Contains(t, stderr, "in.txt:2: empty text", args)
	}
	code, _, _ = rhumb(t, "", "batch", "in.txt", "skipped.jsonl", "--keep-blank", "--on-error", "skip")
	assert.Equal(t, 1, code)
	data, err = os.ReadFile("skipped.jsonl")
	require.NoError(t, err)
	assert.Contains(t, string(data), `{"index":1,"error":"empty text"}`)
}
