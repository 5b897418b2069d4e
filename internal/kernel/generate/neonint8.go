package main

import "fmt"

// Operations on whole numbers of 8 bits, and on the halves of registers.
var (
	sdotLane = op{0x4f80e000, "sdot v%d.4s, v%d.16b, v%d.4b[%d]"}
	usmmla   = op{0x4e80ac00, "usmmla v%d.4s, v%d.16b, v%d.16b"} // 2 rows × 2 columns, 8 terms each
	movi128  = op{0x4f04e400, "movi v%d.16b, #0x80"}
	mulw     = op{0x4ea09c00, "mul v%d.4s, v%d.4s, v%d.4s"}
	smin     = op{0x4ea06c00, "smin v%d.4s, v%d.4s, v%d.4s"}
	addph    = op{0x4e60bc00, "addp v%d.8h, v%d.8h, v%d.8h"}
	zip1d    = op{0x4ec03800, "zip1 v%d.2d, v%d.2d, v%d.2d"} // the lower halves
	zip2d    = op{0x4ec07800, "zip2 v%d.2d, v%d.2d, v%d.2d"} // the upper halves
	fmulLane = op{0x4f809000, "fmul v%d.4s, v%d.4s, v%d.s[%d]"}
	fminnm   = op{0x4ea0c400, "fminnm v%d.4s, v%d.4s, v%d.4s"} // a NaN is left out, as by fmaxnm
	fmaxnm   = op{0x4e20c400, "fmaxnm v%d.4s, v%d.4s, v%d.4s"}
	fminnmv  = op{0x6eb0c800, "fminnmv s%d, v%d.4s"}
	fmaxnmv  = op{0x6e30c800, "fmaxnmv s%d, v%d.4s"}
)

// int8Tile writes the kernel of m rows whose products want both sides signed: the
// terms of a minus 128, and so minus 128 in place of their zero point.
func (a *asm) int8Tile(m int, multiply func(a *asm, m int)) {
	a.int8Begin(m)
	for r := range m {
		a.line("MOVW %d(R8), R10 // minus the zero point", 16*r+4)
		a.line("ADD  $128, R10")
		a.line("VDUP R10, V%d.S4", neonTerms+r)
	}
	for j := range 4 {
		a.line("FMOVQ %d(R9), F%d // sums of the columns", 4*panel+16*j, neonB)
		for r := range m {
			a.do(mulw, 4*r+j, neonB, neonTerms+r)
		}
	}
	a.line("CBZ  R5, scale")
	a.steps("loop", m, func() {
		a.do(movi128, neonB)
		for r := range m {
			a.line("FMOVQ %d(R2), F%d", 16*r, neonTerms+r)
			a.do(eor, neonTerms+r, neonTerms+r, neonB)
		}
		multiply(a, m)
	})
	a.label("\nscale")
	a.all(scvtf, span(0, 4*m), span(0, 4*m))
	a.int8End(m)
}

// int8Begin sets R8 and R9 to what follows the whole numbers in a and b.
func (a *asm) int8Begin(m int) {
	a.line("MOVD $%d, R8", 16*m)
	a.line("MADD R8, R2, R5, R8")
	a.line("ADD  R5<<9, R3, R9")
}

// multiplySDOT writes four products to a lane at once.
func (a *asm) multiplySDOT(m int) {
	a.words(neonB, neonB+1, func(k, j, b int) {
		for r := range m {
			a.do(sdotLane, 4*r+j, b, neonTerms+r, k)
		}
	})
}

// multiplyWide writes products of 16 bits, which hold the sum of two of at most
// 128·127, for up to four rows.
func (a *asm) multiplyWide(m int) {
	const words, low, high = 16, 20, 21
	a.words(neonB, neonB+1, func(k, j, b int) {
		for r := range m {
			if j == 0 {
				a.line("VDUP V%d.S[%d], V%d.S4", neonTerms+r, k, words+r)
			}
			a.do(smull, low, b, words+r)
			a.do(smull2, high, b, words+r)
			a.do(addph, low, low, high)
			a.do(sadalp, 4*r+j, low)
		}
	})
}

// int8PairsTile writes the kernel of m rows that multiplies two rows with two columns
// at once, of which there are 8 for each pair of rows. Of two words of all columns,
// those of columns 0 to 7 lie in the place of the first, see pairWords. The last row
// of an odd number is paired with itself.
func (a *asm) int8PairsTile(m int) {
	const b0, b1 = neonB, neonB + 1
	pairs := (m + 1) / 2
	second := func(p int) int { return min(2*p+1, m-1) }
	a.int8Begin(m)
	for p := range pairs {
		a.line("MOVW %d(R8), R10 // minus the zero points", 32*p+4)
		a.line("MOVW %d(R8), R11", 16*second(p)+4)
		a.line("VDUP R10, V%d.S4", b0)
		a.line("VDUP R11, V%d.S4", b1)
		a.do(zip1d, neonTerms+p, b0, b1)
	}
	for j := range 4 {
		a.line("FMOVQ %d(R9), F%d // sums of the columns", 4*panel+16*j, b0)
		a.do(zip2d, b1, b0, b0)
		a.do(zip1d, b0, b0, b0)
		for p := range pairs {
			a.do(mulw, 8*p+2*j, b0, neonTerms+p)
			a.do(mulw, 8*p+2*j+1, b1, neonTerms+p)
		}
	}
	a.line("CBZ  R5, scale")
	a.steps("loop", m, func() {
		for p := range pairs {
			a.line("FMOVQ %d(R2), F%d", 32*p, b0)
			a.line("FMOVQ %d(R2), F%d", 16*second(p), b1)
			a.do(zip1d, neonTerms+2*p, b0, b1)
			a.do(zip2d, neonTerms+2*p+1, b0, b1)
		}
		a.words(b0, b1, func(k, j, b int) {
			for p := range pairs {
				a.do(usmmla, 8*p+4*(k%2)+j, neonTerms+2*p+k/2, b)
			}
		})
	})
	a.label("\nscale")
	for p := range pairs {
		for j := range 4 {
			a.do(zip1d, neonTerms+j, 8*p+2*j, 8*p+2*j+1)
			a.do(zip2d, neonTerms+4+j, 8*p+2*j, 8*p+2*j+1)
		}
		a.all(scvtf, span(8*p, 8), span(neonTerms, 8))
	}
	a.int8End(m)
}

// int8End writes what follows the sums of the products, which are float32s from V0
// on: the scales, the biases and the outliers. It moves the sums up by one register.
func (a *asm) int8End(m int) {
	const biases, scales = 25, 29
	for r := range m {
		a.line("FMOVS %d(R2), F%d // scale of the row", 16*r, neonB)
		for j := range 4 {
			a.do(fmulLane, 4*r+j, 4*r+j, neonB, 0)
		}
	}
	a.line("VLD1 (R4), %s", list(span(biases, 4)))
	for r := m - 1; r >= 0; r-- {
		for j := 3; j >= 0; j-- {
			if j%2 == 1 {
				a.line("FLDPQ %d(R3), (F%d, F%d) // scales of the columns", 16*(j-1), scales, scales+1)
			}
			a.move(4*r+j+1, biases+j)
			a.do(fmla, 4*r+j+1, 4*r+j, scales+j%2)
		}
	}
	a.line("MOVWU 8(R2), R5 // steps of outliers")
	a.line("ADD  $%d, R2", 16*m)
	a.line("ADD  $%d, R3", 8*panel)
	a.line("CBZ  R5, store")
	a.steps("outliers", m, func() { a.float32Words(m, 1, neonTerms+1, neonB+1, 0) })
	a.store(m, 1)
}

// neonInt8 writes the loops over float32s that become whole numbers.
func neonInt8(string) []byte {
	a := newAsm("arm64")
	fmt.Fprint(a, "\n// laneBits is the bit of each of 16 lanes.\n")
	var each [16]uint32
	for i := range each {
		each[i] = 1 << i
	}
	a.data("laneBits", 64, each[:]...)
	low, high, marks, bits := span(16, 4), span(20, 4), span(24, 4), span(28, 4)
	fmt.Fprint(a, `
// func extremesNEON(x *float32, kept *uint16, groups int) (low, high float32)
// R0 = x, R1 = kept, R2 = groups left, V0 to V3 = x, V7 = 0, V16 to V19 = low, V20
// to V23 = high, V24 to V27 = Σ x·0, V28 to V31 = laneBits.
TEXT ·extremesNEON(SB), 0, $64-32
	MOVD x+0(FP), R0
	MOVD kept+8(FP), R1
	MOVD groups+16(FP), R2
`)
	a.clear(low)
	a.clear(high)
	a.clear(marks)
	a.kept(bits, func() {
		a.do(zero, 7)
		a.all(fminnm, low, low, x16)
		a.all(fmaxnm, high, high, x16)
		a.note("NaN where x is not finite")
		a.all(fmla, marks, x16, group{7})
	})
	for _, f := range []struct {
		o op
		g group
	}{{fminnm, low}, {fmaxnm, high}, {fadd, marks}} {
		a.all(f.o, f.g[:2], f.g[:2], f.g[2:])
		a.do(f.o, f.g[0], f.g[0], f.g[1])
	}
	a.do(fminnmv, 16, 16)
	a.do(fmaxnmv, 20, 20)
	a.do(ext8, 25, 24, 24)
	a.do(fadd, 24, 24, 25)
	a.do(faddp, 24, 24)
	a.line("FADDS F24, F20, F20")
	a.line("FMOVS F16, low+24(FP)")
	a.line("FMOVS F20, high+28(FP)")
	a.line("RET")

	fmt.Fprint(a, `
// func quantizeNEON(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
// R0 = x, R1 = kept, R2 = groups left, R3 = dst, R4 = stride, V0 to V3 = x, V16 =
// inverse, V17 = zero, V18 = 255, V28 to V31 = laneBits.
TEXT ·quantizeNEON(SB), 0, $64-48
	MOVD  dst+0(FP), R3
	MOVD  stride+8(FP), R4
	MOVD  x+16(FP), R0
	MOVD  kept+24(FP), R1
	MOVD  groups+32(FP), R2
	FMOVS inverse+40(FP), F16
	MOVW  zero+44(FP), R5
	VDUP  R5, V17.S4
	MOVD  $255, R5
	VDUP  R5, V18.S4
`)
	a.do(dup, 16, 16)
	a.kept(bits, func() {
		a.all(fmul, x16, x16, group{16})
		a.all(fcvtns, x16, x16)
		a.all(addw, x16, x16, group{17})
		a.all(smin, x16, x16, group{18})
		a.narrow()
		a.line("VST1 [V0.B16], (R3)")
		a.line("ADD  R4, R3")
	})
	a.line("RET")
	return a.Bytes()
}

// kept writes a loop over the groups of 16: V0 to V3 = those elements that are kept,
// zero for the others, of which those of the last group are not read. Changes V4 to
// V8, R10 to R13.
func (a *asm) kept(bits group, body func()) {
	a.line("MOVD $laneBits<>(SB), R10")
	a.line("VLD1 (R10), %s", list(bits))
	a.line("CBZ  R2, done")
	a.label("loop")
	a.line("MOVHU.P 2(R1), R10")
	a.line("VDUP R10, V8.S4")
	a.line("CMP  $1, R2")
	a.line("BNE  read")
	a.line("MOVD $0xffff, R11")
	a.line("CMP  R10, R11")
	a.line("BEQ  read")
	a.note("those elements of the last group that are kept")
	a.line("MOVD R0, R11")
	a.line("MOVD $tail-64(SP), R12")
	a.line("MOVD R12, R0")
	a.line("CBZ  R10, read")
	a.label("word")
	a.line("TBZ  $0, R10, left")
	a.line("MOVWU (R11), R13")
	a.line("MOVW R13, (R12)")
	a.label("left")
	a.line("ADD  $4, R11")
	a.line("ADD  $4, R12")
	a.line("LSR  $1, R10")
	a.line("CBNZ R10, word")
	a.label("read")
	a.line("VLD1.P 64(R0), %s", list(x16))
	a.all(cmtst, y16, group{8}, bits)
	a.all(and, x16, x16, y16)
	body()
	a.line("SUBS $1, R2, R2")
	a.line("BNE  loop")
	a.label("done")
}
