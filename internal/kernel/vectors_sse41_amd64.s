//go:build amd64 && !purego

#include "textflag.h"

// Sums are those of plain Go, vectors_distance_generic.go: of 256 components at a time.

// func dot8SSE41(x, y *float32, n int) float32
// The sum of x·y, n > 0 a multiple of 8, in 8 partial sums.
// Registers: SI x, DI y, CX components left, DX of them now, X0 sums 0 to 3, X1 sums 4 to 7, X7 the total.
// Requires: SSE
TEXT ·dot8SSE41(SB), NOSPLIT, $0-28
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), DI
	MOVQ n+16(FP), CX
	XORPS X7, X7
part:
	MOVQ $256, DX
	CMPQ DX, CX
	CMOVQGT CX, DX
	SUBQ DX, CX
	XORPS X0, X0
	XORPS X1, X1
loop:
	MOVUPS (SI), X2
	MOVUPS (DI), X3
	MULPS X3, X2
	ADDPS X2, X0
	MOVUPS 16(SI), X4
	MOVUPS 16(DI), X5
	MULPS X5, X4
	ADDPS X4, X1
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, DX
	JNZ loop
	ADDPS X1, X0
	MOVHLPS X0, X1
	ADDPS X1, X0 // sums 0, 4, 2, 6 and 1, 5, 3, 7
	MOVAPS X0, X1
	SHUFPS $1, X1, X1
	ADDSS X1, X0
	ADDSS X0, X7
	TESTQ CX, CX
	JNZ part
	MOVSS X7, ret+24(FP)
	RET

// func distance4SSE41(x, y *float32, n int) float32
// The sum of (y-x)², n > 0 a multiple of 4, in 4 partial sums.
// Registers: as those of dot8SSE41.
// Requires: SSE
TEXT ·distance4SSE41(SB), NOSPLIT, $0-28
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), DI
	MOVQ n+16(FP), CX
	XORPS X7, X7
part:
	MOVQ $256, DX
	CMPQ DX, CX
	CMOVQGT CX, DX
	SUBQ DX, CX
	XORPS X0, X0
loop:
	MOVUPS (DI), X2
	MOVUPS (SI), X3
	SUBPS X3, X2
	MULPS X2, X2
	ADDPS X2, X0
	ADDQ $16, SI
	ADDQ $16, DI
	SUBQ $4, DX
	JNZ loop
	MOVHLPS X0, X1
	ADDPS X1, X0 // sums 0, 2 and 1, 3
	MOVAPS X0, X1
	SHUFPS $1, X1, X1
	ADDSS X1, X0
	ADDSS X0, X7
	TESTQ CX, CX
	JNZ part
	MOVSS X7, ret+24(FP)
	RET

// func dotBytes16SSE41(x, y *byte, n int, flip byte) int32
// The sum of x·y, n > 0 a multiple of 16, of int8s after the exclusive or with flip.
// Registers: SI x, DI y, CX bytes left, X7 flip, X0 sums.
// Requires: SSE4.1
TEXT ·dotBytes16SSE41(SB), NOSPLIT, $0-36
	MOVQ x+0(FP), SI
	MOVQ y+8(FP), DI
	MOVQ n+16(FP), CX
	MOVBLZX flip+24(FP), AX
	IMULL $0x01010101, AX
	MOVL AX, X7
	PSHUFD $0, X7, X7
	PXOR X0, X0
loop:
	MOVOU (SI), X1
	MOVOU (DI), X2
	PXOR X7, X1
	PXOR X7, X2
	PMOVSXBW X1, X3
	PMOVSXBW X2, X4
	PMADDWL X4, X3
	PADDL X3, X0
	PSRLO $8, X1
	PSRLO $8, X2
	PMOVSXBW X1, X1
	PMOVSXBW X2, X2
	PMADDWL X2, X1
	PADDL X1, X0
	ADDQ $16, SI
	ADDQ $16, DI
	SUBQ $16, CX
	JNZ loop
	PSHUFD $0x4e, X0, X1
	PADDL X1, X0
	PSHUFD $0xb1, X0, X1
	PADDL X1, X0
	MOVL X0, ret+32(FP)
	RET
