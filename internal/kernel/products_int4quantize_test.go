package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// All sets quantize to the bits of plain Go, and write no more than the codes and
// the scales.
func TestQuantizeInt4OnEverySet(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	rows := map[string]func(i int) float32{
		"normal":      func(int) float32 { return float32(random.NormFloat64()) },
		"few values":  func(int) float32 { return float32(random.IntN(33)-16) / 2 },
		"equal":       func(int) float32 { return -0.3 },
		"zeros":       func(i int) float32 { return float32(math.Copysign(0, float64(i%2)-0.5)) },
		"small":       func(int) float32 { return float32(random.NormFloat64() * 0x1p-101) },
		"tiny":        func(int) float32 { return float32(random.NormFloat64() * 0x1p-140) },
		"huge":        func(int) float32 { return float32(random.NormFloat64() * 0x1p125) },
		"one large":   func(i int) float32 { return float32(random.NormFloat64() * float64(1+i/77%2*i%5*20)) },
		"a NaN":       func(i int) float32 { return float32(math.Sqrt(float64(600 - i))) },
		"an infinity": func(i int) float32 { return 1 / float32(300-i) },
	}
	for name, of := range rows {
		for _, n := range []int{1, 31, 255, 256, 257, 640, 1000} {
			w := make([]float32, n)
			for i := range w {
				w[i] = of(i)
			}
			groups := Int4Groups(n)
			want, wantScales := make([]byte, groups*Int4GroupBytes), make([]float32, groups)
			quantizeInt4(want, wantScales, w)
			for _, s := range Sets() {
				got, scales := make([]byte, groups*Int4GroupBytes+1), make([]float32, groups+1)
				got[len(want)], scales[groups] = 77, 77
				s.QuantizeInt4(got[:len(want)], scales[:groups], w)
				require.Equal(t, append(want[:len(want):len(want)], 77), got, "%s: %s, %d", s.Name(), name, n)
				require.Equal(t, bitsOf(append(wantScales[:groups:groups], 77)), bitsOf(scales), "%s: %s, %d", s.Name(), name, n)
			}
		}
	}
}
