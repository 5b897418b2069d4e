package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"

	"github.com/rhumb-go/rhumb/tensor"
)

func randomMatrix(rng *rand.Rand, rows, cols, stride int) tensor.Matrix {
	m := tensor.Matrix{Rows: rows, Cols: cols, Stride: stride, Data: make([]float32, (rows-1)*stride+cols)}
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
	}
	return m
}

// multiply is the whole product x·wᵀ + bias through packing and tiles.
func multiply(s *Set, dst, x, w tensor.Matrix, bias []float32, act Activation) {
	multiplyIn(s, Float32, dst, x, w, bias, act)
}

func multiplyIn(s *Set, f Format, dst, x, w tensor.Matrix, bias []float32, act Activation) {
	selfMultiply(s, f, dst, x, w, bias, nil, act)
}

// variants are the sets, and modeled, one that a model of its CPU runs where there is
// such a model.
var variants, modeled = slices.Clone(sets), (*Set)(nil)

// setsAndFormats yields each variant with each format.
func setsAndFormats(yield func(*Set, Format) bool) {
	for _, s := range variants {
		for f := range Formats {
			if !yield(s, f) {
				return
			}
		}
	}
}

// plain reports whether s multiplies in format f as plain Go does.
func plain(s *Set, f Format) bool {
	return s.rounds || reflect.ValueOf(s.products[f].tile).Pointer() == reflect.ValueOf(generic.products[f].tile).Pointer()
}

var shapes = [][3]int{ // m, n, k
	{1, 1, 1}, {1, 32, 4}, {2, 31, 3}, {3, 33, 5}, {4, 16, 8}, {5, 17, 7}, {6, 15, 9}, {7, 48, 12}, {8, 64, 31}, {9, 8, 33},
	{10, 24, 64}, {11, 40, 2}, {12, 63, 6}, {13, 65, 10}, {14, 32, 96}, {15, 96, 20}, {29, 100, 50}, {57, 30, 30}, {112, 128, 384},
	{1, 33, 256}, {3, 20, 257}, {6, 32, 260}, {14, 31, 511}, {29, 70, 512}, {13, 17, 1030},
}

// Every SIMD set computes each element as a chain of exactly rounded multiply-adds
// over each SumTerms of k in order, and adds the chains in order and the bias last.
func TestMultiplyIsChainsOfFMAs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range shapes {
		m, n, k := shape[0], shape[1], shape[2]
		x := randomMatrix(rng, m, k, k+rng.IntN(5))
		w := randomMatrix(rng, n, k, k+rng.IntN(5))
		bias := randomMatrix(rng, 1, n, n).Data
		want := tensor.NewMatrix(m, n)
		for i := range m {
			for j := range n {
				part, sum := float32(0), float32(0)
				for l := range k {
					if l == SumTerms {
						part, sum = 0, part
					} else if l > 0 && l%SumTerms == 0 {
						part, sum = 0, sum+part
					}
					part = fma32(x.Row(i)[l], w.Row(j)[l], part)
				}
				if k > SumTerms {
					part = sum + part
				}
				want.Row(i)[j] = part + bias[j]
			}
		}
		for _, s := range sets {
			if s.rounds {
				continue
			}
			got := randomMatrix(rng, m, n, n+rng.IntN(5))
			margin := append([]float32(nil), got.Data...)
			multiply(s, got, x, w, bias, Identity)
			for i := range m {
				require.Equalf(t, bits(want.Row(i)), bits(got.Row(i)), "%s %v row %d", s.name, shape, i)
				if end := i*got.Stride + n; i+1 < m {
					require.Equalf(t, margin[end:(i+1)*got.Stride], got.Data[end:(i+1)*got.Stride], "%s %v wrote beside row %d", s.name, shape, i)
				}
			}
		}
	}
}

func bits(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

// Each set against float64. A chain of k rounded steps is within k·2⁻²⁴·Σ|a·b|
// of the exact sum (Higham, Accuracy and Stability, 3.1); one more for the bias.
func TestMultiplyAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, shape := range shapes {
		m, n, k := shape[0], shape[1], shape[2]
		x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
		wide := func(x tensor.Matrix, f func(float64) float64) *mat.Dense {
			d := mat.NewDense(x.Rows, x.Cols, nil)
			for i := range x.Rows {
				for j, v := range x.Row(i) {
					d.Set(i, j, f(float64(v)))
				}
			}
			return d
		}
		same := func(v float64) float64 { return v }
		var want, size mat.Dense
		want.Mul(wide(x, same), wide(w, same).T())
		size.Mul(wide(x, math.Abs), wide(w, math.Abs).T())
		for _, s := range sets {
			got := tensor.NewMatrix(m, n)
			multiply(s, got, x, w, nil, Identity)
			for i := range m {
				for j := range n {
					bound := float64(2*k+1) * 0x1p-24 * size.At(i, j) // generic rounds product and sum
					require.InDeltaf(t, want.At(i, j), float64(got.Row(i)[j]), bound, "%s %v [%d][%d]", s.name, shape, i, j)
				}
			}
		}
	}
}

// The bits of an element do not depend on which rows and columns are computed with it.
func TestMultiplyPartsEqualWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const m, n, k = 61, 100, 70
	x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
	bias := randomMatrix(rng, 1, n, n).Data
	for _, s := range sets {
		whole := tensor.NewMatrix(m, n)
		multiply(s, whole, x, w, bias, GELU)
		for i := range m {
			part := tensor.NewMatrix(1, n)
			multiply(s, part, x.Slice(i, i+1), w, bias, GELU)
			require.Equalf(t, bits(whole.Row(i)), bits(part.Row(0)), "%s row %d", s.name, i)
		}
		for _, rows := range []int{2, 5, 13, 14, 15, 27, 40} {
			part := tensor.NewMatrix(rows, n)
			multiply(s, part, x.Slice(3, 3+rows), w, bias, GELU)
			for i := range rows {
				require.Equalf(t, bits(whole.Row(3+i)), bits(part.Row(i)), "%s row %d of %d", s.name, i, rows)
			}
		}
	}
}

// Pack takes b as it is, PackTransposed its transpose: the panels are equal, and
// the same in every set.
// A product with some of the terms is one in which the others are zero.
func TestTermsAreAPartOfTheProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const m, n, k = 9, 70, 683
	x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
	for s, f := range setsAndFormats {
		if f == Int8 { // in which a term depends on the others
			continue
		}
		var whole Panels
		whole.Resize(f, k, n)
		for i := range whole.Count() {
			s.PackTransposed(&whole, i, w.Slice(i*Panel, min((i+1)*Panel, n)))
		}
		for _, span := range [][2]int{{0, k}, {0, 8}, {8, 32}, {16, k}, {40, k}, {0, 32}, {32, k}, {224, k}, {256, k}, {480, 640}} {
			if block := s.products[f].block; block > 0 && span[0]%(block*f.terms()) != 0 {
				continue // the terms of a block are summed by themselves
			}
			if span[0]%f.Group() != 0 || span[1] != k && span[1]%f.Group() != 0 {
				continue
			}
			zeroed, part := tensor.NewMatrix(m, k), tensor.NewMatrix(m, span[1]-span[0])
			for i := range m {
				copy(zeroed.Row(i)[span[0]:span[1]], x.Row(i)[span[0]:])
				copy(part.Row(i), zeroed.Row(i)[span[0]:])
			}
			want, got := tensor.NewMatrix(m, n), tensor.NewMatrix(m, n)
			multiplyIn(s, f, want, zeroed, w, nil, Identity)
			terms := whole.Terms(span[0], span[1])
			var rows Rows
			rows.Resize(s, m, &terms)
			for i := range rows.Tiles() {
				s.PackRows(&rows, i, part)
			}
			s.Multiply(got, &rows, 0, rows.Tiles(), &terms, 0, terms.Count(), 0, Identity)
			require.Equal(t, bits(want.Data), bits(got.Data), "%s %v %v", s.name, f, span)
		}
	}
}

func TestPackings(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, shape := range shapes {
		n, k := shape[1], shape[2]
		b := randomMatrix(rng, k, n, n+rng.IntN(3))
		w := tensor.NewMatrix(n, k)
		for i := range n {
			for j := range k {
				w.Row(i)[j] = b.Row(j)[i]
			}
		}
		for s, f := range setsAndFormats {
			var straight, transposed Panels
			straight.Resize(f, k, n)
			transposed.Resize(f, k, n)
			for i := range transposed.data {
				straight.data[i], transposed.data[i] = 7, 7
			}
			for p := range straight.Count() {
				s.Pack(&straight, p, b)
				s.PackTransposed(&transposed, p, w.Slice(p*Panel, min((p+1)*Panel, n)))
			}
			require.Equalf(t, bits(straight.data), bits(transposed.data), "%s %v %v", s.name, f, shape)
		}
	}
}

func TestContractBreaksPanic(t *testing.T) {
	s := Best()
	var a Rows
	var b Panels
	b.Resize(Float32, 8, 4)
	a.Resize(s, 4, &b)
	b.Resize(Float32, 9, 4)
	require.Panics(t, func() { s.Multiply(tensor.NewMatrix(4, 4), &a, 0, 1, &b, 0, 1, 0, Identity) })
	require.Panics(t, func() { s.PackRows(&a, 0, tensor.NewMatrix(3, 8)) })
	require.Panics(t, func() { s.Pack(&b, 0, tensor.NewMatrix(9, 5)) })
	require.Panics(t, func() { s.PackTransposed(&b, 0, tensor.NewMatrix(33, 9)) })
}

// The share is that of the peak of fused multiply-adds in float32.
func BenchmarkMultiply(b *testing.B) {
	rng := rand.New(rand.NewPCG(9, 10))
	for s, f := range setsAndFormats {
		if s == &generic || s == modeled {
			continue
		}
		peak := s.Peak(100e6)
		for _, nk := range [][2]int{{384, 384}, {1152, 384}, {1536, 384}, {384, 1536}, {768, 3072}, {4096, 1024}} {
			for _, m := range []int{1, 3, 8, 16, 32, 128, 256, 512} {
				n, k := nk[0], nk[1]
				x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
				var a Rows
				var p Panels
				p.Resize(f, k, n)
				for i := range p.Count() {
					s.PackTransposed(&p, i, w.Slice(i*Panel, min((i+1)*Panel, n)))
				}
				dst := tensor.NewMatrix(m, n)
				b.Run(fmt.Sprintf("%s/%v/k=%d/n=%d/m=%d", s.name, f, k, n, m), func(b *testing.B) {
					for b.Loop() {
						a.Resize(s, m, &p)
						for t := range a.Tiles() {
							s.PackRows(&a, t, x)
						}
						s.Multiply(dst, &a, 0, a.Tiles(), &p, 0, p.Count(), 0, Identity)
					}
					rate := 2 * float64(m) * float64(n) * float64(k) * float64(b.N) / b.Elapsed().Seconds()
					b.ReportMetric(rate/1e9, "GFLOP/s")
					b.ReportMetric(100*rate/peak, "%peak")
				})
			}
		}
	}
}

// gonum's portable product, for the ratio.
// Products in plain Go, of one tile and of many.
func BenchmarkMultiplyGeneric(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, f := range []Format{Float32, BFloat16, Int8} {
		for _, m := range []int{4, 64} {
			const n, k = 64, 384
			var rows Rows
			var p Panels
			p.Resize(f, k, n)
			w, x := randomMatrix(rng, n, k, k), randomMatrix(rng, m, k, k)
			for i := range p.Count() {
				generic.PackTransposed(&p, i, w.Slice(i*Panel, min((i+1)*Panel, n)))
			}
			rows.Resize(&generic, m, &p)
			for t := range rows.Tiles() {
				generic.PackRows(&rows, t, x)
			}
			dst := tensor.NewMatrix(m, n)
			b.Run(fmt.Sprintf("%v/m=%d", f, m), func(b *testing.B) {
				for b.Loop() {
					generic.Multiply(dst, &rows, 0, rows.Tiles(), &p, 0, p.Count(), 0, Identity)
				}
				b.ReportMetric(float64(2*m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkGonum(b *testing.B) {
	rng := rand.New(rand.NewPCG(11, 12))
	const m, n, k = 128, 384, 384
	x, w, dst := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k), tensor.NewMatrix(m, n)
	for b.Loop() {
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, x.General(), w.General(), 0, dst.General())
	}
	b.ReportMetric(2*m*n*k*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
