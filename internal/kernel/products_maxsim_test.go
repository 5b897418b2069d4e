//go:build unix

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// The greatest products are those of Multiply, bit for bit, whether rows are packed or
// not, and of generic within its bound of float64's.
func TestMaxDots(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	for _, k := range []int{1, 3, 16, 20, 96, 128, 131, 256, 515} {
		for _, n := range []int{1, 15, 16, 17, 31, 32, 33, 70} {
			for _, rows := range []int{1, 2, 5, 6, 13, 14, 15, 29, 60} {
				query, x := randomMatrix(rng, n, k, k), randomMatrix(rng, rows, k, k+rows%3)
				var first []float32
				for _, s := range sets {
					q := s.PackQuery(query)
					m := s.NewMaxDots(q)
					for range 2 { // the second time in used memory
						m.Start()
						m.Add(x.Slice(0, rows/2))
						m.Add(x.Slice(rows/2, rows))
						got := clone(m.Best())
						require.Len(t, got, n)
						sameBits(t, multiplied(s, q, x), got, "%s: %d vectors of %d with %d", s.name, rows, k, n)
						if s.rounds {
							for j, v := range got {
								want, size := math.Inf(-1), 0.0
								for i := range rows {
									dot, abs := 0.0, 0.0
									for c, a := range x.Row(i) {
										p := float64(a) * float64(query.Row(j)[c])
										dot, abs = dot+p, abs+math.Abs(p)
									}
									want, size = max(want, dot), max(size, abs)
								}
								require.InDelta(t, want, v, size*float64(k+1)*0x1p-23) // each of k roundings of a sum of at most size, and of a product
							}
							continue
						}
						if first == nil {
							first = got
						}
						sameBits(t, first, got, "%s and another set", s.name)
					}
				}
			}
		}
	}
}

// multiplied returns the greatest element of each column of x·q, by Multiply.
func multiplied(s *Set, q *Panels, x tensor.Matrix) []float32 {
	var rows Rows
	rows.Resize(s, x.Rows, q)
	for t := range rows.Tiles() {
		s.PackRows(&rows, t, x)
	}
	dst := tensor.NewMatrix(x.Rows, q.N)
	s.Multiply(dst, &rows, 0, rows.Tiles(), q, 0, q.Count(), 0, Identity)
	best := clone(dst.Row(0))
	for i := range dst.Rows {
		s.Max(best, dst.Row(i))
	}
	return best
}

// Vectors in fewer bits are those that they stand for; a NaN stays; none is added for none.
func TestMaxDotsFormats(t *testing.T) {
	rng := rand.New(rand.NewPCG(73, 74))
	for _, s := range sets {
		for _, k := range []int{5, 16, 24, 128} {
			const rows = 17
			q := s.PackQuery(randomMatrix(rng, 9, k, k))
			m := s.NewMaxDots(q)
			halves, bytes, scales := make([]uint16, rows*k), make([]byte, rows*k), make([]float32, rows)
			for i := range halves {
				halves[i], bytes[i] = uint16(rng.IntN(0x7c00))|uint16(rng.IntN(2))<<15, byte(rng.IntN(256))
			}
			size := (k + 7) / 8
			bits := make([]byte, rows*size)
			for i := range bits {
				bits[i] = byte(rng.IntN(256))
			}
			float, small, sign := tensor.NewMatrix(rows, k), tensor.NewMatrix(rows, k), tensor.NewMatrix(rows, k)
			fromHalvesGeneric(float.Data, halves)
			for i := range rows {
				scales[i] = rng.Float32()
				fromInt8Generic(small.Row(i), bytes[i*k:(i+1)*k], scales[i])
				fromSignsGeneric(sign.Row(i), bits[i*size:])
			}
			for _, c := range []struct {
				name string
				want tensor.Matrix
				add  func()
			}{
				{"float16", float, func() { m.AddFloat16(halves) }},
				{"int8", small, func() { m.AddInt8(bytes, scales) }},
				{"bits", sign, func() { m.AddSigns(bits) }},
				{"none", sign, func() {
					m.AddSigns(bits)
					m.AddSigns(nil)
					m.AddInt8(nil, nil)
					m.AddFloat16(nil)
					m.Add(sign.Slice(0, 0))
				}},
			} {
				m.Start()
				c.add()
				sameBits(t, multiplied(s, q, c.want), m.Best(), "%s: %s of %d", s.name, c.name, k)
			}
			small.Row(3)[k-1] = float32(math.NaN())
			m.Start()
			m.Add(small)
			for _, v := range m.Best() {
				require.True(t, v != v)
			}
			m.Start()
			for _, v := range m.Best() {
				require.Equal(t, float32(math.Inf(-1)), v)
			}
			require.Panics(t, func() { m.AddFloat16(halves[1:]) })
			require.Panics(t, func() { m.AddInt8(bytes[1:], scales) })
		}
	}
}

// Conversions to float32 are generic's, and those of the reference, for each value.
func TestWiden(t *testing.T) {
	const n = 1 << 16
	all, data := make([]uint16, n), make([]byte, 2*n)
	for i := range all {
		all[i], data[2*i], data[2*i+1] = uint16(i), byte(i), byte(i>>8)
	}
	want := make([]float32, n)
	require.NoError(t, tensor.Tensor{DType: tensor.F16, Shape: []int{n}, Data: data}.Float32s(want))
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	for _, s := range sets {
		got := make([]float32, n)
		s.FromFloat16(got, all)
		for i, v := range want {
			if v != v {
				require.True(t, got[i] != got[i], "%s: %#x", s.name, i)
			} else if math.Float32bits(v) != math.Float32bits(got[i]) {
				require.Equal(t, v, got[i], "%s: %#x", s.name, i)
			}
		}
		for _, scale := range []float32{1, 0.1, -3, 0, float32(math.Inf(1))} {
			want, got := make([]float32, 256), make([]float32, 256)
			for i := range want {
				want[i] = float32(int8(i)) * scale
			}
			s.FromInt8(got, bytes, scale)
			if !math.IsInf(float64(scale), 0) {
				sameBits(t, want, got, "%s: int8 times %v", s.name, scale)
			}
		}
		for length := range 8*256 + 1 {
			if length > 100 && length%97 != 0 && length != 8*256 {
				continue
			}
			got := make([]float32, length)
			s.FromSigns(got, bytes[:(length+7)/8])
			for i, v := range got {
				require.Equal(t, bytes[i/8]>>(7-i%8)&1 == 1, v == 1, "%s: bit %d of %d", s.name, i, length)
				require.Equal(t, float32(1), v*v)
			}
		}
	}
}

func TestWidenStaysWithinItsSlices(t *testing.T) {
	a, b := guard(t, 3000), guard(t, 3000)
	rng := rand.New(rand.NewPCG(75, 76))
	for _, s := range sets {
		for n := 1; n <= 70; n++ {
			a.each(make([]float32, n), func(dst []float32) {
				b.eachBytes(make([]byte, 2*n), func(x []byte) {
					s.FromFloat16(dst, unsafe.Slice((*uint16)(unsafe.Pointer(&x[0])), n))
				})
				b.eachBytes(make([]byte, n), func(x []byte) { s.FromInt8(dst, x, 2) })
				b.eachBytes(make([]byte, (n+7)/8), func(x []byte) { s.FromSigns(dst, x) })
			})
			q := s.PackQuery(randomMatrix(rng, 33, n, n))
			m := s.NewMaxDots(q)
			for _, rows := range []int{1, 3, 14, 15} {
				a.each(make([]float32, rows*n), func(x []float32) {
					m.Add(tensor.Matrix{Rows: rows, Cols: n, Stride: n, Data: x})
				})
				b.eachBytes(make([]byte, 2*rows*n), func(x []byte) {
					m.AddFloat16(unsafe.Slice((*uint16)(unsafe.Pointer(&x[0])), rows*n))
				})
				b.eachBytes(make([]byte, rows*n), func(x []byte) { m.AddInt8(x, make([]float32, rows)) })
				b.eachBytes(make([]byte, rows*((n+7)/8)), func(x []byte) { m.AddSigns(x) })
			}
		}
	}
}
