package kernel

import (
	"encoding/binary"
	mathbits "math/bits"
	"unsafe"
)

// The functions of this file compute what fourFloats and fourInts say, in plain
// Go, rows one by one: with eight partial sums and without fused steps.

func dotFloat32Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumDot, float32s, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func dotFloat16Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumDot, float16s, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func dotBytesGeneric(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumDot, int8s, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func dotSignsGeneric(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumDot, signs, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func squareFloat32Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumSquare, float32s, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func squareFloat16Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumSquare, float16s, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func distanceFloat32Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumDistance, float32s, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func distanceFloat16Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	return fourFloatsGeneric(sumDistance, float16s, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func dotInt8Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32) {
	return fourIntsGeneric(sumDot, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func squareInt8Generic(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32) {
	return fourIntsGeneric(sumSquare, query, rows, stride, steps, tailQuery, tailRows, flip)
}

func hammingGeneric(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32) {
	return fourIntsGeneric(sumDistance, query, rows, stride, steps, tailQuery, tailRows, flip)
}

// A sum is what is added up of a query and a row.
type sum uint8

const (
	sumDot      sum = iota
	sumSquare       // of the row
	sumDistance     // the squares of differences, of bytes the bits that differ
)

// Elements of a row.
type elements uint8

const (
	float32s elements = iota
	float16s
	int8s
	signs
)

// stepBytes are the bytes of 16 components.
var stepBytes = [...]int{float32s: 64, float16s: 32, int8s: 16, signs: 2}

func fourFloatsGeneric(s sum, e elements, query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32) {
	var result [4]float32
	for i := range result {
		result[i] = s.floats(e, query, unsafe.Add(rows, i*stride), 16*steps, flip)
		if tailQuery != nil {
			result[i] += s.floats(e, tailQuery, unsafe.Add(tailRows, i*stepBytes[e]), 16, flip)
		}
		if stride == 0 {
			break
		}
	}
	return result[0], result[1], result[2], result[3]
}

// floats returns the sum of n components, a multiple of 16. The query may be of
// other elements where the sum does not use it.
func (s sum) floats(e elements, query, row unsafe.Pointer, n int, flip byte) (total float32) {
	var buffer [256]float32
	for from := 0; from < n; from += len(buffer) {
		r := buffer[:min(len(buffer), n-from)]
		at := unsafe.Add(row, from/16*stepBytes[e])
		switch e {
		case float32s:
			r = unsafe.Slice((*float32)(at), len(r))
		case float16s:
			for i, h := range unsafe.Slice((*uint16)(at), len(r)) {
				r[i] = float32Of(h)
			}
		case int8s:
			for i, b := range unsafe.Slice((*byte)(at), len(r)) {
				r[i] = float32(int8(b ^ flip))
			}
		case signs:
			for i, b := range unsafe.Slice((*byte)(at), len(r)/8) {
				b ^= flip
				for j := range 8 {
					r[8*i+j] = float32(int(b)>>(7-j)&1*2 - 1)
				}
			}
		}
		switch s {
		case sumDot:
			total += dotOf(unsafe.Slice((*float32)(unsafe.Add(query, 4*from)), len(r)), r)
		case sumSquare:
			total += dotOf(r, r)
		case sumDistance:
			total += distanceOf(unsafe.Slice((*float32)(unsafe.Add(query, 4*from)), len(r)), r)
		}
	}
	return total
}

// dotOf returns x·y, whose length is a multiple of 8.
func dotOf(x, y []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(x) >= 8 && len(y) >= 8 {
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
		s4 += float32(x[4] * y[4])
		s5 += float32(x[5] * y[5])
		s6 += float32(x[6] * y[6])
		s7 += float32(x[7] * y[7])
		x, y = x[8:], y[8:]
	}
	return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}

// distanceOf returns the sum of (y-x)², whose length is a multiple of 4.
func distanceOf(x, y []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(x) >= 4 && len(y) >= 4 {
		d0, d1, d2, d3 := y[0]-x[0], y[1]-x[1], y[2]-x[2], y[3]-x[3]
		s0 += float32(d0 * d0)
		s1 += float32(d1 * d1)
		s2 += float32(d2 * d2)
		s3 += float32(d3 * d3)
		x, y = x[4:], y[4:]
	}
	return (s0 + s2) + (s1 + s3)
}

func fourIntsGeneric(s sum, query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32) {
	var result [4]int32
	q := unsafe.Slice((*byte)(query), 16*steps)
	for i := range result {
		result[i] = s.bytes(q, unsafe.Slice((*byte)(unsafe.Add(rows, i*stride)), 16*steps), flip)
		if tailQuery != nil {
			result[i] += s.bytes(unsafe.Slice((*byte)(tailQuery), 16), unsafe.Slice((*byte)(unsafe.Add(tailRows, i*16)), 16), flip)
		}
		if stride == 0 {
			break
		}
	}
	return result[0], result[1], result[2], result[3]
}

// bytes returns the sum of x and y, whose length is a multiple of 8.
func (s sum) bytes(x, y []byte, flip byte) int32 {
	var s0, s1 int32
	switch s {
	case sumSquare:
		return sumDot.bytes(y, y, flip)
	case sumDistance:
		for len(x) >= 8 && len(y) >= 8 {
			s0 += int32(mathbits.OnesCount64(binary.LittleEndian.Uint64(x) ^ binary.LittleEndian.Uint64(y)))
			x, y = x[8:], y[8:]
		}
		return s0
	}
	for len(x) >= 8 && len(y) >= 8 {
		a, b := (*[8]byte)(x), (*[8]byte)(y)
		s0 += int32(int8(a[0]^flip))*int32(int8(b[0]^flip)) + int32(int8(a[1]^flip))*int32(int8(b[1]^flip))
		s1 += int32(int8(a[2]^flip))*int32(int8(b[2]^flip)) + int32(int8(a[3]^flip))*int32(int8(b[3]^flip))
		s0 += int32(int8(a[4]^flip))*int32(int8(b[4]^flip)) + int32(int8(a[5]^flip))*int32(int8(b[5]^flip))
		s1 += int32(int8(a[6]^flip))*int32(int8(b[6]^flip)) + int32(int8(a[7]^flip))*int32(int8(b[7]^flip))
		x, y = x[8:], y[8:]
	}
	return s0 + s1
}
