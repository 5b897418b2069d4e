package tokenizer

import (
	"encoding/json"
	"os"
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

// A piece that is taken literally is found as it is spelled, whatever the normalizer does,
// and the tokenizer that it came of stays as it was.
func TestLiteral(t *testing.T) {
	tok, err := LoadFS(os.DirFS("../testdata/heads/mv-pylate/model"))
	require.NoError(t, err)
	id, ok := tok.ID("[Q] ")
	require.True(t, ok)
	encode := func(tok *Tokenizer, text string) []int32 {
		e, err := tok.Encode(text, Options{NoSpecial: true})
		require.NoError(t, err)
		return e.IDs
	}
	plain := encode(tok, "[Q] river [q] river")
	literal := tok.Literal("[Q] ")
	river := encode(literal, "river [q] river")
	require.NotContains(t, river, id)
	require.Equal(t, append([]int32{id}, river...), encode(literal, "[Q] river [q] river"))
	require.True(t, literal.Special(id))
	require.Equal(t, plain, encode(tok, "[Q] river [q] river"))

	piece := "passage"
	word, ok := tok.ID(piece)
	require.True(t, ok)
	require.Equal(t, []int32{word}, encode(tok.Literal(piece), piece))
	require.Same(t, tok, tok.Literal("no such piece"))
	require.Same(t, tok, tok.Literal(""))
}
