//go:build amd64 && !purego

#include "textflag.h"

#define V0 Z0
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define VADDPSC VADDPS.BCST
#define VSUBPSC VSUBPS.BCST
#define VFMADD213PSC VFMADD213PS.BCST

#include "rows_amd64.h"

// ROUND: Z16 = 32 bfloat16s, those of Z16 and behind them those of Z17.
#define ROUND LONG $0x4077a262; WORD $0xc072 // VCVTNE2PS2BF16 Z16, Z17, Z16

// ADDROUNDED: Z11 += the two terms of Z16, each times one.
#define ADDROUNDED LONG $0x481e3262; WORD $0xd852 // VDPBF16PS Z16, Z12, Z11

// func packBFloat16AVX512(dst, src *float32, ld, rows, cols, rowBytes, groupBytes, blockBytes int)
// Words 16b+4g to 16b+4g+3 of row i of src, in bfloat16, to the bytes i·rowBytes +
// g·groupBytes + b·blockBytes of dst, for i < rows and g < 4; terms beyond cols are
// zero. All positive.
// Registers: SI row 0 of the 32 columns at hand, DI their place in dst, R8 ld in
// bytes, R12 rowBytes, R9 and R10 the bytes of one and of three groups of dst, CX
// columns left, AX BX DX the row, its place and the rows left, R13 groups of the
// last columns, K1 K2 their masks.
// Requires: AVX512F, AVX512BF16
TEXT ·packBFloat16AVX512(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ rows+24(FP), R11
	MOVQ cols+32(FP), CX
	MOVQ rowBytes+40(FP), R12
	MOVQ groupBytes+48(FP), R9
	SHLQ $2, R8
	LEAQ (R9)(R9*2), R10
	SUBQ $32, CX
	JLT  tail

columns32:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R11, DX

row32:
	VMOVUPS (AX), Z16
	VMOVUPS 64(AX), Z17
	ROUND
	VMOVDQU32 X16, (BX)
	VEXTRACTI32X4 $1, Z16, (BX)(R9*1)
	VEXTRACTI32X4 $2, Z16, (BX)(R9*2)
	VEXTRACTI32X4 $3, Z16, (BX)(R10*1)
	ADDQ R8, AX
	ADDQ R12, BX
	DECQ DX
	JNZ  row32
	ADDQ $128, SI
	ADDQ blockBytes+56(FP), DI
	SUBQ $32, CX
	JGE  columns32

tail:
	ADDQ $32, CX
	JZ   done
	LEAQ 7(CX), R13
	SHRQ $3, R13
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX
	KMOVW AX, K1 // columns 0 to 15
	SHRQ $16, AX
	KMOVW AX, K2 // columns 16 to 31

row:
	VMOVUPS.Z (SI), K1, Z16
	VMOVUPS.Z 64(SI), K2, Z17
	ROUND
	VMOVDQU32 X16, (DI)
	CMPQ R13, $2
	JLT  next
	VEXTRACTI32X4 $1, Z16, (DI)(R9*1)
	JEQ  next
	VEXTRACTI32X4 $2, Z16, (DI)(R9*2)
	CMPQ R13, $4
	JLT  next
	VEXTRACTI32X4 $3, Z16, (DI)(R10*1)

next:
	ADDQ R8, SI
	ADDQ R12, DI
	DECQ R11
	JNZ  row

done:
	VZEROUPPER
	RET

// pairs are the places of the low and the high term of each word in two rows of
// 16 terms, one behind the other.
DATA pairs<>+0(SB)/4, $0x00100000
DATA pairs<>+4(SB)/4, $0x00110001
DATA pairs<>+8(SB)/4, $0x00120002
DATA pairs<>+12(SB)/4, $0x00130003
DATA pairs<>+16(SB)/4, $0x00140004
DATA pairs<>+20(SB)/4, $0x00150005
DATA pairs<>+24(SB)/4, $0x00160006
DATA pairs<>+28(SB)/4, $0x00170007
DATA pairs<>+32(SB)/4, $0x00180008
DATA pairs<>+36(SB)/4, $0x00190009
DATA pairs<>+40(SB)/4, $0x001a000a
DATA pairs<>+44(SB)/4, $0x001b000b
DATA pairs<>+48(SB)/4, $0x001c000c
DATA pairs<>+52(SB)/4, $0x001d000d
DATA pairs<>+56(SB)/4, $0x001e000e
DATA pairs<>+60(SB)/4, $0x001f000f
GLOBL pairs<>(SB), RODATA|NOPTR, $64

// func interleaveBFloat16AVX512(dst, src *float32, ld, rows, cols int)
// Element j of row i of src, in bfloat16, to term i of column j of the panel dst,
// for i < rows and j < cols ≤ 32. The columns j ≥ cols, and the high term of the
// last word where rows is odd, are zero. rows and cols are positive.
// Registers: SI two rows, DI their words, R8 ld in bytes, CX rows left, K1 K2 the
// masks of columns 0 to 15 and 16 to 31, Z18 pairs.
// Requires: AVX512F, AVX512BW, AVX512BF16
TEXT ·interleaveBFloat16AVX512(SB), NOSPLIT, $0-40
	MOVQ cols+32(FP), CX
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX
	KMOVW AX, K1
	SHRQ $16, AX
	KMOVW AX, K2
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ rows+24(FP), CX
	SHLQ $2, R8
	VMOVDQU32 pairs<>(SB), Z18
	SUBQ $2, CX
	JLT  last

two:
	VMOVUPS.Z (SI), K1, Z16
	VMOVUPS.Z (SI)(R8*1), K1, Z17
	ROUND
	VPERMW Z16, Z18, Z16
	VMOVDQU32 Z16, (DI)
	VMOVUPS.Z 64(SI), K2, Z16
	VMOVUPS.Z 64(SI)(R8*1), K2, Z17
	ROUND
	VPERMW Z16, Z18, Z16
	VMOVDQU32 Z16, 64(DI)
	LEAQ (SI)(R8*2), SI
	ADDQ $128, DI
	SUBQ $2, CX
	JGE  two

last:
	CMPQ CX, $-1
	JNE  done
	VMOVUPS.Z (SI), K1, Z16
	VPXORD Z17, Z17, Z17
	ROUND
	VPERMW Z16, Z18, Z16
	VMOVDQU32 Z16, (DI)
	VMOVUPS.Z 64(SI), K2, Z16
	VPXORD Z17, Z17, Z17
	ROUND
	VPERMW Z16, Z18, Z16
	VMOVDQU32 Z16, 64(DI)

done:
	VZEROUPPER
	RET

// POWERS: Z16 = the bfloat16s of 2^(x·factor - max·factor) for the 32 x in Z16 and
// Z17, and adds them to Z11. Z8 = m·factor, Z9 = factor, Z10 = -127, Z12 ones.
// Changes Z0, Z2 to Z4, Z17.
#define POWERS \
	VFMSUB213PS Z8, Z9, Z16; \
	VMAXPS Z16, Z10, Z2; \       // a NaN stays
	POWER; \
	VMOVAPS Z0, Z16; \
	VFMSUB213PS Z8, Z9, Z17; \
	VMAXPS Z17, Z10, Z2; \
	POWER; \
	VMOVAPS Z0, Z17

// func exponentialsBFloat16AVX512(dst *float32, groupBytes, blockBytes int, x []float32, factor float32, highest *float32) float32
// The bfloat16s of 2^((x-m)·factor), m the largest of x and *highest, which it becomes, four words each groupBytes from the ones
// before and 16 blockBytes, and returns their sum. x is not empty; what the last words have beyond it
// is zero.
// Registers: DI dst, R9 and R10 the bytes of one and of three groups, SI x, DX
// chunks of 32 left, R13 the groups of the last, K1 K2 their masks, Z6 -∞, Z11 16
// partial sums, the rest as in POWERS.
// Requires: AVX512F, AVX512BF16
TEXT ·exponentialsBFloat16AVX512(SB), NOSPLIT, $0-68
	MOVQ dst+0(FP), DI
	MOVQ groupBytes+8(FP), R9
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), DX
	VBROADCASTSS factor+48(FP), Z9
	LEAQ (R9)(R9*2), R10
	DECQ DX
	MOVQ DX, CX
	ANDQ $31, CX             // elements of the last chunk, less one
	MOVQ $2, AX
	SHLQ CX, AX
	DECQ AX
	KMOVW AX, K1
	SHRQ $16, AX
	KMOVW AX, K2
	LEAQ 8(CX), R13
	SHRQ $3, R13
	SHRQ $5, DX              // chunks before the last
	VBROADCASTSS negInf<>(SB), Z6
	MOVQ highest+56(FP), R8
	VBROADCASTSS (R8), Z16
	VMOVAPS Z16, Z17
	MOVQ SI, AX
	MOVQ DX, BX
	TESTQ BX, BX
	JZ   maxlast

max32:
	VMOVUPS (AX), Z0
	VMOVUPS 64(AX), Z1
	VMAXPS Z16, Z0, Z16      // a NaN is left out
	VMAXPS Z17, Z1, Z17
	ADDQ $128, AX
	DECQ BX
	JNZ  max32

maxlast:
	VMOVAPS Z6, Z0
	VMOVAPS Z6, Z1
	VMOVUPS (AX), K1, Z0
	VMOVUPS 64(AX), K2, Z1
	VMAXPS Z16, Z0, Z16
	VMAXPS Z17, Z1, Z17
	VMAXPS Z16, Z17, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS Y1, Y0, Y0
	MAX8
	VMOVSS X0, (R8)
	VBROADCASTSS X0, Z8
	VMULPS Z9, Z8, Z8
	VBROADCASTSS powerLow<>(SB), Z10
	VPXORD Z11, Z11, Z11
	VBROADCASTSS ones<>(SB), Z12
	TESTQ DX, DX
	JZ   last

loop32:
	VMOVUPS (SI), Z16
	VMOVUPS 64(SI), Z17
	POWERS
	ROUND
	ADDROUNDED
	VMOVDQU32 X16, (DI)
	VEXTRACTI32X4 $1, Z16, (DI)(R9*1)
	VEXTRACTI32X4 $2, Z16, (DI)(R9*2)
	VEXTRACTI32X4 $3, Z16, (DI)(R10*1)
	ADDQ $128, SI
	ADDQ blockBytes+16(FP), DI
	DECQ DX
	JNZ  loop32

last:
	VMOVAPS Z6, Z16
	VMOVAPS Z6, Z17
	VMOVUPS (SI), K1, Z16
	VMOVUPS 64(SI), K2, Z17
	POWERS
	ROUND
	ADDROUNDED
	VMOVDQU32 X16, (DI)
	CMPQ R13, $2
	JLT  sum
	VEXTRACTI32X4 $1, Z16, (DI)(R9*1)
	JEQ  sum
	VEXTRACTI32X4 $2, Z16, (DI)(R9*2)
	CMPQ R13, $4
	JLT  sum
	VEXTRACTI32X4 $3, Z16, (DI)(R10*1)

sum:
	VMOVAPS Z11, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS Y1, Y0, Y0
	SUM8
	VMOVSS X0, ret+64(FP)
	VZEROUPPER
	RET
