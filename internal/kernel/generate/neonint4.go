package main

import "fmt"

// Operations on codes of 4 bits.
var (
	movi15 = op{0x4f00e5e0, "movi v%d.16b, #0xf"}
	ushr4  = op{0x6f0c0400, "ushr v%d.16b, v%d.16b, #4"}
	smlal  = op{0x0e208000, "smlal v%d.8h, v%d.8b, v%d.8b"}
	smlal2 = op{0x4e208000, "smlal2 v%d.8h, v%d.16b, v%d.16b"}
	saddlp = op{0x4e602800, "saddlp v%d.4s, v%d.8h"} // the sums of pairs
)

// A neonInt4Kind is a tile of 4-bit weights for 16 columns, four of them at a time.
type neonInt4Kind struct {
	suffix, requires string
	rows             int // the most of a tile
	registers        string
	begin            func(a *asm, m int)    // loads the terms of a group
	products         func(a *asm, m, p int) // writes the products of a group with columns 4p to 4p+3
	product          int                    // the register of the first row's products
}

// Registers of these tiles, beside the sums from V0 on.
const (
	int4Low   = 28 // codes in the low halves of bytes
	int4High  = 29 // and in the high ones
	int4Mask  = 30 // 15 in each byte
	int4Scale = 31 // the columns' scales
)

var neonInt4Kinds = []neonInt4Kind{
	{"Int4NEON", "", 3, "V12 to V17 products in 16 bits, of two columns each, V18 to V20 terms", func(*asm, int) {}, (*asm).int4Wide, 12},
	{"Int4SDOT", "ASIMDDP", 4, "V16 to V19 products, V20 to V27 terms", (*asm).int4Terms, (*asm).int4SDOT, 16},
}

// neonInt4 returns the source of one kind of tile.
func neonInt4(kind int) func(string) []byte {
	return func(string) []byte {
		a, t := newAsm("arm64"), neonInt4Kinds[kind]
		for m := 1; m <= t.rows; m++ {
			t.tile(a, m)
		}
		if kind == 0 {
			a.packGroupsInt4()
		}
		return a.Bytes()
	}
}

// tile writes the kernel of m rows.
func (t neonInt4Kind) tile(a *asm, m int) {
	fmt.Fprintf(a, `
// func tile%[1]dx16%[2]s(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)
// c[i*ldc+j] = bias[j] + a·b for %[1]d rows and 16 columns, steps groups of 32 terms.
// Registers: R0 c, R1 ldc in bytes, R2 a, R3 b, R4 its scales, R5 steps left, R6 next, R10 to R12 places in a,
// from V0 on c (four for each row), %[3]s,
// V28 low codes, V29 high codes, V30 15 in each byte, V31 scales.
`, m, t.suffix, t.registers)
	if t.requires != "" {
		fmt.Fprintf(a, "// Requires: %s\n", t.requires)
	}
	fmt.Fprintf(a, `TEXT ·tile%dx16%s(SB), NOSPLIT, $0-64
	MOVD c+0(FP), R0
	MOVD ldc+8(FP), R1
	MOVD a+16(FP), R2
	MOVD b+24(FP), R3
	MOVD scales+32(FP), R4
	MOVD bias+40(FP), R7
	MOVD steps+48(FP), R5
	MOVD next+56(FP), R6
	LSL  $2, R1, R1
`, m, t.suffix)
	a.line("VLD1 (R7), %s", list(span(0, 4)))
	for r := 1; r < m; r++ {
		a.all(move, span(4*r, 4), span(0, 4))
	}
	a.do(movi15, int4Mask)
	a.line("CBZ  R5, store")
	a.label("\nloop")
	for line := 0; line < int4Bytes/2; line += 64 {
		a.line("PRFM %d(R6), PLDL2KEEP", line)
	}
	t.begin(a, m)
	for p := range 4 {
		t.products(a, m, p)
		a.line("FMOVD %d(R4), F%d", 8*p, int4Scale)
		a.do(shll, int4Scale, int4Scale)
		for r := range m {
			both := []int{int4Low, int4High}[r%2]
			a.int4Word(r, 9, both)
			a.do(fmul, both, int4Scale, both)
			a.do(scvtf, t.product+r, t.product+r)
			a.do(fmla, 4*r+p, t.product+r, both)
		}
	}
	a.line("ADD  $%d, R2", 4*int4Words*m)
	a.line("ADD  $%d, R3", int4Bytes)
	a.line("ADD  $%d, R4", int4Bytes)
	a.line("ADD  $%d, R6", int4Bytes)
	a.line("SUBS $1, R5, R5")
	a.line("BNE  loop")
	a.label("\nstore")
	for r := range m {
		if r > 0 {
			a.line("ADD  R1, R0")
		}
		a.line("VST1 %s, (R0)", list(span(4*r, 4)))
	}
	a.line("RET")
}

// int4Word loads four copies of a word of row r's group: 8 is what the products begin with, 9 the scale.
func (a *asm) int4Word(r, word, to int) {
	a.line("ADD  $%d, R2, R10", 4*(int4Words*r+word))
	a.line("VLD1R (R10), [V%d.S4]", to)
}

// int4Codes loads the codes of row d of the words of columns 4p to 4p+3.
func (a *asm) int4Codes(d, p int) {
	a.line("FMOVQ %d(R3), F%d", 4*panel*d+16*p, int4High)
	a.do(and, int4Low, int4High, int4Mask)
	a.do(ushr4, int4High, int4High)
}

// int4Terms loads the terms of m rows, two registers of each.
func (a *asm) int4Terms(m int) {
	for r := range m {
		for half := range 2 {
			a.line("ADD  $%d, R2, R10", 4*int4Words*r+16*half)
			a.line("FMOVQ (R10), F%d", 20+2*r+half)
		}
	}
}

// int4SDOT writes four products to a lane at once.
func (a *asm) int4SDOT(m, p int) {
	for r := range m {
		a.int4Word(r, 8, 16+r)
	}
	for d := range 4 {
		a.int4Codes(d, p)
		for half, codes := range []int{int4Low, int4High} {
			word := 2*d + half
			for r := range m {
				a.do(sdotLane, 16+r, codes, 20+2*r+word/4, word%4)
			}
		}
	}
}

// int4Wide writes products of 16 bits, which hold the sum of 16 of at most 15·127.
func (a *asm) int4Wide(m, p int) {
	const sums, upper, terms = 12, 15, 18
	for r := range m {
		a.line("ADD  $%d, R2, R%d", 4*int4Words*r, 10+r)
	}
	for d := range 4 {
		a.int4Codes(d, p)
		for half, codes := range []int{int4Low, int4High} {
			for r := range m {
				a.line("VLD1R.P 4(R%d), [V%d.S4]", 10+r, terms+r)
				if d == 0 && half == 0 {
					a.do(smull, sums+r, codes, terms+r)
					a.do(smull2, upper+r, codes, terms+r)
					continue
				}
				a.do(smlal, sums+r, codes, terms+r)
				a.do(smlal2, upper+r, codes, terms+r)
			}
		}
	}
	for r := range m {
		a.line("VLD1R (R%d), [V%d.S4] // -8·Σa", 10+r, terms+r)
		a.do(addph, sums+r, sums+r, upper+r)
		a.do(saddlp, sums+r, sums+r)
		a.do(addw, sums+r, sums+r, terms+r)
	}
}

// packGroupsInt4 writes the packing of rows.
func (a *asm) packGroupsInt4() {
	fmt.Fprint(a, `
// func packGroupsInt4NEON(dst, src *float32, ld, m, groups int)
// Group g of row i of src (32 elements) to dst[(g*m+i)*10:]: 32 whole numbers of 8
// bits, -8 times their sum, the scale. See packGroupInt4.
// Registers: R0 row's place in dst, R1 row, R2 ld in bytes, R3 rows left, R4 groups, R5 bytes of a
// group of dst, R6 R7 the group and its place, R8 groups left, R9 R10 numbers, V0 to V7 the group,
// V16 to V23 sizes, later sums, V24 127.
TEXT ·packGroupsInt4NEON(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD ld+16(FP), R2
	MOVD m+24(FP), R3
	MOVD groups+32(FP), R4
	LSL  $2, R2, R2
	MOVD $40, R5
	MUL  R3, R5, R5
	FMOVS $127.0, F24

row:
	MOVD R1, R6
	MOVD R0, R7
	MOVD R4, R8

group:
`)
	x, sizes := span(0, 8), span(16, 8)
	a.line("VLD1.P 64(R6), %s", list(x[:4]))
	a.line("VLD1.P 64(R6), %s", list(x[4:]))
	a.note("sizes, whose bits are in their order")
	a.all(fabs, sizes, x)
	for n := 4; n > 0; n /= 2 {
		a.all(umax, sizes[:n], sizes[:n], sizes[n:2*n])
	}
	a.do(umaxv, 16, 16)
	a.line("FMOVS F16, R9 // the largest")
	a.line("MOVD  $0x0d800000, R10")
	a.line("CMPW  R10, R9")
	a.line("BLO   zero // below 2⁻¹⁰⁰")
	a.line("FDIVS F24, F16, F17 // the scale")
	a.line("FMOVS F17, 36(R7)")
	a.line("MOVD  $0x7f800000, R10")
	a.line("CMPW  R10, R9")
	a.line("BHS   infinite")
	a.line("FDIVS F16, F24, F17 // 127/largest")
	a.do(dup, 17, 17)
	a.all(fmul, x, x, group{17})
	a.all(fcvtns, x, x)
	a.all(addw, sizes[:4], x[:4], x[4:])
	a.all(addw, sizes[:2], sizes[:2], sizes[2:4])
	a.do(addw, 16, 16, 17)
	a.do(addv, 16, 16)
	a.line("FMOVS F16, R9")
	a.line("LSLW  $3, R9, R9")
	a.line("NEGW  R9, R9")
	a.line("MOVW  R9, 32(R7)")
	for _, first := range []int{0, 4} {
		a.do(uzp1h, first, first, first+1)
		a.do(uzp1h, first+2, first+2, first+3)
		a.do(uzp1b, first, first, first+2)
	}
	a.move(1, 4)
	a.line("VST1  [V0.B16, V1.B16], (R7)")
	a.line("B     next")
	fmt.Fprint(a, `
zero:
	MOVW ZR, 36(R7)

infinite:
	MOVD ZR, (R7)
	MOVD ZR, 8(R7)
	MOVD ZR, 16(R7)
	MOVD ZR, 24(R7)
	MOVW ZR, 32(R7)

next:
	ADD  R5, R7
	SUBS $1, R8, R8
	BNE  group
	ADD  R2, R1
	ADD  $40, R0
	SUBS $1, R3, R3
	BNE  row
	RET
`)
}
