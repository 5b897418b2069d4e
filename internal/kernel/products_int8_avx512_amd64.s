//go:build amd64 && !purego

#include "textflag.h"

// EXTREMES16 takes the elements of group i that are kept to LOW, HIGH and SUM.
#define EXTREMES16(i, X, LOW, HIGH, SUM) \
	KMOVW (2*i)(DX), K1; \
	VMOVUPS.Z (64*i)(SI), K1, X; \
	VMINPS LOW, X, LOW; \
	VMAXPS HIGH, X, HIGH; \
	VFMADD231PS Z31, X, SUM // x·0: NaN where x is not finite

// func extremesAVX512(x *float32, kept *uint16, groups int) (low, high float32)
// Registers: SI x, DX kept, CX groups left, Z0-Z3 x, Z4-Z7 low, Z8-Z11 high,
// Z12-Z15 Σ x·0, Z31 zero.
// Requires: AVX-512 F, DQ
TEXT ·extremesAVX512(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ kept+8(FP), DX
	MOVQ groups+16(FP), CX
	VPXORD Z31, Z31, Z31
	VMOVAPS Z31, Z4
	VMOVAPS Z31, Z5
	VMOVAPS Z31, Z6
	VMOVAPS Z31, Z7
	VMOVAPS Z31, Z8
	VMOVAPS Z31, Z9
	VMOVAPS Z31, Z10
	VMOVAPS Z31, Z11
	VMOVAPS Z31, Z12
	VMOVAPS Z31, Z13
	VMOVAPS Z31, Z14
	VMOVAPS Z31, Z15
	SUBQ $4, CX
	JLT  tail

groups4:
	EXTREMES16(0, Z0, Z4, Z8, Z12)
	EXTREMES16(1, Z1, Z5, Z9, Z13)
	EXTREMES16(2, Z2, Z6, Z10, Z14)
	EXTREMES16(3, Z3, Z7, Z11, Z15)
	ADDQ $256, SI
	ADDQ $8, DX
	SUBQ $4, CX
	JGE  groups4

tail:
	ADDQ $4, CX
	JZ   done

group1:
	EXTREMES16(0, Z0, Z4, Z8, Z12)
	ADDQ $64, SI
	ADDQ $2, DX
	DECQ CX
	JNZ  group1

done:
	VMINPS Z5, Z4, Z4
	VMINPS Z7, Z6, Z6
	VMINPS Z6, Z4, Z4
	VMAXPS Z9, Z8, Z8
	VMAXPS Z11, Z10, Z10
	VMAXPS Z10, Z8, Z8
	VADDPS Z13, Z12, Z12
	VADDPS Z15, Z14, Z14
	VADDPS Z14, Z12, Z12
	VEXTRACTF64X4 $1, Z4, Y5
	VEXTRACTF64X4 $1, Z8, Y9
	VEXTRACTF64X4 $1, Z12, Y13
	VMINPS Y5, Y4, Y4
	VMAXPS Y9, Y8, Y8
	VADDPS Y13, Y12, Y12
	VEXTRACTF128 $1, Y4, X5
	VEXTRACTF128 $1, Y8, X9
	VEXTRACTF128 $1, Y12, X13
	VMINPS X5, X4, X4
	VMAXPS X9, X8, X8
	VADDPS X13, X12, X12
	VPERMILPS $0x4e, X4, X5
	VPERMILPS $0x4e, X8, X9
	VPERMILPS $0x4e, X12, X13
	VMINPS X5, X4, X4
	VMAXPS X9, X8, X8
	VADDPS X13, X12, X12
	VPERMILPS $0xb1, X4, X5
	VPERMILPS $0xb1, X8, X9
	VPERMILPS $0xb1, X12, X13
	VMINSS X5, X4, X4
	VMAXSS X9, X8, X8
	VADDSS X13, X12, X12
	VADDSS X12, X8, X8
	VMOVSS X4, low+24(FP)
	VMOVSS X8, high+28(FP)
	VZEROUPPER
	RET

// QUANTIZE16(i, to) makes group i whole numbers. Z1 inverse, Z2 zero, Z3 255.
#define QUANTIZE16(i, to) \
	KMOVW (2*i)(DX), K1; \
	VMOVUPS.Z (64*i)(SI), K1, Z0; \
	VMULPS Z1, Z0, Z0; \
	VCVTPS2DQ Z0, Z0; \
	VPADDD Z2, Z0, Z0; \
	VPMINSD Z3, Z0, Z0; \
	VPMOVDB Z0, X0; \
	VMOVDQU X0, to

// func quantizeAVX512(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
// Registers: DI dst, R8 stride, SI x, DX kept, CX groups left, Z0 x, Z1 inverse,
// Z2 zero, Z3 255.
// Requires: AVX-512 F
TEXT ·quantizeAVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ kept+24(FP), DX
	MOVQ groups+32(FP), CX
	VBROADCASTSS inverse+40(FP), Z1
	VBROADCASTSS zero+44(FP), Z2
	MOVL $255, AX
	VPBROADCASTD AX, Z3
	TESTQ CX, CX
	JZ   done

loop:
	QUANTIZE16(0, (DI))
	ADDQ $64, SI
	ADDQ $2, DX
	ADDQ R8, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

// func quantizeBlocksAVX512(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
// Registers: as in quantizeAVX512, with CX groups left and R8 from one block of four to
// the next.
// Requires: AVX-512 F
TEXT ·quantizeBlocksAVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ kept+24(FP), DX
	MOVQ groups+32(FP), CX
	VBROADCASTSS inverse+40(FP), Z1
	VBROADCASTSS zero+44(FP), Z2
	MOVL $255, AX
	VPBROADCASTD AX, Z3
	SUBQ $4, CX
	JLT  tail

block:
	QUANTIZE16(0, (DI))
	QUANTIZE16(1, 16(DI))
	QUANTIZE16(2, 32(DI))
	QUANTIZE16(3, 48(DI))
	ADDQ $256, SI
	ADDQ $8, DX
	ADDQ R8, DI
	SUBQ $4, CX
	JGE  block

tail:
	ADDQ $4, CX
	JZ   done

group:
	QUANTIZE16(0, (DI))
	ADDQ $64, SI
	ADDQ $2, DX
	ADDQ $16, DI
	DECQ CX
	JNZ  group

done:
	VZEROUPPER
	RET

// ROWS4 points R10 to R13 to the next four rows of x, in place of those that there are not
// to the last one. SI is the first, R9 how many are left, R8 the bytes from row to row.
#define ROWS4 \
	MOVQ SI, R10; \
	LEAQ (R10)(R8*1), R11; \
	CMPQ R9, $2; \
	CMOVQLT R10, R11; \
	LEAQ (R11)(R8*1), R12; \
	CMPQ R9, $3; \
	CMOVQLT R11, R12; \
	LEAQ (R12)(R8*1), R13; \
	CMPQ R9, $4; \
	CMOVQLT R12, R13

// RANGE takes 16 elements of a row, at P, to LOW and HIGH, as whole numbers: of negative
// float32s the lowest is the largest one without a sign, and infinities and NaNs are
// farther from 0 than others.
#define RANGE(P, X, LOW, HIGH) \
	VMOVDQU32.Z (P)(CX*1), K1, X; \
	VPMAXUD X, LOW, LOW; \
	VPMAXSD X, HIGH, HIGH

// FOLD(op, Z, Y, X): X = four times op over four elements of Z, of which Y and X are parts.
#define FOLD(op, Z, Y, X) \
	VEXTRACTI64X4 $1, Z, Y0; \
	op Y0, Y, Y; \
	VEXTRACTI128 $1, Y, X0; \
	op X0, X, X

// ACROSS(op, A, B, C, D): A = op over the elements of A, of B, of C and of D.
#define ACROSS(op, A, B, C, D) \
	VUNPCKHPS B, A, X0; \
	VUNPCKLPS B, A, A; \
	op X0, A, A; \
	VUNPCKHPS D, C, X0; \
	VUNPCKLPS D, C, C; \
	op X0, C, C; \
	VUNPCKHPD C, A, X0; \
	VUNPCKLPD C, A, A; \
	op X0, A, A

// SCALED(P, INVERSE, MINUS, X) makes 16 elements of a row, at P, whole numbers that are not cut.
#define SCALED(P, INVERSE, MINUS, X) \
	VMOVUPS.Z (P)(CX*1), K1, X; \
	VMULPS INVERSE, X, X; \
	VCVTPS2DQ X, X; \
	VPSUBD MINUS, X, X

// rowOrder puts the dwords of each of four rows side by side.
DATA rowOrder<>+0(SB)/8, $0x0000000400000000
DATA rowOrder<>+8(SB)/8, $0x0000000c00000008
DATA rowOrder<>+16(SB)/8, $0x0000000500000001
DATA rowOrder<>+24(SB)/8, $0x0000000d00000009
DATA rowOrder<>+32(SB)/8, $0x0000000600000002
DATA rowOrder<>+40(SB)/8, $0x0000000e0000000a
DATA rowOrder<>+48(SB)/8, $0x0000000700000003
DATA rowOrder<>+56(SB)/8, $0x0000000f0000000b
GLOBL rowOrder<>(SB), RODATA|NOPTR, $64

// func packInt8AVX512(dst, x *float32, ld, rows int, kept *uint16, groups, steps int)
// See product.packInt8: the steps of all rows first, four at once, then their terms. The
// frame has for each four of 32 rows the widths of their steps, their inverses and minus
// their zero points: 48 bytes.
// Registers: SI x of the first row, R8 ld in bytes, R9 rows left, R10 to R13 x of four rows,
// R14 their place in the frame, DX kept, CX the offset in bytes, BX its end; AX the bytes from
// group to group in dst, DI dst. Z0-Z3 x, Z4-Z7 low, later the inverse, Z8-Z11 high, later minus
// zero, X17 to X20 constants, Z30 -0, Z31 0, K2 the rows that there are.
// Requires: AVX-512 F, DQ, VL, BW
TEXT ·packInt8AVX512(SB), 0, $384-56
	MOVQ x+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ rows+24(FP), R9
	MOVQ groups+40(FP), BX
	SHLQ $2, R8
	SHLQ $6, BX
	MOVQ SP, R14
	VPXORD Z31, Z31, Z31
	MOVL $0x80000000, AX
	VPBROADCASTD AX, Z30
	MOVL $0x437f0000, AX
	VPBROADCASTD AX, X17 // 255
	MOVL $0x7f7fffff, AX
	VPBROADCASTD AX, X18 // the largest float32
	MOVL $0x00200000, AX
	VPBROADCASTD AX, X19 // its inverse
	MOVL $0x7fc00000, AX
	VPBROADCASTD AX, X20 // NaN

ranges:
	ROWS4
	MOVQ kept+32(FP), DX
	XORQ CX, CX
	VMOVDQA32 Z30, Z4
	VMOVDQA32 Z30, Z5
	VMOVDQA32 Z30, Z6
	VMOVDQA32 Z30, Z7
	VMOVDQA32 Z31, Z8
	VMOVDQA32 Z31, Z9
	VMOVDQA32 Z31, Z10
	VMOVDQA32 Z31, Z11

range16:
	KMOVW (DX), K1
	RANGE(R10, Z0, Z4, Z8)
	RANGE(R11, Z1, Z5, Z9)
	RANGE(R12, Z2, Z6, Z10)
	RANGE(R13, Z3, Z7, Z11)
	ADDQ $2, DX
	ADDQ $64, CX
	CMPQ CX, BX
	JLT  range16

	FOLD(VPMAXUD, Z4, Y4, X4)
	FOLD(VPMAXUD, Z5, Y5, X5)
	FOLD(VPMAXUD, Z6, Y6, X6)
	FOLD(VPMAXUD, Z7, Y7, X7)
	FOLD(VPMAXSD, Z8, Y8, X8)
	FOLD(VPMAXSD, Z9, Y9, X9)
	FOLD(VPMAXSD, Z10, Y10, X10)
	FOLD(VPMAXSD, Z11, Y11, X11)
	ACROSS(VPMAXUD, X4, X5, X6, X7)
	ACROSS(VPMAXSD, X8, X9, X10, X11)
	VSUBPS X4, X8, X8          // reach
	VCMPPS $2, X18, X8, K1     // it is finite
	VDIVPS X17, X8, X5
	VMAXPS X19, X5, X5         // width of a step
	VBLENDMPS X5, X20, K1, X5  // or NaN
	VDIVPS X8, X17, X6
	VMINPS.Z X18, X6, K1, X6   // its inverse, or 0
	VMULPS X6, X4, X7
	VCVTPS2DQ X7, X7           // minus the zero point
	VMOVUPS X5, (R14)
	VMOVUPS X6, 16(R14)
	VMOVDQU X7, 32(R14)
	LEAQ (SI)(R8*4), SI
	ADDQ $48, R14
	SUBQ $4, R9
	JG   ranges

	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ rows+24(FP), R9
	MOVQ R9, AX
	SHLQ $4, AX
	MOVQ SP, R14
	VMOVDQU32 rowOrder<>(SB), Z16

terms:
	ROWS4
	MOVQ $0xffff, DX
	CMPQ R9, $4
	JGE  whole
	LEAQ (R9*4), CX
	MOVQ $1, DX
	SHLQ CX, DX
	DECQ DX

whole:
	KMOVW DX, K2
	MOVQ kept+32(FP), DX
	XORQ CX, CX
	VBROADCASTSS 16(R14), Z4
	VBROADCASTSS 20(R14), Z5
	VBROADCASTSS 24(R14), Z6
	VBROADCASTSS 28(R14), Z7
	VPBROADCASTD 32(R14), Z8
	VPBROADCASTD 36(R14), Z9
	VPBROADCASTD 40(R14), Z10
	VPBROADCASTD 44(R14), Z11

terms16:
	KMOVW (DX), K1
	SCALED(R10, Z4, Z8, Z0)
	SCALED(R11, Z5, Z9, Z1)
	SCALED(R12, Z6, Z10, Z2)
	SCALED(R13, Z7, Z11, Z3)
	VPACKUSDW Z1, Z0, Z0
	VPACKUSDW Z3, Z2, Z2
	VPACKUSWB Z2, Z0, Z0
	VPERMD Z0, Z16, Z0
	VMOVDQU32 Z0, K2, (DI)
	ADDQ AX, DI
	ADDQ $2, DX
	ADDQ $64, CX
	CMPQ CX, BX
	JLT  terms16

	// The four words of each row, behind all terms.
	VMOVUPS (R14), X0
	VMOVUPS 32(R14), X1
	VMOVQ steps+48(FP), X2
	VPUNPCKLQDQ X2, X2, X2
	VUNPCKLPS X1, X0, X3
	VUNPCKHPS X1, X0, X0
	VUNPCKLPD X2, X3, X4
	VUNPCKHPD X2, X3, X5
	VUNPCKLPD X2, X0, X6
	VUNPCKHPD X2, X0, X7
	VINSERTI32X4 $1, X5, Z4, Z4
	VINSERTI32X4 $2, X6, Z4, Z4
	VINSERTI32X4 $3, X7, Z4, Z4
	VMOVDQU32 Z4, K2, (DI)

	MOVQ AX, DX
	IMULQ groups+40(FP), DX
	SUBQ DX, DI
	ADDQ $64, DI
	LEAQ (SI)(R8*4), SI
	ADDQ $48, R14
	SUBQ $4, R9
	JG   terms
	VZEROUPPER
	RET
