package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// fma32 returns a·b + c, rounded once to nearest even. The product is exact in
// float64; the sum is rounded to odd there, so that the second rounding to
// float32 is that of the exact sum (Boldo and Melquiond, 2008).
func fma32(a, b, c float32) float32 {
	p, d := float64(a)*float64(b), float64(c)
	s := p + d
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return float32(s)
	}
	v := s - p
	lost := (p - (s - v)) + (d - v) // s + lost is the exact sum (Knuth's TwoSum)
	if bits := math.Float64bits(s); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}

func TestFMA32(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	exact := func(x float32) *big.Float { return new(big.Float).SetPrec(700).SetFloat64(float64(x)) }
	for range 200000 {
		number := func() float32 { // exponents close enough that sums cancel and round in every way
			return math.Float32frombits(rng.Uint32()&0x807fffff | (97+uint32(rng.IntN(60)))<<23)
		}
		a, b, c := number(), number(), number()
		if rng.IntN(4) == 0 {
			c = -a * b
		}
		sum := new(big.Float).SetPrec(700).Mul(exact(a), exact(b))
		sum.Add(sum, exact(c))
		want, _ := sum.Float32()
		require.Equalf(t, want, fma32(a, b, c), "%v·%v + %v", a, b, c)
	}
}
