package chunk_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/chunk"
)

// prose returns about so many bytes of sentences and paragraphs.
func prose(size int) string {
	words := strings.Fields("the food was delicious and we had a wonderful evening with unbelievably kind people who told us stories of Vienna in 1989")
	r := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	for b.Len() < size {
		for range 1 + r.IntN(8) {
			b.WriteString("It")
			for range 3 + r.IntN(20) {
				b.WriteString(" " + words[r.IntN(len(words))])
			}
			b.WriteString(". ")
		}
		b.WriteString("\n\n")
	}
	return b.String()
}

// The bytes a second are the same for each size.
func BenchmarkSplit(b *testing.B) {
	for _, name := range []string{"bert-base-uncased", "modernbert", "xlm-roberta-base"} {
		tok := load(b, name)
		for _, overlap := range []int{0, 32} {
			for _, size := range []int{1, 3, 10} {
				text := prose(size << 20)
				b.Run(fmt.Sprintf("%s/overlap=%d/%dMB", name, overlap, size), func(b *testing.B) {
					b.SetBytes(int64(len(text)))
					for b.Loop() {
						_, err := chunk.Split(tok, text, chunk.Config{MaxTokens: 256, Overlap: overlap})
						require.NoError(b, err)
					}
				})
			}
		}
	}
}

// Texts that would take quadratic time if something were looked at again for each
// of its parts.
func BenchmarkSplitHostile(b *testing.B) {
	for _, part := range []string{
		" ", ". ", ")", ".)", "1", ".1 ", "\n", ".\u0301", "\u0301", "a\u0301", "a:", "1,", "\u200d", "👩\u200d", "\U0001F1E9", "क्", "a'", "\"א", "_", "\xff", "字", "a", "🀀", "\r", "\u2029",
	} {
		for _, size := range []int{1 << 18, 1 << 20} {
			text := "One. " + strings.Repeat(part, size/len(part))
			for _, name := range []string{"bert-base-uncased", "modernbert", "mistral-v1"} {
				tok := load(b, name)
				b.Run(fmt.Sprintf("%s/%q/%d", name, part, size), func(b *testing.B) {
					b.SetBytes(int64(len(text)))
					for b.Loop() {
						_, err := chunk.Split(tok, text, chunk.Config{MaxTokens: 256})
						require.NoError(b, err)
					}
				})
			}
		}
	}
}
