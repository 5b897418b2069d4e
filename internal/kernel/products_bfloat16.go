package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"
)

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
	reads(halves)
	writes(dst)
	s.products[Float32].transpose(&dst[0], src, words, rows, words)
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
