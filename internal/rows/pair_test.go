package rows

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A list of two strings is a pair where pairs are asked for, by itself or as the text of
// an object, and never else.
func TestPairs(t *testing.T) {
	second := "b"
	for _, c := range []struct {
		line, want string // want is part of the error, "" for none
		in         Input
	}{
		{`["a", "b"]`, "", Input{Text: "a", Pair: &second}},
		{"[\t\"a\",\"b\"]", "", Input{Text: "a", Pair: &second}},
		{`{"id": 7, "text": ["a", "b"]}`, "", Input{ID: []byte("7"), Text: "a", Pair: &second}},
		{`"a"`, "", Input{Text: "a"}},
		{`[1, 2]`, "", Input{IDs: []int32{1, 2}}},
		{`[]`, "", Input{IDs: []int32{}}},
		{`["a"]`, "a list of 1, expected two strings, a pair of texts", Input{}},
		{`["a", "b", "c"]`, "a list of 3", Input{}},
		{`["a", null]`, "a list of 2, expected two strings", Input{}},
		{`["a", 1]`, "number: expected a string", Input{}},
		{`[1, "a"]`, "expected a token id", Input{}},
		{`["a", "b"`, "JSON: ", Input{}},
		{`{"text": ["a"]}`, `"text": a list of 1`, Input{}},
		{`{"text": [1, 2]}`, `"text": expected a string`, Input{}},
		{`{"text": []}`, `"text": expected a string`, Input{}},
	} {
		for _, pairs := range []bool{true, false} {
			s, err := Read(t.Context(), strings.NewReader(c.line), "stdin", io.NopCloser(nil), Reader{Format: "jsonl", Field: "text", Pairs: pairs})
			require.NoError(t, err)
			in, err := s.Next()
			switch {
			case !pairs && strings.Contains(c.line, `"b"`):
				require.Error(t, err, c.line)
			case c.want == "":
				require.NoError(t, err, c.line)
				c.in.File, c.in.Line = "stdin", 1
				assert.Equal(t, c.in, in)
			case pairs:
				require.ErrorContains(t, err, c.want)
			default:
				require.Error(t, err)
			}
		}
	}
}
