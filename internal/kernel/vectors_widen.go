package kernel

import "math"

// FromFloat16 writes IEEE halves as float32s, exactly but for signaling NaNs. dst has the
// length of x.
func (s *Set) FromFloat16(dst []float32, x []uint16) {
	same("from float16", len(dst), len(x))
	reads(x)
	writes(dst)
	for len(x) >= block {
		n := min(len(x), maxWork) &^ (block - 1)
		s.fromHalves(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
	fromHalvesGeneric(dst, x)
}

// FromInt8 writes each int8 of x times scale, rounded once. dst has the length of x.
func (s *Set) FromInt8(dst []float32, x []byte, scale float32) {
	same("from int8", len(dst), len(x))
	reads(x)
	writes(dst)
	for len(x) >= block {
		n := min(len(x), maxWork) &^ (block - 1)
		s.fromInt8(dst[:n], x[:n], scale)
		dst, x = dst[n:], x[n:]
	}
	fromInt8Generic(dst, x, scale)
}

// FromSigns writes 1 for each bit of x, of eight a byte the highest first, and -1 for each
// zero. x has a byte for each eight of dst.
func (s *Set) FromSigns(dst []float32, x []byte) {
	same("from signs", (len(dst)+7)/8, len(x))
	reads(x)
	writes(dst)
	for len(dst) >= block {
		n := min(len(dst), maxWork) &^ (block - 1)
		s.fromSigns(dst[:n], x[:n/8])
		dst, x = dst[n:], x[n/8:]
	}
	fromSignsGeneric(dst, x)
}

// fromHalvesGeneric writes IEEE halves as float32s.
func fromHalvesGeneric(dst []float32, x []uint16) {
	for i, h := range x {
		dst[i] = fromHalf(h)
	}
}

// fromHalf returns an IEEE half as a float32.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // denormal: an integer of 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*(1.0/(1<<24))))
	case 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// fromInt8Generic writes each int8 of x times scale.
func fromInt8Generic(dst []float32, x []byte, scale float32) {
	for i, b := range x {
		dst[i] = float32(int8(b)) * scale
	}
}

// fromSignsGeneric writes 1 for each bit of x, of eight a byte the highest first, and -1
// for each zero.
func fromSignsGeneric(dst []float32, x []byte) {
	for i := range dst {
		dst[i] = float32(x[i/8]>>(7-i%8)&1)*2 - 1
	}
}
