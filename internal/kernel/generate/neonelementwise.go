package main

import "fmt"

func neonElementwise(dir string) []byte {
	a := newAsm("arm64")
	a.lanes()
	a.activation("gelu", "x = x·Φ(x), Φ(x) = (1 + erf(x/√2))/2", (*asm).gelu)
	a.activation("geluTanh", "x = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))", (*asm).geluTanh)
	a.activation("silu", "x = x / (1 + exp(-x))", (*asm).silu)
	a.activation("relu", "x = max(x, 0), a NaN stays", (*asm).relu)
	a.activation("tanh", "x = tanh(x)", (*asm).tanh)
	a.softmax()
	a.packExponentials()
	a.addScaled()
	a.rotate()
	a.divideRows()
	a.layerNorm()
	a.rmsNorm()
	a.table(dir)
	a.simple("axpy", "dst, x []float32, a float32", "dst += a·x", 48, func(dst, x, scalar group) {
		a.all(fmla, dst, x, scalar)
	})
	a.simple("mul", "dst, x []float32", "dst = dst∘x", 0, func(dst, x, _ group) {
		a.all(fmul, dst, dst, x)
	})
	a.simple("max", "dst, x []float32", "dst = the larger of dst and x, a NaN in either stays, of equal ones (zeros) the logical or", 0, func(dst, x, _ group) {
		equal, both := span(8, len(x)), span(12, len(x))
		a.all(fcmeq, equal, dst, x)
		a.all(orr, both, dst, x)
		a.all(fmax, dst, dst, x)
		a.all(bit, dst, both, equal)
	})
	a.simple("scale", "dst []float32, a float32", "dst *= a", 24, func(dst, _, scalar group) {
		a.all(fmul, dst, dst, scalar)
	})
	return a.Bytes()
}

// lanes writes the masks of the first lanes of 16.
func (a *asm) lanes() {
	fmt.Fprintf(a, "\n// lanes is 16 words of ones, then 16 of zeros: the 16 words at (16-n)·4 bytes\n// are a mask of n lanes.\n")
	for i := range 16 {
		fmt.Fprintf(a, "DATA lanes<>+%d(SB)/8, $%s\n", 8*i, []string{"0xffffffffffffffff", "0"}[i/8])
	}
	fmt.Fprintf(a, "GLOBL lanes<>(SB), RODATA|NOPTR, $128\n")
}

// list returns the operand for VLD1 and VST1 of one to four registers.
func list(g group) string {
	s := ""
	for _, r := range g {
		s += fmt.Sprintf(", V%d.S4", r)
	}
	return "[" + s[2:] + "]"
}

// copyWords copies R12 words, at least one, from R10 to R11, both of which it
// moves on. Changes R12, R13.
func (a *asm) copyWords(label string) {
	a.label(label)
	a.line("MOVWU.P 4(R10), R13")
	a.line("MOVW.P  R13, 4(R11)")
	a.line("SUBS    $1, R12, R12")
	a.line("BNE     %s", label)
}

// activation writes a function of x (rows×cols, ld elements apart), eight
// elements at a time, the last ones of a row in the frame.
func (a *asm) activation(name, does string, steps func(*asm, lane)) {
	l := lanes(0, 2)
	fmt.Fprintf(a, `
// func %[1]sNEON(x []float32, ld, rows, cols int)
// %[2]s. R0 = row, R1 = ld in bytes, R2 = rows left, R3 = cols, R4 = place in
// the row, R5 = elements left, R9 = constants, V0 and V1 = x[i:i+8].
TEXT ·%[1]sNEON(SB), 0, $32-48
	MOVD x_base+0(FP), R0
	MOVD ld+24(FP), R1
	MOVD rows+32(FP), R2
	MOVD cols+40(FP), R3
	MOVD $constants<>(SB), R9
	LSL  $2, R1, R1
	CBZ  R2, done
row:
	MOVD R0, R4
	SUBS $8, R3, R5
	BLT  tail
loop8:
	VLD1 (R4), %[3]s
`, name, does, list(l.x))
	steps(a, l)
	fmt.Fprintf(a, `	VST1.P %[1]s, 32(R4)
	SUBS $8, R5, R5
	BGE  loop8
tail:
	ADDS $8, R5, R5
	BEQ  next
	MOVD R4, R10
	MOVD $tail-32(SP), R11
	MOVD R5, R12
`, list(l.x))
	a.copyWords("in")
	a.line("MOVD $tail-32(SP), R10")
	a.line("VLD1 (R10), %s", list(l.x))
	steps(a, l)
	fmt.Fprintf(a, `	VST1 %s, (R10)
	MOVD R4, R11
	MOVD R5, R12
`, list(l.x))
	a.copyWords("out")
	fmt.Fprintf(a, `next:
	ADD  R1, R0
	SUBS $1, R2, R2
	BNE  row
done:
	RET
`)
}

// simple writes a function of dst and, where there is one, x, 16 elements at a
// time, then one by one. The scalar a is at that place of the arguments.
func (a *asm) simple(name, arguments, does string, scalar int, steps func(dst, x, scalar group)) {
	frame := 24
	two := arguments != "dst []float32, a float32"
	if two {
		frame = 48
	}
	if scalar > 0 {
		frame += 4
	}
	fmt.Fprintf(a, `
// func %[1]sNEON(%[2]s)
// %[3]s. R0 = dst, R1 = elements left, R2 = x, V16 = a.
TEXT ·%[1]sNEON(SB), NOSPLIT, $0-%[4]d
	MOVD dst_base+0(FP), R0
	MOVD dst_len+8(FP), R1
`, name, arguments, does, frame)
	if two {
		a.line("MOVD x_base+24(FP), R2")
	}
	if scalar > 0 {
		a.line("FMOVS a+%d(FP), F16", scalar)
		a.do(dup, 16, 16)
	}
	a.line("SUBS $16, R1, R1")
	a.line("BLT  tail")
	a.label("loop16")
	dst, x := span(0, 4), span(4, 4)
	a.line("VLD1 (R0), %s", list(dst))
	if two {
		a.line("VLD1.P 64(R2), %s", list(x))
	}
	steps(dst, x, group{16})
	a.line("VST1.P %s, 64(R0)", list(dst))
	a.line("SUBS $16, R1, R1")
	a.line("BGE  loop16")
	a.label("tail")
	a.line("ADDS $16, R1, R1")
	a.line("BEQ  done")
	a.label("loop1")
	a.line("FMOVS (R0), F0")
	if two {
		a.line("FMOVS.P 4(R2), F4")
	}
	steps(dst[:1], x[:1], group{16})
	a.line("FMOVS.P F0, 4(R0)")
	a.line("SUBS $1, R1, R1")
	a.line("BNE  loop1")
	a.label("done")
	a.line("RET")
}

// rotate writes Set.rotate: four elements at a time, then one by one.
func (a *asm) rotate() {
	fmt.Fprint(a, `
// func rotateNEON(heads *float32, count, half int, angles *float32)
// Each head turned. R0 and R1 = places in its halves, R2 = heads left, R3 = half, R4 = cosines,
// R5 and R6 = places in cosines and sines, R8 = elements left.
TEXT ·rotateNEON(SB), NOSPLIT, $0-32
	MOVD heads+0(FP), R0
	MOVD count+8(FP), R2
	MOVD half+16(FP), R3
	MOVD angles+24(FP), R4
head:
	ADD  R3<<2, R0, R1
	MOVD R4, R5
	ADD  R3<<2, R4, R6
`)
	turn := func() {
		a.do(fmul, 4, 1, 3)
		a.do(fmul, 5, 0, 2)
		a.do(fsub, 5, 5, 4) // a·cos - b·sin
		a.do(fmul, 4, 0, 3)
		a.do(fmul, 6, 1, 2)
		a.do(fadd, 6, 6, 4) // b·cos + a·sin
	}
	a.line("SUBS $4, R3, R8")
	a.line("BLT  tail")
	a.label("loop4")
	a.line("VLD1 (R0), [V0.S4]")
	a.line("VLD1 (R1), [V1.S4]")
	a.line("VLD1.P 16(R5), [V2.S4]")
	a.line("VLD1.P 16(R6), [V3.S4]")
	turn()
	a.line("VST1.P [V5.S4], 16(R0)")
	a.line("VST1.P [V6.S4], 16(R1)")
	a.line("SUBS $4, R8, R8")
	a.line("BGE  loop4")
	a.label("tail")
	a.line("ADDS $4, R8, R8")
	a.line("BEQ  next")
	a.label("loop1")
	a.line("FMOVS (R0), F0")
	a.line("FMOVS (R1), F1")
	a.line("FMOVS.P 4(R5), F2")
	a.line("FMOVS.P 4(R6), F3")
	turn()
	a.line("FMOVS.P F5, 4(R0)")
	a.line("FMOVS.P F6, 4(R1)")
	a.line("SUBS $1, R8, R8")
	a.line("BNE  loop1")
	a.label("next")
	a.line("MOVD R1, R0") // the second half's end is the next head
	a.line("SUBS $1, R2, R2")
	a.line("BNE  head")
	a.line("RET")
}
