package multivector

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tensor"
)

// MaxSim is the sum of the greatest dot products, computed in float64.
func TestMaxSim(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range []int{1, 24, 128} {
		for _, tokens := range []int{1, 14, 180} {
			query, document := randomMatrix(rng, 32, d), randomMatrix(rng, tokens, d)
			want := 0.0
			for i := range query.Rows {
				best := math.Inf(-1)
				for j := range document.Rows {
					dot := 0.0
					for k, x := range query.Row(i) {
						dot += float64(x) * float64(document.Row(j)[k])
					}
					best = max(best, dot)
				}
				want += best
			}
			got, err := MaxSim(query, document)
			require.NoError(t, err)
			require.InDelta(t, want, got, 32*float64(d)*0x1p-22) // sums of d products below 1, and their sum
		}
	}
}

// Vectors in fewer bits have the score of what they stand for, from many goroutines.
func TestScoresOfFormats(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, d := range []int{20, 64, 128} {
		query, document := randomMatrix(rng, 32, d), randomMatrix(rng, 50, d)
		s, err := NewScorer(query)
		require.NoError(t, err)
		var (
			halves []float16.Float16
			bytes  []int8
			scales []float32
			bits   []byte
			wide   [3][]float32
		)
		for i := range document.Rows {
			row := document.Row(i)
			from := len(bytes)
			halves, err = quant.AppendFloat16(halves, row)
			require.NoError(t, err)
			var scale float32
			bytes, scale, err = quant.AppendScaled(bytes, row)
			require.NoError(t, err)
			scales = append(scales, scale)
			wide[1] = quant.FromScaled(wide[1], bytes[from:], scale)
			packed, err := quant.AppendBits([]byte(nil), row)
			require.NoError(t, err)
			bits = append(bits, packed...)
			wide[2], err = quant.FromBits(wide[2], packed, d)
			require.NoError(t, err)
		}
		wide[0] = quant.FromFloat16(nil, halves)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for i, score := range []func() (float32, error){
					func() (float32, error) { return s.ScoreFloat16(halves) },
					func() (float32, error) { return s.ScoreInt8(bytes, scales) },
					func() (float32, error) { return s.ScoreBits(bits) },
				} {
					want, err := s.Score(tensor.Matrix{Rows: document.Rows, Cols: d, Stride: d, Data: wide[i]})
					assert.NoError(t, err)
					got, err := score()
					assert.NoError(t, err)
					assert.Equal(t, want, got, "format %d of %d", i, d)
				}
			})
		}
		group.Wait()
	}
}

// What is no matrix, or has other vectors, is an error that says what it is.
func TestMaxSimErrors(t *testing.T) {
	one := tensor.Matrix{Rows: 1, Cols: 2, Stride: 2, Data: []float32{1, 2}}
	for _, bad := range []tensor.Matrix{
		{Rows: -1, Cols: 2, Stride: 2}, {Rows: 2, Cols: 2, Stride: 1, Data: make([]float32, 9)},
		{Rows: 2, Cols: 2, Stride: 2, Data: make([]float32, 3)}, {Rows: 1 << 62, Cols: 2, Stride: 1 << 62, Data: make([]float32, 3)},
		{Rows: 1, Cols: 4, Stride: 4, Data: make([]float32, 3)}, {Rows: 1, Cols: -2, Stride: 2, Data: make([]float32, 3)},
	} {
		_, err := MaxSim(bad, one)
		assert.ErrorContains(t, err, "query: ", "%+v", bad)
		_, err = MaxSim(one, bad)
		assert.ErrorContains(t, err, "document: ", "%+v", bad)
	}
	_, err := NewScorer(tensor.Matrix{})
	assert.ErrorContains(t, err, "expected 1 or more")
	_, err = MaxSim(one, tensor.NewMatrix(1, 3))
	assert.ErrorContains(t, err, "document: vectors of 3 components, expected 2")
	s, err := NewScorer(one)
	require.NoError(t, err)
	_, err = s.ScoreFloat16(make([]float16.Float16, 3))
	assert.ErrorContains(t, err, "3 halves")
	_, err = s.ScoreInt8(make([]int8, 4), make([]float32, 1))
	assert.ErrorContains(t, err, "4 components and 1 scales")
	_, err = s.ScoreInt8(make([]int8, 3), make([]float32, 1))
	assert.Error(t, err)
	score, err := s.ScoreBits(nil)
	require.NoError(t, err)
	assert.Equal(t, float32(-1e9), score)
	score, err = s.Score(tensor.Matrix{})
	require.NoError(t, err)
	assert.Equal(t, float32(-1e9), score)
	wide, err := NewScorer(tensor.NewMatrix(1, 9))
	require.NoError(t, err)
	_, err = wide.ScoreBits(make([]byte, 3))
	assert.ErrorContains(t, err, "3 bytes of packed bits, expected those of vectors of 9 components, as those of the query have, 2 each")
	none, err := NewScorer(tensor.NewMatrix(0, 2))
	require.NoError(t, err)
	score, err = none.Score(one)
	require.NoError(t, err)
	assert.Zero(t, score)
}
