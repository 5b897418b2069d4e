package main

import "fmt"

// neonTileRows is the most rows of a tile: with 16 columns it has 24 accumulators,
// which leave a register of a's terms for each row, and two for b.
const neonTileRows = 6

func neonTiles(string) []byte {
	a := newAsm()
	for m := 1; m <= neonTileRows; m++ {
		a.tile(m)
	}
	return a.Bytes()
}

// tile writes the kernel of m rows.
func (a *asm) tile(m int) {
	acc := func(r, j int) int { return 4*r + j }
	terms := func(r int) int { return 4*neonTileRows + r }
	const b0, b1 = 5 * neonTileRows, 5*neonTileRows + 1

	fmt.Fprintf(a, `
// func tile%dx16NEON(c *float32, ldc int, a, b, bias *float32, steps, n int, next *float32)
// c[i*ldc+j] = bias[j] + a·b for %d rows and n ≤ 16 columns, 4·steps terms.
// Registers: R0 c, R1 ldc in bytes, R2 a, R3 b, R5 steps left, R6 next, R7 n,
// V0-V%d c (four for each row), V%d-V%d a[i][k:k+4], V%d V%d b[k].
TEXT ·tile%dx16NEON(SB), NOSPLIT, $0-64
	MOVD c+0(FP), R0
	MOVD ldc+8(FP), R1
	MOVD a+16(FP), R2
	MOVD b+24(FP), R3
	MOVD bias+32(FP), R4
	MOVD steps+40(FP), R5
	MOVD n+48(FP), R7
	MOVD next+56(FP), R6
	LSL  $2, R1, R1
	VLD1 (R4), [V0.S4, V1.S4, V2.S4, V3.S4]
`, m, m, acc(m-1, 3), terms(0), terms(m-1), b0, b1, m)
	for r := 1; r < m; r++ {
		for j := range 4 {
			a.move(acc(r, j), acc(0, j))
		}
	}
	a.line("CBZ  R5, store")
	a.label("\nloop")
	for r := range m {
		a.line("FMOVQ %d(R2), F%d", 16*r, terms(r))
	}
	for k := range 4 {
		a.line("PRFM %d(R6), PLDL2KEEP", 4*panel*k)
		for j := 0; j < 4; j += 2 {
			a.line("FLDPQ %d(R3), (F%d, F%d)", 4*panel*k+16*j, b0, b1)
			for r := range m {
				a.do(fmlaLane, acc(r, j), b0, terms(r), k)
				a.do(fmlaLane, acc(r, j+1), b1, terms(r), k)
			}
		}
	}
	a.line("ADD  $%d, R2", 16*m)
	a.line("ADD  $%d, R3", 16*panel)
	a.line("ADD  $%d, R6", 16*panel)
	a.line("SUBS $1, R5, R5")
	a.line("BNE  loop")
	a.label("\nstore")
	a.line("CMP  $16, R7")
	a.line("BLT  part")
	for r := range m {
		if r > 0 {
			a.line("ADD  R1, R0")
		}
		a.line("VST1 %s, (R0)", list(span(acc(r, 0), 4)))
	}
	a.line("RET")
	a.label("\npart")
	for r := range m {
		a.line("MOVD R0, R8")
		a.line("ADD  R1, R0")
		a.rowPart(fmt.Sprint("row", r), span(acc(r, 0), 4))
	}
	a.line("RET")
}

// rowPart stores R7 < 16 columns of a row at R8: eight, four, two and one, as the
// bits of R7 say, and moves those that follow to the first place.
func (a *asm) rowPart(label string, row group) {
	a.line("TBZ  $3, R7, %sx8", label)
	a.line("VST1.P %s, 32(R8)", list(row[:2]))
	a.all(move, row[:2], row[2:])
	a.label(label + "x8")
	a.line("TBZ  $2, R7, %sx4", label)
	a.line("VST1.P %s, 16(R8)", list(row[:1]))
	a.all(move, row[:1], row[1:])
	a.label(label + "x4")
	a.line("TBZ  $1, R7, %sx2", label)
	a.line("FMOVD.P F%d, 8(R8)", row[0])
	a.do(ext8, row[0], row[0], row[0])
	a.label(label + "x2")
	a.line("TBZ  $0, R7, %sx1", label)
	a.line("FMOVS F%d, (R8)", row[0])
	a.label(label + "x1")
}
