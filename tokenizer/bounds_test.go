package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// Steps that would make a text longer without end, or that take for ever, are errors
// that say so.
func TestBounds(t *testing.T) {
	list := func(step string, n int) string { return strings.TrimSuffix(strings.Repeat(step+",", n), ",") }
	normalizers := func(step string, n int) string {
		return `"normalizer":{"type":"Sequence","normalizers":[` + list(step, n) + `]}`
	}
	preTokenizers := func(step string, n int) string {
		return `"pre_tokenizer":{"type":"Sequence","pretokenizers":[` + list(step, n) + `]}`
	}
	split := func(expression string) string {
		return preTokenizers(fmt.Sprintf(`{"type":"Split","pattern":{"Regex":%q},"behavior":"Isolated","invert":false}`, expression), 1)
	}
	const grows = "normalizer and pre-tokenizer add more than"
	for name, c := range map[string]struct{ sections, text, want string }{
		"replace a string": {normalizers(`{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"}`, 9), "a", grows},
		// few matches that add much: a million of them take longer than an emulated CPU may
		"replace by a pattern": {normalizers(`{"type":"Replace","pattern":{"Regex":"a|b"},"content":"`+strings.Repeat("a", 1200)+`"}`, 9), "a", grows},
		"a long replacement":   {normalizers(`{"type":"Replace","pattern":{"String":"a"},"content":"`+strings.Repeat("b", 100_000)+`"}`, 1), strings.Repeat("a", 64_000), grows},
		"replace nothing":      {normalizers(`{"type":"Replace","pattern":{"String":""},"content":"`+strings.Repeat("a", 1200)+`"}`, 9), "a", grows},
		"prepend": {`"added_tokens":[{"id":0,"content":"X","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}],` +
			normalizers(`{"type":"Prepend","prepend":"`+strings.Repeat("b", 100_000)+`"}`, 1), strings.Repeat("aX", 32_000), grows},
		"normalize to bytes":     {normalizers(`{"type":"ByteLevel"}`, 60), "é", grows},
		"split to bytes":         {preTokenizers(`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}`, 60), "é", grows},
		"nested quantifiers":     {split(`(?:a+a+)+b`), strings.Repeat("a", 32) + "!", `regular expression "(?:a+a+)+b" takes too long for a text of 33 bytes`},
		"quantifiers in a row":   {split(`a*a*a*a*b`), strings.Repeat("a", 4000), `regular expression "a*a*a*a*b" takes too long`},
		"replace by such":        {normalizers(`{"type":"Replace","pattern":{"Regex":"(?:a+a+)+b"},"content":""}`, 1), strings.Repeat("a", 32), "takes too long"},
		"of many words each":     {preTokenizers(`{"type":"Split","pattern":{"String":"!"},"behavior":"Isolated","invert":false},{"type":"Split","pattern":{"Regex":"(?:a+a+)+b"},"behavior":"Isolated","invert":false}`, 1), strings.Repeat(strings.Repeat("a", 22)+"!", 2000), "takes too long"},
		"nothing out of measure": {normalizers(`{"type":"NFKD"},{"type":"ByteLevel"}`, 1), strings.Repeat("\uFDFA", 64_000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := Parse([]byte(wordPieceFile(c.sections)))
			require.NoError(t, err)
			start := time.Now()
			_, err = tok.Encode(c.text, Options{})
			_, traced := tok.EncodeOffsets(c.text, Options{})
			if took := time.Since(start); c.want == "" {
				require.NoError(t, err)
				require.NoError(t, traced)
			} else {
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, traced, c.want)
				assert.Less(t, took, 20*time.Second)
			}
			_, err = tok.Encode("", Options{}) // the error is that text's alone
			require.NoError(t, err)
		})
	}
}

// What decoders add has a bound, too.
func TestDecodeBounds(t *testing.T) {
	for _, step := range []string{`{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"}`, `{"type":"BPEDecoder","suffix":""}`} {
		steps := strings.TrimSuffix(strings.Repeat(step+",", 40), ",")
		tok, err := Parse([]byte(wordPieceFile(`"decoder":{"type":"Sequence","decoders":[` + steps + `]}`)))
		require.NoError(t, err)
		_, err = tok.Decode([]int32{3, 5}, DecodeOptions{})
		assert.ErrorContains(t, err, "add more than", step)
	}
}

// An added token that no bound lets normalize is an error of the file; where only its
// lower case is one, of every text.
func TestBoundsOfAddedTokens(t *testing.T) {
	sections := func(content string) string {
		return `"added_tokens":[{"id":8,"content":"` + content + `","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false}],
			"normalizer":{"type":"Replace","pattern":{"Regex":"(?:a+a+)+b"},"content":""}`
	}
	_, err := Parse([]byte(wordPieceFile(sections(strings.Repeat("a", 32)))))
	require.ErrorContains(t, err, "added_tokens: regular expression")
	tok, err := Parse([]byte(wordPieceFile(sections(strings.Repeat("A", 32)))))
	require.NoError(t, err)
	_, err = tok.Lowercase().Encode("b", Options{})
	require.ErrorContains(t, err, "takes too long")
}

// A process that is not run, however long, has no expressions that take too long.
func TestMatchingWithoutAProcessor(t *testing.T) {
	if _, known := parallel.ProcessorTime(); !known {
		t.Skip("the time of processors is not known here")
	}
	var b bounds
	b.begin(500, nil)
	for _, b.matching = range []time.Duration{time.Second, time.Minute, time.Hour} {
		require.False(t, b.matched("a"))
	}
	for begin, now := b.ran, b.ran; now < begin+leastMatching/2+500*matchingByte/2; now, _ = parallel.ProcessorTime() {
		for x := range 1 << 16 {
			spun += x
		}
	}
	require.True(t, b.matched("a"))
	require.ErrorContains(t, b.err, `regular expression "a" takes too long for a text of 500 bytes`)
}

var spun int

// Done ends the work on a text, and leaves nothing behind.
func TestDone(t *testing.T) {
	tok := reference(t, "mistral-v1")
	text := repeat("antidisestablishmentarianism", 1<<24)
	want := encode(t, tok, "a word", Options{})
	closed := make(chan struct{})
	close(closed)
	_, err := tok.Encode("a word", Options{Done: closed})
	require.ErrorIs(t, err, errStopped)
	done := make(chan struct{})
	time.AfterFunc(20*time.Millisecond, func() { close(done) })
	start := time.Now()
	_, err = tok.Encode(text, Options{Done: done})
	require.ErrorIs(t, err, errStopped)
	assert.Less(t, time.Since(start), 5*time.Second)
	for range 3 {
		assert.Equal(t, want, encode(t, tok, "a word", Options{}))
	}
}

// An expression is refused, or read in time that grows with its length.
func TestLongExpressions(t *testing.T) {
	for _, expression := range []string{
		strings.Repeat("a", 100_000), strings.Repeat("a", mostExpression), "(?i:" + strings.Repeat("[a-z]", 3000) + ")",
		strings.Repeat(`\p{Han}`, 2300), "[" + strings.Repeat(`\p{L}`, 3200) + "]", "[" + strings.Repeat(`\p{L}&&`, 2300) + "a]",
		strings.Repeat(`\w`, 8000), strings.Repeat(`\b`, 8000), strings.Repeat(`[[:graph:]&&a]`, 1100),
		strings.Repeat("(?:", 120) + strings.Repeat("a", 10_000) + strings.Repeat(")++", 120),
	} {
		start := time.Now()
		_, err := compile(expression)
		assert.Less(t, time.Since(start), 3*time.Second, "%.20s: %v", expression, err)
	}
	_, err := compile(strings.Repeat("a", 100_000))
	assert.ErrorContains(t, err, "100000 bytes, expected at most 16384")
}

// A longSet finds the pieces that a look from each place finds.
func TestLongSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString([]string{"a", "a", "a", "é", "b"}[r.IntN(5)])
			if r.IntN(4) == 0 { // runs, so that pieces overlap
				b.WriteString(strings.Repeat("a", r.IntN(40)))
			}
		}
		return b.String()
	}
	for range 30 {
		text := word(4000)
		pieces := map[string]int32{}
		var set longSet
		for id := range int32(40) {
			start := r.IntN(2000)
			for text[start]&0xC0 == 0x80 {
				start++
			}
			end := start + r.IntN(700)
			for text[end]&0xC0 == 0x80 {
				end++
			}
			piece := text[start:end]
			if r.IntN(3) == 0 {
				piece = strings.Repeat("a", r.IntN(600))
			}
			if set.add(piece, id) {
				pieces[piece] = id
			} else {
				assert.LessOrEqual(t, len(piece), shortPiece)
			}
		}
		set.link()
		found := set.find(nil, []byte(text), &scratch{})
		for i := range text {
			var want, got []string
			for piece := range pieces {
				if strings.HasPrefix(text[i:], piece) {
					want = append(want, piece)
				}
			}
			for node := at(found, i); node > 0; node = set.shorter[node] {
				piece := text[i:][:set.sizes[node]]
				assert.Equal(t, pieces[piece], set.ids[node])
				assert.True(t, len(got) == 0 || len(piece) < len(got[len(got)-1]), "the longest first")
				got = append(got, piece)
			}
			require.ElementsMatch(t, want, got, "at %d", i)
		}
	}
}

// longPieceFiles are tokenizers with pieces longer than a text looks for at each place.
func longPieceFiles() map[string]string {
	long := strings.Repeat("a", 100_000)
	var ladder strings.Builder
	for n := 300; n < 600; n++ {
		fmt.Fprintf(&ladder, `,["%s",-1]`, long[:n])
	}
	return map[string]string{
		"added":      wordPieceFile(`"added_tokens":[{"id":8,"content":"` + long + `","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}]`),
		"normalized": wordPieceFile(`"added_tokens":[{"id":8,"content":"` + long + `","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false}]`),
		"WordPiece": strings.NewReplacer(`":100,`, `":1000000000,`, `"##b":7`, `"##b":7,"##`+long+`":8,"`+long+`":9,"##`+long[:300]+`b":10`).
			Replace(wordPieceFile("")),
		"Unigram": `{"version":"1.0","model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-2],["b",-2],["` + long + `",-3]` + ladder.String() + `]}}`,
	}
}

// A text of letters that begin a long piece takes time in proportion to its length.
func TestLongPiecesAreLinear(t *testing.T) {
	for name, file := range longPieceFiles() {
		t.Run(name, func(t *testing.T) {
			tok, err := Parse([]byte(file))
			require.NoError(t, err)
			start := time.Now()
			ids := encode(t, tok, strings.Repeat("a", 64_000), Options{NoSpecial: true})
			require.NotEmpty(t, ids)
			// Some milliseconds, and 300 pieces at each place of the Unigram; a look as far as
			// a piece goes from each place took 5 to 14 seconds.
			assert.Less(t, time.Since(start), 2*time.Second)
		})
	}
}

// Long pieces are taken as short ones are.
func TestLongPieces(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for name, want := range map[string]map[string][]int32{
		"added":     {a(100_000): {8}, "b" + a(100_000): {4, 8}, a(99_999): {0}},
		"WordPiece": {a(100_000): {9}, "b" + a(100_000): {4, 8}, "b" + a(300) + "b": {4, 10}, "bab": {4, 6, 7}, a(100_001): {9, 6}},
		"Unigram":   {a(100_000): {3}, "b" + a(300): {2, 4}, "b" + a(599): {2, 303}},
	} {
		tok, err := Parse([]byte(longPieceFiles()[name]))
		require.NoError(t, err)
		for text, ids := range want {
			assert.Equal(t, ids, encode(t, tok, text, Options{NoSpecial: true}), "%s: %.5s, %d bytes", name, text, len(text))
		}
	}
}
