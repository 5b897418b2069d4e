//go:build unix

package kernel

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// eachBytes is each for any elements, which are given as bytes.
func (g guarded) eachBytes(x []byte, f func(x []byte)) {
	all := unsafe.Slice((*byte)(unsafe.Pointer(&g.words[0])), 4*len(g.words))
	for _, at := range []int{0, len(all) - len(x)} {
		s := all[at : at+len(x) : at+len(x)]
		copy(s, x)
		f(s)
	}
}

func TestConversionsStayWithinTheirSlices(t *testing.T) {
	a, b, c, d := guard(t, 200), guard(t, 200), guard(t, 200), guard(t, 200)
	for _, s := range sets {
		for n := 1; n <= 70; n++ {
			x := normals(uint64(n), n)
			a.each(x, func(x []float32) {
				require.Equal(t, (&generic).MaxAbs(x), s.MaxAbs(x))
				d.eachBytes(make([]byte, n), func(dst []byte) {
					s.ToInt8(dst, x, 1, 1, 0)
					b.each(x, func(low []float32) {
						c.each(x, func(high []float32) { s.ToRanges(dst, x, low, high, 0) })
					})
				})
				d.eachBytes(make([]byte, (n+7)/8), func(dst []byte) { s.ToSigns(dst, x, 0) })
				d.eachBytes(make([]byte, 2*n), func(dst []byte) {
					s.ToFloat16(unsafe.Slice((*uint16)(unsafe.Pointer(&dst[0])), n), x)
				})
			})
		}
	}
}

func TestSumsStayWithinTheirSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(55, 56))
	a, b := guard(t, 200), guard(t, 2000)
	for _, s := range sets {
		for d := 1; d <= 130; d++ {
			n := 1 + d%6
			query, rows := normals(1, d), randomRows(rng, n, d)
			dst, counts := make([]float32, n), make([]int32, n)
			a.each(query, func(query []float32) {
				b.each(rows.floats, func(r []float32) {
					s.DotFloat32(dst, query, r)
					s.SquareFloat32(dst, r, d)
					s.DistanceFloat32(dst, query, r)
				})
				b.eachBytes(make([]byte, 2*n*d), func(r []byte) {
					halves := unsafe.Slice((*uint16)(unsafe.Pointer(&r[0])), n*d)
					s.DotFloat16(dst, query, halves)
					s.SquareFloat16(dst, halves, d)
					s.DistanceFloat16(dst, query, halves)
				})
				b.eachBytes(rows.bytes, func(r []byte) { s.DotBytes(dst, query, r, 0) })
				b.eachBytes(rows.packed, func(r []byte) { s.DotSigns(dst, query, r, 0) })
			})
			a.eachBytes(rows.bytes[:d], func(query []byte) {
				b.eachBytes(rows.bytes, func(r []byte) {
					s.DotInt8(counts, query, r, 0)
					s.SquareInt8(counts, r, d, 0)
					s.DotSquareInt8(make([]DotSquare, n), query, r, 0)
					s.Hamming(counts, query, r)
				})
			})
		}
	}
}
