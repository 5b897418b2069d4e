//go:build amd64 && !purego

#include "textflag.h"
#include "rows_amd64.h"

// The steps here are those of plain Go, rows_generic.go and products_bfloat16_generic.go: each
// product is rounded before it is added. MAXPS and MINPS return their source (the first operand)
// where either is a NaN, or both are zero.

CONST(ln2Short, 0x3f318000) // 355/512: n·ln2Short is exact
CONST(ln2Rest, 0xb95e8083)  // ln 2 - ln2Short
CONST(quiet, 0x00000040)    // the bit of a bfloat16 that stays a NaN
CONST(roundUp, 0x00007fff)
CONST(lowBit, 0x00000001)
CONST(upper, 0xffff0000)
CONST(most, 0x000000ff)
CONST(lowBytes, 0x00ff00ff)

// bits has those of a mask for four elements each.
DATA bits<>+0(SB)/4, $1
DATA bits<>+4(SB)/4, $2
DATA bits<>+8(SB)/4, $4
DATA bits<>+12(SB)/4, $8
DATA bits<>+16(SB)/4, $16
DATA bits<>+20(SB)/4, $32
DATA bits<>+24(SB)/4, $64
DATA bits<>+28(SB)/4, $128
DATA bits<>+32(SB)/4, $256
DATA bits<>+36(SB)/4, $512
DATA bits<>+40(SB)/4, $1024
DATA bits<>+44(SB)/4, $2048
DATA bits<>+48(SB)/4, $4096
DATA bits<>+52(SB)/4, $8192
DATA bits<>+56(SB)/4, $16384
DATA bits<>+60(SB)/4, $32768
GLOBL bits<>(SB), RODATA|NOPTR, $64

// NEXT: P = P·X + the constant, a step of a polynomial.
#define NEXT(name, X, P) \
	MULPS X, P; \
	ADDPS name<>(SB), P

// RISE: X0 = exp(X0) for X0 ≤ 89. Changes X1 to X3.
#define RISE \
	MOVAPS expLow<>(SB), X1; \
	MAXPS X0, X1; \                  // x
	MOVAPS X1, X2; \
	MULPS log2e<>(SB), X2; \
	ADDPS round127<>(SB), X2; \      // n + 127 in the low bits, n = round(x·log₂ e)
	MOVAPS X2, X3; \
	SUBPS round127<>(SB), X3; \      // n
	MOVAPS X3, X0; \
	MULPS ln2Short<>(SB), X0; \
	SUBPS X0, X1; \
	MULPS ln2Rest<>(SB), X3; \
	SUBPS X3, X1; \                  // r = x - n·ln 2
	MOVAPS exp6<>(SB), X0; \
	NEXT(exp5, X1, X0); \
	NEXT(exp4, X1, X0); \
	NEXT(exp3, X1, X0); \
	NEXT(exp2, X1, X0); \
	NEXT(one, X1, X0); \
	NEXT(one, X1, X0); \             // e^r
	PSLLL $23, X2; \                 // 2^n
	MULPS X2, X0

// SLIDE: X0 = X4 / (1 + exp(X0)). Changes X1 to X3.
#define SLIDE \
	MOVAPS expHigh<>(SB), X1; \
	MINPS X0, X1; \
	MOVAPS X1, X0; \
	RISE; \
	ADDPS one<>(SB), X0; \
	DIVPS X0, X4; \
	MOVAPS X4, X0

// SPLIT: X1 = X1 - n and X2 = 2^n, n = round(X1). Changes X4.
#define SPLIT \
	MOVAPS X1, X2; \
	ADDPS round127<>(SB), X2; \
	MOVAPS X2, X4; \
	SUBPS round127<>(SB), X4; \
	SUBPS X4, X1; \
	PSLLL $23, X2

// POSITIVE: X1 = max(X0, 0); -0 and a NaN stay.
#define POSITIVE \
	PXOR X1, X1; \
	MAXPS X0, X1

// SHORT: X1 = 2^X1, relative error 1.02e-4. Changes X2, X4.
#define SHORT \
	SPLIT; \
	MOVAPS short3<>(SB), X4; \
	NEXT(short2, X1, X4); \
	NEXT(short1, X1, X4); \
	NEXT(one, X1, X4); \
	MULPS X4, X2; \
	MOVAPS X2, X1

// FINE: P = 2^X1. Changes X1, X2, X4.
#define FINE(P) \
	SPLIT; \
	MOVAPS pow6<>(SB), P; \
	NEXT(pow5, X1, P); \
	NEXT(pow4, X1, P); \
	NEXT(pow3, X1, P); \
	NEXT(pow2, X1, P); \
	NEXT(pow1, X1, P); \
	NEXT(one, X1, P); \
	MULPS X2, P

// Each function replaces 4·blocks elements of x by what its steps make of X0. They require SSE4.1.
#define EACH(name, steps) \
TEXT name(SB), NOSPLIT, $0-16; \
	MOVQ x+0(FP), SI; \
	MOVQ blocks+8(FP), CX; \
loop: \
	MOVUPS (SI), X0; \
	steps; \
	MOVUPS X0, (SI); \
	ADDQ $16, SI; \
	DECQ CX; \
	JNZ loop; \
	RET

#define GELU_STEPS \
	MOVAPS X0, X1; \
	ANDPS magnitude<>(SB), X1; \
	MOVAPS phiHigh<>(SB), X2; \
	MOVAPS X2, X3; \
	MINPS X1, X2; \                  // a = |x|, at most phiHigh
	MINPS X0, X3; \
	ANDPS magnitude<>(SB), X3; \     // b = a, but for x < -phiHigh -x
	MOVAPS phi8<>(SB), X1; \
	NEXT(phi7, X2, X1); \
	NEXT(phi6, X2, X1); \
	NEXT(phi5, X2, X1); \
	NEXT(phi4, X2, X1); \
	NEXT(phi3, X2, X1); \
	NEXT(phi2, X2, X1); \
	NEXT(phi1, X2, X1); \
	NEXT(phi0, X2, X1); \            // log₂ Φ(-a)
	FINE(X4); \                      // Φ(-a)
	MULPS X3, X4; \
	POSITIVE; \
	SUBPS X4, X1; \
	MOVAPS X1, X0

EACH(·gelu4SSE41, GELU_STEPS)

#define ROUGH_GELU_STEPS \
	MOVAPS X0, X1; \
	ANDPS magnitude<>(SB), X1; \
	MOVAPS roughHigh<>(SB), X3; \
	MINPS X1, X3; \                  // a
	MOVAPS rough4<>(SB), X1; \
	NEXT(rough3, X3, X1); \
	NEXT(rough2, X3, X1); \
	NEXT(rough1, X3, X1); \
	NEXT(rough0, X3, X1); \          // log₂ Φ(-a)
	SHORT; \
	MULPS X1, X3; \
	POSITIVE; \
	SUBPS X3, X1; \
	MOVAPS X1, X0

EACH(·roughGELU4SSE41, ROUGH_GELU_STEPS)

#define GELU_TANH_STEPS \
	MOVAPS X0, X4; \
	MULPS X0, X0; \
	MULPS cubic3<>(SB), X0; \
	ADDPS cubic1<>(SB), X0; \
	MULPS X4, X0; \
	SLIDE

EACH(·geluTanh4SSE41, GELU_TANH_STEPS)

#define SILU_STEPS \
	MOVAPS X0, X4; \
	XORPS sign<>(SB), X0; \
	SLIDE

EACH(·silu4SSE41, SILU_STEPS)

#define RELU_STEPS \
	POSITIVE; \
	MOVAPS X1, X0

EACH(·relu4SSE41, RELU_STEPS)

#define TANH_STEPS \
	MOVAPS X0, X1; \
	ANDPS magnitude<>(SB), X1; \
	MOVAPS tanhHigh<>(SB), X2; \
	MINPS X1, X2; \                  // a
	MOVAPS X2, X1; \
	MULPS X1, X1; \                  // s
	MOVAPS tanhP4<>(SB), X3; \
	NEXT(tanhP3, X1, X3); \
	NEXT(tanhP2, X1, X3); \
	NEXT(tanhP1, X1, X3); \
	NEXT(one, X1, X3); \
	MULPS X3, X2; \                  // p
	MOVAPS tanhQ4<>(SB), X3; \
	NEXT(tanhQ3, X1, X3); \
	NEXT(tanhQ2, X1, X3); \
	NEXT(tanhQ1, X1, X3); \
	NEXT(one, X1, X3); \             // q
	DIVPS X3, X2; \
	MOVAPS one<>(SB), X1; \
	MINPS X2, X1; \
	ANDPS magnitude<>(SB), X1; \
	ANDPS sign<>(SB), X0; \
	ORPS X1, X0

EACH(·tanh4SSE41, TANH_STEPS)

// func highest4SSE41(x *float32, blocks int, lanes *[4]float32)
// lanes = the largest element of each of four columns of x, -∞ where all are NaNs.
// Requires: SSE
TEXT ·highest4SSE41(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ lanes+16(FP), DI
	MOVAPS negInf<>(SB), X0
loop:
	MOVUPS (SI), X1
	MAXPS X0, X1
	MOVAPS X1, X0
	ADDQ $16, SI
	DECQ CX
	JNZ loop
	MOVUPS X0, (DI)
	RET

// func exponentials4SSE41(x *float32, blocks int, largest, factor float32, sums *[16]float32)
// x = 2^((x-largest)·factor), and sum i mod 16 is added element i.
// Requires: SSE2
TEXT ·exponentials4SSE41(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVSS largest+16(FP), X5
	MOVSS factor+20(FP), X6
	MOVQ sums+24(FP), DI
	SHUFPS $0, X5, X5
	SHUFPS $0, X6, X6
	XORQ AX, AX
loop:
	MOVUPS (SI), X0
	SUBPS X5, X0
	MULPS X6, X0
	MOVAPS powerLow<>(SB), X1
	MAXPS X0, X1
	FINE(X0)
	MOVUPS X0, (SI)
	MOVUPS (DI)(AX*1), X1
	ADDPS X0, X1
	MOVUPS X1, (DI)(AX*1)
	ADDQ $16, AX
	ANDQ $63, AX
	ADDQ $16, SI
	DECQ CX
	JNZ loop
	RET

// func powers8SSE41(dst *float32, stride int, x *float32, blocks int, factor, shift float32, sums *[16]float32)
// Each of blocks writes 4 words of 2^(x·factor-shift), of 8 elements, to dst, which is stride bytes
// farther for the next one, and sum i mod 16 is added the terms of word i, the high one first.
// Requires: SSE4.1
TEXT ·powers8SSE41(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), R8
	MOVQ stride+8(FP), R9
	MOVQ x+16(FP), SI
	MOVQ blocks+24(FP), CX
	MOVSS factor+32(FP), X5
	MOVSS shift+36(FP), X6
	MOVQ sums+40(FP), DI
	SHUFPS $0, X5, X5
	SHUFPS $0, X6, X6
	XORQ AX, AX
loop:
	MOVUPS (SI), X0
	MULPS X5, X0
	SUBPS X6, X0
	MOVAPS powerLow<>(SB), X1
	MAXPS X0, X1
	SHORT
	MOVAPS X1, X7 // terms 0 to 3
	MOVUPS 16(SI), X0
	MULPS X5, X0
	SUBPS X6, X0
	MOVAPS powerLow<>(SB), X1
	MAXPS X0, X1
	SHORT
	MOVAPS X7, X0 // and X1, terms 4 to 7
	CALL ·narrow<>(SB)
	MOVUPS X0, (R8)
	ADDQ R9, R8
	MOVO X0, X1
	PAND upper<>(SB), X1
	PSLLL $16, X0
	MOVUPS (DI)(AX*1), X2
	ADDPS X1, X2
	ADDPS X0, X2
	MOVUPS X2, (DI)(AX*1)
	ADDQ $16, AX
	ANDQ $63, AX
	ADDQ $32, SI
	DECQ CX
	JNZ loop
	RET

// narrow rounds X0 and X1 to bfloat16s, two a word of X0. Changes X2, X3.
// Requires: SSE4.1
TEXT ·narrow<>(SB), NOSPLIT, $0
#define ROUND(X) \
	MOVO X, X2; \
	PSRLL $16, X2; \
	MOVO X2, X3; \
	PAND lowBit<>(SB), X3; \
	PADDL roundUp<>(SB), X3; \
	PADDL X, X3; \
	PSRLL $16, X3; \                 // rounded
	POR quiet<>(SB), X2; \           // a NaN
	CMPPS X, X, $3; \                // where it is one
	PAND X, X2; \
	PANDN X3, X; \
	POR X2, X
	ROUND(X0)
	ROUND(X1)
	PACKUSDW X1, X0
	RET

// func packBFloat16SSE41(dst *float32, stride int, src *float32, blocks int)
// Each of blocks writes 8 elements as 4 words of bfloat16s to dst, which is stride bytes farther
// for the next one.
// Requires: SSE4.1
TEXT ·packBFloat16SSE41(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), R8
	MOVQ stride+8(FP), R9
	MOVQ src+16(FP), SI
	MOVQ blocks+24(FP), CX
loop:
	MOVUPS (SI), X0
	MOVUPS 16(SI), X1
	CALL ·narrow<>(SB)
	MOVUPS X0, (R8)
	ADDQ R9, R8
	ADDQ $32, SI
	DECQ CX
	JNZ loop
	RET

// func sum4SSE41(dst, x, add *float32, blocks int, sums *[16]float32)
// dst = x + add, or x where add is nil, and sum i mod 16 is added element i.
// Requires: SSE
TEXT ·sum4SSE41(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R8
	MOVQ x+8(FP), SI
	MOVQ add+16(FP), R9
	MOVQ blocks+24(FP), CX
	MOVQ sums+32(FP), DI
	XORQ AX, AX
loop:
	MOVUPS (SI), X0
	TESTQ R9, R9
	JZ alone
	MOVUPS (R9), X1
	ADDPS X1, X0
	ADDQ $16, R9
alone:
	MOVUPS X0, (R8)
	MOVUPS (DI)(AX*1), X1
	ADDPS X0, X1
	MOVUPS X1, (DI)(AX*1)
	ADDQ $16, AX
	ANDQ $63, AX
	ADDQ $16, SI
	ADDQ $16, R8
	DECQ CX
	JNZ loop
	RET

// func squares4SSE41(x *float32, blocks int, mean float32, sums *[16]float32)
// Sum i mod 16 is added (x-mean)² of element i.
// Requires: SSE
TEXT ·squares4SSE41(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVSS mean+16(FP), X5
	MOVQ sums+24(FP), DI
	SHUFPS $0, X5, X5
	XORQ AX, AX
loop:
	MOVUPS (SI), X0
	SUBPS X5, X0
	MULPS X0, X0
	MOVUPS (DI)(AX*1), X1
	ADDPS X0, X1
	MOVUPS X1, (DI)(AX*1)
	ADDQ $16, AX
	ANDQ $63, AX
	ADDQ $16, SI
	DECQ CX
	JNZ loop
	RET

// func normalize4SSE41(dst, x, gamma, beta *float32, blocks int, mean, root float32)
// dst = (x-mean)·root·gamma + beta, without beta where that is nil.
// Requires: SSE
TEXT ·normalize4SSE41(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), R8
	MOVQ x+8(FP), SI
	MOVQ gamma+16(FP), R9
	MOVQ beta+24(FP), R10
	MOVQ blocks+32(FP), CX
	MOVSS mean+40(FP), X5
	MOVSS root+44(FP), X6
	SHUFPS $0, X5, X5
	SHUFPS $0, X6, X6
	XORQ AX, AX
loop:
	MOVUPS (SI)(AX*1), X0
	SUBPS X5, X0
	MULPS X6, X0
	MOVUPS (R9)(AX*1), X1
	MULPS X1, X0
	TESTQ R10, R10
	JZ done
	MOVUPS (R10)(AX*1), X1
	ADDPS X1, X0
done:
	MOVUPS X0, (R8)(AX*1)
	ADDQ $16, AX
	DECQ CX
	JNZ loop
	RET

// func axpy4SSE41(dst, x *float32, blocks int, a float32)
// dst = a·x + dst
// Requires: SSE
TEXT ·axpy4SSE41(SB), NOSPLIT, $0-28
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ blocks+16(FP), CX
	MOVSS a+24(FP), X5
	SHUFPS $0, X5, X5
loop:
	MOVUPS (SI), X0
	MULPS X5, X0
	MOVUPS (DI), X1
	ADDPS X0, X1
	MOVUPS X1, (DI)
	ADDQ $16, SI
	ADDQ $16, DI
	DECQ CX
	JNZ loop
	RET

// func mul4SSE41(dst, x *float32, blocks int)
// dst = dst∘x
// Requires: SSE
TEXT ·mul4SSE41(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ blocks+16(FP), CX
loop:
	MOVUPS (SI), X0
	MOVUPS (DI), X1
	MULPS X0, X1
	MOVUPS X1, (DI)
	ADDQ $16, SI
	ADDQ $16, DI
	DECQ CX
	JNZ loop
	RET

// func max4SSE41(dst, x *float32, blocks int)
// dst = max(dst, x); a NaN in either stays, and of two zeros the sign.
// Requires: SSE
TEXT ·max4SSE41(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ blocks+16(FP), CX
loop:
	MOVUPS (SI), X0
	MOVUPS (DI), X1
	MOVAPS X0, X2
	MAXPS X1, X2 // that of dst where they are equal or one is a NaN
	MAXPS X0, X1 // that of x
	ORPS X2, X1
	MOVUPS X1, (DI)
	ADDQ $16, SI
	ADDQ $16, DI
	DECQ CX
	JNZ loop
	RET

// func scale4SSE41(dst *float32, blocks int, a float32)
// dst = a·dst
// Requires: SSE
TEXT ·scale4SSE41(SB), NOSPLIT, $0-20
	MOVQ dst+0(FP), DI
	MOVQ blocks+8(FP), CX
	MOVSS a+16(FP), X5
	SHUFPS $0, X5, X5
loop:
	MOVUPS (DI), X0
	MULPS X5, X0
	MOVUPS X0, (DI)
	ADDQ $16, DI
	DECQ CX
	JNZ loop
	RET

// SEEN: X10 to X13 have ones where the mask at (DX) has a bit, of 16. Changes X9, R11.
#define SEEN \
	MOVWLZX (DX), R11; \
	MOVQ R11, X9; \
	PSHUFD $0, X9, X9; \
	MOVO bits<>+0(SB), X10; \
	MOVO bits<>+16(SB), X11; \
	MOVO bits<>+32(SB), X12; \
	MOVO bits<>+48(SB), X13; \
	PAND X9, X10; \
	PAND X9, X11; \
	PAND X9, X12; \
	PAND X9, X13; \
	PCMPEQL bits<>+0(SB), X10; \
	PCMPEQL bits<>+16(SB), X11; \
	PCMPEQL bits<>+32(SB), X12; \
	PCMPEQL bits<>+48(SB), X13

// func extremes16SSE41(x *float32, kept *uint16, groups int, lanes *[12]float32)
// lanes = the lowest, and the highest elements of four columns of x and 0, of those with a bit in kept,
// and sums of them times 0.
// Requires: SSE2
TEXT ·extremes16SSE41(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ kept+8(FP), DX
	MOVQ groups+16(FP), CX
	MOVQ lanes+24(FP), DI
	PXOR X5, X5 // low
	PXOR X6, X6 // high
	PXOR X7, X7 // times 0
	PXOR X8, X8
loop:
	SEEN
	MOVUPS (SI), X0
	MOVUPS 16(SI), X1
	MOVUPS 32(SI), X2
	MOVUPS 48(SI), X3
	ANDPS X10, X0
	ANDPS X11, X1
	ANDPS X12, X2
	ANDPS X13, X3
	MINPS X0, X5
	MAXPS X0, X6
	MINPS X1, X5
	MAXPS X1, X6
	MINPS X2, X5
	MAXPS X2, X6
	MINPS X3, X5
	MAXPS X3, X6
	MULPS X8, X0
	MULPS X8, X1
	MULPS X8, X2
	MULPS X8, X3
	ADDPS X1, X0
	ADDPS X3, X2
	ADDPS X0, X7
	ADDPS X2, X7
	ADDQ $64, SI
	ADDQ $2, DX
	DECQ CX
	JNZ loop
	MOVUPS X5, (DI)
	MOVUPS X6, 16(DI)
	MOVUPS X7, 32(DI)
	RET

// func quantize16SSE41(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
// See int8Loops: of groups that can be read whole.
// Requires: SSE4.1
TEXT ·quantize16SSE41(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R9
	MOVQ x+16(FP), SI
	MOVQ kept+24(FP), DX
	MOVQ groups+32(FP), CX
	MOVSS inverse+40(FP), X5
	MOVSS zero+44(FP), X6
	SHUFPS $0, X5, X5
	SHUFPS $0, X6, X6
	MOVO most<>(SB), X7
	MOVO lowBytes<>(SB), X8
loop:
	SEEN
	MOVUPS (SI), X0
	MOVUPS 16(SI), X1
	MOVUPS 32(SI), X2
	MOVUPS 48(SI), X3
	MULPS X5, X0
	MULPS X5, X1
	MULPS X5, X2
	MULPS X5, X3
	CVTPS2PL X0, X0
	CVTPS2PL X1, X1
	CVTPS2PL X2, X2
	CVTPS2PL X3, X3
	PAND X10, X0
	PAND X11, X1
	PAND X12, X2
	PAND X13, X3
	PADDL X6, X0
	PADDL X6, X1
	PADDL X6, X2
	PADDL X6, X3
	PMINSD X7, X0
	PMINSD X7, X1
	PMINSD X7, X2
	PMINSD X7, X3
	PACKSSLW X1, X0
	PACKSSLW X3, X2
	PAND X8, X0 // the low bytes
	PAND X8, X2
	PACKUSWB X2, X0
	MOVUPS X0, (DI)
	ADDQ R9, DI
	ADDQ $64, SI
	ADDQ $2, DX
	DECQ CX
	JNZ loop
	RET

// func peakLoopSSE41(n int)
// n rounds of 6 products and 6 sums.
// Requires: SSE
TEXT ·peakLoopSSE41(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	XORPS X0, X0
	XORPS X1, X1
	XORPS X2, X2
	XORPS X3, X3
	XORPS X4, X4
	XORPS X5, X5
	XORPS X6, X6
	XORPS X7, X7
	XORPS X8, X8
	XORPS X9, X9
	XORPS X10, X10
	XORPS X11, X11
	XORPS X12, X12
loop:
	MULPS X12, X0
	ADDPS X12, X1
	MULPS X12, X2
	ADDPS X12, X3
	MULPS X12, X4
	ADDPS X12, X5
	MULPS X12, X6
	ADDPS X12, X7
	MULPS X12, X8
	ADDPS X12, X9
	MULPS X12, X10
	ADDPS X12, X11
	DECQ CX
	JNZ loop
	RET
