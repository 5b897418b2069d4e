package main

import "fmt"

// Operations on bfloat16s, which are the upper halves of float32s.
var (
	shll   = op{0x2e613800, "shll v%d.4s, v%d.4h, #16"} // four of them as float32s
	shl15  = op{0x4f2f5400, "shl v%d.4s, v%d.4s, #15"}
	shl16  = op{0x4f305400, "shl v%d.4s, v%d.4s, #16"}
	ushr16 = op{0x6f300400, "ushr v%d.4s, v%d.4s, #16"}
	ushr31 = op{0x6f210400, "ushr v%d.4s, v%d.4s, #31"}
	sri16  = op{0x6f304400, "sri v%d.4s, v%d.4s, #16"} // keeps the destination's upper halves
	uzp2h  = op{0x4e405800, "uzp2 v%d.8h, v%d.8h, v%d.8h"}
	quiet  = op{0x4f025400, "orr v%d.4s, #0x40, lsl #16"} // the bit that makes a NaN a quiet one
	half   = op{0x4f03c7e0, "movi v%d.4s, #0x7f, msl #8"} // half a unit of a bfloat16, but for the lowest bit that is kept
	movi16 = op{0x6f07c7e0, "mvni v%d.4s, #0xff, msl #8"} // ones in the upper halves
)

// halves has half a unit in the functions of this file.
const halves = 28

// round: the upper halves of x = those of x as bfloat16s, rounded to the nearest, ties
// to even; a NaN stays one. Changes t and m.
func (a *asm) round(x, t, m group) {
	a.note("the bfloat16s in the upper halves")
	a.all(shl15, t, x)
	a.all(ushr31, t, t)
	a.all(addw, t, t, group{halves})
	a.all(addw, t, t, x)
	a.all(fcmeq, m, x, x)
	a.all(quiet, x)
	a.all(bit, x, t, m)
}

func neonBFloat16(dir string) []byte {
	a := newAsm("arm64")
	a.activation("roughGELU", "x = x·Φ(x), error 2.5e-5", (*asm).roughGELU)
	a.packBFloat16()
	a.interleaveBFloat16()
	a.exponentialsBFloat16()
	a.table(dir)
	return a.Bytes()
}

func (a *asm) packBFloat16() {
	fmt.Fprint(a, `
// func packBFloat16NEON(dst, src *float32, ld, rows, cols, rowBytes, groupBytes int)
// R0 = the place of the 8 columns at hand in dst, R1 = row 0 of them, R2 = ld in
// bytes, R3 = rows, R4 = columns left, R5 = rowBytes, R6 = groupBytes, R7 R8 R14 =
// the row, its place and the rows left, V0 V1 = x.
TEXT ·packBFloat16NEON(SB), 0, $32-56
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD ld+16(FP), R2
	MOVD rows+24(FP), R3
	MOVD cols+32(FP), R4
	MOVD rowBytes+40(FP), R5
	MOVD groupBytes+48(FP), R6
	LSL  $2, R2
`)
	a.do(half, halves)
	a.do(zero, 6)
	rows := func(label string, load func()) {
		a.line("MOVD R1, R7")
		a.line("MOVD R0, R8")
		a.line("MOVD R3, R14")
		a.label(label)
		load()
		a.round(span(0, 2), span(2, 2), span(4, 2))
		a.do(uzp2h, 0, 0, 1)
		a.line("FMOVQ F0, (R8)")
		a.line("ADD  R2, R7")
		a.line("ADD  R5, R8")
		a.line("SUBS $1, R14, R14")
		a.line("BNE  %s", label)
	}
	a.label("columns8")
	a.line("CMP  $8, R4")
	a.line("BLT  last")
	rows("row", func() { a.line("VLD1 (R7), %s", list(span(0, 2))) })
	a.line("ADD  $32, R1")
	a.line("ADD  R6, R0")
	a.line("SUBS $8, R4, R4")
	a.line("BNE  columns8")
	a.line("RET")
	a.label("last")
	rows("lastrow", func() {
		a.line("MOVD R7, R10")
		a.line("MOVD $tail-32(SP), R11")
		a.line("FSTPQ (F6, F6), (R11)")
		a.line("MOVD R4, R12")
		a.copyWords("in")
		a.line("MOVD $tail-32(SP), R11")
		a.line("VLD1 (R11), %s", list(span(0, 2)))
	})
	a.line("RET")
}

func (a *asm) interleaveBFloat16() {
	fmt.Fprint(a, `
// func interleave8BFloat16NEON(dst, src *float32, ld, rows int)
// R0 = words, R1 = row, R2 = ld in bytes, R3 = rows left, V0 V1 = a row, V2 V3 = the
// next one.
TEXT ·interleave8BFloat16NEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD ld+16(FP), R2
	MOVD rows+24(FP), R3
	LSL  $2, R2
`)
	a.do(half, halves)
	load := func(g group) {
		a.line("VLD1 (R1), %s", list(g))
		a.line("ADD  R2, R1")
	}
	a.line("SUBS $2, R3, R3")
	a.line("BLT  last")
	a.label("two")
	load(span(0, 2))
	load(span(2, 2))
	a.round(span(0, 4), span(4, 4), span(8, 4))
	a.all(sri16, span(2, 2), span(0, 2))
	a.line("VST1 %s, (R0)", list(span(2, 2)))
	a.line("ADD  $%d, R0", 4*panel)
	a.line("SUBS $2, R3, R3")
	a.line("BGE  two")
	a.label("last")
	a.line("CMN  $1, R3")
	a.line("BNE  done")
	load(span(0, 2))
	a.round(span(0, 2), span(4, 2), span(8, 2))
	a.all(ushr16, span(0, 2), span(0, 2))
	a.line("VST1 %s, (R0)", list(span(0, 2)))
	a.label("done")
	a.line("RET")
}

func (a *asm) exponentialsBFloat16() {
	fmt.Fprint(a, `
// func exponentialsBFloat16NEON(dst *float32, groupBytes int, x []float32, factor float32, highest *float32) float32
// R0 = dst, R3 = groupBytes, R4 = place in x, R5 = elements left, R6 = highest, R9 = constants, V0
// V1 = x, V16 to V19 = 4 partial sums each, the next one's first, V20 = -m·factor, m the largest,
// V21 = factor, V22 = -127, V23 = -∞, V29 = ones in the upper halves.
TEXT ·exponentialsBFloat16NEON(SB), 0, $64-60
	MOVD dst+0(FP), R0
	MOVD groupBytes+8(FP), R3
	MOVD x_base+16(FP), R4
	MOVD x_len+24(FP), R1
	FMOVS factor+40(FP), F21
	MOVD highest+48(FP), R6
	FMOVS (R6), F20
	MOVD $constants<>(SB), R9
	MOVD R1, R5
`)
	a.do(dup, 21, 21)
	a.do(half, halves)
	a.do(movi16, halves+1)
	a.split()
	a.largest()
	a.line("FMOVS F20, (R6)")
	a.do(fmul, 20, 20, 21)
	a.do(fneg, 20, 20)
	a.constant(group{22}, "powerLow")
	a.constant(group{23}, "negInf")
	a.clear(sums)
	a.line("MOVD x_base+16(FP), R4")
	l := lanes(0, 2)
	powers := func() {
		y := l.p
		a.all(move, y, group{20})
		a.all(fmla, y, l.x, group{21})
		a.all(fmax, y, y, group{22})
		a.roughPower(l, y)
		a.round(l.k, l.p, l.q)
		a.do(uzp2h, 0, l.k[0], l.k[1])
		a.line("FMOVQ F0, (R0)")
		a.line("ADD  R3, R0")
		a.note("the high terms first, then on to the next sums")
		a.do(and, 1, 0, halves+1)
		a.do(shl16, 0, 0)
		a.do(fadd, 1, 16, 1)
		a.all(move, sums[:3], sums[1:])
		a.do(fadd, 19, 1, 0)
	}
	a.line("SUBS $8, R5, R5")
	a.line("BLT  tail")
	a.label("loop8")
	a.line("VLD1.P 32(R4), %s", list(l.x))
	powers()
	a.line("SUBS $8, R5, R5")
	a.line("BGE  loop8")
	a.label("tail")
	a.line("ADDS $8, R5, R12")
	a.line("BEQ  total")
	a.line("MOVD R4, R10")
	a.line("MOVD $tail-64(SP), R11")
	a.line("FSTPQ (F23, F23), (R11)")
	a.copyWords("in")
	a.line("MOVD $tail-64(SP), R11")
	a.line("VLD1 (R11), %s", list(l.x))
	powers()
	a.label("total")
	a.note("in which order the sums lie does not matter")
	a.total()
	a.line("FMOVS F16, ret+56(FP)")
	a.line("RET")
}
