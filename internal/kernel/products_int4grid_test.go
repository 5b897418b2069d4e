package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

// Weights that are whole numbers of -8 to 7 times a number keep them as their codes, whatever the largest of a group is,
// and whether they were rounded to 16 bits.
func TestKeepInt4(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	rounds := map[string]func(float32) float32{
		"exact":    func(v float32) float32 { return v },
		"float16":  func(v float32) float32 { return float16.Fromfloat32(v).Float32() },
		"bfloat16": func(v float32) float32 { return math.Float32frombits(roundBFloat16(v) << 16) },
	}
	for name, round := range rounds {
		for most := 1; most <= 8; most++ {
			const n = 5*int4Group + 7
			w, whole := make([]float32, n), make([]int, n)
			units := make([]float32, Int4Groups(n))
			for i := range w {
				if i%int4Group == 0 {
					units[i/int4Group] = float16.Fromfloat32(float32(random.NormFloat64()) / 16).Float32()
				}
				if whole[i] = random.IntN(2*most+1) - most; i%int4Group == 3 || whole[i] == 8 {
					whole[i] = -most
				}
				w[i] = round(float32(whole[i]) * units[i/int4Group])
			}
			codes, scales := make([]byte, len(units)*Int4GroupBytes), make([]float32, len(units))
			Best().QuantizeInt4(codes, scales, w)
			on, off := KeepInt4(codes, scales, w)
			require.Equal(t, [2]int{len(units), 0}, [2]int{on, off}, "%s, %d", name, most)
			got := make([]float32, n)
			DequantizeInt4(got, codes, scales)
			for i, v := range got {
				unit := math.Float32frombits(roundBFloat16(units[i/int4Group]) << 16)
				if name == "exact" {
					require.Equal(t, float32(whole[i])*unit, v, "%s, %d: weight %d", name, most, i)
				}
				require.InDelta(t, float64(whole[i])*float64(units[i/int4Group]), v, math.Abs(float64(whole[i])*float64(units[i/int4Group]))/100, "%s, %d: weight %d", name, most, i)
			}
		}
	}
}

// Other weights stay as QuantizeInt4 has them, and zeros do.
func TestKeepInt4LeavesOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	w := make([]float32, 40*int4Group)
	for i := range w {
		w[i] = float32(random.NormFloat64())
	}
	clear(w[:int4Group])
	w[2*int4Group] = float32(math.Inf(1))
	w[3*int4Group] = float32(math.NaN())
	codes, scales := make([]byte, 40*Int4GroupBytes), make([]float32, 40)
	Best().QuantizeInt4(codes, scales, w)
	want, wantScales := append([]byte(nil), codes...), bitsOf(scales)
	on, off := KeepInt4(codes, scales, w)
	assert.Equal(t, 0, on)
	assert.Equal(t, 39, off)
	assert.Equal(t, want, codes)
	assert.Equal(t, wantScales, bitsOf(scales))
}
