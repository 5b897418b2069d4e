package main

import (
	"bytes"
	"fmt"
)

// loadColumns loads word k of the columns.
func (l level) loadColumns(w *bytes.Buffer, k int) {
	for h := range 2 {
		fmt.Fprintf(w, "\tVMOVUPS %d(BX), %s\n", k*4*panel+h*4*l.lanes, l.b(h))
	}
}

// float32Word adds the product of one term.
func (l level) float32Word(w *bytes.Buffer, m, k int) {
	l.loadColumns(w, k)
	l.multiplyRows(w, m, k, "")
}

// multiplyRows adds the columns at hand times each row's word, of which the
// instruction takes one half, %[1]s, where it is not empty.
func (l level) multiplyRows(w *bytes.Buffer, m, k int, half string) {
	for r := range m {
		fmt.Fprintf(w, "\tVBROADCASTSS %d(AX), %s\n", r*16+k*4, l.a(r))
		if half != "" {
			fmt.Fprintf(w, half, l.a(r))
		}
		for h := range 2 {
			fmt.Fprintf(w, "\tVFMADD231PS %s, %s, %s\n", l.b(h), l.a(r), l.acc(r, h))
		}
	}
}

// bfloat16Halves adds the products of two terms, each as a float32: the high one
// first, as VDPBF16PS does.
func (l level) bfloat16Halves(w *bytes.Buffer, m, k int) {
	high := "\tVPAND highHalf<>(SB), %[1]s, %[1]s\n"
	if l.register == "Z" {
		high = "\tVPANDD.BCST highHalf<>(SB), %[1]s, %[1]s\n"
	}
	for _, half := range []string{high, "\tVPSLLD $16, %[1]s, %[1]s\n"} {
		l.loadColumns(w, k)
		for h := range 2 {
			fmt.Fprintf(w, half, l.b(h))
		}
		l.multiplyRows(w, m, k, half)
	}
}

// bfloat16Dot adds the products of two terms, the high one first, in one instruction.
// A panel and a tile's rows are a little more than the first cache at the widths
// of small models: the panel is prefetched into it.
func (l level) bfloat16Dot(w *bytes.Buffer, m, k int) {
	l.loadColumns(w, k)
	for line := 0; line < 4*panel; line += 64 {
		fmt.Fprintf(w, "\tPREFETCHT0 %d(BX)\n", k*4*panel+line+ahead)
	}
	for r := range m {
		fmt.Fprintf(w, "\tVBROADCASTSS %d(AX), %s\n", r*16+k*4, l.a(r))
		for h := range 2 {
			code := evex(f3, 0x52, 2*r+h, 2*l.rows+2+r%2, 2*l.rows+h)
			fmt.Fprintf(w, "\tLONG $0x%08x; WORD $0x%04x // VDPBF16PS %s, %s, %s\n",
				code&0xffffffff, code>>32, l.b(h), l.a(r), l.acc(r, h))
		}
	}
}

// ahead is how far a panel is prefetched, in bytes.
const ahead = 1024

// f3 is the code of the prefix F3.
const f3 = 2

// evex returns the six bytes, the first in the lowest bits, of an instruction of
// the map 0F38 on zmm registers, with 32-bit elements and without a mask, that the
// assembler does not know: reg = reg ∘ (vvvv, rm). Intel's Software Developer's
// Manual, volume 2, 2.7.1.
func evex(prefix, opcode, reg, vvvv, rm int) uint64 {
	inverted := func(register, bit int) int { return ^register >> bit & 1 }
	b := [...]int{
		0x62,
		inverted(reg, 3)<<7 | inverted(rm, 4)<<6 | inverted(rm, 3)<<5 | inverted(reg, 4)<<4 | 2,
		^vvvv&15<<3 | 1<<2 | prefix,
		2<<5 | inverted(vvvv, 4)<<3,
		opcode,
		3<<6 | reg&7<<3 | rm&7,
	}
	var code uint64
	for i, v := range b {
		code |= uint64(v) << (8 * i)
	}
	return code
}
