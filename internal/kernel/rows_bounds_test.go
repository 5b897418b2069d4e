package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// u is the largest relative error of one rounding to float32.
const u = 0x1p-24

func normals(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// derived holds the largest error of a SIMD set at x, counted in roundings;
// generic rounds most steps twice and has three times as much.
var derived = map[Activation]func(x, want float64) float64{
	// y = log₂ Φ(-|x|) has 2u|y| at most, |y| ≤ 1 + 1.2|x| + x²/2·log₂ e, and 2^f 2u:
	// a relative error of Φ(-|x|), which is multiplied by |x|. The fit of y adds 9.1e-9,
	// the last step u.
	GELU: func(x, want float64) float64 {
		a := math.Abs(x)
		y := 1 + 1.2*a + a*a/2*math.Log2E
		return u*math.Abs(want) + 1e-8 + a*math.Erfc(a/math.Sqrt2)/2*(2*y+2)*u
	},
	// The exponent v has 3u|v|, its exponential 3u more, sum and quotient 2u.
	// Where it is +Inf, the result is 0 in place of up to 1e-36.
	GELUTanh: func(x, want float64) float64 {
		v := 2 * math.Sqrt(2/math.Pi) * math.Abs(x+0.044715*x*x*x)
		return math.Abs(want)*(5+3*min(v, 90))*u + 1e-36
	},
	// As before, with an exact exponent; x·e^x is 4e-37 where e^-x becomes +Inf.
	SiLU: func(x, want float64) float64 { return math.Abs(want)*6*u + 4e-37 },
	ReLU: func(x, want float64) float64 { return 0 },
	// 2.5e-8 from the fit, 1.5u each from P and Q, the share of x² in both cancels
	// but for u, product and quotient. This is below 4 units in the last place.
	Tanh: func(x, want float64) float64 { return math.Abs(want)*(2.5e-8+6*u) + 0x1p-149 },
}

func TestActivationBounds(t *testing.T) {
	x := spread(1 << 18)
	for i := range 1 << 19 { // the part that matters, denser
		x = append(x, float32(i-1<<18)/(1<<14))
	}
	for _, f := range functions {
		exact := make([]float64, len(x))
		for i, v := range x {
			exact[i] = f.exact(float64(v))
		}
		for _, s := range sets {
			got := clone(x)
			s.Activate(f.activation, got, len(x), 1, len(x))
			worst, absolute := 0.0, 0.0
			for i, v := range x {
				v, y := float64(v), float64(got[i])
				want := exact[i]
				if math.IsNaN(want) || math.IsInf(want, 0) || math.IsInf(y, 0) {
					require.Truef(t, y == want || y != y && want != want, "%s %v(%v) = %v, expected %v", s.name, f.activation, v, y, want)
					continue
				}
				bound := derived[f.activation](v, want)
				if s.rounds {
					bound *= 3
				}
				e := math.Abs(y - want)
				if e > bound {
					require.LessOrEqualf(t, e, bound, "%s %v(%v) = %v, expected %v", s.name, f.activation, v, y, want)
				}
				if bound > 0 {
					worst = max(worst, e/bound)
				}
				if math.Abs(v) <= 8 {
					absolute = max(absolute, e)
				}
			}
			t.Logf("%s %v: %.2f of the bound, error up to %.2g in |x| ≤ 8", s.name, f.activation, worst, absolute)
		}
	}
}

func TestActivationLimits(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, s := range sets {
		for _, c := range []struct {
			activation Activation
			x, want    float32
		}{
			{GELU, inf, inf}, {GELU, -inf, nan}, {GELU, nan, nan}, {GELU, 6, 6}, {GELU, -14, 0}, {GELU, 3e38, 3e38}, {GELU, -3e38, 0}, {GELU, 0, 0},
			{GELUTanh, inf, inf}, {GELUTanh, -inf, nan}, {GELUTanh, nan, nan}, {GELUTanh, 3e38, 3e38}, {GELUTanh, -3e38, 0}, {GELUTanh, 20, 20}, {GELUTanh, -20, 0},
			{SiLU, inf, inf}, {SiLU, -inf, nan}, {SiLU, nan, nan}, {SiLU, 3e38, 3e38}, {SiLU, -3e38, 0},
			{ReLU, inf, inf}, {ReLU, -inf, 0}, {ReLU, nan, nan},
			{Tanh, inf, 1}, {Tanh, -inf, -1}, {Tanh, nan, nan}, {Tanh, 9.3, 1}, {Tanh, -20, -1}, {Tanh, 0x1p-149, 0x1p-149},
		} {
			x := make([]float32, 21) // whole vectors and a tail
			for i := range x {
				x[i] = c.x
			}
			s.Activate(c.activation, x, len(x), 1, len(x))
			for _, v := range x {
				require.Truef(t, v == c.want || v != v && c.want != c.want, "%s %v(%v) = %v, expected %v", s.name, c.activation, c.x, v, c.want)
			}
		}
	}
}

// TestExp reaches exp through rows of two, whose largest element is 0.
func TestExp(t *testing.T) {
	x := spread(1 << 18)
	for i := range 1 << 18 {
		x = append(x, -float32(i)*0x1.8p-12)
	}
	for _, s := range sets {
		worst := 0.0
		for _, v := range x {
			if v > 0 {
				continue
			}
			row := []float32{0, v}
			s.Exponentials(row, 1)
			if !s.rounds {
				sameBits(t, []float32{power32(v * log2e)}, row[1:], "%s exp(%v)", s.name, v)
			}
			if v != v {
				require.NotEqual(t, row[1], row[1])
				continue
			}
			if v < -88 {
				require.Zerof(t, row[1], "%s exp(%v)", s.name, v)
				continue
			}
			// v·log₂ e has u and 0.3u of log₂ e, which are absolute ones of the exponent; the last two
			// steps of the polynomial u and 0.35u; generic rounds each twice. Below 2^-126 the result
			// is subnormal or 0.
			want := math.Exp(float64(v))
			relative := 2 + 1.3*math.Abs(float64(v))
			bound := want * relative * u
			if s.rounds {
				bound *= 2
			}
			if v < -87.3 {
				bound = 0x1.1p-126
			}
			e := math.Abs(float64(row[1]) - want)
			if !(e <= bound) {
				require.LessOrEqualf(t, e, bound, "%s exp(%v) = %v", s.name, v, row[1])
			}
			if v > -87 {
				worst = max(worst, e/want/(relative*u))
			}
		}
		t.Logf("%s exp: %.2f of the bound", s.name, worst)
	}
}

func TestReductionBounds(t *testing.T) {
	const eps = 1e-5
	for n := 1; n < 300; n++ {
		x, add, gamma, beta := normals(1, n), normals(2, n), normals(3, n), normals(4, n)
		size := float64(n)
		var mean, variance, square, largest float64
		v := make([]float64, n)
		peak := math.Inf(-1)
		for i := range v {
			v[i] = float64(x[i]) + float64(add[i])
			mean += v[i] / size
			square += float64(x[i]) * float64(x[i]) / size
			largest = max(largest, math.Abs(v[i]))
			peak = max(peak, float64(x[i]))
		}
		for _, a := range v {
			variance += (a - mean) * (a - mean) / size
		}
		root, rms := 1/math.Sqrt(variance+eps), 1/math.Sqrt(square+eps)
		for _, s := range sets {
			got := make([]float32, n)
			s.LayerNorm(got, x, add, gamma, beta, eps)
			for i, y := range got {
				d, scale := (v[i]-mean)*root, math.Abs(float64(gamma[i]))
				want := d*float64(gamma[i]) + float64(beta[i])
				// n/16 + 6 additions in the mean, of numbers up to the largest; the
				// variance takes on as many relatively, half of them after the root.
				terms := size/16 + 6
				bound := u * (scale*(2*terms*largest*root+terms*math.Abs(d)) + 2*math.Abs(want) + math.Abs(float64(beta[i])))
				require.InDeltaf(t, want, y, bound, "%s layer norm of %d, element %d", s.name, n, i)
			}
			s.RMSNorm(got, x, gamma, eps)
			for i, y := range got {
				want := float64(x[i]) * rms * float64(gamma[i])
				// n/16 + 6 in the sum, half of them after the root, which is rounded, as
				// are its inverse and two products.
				require.InDeltaf(t, want, y, math.Abs(want)*u*(size/32+8), "%s RMS norm of %d, element %d", s.name, n, i)
			}
			for _, scale := range []float32{0.125, 1, 30} {
				total := 0.0
				for _, v := range x {
					total += math.Exp((float64(v) - peak) * float64(scale))
				}
				got := clone(x)
				s.Softmax(got, scale)
				for i, y := range got {
					z := (float64(x[i]) - peak) * float64(scale)
					want := math.Exp(z) / total
					// The exponent has 3.3u|z|, exp 4u, the sum n/16 + 4
					// and its terms as the numerator, inverse and product 2u.
					require.InDeltaf(t, want, y, want*(3.3*math.Abs(z)+14+size/16)*u+0x1p-125, "%s softmax of %d, element %d", s.name, n, i)
				}
			}
		}
	}
}

// TestReductionsOfSpecialValues feeds numbers of every kind through the
// reductions of all SIMD sets.
func TestReductionsOfSpecialValues(t *testing.T) {
	all := spread(1 << 16)
	rng := rand.New(rand.NewPCG(5, 6))
	for n := 1; n < 120; n++ {
		for range 20 {
			x, add, y := make([]float32, n), make([]float32, n), normals(9, n)
			for i := range x {
				x[i], add[i] = all[rng.IntN(len(all))], all[rng.IntN(len(all))]
			}
			var first [4][]float32
			for _, s := range simd() {
				got := [4][]float32{clone(x), clone(x), clone(x), clone(x)}
				s.LayerNorm(got[0], x, add, y, y, 1e-5)
				s.LayerNorm(got[1], x, nil, y, y, 1e-5)
				s.RMSNorm(got[2], x, y, 1e-5)
				s.Softmax(got[3], 2)
				for i := range got {
					if first[i] == nil {
						first[i] = got[i]
					}
					sameBits(t, first[i], got[i], "%s n=%d, kernel %d", s.name, n, i)
				}
			}
		}
	}
}

func TestVectorsOfSpecialValues(t *testing.T) {
	x := spread(1 << 18)
	y := make([]float32, len(x))
	for i, j := range rand.New(rand.NewPCG(7, 8)).Perm(len(x)) {
		y[i] = x[j]
	}
	negative := float32(math.Copysign(0, -1))
	for i := range 100 { // equal numbers, zeros of both signs
		x[i*991+1], y[i*991+1] = x[i*991], x[i*991]
		x[i*997], y[i*997] = 0, negative
		x[i*997+2], y[i*997+2] = negative, 0
	}
	axpy, product, larger, scaled := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for i, v := range x {
		axpy[i], product[i], larger[i], scaled[i] = fma32(v, 1.7, y[i]), v*y[i], max(v, y[i]), 1.7*y[i]
		if v == 0 && y[i] == 0 { // negative if one is
			larger[i] = -max(-v, -y[i])
		}
	}
	for _, s := range sets {
		for _, n := range []int{1, 7, 15, 40, len(x) - 1, len(x)} {
			got := clone(y[:n])
			s.Axpy(got, x[:n], 1.7)
			if !s.rounds {
				sameBits(t, axpy[:n], got, "%s axpy of %d", s.name, n)
			}
			got = clone(y[:n])
			s.Mul(got, x[:n])
			sameBits(t, product[:n], got, "%s mul of %d", s.name, n)
			got = clone(y[:n])
			s.Max(got, x[:n])
			sameBits(t, larger[:n], got, "%s max of %d", s.name, n)
			got = clone(y[:n])
			s.Scale(got, 1.7)
			sameBits(t, scaled[:n], got, "%s scale of %d", s.name, n)
		}
	}
}
