package main

import "fmt"

// directLevels are the tiles of rows that are not packed.
var directLevels = []level{
	{"products_direct_avx2_amd64.s", "AVX2", "Y", 6, 8, "AVX2, FMA", nil, true, false},
	{"products_direct_avx512_amd64.s", "AVX512", "Z", 14, 16, "AVX512F", nil, true, false},
}

// directName returns the name of the kernel of m rows.
func (l level) directName(m int) string {
	return fmt.Sprintf("direct%dx%d%s", m, 2*l.lanes, l.suffix)
}

// directArguments are those of these kernels.
const directArguments = "c *float32, ldc int, a *float32, lda int, b, bias *float32, terms, n int, next *float32"

// The registers with every third row, of which the others lie 1, 2, 4 and 8 rows behind one.
var thirdRows = []string{"AX", "R11", "R12", "R13", "DX"}

// row returns the operand of row r of a.
func row(r int) string {
	for _, scale := range []int{0, 1, 2, 4, 8} {
		if third := r - scale; third >= 0 && third%3 == 0 && third/3 < len(thirdRows) && (scale != 8 || third < 6) {
			if scale == 0 {
				return fmt.Sprintf("(%s)", thirdRows[third/3])
			}
			return fmt.Sprintf("(%s)(R8*%d)", thirdRows[third/3], scale)
		}
	}
	panic("row")
}

// direct writes the kernel of m rows.
func (l level) direct(w *asm, m int) {
	acc, b0, b1, a := l.acc, l.b(0), l.b(1), [2]string{l.a(0), l.a(1)}
	bytes, name := 4*l.lanes, l.directName(m)
	fmt.Fprintf(w, `
// func %s(%s)
// c[i*ldc+j] = bias[j] + a·b for %d rows of a, lda apart, and n ≤ %d columns, terms words.
// Registers: DI c, SI ldc in bytes, AX R11 R12 R13 DX rows 0, 3, 6, 9 and 12 of a, R8 lda in
// bytes, BX b, R14 words left, R15 whether there is a part, of it CX words left, R9 next, %s%s-%s c (two for each row), %s %s b[k], %s %s a[i][k].
// Requires: %s
TEXT ·%s(SB), %s-72
`, name, directArguments, m, 2*l.lanes, l.masks(), acc(0, 0), acc(m-1, 1), b0, b1, a[0], a[1], l.requires, name, l.frame(m))
	if l.register == "Z" {
		fmt.Fprint(w, "\tMOVQ n+56(FP), CX\n"+columnMasks)
	}
	fmt.Fprint(w, `	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ lda+24(FP), R8
	MOVQ b+32(FP), BX
	MOVQ terms+48(FP), R14
	MOVQ next+64(FP), R9
	SHLQ $2, SI
	SHLQ $2, R8
	LEAQ (R8)(R8*2), R10   // three rows
	LEAQ (AX)(R10*1), R11  // row 3
	LEAQ (AX)(R10*2), R12  // row 6
	LEAQ (R11)(R10*2), R13 // row 9
`)
	w.line("LEAQ (AX)(R10*4), DX   // row 12")
	l.clear(w, m)
	w.line("TESTQ R14, R14")
	w.line("JZ    store")
	l.beginPart(w, fmt.Sprintf("$%d", sumTerms), sumTerms)
	w.label("\nloop")
	l.prefetch(w, 0)
	l.loadColumns(w, 0)
	for r := range m {
		w.line("VBROADCASTSS %s, %s", row(r), l.a(r))
		for h := range 2 {
			w.line("VFMADD231PS %s, %s, %s", l.b(h), l.a(r), acc(r, h))
		}
	}
	for i, register := range thirdRows {
		if 3*i < m {
			w.line("ADDQ $4, %s", register)
		}
	}
	w.line("ADDQ $%d, BX", 4*panel)
	w.line("ADDQ $%d, R9", 4*panel)
	w.line("DECQ CX")
	w.line("JNZ  loop")
	l.endPart(w, m)
	w.label("\nstore")
	w.line("MOVQ bias+40(FP), DX")
	l.addBiases(w, m)
	if l.register == "Z" {
		l.rowsOut(w, m, func(r, h int) { w.line("VMOVUPS %s, K%d, %d(DI)", acc(r, h), h+1, h*bytes) })
		fmt.Fprint(w, directEnd)
		return
	}
	w.line("MOVQ n+56(FP), CX")
	w.line("CMPQ CX, $%d", 2*l.lanes)
	w.line("JLT  masked")
	l.rowsOut(w, m, func(r, h int) { w.line("VMOVUPS %s, %d(DI)", acc(r, h), h*bytes) })
	fmt.Fprintf(w, `%s
masked:
	LEAQ laneMask<>(SB), R8
	SHLQ $2, CX
	SUBQ CX, R8
	VMOVUPS 64(R8), %s // columns 0 to 7
	VMOVUPS 96(R8), %s // columns 8 to 15
`, directEnd, b0, b1)
	l.rowsOut(w, m, func(r, h int) { w.line("VMASKMOVPS %s, %s, %d(DI)", acc(r, h), []string{b0, b1}[h], h*bytes) })
	fmt.Fprint(w, directEnd)
}

const directEnd = "\tVZEROUPPER\n\tRET\n"
