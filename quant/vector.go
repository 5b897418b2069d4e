// Package quant holds embeddings in fewer bits: their conversion, and the ranges
// that a conversion may be calibrated with. Package search compares what is stored.
//
//	bytes, scale, err := quant.AppendScaled([]int8(nil), vector) // 8 bits at the vector's own scale
//	bits, err := quant.AppendBits([]uint8(nil), vector)          // signs, 8 in a byte
//	ranges, err := quant.Calibrate(slices.Values(vectors))       // for 8 bits at a scale that all share
//
// A vector of int8 is one of uint8 less 128, in every conversion. So is a vector of packed bits as int8 ("binary") one as uint8 ("ubinary").
package quant

import (
	"fmt"
	"math"
	"slices"

	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// A Byte is the element of a vector in 8 bits, or of one in packed bits.
type Byte interface{ int8 | uint8 }

// kernels serve every call: their conversions have the same bits in every set.
var kernels = kernel.Best()

// AppendScaled appends v in 8 bits at the vector's own scale to dst:
// round(v·127/max|v|) as int8, of two integers equally near the even one, 128 more
// as uint8. The steps are those of float32. Component i is about element i (less
// 128 as uint8) times the scale, max|v|/127, which is 0 for a vector of zeros.
//
// A NaN or an infinity in v is an error.
func AppendScaled[E Byte](dst []E, v []float32) ([]E, float32, error) {
	old := len(dst)
	scale, err := scaleBytes(kernel.Bytes(grow(&dst, len(v))), v, flip[E]())
	if err != nil {
		return dst[:old], 0, err
	}
	return dst, scale, nil
}

// scaleBytes writes v as AppendScaled does, each byte flipped by f, and returns the scale.
func scaleBytes(q []byte, v []float32, f byte) (float32, error) {
	most, err := largest(v)
	if err != nil {
		return 0, err
	}
	factor, divisor := float32(127), most
	switch {
	case most == 0:
		divisor = 1
	case most > 0x1p120: // v·127 may be too large
		factor, divisor = 127*0x1p-16, most*0x1p-16
	}
	kernels.ToInt8(q, v, factor, divisor, f)
	return most / 127, nil
}

// FromScaled appends the components that AppendScaled had, within half of scale
// and what a float32 rounds, to dst.
func FromScaled[E Byte](dst []float32, q []E, scale float32) []float32 {
	f := flip[E]()
	for _, b := range kernel.Bytes(q) {
		dst = append(dst, float32(int8(b^f))*scale)
	}
	return dst
}

// AppendBits appends the bits v > 0 to dst, eight a byte, the first component in
// the highest bit, zero bits after the last; as int8 the byte less 128.
// A NaN or an infinity in v is an error.
func AppendBits[E Byte](dst []E, v []float32) ([]E, error) {
	if _, err := largest(v); err != nil {
		return dst, err
	}
	b := grow(&dst, (len(v)+7)/8)
	kernels.ToSigns(kernel.Bytes(b), v, kernel.Flip^flip[E]())
	return dst, nil
}

// FromBits appends to dst what is left of a vector of that many dimensions: 1
// for a bit, -1 for a zero. bits must have as many bytes as it takes; what they
// have after the last component is not looked at.
func FromBits[E Byte](dst []float32, bits []E, dimensions int) ([]float32, error) {
	if dimensions < 0 || len(bits) != dimensions/8+min(dimensions%8, 1) {
		return dst, fmt.Errorf("%d bytes of packed bits, expected those of %d dimensions", len(bits), dimensions)
	}
	f := kernel.Flip ^ flip[E]()
	packed := kernel.Bytes(bits)
	for i := range dimensions {
		bit := (packed[i/8] ^ f) >> (7 - i%8) & 1
		dst = append(dst, float32(bit)*2-1)
	}
	return dst, nil
}

// AppendFloat16 appends v as IEEE halves, rounded to nearest even, to dst. A NaN
// or an infinity in v, or a component that would become one, is an error.
func AppendFloat16(dst []float16.Float16, v []float32) ([]float16.Float16, error) {
	most, err := largest(v)
	if err != nil {
		return dst, err
	}
	if most >= 65520 {
		i := slices.IndexFunc(v, func(x float32) bool { return x == most || x == -most })
		return dst, fmt.Errorf("component %d is %v, float16 goes to 65504", i, v[i])
	}
	h := grow(&dst, len(v))
	kernels.ToFloat16(kernel.Halves(h), v)
	return dst, nil
}

// FromFloat16 appends the exact values of h to dst.
func FromFloat16(dst []float32, h []float16.Float16) []float32 {
	for _, x := range h {
		dst = append(dst, x.Float32())
	}
	return dst
}

// flip returns what the bytes of E are exclusive-ored with to be int8.
func flip[E Byte]() byte {
	if ^E(0) > 0 { // uint8
		return kernel.Flip
	}
	return 0
}

// grow appends n elements to dst, whose values mean nothing yet, and returns them.
func grow[E any](dst *[]E, n int) []E {
	old := len(*dst)
	*dst = slices.Grow(*dst, n)[:old+n]
	return (*dst)[old:]
}

// Finite returns an error that names the first component of v that is a NaN or
// an infinity, or nil where none is.
func Finite(v []float32) error {
	_, err := largest(v)
	return err
}

// largest returns the largest |v|. A NaN or an infinity is an error.
func largest(v []float32) (float32, error) {
	most := kernels.MaxAbs(v)
	if most <= math.MaxFloat32 {
		return most, nil
	}
	i := slices.IndexFunc(v, func(x float32) bool { return x-x != 0 })
	return 0, fmt.Errorf("component %d is %v, expected a finite number", i, v[i])
}
