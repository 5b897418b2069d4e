package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// A code is an instruction of the map 0F38 that Go's amd64 assembler does not have.
type code struct {
	mnemonic       string
	prefix, opcode int
}

// The codes of prefixes.
const (
	x66 = 1
	f3  = 2
	f2  = 3
)

var (
	vdpbf16ps = code{"VDPBF16PS", f3, 0x52}
	vpdpbusd  = code{"VPDPBUSD", x66, 0x50}
	tdpbf16ps = code{"TDPBF16PS", f3, 0x5c}
	tdpbusd   = code{"TDPBUSD", x66, 0x5e}

	tileLoad    = code{"TILELOADD", f2, 0x4b}
	tileStore   = code{"TILESTORED", f3, 0x4b}
	tileZero    = code{"TILEZERO", f2, 0x49}
	tileConfig  = code{"LDTILECFG", 0, 0x49}
	tileRelease = code{"TILERELEASE", 0, 0x49}
)

// zmm writes dst = dst ∘ (first, second), as Go writes it the second one first, on zmm
// registers, with 32-bit elements and without a mask, in EVEX: Intel's Software
// Developer's Manual, volume 2, 2.7.1.
func (a *asm) zmm(c code, second, first, dst int) {
	inverted := func(register, bit int) int { return ^register >> bit & 1 }
	b := [...]int{
		0x62,
		inverted(dst, 3)<<7 | inverted(second, 4)<<6 | inverted(second, 3)<<5 | inverted(dst, 4)<<4 | 2,
		^first&15<<3 | 1<<2 | c.prefix,
		2<<5 | inverted(first, 4)<<3,
		c.opcode,
		3<<6 | dst&7<<3 | second&7,
	}
	var word uint64
	for i, v := range b {
		word |= uint64(v) << (8 * i)
	}
	a.line("LONG $0x%08x; WORD $0x%04x // %s Z%d, Z%d, Z%d", word&0xffffffff, word>>32, c.mnemonic, second, first, dst)
}

// ymm is zmm on ymm registers, in VEX.
func (a *asm) ymm(c code, second, first, dst int) {
	c.prefix |= 1 << 2 // 256 bits
	a.vex(c, fmt.Sprintf("Y%d, Y%d, Y%d", second, first, dst), dst, first, second, 0, 3<<6|dst&7<<3|second&7)
}

// tmm is zmm on tile registers.
func (a *asm) tmm(c code, second, first, dst int) {
	a.vex(c, fmt.Sprintf("TMM%d, TMM%d, TMM%d", second, first, dst), 0, second, 0, 0, 3<<6|dst<<3|first)
}

// A place is an operand in memory. Of a tile, index·scale is from one row to the
// next; no index means that all rows are the same.
type place struct {
	base, index   string
	scale, offset int
}

// registers are the general registers by their numbers.
var registers = []string{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"}

// memory writes an instruction on a tile register and memory: Intel's Software
// Developer's Manual, volume 2, 2.1.5 and 2.3.5.
func (a *asm) memory(c code, register int, p place) {
	const noIndex = 4
	base, index := slices.Index(registers, p.base), noIndex
	text := fmt.Sprintf("(%s)", p.base)
	if p.offset != 0 {
		text = fmt.Sprint(p.offset) + text
	}
	scale := 0
	if p.index != "" {
		index = slices.Index(registers, p.index)
		scale = slices.Index([]int{1, 2, 4, 8}, p.scale)
		text += fmt.Sprintf("(%s*%d)", p.index, p.scale)
	}
	displacement := binary.LittleEndian.AppendUint32(nil, uint32(p.offset))
	switch c {
	case tileConfig:
		a.vex(c, text, 0, 0, base, 0, 2<<6|base&7, displacement...)
		return
	case tileStore:
		text = fmt.Sprintf("TMM%d, %s", register, text)
	default:
		text = fmt.Sprintf("%s, TMM%d", text, register)
	}
	bytes := append([]byte{byte(scale<<6 | index&7<<3 | base&7)}, displacement...)
	a.vex(c, text, 0, 0, base, index, 2<<6|register<<3|4, bytes...)
}

// vex writes an instruction in VEX's three-byte form: the register of its ModRM byte,
// that of vvvv, and base and index of that byte, of which these are the lower bits.
func (a *asm) vex(c code, operands string, register, vvvv, base, index, modRM int, more ...byte) {
	inverted := func(register int) int { return ^register >> 3 & 1 }
	code := append([]byte{
		0xc4,
		byte(inverted(register)<<7 | inverted(index)<<6 | inverted(base)<<5 | 2),
		byte(^vvvv&15<<3 | c.prefix),
		byte(c.opcode),
		byte(modRM),
	}, more...)
	parts := make([]string, len(code))
	for i, v := range code {
		parts[i] = fmt.Sprintf("BYTE $%#02x", v)
	}
	a.line("%s // %s", strings.Join(parts, "; "), strings.TrimSpace(c.mnemonic+" "+operands))
}
