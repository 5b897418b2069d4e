package pipeline

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Rules of sentence-transformers 6.2, Pooling, worked out by hand.
func TestPooling(t *testing.T) {
	h := tensor.Matrix{Rows: 3, Cols: 2, Stride: 2, Data: []float32{1, -8, 3, -2, 8, -2}}
	inf := float32(math.Inf(-1))
	root := func(x, n float64) float32 { return float32(x / math.Sqrt(n)) }
	for _, c := range []struct {
		name string
		mode Mode
		want [][]float32 // with the first 0, 1, … tokens left out
	}{
		{"cls", PoolCLS, [][]float32{{1, -8}, {3, -2}, {8, -2}, {1, -8}}},
		{"max", PoolMax, [][]float32{{8, -2}, {8, -2}, {8, -2}, {inf, inf}}},
		{"mean", PoolMean, [][]float32{{4, -4}, {5.5, -2}, {8, -2}, {0, 0}}},
		{"mean_sqrt_len_tokens", PoolMeanSqrtLen, [][]float32{{root(12, 3), root(-12, 3)}, {root(11, 2), root(-4, 2)}, {8, -2}, {0, 0}}},
		{"weightedmean", PoolWeightedMean, [][]float32{{31. / 6, -3}, {6, -2}, {8, -2}, {0, 0}}},
		{"lasttoken", PoolLastToken, [][]float32{{8, -2}, {8, -2}, {8, -2}, {0, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Pooling{Set: kernel.Best(), Modes: []Mode{c.mode}}
			assert.Equal(t, c.name, c.mode.String())
			parsed, err := ParseMode(c.name)
			require.NoError(t, err)
			assert.Equal(t, c.mode, parsed)
			for skip, want := range c.want {
				got := []float32{7, 7}
				p.apply(got, h, skip, make([]float64, 2))
				assert.Equalf(t, want, got, "%d left out", skip)
			}
			got := make([]float32, 2)
			p.apply(got, h, 5, make([]float64, 2))
			assert.Equal(t, c.want[3], got, "more left out than there are")
		})
	}
}

func TestPoolingKeepsNaN(t *testing.T) {
	nan := float32(math.NaN())
	h := tensor.Matrix{Rows: 3, Cols: 1, Stride: 1, Data: []float32{1, nan, 3}}
	for _, m := range []Mode{PoolMax, PoolMean, PoolMeanSqrtLen, PoolWeightedMean} {
		got := make([]float32, 1)
		(&Pooling{Set: kernel.Best(), Modes: []Mode{m}}).apply(got, h, 0, make([]float64, 1))
		assert.True(t, math.IsNaN(float64(got[0])))
	}
}

func TestScaleToUnit(t *testing.T) {
	for _, c := range []struct{ v, want []float32 }{
		{[]float32{3, 4}, []float32{0.6, 0.8}},
		{[]float32{0, 0}, []float32{0, 0}},
		{[]float32{1.5e38, 0, -2e38}, []float32{0.6, 0, -0.8}},
		{[]float32{3e-42, 4e-42}, []float32{0.6, 0.8}},
	} {
		ScaleToUnit(c.v)
		assert.InDeltaSlice(t, c.want, c.v, 2e-4) // the last has few bits
	}
}

func TestFinite(t *testing.T) {
	most, inf := float32(math.MaxFloat32), float32(math.Inf(1))
	for _, v := range [][]float32{nil, {0}, {most, -most, most, -most}} {
		assert.True(t, Finite(v), v)
	}
	for _, v := range [][]float32{{inf}, {1, -inf}, {inf, -inf, 1}, {1, float32(math.NaN())}} {
		assert.False(t, Finite(v), v)
	}
}

// BenchmarkPooling is the mean of 128 tokens of all-MiniLM-L6-v2.
func BenchmarkPooling(b *testing.B) {
	h := tensor.NewMatrix(128, 384)
	for i := range h.Data {
		h.Data[i] = float32(i%97) - 48
	}
	for _, m := range []Mode{PoolMean, PoolMax, PoolWeightedMean} {
		b.Run(m.String(), func(b *testing.B) {
			p := Pooling{Set: kernel.Best(), Modes: []Mode{m}}
			dst, sums := make([]float32, h.Cols), make([]float64, h.Cols)
			for b.Loop() {
				p.apply(dst, h, 0, sums)
			}
		})
	}
}
