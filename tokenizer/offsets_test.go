package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pythonOffsets returns spans as the reference's Python API gives them: counted in
// code points, of which a maximal part of one is one. A place inside of a code
// point is its start.
func pythonOffsets(text string, spans []Span) [][2]int {
	var places []int // in code points, of each byte
	count := 0
	for i := 0; i < len(text); count++ {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			n = subpartLen(text[i:])
		}
		for range n {
			places = append(places, count)
		}
		i += n
	}
	places = append(places, count)
	out := [][2]int{}
	for _, s := range spans {
		out = append(out, [2]int{places[s.Start], places[s.End]})
	}
	return out
}

func TestReferenceOffsets(t *testing.T) {
	for _, name := range referenceNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok := reference(t, name)
			for i, c := range referenceCases(t, name) {
				e, err := tok.EncodeOffsets(c.Text, Options{NoSpecial: true})
				require.NoError(t, err)
				sameIDs(t, c.IDs, e.IDs, "case %d, %q", i, c.Text)
				assert.Equal(t, c.Offsets, pythonOffsets(c.Text, e.Offsets), "case %d, %q", i, c.Text)
			}
		})
	}
}

// TestOffsets compares with what testdata/generate_offsets.py wrote: offsets.json.gz
// of it, or the file that RHUMB_OFFSETS_CASES names.
func TestOffsets(t *testing.T) {
	var lines *bufio.Scanner
	if path := os.Getenv("RHUMB_OFFSETS_CASES"); path != "" {
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		lines = bufio.NewScanner(f)
	} else {
		lines = bufio.NewScanner(bytes.NewReader(gunzip(t, "offsets.json.gz")))
	}
	lines.Buffer(nil, 1<<24)
	compared, unread, bad := 0, 0, 0
	for bad < 10 && lines.Scan() {
		var c struct {
			File  json.RawMessage
			Cases []offsetsCase
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		tok, err := Parse(c.File)
		if err != nil { // a pipeline drawn by chance may be one that Parse refuses
			t.Logf("%v", err)
			unread++
			continue
		}
		for _, want := range c.Cases {
			compared++
			e, err := tok.EncodeOffsets(want.text, want.options)
			if !assert.NoError(t, err) || !sameIDs(t, want.ids, e.IDs, "%q %+v", want.text, want.options) ||
				!assert.Equal(t, want.offsets, pythonOffsets(want.text, e.Offsets), "%q %+v", want.text, want.options) {
				t.Logf("%s", c.File)
				bad++
				break
			}
		}
	}
	require.NoError(t, lines.Err())
	t.Logf("%d texts, %d files not read", compared, unread)
	assert.Greater(t, compared, 1000)
	assert.Less(t, 20*unread, compared)
}

// An offsetsCase is [text, special, limit, left, ids, offsets] in the file.
type offsetsCase struct {
	text    string
	options Options
	ids     []int32
	offsets [][2]int
}

func (c *offsetsCase) UnmarshalJSON(data []byte) error {
	var special, left bool
	var flat []int
	if err := json.Unmarshal(data, &[]any{&c.text, &special, &c.options.MaxTokens, &left, &c.ids, &flat}); err != nil {
		return err
	}
	c.options.NoSpecial = !special
	if left {
		c.options.Truncate = TruncateStart
	}
	c.offsets = [][2]int{}
	for i := 0; i < len(flat); i += 2 {
		c.offsets = append(c.offsets, [2]int{flat[i], flat[i+1]})
	}
	return nil
}

// FuzzEncodeOffsets checks for what holds without a reference.
func FuzzEncodeOffsets(f *testing.F) {
	for _, text := range []string{"", "a\xff\xe6\x97b", "\xf0\x9f\x98", " é ☃\u0301\ufdfa<mask>  [SEP]\xc3", "\u1100\u1161\u11a8 \u00a0x"} {
		f.Add(text, 0, 0)
		f.Add(text, 5, 1)
	}
	f.Fuzz(func(t *testing.T, text string, limit, prefix int) {
		for _, name := range []string{"bert-base-uncased", "roberta-base", "mistral-v1", "t5-small", "modernbert"} {
			tok := reference(t, name)
			for _, o := range []Options{
				{}, {NoSpecial: true}, {MaxTokens: limit, Prefix: prefix}, {MaxTokens: limit, Prefix: prefix, Truncate: TruncateStart},
				{MaxTokens: limit, Truncate: TruncateNone, NoSpecial: true},
			} {
				want, wantErr := tok.Encode(text, o)
				got, err := tok.EncodeOffsets(text, o)
				require.Equal(t, wantErr, err)
				sameIDs(t, want.IDs, got.IDs)
				require.Equal(t, want.Truncated, got.Truncated)
				require.Len(t, got.Offsets, len(got.IDs))
				for _, s := range got.Offsets {
					require.True(t, 0 <= s.Start && s.Start <= s.End && s.End <= len(text), "%v", s)
					// A span cuts no character: what is not UTF-8 is as bad inside of it.
					part := string(appendUTF8(nil, text[s.Start:s.End]))
					whole := string(appendUTF8(nil, text[:s.Start])) + part + string(appendUTF8(nil, text[s.End:]))
					require.Equal(t, string(appendUTF8(nil, text)), whole)
				}
			}
		}
	})
}
