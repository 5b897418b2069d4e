package minilm

import (
	"context"
	"slices"
	"sync"
	"testing"

	rhumb "github.com/rhumb-go/rhumb/embed"
)

// BenchmarkQueue embeds 64 short texts: in one call, and each from a goroutine
// of its own that calls again as soon as it has its answer.
func BenchmarkQueue(b *testing.B) {
	m := load(b, rhumb.Config{})
	const callers = 64
	var texts []string
	for _, text := range readGolden(b).Texts {
		if len(text) < 60 && len(texts) < callers {
			texts = append(texts, text)
		}
	}
	texts = slices.Repeat(texts, callers/len(texts)+1)[:callers]
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.N*callers)/b.Elapsed().Seconds(), "texts/s")
	}
	b.Run("one call", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.Embed(context.Background(), texts, rhumb.Options{}); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("64 callers", func(b *testing.B) {
		q := rhumb.NewQueue(m, rhumb.QueueConfig{})
		var calls sync.WaitGroup
		for k := range callers {
			calls.Go(func() {
				for range b.N {
					if _, err := q.Embed(context.Background(), texts[k:k+1], rhumb.Options{}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		calls.Wait()
		report(b)
		s := q.Stats()
		b.ReportMetric(float64(s.Texts)/float64(s.Batches), "texts/batch")
		if err := q.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	})
}
