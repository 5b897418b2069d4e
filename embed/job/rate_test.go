package job

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

// rateRows is how many rows a turn of BenchmarkRate has.
const rateRows = 20_000

// A job from Parquet to Parquet, with ids and a nested column kept, and Model.Embed on the same
// short texts, in turns: rows a second, and the median of the ratios.
func BenchmarkRate(b *testing.B) {
	type meta struct {
		Lang  string   `parquet:"lang"`
		Tags  []string `parquet:"tags,list"`
		Score float64  `parquet:"score"`
	}
	type row struct {
		ID   int64  `parquet:"id"`
		Text string `parquet:"text"`
		Meta *meta  `parquet:"meta,optional"`
	}
	words := strings.Fields("the a of and to in for with summer winter river train food question answer house night morning water paper letter market garden city road bridge")
	draw := rand.New(rand.NewPCG(18, 18))
	for _, p := range []embed.Precision{embed.Float32, embed.Int8} {
		b.Run(p.String(), func(b *testing.B) {
			m, err := minilm.Load(b.Context(), embed.Config{Precision: p, Workers: 2})
			require.NoError(b, err)
			defer m.Close() //nolint:errcheck
			var ratios []float64
			var jobs, calls time.Duration
			for b.Loop() {
				dir := b.TempDir()
				table, texts := make([]row, rateRows), make([]string, rateRows)
				for i := range table {
					var t []string
					for range 4 + draw.IntN(9) {
						t = append(t, words[draw.IntN(len(words))])
					}
					texts[i] = fmt.Sprint(strings.Join(t, " "), " ", i)
					table[i] = row{int64(7*i + 3), texts[i], &meta{"en", t[:i%3], float64(i) / 8}}
				}
				in := filepath.Join(dir, "in.parquet")
				require.NoError(b, parquet.WriteFile(in, table))
				start := time.Now()
				report, err := Run(b.Context(), m, Config{Inputs: []string{in}, Output: filepath.Join(dir, "out.parquet"), Keep: []string{"text", "meta"}})
				require.NoError(b, err)
				require.Equal(b, rateRows, report.Rows)
				job := time.Since(start)
				start = time.Now()
				_, err = m.Embed(b.Context(), texts, embed.Options{})
				require.NoError(b, err)
				call := time.Since(start)
				ratios = append(ratios, call.Seconds()/job.Seconds())
				jobs, calls = jobs+job, calls+call
			}
			slices.Sort(ratios)
			rows := float64(rateRows * len(ratios))
			b.ReportMetric(rows/jobs.Seconds(), "rows/s")
			b.ReportMetric(rows/calls.Seconds(), "Embed-rows/s")
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
		})
	}
}
