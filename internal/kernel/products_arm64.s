//go:build arm64 && !purego

#include "textflag.h"

// func transpose4NEON(dst, src *float32, ld, blocks int)
// dst[j*Panel+i] = src[i*ld+j] for i < 4 and j < 4·blocks.
// Registers: R0 dst, R1 R4 R5 R6 rows 0 to 3 of src, R2 ld in bytes, R3 blocks left.
TEXT ·transpose4NEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD ld+16(FP), R2
	MOVD blocks+24(FP), R3
	LSL  $2, R2, R2
	ADD  R2, R1, R4
	ADD  R2, R4, R5
	ADD  R2, R5, R6
	CBZ  R3, done

loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R4), [V1.S4]
	VLD1.P 16(R5), [V2.S4]
	VLD1.P 16(R6), [V3.S4]
	VTRN1  V1.S4, V0.S4, V4.S4 // 00 10 02 12
	VTRN2  V1.S4, V0.S4, V5.S4 // 01 11 03 13
	VTRN1  V3.S4, V2.S4, V6.S4 // 20 30 22 32
	VTRN2  V3.S4, V2.S4, V7.S4 // 21 31 23 33
	VTRN1  V6.D2, V4.D2, V0.D2 // 00 10 20 30
	VTRN1  V7.D2, V5.D2, V1.D2 // 01 …
	VTRN2  V6.D2, V4.D2, V2.D2 // 02 …
	VTRN2  V7.D2, V5.D2, V3.D2 // 03 …
	FMOVQ  F0, (R0)
	FMOVQ  F1, 128(R0)
	FMOVQ  F2, 256(R0)
	FMOVQ  F3, 384(R0)
	ADD    $512, R0
	SUBS   $1, R3, R3
	BNE    loop

done:
	RET

// func packRows4NEON(dst, src *float32, ld, m, groups int)
// dst[(g*m+i)*4+j] = src[i*ld+4*g+j] for g < groups, i < m, j < 4; all positive.
// Four groups at a time, so that each line is read and written once.
// Registers: R1 row 0 of the groups at hand, R0 their place in dst, R2 ld in
// bytes, R3 m, R4 groups left, R5 the bytes of one group of dst, R6 R7 R8 the
// row, its place and the rows left, R9 R10 R11 the places in the next groups.
TEXT ·packRows4NEON(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD ld+16(FP), R2
	MOVD m+24(FP), R3
	MOVD groups+32(FP), R4
	LSL  $2, R2, R2
	LSL  $4, R3, R5
	SUBS $4, R4, R4
	BLT  tail

groups4:
	MOVD R1, R6
	MOVD R0, R7
	ADD  R5, R7, R9
	ADD  R5, R9, R10
	ADD  R5, R10, R11
	MOVD R3, R8

row4:
	VLD1   (R6), [V0.S4, V1.S4, V2.S4, V3.S4]
	VST1.P [V0.S4], 16(R7)
	VST1.P [V1.S4], 16(R9)
	VST1.P [V2.S4], 16(R10)
	VST1.P [V3.S4], 16(R11)
	ADD    R2, R6
	SUBS   $1, R8, R8
	BNE    row4
	ADD    $64, R1
	MOVD   R11, R0
	SUBS   $4, R4, R4
	BGE    groups4

tail:
	ADDS $4, R4, R4
	BEQ  done

group1:
	MOVD R1, R6
	MOVD R3, R8

row1:
	VLD1   (R6), [V0.S4]
	VST1.P [V0.S4], 16(R0)
	ADD    R2, R6
	SUBS   $1, R8, R8
	BNE    row1
	ADD    $16, R1
	SUBS   $1, R4, R4
	BNE    group1

done:
	RET

// func copyPanelNEON(dst, src *float32, ld, rows int)
// Rows of Panel elements, ld apart in src, one behind the other to dst.
// Registers: R0 dst, R1 row, R2 ld in bytes without the half of a row, R3 rows left.
TEXT ·copyPanelNEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD ld+16(FP), R2
	MOVD rows+24(FP), R3
	LSL  $2, R2, R2
	SUB  $64, R2, R2

row:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1   (R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	ADD    R2, R1
	SUBS   $1, R3, R3
	BNE    row
	RET

#define CLEAR4(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16 \
	VEOR b.B16, b.B16, b.B16 \
	VEOR c.B16, c.B16, c.B16 \
	VEOR d.B16, d.B16, d.B16

#define FMA4(a, b, c, d) \
	VFMLA V31.S4, V31.S4, a.S4 \
	VFMLA V31.S4, V31.S4, b.S4 \
	VFMLA V31.S4, V31.S4, c.S4 \
	VFMLA V31.S4, V31.S4, d.S4

// func peakLoopNEON(n int)
// n times: Vi = Vi + V31·V31 for 24 accumulators, all zero at first.
TEXT ·peakLoopNEON(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
	CLEAR4(V0, V1, V2, V3)
	CLEAR4(V4, V5, V6, V7)
	CLEAR4(V8, V9, V10, V11)
	CLEAR4(V12, V13, V14, V15)
	CLEAR4(V16, V17, V18, V19)
	CLEAR4(V20, V21, V22, V23)
	VEOR V31.B16, V31.B16, V31.B16
	CBZ  R0, done

loop:
	FMA4(V0, V1, V2, V3)
	FMA4(V4, V5, V6, V7)
	FMA4(V8, V9, V10, V11)
	FMA4(V12, V13, V14, V15)
	FMA4(V16, V17, V18, V19)
	FMA4(V20, V21, V22, V23)
	SUBS $1, R0, R0
	BNE  loop

done:
	RET
