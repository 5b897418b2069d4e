package transformer

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

var prefixLayers = flag.Int("layers", 2, "layers of BenchmarkPrefix")

// reportProcessorTime returns a function that reports the processor time since then, of
// each iteration.
func reportProcessorTime(b *testing.B) func() {
	spent := func() float64 {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	from := spent()
	return func() { b.ReportMetric((spent()-from)/float64(b.N), "cpu-s/op") }
}

// BenchmarkPrefix is a reranker's work: 50 documents of 60 tokens behind 150 tokens that
// they share, in layers shaped as those of Qwen3-Reranker-0.6B, of which it has 28. It reports processor
// time too.
func BenchmarkPrefix(b *testing.B) {
	config, file := randomDecoderOf(b, 1, decoderShape{hidden: 1024, inner: 3072, layers: *prefixLayers, heads: 16, keys: 8, dim: 128, vocabulary: 1000})
	team := parallel.NewTeam(1)
	defer team.Close()
	lengths := make([]int, 50)
	for i := range lengths {
		lengths[i] = 60
	}
	whole, rest := prefixed(rand.New(rand.NewPCG(1, 1)), 1000, 150, lengths)
	for f := range kernel.Formats {
		m, err := Open(b.Context(), Config{JSON: config, Weights: file, Set: kernel.Best(), Format: f})
		require.NoError(b, err)
		dst := tensor.NewMatrix(len(whole.IDs), m.Hidden)
		b.Run(fmt.Sprintf("%v/whole", f), func(b *testing.B) {
			defer reportProcessorTime(b)()
			for b.Loop() {
				require.NoError(b, m.Forward(context.Background(), team, dst, whole))
			}
		})
		b.Run(fmt.Sprintf("%v/shared", f), func(b *testing.B) {
			defer reportProcessorTime(b)()
			for b.Loop() {
				var err error
				rest.Prefix, err = m.Prefix(context.Background(), team, whole.IDs[:150], rest.Prefix)
				require.NoError(b, err)
				require.NoError(b, m.Forward(context.Background(), team, dst.Slice(0, len(rest.IDs)), rest))
			}
		})
		rest.Prefix = nil
	}
}
