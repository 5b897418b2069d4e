package tokenizer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linearNames are a tokenizer of each kind: WordPiece, byte-level BPE,
// SentencePiece BPE and Unigram.
var linearNames = []string{"bert-base-uncased", "roberta-base", "cl100k", "mistral-v1", "xlm-roberta-base"}

// linearTexts are texts of any length: some that are long without an end to a
// word, and what takes time that grows faster than the text where it is done badly.
var linearTexts = []struct {
	name string
	make func(tok *Tokenizer, size int) string
}{
	{"text", func(_ *Tokenizer, size int) string {
		return repeat("The quick brown fox, naïve and 1,234 times unbelievably smart: 你好, 한국어!\n", size)
	}},
	{"word", func(_ *Tokenizer, size int) string { return repeat("antidisestablishmentarianism", size) }},
	{"marks", func(_ *Tokenizer, size int) string { return "a" + repeat("\u0301\u0323\u302e\u0345", size-1) }},
	{"spaces", func(_ *Tokenizer, size int) string { return repeat(" ", size-1) + "x" }},
	{"apostrophes", func(_ *Tokenizer, size int) string { return repeat("'", size) }},
	{"special tokens", func(tok *Tokenizer, size int) string {
		var all []string
		for _, token := range tok.added.tokens {
			all = append(all, token.content)
		}
		return repeat(strings.Join(all, ""), size)
	}},
}

func repeat(s string, size int) string { return strings.Repeat(s, size/len(s)+1)[:size] }

// TestTimeIsLinear encodes a text, and one of a sixteenth of its length sixteen
// times: where time grows with the square the first takes sixteen times as long.
// The best of some tries counts, as other programs take time, too.
func TestTimeIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const parts, size, tries = 16, 1 << 19, 8
	for _, name := range linearNames {
		tok := reference(t, name)
		for _, c := range linearTexts {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				var ids []int32
				encodeTimes := func(text string, times int) time.Duration {
					start := time.Now()
					for range times {
						var err error
						ids, _, err = tok.Append(ids[:0], text, Options{})
						require.NoError(t, err)
						require.NotEmpty(t, ids)
					}
					return time.Since(start)
				}
				part, whole := c.make(tok, size/parts), c.make(tok, size)
				encodeTimes(whole, 1) // grows the scratch
				first, second := time.Hour, time.Hour
				for try := 0; try < tries && second >= parts/2*first || try == 0; try++ {
					first = min(first, encodeTimes(part, parts))
					second = min(second, encodeTimes(whole, 1))
				}
				assert.Less(t, second, parts/2*first, "%v for %d times %d bytes, %v for %d", first, parts, len(part), second, len(whole))
			})
		}
	}
}

func BenchmarkLinear(b *testing.B) {
	for _, name := range linearNames {
		tok := reference(b, name)
		for _, c := range linearTexts {
			for _, size := range []int{100_000, 1_000_000, 10_000_000} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, c.name, size), func(b *testing.B) {
					text := c.make(tok, size)
					var ids []int32
					b.SetBytes(int64(size))
					for b.Loop() {
						ids, _, _ = tok.Append(ids[:0], text, Options{})
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/byte")
				})
			}
		}
	}
}
