package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

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
	texts, bad := map[string]int{}, 0
	for bad < 10 && lines.Scan() {
		var c struct {
			Name, Text, Decoded, Special string
			IDs, Some                    []int32
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		tok := reference(t, c.Name)
		ok := sameIDs(t, c.IDs, encode(t, tok, c.Text, Options{}), "%s: %q", c.Name, c.Text)
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
	t.Logf("texts compared: %v", texts)
}
