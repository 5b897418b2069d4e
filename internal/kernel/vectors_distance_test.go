package kernel

import (
	"fmt"
	"math"
	mathbits "math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the sums of floats add up: the row's component r with the query's q, to
// the partial sum. reference rounds as the SIMD sets do, exact not at all.
var floatSums = []struct {
	name      string
	kernel    func(s *Set, dst, query []float32, rows testRows)
	row       func(rows testRows, i, d int) []float32
	reference func(sum, q, r float32) float32
	exact     func(q, r float64) float64
}{
	{"dot", func(s *Set, dst, q []float32, r testRows) { s.DotFloat32(dst, q, r.floats) }, testRows.float32s, dot32, dot64},
	{"square", func(s *Set, dst, q []float32, r testRows) { s.SquareFloat32(dst, r.floats, len(q)) }, testRows.float32s, square32, square64},
	{"distance", func(s *Set, dst, q []float32, r testRows) { s.DistanceFloat32(dst, q, r.floats) }, testRows.float32s, distance32, distance64},
	{"dot float16", func(s *Set, dst, q []float32, r testRows) { s.DotFloat16(dst, q, r.halves) }, testRows.float16s, dot32, dot64},
	{"square float16", func(s *Set, dst, q []float32, r testRows) { s.SquareFloat16(dst, r.halves, len(q)) }, testRows.float16s, square32, square64},
	{"distance float16", func(s *Set, dst, q []float32, r testRows) { s.DistanceFloat16(dst, q, r.halves) }, testRows.float16s, distance32, distance64},
	{"dot int8", func(s *Set, dst, q []float32, r testRows) { s.DotBytes(dst, q, r.bytes, 0) }, testRows.int8s, dot32, dot64},
	{"dot uint8", func(s *Set, dst, q []float32, r testRows) { s.DotBytes(dst, q, r.bytes, Flip) }, testRows.uint8s, dot32, dot64},
	{"dot ubinary", func(s *Set, dst, q []float32, r testRows) { s.DotSigns(dst, q, r.packed, 0) }, testRows.ubinary, dot32, dot64},
	{"dot binary", func(s *Set, dst, q []float32, r testRows) { s.DotSigns(dst, q, r.packed, Flip) }, testRows.binary, dot32, dot64},
}

func dot32(sum, q, r float32) float32      { return fma32(q, r, sum) }
func square32(sum, _, r float32) float32   { return fma32(r, r, sum) }
func distance32(sum, q, r float32) float32 { return fma32(r-q, r-q, sum) }
func dot64(q, r float64) float64           { return q * r }
func square64(_, r float64) float64        { return r * r }
func distance64(q, r float64) float64      { return (r - q) * (r - q) }

// testRows are n rows of d random components in every form.
type testRows struct {
	floats        []float32
	halves        []uint16
	bytes, packed []byte
}

func randomRows(rng *rand.Rand, n, d int) testRows {
	r := testRows{make([]float32, n*d), make([]uint16, n*d), make([]byte, n*d), make([]byte, n*((d+7)/8))}
	for i := range r.floats {
		r.floats[i] = float32(rng.NormFloat64())
		r.bytes[i] = byte(rng.Uint32())
	}
	for i := range r.packed { // bits after the last component mean nothing
		r.packed[i] = byte(rng.Uint32())
	}
	toFloat16Generic(r.halves, r.floats)
	return r
}

func (r testRows) float32s(i, d int) []float32 { return r.floats[i*d:][:d] }

func (r testRows) float16s(i, d int) []float32 {
	row := make([]float32, d)
	for j := range row {
		row[j] = float32Of(r.halves[i*d+j])
	}
	return row
}

func (r testRows) int8s(i, d int) []float32 {
	row := make([]float32, d)
	for j := range row {
		row[j] = float32(int8(r.bytes[i*d+j]))
	}
	return row
}

func (r testRows) uint8s(i, d int) []float32 {
	row := make([]float32, d)
	for j := range row {
		row[j] = float32(r.bytes[i*d+j]) - 128
	}
	return row
}

func (r testRows) signs(i, d, offset int) []float32 {
	row := make([]float32, d)
	for j := range row {
		b := byte(int(r.packed[i*((d+7)/8)+j/8]) + offset)
		row[j] = float32(b>>(7-j%8)&1)*2 - 1
	}
	return row
}

func (r testRows) ubinary(i, d int) []float32 { return r.signs(i, d, 0) }
func (r testRows) binary(i, d int) []float32  { return r.signs(i, d, 128) }

func dimensions() []int {
	d := []int{384, 768, 1000, 1024, 4096}
	for i := range 150 {
		d = append(d, i)
	}
	return d
}

// TestFloatSums holds SIMD sets against steps that are rounded one by one, bit
// for bit, and every set against float64.
func TestFloatSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	for _, d := range dimensions() {
		n := 1 + rng.IntN(9)
		query := normals(uint64(d), d)
		rows := randomRows(rng, n, d)
		for _, f := range floatSums {
			want, exact, size := make([]float32, n), make([]float64, n), make([]float64, n)
			for i := range n {
				var sum [16]float32
				for j, r := range f.row(rows, i, d) {
					sum[j%16] = f.reference(sum[j%16], query[j], r)
					e := f.exact(float64(query[j]), float64(r))
					exact[i] += e
					size[i] += math.Abs(e)
				}
				for half := 8; half > 0; half /= 2 {
					for j := range half {
						sum[j] += sum[j+half]
					}
				}
				want[i] = sum[0]
			}
			for _, s := range sets {
				got := make([]float32, n)
				f.kernel(s, got, query, rows)
				if !s.rounds {
					sameBits(t, want, got, "%s %s of %d×%d", s.name, f.name, n, d)
				}
				for i := range got {
					// A term takes part in d/16+1 additions and 4 of the tree, and has
					// three roundings of its own: product, and difference twice. generic has
					// blocks of 256 with 4 partial sums at least, the blocks and the tail.
					additions := d/16 + 1 + 4
					if s.rounds {
						additions = min(d, 256)/4 + 2 + d/256 + 2
					}
					bound := size[i] * u * float64(additions+3)
					require.InDeltaf(t, exact[i], got[i], bound, "%s %s of %d×%d, row %d", s.name, f.name, n, d, i)
				}
			}
		}
	}
}

// TestIntSums holds every set against plain loops: integers are exact.
func TestIntSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 54))
	for _, d := range append(dimensions(), MaxDimensions) {
		n := 1 + rng.IntN(9)
		query := randomRows(rng, 1, d).bytes
		rows := randomRows(rng, n, d).bytes
		if d%3 == 0 || d == MaxDimensions { // the largest sums
			for i := range rows {
				rows[i] = 0x80
			}
			clear(query)
			for i := range query {
				query[i] = 0x80
			}
		}
		for _, flip := range []byte{0, Flip} {
			var dot, square, hamming []int32
			for i := range n {
				var a, b, c int64
				for j, q := range query {
					r := rows[i*d+j]
					a += int64(int8(q^flip)) * int64(int8(r^flip))
					b += int64(int8(r^flip)) * int64(int8(r^flip))
					c += int64(mathbits.OnesCount8(q ^ r))
				}
				dot, square, hamming = append(dot, int32(a)), append(square, int32(b)), append(hamming, int32(c))
				require.True(t, a == int64(int32(a)) && b == int64(int32(b)))
			}
			for _, s := range sets {
				got := make([]int32, n)
				s.DotInt8(got, query, rows, flip)
				require.Equalf(t, dot, got, "%s dot of %d×%d, flip %d", s.name, n, d, flip)
				s.SquareInt8(got, rows, d, flip)
				require.Equalf(t, square, got, "%s square of %d×%d, flip %d", s.name, n, d, flip)
				both := make([]DotSquare, n)
				s.DotSquareInt8(both, query, rows, flip)
				for i := range both {
					require.Equalf(t, DotSquare{dot[i], square[i]}, both[i], "%s dot and square of %d×%d, flip %d", s.name, n, d, flip)
				}
				s.Hamming(got, query, rows)
				require.Equalf(t, hamming, got, "%s hamming of %d×%d", s.name, n, d)
			}
		}
	}
}

func BenchmarkRows(b *testing.B) {
	const d, n = 384, 4096
	rng := rand.New(rand.NewPCG(1, 1))
	rows := randomRows(rng, n, d)
	query := normals(1, d)
	dst, counts, both := make([]float32, n), make([]int32, n), make([]DotSquare, n)
	for _, s := range sets {
		run := func(name string, bytes int, f func()) {
			b.Run(fmt.Sprintf("%s/%s", name, s.name), func(b *testing.B) {
				b.SetBytes(int64(bytes))
				for b.Loop() {
					f()
				}
			})
		}
		run("dot float32", 4*n*d, func() { s.DotFloat32(dst, query, rows.floats) })
		run("distance float32", 4*n*d, func() { s.DistanceFloat32(dst, query, rows.floats) })
		run("dot float16", 2*n*d, func() { s.DotFloat16(dst, query, rows.halves) })
		run("dot int8", n*d, func() { s.DotInt8(counts, rows.bytes[:d], rows.bytes, 0) })
		run("dot int8 and squares", n*d, func() { s.DotSquareInt8(both, rows.bytes[:d], rows.bytes, 0) })
		run("square int8", n*d, func() { s.SquareInt8(counts, rows.bytes, d, 0) })
		run("hamming", n*d/8, func() { s.Hamming(counts, rows.packed[:d/8], rows.packed) })
		run("dot signs", n*d/8, func() { s.DotSigns(dst, query, rows.packed, 0) })
		run("dot bytes", n*d, func() { s.DotBytes(dst, query, rows.bytes, 0) })
	}
}
