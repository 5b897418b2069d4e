package main

import "fmt"

// sseInt4Arguments are those of the tiles of 4-bit weights for CPUs without AVX2.
const sseInt4Arguments = "c *float32, ldc int, a *float32, step int, b, scales, bias *float32, steps int"

const sseInt4Columns = 8 // in two registers

func sseInt4Name(rows int) string { return fmt.Sprintf("tile%dx%dInt4SSE41", rows, sseInt4Columns) }

// sseInt4 returns the tiles of one row and of two, by the sums of the generic set: products of
// pairs in 16 bits, as groupAVX2 has them.
func sseInt4() []byte {
	w := newAsm("amd64")
	sum := func(r, group int) string { return fmt.Sprintf("X%d", 2*r+group) }
	product := func(r, group int) string { return fmt.Sprintf("X%d", 4+2*r+group) }
	for rows := 1; rows <= 2; rows++ {
		fmt.Fprintf(w, `
// func %s(%s)
// c[i*ldc+j] = bias[j] + a·b for %d rows and %d columns, steps groups of 32 terms, of which those of
// a are step bytes apart.
// Registers: DI c, SI ldc in bytes, AX a, R9 step, BX b, R8 its scales, CX steps left, X0-X3 c (4
// columns each), X4-X7 products of one group, X8 low codes, X9 high codes, X10-X13 terms of a, X15 15.
// Requires: SSE4.1
TEXT ·%s(SB), NOSPLIT, $0-64
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ step+24(FP), R9
	MOVQ b+32(FP), BX
	MOVQ scales+40(FP), R8
	MOVQ bias+48(FP), DX
	MOVQ steps+56(FP), CX
	SHLQ $2, SI
	MOVOU fifteens<>(SB), X15
`, sseInt4Name(rows), sseInt4Arguments, rows, sseInt4Columns, sseInt4Name(rows))
		each := func(f func(r, group int)) {
			for group := range 2 {
				for r := range rows {
					f(r, group)
				}
			}
		}
		broadcast := func(r, word, x int) {
			w.line("MOVSS  %d(AX), X%d", 4*(r*int4Words+word), x)
			w.line("PSHUFD $0, X%d, X%d", x, x)
		}
		each(func(r, group int) { w.line("MOVUPS %d(DX), %s", 16*group, sum(r, group)) })
		w.line("TESTQ CX, CX")
		w.line("JZ    store")
		w.label("\nloop")
		for d := range 4 {
			for half := range 2 {
				for r := range rows {
					broadcast(r, 2*d+half, 10+2*half+r)
				}
			}
			for group := range 2 {
				w.line("MOVOU  %d(BX), X8", d*4*panel+16*group)
				w.line("MOVO   X8, X9")
				w.line("PAND   X15, X8")
				w.line("PSRLL  $4, X9")
				w.line("PAND   X15, X9")
				for half := range 2 {
					for r := range rows {
						codes, to := fmt.Sprintf("X%d", 8+half), "X14"
						if first := d+half == 0; first {
							to = product(r, group)
						}
						w.line("MOVO   %s, %s", codes, to)
						w.line("PMADDUBSW X%d, %s", 10+2*half+r, to)
						if to == "X14" {
							w.line("PADDW  X14, %s", product(r, group))
						}
					}
				}
			}
		}
		for r := range rows {
			broadcast(r, 8, 10+r) // -8·Σa
			broadcast(r, 9, 12+r) // the scale
		}
		each(func(r, group int) {
			if r == 0 {
				w.line("MOVQ   %d(R8), X8", 8*group)
				w.line("PXOR   X9, X9")
				w.line("PUNPCKLWL X8, X9 // the weights' scales")
			}
			w.line("PMADDWL ones<>(SB), %s", product(r, group))
			w.line("PADDL  X%d, %s", 10+r, product(r, group))
			w.line("CVTPL2PS %s, %s", product(r, group), product(r, group))
			w.line("MOVAPS X9, X14")
			w.line("MULPS  X%d, X14", 12+r)
			w.line("MULPS  X14, %s", product(r, group))
			w.line("ADDPS  %s, %s", product(r, group), sum(r, group))
		})
		w.line("ADDQ R9, AX")
		w.line("ADDQ $%d, BX", int4Bytes)
		w.line("ADDQ $%d, R8", int4Bytes)
		w.line("DECQ CX")
		w.line("JNZ  loop")
		w.label("\nstore")
		each(func(r, group int) { w.line("MOVUPS %s, %s", sum(r, group), sseAt(16*group, "DI", "SI", r)) })
		w.line("RET")
	}
	w.WriteString("\n")
	w.data("fifteens", 16, repeat(4, 0x0f0f0f0f)...)
	w.data("ones", 16, repeat(4, 0x00010001)...)
	return w.Bytes()
}
