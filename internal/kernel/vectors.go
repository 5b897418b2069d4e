package kernel

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/rhumb-go/rhumb/tensor"
)

// vectors are the loops over finished embeddings: their conversion to fewer
// bits, and the products of one with many. The conversions give the same
// results on every set, generic included, and take whole blocks of 16 elements.
type vectors struct {
	// maxBits returns the largest of the elements' bits, without the sign.
	maxBits func(x []float32) uint32
	// toInt8 writes dst = x·factor/divisor, rounded to the nearest integer, of two
	// the even one, exclusive or flip.
	toInt8 func(dst []byte, x []float32, factor, divisor float32, flip byte)
	// toRanges writes dst = ⌊(x-low)/step⌋ between 0 and 255, exclusive or flip,
	// with step = (high-low)/255, or 1 where that is 0.
	toRanges func(dst []byte, x, low, high []float32, flip byte)
	// toSigns writes the bits x > 0, eight a byte, the first one highest, exclusive or flip.
	toSigns func(dst []byte, x []float32, flip byte)
	// toFloat16 writes x as IEEE halves, rounded to nearest even.
	toFloat16 func(dst []uint16, x []float32)
	// fromHalves writes IEEE halves as float32s.
	fromHalves func(dst []float32, x []uint16)
	// fromInt8 writes int8s times scale.
	fromInt8 func(dst []float32, x []byte, scale float32)
	// fromSigns writes 1 for each bit, of eight a byte the highest first, else -1. dst has
	// eight elements for each of x.
	fromSigns func(dst []float32, x []byte)

	// Products of a float32 query with rows, see fourFloats. A step is 16 components:
	// 64, 32, 16 or 2 bytes of a row.
	dotFloat32, squareFloat32, distanceFloat32 fourFloats
	dotFloat16, squareFloat16, distanceFloat16 fourFloats
	dotBytes, dotSigns                         fourFloats

	// Products of bytes, exact, see fourInts.
	dotInt8, squareInt8, hamming fourInts
	int8Step                     int // bytes of a step of dotInt8, squareInt8 and dotSquareInt8

	// dotInt8 and squareInt8 in one, as fourInts; nil where a set has no loop for both.
	dotSquareInt8 func(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d DotSquare)
}

// Flip is what lies between an int8 and the uint8 of the same meaning, which is
// larger by 128: the highest bit.
const Flip = 0x80

// block is the elements that a conversion handles at once.
const block = 16

// MaxAbs returns the largest |x|, 0 where there is none. It is +Inf or a NaN
// where one of x is.
func (s *Set) MaxAbs(x []float32) float32 {
	var most uint32
	reads(x)
	for len(x) >= block {
		n := min(len(x), maxWork) &^ (block - 1)
		most = max(most, s.maxBits(x[:n]))
		x = x[n:]
	}
	return math.Float32frombits(max(most, maxBitsGeneric(x)))
}

// ToInt8 writes x·factor/divisor in float32, rounded to the nearest integer, of
// two the even one, which must lie within an int8. flip is 0 for int8, Flip for
// uint8. dst has the length of x.
func (s *Set) ToInt8(dst []byte, x []float32, factor, divisor float32, flip byte) {
	same("int8", len(dst), len(x))
	reads(x)
	writes(dst)
	for len(x) >= block {
		n := min(len(x), maxWork) &^ (block - 1)
		s.toInt8(dst[:n], x[:n], factor, divisor, flip)
		dst, x = dst[n:], x[n:]
	}
	toInt8Generic(dst, x, factor, divisor, flip)
}

// ToRanges writes ⌊(x-low)/step⌋ in float32, between 0 and 255, with
// step = (high-low)/255, or 1 where that is 0. flip is 0 for uint8, Flip for
// int8. All have the length of x.
func (s *Set) ToRanges(dst []byte, x, low, high []float32, flip byte) {
	same("ranges", len(dst), len(x), len(low), len(high))
	reads(x)
	reads(low)
	reads(high)
	writes(dst)
	for len(x) >= block {
		n := min(len(x), maxWork) &^ (block - 1)
		s.toRanges(dst[:n], x[:n], low[:n], high[:n], flip)
		dst, x, low, high = dst[n:], x[n:], low[n:], high[n:]
	}
	toRangesGeneric(dst, x, low, high, flip)
}

// ToSigns packs the bits x > 0, eight a byte, the first one highest, zeros after
// the last. flip is 0 for unsigned bytes, Flip for int8. dst has a byte for each
// eight of x.
func (s *Set) ToSigns(dst []byte, x []float32, flip byte) {
	same("signs", len(dst), (len(x)+7)/8)
	reads(x)
	writes(dst)
	for len(x) >= block {
		n := min(len(x), maxWork) &^ (block - 1)
		s.toSigns(dst[:n/8], x[:n], flip)
		dst, x = dst[n/8:], x[n:]
	}
	toSignsGeneric(dst, x, flip)
}

// ToFloat16 writes x as IEEE halves, rounded to nearest even; 65520 and more
// become an infinity. dst has the length of x.
func (s *Set) ToFloat16(dst []uint16, x []float32) {
	same("float16", len(dst), len(x))
	reads(x)
	writes(dst)
	for len(x) >= block {
		n := min(len(x), maxWork) &^ (block - 1)
		s.toFloat16(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
	toFloat16Generic(dst, x)
}

// Bytes returns the bytes of x, which they alias.
func Bytes[E ~int8 | ~uint8](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// Halves returns the bits of x, which they alias.
func Halves[E ~uint16](x []E) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// selfTestVectors holds the vectors of s against those of the generic set.
func selfTestVectors(s *Set) error {
	const n, d = 5, 150
	value := func(i int) float32 { return float32(math.Sin(float64(i)*1.3+0.2)) * 2 }
	query, rows := make([]float32, d), make([]float32, n*d)
	low, high := make([]float32, d), make([]float32, d)
	bytes, halves := make([]byte, n*d), make([]uint16, n*d)
	for i := range rows {
		rows[i], bytes[i] = value(i), byte(i*i*7+3)
	}
	for i := range query {
		query[i], low[i], high[i] = value(5000+i), -value(i)*value(i), 1+value(i)*value(i)
	}
	toFloat16Generic(halves, rows)
	for _, kernel := range []struct {
		name  string
		bound float64 // sums of 150 products of up to 4, or of up to 256 with bytes
		run   func(s *Set, dst []float32)
	}{
		{"largest", 0, func(s *Set, dst []float32) { dst[0] = s.MaxAbs(rows) }},
		{"int8", 0, func(s *Set, dst []float32) { b := make([]byte, d); s.ToInt8(b, query, 127, 2, 0); widen(dst, b) }},
		{"ranges", 0, func(s *Set, dst []float32) {
			b := make([]byte, d)
			s.ToRanges(b, query, low, high, Flip)
			widen(dst, b)
		}},
		{"signs", 0, func(s *Set, dst []float32) { b := make([]byte, (d+7)/8); s.ToSigns(b, query, 0); widen(dst, b) }},
		{"float16", 0, func(s *Set, dst []float32) { h := make([]uint16, d); s.ToFloat16(h, query); widen(dst, h) }},
		{"from float16", 0, func(s *Set, dst []float32) { s.FromFloat16(dst, halves[:d]) }},
		{"from int8", 0, func(s *Set, dst []float32) { s.FromInt8(dst, bytes[:d], 0.3) }},
		{"from signs", 0, func(s *Set, dst []float32) { s.FromSigns(dst, bytes[:(d+7)/8]) }},
		{"dot", 1e-3, func(s *Set, dst []float32) { s.DotFloat32(dst[:n], query, rows) }},
		{"squares", 1e-3, func(s *Set, dst []float32) { s.SquareFloat32(dst[:n], rows, d) }},
		{"distance", 1e-3, func(s *Set, dst []float32) { s.DistanceFloat32(dst[:n], query, rows) }},
		{"dot float16", 1e-3, func(s *Set, dst []float32) { s.DotFloat16(dst[:n], query, halves) }},
		{"squares float16", 1e-3, func(s *Set, dst []float32) { s.SquareFloat16(dst[:n], halves, d) }},
		{"distance float16", 1e-3, func(s *Set, dst []float32) { s.DistanceFloat16(dst[:n], query, halves) }},
		{"dot float32 with int8", 0.1, func(s *Set, dst []float32) { s.DotBytes(dst[:n], query, bytes, Flip) }},
		{"dot float32 with signs", 1e-3, func(s *Set, dst []float32) { s.DotSigns(dst[:n], query, bytes[:n*((d+7)/8)], 0) }},
		{"dot int8", 0, func(s *Set, dst []float32) {
			c := make([]int32, n)
			s.DotInt8(c, bytes[7:7+d], bytes, 0)
			widen(dst, c)
		}},
		{"squares int8", 0, func(s *Set, dst []float32) { c := make([]int32, n); s.SquareInt8(c, bytes, d, Flip); widen(dst, c) }},
		{"greatest products", 1e-3, func(s *Set, dst []float32) {
			m := s.NewMaxDots(s.PackQuery(tensor.Matrix{Rows: 1, Cols: d, Stride: d, Data: query}))
			m.Start()
			m.Add(tensor.Matrix{Rows: n, Cols: d, Stride: d, Data: rows})
			copy(dst, m.Best())
		}},
		{"dot int8 and squares", 0, func(s *Set, dst []float32) {
			both := make([]DotSquare, n)
			s.DotSquareInt8(both, bytes[7:7+d], bytes, Flip)
			for i, b := range both {
				dst[i], dst[n+i] = float32(b.Dot), float32(b.Square)
			}
		}},
		{"hamming", 0, func(s *Set, dst []float32) { c := make([]int32, n); s.Hamming(c, bytes[7:7+d], bytes); widen(dst, c) }},
	} {
		var want, got [d]float32
		kernel.run(&generic, want[:])
		kernel.run(s, got[:])
		for i := range want {
			if e := math.Abs(float64(want[i]) - float64(got[i])); !(e <= kernel.bound) {
				return fmt.Errorf("kernels %s: %s: element %d: found %v, expected %v", s.name, kernel.name, i, got[i], want[i])
			}
		}
	}
	return nil
}

func widen[E byte | uint16 | int32](dst []float32, x []E) {
	for i, v := range x {
		dst[i] = float32(v)
	}
}
