package tensor

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// The blocks of GGUF, as ggml's ggml-common.h lays them out and its dequantize_row
// functions read them: elements of a row one after the other, 32 in a block of Q4_0 to
// Q8_0 and 256 in one of the others, with scales d and minima m in float16. Where 4 bits
// of two elements share a byte, the first of each half of a group comes first.
var dequantizers = map[DType]func(dst []float32, block []byte){
	Q4_0: dequantizeQ4_0, Q4_1: dequantizeQ4_1, Q5_0: dequantizeQ5_0, Q5_1: dequantizeQ5_1, Q8_0: dequantizeQ8_0,
	Q4_K: dequantizeQ4K, Q5_K: dequantizeQ5K, Q6_K: dequantizeQ6K,
}

// made is a tensor whose elements are read of others.
type made struct {
	of   []Tensor
	read func(dst []float32, offset int) error
}

// Made returns a tensor of F32 without Data: elements offset to offset+len(dst)
// (exclusive), which are within shape, are what read writes to dst, made of the elements of
// the tensors of. Float32s and Float32sAt read it like any other.
func Made(name string, shape []int, of []Tensor, read func(dst []float32, offset int) error) Tensor {
	return Tensor{Name: name, DType: F32, Shape: shape, made: &made{of, read}}
}

// Rows returns rows from to to (exclusive) of t under another name: of what its first
// dimension counts. Data are those of t. It is for a tensor that is not Made, and panics
// where there are no such rows.
func (t Tensor) Rows(name string, from, to int) Tensor {
	rows := t.Shape[0]
	if t.made != nil || from < 0 || to < from || to > rows {
		panic(fmt.Sprintf("tensor: Rows %d to %d of %v", from, to, t.Shape))
	}
	shape := append([]int{to - from}, t.Shape[1:]...)
	size := 0
	if rows > 0 {
		size = len(t.Data) / rows
	}
	return Tensor{Name: name, DType: t.DType, Shape: shape, Data: t.Data[from*size : to*size : to*size]}
}

// float32sAt is Float32sAt of a tensor of blocks, or of one that is Made.
func (t Tensor) float32sAt(dst []float32, offset int) error {
	n := t.Len()
	if n < 0 || offset < 0 || offset > n || len(dst) > n-offset {
		return fmt.Errorf("tensor %s: %d elements at %d, shape %v has %d", t.Name, len(dst), offset, t.Shape, n)
	}
	if t.made != nil {
		return t.made.read(dst, offset)
	}
	if size, ok := byteSize(t.DType, t.Shape); !ok || len(t.Data) != size {
		return fmt.Errorf("tensor %s: %d bytes of data, shape %v of %v has another size", t.Name, len(t.Data), t.Shape, t.DType)
	}
	block, size, convert := dtypes[t.DType].block, dtypes[t.DType].bits/8, dequantizers[t.DType]
	for len(dst) > 0 {
		data, within := t.Data[offset/block*size:][:size], offset%block
		if within == 0 && len(dst) >= block {
			convert(dst[:block], data)
			dst, offset = dst[block:], offset+block
			continue
		}
		var part [256]float32
		convert(part[:block], data)
		taken := copy(dst, part[within:block])
		dst, offset = dst[taken:], offset+taken
	}
	return nil
}

// half returns the float16 at the begin of b.
func half(b []byte) float32 { return float16.Frombits(binary.LittleEndian.Uint16(b)).Float32() }

// 32 elements: d, 16 bytes of 4 bits each, less 8.
func dequantizeQ4_0(dst []float32, b []byte) {
	d := half(b)
	for i, q := range b[2:18] {
		dst[i], dst[i+16] = d*float32(int(q&15)-8), d*float32(int(q>>4)-8)
	}
}

// 32 elements: d, m, 16 bytes of 4 bits each.
func dequantizeQ4_1(dst []float32, b []byte) {
	d, m := half(b), half(b[2:])
	for i, q := range b[4:20] {
		dst[i], dst[i+16] = float32(d*float32(q&15))+m, float32(d*float32(q>>4))+m
	}
}

// 32 elements: d, 4 bytes of the fifth bit of each, 16 of the other four, less 16.
func dequantizeQ5_0(dst []float32, b []byte) {
	d, high := half(b), binary.LittleEndian.Uint32(b[2:])
	for i, q := range b[6:22] {
		first, second := int(q&15)|int(high>>i&1)<<4, int(q>>4)|int(high>>(i+16)&1)<<4
		dst[i], dst[i+16] = d*float32(first-16), d*float32(second-16)
	}
}

// 32 elements: d, m, 4 bytes of the fifth bit of each, 16 of the other four.
func dequantizeQ5_1(dst []float32, b []byte) {
	d, m, high := half(b), half(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i, q := range b[8:24] {
		first, second := int(q&15)|int(high>>i&1)<<4, int(q>>4)|int(high>>(i+16)&1)<<4
		dst[i], dst[i+16] = float32(d*float32(first))+m, float32(d*float32(second))+m
	}
}

// 32 elements: d, an int8 each.
func dequantizeQ8_0(dst []float32, b []byte) {
	d := half(b)
	for i, q := range b[2:34] {
		dst[i] = d * float32(int8(q))
	}
}

// scaleMin returns the scale and the minimum of 6 bits of group i of 8 in 12 bytes.
func scaleMin(s []byte, i int) (scale, least float32) {
	if i < 4 {
		return float32(s[i] & 63), float32(s[i+4] & 63)
	}
	return float32(s[i+4]&15 | s[i-4]>>6<<4), float32(s[i+4]>>4 | s[i]>>6<<4)
}

// 256 elements in 8 groups: d, the scale of the minima, 12 bytes of 6 bits for each scale
// and minimum, 128 bytes of 4 bits each.
func dequantizeQ4K(dst []float32, b []byte) {
	d, dmin, scales, codes := half(b), half(b[2:]), b[4:16], b[16:144]
	for pair := range 4 {
		for k := range 2 {
			scale, least := scaleMin(scales, 2*pair+k)
			scale, least = d*scale, dmin*least
			out := dst[64*pair+32*k:][:32]
			for i, q := range codes[32*pair:][:32] {
				out[i] = float32(scale*float32(q>>(4*k)&15)) - least
			}
		}
	}
}

// 256 elements in 8 groups: as Q4_K, with 32 bytes of the fifth bits, of group i bit i,
// before those of the other four.
func dequantizeQ5K(dst []float32, b []byte) {
	d, dmin, scales, high, codes := half(b), half(b[2:]), b[4:16], b[16:48], b[48:176]
	for pair := range 4 {
		for k := range 2 {
			group := 2*pair + k
			scale, least := scaleMin(scales, group)
			scale, least = d*scale, dmin*least
			out := dst[32*group:][:32]
			for i, q := range codes[32*pair:][:32] {
				out[i] = float32(scale*float32(q>>(4*k)&15|high[i]>>group&1<<4)) - least
			}
		}
	}
}

// 256 elements in 16 groups: 128 bytes of the lower 4 bits, 64 of the upper 2, an int8
// scale for each group, d; less 32.
func dequantizeQ6K(dst []float32, b []byte) {
	low, high, scales, d := b[:128], b[128:192], b[192:208], half(b[208:])
	for i := range 256 {
		part, at := i/128, i%128
		q := low[64*part+at%64]>>(at/64*4)&15 | high[32*part+at%32]>>(at/32*2)&3<<4
		dst[i] = float32(d*float32(int8(scales[i/16]))) * float32(int(q)-32)
	}
}

// littleFloats returns the F32 data of v.
func littleFloats(v []float32) []byte {
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}

// FromFloat32s returns a tensor of F32 in memory with these elements, as many as shape has.
func FromFloat32s(name string, shape []int, elements []float32) Tensor {
	t := Tensor{Name: name, DType: F32, Shape: shape, Data: littleFloats(elements)}
	if t.Len() != len(elements) {
		panic(fmt.Sprintf("tensor: %d elements for shape %v", len(elements), shape))
	}
	return t
}
