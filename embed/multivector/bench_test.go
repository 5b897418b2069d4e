package multivector

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tensor"
)

// 32 vectors of a query against 1,000 documents of 180, of 128 components each, by one
// worker, as a share of the CPU's peak of fused multiply-adds in the same run. What is read
// of the documents is given in GB/s.
func BenchmarkMaxSim(b *testing.B) {
	const vectors, documents, tokens, dimensions = 32, 1000, 180, 128
	rng := rand.New(rand.NewPCG(1, 2))
	query := randomMatrix(rng, vectors, dimensions)
	all := randomMatrix(rng, documents*tokens, dimensions)
	var (
		halves []float16.Float16
		bytes  []int8
		scales []float32
		bits   []byte
		err    error
	)
	for i := range all.Rows {
		halves, err = quant.AppendFloat16(halves, all.Row(i))
		require.NoError(b, err)
		var scale float32
		bytes, scale, err = quant.AppendScaled(bytes, all.Row(i))
		require.NoError(b, err)
		scales = append(scales, scale)
		bits, err = quant.AppendBits(bits, all.Row(i))
		require.NoError(b, err)
	}
	for _, set := range kernel.Sets() {
		s, err := newScorer(set, query)
		require.NoError(b, err)
		run := func(name string, bytes int, score func(i int) (float32, error)) {
			b.Run(set.Name()+"/"+name, func(b *testing.B) {
				peak := set.Peak(50 * time.Millisecond)
				for b.Loop() {
					for i := range documents {
						if _, err := score(i); err != nil {
							b.Fatal(err)
						}
					}
				}
				seconds := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(2*vectors*documents*tokens*dimensions/seconds/peak*100, "%peak")
				b.ReportMetric(float64(bytes*documents*tokens)/seconds/1e9, "GB/s")
			})
		}
		run("float32", 4*dimensions, func(i int) (float32, error) { return s.Score(all.Slice(i*tokens, (i+1)*tokens)) })
		run("float16", 2*dimensions, func(i int) (float32, error) {
			return s.ScoreFloat16(halves[i*tokens*dimensions : (i+1)*tokens*dimensions])
		})
		run("int8", dimensions, func(i int) (float32, error) {
			return s.ScoreInt8(bytes[i*tokens*dimensions:(i+1)*tokens*dimensions], scales[i*tokens:(i+1)*tokens])
		})
		run("bits", dimensions/8, func(i int) (float32, error) {
			return s.ScoreBits(bits[i*tokens*dimensions/8 : (i+1)*tokens*dimensions/8])
		})
	}
}

func randomMatrix(rng *rand.Rand, rows, cols int) tensor.Matrix {
	m := tensor.NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.Float32()*2 - 1
	}
	return m
}
