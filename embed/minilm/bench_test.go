package minilm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rhumb "github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// ids returns texts inputs of so many tokens. They lie in one piece of memory, so
// that a garbage collection has little to do with them.
func ids(texts, tokens int) [][]int32 {
	all := make([]int32, texts*tokens)
	for i := range all {
		all[i] = int32(1000 + i*7919%20000)
	}
	return slices.Collect(slices.Chunk(all, tokens))
}

// The shapes of a call at each precision. What is allocated is the result.
func BenchmarkEmbedIDs(b *testing.B) {
	for _, p := range rhumb.Precisions() {
		m := load(b, rhumb.Config{Precision: p, MaxTokens: 512})
		for _, shape := range [][2]int{{1, 16}, {1, 128}, {8, 128}, {32, 128}, {1, 512}, {8, 512}} {
			lists := ids(shape[0], shape[1])
			b.Run(fmt.Sprintf("%v/%dx%d", p, shape[0], shape[1]), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := m.EmbedIDs(b.Context(), lists, rhumb.Options{})
					require.NoError(b, err)
				}
				b.ReportMetric(float64(shape[0]*shape[1]*b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// Late chunking of a long text, in 16 spans, beside one embedding of it, in turns: how
// many times as long the fastest of each takes.
func BenchmarkLateChunking(b *testing.B) {
	m := load(b, rhumb.Config{MaxTokens: 512})
	text := strings.Repeat("There are many lakes. ", 100)[:16*22*6] // 482 tokens
	var spans []tokenizer.Span
	for i := range 16 {
		spans = append(spans, tokenizer.Span{Start: i * len(text) / 16, End: (i + 1) * len(text) / 16})
	}
	run := func(opts rhumb.Options) time.Duration {
		begin := time.Now()
		_, err := m.Embed(b.Context(), []string{text}, opts)
		require.NoError(b, err)
		return time.Since(begin)
	}
	whole, late := time.Hour, time.Hour
	for b.Loop() {
		whole = min(whole, run(rhumb.Options{}))
		late = min(late, run(rhumb.Options{Spans: [][]tokenizer.Span{spans}}))
	}
	b.ReportMetric(late.Seconds()/whole.Seconds(), "late/whole")
}

// A garbage collection while a long call computes, which has to stop every
// worker: the mean and the worst time of runtime.GC.
func BenchmarkGC(b *testing.B) {
	m := load(b, rhumb.Config{MaxTokens: 512})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() {
		_, err := m.EmbedIDs(ctx, ids(4096, 512), rhumb.Options{})
		done <- err
	}()
	time.Sleep(100 * time.Millisecond) // it computes now
	var worst time.Duration
	for b.Loop() {
		start := time.Now()
		runtime.GC()
		worst = max(worst, time.Since(start))
	}
	b.ReportMetric(worst.Seconds()*1e3, "worst-ms")
	cancel()
	require.ErrorIs(b, <-done, context.Canceled)
}

// How long a call goes on after its context is canceled, beside the time of a
// pass of 512 tokens, which has 6 layers.
func BenchmarkCancel(b *testing.B) {
	m := load(b, rhumb.Config{MaxTokens: 512})
	lists := ids(4096, 512)
	var total, worst time.Duration
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan time.Time)
		go func() {
			_, err := m.EmbedIDs(ctx, lists, rhumb.Options{})
			if !errors.Is(err, context.Canceled) {
				b.Error(err)
			}
			done <- time.Now()
		}()
		time.Sleep(50 * time.Millisecond)
		start := time.Now()
		cancel()
		late := (<-done).Sub(start)
		total += late
		worst = max(worst, late)
	}
	b.ReportMetric(total.Seconds()*1e3/float64(b.N), "mean-ms")
	b.ReportMetric(worst.Seconds()*1e3, "worst-ms")
	b.ReportMetric(0, "ns/op")
}
