//go:build amd64 && !purego

#include "textflag.h"

DATA int4Signs<>+0(SB)/8, $0x8000000080000000
DATA int4Signs<>+8(SB)/8, $0x8000000080000000
GLOBL int4Signs<>(SB), RODATA|NOPTR, $16

DATA int4Bytes<>+0(SB)/8, $0x0101010101010101
DATA int4Bytes<>+8(SB)/8, $0x0101010101010101
GLOBL int4Bytes<>(SB), RODATA|NOPTR, $16

DATA int4Words<>+0(SB)/8, $0x0001000100010001
DATA int4Words<>+8(SB)/8, $0x0001000100010001
GLOBL int4Words<>(SB), RODATA|NOPTR, $16

// larger: the sizes of 8 floats at some bytes of the group, the larger ones kept in X8.
#define larger(at) \
	MOVO    X12, X9        \
	MOVUPS  at(AX), X10    \
	PANDN   X10, X9        \
	PMAXUD  X9, X8

// rounded: 8 floats at some bytes of the group, as 16 bits each, in to.
#define rounded(at, to) \
	MOVUPS  at(AX), to     \
	MOVUPS  at+16(AX), X10 \
	MULPS   X7, to         \
	MULPS   X7, X10        \
	CVTPS2PL to, to        \
	CVTPS2PL X10, X10      \
	PACKSSLW X10, to

// func packGroupsInt4SSE41(dst, src *float32, ld, m, groups int)
// Group g of row i of src (32 elements) to dst[(g*m+i)*10:]: 32 whole numbers of 8
// bits, -8 times their sum, the scale. See packGroupInt4.
// Registers: SI row at hand, DI its place in dst, R8 ld in bytes, R9 bytes of a
// group of dst, R10 rows left, R11 groups, CX groups left, AX BX row and place of
// the group, X0-X3 the group, X7 127 over its size, X8 its size, X9-X11 scratch, X12
// sign bits, X13 ones of 8 bits, X14 ones of 16 bits, X15 127.
// Requires: SSE4.1
TEXT ·packGroupsInt4SSE41(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ m+24(FP), R10
	MOVQ groups+32(FP), R11
	SHLQ $2, R8
	IMUL3Q $40, R10, R9
	MOVOU int4Signs<>(SB), X12
	MOVOU int4Bytes<>(SB), X13
	MOVOU int4Words<>(SB), X14
	MOVL  $0x42fe0000, DX
	MOVQ  DX, X15          // 127

row:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R11, CX

group:
	PXOR X8, X8            // sizes, whose bits are in their order
	larger(0)
	larger(16)
	larger(32)
	larger(48)
	larger(64)
	larger(80)
	larger(96)
	larger(112)
	PSHUFD $0x4e, X8, X9
	PMAXUD X9, X8
	PSHUFD $0xb1, X8, X9
	PMAXUD X9, X8          // the largest
	MOVQ   X8, DX
	SUBL   $0x0d800000, DX
	JB     zero            // below 2⁻¹⁰⁰
	MOVAPS X8, X5
	DIVSS  X15, X5         // the scale
	MOVSS  X5, 36(BX)
	CMPL   DX, $0x72000000
	JAE    infinite        // 0x7f800000 and above
	MOVAPS X15, X7
	DIVSS  X8, X7          // 127/largest
	PSHUFD $0, X7, X7
	rounded(0, X0)
	rounded(32, X1)
	rounded(64, X2)
	rounded(96, X3)
	PACKSSWB X1, X0        // 0-15
	PACKSSWB X3, X2        // 16-31
	MOVOU  X0, (BX)
	MOVOU  X2, 16(BX)
	MOVO   X13, X9
	MOVO   X13, X10
	PMADDUBSW X0, X9       // sums of pairs
	PMADDUBSW X2, X10
	PADDW  X10, X9
	PMADDWL X14, X9
	PSHUFD $0x4e, X9, X10
	PADDL  X10, X9
	PSHUFD $0xb1, X9, X10
	PADDL  X10, X9
	MOVQ   X9, DX
	SHLL   $3, DX
	NEGL   DX
	MOVL   DX, 32(BX)
	JMP    next

zero:
	PXOR  X5, X5
	MOVSS X5, 36(BX)

infinite:
	PXOR  X5, X5
	MOVOU X5, (BX)
	MOVOU X5, 16(BX)
	MOVSS X5, 32(BX)

next:
	ADDQ $128, AX
	ADDQ R9, BX
	DECQ CX
	JNZ  group
	ADDQ R8, SI
	ADDQ $40, DI
	DECQ R10
	JNZ  row
	RET
