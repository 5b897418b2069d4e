package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// Each set against float64 over terms rounded to bfloat16, which holds their
// products exactly. The bound is that of TestMultiplyAgainstFloat64.
func TestMultiplyBFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	rounded := func(x float32) float64 {
		low, _ := unpair(pair(x, 0))
		return float64(low)
	}
	for _, shape := range shapes {
		m, n, k := shape[0], shape[1], shape[2]
		x, w := randomMatrix(rng, m, k, k+rng.IntN(5)), randomMatrix(rng, n, k, k+rng.IntN(5))
		bias := randomMatrix(rng, 1, n, n).Data
		for _, s := range sets {
			got := tensor.NewMatrix(m, n)
			multiplyIn(s, BFloat16, got, x, w, bias, Identity)
			for i := range m {
				for j := range n {
					want, size := float64(bias[j]), math.Abs(float64(bias[j]))
					for l := range k {
						p := rounded(x.Row(i)[l]) * rounded(w.Row(j)[l])
						want += p
						size += math.Abs(p)
					}
					bound := float64(2*k+1) * 0x1p-24 * size
					require.InDeltaf(t, want, float64(got.Row(i)[j]), bound, "%s %v [%d][%d]", s.name, shape, i, j)
				}
			}
		}
	}
}

// Rounding to bfloat16 is to the nearest, ties to even, and keeps NaN and ±Inf.
func TestRoundBFloat16(t *testing.T) {
	for bits, want := range map[uint32]uint32{
		0x3f800000: 0x3f80, 0x3f808000: 0x3f80, 0x3f808001: 0x3f81, 0x3f818000: 0x3f82, 0x3f817fff: 0x3f81,
		0x80000000: 0x8000, 0x7f800000: 0x7f80, 0xff800000: 0xff80, 0x7f7fffff: 0x7f80, 0x7f800001: 0x7fc0, 0xffc12345: 0xffc1,
	} {
		require.Equalf(t, want, roundBFloat16(math.Float32frombits(bits)), "%08x", bits)
	}
}
