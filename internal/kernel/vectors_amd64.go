//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

var avx2Vectors = vectors{
	maxBits:   maxBitsAVX2,
	toInt8:    toInt8AVX2,
	toRanges:  toRangesAVX2,
	toSigns:   toSignsAVX2,
	toFloat16: toFloat16AVX2,

	fromHalves: fromHalvesAVX2,
	fromInt8:   fromInt8AVX2,
	fromSigns:  fromSignsAVX2,

	dotFloat32:      dotFloat32AVX2,
	squareFloat32:   squareFloat32AVX2,
	distanceFloat32: distanceFloat32AVX2,
	dotFloat16:      dotFloat16AVX2,
	squareFloat16:   squareFloat16AVX2,
	distanceFloat16: distanceFloat16AVX2,
	dotBytes:        dotBytesAVX2,
	dotSigns:        dotSignsAVX2,

	dotInt8:    dotInt8AVX2,
	squareInt8: squareInt8AVX2,
	hamming:    hammingAVX2,
	int8Step:   16,
}

// avx512Vectors are the loops of AVX2, which read memory as fast as it comes,
// and those that AVX-512 has instructions of its own for.
var avx512Vectors = func() vectors {
	v := avx2Vectors
	if cpu.X86.HasAVX512VNNI {
		v.dotInt8, v.squareInt8, v.int8Step = dotInt8VNNI, squareInt8VNNI, 64
		v.dotSquareInt8 = dotSquareInt8VNNI
	}
	if cpu.X86.HasAVX512VPOPCNTDQ && cpu.X86.HasAVX512VL {
		v.hamming = hammingVPOPCNTDQ
	}
	return v
}()

// The conversions read and write exactly the elements named, a multiple of 16.
// They require AVX2, toFloat16AVX2 also F16C.

// maxBitsAVX2 returns the largest of the elements' bits, without the sign.
//
//go:noescape
func maxBitsAVX2(x []float32) uint32

// toInt8AVX2 writes dst = x·factor/divisor, rounded to nearest even, exclusive or flip.
//
//go:noescape
func toInt8AVX2(dst []byte, x []float32, factor, divisor float32, flip byte)

// toRangesAVX2 writes dst = ⌊(x-low)/step⌋ between 0 and 255, exclusive or flip,
// with step = (high-low)/255, or 1 where that is 0.
//
//go:noescape
func toRangesAVX2(dst []byte, x, low, high []float32, flip byte)

// toSignsAVX2 writes the bits x > 0, eight a byte, the first one highest, exclusive or flip.
//
//go:noescape
func toSignsAVX2(dst []byte, x []float32, flip byte)

// toFloat16AVX2 writes x as IEEE halves, rounded to nearest even.
//
//go:noescape
func toFloat16AVX2(dst []uint16, x []float32)

// fromHalvesAVX2 writes IEEE halves as float32s.
func fromHalvesAVX2(dst []float32, x []uint16) {
	if len(x) > 0 {
		fromFloat16AVX2(&dst[0], (*byte)(unsafe.Pointer(&x[0])), len(x)/block)
	}
}

// fromInt8AVX2 writes int8s times scale.
//
//go:noescape
func fromInt8AVX2(dst []float32, x []byte, scale float32)

// fromSignsAVX2 writes 1 for each bit of x, of eight a byte the highest first, else -1.
//
//go:noescape
func fromSignsAVX2(dst []float32, x []byte)

// The products are those of fourFloats and fourInts. They require AVX2 and FMA,
// those of float16 also F16C, and the last two what their names say.

// dotFloat32AVX2 sums up query·row.
//
//go:noescape
func dotFloat32AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// squareFloat32AVX2 sums up row².
//
//go:noescape
func squareFloat32AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// distanceFloat32AVX2 sums up (row-query)².
//
//go:noescape
func distanceFloat32AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotFloat16AVX2 sums up query·row, row of halves.
//
//go:noescape
func dotFloat16AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// squareFloat16AVX2 sums up row², row of halves.
//
//go:noescape
func squareFloat16AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// distanceFloat16AVX2 sums up (row-query)², row of halves.
//
//go:noescape
func distanceFloat16AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotBytesAVX2 sums up query·row, row of int8 after the exclusive or with flip.
//
//go:noescape
func dotBytesAVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotSignsAVX2 sums up query where the row's bit is 1 after the exclusive or
// with flip, -query where it is 0.
//
//go:noescape
func dotSignsAVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotInt8AVX2 sums up query·row, both of int8 after the exclusive or with flip.
//
//go:noescape
func dotInt8AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// squareInt8AVX2 sums up row², row of int8 after the exclusive or with flip.
//
//go:noescape
func squareInt8AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// hammingAVX2 sums up the bits in which query and row differ.
//
//go:noescape
func hammingAVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// dotInt8VNNI is dotInt8AVX2 with steps of 64 bytes.
//
//go:noescape
func dotInt8VNNI(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// squareInt8VNNI is squareInt8AVX2 with steps of 64 bytes.
//
//go:noescape
func squareInt8VNNI(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// dotSquareInt8VNNI is dotInt8VNNI and squareInt8VNNI in one.
//
//go:noescape
func dotSquareInt8VNNI(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d DotSquare)

// hammingVPOPCNTDQ is hammingAVX2 with an instruction for it.
//
//go:noescape
func hammingVPOPCNTDQ(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
