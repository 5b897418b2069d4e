//go:build arm64 && !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// plainVectors are the loops that every arm64 CPU runs.
var plainVectors = vectors{
	maxBits:   maxBitsNEON,
	toInt8:    toInt8NEON,
	toRanges:  toRangesNEON,
	toSigns:   toSignsNEON,
	toFloat16: toFloat16NEON,

	fromHalves: fromHalvesNEON,
	fromInt8:   fromInt8NEON,
	fromSigns:  fromSignsNEON,

	dotFloat32:      dotFloat32NEON,
	squareFloat32:   squareFloat32NEON,
	distanceFloat32: distanceFloat32NEON,
	dotFloat16:      dotFloat16NEON,
	squareFloat16:   squareFloat16NEON,
	distanceFloat16: distanceFloat16NEON,
	dotBytes:        dotBytesNEON,
	dotSigns:        dotSignsNEON,

	dotInt8:    dotInt8NEON,
	squareInt8: squareInt8NEON,
	hamming:    hammingNEON,
	int8Step:   16,
}

// neonVectors are these and those that the CPU has instructions of its own for.
var neonVectors = func() vectors {
	v := plainVectors
	if cpu.ARM64.HasASIMDDP {
		v.dotInt8, v.squareInt8, v.int8Step = dotInt8SDOT, squareInt8SDOT, 64
	}
	return v
}()

// The conversions read and write exactly the elements named, a multiple of 16.

// maxBitsNEON returns the largest of the elements' bits, without the sign.
//
//go:noescape
func maxBitsNEON(x []float32) uint32

// toInt8NEON writes dst = x·factor/divisor, rounded to nearest even, exclusive or flip.
//
//go:noescape
func toInt8NEON(dst []byte, x []float32, factor, divisor float32, flip byte)

// toRangesNEON writes dst = ⌊(x-low)/step⌋ between 0 and 255, exclusive or flip,
// with step = (high-low)/255, or 1 where that is 0.
//
//go:noescape
func toRangesNEON(dst []byte, x, low, high []float32, flip byte)

// toSignsNEON writes the bits x > 0, eight a byte, the first one highest, exclusive or flip.
//
//go:noescape
func toSignsNEON(dst []byte, x []float32, flip byte)

// toFloat16NEON writes x as IEEE halves, rounded to nearest even.
//
//go:noescape
func toFloat16NEON(dst []uint16, x []float32)

// fromHalvesNEON writes IEEE halves as float32s.
//
//go:noescape
func fromHalvesNEON(dst []float32, x []uint16)

// fromInt8NEON writes int8s times scale.
//
//go:noescape
func fromInt8NEON(dst []float32, x []byte, scale float32)

// fromSignsNEON writes 1 for each bit of x, of eight a byte the highest first, else -1.
//
//go:noescape
func fromSignsNEON(dst []float32, x []byte)

// The products are those of fourFloats and fourInts. The last two require ASIMDDP.

// dotFloat32NEON sums up query·row.
//
//go:noescape
func dotFloat32NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// squareFloat32NEON sums up row².
//
//go:noescape
func squareFloat32NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// distanceFloat32NEON sums up (row-query)².
//
//go:noescape
func distanceFloat32NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotFloat16NEON sums up query·row, row of halves.
//
//go:noescape
func dotFloat16NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// squareFloat16NEON sums up row², row of halves.
//
//go:noescape
func squareFloat16NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// distanceFloat16NEON sums up (row-query)², row of halves.
//
//go:noescape
func distanceFloat16NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotBytesNEON sums up query·row, row of int8 after the exclusive or with flip.
//
//go:noescape
func dotBytesNEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotSignsNEON sums up query where the row's bit is 1 after the exclusive or
// with flip, -query where it is 0.
//
//go:noescape
func dotSignsNEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)

// dotInt8NEON sums up query·row, both of int8 after the exclusive or with flip.
//
//go:noescape
func dotInt8NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// squareInt8NEON sums up row², row of int8 after the exclusive or with flip.
//
//go:noescape
func squareInt8NEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// hammingNEON sums up the bits in which query and row differ.
//
//go:noescape
func hammingNEON(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// dotInt8SDOT is dotInt8NEON with steps of 64 bytes.
//
//go:noescape
func dotInt8SDOT(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)

// squareInt8SDOT is squareInt8NEON with steps of 64 bytes.
//
//go:noescape
func squareInt8SDOT(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
