package embedhttp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseKeys(t *testing.T) {
	for content, want := range map[string][]Key{
		"sesame\n  spaced  \n\n# comment\nkey with space\r\n": {{Key: "sesame"}, {Key: "spaced"}, {Key: "key with space"}},
		"\ufeff# comment\r\n\r\nschlüssel#1":                  {{Key: "schlüssel#1"}},
		"a b\tname=team-a  concurrent=8 tokens-per-minute=1000000 \nc==": {
			{"a b", "team-a", Limits{1000000, 8}}, {Key: "c=="}},
		"a name=a=b\na name=a=b": {{Key: "a", Name: "a=b"}, {Key: "a", Name: "a=b"}},
	} {
		keys, err := ParseKeys([]byte(content))
		require.NoError(t, err, "%q", content)
		assert.Equal(t, want, keys)
		require.NoError(t, new(Keys).SetLimited(keys))
	}
	for content, want := range map[string]string{
		"":                                "no API keys, expected one a line",
		"# a\n":                           "no API keys, expected one a line",
		"a\nsecret\x00":                   "line 2: a character that no request can send, expected text in UTF-8",
		"\n\nsecret concurent=8":          `line 3: unknown setting "concurent" behind a key, expected name=, tokens-per-minute= or concurrent=`,
		"secret concurrent=8 x":           `line 1: unknown setting "x" behind a key, expected name=, tokens-per-minute= or concurrent=`,
		"secret concurrent=0":             `line 1: concurrent is "0", expected a whole number, 1 or more`,
		"secret concurrent=-1":            "line 1: -1 requests at the same time, expected 0 or more",
		"secret concurrent=1.5":           `line 1: concurrent is "1.5", expected a whole number, 1 or more`,
		"secret tokens-per-minute=1e6":    `line 1: tokens-per-minute is "1e6", expected a whole number, 1 or more`,
		"secret tokens-per-minute=":       `line 1: tokens-per-minute is "", expected a whole number, 1 or more`,
		"secret name=":                    `line 1: name is "", expected a name`,
		"secret name=a name=a":            "line 1: name is there twice",
		"name=a secret":                   "line 1: it begins with name=, expected the key before it",
		"secret\nb\nsecret name=a":        "line 3: one that is there already, with another name or limit, in line 1",
		"secret tokens-per-minute=9e9999": `line 1: tokens-per-minute is "9e9999", expected a whole number, 1 or more`,
	} {
		_, err := ParseKeys([]byte(content))
		assert.EqualError(t, err, want, "%q", content)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("a name=b tokens-per-minute=1 concurrent=2\n#\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, err := ParseKeys(content)
		if err == nil {
			require.NoError(t, new(Keys).SetLimited(keys), "what a file may say may be set")
		}
	})
}
