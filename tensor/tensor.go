// Package tensor holds arrays on disk and in memory: tensors as safetensors
// files, GGUF files and state dicts of PyTorch store them, and float32 matrices as the
// layers compute with them.
//
//	file, err := tensor.Open("model.safetensors") // mapped into memory, not read
//	…
//	defer file.Close()
//	t, ok := file.Tensor("embeddings.word_embeddings.weight")
//	row := make([]float32, t.Shape[1])
//	err = t.Float32sAt(row, 0)
package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"github.com/x448/float16"
)

// A DType is the type of a tensor's elements on disk. The zero DType is none.
type DType uint8

// The dtypes of safetensors 0.8, in the order of its Dtype enumeration, which
// is the order of tensors in a file, reversed. Float32s converts F64, F32, F16
// and BF16. F4 and the F6 types are packed, several elements to some bytes.
const (
	BOOL DType = iota + 1
	F4
	F6E2M3
	F6E3M2
	U8
	I8
	F8E5M2
	F8E4M3
	F8E8M0
	F8E4M3FNUZ
	F8E5M2FNUZ
	I16
	U16
	F16
	BF16
	I32
	U32
	F32
	C64
	F64
	I64
	U64

	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q4_K
	Q5_K
	Q6_K
)

// dtypes holds the name of each DType in a header, its bits per element or block, and
// the elements of a block, 0 where there are no blocks.
var dtypes = [...]struct {
	name  string
	bits  int
	block int
}{
	BOOL:       {"BOOL", 8, 0},
	F4:         {"F4", 4, 0},
	F6E2M3:     {"F6_E2M3", 6, 0},
	F6E3M2:     {"F6_E3M2", 6, 0},
	U8:         {"U8", 8, 0},
	I8:         {"I8", 8, 0},
	F8E5M2:     {"F8_E5M2", 8, 0},
	F8E4M3:     {"F8_E4M3", 8, 0},
	F8E8M0:     {"F8_E8M0", 8, 0},
	F8E4M3FNUZ: {"F8_E4M3FNUZ", 8, 0},
	F8E5M2FNUZ: {"F8_E5M2FNUZ", 8, 0},
	I16:        {"I16", 16, 0},
	U16:        {"U16", 16, 0},
	F16:        {"F16", 16, 0},
	BF16:       {"BF16", 16, 0},
	I32:        {"I32", 32, 0},
	U32:        {"U32", 32, 0},
	F32:        {"F32", 32, 0},
	C64:        {"C64", 64, 0},
	F64:        {"F64", 64, 0},
	I64:        {"I64", 64, 0},
	U64:        {"U64", 64, 0},
	Q4_0:       {"Q4_0", 8 * 18, 32},
	Q4_1:       {"Q4_1", 8 * 20, 32},
	Q5_0:       {"Q5_0", 8 * 22, 32},
	Q5_1:       {"Q5_1", 8 * 24, 32},
	Q8_0:       {"Q8_0", 8 * 34, 32},
	Q4_K:       {"Q4_K", 8 * 144, 256},
	Q5_K:       {"Q5_K", 8 * 176, 256},
	Q6_K:       {"Q6_K", 8 * 210, 256},
}

// String returns the name of d in a safetensors header, such as "BF16".
func (d DType) String() string {
	if d.known() {
		return dtypes[d].name
	}
	return fmt.Sprintf("DType(%d)", uint8(d))
}

// Size returns the bytes of one element, 0 where that is no whole number (F4, the F6
// types and blocks) and for an unknown d.
func (d DType) Size() int {
	if d.known() && !d.blocks() && dtypes[d].bits%8 == 0 {
		return dtypes[d].bits / 8
	}
	return 0
}

func (d DType) known() bool {
	return d > 0 && int(d) < len(dtypes)
}

// blocks reports whether d is one of blocks.
func (d DType) blocks() bool { return d.known() && dtypes[d].block > 0 }

// parseDType returns the DType with the given name in a header of safetensors.
func parseDType(name string) (DType, bool) {
	for d := BOOL; d <= U64; d++ {
		if dtypes[d].name == name {
			return d, true
		}
	}
	return 0, false
}

// A Tensor is an array of any shape. Its elements lie in Data in row-major
// order and little-endian.
//
// Data and Shape of a tensor read from a file alias the file's mapping, unless
// they had to be copied, and its header: they must not be written to, nor used once the File is closed.
type Tensor struct {
	Name  string
	DType DType
	Shape []int // elements along each dimension, outermost first; empty for a scalar
	Data  []byte

	made *made // what its elements are read of, in place of Data; nil = none
}

// Len returns the number of elements: the product of the shape, 1 for a scalar.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Float32s converts all elements to float32 and writes them to dst, which must
// have Len elements and not overlap Data. F64 is rounded to nearest, ties to
// even, and to infinity beyond the range of float32; F32, F16 and BF16 are
// exact, but that a signaling NaN of F16 becomes a quiet one; blocks are what
// ggml's dequantize_row functions make of them. Any other dtype is an error.
func (t Tensor) Float32s(dst []float32) error {
	if n := t.Len(); len(dst) != n {
		return fmt.Errorf("tensor %s: dst of %d elements, shape %v has %d", t.Name, len(dst), t.Shape, n)
	}
	return t.Float32sAt(dst, 0)
}

// Float32sAt converts elements offset to offset+len(dst) (exclusive), counted
// in row-major order, as Float32s does. It does not allocate. A part that is not
// within the tensor is an error.
func (t Tensor) Float32sAt(dst []float32, offset int) error {
	if t.made != nil || t.DType.blocks() {
		return t.float32sAt(dst, offset)
	}
	var convert func(dst []float32, src []byte)
	switch t.DType {
	case F64:
		convert = convertF64
	case F32:
		convert = convertF32
	case F16:
		convert = convertF16
	case BF16:
		convert = convertBF16
	default:
		return fmt.Errorf("tensor %s: dtype %v, expected a float type (F64, F32, F16, BF16)", t.Name, t.DType)
	}
	size := t.DType.Size()
	n := t.Len()
	if n < 0 || n > math.MaxInt/size || len(t.Data) != n*size {
		return fmt.Errorf("tensor %s: %d bytes of data, shape %v of %v has another size", t.Name, len(t.Data), t.Shape, t.DType)
	}
	if offset < 0 || offset > n || len(dst) > n-offset {
		return fmt.Errorf("tensor %s: %d elements at %d, shape %v has %d", t.Name, len(dst), offset, t.Shape, n)
	}
	convert(dst, t.Data[offset*size:(offset+len(dst))*size])
	return nil
}

// byteSize returns the bytes of a tensor, and false if they are no whole
// number, if rows are no whole number of blocks, if a dimension is negative, or if the dimensions that are not 0
// multiply to more bits than 64 bits count or more bytes than an int does.
func byteSize(d DType, shape []int) (int, bool) {
	hi, n := uint64(0), uint64(dtypes[d].bits)
	empty := false
	last := len(shape) - 1
	for i, dim := range shape {
		if block := dtypes[d].block; block > 0 && i == last {
			if dim%block != 0 {
				return 0, false
			}
			dim /= block
		}
		if dim < 0 {
			return 0, false
		}
		if dim == 0 {
			empty = true
			continue
		}
		hi, n = bits.Mul64(n, uint64(dim))
		if hi != 0 {
			return 0, false
		}
	}
	if n/8 > math.MaxInt {
		return 0, false
	}
	if empty {
		return 0, true
	}
	if d.blocks() && last < 0 {
		return 0, false
	}
	return int(n / 8), n%8 == 0
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// The converters read len(dst) elements from src, which holds exactly those.

func convertF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

func convertF32(dst []float32, src []byte) {
	if littleEndian {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst)), src)
		return
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

// convertF16 takes four elements at a time if all are normal numbers, which
// weights nearly always are, and leaves the others to x448/float16.
func convertF16(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		u := binary.LittleEndian.Uint64(src)
		if normalF16(u) {
			dst[0] = float32FromNormalF16(uint32(u))
			dst[1] = float32FromNormalF16(uint32(u >> 16))
			dst[2] = float32FromNormalF16(uint32(u >> 32))
			dst[3] = float32FromNormalF16(uint32(u >> 48))
		} else {
			dst[0] = float16.Frombits(uint16(u)).Float32()
			dst[1] = float16.Frombits(uint16(u >> 16)).Float32()
			dst[2] = float16.Frombits(uint16(u >> 32)).Float32()
			dst[3] = float16.Frombits(uint16(u >> 48)).Float32()
		}
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = float16.Frombits(binary.LittleEndian.Uint16(src[2*i:])).Float32()
	}
}

// normalF16 reports whether the exponents of all four halves of u are neither
// 0 (zero, subnormal) nor 31 (infinity, NaN). No sum carries into the next half.
func normalF16(u uint64) bool {
	const each = 0x0001_0001_0001_0001
	exponents := u & (0x7c00 * each)
	notZero := exponents + 0x7c00*each // sets bit 15 from exponent 1 on
	isLast := exponents + 0x0400*each  // sets bit 15 for exponent 31
	return notZero&^isLast&(0x8000*each) == 0x8000*each
}

// float32FromNormalF16 converts the lower 16 bits of h: the fraction goes from
// 10 to 23 bits, the bias of the exponent from 15 to 127.
func float32FromNormalF16(h uint32) float32 {
	return math.Float32frombits(h&0x8000<<16 | (h&0x7fff<<13 + (127-15)<<23))
}

// A BF16 is the upper half of a float32.
func convertBF16(dst []float32, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		u := binary.LittleEndian.Uint64(src)
		dst[0] = math.Float32frombits(uint32(u) << 16)
		dst[1] = math.Float32frombits(uint32(u) & 0xffff0000)
		dst[2] = math.Float32frombits(uint32(u>>32) << 16)
		dst[3] = math.Float32frombits(uint32(u>>32) & 0xffff0000)
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}
