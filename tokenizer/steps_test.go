package tokenizer

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSteps compares each step by itself with what the reference makes of it.
func TestSteps(t *testing.T) {
	data := gunzip(t, "steps.json.gz")
	type step struct{ File, Want json.RawMessage }
	var all struct {
		Texts, Words  []string
		IDs           [][]int32
		Normalizers   []step
		PreTokenizers []step `json:"pre_tokenizers"`
		Models        []step
		Decoders      []step
	}
	require.NoError(t, json.Unmarshal(data, &all))
	each := func(name string, steps []step, compare func(t *testing.T, tok *Tokenizer, want json.RawMessage)) {
		for _, s := range steps {
			t.Run(name, func(t *testing.T) {
				tok, err := Parse(s.File)
				require.NoError(t, err, "%s", s.File)
				compare(t, tok, s.Want)
				if t.Failed() {
					t.Logf("%s", s.File)
				}
			})
		}
	}
	each("normalizer", all.Normalizers, func(t *testing.T, tok *Tokenizer, data json.RawMessage) {
		var want []string
		require.NoError(t, json.Unmarshal(data, &want))
		for i, text := range all.Texts {
			assert.Equal(t, want[i], string(tok.normalize([]byte(text), &scratch{})), "%q", text)
		}
	})
	each("pre-tokenizer", all.PreTokenizers, func(t *testing.T, tok *Tokenizer, data json.RawMessage) {
		var want [][]string
		require.NoError(t, json.Unmarshal(data, &want))
		for i, text := range all.Texts {
			words := []string{}
			if text != "" {
				words = append(words, splitWords(tok, text)...)
			}
			assert.Equal(t, want[i], words, "%q", text)
		}
	})
	each("model", all.Models, func(t *testing.T, tok *Tokenizer, data json.RawMessage) {
		var want [][]int32
		require.NoError(t, json.Unmarshal(data, &want))
		for i, text := range slices.Concat(all.Words, all.Texts)[:len(want)] {
			if want[i] == nil { // the reference has an error
				_, err := tok.Encode(text, Options{})
				assert.EqualError(t, err, "a character that is no piece, and the model has no unk_id", "%q", text)
				continue
			}
			sameIDs(t, want[i], encode(t, tok, text, Options{}), "%q", text)
		}
	})
	each("decoder", all.Decoders, func(t *testing.T, tok *Tokenizer, data json.RawMessage) {
		var want []string
		require.NoError(t, json.Unmarshal(data, &want))
		for i, ids := range all.IDs {
			text, err := tok.Decode(ids, DecodeOptions{})
			require.NoError(t, err)
			assert.Equal(t, want[i], text, "%v", ids)
		}
	})
}
