package tokenizer

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAddedTokens compares tokenizers with added tokens of white space, and ones
// that take it, with the reference.
func TestAddedTokens(t *testing.T) {
	var all []struct {
		Name  string
		File  json.RawMessage
		Cases []struct {
			Text     string
			IDs      []int32
			IDsPlain []int32 `json:"ids_plain"`
		}
	}
	require.NoError(t, json.Unmarshal(gunzip(t, "added.json.gz"), &all))
	require.Greater(t, len(all), 20)
	var t5 struct {
		Normalizer struct {
			Charsmap string `json:"precompiled_charsmap"`
		}
	}
	require.NoError(t, json.Unmarshal(gunzip(t, "t5-small/tokenizer.json.gz"), &t5))
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			file := strings.Replace(string(c.File), "CHARSMAP OF t5-small", t5.Normalizer.Charsmap, 1)
			tok, err := Parse([]byte(file))
			require.NoError(t, err)
			for _, c := range c.Cases {
				sameIDs(t, c.IDs, encode(t, tok, c.Text, Options{}), "%q", c.Text)
				sameIDs(t, c.IDsPlain, encode(t, tok, c.Text, Options{NoSpecial: true}), "%q, no special tokens", c.Text)
				e, err := tok.EncodeOffsets(c.Text, Options{NoSpecial: true})
				require.NoError(t, err)
				sameIDs(t, c.IDsPlain, e.IDs, "%q, with offsets", c.Text)
			}
		})
	}
}

// Where the reference panics the token that has nothing left is none.
func TestNothingLeftOfToken(t *testing.T) {
	tok, err := Parse([]byte(wordPieceFile(`"added_tokens":[
		{"id":8,"content":"[A]","single_word":false,"lstrip":false,"rstrip":true,"normalized":false,"special":false},
		{"id":9,"content":"\n","single_word":false,"lstrip":true,"rstrip":false,"normalized":false,"special":false}]`)))
	require.NoError(t, err)
	for text, want := range map[string][]int32{"[A]\n\n\na": {8, 3}, "\n\na": {9, 9, 3}, "[A] \n": {8}, "a \n[A]\n": {3, 9, 8}} {
		assert.Equal(t, want, encode(t, tok, text, Options{}), "%q", text)
	}
}
