package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

func TestReadKeys(t *testing.T) {
	keys, err := readKeys(t.Context(), write(t, "keys.txt", "sesame name=team-a\n"))
	require.NoError(t, err)
	assert.Equal(t, []embedhttp.Key{{Key: "sesame", Name: "team-a"}}, keys)
	for content, want := range map[string]string{
		"":                           "keys.txt: no API keys",
		"# only\n# comments\n":       "keys.txt: no API keys",
		"a\nb\x00\n":                 "keys.txt: line 2: a character",
		"a\nb concurent=8\n":         "keys.txt: line 2: unknown setting \"concurent\"",
		strings.Repeat("a\n", 1<<20): "keys.txt: more than 1048576 bytes",
	} {
		_, err := readKeys(t.Context(), write(t, "keys.txt", content))
		assert.ErrorContains(t, err, want, "%.20q", content)
	}
}
