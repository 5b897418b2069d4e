package main

import "fmt"

// An amxLevel is the tile of one format by Intel's AMX: sums of up to 32×32 in the
// tile registers TMM0 to TMM3, the upper 16 rows first. TMM4 and TMM5 hold rows, TMM6
// and TMM7 columns, both 16 words of terms of 16 of them.
type amxLevel struct {
	file     string
	suffix   string
	product  code
	bias     bool // what the sums begin with; else zero
	requires string
}

var amxLevels = []amxLevel{
	{"products_tile_bfloat16_amx_amd64.s", "BFloat16AMX", tdpbf16ps, true, "AMX-TILE, AMX-BF16"},
	{"products_tile_int8_amx_amd64.s", "Int8AMX", tdpbusd, false, "AMX-TILE, AMX-INT8"},
}

// amxArguments are those of a tile's kernel.
const amxArguments = "config *tileConfig, c *float32, ldc int, a, b, last, bias *float32, blocks, m int, next *float32, r run"

// name is the name of the kernel of so many tile registers of rows and columns.
func (l amxLevel) name(high, wide int) string {
	return fmt.Sprintf("tile%dx%d%s", 16*high, 16*wide, l.suffix)
}

func (l amxLevel) source() []byte {
	w := newAsm("amd64")
	for high := 1; high <= 2; high++ {
		for wide := 1; wide <= 2; wide++ {
			l.tile(w, high, wide)
		}
	}
	if !l.bias {
		finishInt8(w)
	}
	return w.Bytes()
}

// tile writes the kernel of so many tile registers of rows and columns.
func (l amxLevel) tile(w *asm, high, wide int) {
	begin := "0"
	if l.bias {
		begin = "bias[j]"
	}
	fmt.Fprintf(w, `
// func %[1]s(%[2]s)
// c[i*ldc+j] = %[3]s + a·b for m ≤ %[4]d rows and n ≤ %[5]d columns as config says,
// 16·blocks words and the 16 of last where it is not nil, r.count times.
// Registers: SI ldc in bytes, AX a, BX b, CX blocks left, DX bias, DI a's block in
// bytes, R8 64, R9 next, R10 tiles left, R11 R12 R13 where the tile's c, a and b begin,
// TMM0-TMM3 c, TMM4 TMM5 a, TMM6 TMM7 b.
// Requires: %[6]s
TEXT ·%[1]s(SB), NOSPLIT, $0-136
	MOVQ config+0(FP), AX
`, l.name(high, wide), amxArguments, begin, 16*high, 16*wide, l.requires)
	w.memory(tileConfig, 0, place{base: "AX"})
	fmt.Fprint(w, `	MOVQ c+8(FP), R11
	MOVQ ldc+16(FP), SI
	MOVQ a+24(FP), R12
	MOVQ b+32(FP), R13
	MOVQ bias+48(FP), DX
	MOVQ m+64(FP), DI
	MOVQ next+72(FP), R9
	MOVQ r_count+80(FP), R10
	SHLQ $2, SI
	SHLQ $6, DI
	MOVQ $64, R8

tile:
	MOVQ R12, AX
	MOVQ R13, BX
	MOVQ blocks+56(FP), CX
`)
	for i := range high {
		for j := range wide {
			if l.bias {
				w.memory(tileLoad, 2*i+j, place{base: "DX", offset: 64 * j})
			} else {
				w.vex(tileZero, fmt.Sprintf("TMM%d", 2*i+j), 0, 0, 0, 0, 3<<6|(2*i+j)<<3)
			}
		}
	}
	w.line("TESTQ CX, CX")
	w.line("JZ    rest")
	w.label("\nloop")
	l.block(w, high, wide, 16*4*panel)
	w.line("ADDQ DI, AX")
	w.line("ADDQ $%d, BX", 16*4*panel)
	w.line("ADDQ $%d, R9", 16*4*panel)
	w.line("DECQ CX")
	w.line("JNZ  loop")
	w.label("\nrest")
	w.line("MOVQ last+40(FP), BX")
	w.line("TESTQ BX, BX")
	w.line("JZ    store")
	l.block(w, high, wide, 0)
	w.label("\nstore")
	for i, base := range []string{"R11", "AX"}[:high] {
		if i == 1 {
			w.line("MOVQ SI, AX")
			w.line("SHLQ $4, AX")
			w.line("ADDQ R11, AX // row 16")
		}
		for j := range wide {
			w.memory(tileStore, 2*i+j, place{base: base, index: "SI", scale: 1, offset: 64 * j})
		}
	}
	fmt.Fprint(w, `	DECQ R10
	JZ   done
	MOVQ r_c+88(FP), AX
	LEAQ (R11)(AX*4), R11
	MOVQ r_a+96(FP), AX
	LEAQ (R12)(AX*4), R12
	MOVQ r_b+104(FP), AX
	LEAQ (R13)(AX*4), R13
	LEAQ (R13)(AX*4), R9
	MOVQ r_bias+112(FP), AX
	LEAQ (DX)(AX*4), DX
	JMP  tile

done:
`)
	w.vex(tileRelease, "", 0, 0, 0, 0, 3<<6)
	w.line("RET")
}

// block writes the products of 16 words, among them the prefetches of so many bytes.
// A tile register of rows or columns is loaded where it is first needed.
func (l amxLevel) block(w *asm, high, wide, ahead int) {
	line := 0
	for i := range high {
		w.memory(tileLoad, 4+i, place{base: "AX", index: "R8", scale: 1, offset: 1024 * i})
		for j := range wide {
			if i == 0 {
				w.memory(tileLoad, 6+j, place{base: "BX", index: "R8", scale: 2, offset: 64 * j})
			}
			w.tmm(l.product, 6+j, 4+i, 2*i+j)
			for ; line < ahead*(i*wide+j+1)/(high*wide); line += 64 {
				w.line("PREFETCHT1 %d(R9)", line)
			}
		}
	}
}

// finishInt8 writes what makes the whole numbers' sums the product.
func finishInt8(w *asm) {
	l := int8Level{level{register: "Z", rows: 14, lanes: 16}}
	fmt.Fprintf(w, `
// func finishInt8AMX(c *float32, ldc int, sums, a, b, bias *float32, m, n int, next *float32)
// c = (sums + what the zero points add)·scales + bias + a·b of the outliers, for m
// rows and n ≤ 32 columns; see tileInt8Generic. sums has 32 columns, a, b and next are what
// follows the whole numbers.
// Registers: SI ldc in bytes, DI c, R11 sums, R12 the row's head, R8 the bytes from
// four of its outliers to the next, AX BX CX those and b's and how many are left, R13 b,
// DX bias, R9 next, R10 rows left, K1 K2 masks of the columns, Z0 Z1 c, from %s on b and a.
// Requires: AVX-512 F
TEXT ·finishInt8AMX(SB), NOSPLIT, $0-72
	MOVQ n+56(FP), CX
%s	MOVQ c+0(FP), DI
	MOVQ ldc+8(FP), SI
	MOVQ sums+16(FP), R11
	MOVQ a+24(FP), R12
	MOVQ b+32(FP), R13
	MOVQ bias+40(FP), DX
	MOVQ m+48(FP), R10
	SHLQ $2, SI
	MOVQ R10, R8
	SHLQ $4, R8

row:
`, l.b(0), columnMasks)
	l.zeroPoints(w, 1, "R12", "R13")
	for h := range 2 {
		w.line("VPADDD %d(R11), %s, %s", 64*h, l.acc(0, h), l.acc(0, h))
	}
	w.line("MOVQ R12, AX")
	w.line("MOVQ R13, BX")
	w.line("MOVQ next+64(FP), R9")
	l.scale(w, 1)
	l.outliers(w, 1, "R8")
	for h := range 2 {
		w.line("VMOVUPS %s, K%d, %d(DI)", l.acc(0, h), h+1, 64*h)
	}
	w.line("ADDQ SI, DI")
	w.line("ADDQ $%d, R11", 4*panel)
	w.line("ADDQ $16, R12")
	w.line("DECQ R10")
	w.line("JNZ  row")
	w.line("VZEROUPPER")
	w.line("RET")
}
