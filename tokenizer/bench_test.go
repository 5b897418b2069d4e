package tokenizer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchTexts returns the texts of the cases to keep, and their bytes.
func benchTexts(b *testing.B, keep func(referenceCase) bool) (texts []string, size int) {
	for _, c := range referenceCases(b, "bert-base-uncased") {
		if keep(c) {
			texts = append(texts, c.Text)
			size += len(c.Text)
		}
	}
	return texts, size
}

func ascii(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0 }

func benchmarkAppend(b *testing.B, keep func(referenceCase) bool) {
	tok := reference(b, "bert-base-uncased")
	texts, size := benchTexts(b, keep)
	require.NotEmpty(b, texts)
	var ids []int32
	tokens := 0
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range texts {
			ids, _, _ = tok.Append(ids[:0], text, Options{})
			tokens += len(ids)
		}
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkAppendASCII(b *testing.B) {
	benchmarkAppend(b, func(c referenceCase) bool { return c.Kind == "nasty" && ascii(c.Text) })
}

func BenchmarkAppendBeyondASCII(b *testing.B) {
	benchmarkAppend(b, func(c referenceCase) bool { return c.Kind == "nasty" && !ascii(c.Text) })
}

func BenchmarkParse(b *testing.B) {
	for _, name := range referenceNames {
		b.Run(name, func(b *testing.B) {
			data := gunzip(b, name+"/tokenizer.json.gz")
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := Parse(data)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkAppend encodes the texts of the reference cases with each tokenizer.
func BenchmarkAppend(b *testing.B) {
	texts, size := benchTexts(b, func(c referenceCase) bool { return c.Kind == "nasty" })
	for _, name := range referenceNames {
		b.Run(name, func(b *testing.B) {
			tok := reference(b, name)
			var ids []int32
			tokens := 0
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, text := range texts {
					ids, _, _ = tok.Append(ids[:0], text, Options{})
					tokens += len(ids)
				}
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
