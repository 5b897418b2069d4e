package main

import "fmt"

// Conversions between kinds of numbers.
var (
	fcvtns = op{0x4e21a800, "fcvtns v%d.4s, v%d.4s"} // to integers, of two the even one
	fcvtzs = op{0x4ea1b800, "fcvtzs v%d.4s, v%d.4s"} // towards zero, a NaN gives 0
	frintm = op{0x4e219800, "frintm v%d.4s, v%d.4s"} // ⌊ ⌋
	scvtf  = op{0x4e21d800, "scvtf v%d.4s, v%d.4s"}
	fcvtn  = op{0x0e216800, "fcvtn v%d.4h, v%d.4s"} // to halves
	fcvtn2 = op{0x4e216800, "fcvtn2 v%d.8h, v%d.4s"}
	fcvtl  = op{0x0e217800, "fcvtl v%d.4s, v%d.4h"} // from halves
	fcvtl2 = op{0x4e217800, "fcvtl2 v%d.4s, v%d.8h"}

	uzp1h  = op{0x4e401800, "uzp1 v%d.8h, v%d.8h, v%d.8h"} // the lower halves of words
	uzp1b  = op{0x4e001800, "uzp1 v%d.16b, v%d.16b, v%d.16b"}
	sxtlb  = op{0x0f08a400, "sxtl v%d.8h, v%d.8b"}
	sxtlb2 = op{0x4f08a400, "sxtl2 v%d.8h, v%d.16b"}
	sxtlh  = op{0x0f10a400, "sxtl v%d.4s, v%d.4h"}
	sxtlh2 = op{0x4f10a400, "sxtl2 v%d.4s, v%d.8h"}

	bicw   = op{0x6f047400, "bic v%d.4s, #0x80, lsl #24"} // all bits but the sign
	umax   = op{0x6ea06400, "umax v%d.4s, v%d.4s, v%d.4s"}
	umaxv  = op{0x6eb0a800, "umaxv s%d, v%d.4s"}
	addpb  = op{0x4e20bc00, "addp v%d.16b, v%d.16b, v%d.16b"}
	cmtst  = op{0x4ea08c00, "cmtst v%d.4s, v%d.4s, v%d.4s"} // ones where the words have a bit in common
	addv   = op{0x4eb1b800, "addv s%d, v%d.4s"}
	addw   = op{0x4ea08400, "add v%d.4s, v%d.4s, v%d.4s"}
	smull  = op{0x0e20c000, "smull v%d.8h, v%d.8b, v%d.8b"}
	smull2 = op{0x4e20c000, "smull2 v%d.8h, v%d.16b, v%d.16b"}
	sadalp = op{0x4e606800, "sadalp v%d.4s, v%d.8h"} // adds the sums of pairs
	sdot   = op{0x4e809400, "sdot v%d.4s, v%d.16b, v%d.16b"}
	cnt    = op{0x4e205800, "cnt v%d.16b, v%d.16b"}
	uaddlp = op{0x6e202800, "uaddlp v%d.8h, v%d.16b"}
	uadalp = op{0x6e606800, "uadalp v%d.4s, v%d.8h"}
)

// neonVectors writes the conversions of finished embeddings.
func neonVectors(string) []byte {
	a := newAsm("arm64")
	a.conversion("maxBits", "x []float32", "ret = max(x[i] &^ sign). V4 to V7 = largest so far", 28, func() {
		a.line("MOVD x_base+0(FP), R1")
		a.line("MOVD x_len+8(FP), R2")
		a.clear(y16)
	}, func() {
		a.line("VLD1.P 64(R1), %s", list(x16))
		a.all(bicw, x16)
		a.all(umax, y16, y16, x16)
	}, func() {
		a.all(umax, y16[:2], y16[:2], y16[2:])
		a.do(umax, 4, 4, 5)
		a.do(umaxv, 4, 4)
		a.line("FMOVS F4, ret+24(FP)")
	})
	a.conversion("toInt8", "dst []byte, x []float32, factor, divisor float32, flip byte",
		"dst = round(x·factor/divisor) ^ flip. V20 = factor, V21 = divisor, V22 = flip in every byte", 57, func() {
			a.pointers()
			a.line("FMOVS factor+48(FP), F20")
			a.line("FMOVS divisor+52(FP), F21")
			a.do(dup, 20, 20)
			a.do(dup, 21, 21)
			a.flip(56)
		}, func() {
			a.line("VLD1.P 64(R1), %s", list(x16))
			a.all(fmul, x16, x16, group{20})
			a.all(fdiv, x16, x16, group{21})
			a.all(fcvtns, x16, x16)
			a.bytesOut()
		}, func() {})
	a.conversion("toRanges", "dst []byte, x, low, high []float32, flip byte",
		"dst = min(max(⌊(x-low)/step⌋, 0), 255) ^ flip. R3 = low, R4 = high, V22 = flip in every byte,\n// V23 = 0, V24 = 1, V25 = 255", 97, func() {
			a.pointers()
			a.line("MOVD low_base+48(FP), R3")
			a.line("MOVD high_base+72(FP), R4")
			a.flip(96)
			a.do(zero, 23)
			for i, v := range []string{"1.0", "255.0"} {
				a.line("FMOVS $%s, F%d", v, 24+i)
				a.do(dup, 24+i, 24+i)
			}
		}, func() {
			low, step, mask := y16, span(8, 4), span(12, 4)
			a.line("VLD1.P 64(R1), %s", list(x16))
			a.line("VLD1.P 64(R3), %s", list(low))
			a.line("VLD1.P 64(R4), %s", list(step))
			a.note("step = (high-low)/255, or 1 where that is 0")
			a.all(fsub, step, step, low)
			a.all(fdiv, step, step, group{25})
			a.all(fcmeq0, mask, step)
			a.all(bit, step, group{24}, mask)
			a.all(fsub, x16, x16, low)
			a.all(fdiv, x16, x16, step)
			a.all(frintm, x16, x16)
			a.all(fmax, x16, x16, group{23})
			a.all(fmin, x16, x16, group{25})
			a.all(fcvtzs, x16, x16)
			a.bytesOut()
		}, func() {})
	fmt.Fprint(a, `
// weights are the bits of eight components, twice.
DATA weights<>+0(SB)/8, $0x0102040810204080
DATA weights<>+8(SB)/8, $0x0102040810204080
GLOBL weights<>(SB), RODATA|NOPTR, $16
`)
	a.conversion("toSigns", "dst []byte, x []float32, flip byte",
		"dst = the bits x > 0, the first one highest, ^ flip. V22 = flip in every byte, V23 = weights", 49, func() {
			a.pointers()
			a.flip(48)
			a.line("MOVD $weights<>(SB), R3")
			a.line("VLD1 (R3), [V23.B16]")
		}, func() {
			a.line("VLD1.P 64(R1), %s", list(x16))
			a.all(fcmgt0, x16, x16)
			a.narrow()
			a.do(and, 0, 0, 23)
			a.note("the sums of eight bytes")
			for range 3 {
				a.do(addpb, 0, 0, 0)
			}
			a.do(eor, 0, 0, 22)
			a.line("VMOV V0.H[0], R3")
			a.line("MOVH.P R3, 2(R0)")
		}, func() {})
	a.conversion("toFloat16", "dst []uint16, x []float32", "dst = x, rounded to nearest even", 48, a.pointers, func() {
		a.line("VLD1.P 64(R1), %s", list(x16))
		a.do(fcvtn, 4, 0)
		a.do(fcvtn2, 4, 1)
		a.do(fcvtn, 5, 2)
		a.do(fcvtn2, 5, 3)
		a.line("VST1.P %s, 32(R0)", list(y16[:2]))
	}, func() {})
	a.widen()
	return a.Bytes()
}

// widen writes the conversions to float32.
func (a *asm) widen() {
	out := func() { a.line("VST1.P %s, 64(R0)", list(x16)) }
	a.conversion("fromHalves", "dst []float32, x []uint16", "dst = x", 48, a.pointers, func() {
		a.halvesIn()
		out()
	}, func() {})
	a.conversion("fromInt8", "dst []float32, x []byte, scale float32", "dst = x, int8s, times scale. V20 = scale", 52, func() {
		a.pointers()
		a.line("FMOVS scale+48(FP), F20")
		a.do(dup, 20, 20)
	}, func() {
		a.line("VLD1.P 16(R1), [V8.B16]")
		a.int8sIn()
		a.all(fmul, x16, x16, group{20})
		out()
	}, func() {})
	a.bits()
	bits := span(24, 4)
	a.conversion("fromSigns", "dst []float32, x []byte",
		"dst = 1 for each bit of x, the first one highest, else -1. V24 to V27 = bits, V28 = the sign, V29 = 1", 48, func() {
			a.pointers()
			a.line("MOVD dst_len+8(FP), R2")
			a.line("MOVD $bits<>(SB), R10")
			a.line("VLD1 (R10), %s", list(bits))
			a.line("MOVD $0x80000000, R10")
			a.line("VDUP R10, V28.S4")
			a.line("FMOVS $1.0, F29")
			a.do(dup, 29, 29)
		}, func() {
			a.line("MOVHU.P 2(R1), R10")
			a.line("VDUP R10, V8.S4")
			a.note("the sign where the bit is 0")
			a.all(cmtst, x16, group{8}, bits)
			a.all(bic, x16, group{28}, x16)
			a.all(eor, x16, x16, group{29})
			out()
		}, func() {})
}

// halvesIn sets V0 to V3 to the next 16 halves of R1. V8 and V9 change.
func (a *asm) halvesIn() {
	a.line("VLD1.P 32(R1), [V8.H8, V9.H8]")
	a.do(fcvtl, 0, 8)
	a.do(fcvtl2, 1, 8)
	a.do(fcvtl, 2, 9)
	a.do(fcvtl2, 3, 9)
}

// int8sIn sets V0 to V3 to the 16 int8s of V8. V9 and V10 change.
func (a *asm) int8sIn() {
	a.do(sxtlb, 9, 8)
	a.do(sxtlb2, 10, 8)
	a.do(sxtlh, 0, 9)
	a.do(sxtlh2, 1, 9)
	a.do(sxtlh, 2, 10)
	a.do(sxtlh2, 3, 10)
	a.all(scvtf, x16, x16)
}

// bits writes the data of that name.
func (a *asm) bits() {
	fmt.Fprint(a, "\n// bits is the bit of each of 16 components in two bytes, the first one highest.\n")
	for i := range 16 {
		fmt.Fprintf(a, "DATA bits<>+%d(SB)/4, $%#x\n", 4*i, 0x80>>(i%8)<<(i/8*8))
	}
	fmt.Fprint(a, "GLOBL bits<>(SB), RODATA|NOPTR, $64\n")
}

// conversion writes a function of x, whose length is a multiple of 16: what
// comes first, the loop's body, and what comes last.
func (a *asm) conversion(name, arguments, does string, frame int, first, body, last func()) {
	result := ""
	if arguments == "x []float32" {
		result = " uint32"
	}
	fmt.Fprintf(a, `
// func %[1]sNEON(%[2]s)%[3]s
// %[4]s. R0 = dst, R1 = x, R2 = elements left.
TEXT ·%[1]sNEON(SB), NOSPLIT, $0-%[5]d
`, name, arguments, result, does, frame)
	first()
	a.line("CBZ  R2, done")
	a.label("loop16")
	body()
	a.line("SUBS $16, R2, R2")
	a.line("BNE  loop16")
	a.label("done")
	last()
	a.line("RET")
}

// pointers loads dst and x.
func (a *asm) pointers() {
	a.line("MOVD dst_base+0(FP), R0")
	a.line("MOVD x_base+24(FP), R1")
	a.line("MOVD x_len+32(FP), R2")
}

// flip sets V22 to the argument flip in every byte.
func (a *asm) flip(at int) {
	a.line("MOVBU flip+%d(FP), R10", at)
	a.line("VDUP R10, V22.B16")
}

// narrow sets V0 to the lowest bytes of 16 words.
func (a *asm) narrow() {
	a.do(uzp1h, 0, 0, 1)
	a.do(uzp1h, 2, 2, 3)
	a.do(uzp1b, 0, 0, 2)
}

// bytesOut stores 16 words as bytes ^ flip.
func (a *asm) bytesOut() {
	a.narrow()
	a.do(eor, 0, 0, 22)
	a.line("VST1.P [V0.B16], 16(R0)")
}
