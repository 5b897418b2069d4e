package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// simd returns the sets with assembly.
func simd() (fused []*Set) {
	for _, s := range sets {
		if !s.rounds {
			fused = append(fused, s)
		}
	}
	return fused
}

// spread returns n float32s of every exponent and sign, and all special ones.
func spread(n int) []float32 {
	x := []float32{0, float32(math.Copysign(0, -1)), 1, -1, math.MaxFloat32, -math.MaxFloat32, 0x1p-149, -0x1p-149, 0x1p-126, -0x1p-126,
		float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for _, edge := range []float32{expLow, expHigh, phiHigh, tanhHigh, 87.68, 88.38, 88.72, 0.34657} {
		for _, v := range []float32{edge, -edge} {
			for i := -40; i <= 40; i++ {
				x = append(x, math.Float32frombits(uint32(int32(math.Float32bits(v))+int32(i))))
			}
		}
	}
	rng := rand.New(rand.NewPCG(21, 22))
	for len(x) < n {
		if len(x)%2 == 0 {
			x = append(x, math.Float32frombits(rng.Uint32()))
		} else {
			x = append(x, float32(rng.NormFloat64()*4))
		}
	}
	return x
}

// sameBits requires equal bits, or a NaN for a NaN.
func sameBits(t *testing.T, want, got []float32, format string, args ...any) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		if g := got[i]; math.Float32bits(w) != math.Float32bits(g) && (w == w || g == g) {
			require.Failf(t, "bits differ", "%s: element %d: %v (%#x), expected %v (%#x)", fmt.Sprintf(format, args...), i, g, math.Float32bits(g), w, math.Float32bits(w))
		}
	}
}

func clone(x []float32) []float32 { return append([]float32(nil), x...) }

// The steps of rows_amd64.h, each rounded once: what a SIMD set computes.

func exp32(x float32) float32 {
	if x < expLow {
		x = expLow
	}
	k := fma32(x, log2e, round127)
	n := k - round127
	r := fma32(-n, ln2High, x)
	r = fma32(-n, ln2Low, r)
	p := float32(exp6)
	for _, c := range []float32{exp5, exp4, exp3, exp2, 1, 1} {
		p = fma32(p, r, c)
	}
	return p * math.Float32frombits(math.Float32bits(k)<<23)
}

func logistic32(x, y float32) float32 {
	if y > expHigh {
		y = expHigh
	}
	e := exp32(y)
	return x / (1 + e)
}

func gelu32(x float32) float32 {
	a := float32(math.Abs(float64(x)))
	b := a
	if a > phiHigh {
		a = phiHigh
	}
	if x > 0 {
		b = a
	}
	y := float32(phi8)
	for _, c := range []float32{phi7, phi6, phi5, phi4, phi3, phi2, phi1, phi0} {
		y = fma32(y, a, c)
	}
	positive := x
	if x < 0 {
		positive = 0
	}
	return fma32(-power32(y), b, positive)
}

func power32(y float32) float32 {
	if y < powerLow {
		y = powerLow
	}
	k := y + round127
	f := y - (k - round127)
	p := float32(pow6)
	for _, c := range []float32{pow5, pow4, pow3, pow2, pow1, 1} {
		p = fma32(p, f, c)
	}
	return p * math.Float32frombits(math.Float32bits(k)<<23)
}

func tanh32(x float32) float32 {
	a := min(float32(math.Abs(float64(x))), tanhHigh)
	s := a * a
	p, q := float32(tanhP4), float32(tanhQ4)
	for _, c := range []float32{tanhP3, tanhP2, tanhP1, 1} {
		p = fma32(p, s, c)
	}
	for _, c := range []float32{tanhQ3, tanhQ2, tanhQ1, 1} {
		q = fma32(q, s, c)
	}
	p *= a
	return float32(math.Copysign(float64(min(p/q, 1)), float64(x)))
}

func relu32(x float32) float32 {
	if x < 0 {
		return 0
	}
	return x
}

// Each activation: the steps of a SIMD set, the function, and the bound of a
// set's error against it. The bounds are some units in the last place of the
// result, of float32 sums and products of values up to x.
var functions = []struct {
	activation Activation
	steps      func(x float32) float32
	exact      func(x float64) float64
	bound      func(x, y float64) float64
}{
	{GELU, gelu32, func(x float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 },
		func(x, _ float64) float64 { return 2e-7 * math.Max(1, math.Abs(x)) }},
	{GELUTanh, func(x float32) float32 {
		return logistic32(x, x*fma32(cubic3, x*x, cubic1))
	}, func(x float64) float64 { return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) },
		func(x, _ float64) float64 { return 5e-7 * math.Max(1, math.Abs(x)) }},
	{SiLU, func(x float32) float32 { return logistic32(x, -x) },
		func(x float64) float64 { return x / (1 + math.Exp(-x)) },
		// The generic set rounds n·ln 2, a number like x, before it is taken off x;
		// exp is +Inf beyond 88.38.
		func(x, y float64) float64 { return math.Abs(y)*(8+math.Abs(x))*0x1p-24 + 1e-36 }},
	{ReLU, relu32, func(x float64) float64 { return math.Max(x, 0) },
		func(_, _ float64) float64 { return 0 }},
	// Six roundings: the last two of either polynomial, a product and the quotient.
	{Tanh, tanh32, math.Tanh, func(_, y float64) float64 { return 6 * 0x1p-24 * math.Abs(y) }},
}

func TestActivationsTakeTheSameSteps(t *testing.T) {
	x := spread(1 << 17)
	for _, f := range functions {
		want := make([]float32, len(x))
		for i, v := range x {
			want[i] = f.steps(v)
		}
		for _, s := range simd() {
			got := clone(x)
			s.Activate(f.activation, got, len(x), 1, len(x))
			sameBits(t, want, got, "%s %v", s.name, f.activation)
		}
	}
}

// QuickGELU is SiLU between two products: its error is that of SiLU, four roundings more, and what
// the first of them moves SiLU.
func TestQuickGELU(t *testing.T) {
	var x []float32
	for i := range 1 << 19 {
		x = append(x, float32(i-1<<18)/(1<<13))
	}
	for _, s := range sets {
		got := clone(x)
		s.Activate(QuickGELU, got, len(x), 1, len(x))
		for i, v := range x {
			v := float64(v)
			want := v / (1 + math.Exp(-1.702*v))
			require.InDelta(t, want, got[i], math.Abs(want)*(14+5*math.Abs(v))*0x1p-24+1e-36, "%s: %v", s.name, v)
		}
	}
}

func TestSIMDSetsGiveTheSameBits(t *testing.T) {
	x := spread(1 << 20)
	for a := GELU; a <= QuickGELU; a++ {
		var want []float32
		for _, s := range simd() {
			got := clone(x)
			s.Activate(a, got, len(x), 1, len(x))
			if want != nil {
				sameBits(t, want, got, "%s %v", s.name, a)
			}
			want = got
		}
	}
}

func TestActivationsAgainstFloat64(t *testing.T) {
	x := spread(1 << 18)
	for _, f := range functions {
		exact := make([]float64, len(x))
		for i, v := range x {
			exact[i] = f.exact(float64(v))
		}
		for _, s := range sets {
			got := clone(x)
			s.Activate(f.activation, got, len(x), 1, len(x))
			worst := 0.0
			for i, v := range x {
				want := exact[i]
				switch {
				case math.IsNaN(float64(v)):
					require.Truef(t, math.IsNaN(float64(got[i])), "%s %v(NaN) = %v", s.name, f.activation, got[i])
				case math.IsInf(float64(v), -1) && math.IsNaN(float64(got[i])):
					// -Inf·0: documented
				case math.IsInf(want, 0):
					require.Equal(t, float32(want), got[i])
				default:
					d := math.Abs(float64(got[i]) - want)
					bound := f.bound(float64(v), want)
					if !(d <= bound) {
						require.LessOrEqualf(t, d, bound, "%s %v(%v) = %v, expected %v", s.name, f.activation, v, got[i], want)
					}
					if bound > 0 {
						worst = max(worst, d/bound)
					}
				}
			}
			t.Logf("%s %v: %.2f of the bound", s.name, f.activation, worst)
		}
	}
}

// A block of rows with a stride: the same as element by element, and nothing
// beside it is written.
func TestActivateBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for _, s := range sets {
		for _, rows := range []int{0, 1, 2, 14} {
			for cols := range 70 {
				ld := cols + rng.IntN(9)
				x := make([]float32, max(0, rows-1)*ld+cols)
				for i := range x {
					x[i] = float32(rng.NormFloat64() * 3)
				}
				want := clone(x)
				for i := range rows {
					for j := range cols {
						s.Activate(GELU, want[i*ld+j:], 1, 1, 1)
					}
				}
				s.Activate(GELU, x, ld, rows, cols)
				sameBits(t, want, x, "%s %d×%d, %d apart", s.name, rows, cols, ld)
			}
		}
	}
	long := spread(3*maxWork + 5)
	want := clone(long)
	for i := range want {
		Best().Activate(SiLU, want[i:], 1, 1, 1)
	}
	Best().Activate(SiLU, long, len(long), 1, len(long))
	sameBits(t, want, long, "%d elements", len(long))
}

func TestSpecialValuesAreNotLost(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, s := range sets {
		for _, n := range []int{1, 7, 16, 33, 40} {
			for at := range n {
				for _, bad := range []float32{nan, inf} {
					x := make([]float32, n)
					x[at] = bad
					soft := clone(x)
					s.Softmax(soft, 1)
					for i, v := range soft {
						require.NotEqualf(t, v, v, "%s softmax of %d with %v at %d: element %d", s.name, n, bad, at, i)
					}
					ones := make([]float32, n)
					for i := range ones {
						ones[i] = 1
					}
					norm := clone(x)
					s.LayerNorm(norm, norm, nil, ones, ones, 1)
					require.NotEqual(t, norm[at], norm[at])
				}
				x, y := make([]float32, n), make([]float32, n)
				x[at] = nan
				s.Max(x, y)
				require.NotEqual(t, x[at], x[at])
				x[at], y[at] = 0, nan
				s.Max(x, y)
				require.NotEqual(t, x[at], x[at])
			}
			masked := make([]float32, n)
			for i := 1; i < n; i++ {
				masked[i] = -inf
			}
			s.Softmax(masked, 0.5)
			require.Equal(t, float32(1), masked[0])
			for _, v := range masked[1:] {
				require.Zero(t, v)
			}
		}
	}
}

func TestElementwiseContracts(t *testing.T) {
	s, x := Best(), make([]float32, 8)
	require.Panics(t, func() { s.Axpy(x, x[1:], 1) })
	require.Panics(t, func() { s.Max(x, x[1:]) })
	require.Panics(t, func() { s.LayerNorm(x, x, nil, x[1:], x, 1) })
	require.Panics(t, func() { s.RMSNorm(x, x[1:], x, 1) })
	require.Panics(t, func() { s.Softmax(x, 0) })
	require.Panics(t, func() { s.Activate(GELU, x, 4, 3, 4) })
	require.Panics(t, func() { s.Activate(QuickGELU+1, x, 8, 1, 8) })
	s.Softmax(nil, 1)
	require.Zero(t, s.Exponentials(nil, 1))
}

func BenchmarkElementwise(b *testing.B) {
	const n = 1536
	for _, s := range sets {
		x := randomMatrix(rand.New(rand.NewPCG(1, 2)), 14, n, n)
		run := func(name string, f func(x []float32)) {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					f(x.Row(0))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
			})
		}
		for a := GELU; a <= QuickGELU; a++ {
			run(a.String(), func(x []float32) { s.Activate(a, x, n, 1, n) })
		}
		run("softmax", func(x []float32) { s.Exponentials(x, 1) })
		run("layernorm", func(y []float32) { s.LayerNorm(y, y, x.Row(1), x.Row(2), x.Row(3), 1) })
		b.Run(s.name+"/layernorms", func(b *testing.B) {
			const rows, cols = 13, 384
			m := tensor.Matrix{Rows: rows, Cols: cols, Stride: cols + 16, Data: make([]float32, rows*(cols+16))}
			for b.Loop() {
				s.LayerNorms(m, m, m, x.Row(2)[:cols], x.Row(3)[:cols], 1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(rows*cols), "ns/element")
		})
		run("rmsnorm", func(y []float32) { s.RMSNorm(y, y, x.Row(2), 1) })
		run("pack", func([]float32) {
			var r Rows
			r.data = x.Row(4)
			s.packTile(r.data, &r, tensor.Matrix{Rows: 12, Cols: n / 12, Stride: n / 12, Data: x.Row(5)})
		})
	}
}

// Rows together have the bits of each by itself, and nothing between them is written to.
func TestLayerNorms(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for _, s := range Sets() {
		for _, n := range []int{0, 1, 15, 16, 17, 48, 100, 384} {
			for rows := 1; rows < 10; rows++ {
				x, add := randomMatrix(rng, rows, n, n+3), randomMatrix(rng, rows, n, n+5)
				gamma, beta := randomMatrix(rng, 1, n, n).Data, randomMatrix(rng, 1, n, n).Data
				for kind := range 4 { // with add or without, in place or not
					from, more, got := x, add, tensor.Matrix{Rows: rows, Cols: n, Stride: n + 1, Data: make([]float32, rows*(n+1))}
					if kind%2 == 1 {
						more = tensor.Matrix{}
					}
					if kind/2 == 1 {
						from.Data = clone(x.Data)
						got = from
					}
					want := got
					want.Data = clone(got.Data)
					for i := range rows {
						var a []float32
						if more.Data != nil {
							a = more.Row(i)
						}
						s.LayerNorm(want.Row(i), x.Row(i), a, gamma, beta, 1e-5)
					}
					s.LayerNorms(got, from, more, gamma, beta, 1e-5)
					sameBits(t, want.Data, got.Data, "%s: %d×%d, %d", s.name, rows, n, kind)
				}
			}
		}
	}
}
