package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRandomReference compares with the file that testdata/generate_random.py wrote.
func TestRandomReference(t *testing.T) {
	path := os.Getenv("RHUMB_TOKENIZER_CASES")
	if path == "" {
		t.Skip("no RHUMB_TOKENIZER_CASES: a file of testdata/generate_random.py")
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	texts, bad, small, refused := map[string]int{}, 0, map[string]*Tokenizer{}, 0
	for bad < 10 && lines.Scan() {
		var c struct {
			Name, Text, Decoded, Special string
			IDs, Some                    []int32
			File                         json.RawMessage
			Offsets                      [][2]int
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		if c.File != nil {
			small[c.Name], err = Parse(c.File)
			if err != nil && mayBeRefused(err) {
				refused++
			} else {
				require.NoError(t, err, "%s", c.File)
			}
			continue
		}
		if tok, ok := small[c.Name]; ok && tok == nil {
			continue
		}
		tok := small[c.Name]
		if tok == nil {
			tok = reference(t, c.Name)
		}
		if c.IDs == nil {
			_, err := tok.Encode(c.Text, Options{})
			require.ErrorIs(t, err, errNoUnknown, "%s: %q", c.Name, c.Text)
			texts[c.Name]++
			continue
		}
		ok := sameIDs(t, c.IDs, encode(t, tok, c.Text, Options{}), "%s: %q", c.Name, c.Text)
		e, err := tok.EncodeOffsets(c.Text, Options{})
		ok = assert.NoError(t, err) && sameIDs(t, c.IDs, e.IDs, "%s: %q", c.Name, c.Text) &&
			(beyond(c.Text, c.Offsets) || assert.Equal(t, c.Offsets, pythonOffsets(c.Text, e.Offsets), "%s: %q", c.Name, c.Text)) && ok
		for _, o := range []DecodeOptions{{}, {KeepSpecial: true}} {
			want := map[bool]string{false: c.Decoded, true: c.Special}[o.KeepSpecial]
			text, err := tok.Decode(c.Some, o)
			ok = assert.NoError(t, err) && assert.Equal(t, want, text, "%s: %v", c.Name, c.Some) && ok
		}
		if !ok {
			bad++
		}
		texts[c.Name]++
	}
	require.NoError(t, lines.Err())
	t.Logf("texts compared: %v; files refused: %d of %d small ones", texts, refused, len(small))
}

// beyond reports whether one of the reference's offsets lies beyond the text's
// end, as after a Replace of nothing there.
func beyond(text string, offsets [][2]int) bool {
	end := utf8.RuneCountInString(text)
	return slices.ContainsFunc(offsets, func(o [2]int) bool { return o[1] > end })
}

// mayBeRefused reports whether an error is that of a step that is known not to be supported.
func mayBeRefused(err error) bool {
	return strings.Contains(err.Error(), ": not supported")
}
