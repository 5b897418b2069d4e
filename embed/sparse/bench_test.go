package sparse

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// BenchmarkEmbed embeds texts.json of the folder RHUMB_SPARSE, a list of texts, with the
// sparse model in that folder, at each precision. The peer is measured with
// testdata/generate/splade.py, which makes such a folder.
func BenchmarkEmbed(b *testing.B) {
	dir := os.Getenv("RHUMB_SPARSE")
	if dir == "" {
		b.Skip("RHUMB_SPARSE names no folder of a sparse model")
	}
	data, err := os.ReadFile(filepath.Join(dir, "texts.json"))
	require.NoError(b, err)
	var texts []string
	require.NoError(b, json.Unmarshal(data, &texts))
	for _, p := range []embed.Precision{embed.Float32, embed.BFloat16, embed.Int8} {
		b.Run(p.String(), func(b *testing.B) {
			m, err := Load(b.Context(), dir, embed.Config{Precision: p})
			require.NoError(b, err)
			defer m.Close() //nolint:errcheck // nothing was written
			tokens, active := 0, 0
			for b.Loop() {
				vectors, err := m.Embed(b.Context(), texts, Options{})
				require.NoError(b, err)
				for _, v := range vectors {
					tokens += v.Tokens
					active += len(v.Indices)
				}
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(float64(active)/float64(b.N*len(texts)), "active")
		})
	}
}
