package main

import "fmt"

// neonDistance writes the products of a query with four rows. The row's
// components are V0 to V3, the query's V4 to V7, V8 to V11 change; V16 to V19 are
// the row's sums, V22 = flip in every byte.
func neonDistance(string) []byte {
	a := newAsm("arm64")
	fmt.Fprint(a, `
// The products take one row after the other, as memory is read fastest: R0 =
// place in the query, R1 = place in the row, R2 = row, R3 = stride, R4 = steps
// left, R5 = the tail's query, R6 = the tail's row, R7 = rows left, R8 = place of
// the result. The row's components are V0 to V3, the query's V4 to V7, V8 to V11
// are for steps, V16 to V19 the sums, V22 = flip in every byte.
`)
	query := func() { a.line("VLD1.P 64(R0), %s", list(y16)) }
	none := func() {}
	float32s := func() { a.line("VLD1.P 64(R1), %s", list(x16)) }
	float16s := a.halvesIn
	dot := func() { a.all(fmla, sums, y16, x16) }
	square := func() { a.all(fmla, sums, x16, x16) }
	distance := func() {
		a.all(fsub, x16, x16, y16)
		square()
	}
	for _, f := range []struct {
		name, sum  string
		query, row func()
		add        func()
	}{
		{"dotFloat32", "query·row", query, float32s, dot},
		{"squareFloat32", "row²", none, float32s, square},
		{"distanceFloat32", "(row-query)²", query, float32s, distance},
		{"dotFloat16", "query·row, row of halves", query, float16s, dot},
		{"squareFloat16", "row², row of halves", none, float16s, square},
		{"distanceFloat16", "(row-query)², row of halves", query, float16s, distance},
		{"dotBytes", "query·(row ^ flip), row of int8", query, func() {
			a.line("VLD1.P 16(R1), [V8.B16]")
			a.do(eor, 8, 8, 22)
			a.int8sIn()
		}, dot},
	} {
		a.rows(f.name+"NEON", f.sum, "float32", none, func() { f.query(); f.row(); f.add() }, a.total)
	}
	a.signs(query)
	a.ints()
	return a.Bytes()
}

// signs writes the products with rows of signs.
func (a *asm) signs(query func()) {
	a.bits()
	bits := span(24, 4)
	a.rows("dotSignsNEON", "±query, by the bits of row ^ flip. V24 to V27 = bits, V28 = the sign", "float32", func() {
		a.line("MOVD $bits<>(SB), R10")
		a.line("VLD1 (R10), %s", list(bits))
		a.line("MOVD $0x80000000, R10")
		a.line("VDUP R10, V28.S4")
	}, func() {
		query()
		a.line("MOVHU.P 2(R1), R10")
		a.line("VDUP R10, V8.S4")
		a.do(eor, 8, 8, 22)
		a.note("the sign where the bit is 0")
		a.all(cmtst, x16, group{8}, bits)
		a.all(bic, x16, group{28}, x16)
		a.all(eor, x16, x16, y16)
		a.all(fadd, sums, sums, x16)
	}, a.total)
}

// ints writes the products of bytes: V0 to V3 are the row's, V4 to V7 the query's.
func (a *asm) ints() {
	load := func(pointer string, g group) {
		a.line("VLD1.P 16(%s), [V%d.B16]", pointer, g[0])
		a.do(eor, g[0], g[0], 22)
	}
	load64 := func(pointer string, g group) {
		a.line("VLD1.P 64(%s), [V%d.B16, V%d.B16, V%d.B16, V%d.B16]", pointer, g[0], g[1], g[2], g[3])
		a.all(eor, g, g, group{22})
	}
	products := func(x, y int) {
		a.do(smull, 8, x, y)
		a.do(smull2, 9, x, y)
		a.do(sadalp, 16, 8)
		a.do(sadalp, 17, 9)
	}
	total := func() {
		a.all(addw, sums[:2], sums[:2], sums[2:])
		a.do(addw, 16, 16, 17)
		a.do(addv, 16, 16)
	}
	none := func() {}
	const dot, square = "(query ^ flip)·(row ^ flip), both of int8", "(row ^ flip)², row of int8"
	a.rows("dotInt8NEON", dot, "int32", none, func() { load("R0", y16); load("R1", x16); products(0, 4) }, total)
	a.rows("squareInt8NEON", square, "int32", none, func() { load("R1", x16); products(0, 0) }, total)
	const requires = ".\n// Requires: ASIMDDP. A step is 64 bytes"
	a.rows("dotInt8SDOT", dot+requires, "int32", none, func() {
		load64("R0", y16)
		load64("R1", x16)
		a.all(sdot, sums, x16, y16)
	}, total)
	a.rows("squareInt8SDOT", square+requires, "int32", none, func() {
		load64("R1", x16)
		a.all(sdot, sums, x16, x16)
	}, total)
	a.rows("hammingNEON", "the bits of query ^ row", "int32", none, func() {
		a.line("VLD1.P 16(R0), [V4.B16]")
		a.line("VLD1.P 16(R1), [V0.B16]")
		a.do(eor, 0, 0, 4)
		a.do(cnt, 0, 0)
		a.do(uaddlp, 0, 0)
		a.do(uadalp, 16, 0)
	}, total)
}

// rows writes a function of four rows, or of the first one if the stride is 0.
// step adds what R0 and R1 point at to the sums and moves them on; total sets V16
// to their sum.
func (a *asm) rows(name, sum, result string, first, step, total func()) {
	fmt.Fprintf(a, `
// func %[1]s(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d %[2]s)
// a, b, c, d = Σ %[3]s.
TEXT ·%[1]s(SB), NOSPLIT, $0-72
	MOVD rows+8(FP), R2
	MOVD stride+16(FP), R3
	MOVD tailQuery+32(FP), R5
	MOVD tailRows+40(FP), R6
	MOVD $a+56(FP), R8
	MOVD $4, R7
	CMP  $0, R3
	CSINC NE, R7, ZR, R7 // 1 row if the stride is 0
`, name, result, sum)
	a.flip(48)
	first()
	a.label("row")
	a.clear(sums)
	a.line("MOVD query+0(FP), R0")
	a.line("MOVD R2, R1")
	a.line("MOVD steps+24(FP), R4")
	a.line("CBZ  R4, tail")
	a.label("loop")
	step()
	a.line("SUBS $1, R4, R4")
	a.line("BNE  loop")
	a.label("tail")
	a.line("CBZ  R5, next")
	a.line("MOVD R5, R0")
	a.line("MOVD R6, R1")
	step()
	a.line("MOVD R1, R6")
	a.label("next")
	total()
	a.line("FMOVS.P F16, 4(R8)")
	a.line("ADD  R3, R2")
	a.line("SUBS $1, R7, R7")
	a.line("BNE  row")
	a.line("RET")
}
