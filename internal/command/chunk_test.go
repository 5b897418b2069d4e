package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChunk(t *testing.T) {
	text := "The food was good. We came again.\r\n\r\nThe wine was not."
	file := write(t, "book.rst", text)
	lines := write(t, "texts.jsonl", `{"text": "one two three", "id": 7}`)
	code, stdout, stderr := rhumb(t, "", "chunk", "--max-tokens", "8", file, lines)
	require.Zero(t, code, stderr)
	type line struct {
		Index, Chunk, ID, Start, End, Tokens int
		Text                                 string
	}
	var got []line
	for s := range strings.Lines(stdout) {
		var l line
		require.NoError(t, json.Unmarshal([]byte(s), &l))
		got = append(got, l)
	}
	assert.Equal(t, []line{
		{0, 0, 0, 0, 19, 7, "The food was good. "},
		{0, 1, 0, 19, 37, 6, "We came again.\r\n\r\n"},
		{0, 2, 0, 37, 54, 7, "The wine was not."},
		{1, 0, 7, 0, 13, 5, "one two three"},
	}, got)

	code, stdin, stderr := rhumb(t, text, "chunk", "--max-tokens", "8")
	require.Zero(t, code, stderr)
	assert.True(t, strings.HasPrefix(stdout, stdin), "standard input is one text, too")

	for _, tt := range []struct {
		code int
		want string
		args []string
	}{
		{2, "--max-tokens 9999: the model reads 256", []string{"--max-tokens", "9999"}},
		{2, "--max-tokens 0: must be 1 or more", []string{"--max-tokens", "0"}},
		{1, "overlap of 9 tokens, expected 0 to 5", []string{"--max-tokens", "8", "--overlap", "9"}},
		{1, "prompt name", []string{"--prompt-name", "none"}},
	} {
		code, stdout, stderr := rhumb(t, text, append([]string{"chunk"}, tt.args...)...)
		assert.Equal(t, tt.code, code)
		assert.Contains(t, stderr, tt.want)
		assert.Empty(t, stdout)
	}
}
