package kernel

import "math"

var genericVectors = vectors{
	maxBits:   maxBitsGeneric,
	toInt8:    toInt8Generic,
	toRanges:  toRangesGeneric,
	toSigns:   toSignsGeneric,
	toFloat16: toFloat16Generic,

	fromHalves: fromHalvesGeneric,
	fromInt8:   fromInt8Generic,
	fromSigns:  fromSignsGeneric,

	dotFloat32:      dotFloat32Generic,
	squareFloat32:   squareFloat32Generic,
	distanceFloat32: distanceFloat32Generic,
	dotFloat16:      dotFloat16Generic,
	squareFloat16:   squareFloat16Generic,
	distanceFloat16: distanceFloat16Generic,
	dotBytes:        dotBytesGeneric,
	dotSigns:        dotSignsGeneric,

	dotInt8:    dotInt8Generic,
	squareInt8: squareInt8Generic,
	hamming:    hammingGeneric,
	int8Step:   16,
}

// maxBitsGeneric returns the largest of the elements' bits, without the sign.
func maxBitsGeneric(x []float32) uint32 {
	var most uint32
	for _, v := range x {
		most = max(most, math.Float32bits(v)&^(1<<31))
	}
	return most
}

// toInt8Generic writes dst = x·factor/divisor, rounded to the nearest integer,
// of two the even one, exclusive or flip.
func toInt8Generic(dst []byte, x []float32, factor, divisor float32, flip byte) {
	for i, v := range x {
		dst[i] = byte(int8(math.RoundToEven(float64(v*factor/divisor)))) ^ flip
	}
}

// toRangesGeneric writes dst = ⌊(x-low)/step⌋ between 0 and 255, exclusive or
// flip, with step = (high-low)/255, or 1 where that is 0.
func toRangesGeneric(dst []byte, x, low, high []float32, flip byte) {
	for i, v := range x {
		step := (high[i] - low[i]) / 255
		if step == 0 {
			step = 1
		}
		q := math.Floor(float64((v - low[i]) / step))
		dst[i] = byte(min(max(q, 0), 255)) ^ flip
	}
}

// toSignsGeneric writes the bits x > 0, eight a byte, the first one highest,
// zeros after the last, exclusive or flip.
func toSignsGeneric(dst []byte, x []float32, flip byte) {
	for i := range dst {
		var b byte
		for j, v := range x[8*i : min(8*i+8, len(x))] {
			if v > 0 {
				b |= 0x80 >> j
			}
		}
		dst[i] = b ^ flip
	}
}

// toFloat16Generic writes x as IEEE halves, rounded to nearest even.
func toFloat16Generic(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = float16Of(v)
	}
}

// float16Of returns the bits of v as an IEEE half, rounded to nearest even. A NaN
// keeps its sign and the upper bits of its payload, and becomes quiet.
func float16Of(v float32) uint16 {
	b := math.Float32bits(v)
	sign, a := uint16(b>>16)&0x8000, b&^(1<<31)
	switch {
	case a > 0x7f800000: // NaN
		return sign | 0x7e00 | uint16(a>>13)&0x3ff
	case a >= 0x477ff000: // from 65520 on
		return sign | 0x7c00
	case a < 0x38800000: // below 2^-14: the sum's last bit is 2^-24, as the half's
		return sign | uint16(math.Float32bits(math.Float32frombits(a)+0.5))
	}
	a += 0xfff + a>>13&1 // half of the half's last bit, less if that is even
	return sign | uint16((a-0x38000000)>>13)
}

// float32Of returns the value of an IEEE half.
func float32Of(h uint16) float32 {
	b := uint32(h&0x7fff) << 13
	if b >= 0x7c00<<13 {
		b |= 0x7f800000 // an infinity or a NaN
	} else {
		b = math.Float32bits(math.Float32frombits(b) * 0x1p112)
	}
	return math.Float32frombits(b | uint32(h&0x8000)<<16)
}
