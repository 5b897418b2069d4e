//go:build amd64 && !purego

#include "textflag.h"

// func transpose8AVX2(dst, src *float32, ld, blocks int)
// dst[j*Panel+i] = src[i*ld+j] for i < 8 and j < 8·blocks.
// Registers: DI dst, SI src, R8 R9 R10 R11 rows 0, 1, 3 and 7 in bytes (of ld), CX blocks left.
// Requires: AVX
TEXT ·transpose8AVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ blocks+24(FP), CX
	SHLQ $2, R8              // one row
	LEAQ (R8)(R8*2), R9      // three rows
	LEAQ (SI)(R8*4), DX      // row 4
	TESTQ CX, CX
	JZ   done

loop:
	VMOVUPS (SI), Y0
	VMOVUPS (SI)(R8*1), Y1
	VMOVUPS (SI)(R8*2), Y2
	VMOVUPS (SI)(R9*1), Y3
	VMOVUPS (DX), Y4
	VMOVUPS (DX)(R8*1), Y5
	VMOVUPS (DX)(R8*2), Y6
	VMOVUPS (DX)(R9*1), Y7

	VUNPCKLPS Y1, Y0, Y8     // 00 10 01 11 | 04 14 05 15
	VUNPCKHPS Y1, Y0, Y9     // 02 12 03 13 | 06 16 07 17
	VUNPCKLPS Y3, Y2, Y10
	VUNPCKHPS Y3, Y2, Y11
	VUNPCKLPS Y5, Y4, Y12
	VUNPCKHPS Y5, Y4, Y13
	VUNPCKLPS Y7, Y6, Y14
	VUNPCKHPS Y7, Y6, Y15

	VUNPCKLPD Y10, Y8, Y0    // 00 10 20 30 | 04 14 24 34
	VUNPCKHPD Y10, Y8, Y1    // 01 … | 05 …
	VUNPCKLPD Y11, Y9, Y2    // 02 … | 06 …
	VUNPCKHPD Y11, Y9, Y3    // 03 … | 07 …
	VUNPCKLPD Y14, Y12, Y4   // 40 50 60 70 | 44 54 64 74
	VUNPCKHPD Y14, Y12, Y5
	VUNPCKLPD Y15, Y13, Y6
	VUNPCKHPD Y15, Y13, Y7

	VPERM2F128 $0x20, Y4, Y0, Y8  // column 0
	VPERM2F128 $0x20, Y5, Y1, Y9
	VPERM2F128 $0x20, Y6, Y2, Y10
	VPERM2F128 $0x20, Y7, Y3, Y11
	VPERM2F128 $0x31, Y4, Y0, Y12 // column 4
	VPERM2F128 $0x31, Y5, Y1, Y13
	VPERM2F128 $0x31, Y6, Y2, Y14
	VPERM2F128 $0x31, Y7, Y3, Y15

	VMOVUPS Y8, (DI)
	VMOVUPS Y9, 128(DI)
	VMOVUPS Y10, 256(DI)
	VMOVUPS Y11, 384(DI)
	VMOVUPS Y12, 512(DI)
	VMOVUPS Y13, 640(DI)
	VMOVUPS Y14, 768(DI)
	VMOVUPS Y15, 896(DI)

	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $1024, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

// func packRows4AVX2(dst, src *float32, ld, m, groups int)
// dst[(g*m+i)*4+j] = src[i*ld+4*g+j] for g < groups, i < m, j < 4; all positive.
// Four groups and two rows at a time, so that each line is read and written once.
// Registers: SI row 0 of the groups at hand, DI their place in dst, R8 ld in
// bytes, R9 and R10 the bytes of one and of three groups of dst, CX groups left,
// AX BX DX the row, its place and the rows left.
// Requires: AVX
TEXT ·packRows4AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ m+24(FP), R11
	MOVQ groups+32(FP), CX
	SHLQ $2, R8
	MOVQ R11, R9
	SHLQ $4, R9
	LEAQ (R9)(R9*2), R10
	SUBQ $4, CX
	JLT  tail

groups4:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R11, DX
	SUBQ $2, DX
	JLT  row4

rows2:
	VMOVUPS (AX), Y0                // Y0 = groups 0 and 1 of row i
	VMOVUPS 32(AX), Y1              // Y1 = groups 2 and 3
	VMOVUPS (AX)(R8*1), Y2          // Y2, Y3 = those of row i+1
	VMOVUPS 32(AX)(R8*1), Y3
	VPERM2F128 $0x20, Y2, Y0, Y4    // Y4 = group 0 of both
	VPERM2F128 $0x31, Y2, Y0, Y5
	VPERM2F128 $0x20, Y3, Y1, Y6
	VPERM2F128 $0x31, Y3, Y1, Y7    // Y7 = group 3
	VMOVUPS Y4, (BX)
	VMOVUPS Y5, (BX)(R9*1)
	VMOVUPS Y6, (BX)(R9*2)
	VMOVUPS Y7, (BX)(R10*1)
	LEAQ (AX)(R8*2), AX
	ADDQ $32, BX
	SUBQ $2, DX
	JGE  rows2

row4:
	ADDQ $2, DX                     // 1 where a row is left
	JZ   next4
	VMOVUPS (AX), X0
	VMOVUPS 16(AX), X1
	VMOVUPS 32(AX), X2
	VMOVUPS 48(AX), X3
	VMOVUPS X0, (BX)
	VMOVUPS X1, (BX)(R9*1)
	VMOVUPS X2, (BX)(R9*2)
	VMOVUPS X3, (BX)(R10*1)

next4:
	ADDQ $64, SI
	LEAQ (DI)(R9*4), DI
	SUBQ $4, CX
	JGE  groups4

tail:
	ADDQ $4, CX
	JZ   done

group1:
	MOVQ SI, AX
	MOVQ R11, DX

row1:
	VMOVUPS (AX), X0
	VMOVUPS X0, (DI)
	ADDQ R8, AX
	ADDQ $16, DI
	DECQ DX
	JNZ  row1
	ADDQ $16, SI
	DECQ CX
	JNZ  group1

done:
	VZEROUPPER
	RET

#define FMA4Y(a, b, c, d) \
	VFMADD231PS Y15, Y15, a \
	VFMADD231PS Y15, Y15, b \
	VFMADD231PS Y15, Y15, c \
	VFMADD231PS Y15, Y15, d

// func peakLoopAVX2(n int)
// n times: Yi = Yi + 0·0 for 12 accumulators.
// Requires: AVX, FMA
TEXT ·peakLoopAVX2(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	VZEROALL
	TESTQ CX, CX
	JZ done

loop:
	FMA4Y(Y0, Y1, Y2, Y3)
	FMA4Y(Y4, Y5, Y6, Y7)
	FMA4Y(Y8, Y9, Y10, Y11)
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

#define FMA4Z(a, b, c, d) \
	VFMADD231PS Z31, Z31, a \
	VFMADD231PS Z31, Z31, b \
	VFMADD231PS Z31, Z31, c \
	VFMADD231PS Z31, Z31, d

// func peakLoopAVX512(n int)
// n times: Zi = Zi + Z31·Z31 for 24 accumulators, all zero at first.
// Requires: AVX512F
TEXT ·peakLoopAVX512(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	VZEROALL
	VPXORD Z16, Z16, Z16
	VMOVAPS Z16, Z17
	VMOVAPS Z16, Z18
	VMOVAPS Z16, Z19
	VMOVAPS Z16, Z20
	VMOVAPS Z16, Z21
	VMOVAPS Z16, Z22
	VMOVAPS Z16, Z23
	VMOVAPS Z16, Z31
	TESTQ CX, CX
	JZ done

loop:
	FMA4Z(Z0, Z1, Z2, Z3)
	FMA4Z(Z4, Z5, Z6, Z7)
	FMA4Z(Z8, Z9, Z10, Z11)
	FMA4Z(Z12, Z13, Z14, Z15)
	FMA4Z(Z16, Z17, Z18, Z19)
	FMA4Z(Z20, Z21, Z22, Z23)
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

// func copyPanelAVX2(dst, src *float32, ld, rows int)
// dst[i*Panel+j] = src[i*ld+j] for i < rows and j < Panel; rows is positive.
// Registers: DI dst, SI src, R8 ld in bytes, CX rows left.
// Requires: AVX
TEXT ·copyPanelAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ rows+24(FP), CX
	SHLQ $2, R8

loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ R8, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
