package main

import (
	"bytes"
	"fmt"
	"strings"
)

// A level is the tile of a CPU level and a format: rows×(2·lanes) accumulators.
type level struct {
	file     string
	suffix   string
	register string // Y or Z
	rows     int
	lanes    int // float32s of one register
	requires string
	word     func(l level, w *asm, m, k int) // writes the sums with word k of 4
	parts    bool                            // the sums are added of parts of sumTerms
	wide     bool                            // rows have two words for each of the columns
}

var levels = []level{
	{"products_tile_avx2_amd64.s", "AVX2", "Y", 6, 8, "AVX2, FMA", level.float32Word, true, false},
	{"products_tile_avx512_amd64.s", "AVX512", "Z", 14, 16, "AVX512F", level.float32Word, true, false},
	{"products_tile_bfloat16_avx2_amd64.s", "BFloat16AVX2", "Y", 6, 8, "AVX2, FMA", level.bfloat16Halves, false, true},
	{"products_tile_bfloat16_avx512_amd64.s", "BFloat16AVX512", "Z", 14, 16, "AVX512F", level.bfloat16Halves, false, true},
	{"products_tile_bfloat16_dot_amd64.s", "BFloat16Dot", "Z", 14, 16, "AVX512F, AVX512BF16", level.bfloat16Dot, false, false},
}

// panel is the number of columns of a packed panel of b.
const panel = 32

// sumTerms is kernel.SumTerms: so many terms of a float32 product are one chain.
const sumTerms = 256

func (l level) source(tile func(w *asm, m int)) []byte {
	w := newAsm("amd64")
	if l.register == "Y" {
		fmt.Fprint(w, `
// laneMask is 16 words of ones, then 16 of zeros: the 16 words that begin at
// word 16-n mask the first n lanes.
`)
		w.data("laneMask", 128, repeat(16, 0xffffffff)...)
	}
	if strings.Contains(l.suffix, "BFloat16AVX") {
		fmt.Fprint(w, "\n// highHalf masks the high term of each word.\n")
		w.data("highHalf", 32, repeat(8, 0xffff0000)...)
	}
	for m := 1; m <= l.rows; m++ {
		tile(w, m)
	}
	return w.Bytes()
}

// begin returns how a tile's kernel begins, up to the first tile of its run.
func (l level) begin() string {
	masks := ""
	if l.register == "Z" {
		masks = "\tMOVQ n+48(FP), CX\n" + columnMasks
	}
	return `	MOVQ c+0(FP), R11
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), R12
	MOVQ b+24(FP), R13
	MOVQ bias+32(FP), DX
	MOVQ next+56(FP), R9
	MOVQ r_count+64(FP), R10
	SHLQ $2, SI
` + masks + `
tile:
`
}

// masks says which registers hold the masks of the columns.
func (l level) masks() string {
	if l.register == "Z" {
		return "K1 K2 masks of the columns, "
	}
	return ""
}

// reg, acc, b and a name the registers: acc those of row r and half of the
// columns, b those of the columns, a those of the rows, used in turn.
func (l level) reg(i int) string       { return fmt.Sprintf("%s%d", l.register, i) }
func (l level) acc(r, half int) string { return l.reg(2*r + half) }
func (l level) b(half int) string      { return l.reg(2*l.rows + half) }
func (l level) a(r int) string         { return l.reg(2*l.rows + 2 + r%2) }

// tile writes the kernel of m rows.
func (l level) tile(w *asm, m int) {
	acc, b0, b1, a := l.acc, l.b(0), l.b(1), [2]string{l.a(0), l.a(1)}

	fmt.Fprintf(w, `
// func tile%dx%d%s(c *float32, ldc int, a, b, bias *float32, steps, n int, next *float32, r run)
// c[i*ldc+j] = bias[j] + a·b for %d rows and n ≤ %d columns, 4·steps words, r.count times%s.
// Registers: DI c, SI ldc in bytes, AX a, BX b, %sCX steps left, R9 next, DX bias, R10 tiles left,
// R11 R12 R13 where the tile's c, a and b begin, %s%s-%s c (two for each row), %s %s b[k], %s %s a[i][k].
// Requires: %s
TEXT ·tile%dx%d%s(SB), %s-120
%s	MOVQ R11, DI
	MOVQ R12, AX
	MOVQ R13, BX
	MOVQ steps+40(FP), %s
`, m, 2*l.lanes, l.suffix, m, 2*l.lanes, l.inParts(), l.partRegisters(), l.masks(), acc(0, 0), acc(m-1, 1), b0, b1, a[0], a[1], l.requires, m, 2*l.lanes, l.suffix, l.frame(m), l.begin(), l.left())
	if l.parts {
		l.clear(w, m)
	} else {
		l.biases(w, m)
	}
	w.line("TESTQ %s, %[1]s", l.left())
	w.line("JZ    store")
	l.beginPart(w, "r_first+104(FP)", sumTerms/4)
	l.steps(w, "loop", m, l.rowWord(), fmt.Sprintf("$%d", 4*l.rowWord()*m), l.word)
	l.endPart(w, m)
	w.label("\nstore")
	if l.parts {
		l.addBiases(w, m)
	}
	l.store(w, m, b0, b1)
}

// biases sets the sums of m rows to the bias.
func (l level) biases(w *asm, m int) {
	for h := range 2 {
		w.line("VMOVUPS %d(DX), %s", 4*l.lanes*h, l.acc(0, h))
	}
	for r := 1; r < m; r++ {
		for h := range 2 {
			w.line("VMOVAPS %s, %s", l.acc(0, h), l.acc(r, h))
		}
	}
}

// clear sets the sums of m rows to zero.
func (l level) clear(w *asm, m int) {
	xor := "VXORPS %s, %[1]s, %[1]s"
	if l.register == "Z" {
		xor = "VPXORD %s, %[1]s, %[1]s"
	}
	for i := range 2 * m {
		w.line(xor, l.reg(i))
	}
}

// addBiases adds the bias to the sums of m rows. Registers b are lost.
func (l level) addBiases(w *asm, m int) {
	for h := range 2 {
		w.line("VMOVUPS %d(DX), %s", 4*l.lanes*h, l.b(h))
	}
	for r := range m {
		for h := range 2 {
			w.line("VADDPS %s, %s, %[2]s", l.b(h), l.acc(r, h))
		}
	}
}

// frame returns the flags and the size of a kernel's frame, which holds the parts of m
// rows that are summed.
func (l level) frame(m int) string {
	if !l.parts {
		return "NOSPLIT, $0"
	}
	return fmt.Sprintf("0, $%d", 8*l.lanes*m)
}

// inParts says that the sums are of parts.
func (l level) inParts() string {
	if l.parts {
		return fmt.Sprintf(", in parts of %d words, the first of 4·r.first", sumTerms)
	}
	return ""
}

// partRegisters says which registers parts of a sum take.
func (l level) partRegisters() string {
	if l.parts {
		return "R14 steps left, R15 whether there is a part, of it "
	}
	return ""
}

// left returns the register of what is left of the sum.
func (l level) left() string {
	if l.parts {
		return "R14"
	}
	return "CX"
}

// beginPart writes the beginning of a part of the sum: so many of what is left in R14, in
// the first part first.
func (l level) beginPart(w *asm, first string, most int) {
	if !l.parts {
		return
	}
	w.line("XORL R15, R15 // no part is summed")
	w.line("MOVQ %s, CX", first)
	w.line("JMP  part")
	w.label("\nnextPart")
	w.line("MOVQ $1, R15")
	w.line("MOVQ $%d, CX", most)
	w.label("\npart")
	w.line("CMPQ    R14, CX")
	w.line("CMOVQLT R14, CX")
	w.line("SUBQ    CX, R14")
}

// endPart writes the end of a part of the sum of m rows: those before it are added and,
// where others follow, the sum is kept in the frame.
func (l level) endPart(w *asm, m int) {
	if !l.parts {
		return
	}
	all := func(format string) {
		for i := range 2 * m {
			w.line(format, l.reg(i), 4*l.lanes*i)
		}
	}
	w.line("TESTQ R15, R15")
	w.line("JZ    first")
	all("VADDPS %[2]d(SP), %[1]s, %[1]s")
	w.label("\nfirst")
	w.line("TESTQ R14, R14")
	w.line("JZ    store")
	all("VMOVUPS %[1]s, %[2]d(SP)")
	l.clear(w, m)
	w.line("JMP nextPart")
}

// longWord is of how many instructions the work on a word is looped: those of the loop
// itself are then few enough beside it.
const longWord = 30

// rowWord returns the bytes that a row has for a word of the columns.
func (l level) rowWord() int {
	if l.wide {
		return 8
	}
	return 4
}

// steps writes the loop over CX > 0 steps of 4 words, of so many bytes each in a row; apart is
// from one step of a row to the next, in bytes.
func (l level) steps(w *asm, label string, m, rowWord int, apart string, word func(l level, w *asm, m, k int)) {
	first := new(asm)
	l.prefetch(first, 0)
	word(l, first, m, 0)
	if bytes.Count(first.Bytes(), []byte("\n")) < longWord {
		w.label("\n" + label)
		for k := range 4 {
			l.prefetch(w, k)
			word(l, w, m, k)
		}
		w.line("ADDQ %s, AX", apart)
		w.line("ADDQ $%d, BX", 16*panel)
		w.line("ADDQ %s, R9", l.ahead())
		w.line("DECQ CX")
		w.line("JNZ  %s", label)
		return
	}
	w.line("SHLQ $2, CX // words")
	w.label("\n" + label)
	w.Write(first.Bytes())
	w.line("ADDQ $%d, AX", rowWord)
	w.line("ADDQ $%d, BX", 4*panel)
	w.line("ADDQ $%d, R9", 8*l.lanes)
	w.line("DECQ CX")
	w.line("TESTB $3, CX")
	w.line("JNZ  %s", label)
	w.line("SUBQ $%d, AX", 4*rowWord)
	w.line("ADDQ %s, AX", apart)
	w.line("SUBQ $%d, R9", 32*l.lanes)
	w.line("ADDQ %s, R9", l.ahead())
	w.line("TESTQ CX, CX")
	w.line("JNZ  %s", label)
}

// ahead returns how far a step goes on in the next panel: as the run says, where the kernel
// has one.
func (l level) ahead() string {
	if l.suffix == "" {
		return fmt.Sprintf("$%d", 32*l.lanes)
	}
	return "r_ahead+112(FP)"
}

// prefetch writes the prefetch of what word k has of the next panel's step: as much as it reads.
func (l level) prefetch(w *asm, k int) {
	for line := 0; line < 8*l.lanes; line += 64 {
		w.line("PREFETCHT1 %d(R9)", k*8*l.lanes+line)
	}
}

// store writes the end of a kernel, which stores c and goes on with the next tile.
// Registers b0 and b1 are lost.
func (l level) store(w *asm, m int, b0, b1 string) {
	acc, bytes := l.acc, 4*l.lanes
	if l.register == "Z" {
		l.rowsOut(w, m, func(r, h int) {
			w.line("VMOVUPS %s, K%d, %d(DI)", acc(r, h), h+1, h*bytes)
		})
		fmt.Fprint(w, nextTile)
		return
	}
	w.line("MOVQ n+48(FP), CX")
	w.line("CMPQ CX, $%d", 2*l.lanes)
	w.line("JLT  masked")
	l.rowsOut(w, m, func(r, h int) {
		w.line("VMOVUPS %s, %d(DI)", acc(r, h), h*bytes)
	})
	fmt.Fprintf(w, `
next:%s
masked:
	LEAQ laneMask<>(SB), R8
	SHLQ $2, CX
	SUBQ CX, R8
	VMOVUPS 64(R8), %s // columns 0 to 7
	VMOVUPS 96(R8), %s // columns 8 to 15
`, nextTile, b0, b1)
	l.rowsOut(w, m, func(r, h int) {
		w.line("VMASKMOVPS %s, %s, %d(DI)", acc(r, h), []string{b0, b1}[h], h*bytes)
	})
	w.line("JMP next")
}

// nextTile goes on with the next tile of the run, or ends it.
const nextTile = `
	DECQ R10
	JZ   done
	MOVQ r_c+72(FP), R8
	LEAQ (R11)(R8*4), R11
	MOVQ r_a+80(FP), R8
	LEAQ (R12)(R8*4), R12
	MOVQ r_b+88(FP), R8
	LEAQ (R13)(R8*4), R13
	LEAQ (R13)(R8*4), R8
	CMPQ R8, R13
	CMOVQNE R8, R9 // tiles of one panel go on where they are in the next
	MOVQ r_bias+96(FP), R8
	LEAQ (DX)(R8*4), DX
	JMP  tile

done:
	VZEROUPPER
	RET
`

// columnMasks makes the masks of the CX columns that there are. R8 is lost.
const columnMasks = `	MOVQ  $1, R8
	SHLQ  CX, R8
	DECQ  R8
	KMOVW R8, K1 // columns 0 to 15
	SHRQ  $16, R8
	KMOVW R8, K2 // columns 16 to 31
`

// rowsOut writes the stores of m rows.
func (l level) rowsOut(w *asm, m int, store func(r, half int)) {
	for r := range m {
		if r > 0 {
			w.line("ADDQ SI, DI")
		}
		store(r, 0)
		store(r, 1)
	}
}
