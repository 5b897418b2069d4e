package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// bitsOf returns what can be compared where words are no numbers.
func bitsOf(words []float32) []uint32 {
	bits := make([]uint32, len(words))
	for i, w := range words {
		bits[i] = math.Float32bits(w)
	}
	return bits
}

// Columns that were quantized before they are packed make the panels that their
// floats make, on every set.
func TestPackInt8(t *testing.T) {
	for _, s := range Sets() {
		for _, k := range []int{1, 15, 16, 17, 70, 128} {
			for _, rows := range []int{1, 5, Panel} {
				w := tensor.NewMatrix(rows, k)
				for i := range w.Data {
					w.Data[i] = float32(i*i%251) - 125.25
				}
				clear(w.Row(rows - 1))
				for _, outliers := range [][]int{nil, {0}, {k / 2}} {
					var want, got Panels
					want.ResizeInt8(k, rows, outliers)
					got.ResizeInt8(k, rows, outliers)
					for i := range got.data {
						got.data[i] = 7 // packing leaves nothing as it was
					}
					s.PackTransposed(&want, 0, w)
					codes, scales, kept := make([]byte, rows*k), make([]float32, rows), make([]float32, rows*len(outliers))
					for i := range rows {
						scales[i] = s.QuantizeInt8(&want, codes[i*k:][:k], kept[i*len(outliers):][:len(outliers)], w.Row(i))
					}
					s.PackInt8(&got, 0, codes, scales, kept)
					require.Equal(t, bitsOf(want.data), bitsOf(got.data), "%s: %d×%d, outliers %v", s.Name(), rows, k, outliers)
				}
			}
		}
		var p Panels
		p.ResizeInt8(20, 2, []int{3})
		require.Panics(t, func() { s.PackInt8(&p, 0, make([]byte, 39), make([]float32, 2), make([]float32, 2)) })
		require.Panics(t, func() { s.PackInt8(&p, 0, make([]byte, 40), make([]float32, 2), make([]float32, 1)) })
		require.Panics(t, func() { s.QuantizeInt8(&p, make([]byte, 20), make([]float32, 2), make([]float32, 20)) })
	}
}

// The sum of terms, eight at once, is that of one after the other.
func TestSumInt8(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 8, 16, 1016, 1024, 1032, 4096, 5000, 1 << 16} {
		b := make([]byte, n)
		for kind := range 3 {
			want := int32(0)
			for i := range b {
				b[i] = [3]byte{byte(random.Uint32()), 127, 128}[kind]
				want += int32(int8(b[i]))
			}
			require.Equal(t, want, sumInt8(b), n)
		}
	}
}

// A loop that packs a tile in one call writes the words that int8Loops do.
func TestPackInt8TileAsLoops(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	huge := math.MaxFloat32
	special := []float64{0, math.Copysign(0, -1), 1e-45, -1e-45, 1e-40, 1e-38, huge, -huge, huge / 300, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, s := range int8Variants {
		p := s.products[Int8]
		if p.packInt8 == nil {
			continue
		}
		p.packInt8 = nil
		loops := with(s, s.name, p)
		for _, k := range []int{1, 15, 16, 17, 48, 63, 64, 65, 384, 1000} {
			for m := range p.tileRows {
				m++
				x := randomMatrix(random, m, k, k+3)
				for i := range m {
					for range random.IntN(4) {
						x.Row(i)[random.IntN(k)] = float32(special[random.IntN(len(special))])
					}
					if random.IntN(8) == 0 {
						clear(x.Row(i))
						x.Row(i)[random.IntN(k)] = float32(special[random.IntN(len(special))])
					}
				}
				var b Panels
				b.ResizeInt8(k, Panel, randomOutliers(random, random.IntN(min(k, 9)), k))
				pack := func(s *Set) []float32 {
					var r Rows
					r.Resize(s, m, &b)
					for i := range r.data[:cap(r.data)] {
						r.data[:cap(r.data)][i] = 7
					}
					for i := range r.Tiles() {
						s.PackRows(&r, i, x)
					}
					for i, words := 0, r.steps*4; i < m; i++ { // of one tile
						if head := r.data[words*m+4*i:]; head[0] != head[0] {
							head[1] = 0 // whatever the zero point is, all is NaN
						}
					}
					return r.data[:cap(r.data)]
				}
				require.Equal(t, bitsOf(pack(loops)), bitsOf(pack(s)), "%s: %d×%d, outliers %d", s.name, m, k, b.Outliers)
			}
		}
	}
}
