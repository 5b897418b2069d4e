package main

import "fmt"

// The sums of a reduction are V16 to V19, 16 partial sums. R1 = elements in whole
// groups of 16, R2 = elements of the tail. The frame holds a tail.
var (
	sums = span(16, 4)
	x16  = span(0, 4)
	y16  = span(4, 4)
)

// clear sets registers to 0.
func (a *asm) clear(g group) { a.all(zero, g) }

// groups writes a loop over the whole groups of 16. Changes R8.
func (a *asm) groups(label string, body func()) {
	a.line("MOVD R1, R8")
	a.line("CBZ  R8, %sdone", label)
	a.label(label)
	body()
	a.line("SUBS $16, R8, R8")
	a.line("BNE  %s", label)
	a.label(label + "done")
}

// tailIn loads the tail at a pointer to g, with the register fill in the place of
// missing elements. Changes R10 to R13.
func (a *asm) tailIn(label, from string, fill int, g group) {
	a.line("MOVD %s, R10", from)
	a.line("MOVD $tail-64(SP), R11")
	a.line("FSTPQ (F%d, F%d), (R11)", fill, fill)
	a.line("FSTPQ (F%d, F%d), 32(R11)", fill, fill)
	a.line("MOVD R2, R12")
	a.copyWords(label)
	a.line("MOVD $tail-64(SP), R11")
	a.line("VLD1 (R11), %s", list(g))
}

// tailOut stores the tail in g. Changes R10 to R13.
func (a *asm) tailOut(label string, g group, to string) {
	a.line("MOVD $tail-64(SP), R10")
	a.line("VST1 %s, (R10)", list(g))
	a.line("MOVD %s, R11", to)
	a.line("MOVD R2, R12")
	a.copyWords(label)
}

// keep sets lanes beyond the tail to 0. Changes R10, R11, V4 to V7.
func (a *asm) keep(g group) {
	a.line("MOVD $lanes<>+64(SB), R10")
	a.line("LSL  $2, R2, R11")
	a.line("SUB  R11, R10, R10")
	a.line("VLD1 (R10), %s", list(y16))
	a.all(and, g, g, y16)
}

// total: F16 = the partial sums, added as a tree.
func (a *asm) total() {
	a.note("i and i+8, then +4, +2, +1")
	a.all(fadd, sums[:2], sums[:2], sums[2:])
	a.do(fadd, 16, 16, 17)
	a.do(ext8, 17, 16, 16)
	a.do(fadd, 16, 16, 17)
	a.do(faddp, 16, 16)
}

// mean: F16 = F16 / (R1 + R2). Changes R10, F17.
func (a *asm) mean() {
	a.line("ADD    R2, R1, R10")
	a.line("SCVTFS R10, F17")
	a.line("FDIVS  F17, F16, F16")
}

// root: F16 = 1 / √(F16 + eps). Changes F17.
func (a *asm) root(eps int) {
	a.line("FMOVS  eps+%d(FP), F17", eps)
	a.line("FADDS  F17, F16, F16")
	a.line("FSQRTS F16, F16")
	a.line("FMOVS  $1.0, F17")
	a.line("FDIVS  F16, F17, F16")
}

// split sets R2 to the elements of the tail, R1 to the others. R1 is the length.
func (a *asm) split() {
	a.line("AND  $15, R1, R2")
	a.line("SUB  R2, R1, R1")
}

func (a *asm) softmax() {
	fmt.Fprint(a, `
// func softmaxNEON(x []float32, factor, least float32) (total, highest float32)
// x = 2^((x-highest)·factor), highest = max(x, least), total = Σ x. R0 = x, R9 =
// constants, V20 = highest, V21 = factor.
TEXT ·softmaxNEON(SB), 0, $64-40
	MOVD x_base+0(FP), R0
	MOVD x_len+8(FP), R1
	FMOVS factor+24(FP), F21
	FMOVS least+28(FP), F20
	MOVD $constants<>(SB), R9
`)
	a.do(dup, 21, 21)
	a.split()
	a.line("MOVD R0, R4")
	a.largest()
	a.line("FMOVS F20, highest+36(FP)")
	a.clear(sums)
	a.groups("exp", func() {
		a.line("VLD1 (R0), %s", list(x16))
		a.exponentials()
		a.line("VST1.P %s, 64(R0)", list(x16))
		a.all(fadd, sums, sums, x16)
	})
	a.line("CBZ  R2, total")
	a.tailIn("in", "R0", 20, x16)
	a.exponentials()
	a.keep(x16)
	a.all(fadd, sums, sums, x16)
	a.tailOut("out", x16, "R0")
	a.label("total")
	a.total()
	a.line("FMOVS F16, total+32(FP)")
	a.line("RET")
}

// largest: V20 = the largest element at R4 and F20, a NaN is left out. Changes R4, V16 to V19
// and what groups and tailIn change.
func (a *asm) largest() {
	largest := sums
	a.do(dup, 20, 20)
	a.all(move, largest, group{20})
	larger := func() {
		a.note("the larger one, a NaN is left out")
		a.all(fcmgt, y16, x16, largest)
		a.all(bit, largest, x16, y16)
	}
	a.groups("max", func() {
		a.line("VLD1.P 64(R4), %s", list(x16))
		larger()
	})
	a.line("CBZ  R2, largest")
	a.tailIn("maxin", "R4", 20, x16)
	larger()
	a.label("largest")
	a.all(fmax, largest[:2], largest[:2], largest[2:])
	a.do(fmax, 16, 16, 17)
	a.do(fmaxv, 16, 16)
	a.do(dup, 20, 16)
}

// exponentials: x16 = 2^((x16-V20)·V21). Changes V6 to V13.
func (a *asm) exponentials() {
	a.all(fsub, x16, x16, group{20})
	a.all(fmul, x16, x16, group{21})
	for i := 0; i < 4; i += 2 {
		l := lanes(6, 2)
		x := x16[i : i+2]
		a.constant(l.k, "powerLow")
		a.all(fmax, l.p, x, l.k)
		a.finePower(l, l.p)
		a.all(move, x, l.k)
	}
}

func (a *asm) packExponentials() {
	fmt.Fprint(a, `
// func packExponentialsNEON(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32)
// softmaxNEON row by row, with the results stored as packRows does. R0 = where the
// row begins in dst, R3 = bytes of a group, R5 = rows left, R6 = totals, R7 = place
// in dst, R9 = constants, R19 = row, R20 = ld in bytes, R21 = highest, V20 = its element, V21 = factor.
TEXT ·packExponentialsNEON(SB), 0, $64-64
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R19
	MOVD ld+16(FP), R20
	MOVD rows+24(FP), R5
	FMOVS factor+40(FP), F21
	MOVD highest+48(FP), R21
	MOVD totals+56(FP), R6
	MOVD $constants<>(SB), R9
	LSL  $2, R20
	LSL  $4, R5, R3
`)
	a.do(dup, 21, 21)
	a.label("row")
	a.line("MOVD cols+32(FP), R1")
	a.split()
	a.line("MOVD R19, R4")
	a.line("FMOVS (R21), F20")
	a.largest()
	a.line("FMOVS.P F20, 4(R21)")
	a.clear(sums)
	a.line("MOVD R19, R4")
	a.line("MOVD R0, R7")
	a.groups("exp", func() {
		a.line("VLD1.P 64(R4), %s", list(x16))
		a.exponentials()
		a.all(fadd, sums, sums, x16)
		for _, x := range x16 {
			a.line("VST1.P [V%d.S4], (R7)(R3)", x)
		}
	})
	a.line("CBZ  R2, total")
	a.tailIn("in", "R4", 20, x16)
	a.exponentials()
	a.keep(x16)
	a.all(fadd, sums, sums, x16)
	for i, x := range x16 {
		if i > 0 {
			a.line("CMP  $%d, R2", 4*i)
			a.line("BLE  total")
		}
		a.line("VST1.P [V%d.S4], (R7)(R3)", x)
	}
	a.label("total")
	a.total()
	a.line("FMOVS.P F16, 4(R6)")
	a.line("ADD  R20, R19")
	a.line("ADD  $16, R0")
	a.line("SUBS $1, R5, R5")
	a.line("BNE  row")
	a.line("RET")
}

func (a *asm) divideRows() {
	fmt.Fprint(a, `
// func divideRowsNEON(x *float32, ld, rows, cols int, totals *float32)
// Each row of x times 1/total. R0 = row, R1 = ld in bytes, R2 = rows left, R4 =
// its total, R5 = place in the row, R6 = elements left, V16 = 1/total.
TEXT ·divideRowsNEON(SB), NOSPLIT, $0-40
	MOVD x+0(FP), R0
	MOVD ld+8(FP), R1
	MOVD rows+16(FP), R2
	MOVD cols+24(FP), R3
	MOVD totals+32(FP), R4
	LSL  $2, R1
row:
	FMOVS.P 4(R4), F17
	FMOVS $1.0, F16
	FDIVS F17, F16, F16
`)
	a.do(dup, 16, 16)
	a.line("MOVD R0, R5")
	a.line("SUBS $16, R3, R6")
	a.line("BLT  tail")
	a.label("loop16")
	a.line("VLD1 (R5), %s", list(x16))
	a.all(fmul, x16, x16, group{16})
	a.line("VST1.P %s, 64(R5)", list(x16))
	a.line("SUBS $16, R6, R6")
	a.line("BGE  loop16")
	a.label("tail")
	a.line("ADDS $16, R6, R6")
	a.line("BEQ  next")
	a.label("loop1")
	a.line("FMOVS (R5), F0")
	a.do(fmul, 0, 0, 16)
	a.line("FMOVS.P F0, 4(R5)")
	a.line("SUBS $1, R6, R6")
	a.line("BNE  loop1")
	a.label("next")
	a.line("ADD  R1, R0")
	a.line("SUBS $1, R2, R2")
	a.line("BNE  row")
	a.line("RET")
}

func (a *asm) addScaled() {
	fmt.Fprint(a, `
// func addScaledNEON(dst, x *float32, stride, ld, rows, cols int, factors *float32)
// Each row of dst times its factor, and that of x added. R0 = row of dst, R1 = stride in
// bytes, R2 = rows left, R3 = row of x, R4 = factors, R5 and R6 = places in the rows, R7 = ld
// in bytes, R8 = elements left, V20 = the factor.
TEXT ·addScaledNEON(SB), NOSPLIT, $0-56
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R3
	MOVD stride+16(FP), R1
	MOVD ld+24(FP), R7
	MOVD rows+32(FP), R2
	MOVD factors+48(FP), R4
	LSL  $2, R1
	LSL  $2, R7
row:
	FMOVS.P 4(R4), F20
	MOVD cols+40(FP), R8
`)
	a.do(dup, 20, 20)
	a.line("MOVD R0, R5")
	a.line("MOVD R3, R6")
	a.line("SUBS $16, R8, R8")
	a.line("BLT  tail")
	a.label("loop16")
	a.line("VLD1 (R5), %s", list(x16))
	a.line("VLD1.P 64(R6), %s", list(y16))
	a.all(fmla, y16, x16, group{20})
	a.line("VST1.P %s, 64(R5)", list(y16))
	a.line("SUBS $16, R8, R8")
	a.line("BGE  loop16")
	a.label("tail")
	a.line("ADDS $16, R8, R8")
	a.line("BEQ  next")
	a.label("loop1")
	a.line("FMOVS (R5), F0")
	a.line("FMOVS.P 4(R6), F4")
	a.do(fmla, 4, 0, 20)
	a.line("FMOVS.P F4, 4(R5)")
	a.line("SUBS $1, R8, R8")
	a.line("BNE  loop1")
	a.label("next")
	a.line("ADD  R1, R0")
	a.line("ADD  R7, R3")
	a.line("SUBS $1, R2, R2")
	a.line("BNE  row")
	a.line("RET")
}

func (a *asm) layerNorm() {
	fmt.Fprint(a, `
// func layerNormNEON(dst, x, add, gamma, beta []float32, eps float32)
// dst = (s-mean(s))/√(var(s)+eps)·gamma + beta, s = x+add. R0 = dst, R3 = x,
// later s, R4 = add, R5 = gamma, R6 = beta, R19 to R22 = places in them, V20 to
// V23 = the tail of s, V24 = 0, V25 = mean, V26 = 1/√.
TEXT ·layerNormNEON(SB), 0, $64-124
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R1
	MOVD x_base+24(FP), R3
	MOVD add_base+48(FP), R4
	MOVD add_len+56(FP), R7
	MOVD gamma_base+72(FP), R5
	MOVD beta_base+96(FP), R6
`)
	tail := span(20, 4)
	a.split()
	a.clear(sums)
	a.clear(tail)
	a.do(zero, 24)
	a.line("MOVD R3, R19")
	a.line("CBZ  R7, sum")
	a.line("MOVD R0, R20")
	a.line("MOVD R4, R21")
	a.groups("add", func() {
		a.line("VLD1.P 64(R19), %s", list(x16))
		a.line("VLD1.P 64(R21), %s", list(y16))
		a.all(fadd, x16, x16, y16)
		a.line("VST1.P %s, 64(R20)", list(x16))
		a.all(fadd, sums, sums, x16)
	})
	a.line("MOVD R0, R3 // s is in dst")
	a.line("CBZ  R2, mean")
	a.tailIn("xin", "R19", 24, tail)
	a.tailIn("addin", "R21", 24, y16)
	a.all(fadd, tail, tail, y16)
	a.line("B    sumtail")
	a.label("sum")
	a.groups("sum16", func() {
		a.line("VLD1.P 64(R19), %s", list(x16))
		a.all(fadd, sums, sums, x16)
	})
	a.line("CBZ  R2, mean")
	a.tailIn("sin", "R19", 24, tail)
	a.label("sumtail")
	a.all(fadd, sums, sums, tail)
	a.label("mean")
	a.total()
	a.mean()
	a.do(dup, 25, 16)
	a.clear(sums)
	a.line("MOVD R3, R19")
	a.groups("square", func() {
		a.line("VLD1.P 64(R19), %s", list(x16))
		a.all(fsub, x16, x16, group{25})
		a.all(fmla, sums, x16, x16)
	})
	a.line("CBZ  R2, root")
	a.all(fsub, x16, tail, group{25})
	a.keep(x16)
	a.all(fmla, sums, x16, x16)
	a.label("root")
	a.total()
	a.mean()
	a.root(120)
	a.do(dup, 26, 16)
	apply := func() {
		a.all(fsub, x16, x16, group{25})
		a.all(fmul, x16, x16, group{26})
		a.all(fmla, span(8, 4), x16, y16)
	}
	a.line("MOVD R3, R19")
	a.line("MOVD R0, R20")
	a.line("MOVD R5, R21")
	a.line("MOVD R6, R22")
	a.groups("apply", func() {
		a.line("VLD1.P 64(R19), %s", list(x16))
		a.line("VLD1.P 64(R21), %s", list(y16))
		a.line("VLD1.P 64(R22), %s", list(span(8, 4)))
		apply()
		a.line("VST1.P %s, 64(R20)", list(span(8, 4)))
	})
	a.line("CBZ  R2, done")
	a.all(move, x16, tail)
	a.tailIn("gammain", "R21", 24, y16)
	a.tailIn("betain", "R22", 24, span(8, 4))
	apply()
	a.tailOut("out", span(8, 4), "R20")
	a.label("done")
	a.line("RET")
}

func (a *asm) rmsNorm() {
	fmt.Fprint(a, `
// func rmsNormNEON(dst, x, gamma []float32, eps float32)
// dst = x/√(mean(x²)+eps)·gamma. R0 = dst, R3 = x, R5 = gamma, R19 = place in x,
// V20 to V23 = the tail of x, V24 = 0, V26 = 1/√.
TEXT ·rmsNormNEON(SB), 0, $64-76
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R1
	MOVD x_base+24(FP), R3
	MOVD gamma_base+48(FP), R5
`)
	tail := span(20, 4)
	a.split()
	a.clear(sums)
	a.do(zero, 24)
	a.line("MOVD R3, R19")
	a.groups("square", func() {
		a.line("VLD1.P 64(R19), %s", list(x16))
		a.all(fmla, sums, x16, x16)
	})
	a.line("CBZ  R2, root")
	a.tailIn("xin", "R19", 24, tail)
	a.all(fmla, sums, tail, tail)
	a.label("root")
	a.total()
	a.mean()
	a.root(72)
	a.do(dup, 26, 16)
	apply := func() {
		a.all(fmul, x16, x16, group{26})
		a.all(fmul, x16, x16, y16)
	}
	a.groups("apply", func() {
		a.line("VLD1.P 64(R3), %s", list(x16))
		a.line("VLD1.P 64(R5), %s", list(y16))
		apply()
		a.line("VST1.P %s, 64(R0)", list(x16))
	})
	a.line("CBZ  R2, done")
	a.all(move, x16, tail)
	a.tailIn("gammain", "R5", 24, y16)
	apply()
	a.tailOut("out", x16, "R0")
	a.label("done")
	a.line("RET")
}
