package rerank

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// BenchmarkPairs scores the pairs of RHUMB_PAIRS, a JSON list of lists of two texts, with
// the reranker in the folder RHUMB_RERANKER, at each precision. Peers are measured with
// testdata/generate/rerankers.py.
func BenchmarkPairs(b *testing.B) {
	dir, file := os.Getenv("RHUMB_RERANKER"), os.Getenv("RHUMB_PAIRS")
	if dir == "" || file == "" {
		b.Skip("RHUMB_RERANKER names no folder of a model, or RHUMB_PAIRS no file of pairs")
	}
	data, err := os.ReadFile(file)
	require.NoError(b, err)
	var pairs [][2]string
	require.NoError(b, json.Unmarshal(data, &pairs))
	for _, p := range []embed.Precision{embed.Float32, embed.BFloat16, embed.Int8, embed.Int4} {
		b.Run(p.String(), func(b *testing.B) {
			m, err := Load(b.Context(), dir, embed.Config{Precision: p})
			require.NoError(b, err)
			defer m.Close() //nolint:errcheck // nothing was written
			tokens := 0
			for b.Loop() {
				scores, err := m.Pairs(context.Background(), pairs, Options{})
				require.NoError(b, err)
				for _, s := range scores {
					tokens += s.Tokens
				}
			}
			b.ReportMetric(float64(b.N*len(pairs))/b.Elapsed().Seconds(), "pairs/s")
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
