package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// int8Variants are the sets, and those with the tiles of Int8 that other CPUs of
// their level use.
var int8Variants = slices.Clone(sets)

// with returns s under another name with another tile of Int8.
func with(s *Set, name string, p product) *Set {
	other := *s
	other.name = name
	other.products[Int8] = p
	return &other
}

func multiplyInt8(s *Set, dst, x, w tensor.Matrix, bias []float32, outliers []int) {
	var a Rows
	var b Panels
	b.ResizeInt8(w.Cols, w.Rows, outliers)
	for i := range b.data {
		b.data[i] = 7 // packing leaves nothing as it was
	}
	a.Resize(s, x.Rows, &b)
	for i := range a.data {
		a.data[i] = 7
	}
	for t := range a.Tiles() {
		s.PackRows(&a, t, x)
	}
	for p := range b.Count() {
		s.PackTransposed(&b, p, w.Slice(p*Panel, min((p+1)*Panel, w.Rows)))
	}
	copy(b.Bias, bias)
	s.Multiply(dst, &a, 0, a.Tiles(), &b, 0, b.Count(), 0, Identity)
}

// whole is a row or column in whole numbers, as products_int8.go says.
type whole struct {
	scale float32
	zero  int64
	terms []int64
}

func wholeRow(x []float32, outliers []int) whole {
	low, high := float32(0), float32(0)
	for j, v := range x {
		if !slices.Contains(outliers, j) {
			low, high = min(low, v), max(high, v)
		}
	}
	w := whole{scale: max((high-low)/255, 1/math.MaxFloat32), terms: make([]int64, len(x))}
	inverse := min(255/(high-low), math.MaxFloat32)
	w.zero = int64(math.RoundToEven(float64(-low * inverse)))
	for j, v := range x {
		if !slices.Contains(outliers, j) {
			w.terms[j] = min(int64(math.RoundToEven(float64(v*inverse)))+w.zero, 255) - w.zero
		}
	}
	return w
}

func wholeColumn(x []float32, outliers []int) whole {
	most := float32(0)
	for j, v := range x {
		if !slices.Contains(outliers, j) {
			most = max(most, v, -v)
		}
	}
	w := whole{scale: max(most/127, 1/math.MaxFloat32), terms: make([]int64, len(x))}
	for j, v := range x {
		if !slices.Contains(outliers, j) {
			w.terms[j] = int64(math.RoundToEven(float64(v * min(127/most, math.MaxFloat32))))
		}
	}
	return w
}

// randomOutliers returns so many columns of k, ascending.
func randomOutliers(rng *rand.Rand, n, k int) []int {
	columns := rng.Perm(k)[:min(n, k)]
	slices.Sort(columns)
	return columns
}

// Each set against whole numbers in int64: the SIMD sets step by step in float32
// behind them, generic within the bound of as many more roundings as it has.
func TestMultiplyInt8(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for n, shape := range append(shapes, [3]int{3, 5, 4096}) {
		m, n, k, outliers := shape[0], shape[1], shape[2], randomOutliers(rng, []int{0, 8, 1, 16, 4, 7}[n%6], shape[2])
		x, w := randomMatrix(rng, m, k, k+rng.IntN(5)), randomMatrix(rng, n, k, k+rng.IntN(5))
		for _, j := range outliers {
			for i := range m {
				x.Row(i)[j] *= 50
			}
		}
		for j, v := range x.Row(0) { // no value below 0
			x.Row(0)[j] = max(v, -v)
		}
		bias := randomMatrix(rng, 1, n, n).Data
		want, bound := tensor.NewMatrix(m, n), tensor.NewMatrix(m, n)
		for i := range m {
			a := wholeRow(x.Row(i), outliers)
			for j := range n {
				b := wholeColumn(w.Row(j), outliers)
				sum := int64(0)
				for l := range k {
					sum += a.terms[l] * b.terms[l]
				}
				y := fma32(float32(sum)*a.scale, b.scale, bias[j])
				size := math.Abs(float64(sum)*float64(a.scale)*float64(b.scale)) + math.Abs(float64(bias[j]))
				for _, o := range outliers {
					y = fma32(x.Row(i)[o], w.Row(j)[o], y)
					size += math.Abs(float64(x.Row(i)[o]) * float64(w.Row(j)[o]))
				}
				want.Row(i)[j], bound.Row(i)[j] = y, float32(float64(2*len(outliers)+6)*0x1p-24*size)
			}
		}
		for _, s := range int8Variants {
			got := randomMatrix(rng, m, n, n+rng.IntN(5))
			margin := clone(got.Data)
			multiplyInt8(s, got, x, w, bias, outliers)
			for i := range m {
				if !plain(s, Int8) {
					require.Equalf(t, bits(want.Row(i)), bits(got.Row(i)), "%s %v %v row %d", s.name, shape, outliers, i)
				}
				for j, v := range want.Row(i) {
					require.InDeltaf(t, v, got.Row(i)[j], float64(bound.Row(i)[j]), "%s %v [%d][%d]", s.name, shape, i, j)
				}
				if end := i*got.Stride + n; i+1 < m {
					require.Equalf(t, margin[end:(i+1)*got.Stride], got.Data[end:(i+1)*got.Stride], "%s %v wrote beside row %d", s.name, shape, i)
				}
			}
		}
	}
}

// Int8 is close to the product that it stands for: a term is half a step off at
// most, in rows and in columns.
func TestInt8IsCloseToTheProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 54))
	const m, n, k = 9, 40, 96
	outliers := []int{3, 50}
	x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
	for i := range m {
		x.Row(i)[3] *= 1000
	}
	for _, s := range int8Variants {
		got := tensor.NewMatrix(m, n)
		multiplyInt8(s, got, x, w, nil, outliers)
		for i := range m {
			a := wholeRow(x.Row(i), outliers)
			for j := range n {
				b := wholeColumn(w.Row(j), outliers)
				want, bound := 0.0, 0.0
				for l := range k {
					v, u := float64(x.Row(i)[l]), float64(w.Row(j)[l])
					want += v * u
					if l == 3 || l == 50 {
						bound += 1e-6 * math.Abs(v*u)
						continue
					}
					da, db := 0.51*float64(a.scale), 0.51*float64(b.scale)
					bound += da*math.Abs(u) + db*math.Abs(v) + da*db
				}
				require.InDelta(t, want, float64(got.Row(i)[j]), bound, s.name)
			}
		}
	}
}

// What cannot be a whole number makes its row NaN, and no other. Rows without a
// range, or with one that is at the end of float32's, are as exact as others.
func TestInt8OfUnusualRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(55, 56))
	const n, k = 40, 37
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	outliers := []int{5}
	w := randomMatrix(rng, n, k, k)
	for _, s := range int8Variants {
		for at := range k {
			x := randomMatrix(rng, 6, k, k)
			x.Row(1)[at], x.Row(2)[at], x.Row(3)[at] = nan, inf, -inf
			x.Row(4)[at], x.Row(4)[(at+1)%k] = math.MaxFloat32, -math.MaxFloat32
			got, want := tensor.NewMatrix(6, n), tensor.NewMatrix(6, n)
			multiplyInt8(s, got, x, w, nil, outliers)
			fine := x.Slice(0, 1)
			multiplyInt8(s, want.Slice(0, 1), fine, w, nil, outliers)
			require.Equal(t, bits(want.Row(0)), bits(got.Row(0)))
			for i := 1; i < 5; i++ {
				for _, v := range got.Row(i) {
					ok := v != v || v-v != 0
					require.Truef(t, ok || i == 4 && (at == 5 || (at+1)%k == 5), "%s: row %d, column %d: %v", s.name, i, at, v)
				}
			}
		}
		x := tensor.NewMatrix(4, k)
		for j := range k {
			x.Row(1)[j] = math.SmallestNonzeroFloat32 * float32(j)
			x.Row(2)[j] = 1e-38 * float32(j)
			x.Row(3)[j] = 1e30 * float32(j)
		}
		got := tensor.NewMatrix(4, n)
		multiplyInt8(s, got, x, w, nil, nil)
		for i := range 4 {
			for j := range n {
				want, size := 0.0, 0.0
				for l, v := range x.Row(i) {
					want += float64(v) * float64(w.Row(j)[l])
					size += math.Abs(float64(v) * float64(w.Row(j)[l]))
				}
				require.InDeltaf(t, want, float64(got.Row(i)[j]), 0.02*size+1e-42, "%s: row %d, column %d", s.name, i, j)
			}
		}
		for _, bad := range []float32{nan, inf, -inf} {
			w := randomMatrix(rng, 3, k, k)
			w.Row(1)[7] = bad
			got := tensor.NewMatrix(4, 3)
			multiplyInt8(s, got, x, w, nil, nil)
			require.NotEqual(t, got.Row(1)[1], got.Row(1)[1], "%s: a weight %v", s.name, bad)
		}
	}
}

// The bits of a row do not depend on the rows beside it, nor on the panels.
func TestInt8PartsEqualWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(57, 58))
	const m, n, k = 61, 100, 70
	outliers := []int{0, 9, 69}
	x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
	for _, s := range int8Variants {
		all := tensor.NewMatrix(m, n)
		multiplyInt8(s, all, x, w, nil, outliers)
		for _, rows := range []int{1, 2, 5, 13, 14, 15, 27, 40} {
			part := tensor.NewMatrix(rows, n)
			multiplyInt8(s, part, x.Slice(3, 3+rows), w, nil, outliers)
			require.Equalf(t, bits(all.Slice(3, 3+rows).Data), bits(part.Data), "%s, %d rows", s.name, rows)
		}
	}
}

// The loops read the elements that are kept, and no others: those at the ends lie
// beside pages that must not be touched.
func FuzzInt8Loops(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 0, 0, 128, 191, 1, 2, 3, 4}, uint16(0xfff5))
	f.Add(make([]byte, 300), uint16(1))
	f.Add([]byte{0, 0, 128, 63, 0, 0, 128, 191}, uint16(3))                                      // two halves that both round up: 256 is cut off
	f.Add([]byte{0, 0, 128, 127, 0, 0, 128, 191}, uint16(3))                                     // not finite
	f.Add([]byte{0, 0, 128, 127, 0, 0, 128, 191}, uint16(2))                                     // which is left out
	f.Add(bytes.Repeat([]byte{0, 0, 128, 63, 10, 0, 128, 191, 7, 0, 0, 65}, 17), uint16(0x7fff)) // groups without their last
	f.Fuzz(func(t *testing.T, data []byte, mask uint16) {
		n := min(len(data)/4, 200)
		if n == 0 {
			return
		}
		x := make([]float32, n)
		for j := range x {
			x[j] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*j:]))
		}
		groups := roundUp(n, 16) / 16
		kept := make([]uint16, groups)
		for j := range n {
			kept[j/16] |= mask & (1 << (j % 16))
		}
		lowest, highest := generic.extremes(&x[0], &kept[0], groups)
		scale, inverse := int8Steps(highest-lowest, 255)
		zero := int32(math.RoundToEven(float64(float32(-lowest * inverse))))
		want := make([]byte, 16*groups)
		generic.quantize(&want[0], 16, &x[0], &kept[0], groups, inverse, zero)
		for _, s := range sets {
			low, high := s.extremes(&x[0], &kept[0], groups)
			if highest != highest {
				require.NotEqual(t, high, high, s.name)
				require.NotEqual(t, scale, scale)
				continue
			}
			require.Equal(t, lowest, low, s.name)
			require.Equal(t, highest, high, s.name)
			got := make([]byte, 16*groups)
			s.quantize(&got[0], 16, &x[0], &kept[0], groups, inverse, zero)
			require.Equal(t, want, got, s.name)
		}
	})
}

func TestInt8ContractBreaksPanic(t *testing.T) {
	for _, outliers := range [][]int{{-1}, {8}, {3, 3}, {4, 2}} {
		require.Panics(t, func() { new(Panels).ResizeInt8(8, 4, outliers) }, fmt.Sprint(outliers))
	}
	require.Panics(t, func() { new(Panels).ResizeInt8(MaxInt8Terms+1, 1, nil) })
}

func BenchmarkMultiplyInt8(b *testing.B) {
	rng := rand.New(rand.NewPCG(59, 60))
	for _, s := range int8Variants[1:] {
		if s == modeled {
			continue
		}
		for _, nk := range [][2]int{{384, 384}, {1536, 384}, {384, 1536}, {768, 3072}} {
			for _, m := range []int{1, 16, 128, 256} {
				n, k := nk[0], nk[1]
				x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
				var a Rows
				var p Panels
				p.ResizeInt8(k, n, randomOutliers(rng, 8, k))
				for i := range p.Count() {
					s.PackTransposed(&p, i, w.Slice(i*Panel, min((i+1)*Panel, n)))
				}
				dst := tensor.NewMatrix(m, n)
				b.Run(fmt.Sprintf("%s/k=%d/n=%d/m=%d", s.name, k, n, m), func(b *testing.B) {
					for b.Loop() {
						a.Resize(s, m, &p)
						for t := range a.Tiles() {
							s.PackRows(&a, t, x)
						}
						s.Multiply(dst, &a, 0, a.Tiles(), &p, 0, p.Count(), 0, Identity)
					}
					b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

func BenchmarkPackInt8Rows(b *testing.B) {
	rng := rand.New(rand.NewPCG(61, 62))
	for _, k := range []int{384, 1536} {
		const m = 128
		x := randomMatrix(rng, m, k, k)
		for _, s := range simd() {
			b.Run(fmt.Sprintf("%s/k=%d", s.name, k), func(b *testing.B) {
				var a Rows
				var p Panels
				p.ResizeInt8(k, Panel, randomOutliers(rng, 8, k))
				for b.Loop() {
					a.Resize(s, m, &p)
					for t := range a.Tiles() {
						s.PackRows(&a, t, x)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*m*k), "ns/element")
			})
		}
	}
}
