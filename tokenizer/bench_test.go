package tokenizer

import (
	"fmt"
	"os"
	"slices"
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
	texts, size := benchTexts(b, keep)
	require.NotEmpty(b, texts)
	appendTexts(b, reference(b, "bert-base-uncased"), texts, size)
}

// appendTexts encodes texts of so many bytes together into memory that is used again.
func appendTexts(b *testing.B, tok *Tokenizer, texts []string, size int) {
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
			appendTexts(b, reference(b, name), texts, size)
		})
	}
}

// benchNames have a WordPiece, a byte-level BPE, a BPE with byte fallback and a Unigram model.
var benchNames = []string{"bert-base-uncased", "roberta-base", "mistral-v1", "t5-small"}

// BenchmarkEncodeAll encodes the same texts, many times over, by one and two workers.
func BenchmarkEncodeAll(b *testing.B) {
	texts, size := benchTexts(b, func(c referenceCase) bool { return c.Kind == "nasty" })
	texts, size = slices.Repeat(texts, 8), 8*size
	for _, name := range benchNames {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", name, workers), func(b *testing.B) {
				tok := reference(b, name)
				tokens := 0
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					encodings, _ := tok.EncodeAll(texts, Options{}, workers)
					for _, e := range encodings {
						tokens += len(e.IDs)
					}
				}
				b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

func BenchmarkEncodeOffsets(b *testing.B) {
	texts, size := benchTexts(b, func(c referenceCase) bool { return c.Kind == "nasty" })
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			tok := reference(b, name)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, text := range texts {
					_, _ = tok.EncodeOffsets(text, Options{})
				}
			}
		})
	}
}

func BenchmarkCount(b *testing.B) {
	texts, size := benchTexts(b, func(c referenceCase) bool { return c.Kind == "nasty" })
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			tok := reference(b, name)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, text := range texts {
					tok.Count(text, Options{})
				}
			}
		})
	}
}

// BenchmarkFile encodes the lines of the file that RHUMB_TEXT names, into ids that
// are kept (EncodeAll, by so many workers) and into memory that is used again.
func BenchmarkFile(b *testing.B) {
	path := os.Getenv("RHUMB_TEXT")
	if path == "" {
		b.Skip("RHUMB_TEXT names no file")
	}
	data, err := os.ReadFile(path)
	require.NoError(b, err)
	texts := strings.Split(string(data), "\n")
	for _, name := range append(benchNames, "xlm-roberta-base") {
		tok := reference(b, name)
		b.Run(name+"/Append", func(b *testing.B) {
			appendTexts(b, tok, texts, len(data))
		})
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/EncodeAll-%d", name, workers), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					_, _ = tok.EncodeAll(texts, Options{}, workers)
				}
			})
		}
	}
}
