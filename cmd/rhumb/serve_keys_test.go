package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadKeys(t *testing.T) {
	for content, want := range map[string][]string{
		"sesame\n  spaced  \n\n# comment\nkey with space\r\n": {"sesame", "spaced", "key with space"},
		"\ufeffsesame\n \t# all\n#":                           {"sesame"},
		"\ufeff# comment\r\n\r\nschlüssel#1":                  {"schlüssel#1"},
	} {
		keys, err := readKeys(t.Context(), write(t, "keys.txt", content))
		require.NoError(t, err, "%q", content)
		assert.Equal(t, want, keys)
	}
	for content, want := range map[string]string{
		"":                           "keys.txt: no API keys",
		"# only\n# comments\n":       "keys.txt: no API keys",
		"a\nb\x00\n":                 "keys.txt: line 2: a character",
		"\xff\xfea\x00\n\x00":        "keys.txt: line 1: a character",
		"a\n\xe9\n":                  "keys.txt: line 2: a character",
		strings.Repeat("a\n", 1<<20): "keys.txt: more than 1048576 bytes",
	} {
		_, err := readKeys(t.Context(), write(t, "keys.txt", content))
		assert.ErrorContains(t, err, want, "%.20q", content)
	}
}
