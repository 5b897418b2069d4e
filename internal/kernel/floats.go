package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/rhumb-go/rhumb/tensor"
)

// floatLoops widen halves of words to float32, exactly but for signaling NaNs: 16
// elements for each of blocks, which is positive. A nil one is that of tensor.
type floatLoops struct {
	fromBFloat16, fromFloat16 func(dst *float32, src *byte, blocks int)
}

// Float32sAt is t.Float32sAt(dst, offset), by the loops of s where it has them.
func (s *Set) Float32sAt(dst []float32, t tensor.Tensor, offset int) error {
	convert := s.fromBFloat16
	if t.DType == tensor.F16 {
		convert = s.fromFloat16
	}
	whole := len(dst) &^ (block - 1)
	if whole == 0 || offset < 0 || convert == nil || t.DType != tensor.F16 && t.DType != tensor.BF16 {
		return t.Float32sAt(dst, offset)
	}
	if err := t.Float32sAt(dst[whole:], offset+whole); err != nil {
		return t.Float32sAt(dst, offset) // which says what was asked for
	}
	src := t.Data[2*offset : 2*(offset+whole)]
	for dst = dst[:whole]; len(dst) > 0; {
		n := min(len(dst), maxWork)
		convert(&dst[0], &src[0], n/block)
		dst, src = dst[n:], src[2*n:]
	}
	return nil
}

// PackBFloat16 packs panel i of p, which is in BFloat16 with p.K even, from rows
// (columns of b) × p.K of bfloat16s, row after row and little-endian, as a
// checkpoint has them. They are what PackTransposed packs of the same numbers, but for NaNs that signal. There
// are at most Panel rows.
func (s *Set) PackBFloat16(p *Panels, i int, halves []byte) {
	words := p.K / 2
	rows := len(halves) / max(1, 4*words)
	if p.Format != BFloat16 || p.K%2 != 0 || rows > Panel || len(halves) != 4*rows*words {
		panic("kernel: PackBFloat16: shape")
	}
	dst := p.panel(i)
	if rows == 0 {
		clear(dst)
		return
	}
	clear(dst[words*Panel:])
	src := (*float32)(unsafe.Pointer(unsafe.SliceData(halves)))
	if !littleEndian || uintptr(unsafe.Pointer(src))%4 != 0 {
		aligned := make([]float32, rows*words)
		for j := range aligned {
			aligned[j] = math.Float32frombits(binary.LittleEndian.Uint32(halves[4*j:]))
		}
		src = &aligned[0]
	}
	s.products[Float32].transpose(&dst[0], src, words, rows, words)
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
