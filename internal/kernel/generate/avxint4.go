package main

import "fmt"

// An int4Level is a CPU level's tile of 4-bit weights: rows×columns sums, and the
// products of one group, which are whole numbers, of rows×lanes at a time.
type int4Level struct {
	file     string
	name     string // of the tile, after its shape
	register string // Y or Z
	rows     int
	columns  int
	lanes    int
	requires string
}

var int4Levels = []int4Level{
	{"products_tile_int4_avx2_amd64.s", "Int4AVX2", "Y", 4, 16, 8, "AVX2, FMA"},
	{"products_tile_int4_avx512_amd64.s", "Int4AVX512", "Z", 9, 32, 16, "AVX512F, AVX512VNNI"},
}

const (
	int4Words = 10                  // of a group of a row: 8 of terms, the sum to begin with, the scale
	int4Bytes = 4*4*panel + 2*panel // of a group of a panel: 4 rows of words, the scales
)

func (l int4Level) reg(i int) string { return fmt.Sprintf("%s%d", l.register, i) }

// sum is the register of a row's sums, product that of its product.
func (l int4Level) sum(r, part int) string { return l.reg(r*l.columns/l.lanes + part) }
func (l int4Level) product(r int) string   { return l.reg(l.rows*l.columns/l.lanes + r) }

// temp is one of the other registers.
func (l int4Level) temp(i int) string {
	return l.reg(l.rows*l.columns/l.lanes + l.rows + i)
}

func (l int4Level) source() []byte {
	w := newAsm("amd64")
	if l.register == "Y" {
		fmt.Fprintf(w, "\n// 32 bytes of 15, then 16 words of 1.\n")
		for i := range 4 {
			fmt.Fprintf(w, "DATA int4Constants<>+%d(SB)/8, $0x0f0f0f0f0f0f0f0f\n", 8*i)
		}
		for i := range 4 {
			fmt.Fprintf(w, "DATA int4Constants<>+%d(SB)/8, $0x0001000100010001\n", 32+8*i)
		}
		fmt.Fprintf(w, "GLOBL int4Constants<>(SB), RODATA|NOPTR, $64\n")
	}
	for m := 1; m <= l.rows; m++ {
		l.tile(w, m)
	}
	return w.Bytes()
}

// tile writes the kernel of m rows.
func (l int4Level) tile(w *asm, m int) {
	parts, size := l.columns/l.lanes, 4*l.lanes
	name := fmt.Sprintf("tile%dx%d%s", m, l.columns, l.name)
	fmt.Fprintf(w, `
// func %s(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)
// c[i*ldc+j] = bias[j] + a·b for %d rows and %d columns, steps groups of 32 terms.
// Registers: DI c, SI ldc in bytes, AX a, BX b, R8 its scales, CX steps left, R9 next,
// %s-%s c (%d for each row), %s-%s products of one group and part (one for each row),
// %s low codes, %s high codes.
// Requires: %s
TEXT ·%s(SB), NOSPLIT, $0-64
	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ a+16(FP), AX
	MOVQ b+24(FP), BX
	MOVQ scales+32(FP), R8
	MOVQ bias+40(FP), DX
	MOVQ steps+48(FP), CX
	MOVQ next+56(FP), R9
	SHLQ $2, SI
`, name, m, l.columns, l.sum(0, 0), l.sum(m-1, parts-1), parts, l.product(0), l.product(m-1), l.temp(0), l.temp(1), l.requires, name)
	if l.register == "Z" {
		w.line("MOVL $0x0f0f0f0f, R10")
		w.line("VPBROADCASTD R10, %s", l.temp(3))
	}
	for p := range parts {
		w.line("VMOVUPS %d(DX), %s", p*size, l.sum(0, p))
	}
	for r := 1; r < m; r++ {
		for p := range parts {
			w.line("VMOVAPS %s, %s", l.sum(0, p), l.sum(r, p))
		}
	}
	w.line("TESTQ CX, CX")
	w.line("JZ    store")
	w.label("\nloop")
	for line := 0; line < int4Bytes*l.columns/panel; line += 64 {
		w.line("PREFETCHT1 %d(R9)", line)
	}
	for p := range parts {
		if l.register == "Z" {
			l.groupVNNI(w, m, p)
		} else {
			l.groupAVX2(w, m, p)
		}
	}
	w.line("ADDQ $%d, AX", 4*int4Words*m)
	w.line("ADDQ $%d, BX", int4Bytes)
	w.line("ADDQ $%d, R8", int4Bytes)
	w.line("ADDQ $%d, R9", int4Bytes)
	w.line("DECQ CX")
	w.line("JNZ  loop")
	w.label("\nstore")
	for r := range m {
		if r > 0 {
			w.line("ADDQ SI, DI")
		}
		for p := range parts {
			w.line("VMOVUPS %s, %d(DI)", l.sum(r, p), p*size)
		}
	}
	w.line("VZEROUPPER")
	w.line("RET")
}

// groupVNNI adds the products of one group to a part of the columns.
func (l int4Level) groupVNNI(w *asm, m, p int) {
	low, high, scale, mask := l.temp(0), l.temp(1), l.temp(2), l.temp(3)
	at := func(r, word int) int { return 4 * (r*int4Words + word) }
	for r := range m {
		w.line("VPBROADCASTD %d(AX), %s // -8·Σa", at(r, 8), l.product(r))
	}
	for d := range 4 {
		from := d*4*panel + p*64
		w.line("VPANDD %d(BX), %s, %s", from, mask, low)
		w.line("VPSRLD $4, %d(BX), %s", from, high)
		w.line("VPANDD %s, %s, %s", high, mask, high)
		for half, codes := range []string{low, high} {
			for r := range m {
				w.line("VPDPBUSD.BCST %d(AX), %s, %s", at(r, 2*d+half), codes, l.product(r))
			}
		}
	}
	w.line("VPMOVZXWD %d(R8), %s", 32*p, scale)
	w.line("VPSLLD $16, %s, %s // the weights' scales", scale, scale)
	for r := range m {
		both := []string{low, high}[r%2]
		w.line("VCVTDQ2PS %s, %s", l.product(r), l.product(r))
		w.line("VMULPS.BCST %d(AX), %s, %s", at(r, 9), scale, both)
		w.line("VFMADD231PS %s, %s, %s", both, l.product(r), l.sum(r, p))
	}
}

// groupAVX2 is groupVNNI by products of pairs in 16 bits: 8 pairs of codes of at
// most 15 with terms of at most 127 sum up to 30480.
func (l int4Level) groupAVX2(w *asm, m, p int) {
	low, high, third, scale := l.temp(0), l.temp(1), l.temp(2), l.temp(3)
	at := func(r, word int) int { return 4 * (r*int4Words + word) }
	for d := range 4 {
		w.line("VMOVDQU %d(BX), %s", d*4*panel+p*32, high)
		w.line("VPAND int4Constants<>+0(SB), %s, %s", high, low)
		w.line("VPSRLD $4, %s, %s", high, high)
		w.line("VPAND int4Constants<>+0(SB), %s, %s", high, high)
		for half, codes := range []string{low, high} {
			for r := range m {
				w.line("VPBROADCASTD %d(AX), %s", at(r, 2*d+half), third)
				if d == 0 && half == 0 {
					w.line("VPMADDUBSW %s, %s, %s", third, codes, l.product(r))
					continue
				}
				w.line("VPMADDUBSW %s, %s, %s", third, codes, third)
				w.line("VPADDW %s, %s, %s", third, l.product(r), l.product(r))
			}
		}
	}
	w.line("VPMOVZXWD %d(R8), %s", 16*p, scale)
	w.line("VPSLLD $16, %s, %s // the weights' scales", scale, scale)
	for r := range m {
		w.line("VPMADDWD int4Constants<>+32(SB), %s, %s", l.product(r), l.product(r))
		w.line("VPBROADCASTD %d(AX), %s // -8·Σa", at(r, 8), third)
		w.line("VPADDD %s, %s, %s", third, l.product(r), l.product(r))
		w.line("VCVTDQ2PS %s, %s", l.product(r), l.product(r))
		w.line("VBROADCASTSS %d(AX), %s", at(r, 9), third)
		w.line("VMULPS %s, %s, %s", third, scale, third)
		w.line("VFMADD231PS %s, %s, %s", third, l.product(r), l.sum(r, p))
	}
}
