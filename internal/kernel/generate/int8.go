package main

import (
	"bytes"
	"fmt"
)

// An int8Level is a CPU level's tile of format Int8.
type int8Level struct{ level }

var int8Levels = []int8Level{
	{level{"tile_int8_avx2_amd64.s", "Int8AVX2", "Y", 4, 8, "AVX2, FMA", multiplyPairs}},
	{level{"tile_int8_avxvnni_amd64.s", "AVXVNNI", "Y", 6, 8, "AVX-VNNI, FMA", multiplyWordsVEX}},
	{level{"tile_int8_avx512vnni_amd64.s", "AVX512VNNI", "Z", 14, 16, "AVX-512 F, VNNI", multiplyWords}},
}

// tile writes the kernel of m rows.
func (l int8Level) tile(w *bytes.Buffer, m int) {
	step := fmt.Sprintf("$%d", 16*m)
	fmt.Fprintf(w, `
// func tile%dx%d%s(c *float32, ldc int, a, b, bias *float32, steps, n int, next *float32, r run)
// c = (a·b in whole numbers)·scales + bias + a·b of the outliers, for %d rows and
// n ≤ %d columns, 16·steps terms, r.count times; see tileInt8Generic.
// Registers: SI ldc in bytes, AX a, BX b, CX steps left, DX bias, R8 DI what follows
// the whole numbers in a and b, later DI c, R9 next, R10 tiles left, R11 R12 R13 where
// the tile's c, a and b begin, %s%s-%s c (two for each row), from %s on b and a.
// Requires: %s
TEXT ·tile%dx%d%s(SB), NOSPLIT, $0-104
%s	MOVQ R12, AX
	MOVQ R13, BX
	MOVQ steps+40(FP), CX
	IMUL3Q $%d, CX, R8
	ADDQ AX, R8
	MOVQ CX, DI
	SHLQ $9, DI
	ADDQ BX, DI
`, m, 2*l.lanes, l.suffix, m, 2*l.lanes, l.masks(), l.acc(0, 0), l.acc(m-1, 1), l.b(0), l.requires, m, 2*l.lanes, l.suffix, l.begin(), 16*m)
	l.zeroPoints(w, m, "R8", "DI")
	fmt.Fprintf(w, "\tTESTQ CX, CX\n\tJZ    scale\n")
	l.steps(w, "loop", m, step, l.word)
	fmt.Fprintf(w, "\nscale:\n")
	l.scale(w, m)
	l.outliers(w, m, step)
	fmt.Fprintf(w, "\tMOVQ R11, DI\n")
	l.store(w, m, l.b(0), l.b(1))
}

// zeroPoints writes what the zero points of the rows add to the sums, which begin
// with it. The registers hold where the rows' heads and the panel's tail lie.
func (l int8Level) zeroPoints(w *bytes.Buffer, m int, heads, tail string) {
	b0, b1, a := l.b(0), l.b(1), [2]string{l.a(0), l.a(1)}
	fmt.Fprintf(w, "\t%s %d(%s), %s // sums of the columns\n", l.load(), 4*panel, tail, b0)
	fmt.Fprintf(w, "\t%s %d(%s), %s\n", l.load(), 4*panel+4*l.lanes, tail, b1)
	for r := range m {
		fmt.Fprintf(w, "\tVPBROADCASTD %d(%s), %s // minus the zero point\n", 16*r+4, heads, a[r%2])
		fmt.Fprintf(w, "\tVPMULLD %s, %s, %s\n", b0, a[r%2], l.acc(r, 0))
		fmt.Fprintf(w, "\tVPMULLD %s, %s, %s\n", b1, a[r%2], l.acc(r, 1))
	}
}

// scale writes what makes the sums float32s, with AX at the heads and BX at the tail.
func (l int8Level) scale(w *bytes.Buffer, m int) {
	b0, b1, a, half := l.b(0), l.b(1), [2]string{l.a(0), l.a(1)}, 4*l.lanes
	fmt.Fprintf(w, "\tVMOVUPS (BX), %s // scales of the columns\n", b0)
	fmt.Fprintf(w, "\tVMOVUPS %d(BX), %s\n", half, b1)
	bias := a[1]
	for h, b := range []string{b0, b1} {
		fmt.Fprintf(w, "\tVMOVUPS %d(DX), %s\n", h*half, bias)
		for r := range m {
			fmt.Fprintf(w, "\tVCVTDQ2PS %s, %s\n", l.acc(r, h), l.acc(r, h))
			fmt.Fprintf(w, "\tVBROADCASTSS %d(AX), %s // scale of the row\n", 16*r, a[0])
			fmt.Fprintf(w, "\tVMULPS %s, %s, %s\n", a[0], l.acc(r, h), l.acc(r, h))
			fmt.Fprintf(w, "\tVFMADD213PS %s, %s, %s\n", bias, b, l.acc(r, h))
		}
	}
}

// outliers writes the sums with the outliers, up to the label store. apart is from
// four of a row's outliers to the next four, in bytes.
func (l int8Level) outliers(w *bytes.Buffer, m int, apart string) {
	fmt.Fprintf(w, "\tMOVL 8(AX), CX // steps of outliers\n\tADDQ %s, AX\n\tADDQ $%d, BX\n", apart, 8*panel)
	fmt.Fprintf(w, "\tTESTL CX, CX\n\tJZ    store\n")
	l.steps(w, "outliers", m, apart, level.float32Word)
	fmt.Fprintf(w, "\nstore:\n")
}

// loadWord writes the load of word k of the columns.
func (l level) loadWord(w *bytes.Buffer, k int) {
	for h := range 2 {
		fmt.Fprintf(w, "\t%s %d(BX), %s\n", l.load(), k*4*panel+h*4*l.lanes, l.b(h))
	}
}

// load returns the instruction that loads whole numbers.
func (l level) load() string {
	if l.register == "Z" {
		return "VMOVDQU32"
	}
	return "VMOVDQU"
}

// multiplyWords writes four products of bytes to a lane at once.
func multiplyWords(l level, w *bytes.Buffer, m, k int) {
	l.loadWord(w, k)
	for r := range m {
		a := l.a(r)
		fmt.Fprintf(w, "\tVPBROADCASTD %d(AX), %s\n", r*16+k*4, a)
		for h := range 2 {
			fmt.Fprintf(w, "\tVPDPBUSD %s, %s, %s\n", l.b(h), a, l.acc(r, h))
		}
	}
}

// multiplyWordsVEX is multiplyWords with VPDPBUSD in its VEX form, which the
// assembler lacks.
func multiplyWordsVEX(l level, w *bytes.Buffer, m, k int) {
	l.loadWord(w, k)
	for r := range m {
		a := 2*l.rows + 2 + r%2
		fmt.Fprintf(w, "\tVPBROADCASTD %d(AX), %s\n", r*16+k*4, l.reg(a))
		for h := range 2 {
			b, c := 2*l.rows+h, 2*r+h
			// VEX.256.66.0F38.W0 50 /r: the bits of registers beyond 7 and the second
			// operand are inverted.
			fmt.Fprintf(w, "\tBYTE $0xc4; BYTE $%#02x; BYTE $%#02x; BYTE $0x50; BYTE $%#02x // VPDPBUSD Y%d, Y%d, Y%d\n",
				(^c>>3&1)<<7|1<<6|(^b>>3&1)<<5|2, (^a&15)<<3|1<<2|1, 3<<6|(c&7)<<3|b&7, b, a, c)
		}
	}
}

// multiplyPairs writes two products of 16-bit numbers to a lane at once, twice:
// of the even and of the odd bytes of the words.
func multiplyPairs(l level, w *bytes.Buffer, m, k int) {
	l.loadWord(w, k)
	first := 2 * l.rows
	b := [2]string{l.reg(first), l.reg(first + 1)}
	odd := [2]string{l.reg(first + 2), l.reg(first + 3)}
	even, a, product := b, [2]string{l.reg(first + 4), l.reg(first + 5)}, l.reg(first+6)
	for h := range 2 {
		fmt.Fprintf(w, "\tVPSRAW $8, %s, %s // odd bytes\n", b[h], odd[h])
		fmt.Fprintf(w, "\tVPSLLW $8, %s, %s\n", b[h], b[h])
		fmt.Fprintf(w, "\tVPSRAW $8, %s, %s // even bytes\n", b[h], b[h])
	}
	for r := range m {
		fmt.Fprintf(w, "\tVPBROADCASTD %d(AX), %s\n", r*16+k*4, a[0])
		fmt.Fprintf(w, "\tVPSRLW $8, %s, %s // odd bytes\n", a[0], a[1])
		fmt.Fprintf(w, "\tVPSLLW $8, %s, %s\n", a[0], a[0])
		fmt.Fprintf(w, "\tVPSRLW $8, %s, %s // even bytes\n", a[0], a[0])
		for h := range 2 {
			for i, terms := range [2]string{even[h], odd[h]} {
				fmt.Fprintf(w, "\tVPMADDWD %s, %s, %s\n", terms, a[i], product)
				fmt.Fprintf(w, "\tVPADDD %s, %s, %s\n", product, l.acc(r, h), l.acc(r, h))
			}
		}
	}
}
