//go:build amd64 && !purego

#include "textflag.h"

#define V0 Y0
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define VADDPSC VADDPS
#define VSUBPSC VSUBPS
#define VFMADD213PSC VFMADD213PS

#include "rows_amd64.h"

// lanes is 8 words of ones, then 8 of zeros: the 8 words that begin at word 8-n
// mask the first n lanes.
DATA lanes<>+0(SB)/4, $0xffffffff
DATA lanes<>+4(SB)/4, $0xffffffff
DATA lanes<>+8(SB)/4, $0xffffffff
DATA lanes<>+12(SB)/4, $0xffffffff
DATA lanes<>+16(SB)/4, $0xffffffff
DATA lanes<>+20(SB)/4, $0xffffffff
DATA lanes<>+24(SB)/4, $0xffffffff
DATA lanes<>+28(SB)/4, $0xffffffff
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// half, but for the lowest bit that is kept, is half a unit of a bfloat16.
DATA half<>+0(SB)/4, $0x00007fff
DATA half<>+4(SB)/4, $0x00007fff
DATA half<>+8(SB)/4, $0x00007fff
DATA half<>+12(SB)/4, $0x00007fff
DATA half<>+16(SB)/4, $0x00007fff
DATA half<>+20(SB)/4, $0x00007fff
DATA half<>+24(SB)/4, $0x00007fff
DATA half<>+28(SB)/4, $0x00007fff
GLOBL half<>(SB), RODATA|NOPTR, $32

// quiet is the bit that makes a NaN a quiet one.
DATA quiet<>+0(SB)/4, $0x00400000
DATA quiet<>+4(SB)/4, $0x00400000
DATA quiet<>+8(SB)/4, $0x00400000
DATA quiet<>+12(SB)/4, $0x00400000
DATA quiet<>+16(SB)/4, $0x00400000
DATA quiet<>+20(SB)/4, $0x00400000
DATA quiet<>+24(SB)/4, $0x00400000
DATA quiet<>+28(SB)/4, $0x00400000
GLOBL quiet<>(SB), RODATA|NOPTR, $32

// highHalf masks the high half of each word.
DATA highHalf<>+0(SB)/4, $0xffff0000
DATA highHalf<>+4(SB)/4, $0xffff0000
DATA highHalf<>+8(SB)/4, $0xffff0000
DATA highHalf<>+12(SB)/4, $0xffff0000
DATA highHalf<>+16(SB)/4, $0xffff0000
DATA highHalf<>+20(SB)/4, $0xffff0000
DATA highHalf<>+24(SB)/4, $0xffff0000
DATA highHalf<>+28(SB)/4, $0xffff0000
GLOBL highHalf<>(SB), RODATA|NOPTR, $32

// NEAREST: x = 8 bfloat16s in the high halves of the words, those of x, rounded to
// the nearest, ties to even; a NaN stays one. The low halves mean nothing. Changes a, b.
#define NEAREST(x, a, b) \
	VPSLLD $15, x, a; \
	VPSRLD $31, a, a; \          // the lowest bit that is kept
	VPADDD half<>(SB), a, a; \
	VPADDD x, a, a; \
	VCMPPS $3, x, x, b; \        // NaN
	VPOR quiet<>(SB), x, x; \
	VBLENDVPS b, x, a, x

// ROUND: x = 8 bfloat16s in the low halves of the words. Changes a, b.
#define ROUND(x, a, b) \
	NEAREST(x, a, b); \
	VPSRLD $16, x, x

// ROUNDWIDE: x = 8 bfloat16s as float32s. Changes a, b.
#define ROUNDWIDE(x, a, b) \
	NEAREST(x, a, b); \
	VPAND highHalf<>(SB), x, x

// func packBFloat16AVX2(dst, src *float32, ld, rows, cols, rowBytes, groupBytes int)
// Words 4g to 4g+3 of row i of src, in bfloat16, to the bytes i·rowBytes +
// g·groupBytes of dst, for i < rows; terms beyond cols are zero. All positive.
// Registers: SI row 0 of the 8 columns at hand, DI their place in dst, R8 ld in
// bytes, R12 rowBytes, R9 groupBytes, CX columns left, AX BX DX the row, its place
// and the rows left, Y4 the mask of the columns.
// Requires: AVX2
TEXT ·packBFloat16AVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ rows+24(FP), R11
	MOVQ cols+32(FP), CX
	MOVQ rowBytes+40(FP), R12
	MOVQ groupBytes+48(FP), R9
	SHLQ $2, R8
	VMOVDQU lanes<>(SB), Y4

columns8:
	CMPQ CX, $8
	JGE  rows8
	LEAQ lanes<>(SB), R13
	SHLQ $2, CX
	SUBQ CX, R13
	VMOVDQU 32(R13), Y4 // the last columns
	MOVQ $8, CX

rows8:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R11, DX

row8:
	VMASKMOVPS (AX), Y4, Y0
	ROUND(Y0, Y1, Y2)
	VEXTRACTI128 $1, Y0, X1
	VPACKUSDW X1, X0, X0
	VMOVDQU X0, (BX)
	ADDQ R8, AX
	ADDQ R12, BX
	DECQ DX
	JNZ  row8
	ADDQ $32, SI
	ADDQ R9, DI
	SUBQ $8, CX
	JG   columns8
	VZEROUPPER
	RET

// func packWideBFloat16AVX2(dst, src *float32, ld, m, cols int)
// Terms 8g to 8g+7 of row i of src, rounded to bfloat16, to dst[(g·m+i)·8:], for i < m; terms
// beyond cols are zero. All positive.
// Registers: SI row 0 of the 8 columns at hand, DI their place in dst, R8 ld in
// bytes, R11 m, CX columns left, AX DX the row and the rows left, Y4 the mask of the columns.
// Requires: AVX2
TEXT ·packWideBFloat16AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ m+24(FP), R11
	MOVQ cols+32(FP), CX
	SHLQ $2, R8
	VMOVDQU lanes<>(SB), Y4

columns8:
	CMPQ CX, $8
	JGE  rows8
	LEAQ lanes<>(SB), R13
	SHLQ $2, CX
	SUBQ CX, R13
	VMOVDQU 32(R13), Y4 // the last columns
	MOVQ $8, CX

rows8:
	MOVQ SI, AX
	MOVQ R11, DX

row8:
	VMASKMOVPS (AX), Y4, Y0
	ROUNDWIDE(Y0, Y1, Y2)
	VMOVDQU Y0, (DI)
	ADDQ R8, AX
	ADDQ $32, DI
	DECQ DX
	JNZ  row8
	ADDQ $32, SI
	SUBQ $8, CX
	JG   columns8
	VZEROUPPER
	RET

// func interleave8BFloat16AVX2(dst, src *float32, ld, rows, cols int)
// Element j of row i of src, in bfloat16, to term i of column j of the panel dst,
// for i < rows and j < cols ≤ 8. The columns from cols to 8, and the high term of
// the last word where rows is odd, are zero. rows and cols are positive.
// Registers: SI two rows, DI their words, R8 ld in bytes, CX rows left, Y4 the
// mask of the columns.
// Requires: AVX2
TEXT ·interleave8BFloat16AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ rows+24(FP), CX
	MOVQ cols+32(FP), AX
	SHLQ $2, R8
	LEAQ lanes<>(SB), R13
	SHLQ $2, AX
	SUBQ AX, R13
	VMOVDQU 32(R13), Y4
	SUBQ $2, CX
	JLT  last

two:
	VMASKMOVPS (SI), Y4, Y0
	VMASKMOVPS (SI)(R8*1), Y4, Y1
	ROUND(Y0, Y2, Y3)
	ROUND(Y1, Y2, Y3)
	VPSLLD $16, Y1, Y1
	VPOR Y1, Y0, Y0
	VMOVDQU Y0, (DI)
	LEAQ (SI)(R8*2), SI
	ADDQ $128, DI
	SUBQ $2, CX
	JGE  two

last:
	CMPQ CX, $-1
	JNE  done
	VMASKMOVPS (SI), Y4, Y0
	ROUND(Y0, Y2, Y3)
	VMOVDQU Y0, (DI)

done:
	VZEROUPPER
	RET

// MASKED: V = the next 8 of the CX elements at (SI), -∞ behind the last. Changes R13, BX.
#define MASKED(V, MASK) \
	MOVQ $8, BX; \
	CMPQ CX, BX; \
	CMOVQLT CX, BX; \
	SHLQ $2, BX; \
	LEAQ lanes<>+32(SB), R13; \
	SUBQ BX, R13; \
	VMOVDQU (R13), MASK; \
	VMASKMOVPS (SI), MASK, V; \
	VBLENDVPS MASK, V, Y6, V

// ROUNDED8: Y0 = the bfloat16s of 2^(x·factor - max·factor) for the 8 x of Y2, as float32s, and
// so to (DI). Y8 = max·factor, Y9 = factor, Y10 = -127. Changes Y2 to Y4.
#define ROUNDED8 \
	VFMSUB213PS Y8, Y9, Y2; \
	VMAXPS Y2, Y10, Y2; \        // a NaN stays
	POWER; \
	ROUNDWIDE(Y0, Y2, Y3); \
	VMOVDQU Y0, (DI); \
	ADDQ R9, DI

// POWERS8: ROUNDED8, and adds them to the 4 lanes of ACC, the odd terms first.
#define POWERS8(ACC) \
	ROUNDED8; \
	VEXTRACTI128 $1, Y0, X2; \
	VSHUFPS $0xdd, X2, X0, X3; \ // the odd terms
	VADDPS X3, ACC, ACC; \
	VSHUFPS $0x88, X2, X0, X0; \
	VADDPS X0, ACC, ACC

// POWERS16: POWERS8 of 8 x at FROM(SI) and of the 8 behind them, whose sums take turns in twos in
// the 8 lanes of ACC. Changes Y5.
#define POWERS16(FROM, ACC) \
	VMOVUPS FROM(SI), Y2; \
	ROUNDED8; \
	VMOVAPS Y0, Y5; \
	VMOVUPS FROM+32(SI), Y2; \
	ROUNDED8; \
	VSHUFPS $0xdd, Y0, Y5, Y3; \ // the odd terms
	VADDPS Y3, ACC, ACC; \
	VSHUFPS $0x88, Y0, Y5, Y0; \
	VADDPS Y0, ACC, ACC

// LAST8: POWERS8 of the next of the last CX x. Jumps to sum at the end.
#define LAST8(ACC) \
	MASKED(Y2, Y5); \
	POWERS8(ACC); \
	ADDQ $32, SI; \
	SUBQ $8, CX; \
	JLE sum

// func exponentialsBFloat16AVX2(dst *float32, groupBytes int, x []float32, factor float32, highest *float32) float32
// The bfloat16s of 2^((x-m)·factor), m the largest of x and *highest, which it becomes, as float32s,
// eight each groupBytes from the ones before, and returns their sum. x is not empty; what the last
// eight have beyond it is zero.
// Registers: DI dst, R9 groupBytes, SI x, CX elements left, Y6 -∞, Y7 m, X11
// to X14 4 partial sums each, up to the last 31 as Y11 and Y12, the rest as in POWERS8.
// Requires: AVX2, FMA
TEXT ·exponentialsBFloat16AVX2(SB), NOSPLIT, $0-60
	MOVQ dst+0(FP), DI
	MOVQ groupBytes+8(FP), R9
	MOVQ x_base+16(FP), SI
	MOVQ x_len+24(FP), CX
	VBROADCASTSS factor+40(FP), Y9
	VMOVUPS negInf<>(SB), Y6
	MOVQ highest+48(FP), R8
	VBROADCASTSS (R8), Y7

max8:
	SUBQ $8, CX
	JLT  maxLast
	VMOVUPS (SI), Y0
	VMAXPS Y7, Y0, Y7         // a NaN is left out
	ADDQ $32, SI
	JMP  max8

maxLast:
	ADDQ $8, CX
	JZ   highest
	MASKED(Y0, Y5)
	VMAXPS Y7, Y0, Y7

highest:
	VMOVAPS Y7, Y0
	MAX8
	VMOVSS X0, (R8)
	VBROADCASTSS X0, Y8
	VMULPS Y9, Y8, Y8
	VMOVUPS powerLow<>(SB), Y10
	VXORPS Y11, Y11, Y11
	VXORPS Y12, Y12, Y12
	MOVQ x_base+16(FP), SI
	MOVQ x_len+24(FP), CX

	SUBQ $32, CX
	JLT  apart

loop32:
	POWERS16(0, Y11)
	POWERS16(64, Y12)
	ADDQ $128, SI
	SUBQ $32, CX
	JGE  loop32

apart: // the sums of two eights
	VEXTRACTF128 $1, Y12, X0
	VUNPCKLPD X0, X12, X13
	VUNPCKHPD X0, X12, X14
	VEXTRACTF128 $1, Y11, X0
	VUNPCKHPD X0, X11, X12
	VUNPCKLPD X0, X11, X11

	ADDQ $32, CX
	JZ   sum
	LAST8(X11)
	LAST8(X12)
	LAST8(X13)
	LAST8(X14)

sum:
	VADDPS X13, X11, X11      // i and i+8
	VADDPS X14, X12, X12
	VINSERTF128 $1, X12, Y11, Y0
	SUM8
	VMOVSS X0, ret+56(FP)
	VZEROUPPER
	RET
