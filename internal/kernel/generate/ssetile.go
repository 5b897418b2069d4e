package main

import "fmt"

// An sseLevel is the tiles of one format for CPUs without AVX2: of one row or two, half a
// panel wide, by the sums of the generic set. Products are rounded before they are added.
type sseLevel struct {
	file, suffix, sum string
	begin, step, end  func(w *asm, rows int)
}

var sseLevels = []sseLevel{
	{"products_tile_sse41_amd64.s", "SSE41", "Σ a·b + bias, four products at a time, in parts of SumTerms", nil, nil, nil},
	{"products_tile_bfloat16_sse41_amd64.s", "BFloat16SSE41", "bias + Σ a·b, two products at a time", sseBiases, sseBFloat16, nil},
	{"products_tile_int8_sse41_amd64.s", "Int8SSE41", "what Int8 says", sseZeros, sseInt8, sseInt8End},
}

// sseArguments are those of the kernels.
const sseArguments = "c *float32, ldc int, a *float32, row, step int, b, bias *float32, steps, first int"

const (
	sseGroups = 4             // of 4 columns, in one register
	sseWide   = 4 * sseGroups // columns
	sseBytes  = 4 * panel     // of one word of all columns
)

func (l sseLevel) name(rows int) string { return fmt.Sprintf("tile%dx%d%s", rows, sseWide, l.suffix) }

func (l sseLevel) source() []byte {
	w := newAsm("amd64")
	for rows := 1; rows <= 2; rows++ {
		fmt.Fprintf(w, `
// func %s(%s)
// c[i*ldc+j] = %s, for %d rows of a, which are row bytes apart, and %d columns. Each of the
// steps, of 4 words of terms, is step bytes behind the one before it.
// Registers: DI c, SI ldc in bytes, AX a, R8 row, R9 step, BX b, R10 bias, DX steps left, CX of them in
// this part, R11 where that is not the first one, X0-X%d c (4 columns each), X8-X11 a, X12-X15 products.
// Requires: SSE4.1
TEXT ·%s(SB), NOSPLIT, $0-72
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ row+24(FP), R8
	MOVQ step+32(FP), R9
	MOVQ b+40(FP), BX
	MOVQ bias+48(FP), R10
	MOVQ steps+56(FP), DX
	SHLQ $2, SI
`, l.name(rows), sseArguments, l.sum, rows, sseWide, sseGroups*rows-1, l.name(rows))
		if l.step == nil {
			sseFloat32(w, rows)
			continue
		}
		l.begin(w, rows)
		w.line("TESTQ DX, DX")
		w.line("JZ    done")
		w.label("\nloop")
		l.step(w, rows)
		w.line("ADDQ R9, AX")
		w.line("ADDQ $%d, BX", 4*sseBytes)
		w.line("DECQ DX")
		w.line("JNZ  loop")
		w.label("\ndone")
		if l.end != nil {
			l.end(w, rows)
		}
		sseStore(w, rows)
		w.line("RET")
	}
	for _, name := range w.names {
		w.WriteString("\n")
		w.data(name, 16, repeat(4, uint32(w.constants[name]))...)
	}
	return w.Bytes()
}

// acc is the register of a group of columns of a row.
func sseAcc(r, group int) string { return fmt.Sprintf("X%d", sseGroups*r+group) }

// at is the operand of row r of a or c, at some bytes.
func sseAt(offset int, base, apart string, r int) string {
	if r == 0 {
		return fmt.Sprintf("%d(%s)", offset, base)
	}
	return fmt.Sprintf("%d(%s)(%s*1)", offset, base, apart)
}

// each calls f for each group of columns of each row.
func sseEach(rows int, f func(r, group int, acc string)) {
	for r := range rows {
		for group := range sseGroups {
			f(r, group, sseAcc(r, group))
		}
	}
}

func sseStore(w *asm, rows int) {
	sseEach(rows, func(r, group int, acc string) { w.line("MOVUPS %s, %s", acc, sseAt(16*group, "DI", "SI", r)) })
}

func sseAddBiases(w *asm, rows int) {
	for group := range sseGroups {
		w.line("MOVUPS %d(R10), X12", 16*group)
		for r := range rows {
			w.line("ADDPS X12, %s", sseAcc(r, group))
		}
	}
}

// sseFloat32 writes the kernel of Float32: the parts of the sums lie in c until all are added. Panels
// lie on boundaries of 16 bytes, as operands of MULPS do.
func sseFloat32(w *asm, rows int) {
	w.line("MOVQ first+64(FP), CX")
	w.line("XORQ R11, R11")
	w.label("\npart")
	w.line("CMPQ    CX, DX")
	w.line("CMOVQGT DX, CX")
	w.line("SUBQ    CX, DX")
	sseEach(rows, func(_, _ int, acc string) { w.line("XORPS %s, %s", acc, acc) })
	w.line("TESTQ CX, CX")
	w.line("JZ    end")
	w.label("\nloop")
	for r := range rows {
		w.line("MOVUPS %s, X11 // four terms", sseAt(0, "AX", "R8", r))
		for k, selector := range []string{"0x00", "0x55", "0xaa", "0xff"} {
			w.line("PSHUFD $%s, X11, X%d", selector, 8+k)
		}
		for group := range sseGroups {
			for k := range 4 {
				w.line("MOVAPS X%d, X%d", 8+k, 12+k)
				w.line("MULPS  %d(BX), X%d", k*sseBytes+16*group, 12+k)
				if k%2 == 1 {
					w.line("ADDPS  X%d, X%d", 12+k, 11+k)
				}
			}
			w.line("ADDPS  X14, X12")
			w.line("ADDPS  X12, %s", sseAcc(r, group))
		}
	}
	w.line("ADDQ R9, AX")
	w.line("ADDQ $%d, BX", 4*sseBytes)
	w.line("DECQ CX")
	w.line("JNZ  loop")
	w.label("\nend")
	w.line("TESTQ R11, R11")
	w.line("JZ    add")
	sseEach(rows, func(r, group int, acc string) {
		w.line("MOVUPS %s, X12", sseAt(16*group, "DI", "SI", r))
		w.line("ADDPS  X12, %s", acc)
	})
	w.label("\nadd")
	w.line("TESTQ DX, DX")
	w.line("JZ    last")
	sseStore(w, rows)
	w.line("MOVQ $1, R11")
	w.line("MOVQ $%d, CX", sumTerms/4)
	w.line("JMP  part")
	w.label("\nlast")
	sseAddBiases(w, rows)
	sseStore(w, rows)
	w.line("RET")
}

func sseBiases(w *asm, rows int) {
	sseEach(rows, func(r, group int, acc string) { w.line("MOVUPS %d(R10), %s", 16*group, acc) })
}

func sseZeros(w *asm, rows int) {
	sseEach(rows, func(_, _ int, acc string) { w.line("PXOR %s, %s", acc, acc) })
}

// sseWords adds the products of 4 words, of which split writes two halves to the registers: of a
// row's word those of an even and an odd register, of four columns' X12 and X13.
func sseWords(w *asm, rows int, splitRow, splitColumns func(even, odd string), multiply, sum string) {
	for k := range 4 {
		for r := range rows {
			even, odd := fmt.Sprintf("X%d", 8+2*r), fmt.Sprintf("X%d", 9+2*r)
			w.line("MOVSS  %s, %s", sseAt(4*k, "AX", "R8", r), odd)
			w.line("PSHUFD $0, %s, %s", odd, odd)
			w.line("MOVO   %s, %s", odd, even)
			splitRow(even, odd)
		}
		for group := range sseGroups {
			w.line("MOVOU  %d(BX), X13", k*sseBytes+16*group)
			w.line("MOVO   X13, X12")
			splitColumns("X12", "X13")
			for r := range rows {
				even, odd := "X12", "X13"
				if r+1 < rows {
					even, odd = "X14", "X15"
					w.line("MOVO   X12, X14")
					w.line("MOVO   X13, X15")
				}
				w.line("%s X%d, %s", multiply, 8+2*r, even)
				w.line("%s X%d, %s", multiply, 9+2*r, odd)
				w.line("%s %s, %s", sum, odd, even)
				w.line("%s %s, %s", sum, even, sseAcc(r, group))
			}
		}
	}
}

// sseBFloat16 multiplies the low halves of words, and the high ones, as float32s.
func sseBFloat16(w *asm, rows int) {
	split := func(even, odd string) {
		w.line("PSLLL  $16, %s", even)
		w.line("PAND   highHalves<>(SB), %s", odd)
	}
	sseWords(w, rows, split, split, "MULPS ", "ADDPS ")
	sseTable(w, "highHalves", 0xffff0000)
}

// sseInt8 multiplies bytes 0 and 2 of words, and 1 and 3, as 16 bits wide.
func sseInt8(w *asm, rows int) {
	sseWords(w, rows, func(even, odd string) {
		w.line("PAND   lowBytes<>(SB), %s", even)
		w.line("PSRLW  $8, %s", odd)
	}, func(even, odd string) {
		w.line("PSLLW  $8, %s", even)
		w.line("PSRAW  $8, %s", even)
		w.line("PSRAW  $8, %s", odd)
	}, "PMADDWL", "PADDL  ")
	sseTable(w, "lowBytes", 0x00ff00ff)
}

// sseTable has a table of four words written at the end of the file.
func sseTable(w *asm, name string, word uint32) {
	if _, ok := w.constants[name]; !ok {
		w.constants[name] = int(word)
		w.names = append(w.names, name)
	}
}

// sseInt8End makes floats of the sums: see Int8. AX is behind the terms of the rows, BX behind
// those of the columns.
func sseInt8End(w *asm, rows int) {
	broadcast := func(offset, r int, x string) {
		w.line("MOVSS  %s, %s", sseAt(offset, "AX", "R8", r), x)
		w.line("PSHUFD $0, %s, %s", x, x)
	}
	for r := range rows {
		broadcast(0, r, fmt.Sprintf("X%d", 8+2*r)) // the scale
		broadcast(4, r, fmt.Sprintf("X%d", 9+2*r)) // minus the zero point
	}
	sseEach(rows, func(r, group int, acc string) {
		w.line("MOVOU  %d(BX), X12 // sums of the columns", sseBytes+16*group)
		w.line("PMULLD X%d, X12", 9+2*r)
		w.line("PADDL  X12, %s", acc)
		w.line("CVTPL2PS %s, %s", acc, acc)
		w.line("MULPS  X%d, %s", 8+2*r, acc)
		w.line("MOVUPS %d(BX), X12 // scales of the columns", 16*group)
		w.line("MULPS  X12, %s", acc)
	})
	sseAddBiases(w, rows)
	w.line("MOVL 8(AX), CX // outliers, in fours")
	w.line("TESTL CX, CX")
	w.line("JZ   store")
	w.line("ADDQ $%d, BX", 2*sseBytes)
	w.label("\noutliers")
	w.line("ADDQ R9, AX")
	for k := range 4 {
		for r := range rows {
			broadcast(4*k, r, fmt.Sprintf("X%d", 8+r))
		}
		for group := range sseGroups {
			for r := range rows {
				w.line("MOVUPS %d(BX), X%d", k*sseBytes+16*group, 12+r)
				w.line("MULPS  X%d, X%d", 8+r, 12+r)
				w.line("ADDPS  X%d, %s", 12+r, sseAcc(r, group))
			}
		}
	}
	w.line("ADDQ $%d, BX", 4*sseBytes)
	w.line("DECL CX")
	w.line("JNZ  outliers")
	w.label("\nstore")
}
