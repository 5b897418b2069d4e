package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// Each set against plain Go, whatever the lengths and the elements: sets that round have its
// bits, the others those of each other, and come as near to the exact result as plain Go does
// where elements are neither so large nor so small that its steps leave float32.

// repeated returns n float32s of data, which begins again where it ends.
func repeated(data []byte, n int) []float32 {
	x := make([]float32, n)
	if len(data) < 4 {
		return x
	}
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i%(len(data)&^3):]))
	}
	return x
}

// addElements adds seeds of normal numbers, of some that are zero, tiny, huge or not finite,
// and of all exponents.
func addElements(f *testing.F, add func(n int, data []byte)) {
	rng := rand.New(rand.NewPCG(91, 92))
	for i, x := range [][]float32{normals(6, 700), unusual(rng, 300), unusual(rng, 37), spread(1 << 11)[1400:], {0x1p-149}, {1, 2, -3}, nil} {
		data := []byte{}
		for _, v := range x {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		add([]int{70, 15, 16, 257, 1, 129, 33}[i], data)
	}
}

// moderate reports whether sums of products of x are of float32's normal numbers.
func moderate(x ...[]float32) bool {
	for _, v := range slices.Concat(x...) {
		if a := math.Abs(float64(v)); v != 0 && !(a >= 0x1p-30 && a <= 0x1p30) {
			return false
		}
	}
	return true
}

// agree runs f on each set: it requires the bits of plain Go of those that round, and of all
// others the same. It returns the results of plain Go, and of the others, nil where there
// are none.
func agree(t *testing.T, name string, among []*Set, f func(s *Set) []float32) (plainGo, fused []float32) {
	plainGo = f(&generic)
	for _, s := range among {
		switch got := f(s); {
		case s.rounds:
			sameBits(t, plainGo, got, "%s %s", s.name, name)
		case fused == nil:
			fused = got
		default:
			sameBits(t, fused, got, "%s %s", s.name, name)
		}
	}
	return plainGo, fused
}

// An element is an exact result and how far off it may be.
type element struct{ want, bound float64 }

// near requires results within their bounds.
func near(t *testing.T, name string, want []element, results ...[]float32) {
	for _, got := range results {
		for i, v := range got {
			if d := math.Abs(float64(v) - want[i].want); !(d <= want[i].bound) {
				require.Failf(t, "too far off", "%s: element %d: %v, expected %v within %v", name, i, v, want[i].want, want[i].bound)
			}
		}
	}
}

// FuzzRows is of norms, softmax, activations and sums of rows.
func FuzzRows(f *testing.F) {
	addElements(f, func(n int, data []byte) { f.Add(data, uint16(n), float32(0.3)) })
	f.Fuzz(func(t *testing.T, data []byte, length uint16, factor float32) {
		n := 1 + int(length)%1100
		x, add := repeated(data, n), repeated(data[len(data)/8*4:], n)
		gamma, beta := repeated(data[len(data)/12*4:], n), repeated(data[len(data)/16*4:], n)
		on := func(f func(s *Set, x []float32)) func(s *Set) []float32 {
			return func(s *Set) []float32 {
				x := clone(x)
				f(s, x)
				return x
			}
		}
		fine := moderate(x, add, gamma, beta)
		exact := func(f func(i int) (want, bound float64)) []element {
			list := make([]element, n)
			for i := range list {
				list[i].want, list[i].bound = f(i)
			}
			return list
		}
		const u = 0x1p-24

		agree(t, "layer norm", sets, on(func(s *Set, x []float32) { s.LayerNorm(x, x, add, gamma, beta, 1e-5) }))
		agree(t, "plain norm", sets, on(func(s *Set, x []float32) { s.LayerNorm(x, clone(x), nil, gamma, beta, 1e-5) }))
		rms, rmsFused := agree(t, "RMS norm", sets, on(func(s *Set, x []float32) { s.RMSNorm(x, x, gamma, 1e-5) }))
		if squares := 0.0; fine {
			for _, v := range x {
				squares += float64(v) * float64(v)
			}
			root := 1 / math.Sqrt(squares/float64(n)+1e-5)
			near(t, "RMS norm", exact(func(i int) (want, bound float64) {
				want = float64(x[i]) * root * float64(gamma[i])
				return want, math.Abs(want)*u*float64(n+10) + 0x1p-140
			}), rms, rmsFused)
		}
		if factor > 0 && factor <= math.MaxFloat32 {
			agree(t, "exponentials", sets, on(func(s *Set, x []float32) { x[0] += 0 * s.Exponentials(x, factor) }))
			soft, softFused := agree(t, "softmax", sets, on(func(s *Set, x []float32) { s.Softmax(x, factor) }))
			if largest, total := float64(slices.Max(x)), 0.0; fine && moderate([]float32{factor}) {
				for _, v := range x {
					total += math.Exp((float64(v) - largest) * float64(factor))
				}
				near(t, "softmax", exact(func(i int) (want, bound float64) {
					power := (float64(x[i]) - largest) * float64(factor)
					want = math.Exp(power) / total
					// Two roundings and n·ln 2 of a power that may be 88, as in functions; then 1e-38 is the least.
					return want, want*u*(16+4*min(-power, 100)+float64(n)) + 1e-36
				}), soft, softFused)
			}
		}
		elementwise := func(name string, run func(s *Set, x []float32), f func(i int) (want, bound float64)) {
			a, b := agree(t, name, sets, on(run))
			if fine {
				near(t, name, exact(f), a, b)
			}
		}
		elementwise("mul", func(s *Set, x []float32) { s.Mul(x, add) }, func(i int) (want, bound float64) {
			want = float64(x[i]) * float64(add[i])
			return want, math.Abs(want) * u
		})
		elementwise("max", func(s *Set, x []float32) { s.Max(x, add) }, func(i int) (want, bound float64) { return float64(max(x[i], add[i])), 0 })
		elementwise("axpy", func(s *Set, x []float32) { s.Axpy(x, add, 0.7) }, func(i int) (want, bound float64) {
			product := float64(add[i]) * float64(float32(0.7))
			return float64(x[i]) + product, (math.Abs(product) + math.Abs(float64(x[i])+product)) * 1.01 * u
		})
		agree(t, "scale", sets, on(func(s *Set, x []float32) { s.Scale(x, factor) }))
		a, b := agree(t, "largest", sets, func(s *Set) []float32 { return []float32{s.MaxAbs(x)} })
		if b != nil {
			sameBits(t, a, b, "largest")
		}
		if even := n / 2 * 2; even > 0 {
			a, b := agree(t, "rotate", sets, on(func(s *Set, x []float32) { s.Rotate(x[:even], add[:even]) }))
			if b != nil {
				sameBits(t, a, b, "rotate")
			}
		}
		for a := GELU; a <= QuickGELU; a++ {
			agree(t, a.String(), sets, on(func(s *Set, x []float32) { s.Activate(a, x, n, 1, n) }))
		}
		for _, f := range functions {
			run := on(func(s *Set, x []float32) { s.Activate(f.activation, x, n, 1, n) })
			for i, v := range run(&generic) {
				if v, got := float64(x[i]), float64(v); math.IsNaN(v) {
					require.Truef(t, math.IsNaN(got), "%v of NaN: %v", f.activation, got)
				} else if want := f.exact(v); !math.IsInf(v, 0) && !math.IsInf(want, 0) {
					require.LessOrEqualf(t, math.Abs(got-want), f.bound(v, want), "%v of %v: %v, expected %v", f.activation, v, got, want)
				}
			}
		}
	})
}

// FuzzProducts is of matrix products in each format.
func FuzzProducts(f *testing.F) {
	addElements(f, func(n int, data []byte) {
		f.Add(data, uint8(n), uint8(2*n), uint16(n*n), uint16(n)|uint16(len(data))<<13)
	})
	f.Fuzz(func(t *testing.T, data []byte, rows, cols uint8, terms, left uint16) {
		m, n, k := 1+int(rows)%18, 1+int(cols)%40, 1+int(terms)%300
		x, w := tensor.NewMatrix(m, k), tensor.NewMatrix(n, k)
		copy(x.Data, repeated(data, m*k))
		copy(w.Data, repeated(data[len(data)/8*4:], n*k))
		bias := repeated(data[len(data)/12*4:], n)
		fine := moderate(x.Data, w.Data, bias)
		outliers := randomOutliers(rand.New(rand.NewPCG(uint64(left), 1)), int(left)%9, k)
		for format := range Formats {
			among := sets
			if format == BFloat16 { // AMX has an order of its own, and the dot product zeros for tiny numbers
				among = slices.DeleteFunc(slices.Clone(sets), func(s *Set) bool {
					return !s.rounds && (!fine || s.products[format].block > 0)
				})
			}
			var columns []int
			if format == Int8 {
				columns = outliers
			}
			var results [2][]float32
			act := []Activation{Identity, GELU}[left>>15]
			results[0], results[1] = agree(t, format.String()+" "+act.String(), among, func(s *Set) []float32 {
				return selfProduct(s, format, x, w, bias, columns, act)
			})
			if format != Float32 || act != Identity || !fine {
				continue
			}
			exact := make([]element, m*n)
			for i := range m {
				for j := range n {
					sum, size := float64(bias[j]), math.Abs(float64(bias[j]))
					for l, v := range x.Row(i) {
						p := float64(v) * float64(w.Row(j)[l])
						sum += p
						size += math.Abs(p)
					}
					exact[i*n+j] = element{sum, size * float64(2*k+2) * 0x1p-24} // as in TestMultiplyAgainstFloat64
				}
			}
			near(t, "product", exact, results[:]...)
		}
	})
}

// FuzzVectors is of what finished embeddings are converted and compared by.
func FuzzVectors(f *testing.F) {
	addElements(f, func(n int, data []byte) { f.Add(data, uint16(n), uint8(n)) })
	f.Fuzz(func(t *testing.T, data []byte, length uint16, count uint8) {
		d, n := int(length)%1100, 1+int(count)%9
		query, r := repeated(data, d), testRows{floats: repeated(data[len(data)/8*4:], n*d), bytes: make([]byte, n*d), packed: make([]byte, n*((d+7)/8))}
		for i := range r.bytes {
			r.bytes[i] = byte(i)
			if len(data) > 0 {
				r.bytes[i] = data[i%len(data)]
			}
		}
		copy(r.packed, r.bytes)
		r.halves = make([]uint16, n*d)
		generic.ToFloat16(r.halves, r.floats)
		for _, sum := range floatSums {
			a, b := agree(t, sum.name, sets, func(s *Set) []float32 {
				dst := make([]float32, n)
				sum.kernel(s, dst, query, r)
				return dst
			})
			exact, fine := make([]element, n), moderate(query)
			for i := range exact {
				row := sum.row(r, i, d)
				fine = fine && moderate(row)
				for j, v := range row {
					term := sum.exact(float64(query[j]), float64(v))
					exact[i].want += term
					exact[i].bound += math.Abs(term) * 0x1p-24 * float64(d+6)
				}
			}
			if fine {
				near(t, sum.name, exact, a, b)
			}
		}
		for _, s := range sets[1:] {
			for _, flip := range []byte{0, Flip} {
				var results [2][]int32
				for i, s := range []*Set{&generic, s} {
					got, both := make([]int32, 2*n), make([]DotSquare, n)
					s.DotInt8(got[:n], r.bytes[:d], r.bytes, flip)
					s.SquareInt8(got[n:], r.bytes, d, flip)
					s.DotSquareInt8(both, r.bytes[:d], r.bytes, flip)
					hamming := make([]int32, n)
					s.Hamming(hamming, r.packed[:(d+7)/8], r.packed)
					results[i] = append(got, hamming...)
					for _, v := range both {
						results[i] = append(results[i], v.Dot, v.Square)
					}
				}
				require.Equal(t, results[0], results[1], "%s int8, flip %d", s.name, flip)
				var signs [2][]byte
				for i, s := range []*Set{&generic, s} {
					signs[i] = make([]byte, (d+7)/8)
					s.ToSigns(signs[i], query, flip)
				}
				require.Equal(t, signs[0], signs[1], "%s signs, flip %d", s.name, flip)
				if largest := s.MaxAbs(query); largest > 0 && largest <= math.MaxFloat32/127 {
					var codes [2][]byte
					for i, s := range []*Set{&generic, s} {
						codes[i] = make([]byte, 2*d)
						s.ToInt8(codes[i][:d], query, 127, largest, flip)
						s.ToRanges(codes[i][d:], query, slices.Repeat([]float32{-largest}, d), slices.Repeat([]float32{largest}, d), flip)
					}
					require.Equal(t, codes[0], codes[1], "%s int8 and ranges, flip %d", s.name, flip)
				}
			}
			halves := make([]uint16, n*d)
			s.ToFloat16(halves, r.floats)
			for i, h := range r.halves {
				require.True(t, h == halves[i] || r.floats[i] != r.floats[i], "%s: %v as float16: %#x, expected %#x", s.name, r.floats[i], halves[i], h)
			}
		}
	})
}
