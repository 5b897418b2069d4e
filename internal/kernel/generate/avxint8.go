package main

import "fmt"

// An int8Level is a CPU level's tile of format Int8.
type int8Level struct{ level }

var int8Levels = []int8Level{
	{level{"products_tile_int8_avx2_amd64.s", "Int8AVX2", "Y", 6, 8, "AVX2, FMA", multiplyPairs, false, true}},
	{level{"products_tile_int8_avx512_amd64.s", "Int8AVX512", "Z", 14, 16, "AVX-512 F, BW", multiplyPairs, false, true}},
	{level{"products_tile_int8_avxvnni_amd64.s", "AVXVNNI", "Y", 6, 8, "AVX-VNNI, FMA", multiplyWordsVEX, false, false}},
	{level{"products_tile_int8_avx512vnni_amd64.s", "AVX512VNNI", "Z", 14, 16, "AVX-512 F, VNNI", multiplyWords, false, false}},
}

// tile writes the kernel of m rows.
func (l int8Level) tile(w *asm, m int) {
	step := 4 * l.rowWord() * m
	fmt.Fprintf(w, `
// func tile%dx%d%s(c *float32, ldc int, a, b, bias *float32, steps, n int, next *float32, r run)
// c = (a·b in whole numbers)·scales + bias + a·b of the outliers, for %d rows and
// n ≤ %d columns, 16·steps terms, r.count times; see tileInt8Generic.
// Registers: SI ldc in bytes, AX a, BX b, CX steps left, DX bias, R8 DI what follows
// the whole numbers in a and b, later DI c, R9 next, R10 tiles left, R11 R12 R13 where
// the tile's c, a and b begin, %s%s-%s c (two for each row), from %s on b and a.
// Requires: %s
TEXT ·tile%dx%d%s(SB), NOSPLIT, $0-120
%s	MOVQ R12, AX
	MOVQ R13, BX
	MOVQ steps+40(FP), CX
	IMUL3Q $%d, CX, R8
	ADDQ AX, R8
	MOVQ CX, DI
	SHLQ $9, DI
	ADDQ BX, DI
`, m, 2*l.lanes, l.suffix, m, 2*l.lanes, l.masks(), l.acc(0, 0), l.acc(m-1, 1), l.b(0), l.requires, m, 2*l.lanes, l.suffix, l.begin(), step)
	l.zeroPoints(w, m, "R8", "DI")
	w.line("TESTQ CX, CX")
	w.line("JZ    scale")
	l.steps(w, "loop", m, l.rowWord(), fmt.Sprintf("$%d", step), l.word)
	w.label("\nscale")
	l.scale(w, m)
	l.outliers(w, m, fmt.Sprintf("$%d", 16*m))
	w.line("MOVQ R11, DI")
	l.store(w, m, l.b(0), l.b(1))
}

// zeroPoints writes what the zero points of the rows add to the sums, which begin
// with it. The registers hold where the rows' heads and the panel's tail lie.
func (l int8Level) zeroPoints(w *asm, m int, heads, tail string) {
	b0, b1, a := l.b(0), l.b(1), [2]string{l.a(0), l.a(1)}
	w.line("%s %d(%s), %s // sums of the columns", l.load(), 4*panel, tail, b0)
	w.line("%s %d(%s), %s", l.load(), 4*panel+4*l.lanes, tail, b1)
	for r := range m {
		w.line("VPBROADCASTD %d(%s), %s // minus the zero point", 16*r+4, heads, a[r%2])
		w.line("VPMULLD %s, %s, %s", b0, a[r%2], l.acc(r, 0))
		w.line("VPMULLD %s, %s, %s", b1, a[r%2], l.acc(r, 1))
	}
}

// scale writes what makes the sums float32s, with AX at the heads and BX at the tail.
func (l int8Level) scale(w *asm, m int) {
	b0, b1, a, half := l.b(0), l.b(1), [2]string{l.a(0), l.a(1)}, 4*l.lanes
	w.line("VMOVUPS (BX), %s // scales of the columns", b0)
	w.line("VMOVUPS %d(BX), %s", half, b1)
	bias := a[1]
	for h, b := range []string{b0, b1} {
		w.line("VMOVUPS %d(DX), %s", h*half, bias)
		for r := range m {
			w.line("VCVTDQ2PS %s, %s", l.acc(r, h), l.acc(r, h))
			w.line("VBROADCASTSS %d(AX), %s // scale of the row", 16*r, a[0])
			w.line("VMULPS %s, %s, %s", a[0], l.acc(r, h), l.acc(r, h))
			w.line("VFMADD213PS %s, %s, %s", bias, b, l.acc(r, h))
		}
	}
}

// outliers writes the sums with the outliers, up to the label store. apart is from
// four of a row's outliers to the next four, in bytes.
func (l int8Level) outliers(w *asm, m int, apart string) {
	w.line("MOVL 8(AX), CX // steps of outliers")
	w.line("ADDQ %s, AX", apart)
	w.line("ADDQ $%d, BX", 8*panel)
	w.line("TESTL CX, CX")
	w.line("JZ    store")
	l.steps(w, "outliers", m, 4, apart, level.float32Word)
	w.label("\nstore")
}

// loadWord writes the load of word k of the columns.
func (l level) loadWord(w *asm, k int) {
	for h := range 2 {
		w.line("%s %d(BX), %s", l.load(), k*4*panel+h*4*l.lanes, l.b(h))
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
func multiplyWords(l level, w *asm, m, k int) {
	l.loadWord(w, k)
	for r := range m {
		a := l.a(r)
		w.line("VPBROADCASTD %d(AX), %s", r*16+k*4, a)
		for h := range 2 {
			w.line("VPDPBUSD %s, %s, %s", l.b(h), a, l.acc(r, h))
		}
	}
}

// multiplyWordsVEX is multiplyWords with VPDPBUSD in its VEX form, which the
// assembler lacks.
func multiplyWordsVEX(l level, w *asm, m, k int) {
	l.loadWord(w, k)
	for r := range m {
		a := 2*l.rows + 2 + r%2
		w.line("VPBROADCASTD %d(AX), %s", r*16+k*4, l.reg(a))
		for h := range 2 {
			w.ymm(vpdpbusd, 2*l.rows+h, a, 2*r+h)
		}
	}
}

// multiplyPairs writes two products of 16-bit numbers to a lane at once, twice: of the even
// and of the odd bytes of the words, which rows and panels have apart.
func multiplyPairs(l level, w *asm, m, k int) {
	a, product := l.a(0), l.a(1)
	for i, bytes := range []string{"even", "odd"} {
		for h := range 2 {
			column := h * l.lanes // of which 16 have their even bytes beside each other
			w.line("VPMOVSXBW %d(BX), %s // %s bytes", k*4*panel+column/16*64+i*32+column%16*2, l.b(h), bytes)
		}
		for r := range m {
			w.line("VPBROADCASTD %d(AX), %s", r*32+k*8+i*4, a)
			w.line("VPMADDWD %s, %s, %s", l.b(0), a, product)
			w.line("VPMADDWD %s, %s, %[2]s", l.b(1), a)
			w.line("VPADDD %s, %s, %[2]s", product, l.acc(r, 0))
			w.line("VPADDD %s, %s, %[2]s", a, l.acc(r, 1))
		}
	}
}
