package command

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Inputs in other charsets have the embeddings of their texts.
func TestInputCharset(t *testing.T) {
	code, want, stderr := rhumb(t, "", "embed", "--model", tiny, "café")
	require.Zero(t, code, stderr)
	for _, test := range []struct{ name, content, set string }{
		{"in.txt", "caf\xe9\n", "latin1"},
		{"in.csv", "text\ncaf\xe9\n", "windows-1252"},
		{"in.txt", "c\x00a\x00f\x00\xe9\x00\n\x00", "utf-16le"},
		{"in.txt", "\xfe\xff\x00c\x00a\x00f\x00\xe9\x00\n", "utf-16"},
		{"in.jsonl", "\"caf\xa8\xa6\"\n", "gb18030"},
	} {
		in := write(t, test.name, test.content)
		code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--input", in, "--input-charset", test.set)
		require.Zero(t, code, stderr)
		assert.Equal(t, want, stdout)
		code, _, stderr = rhumb(t, "", "batch", "--model", tiny, in, in+".out.jsonl", "--input-charset", test.set)
		require.Zero(t, code, stderr)
		got, err := os.ReadFile(in + ".out.jsonl")
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	code, stdout, stderr := rhumb(t, "caf\xe9", "embed", "--model", tiny, "--input-charset", "latin1")
	require.Zero(t, code, stderr)
	assert.Equal(t, want, stdout)

	for args, message := range map[string]string{
		"embed --input-charset klingon":                    `input charset "klingon": not known`,
		"batch in.txt out.jsonl --input-charset klingon":   `input charset "klingon": not known`,
		"embed --input-charset latin1 summer":              "--input-charset: give one of them",
		"search --corpus - --input-charset klingon summer": `input charset "klingon": not known`,
	} {
		code, _, stderr := rhumb(t, "", append(strings.Fields(args), "--model", tiny)...)
		assert.Equal(t, 2, code)
		assert.Contains(t, stderr, message)
	}
}
