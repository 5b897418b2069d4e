//go:build amd64 && !purego

#include "textflag.h"

#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define V5 Z5
#define V6 Z6
#define VADDPSC VADDPS.BCST
#define VSUBPSC VSUBPS.BCST
#define VANDPSC VANDPS.BCST
#define VXORPSC VXORPS.BCST
#define VFMADD213PSC VFMADD213PS.BCST

#include "rows_amd64.h"

// ROUND: Z16 = 32 bfloat16s, those of Z16 and behind them those of Z17.
#define ROUND LONG $0x4077a262; WORD $0xc072 // VCVTNE2PS2BF16 Z16, Z17, Z16

// PACKED applies STEPS, which begin with the loads of a row's next 4 words of 16
// (COLS columns in all), at AX, and leave them in Z16, to rows of src and stores
// them as packRows does. K1 and K2 are the masks of the columns that there are.
// Registers: SI row 0 of the columns at hand, DI their place in dst, R8 ld in
// bytes, CX columns left, R9 and R10 the bytes of one and of three groups of dst, R11
// rows, AX BX DX the row, its place and the rows left, R13 groups at hand.
#define PACKED(COLS, STEPS) \
	MOVQ dst+0(FP), DI; \
	MOVQ src+8(FP), SI; \
	MOVQ ld+16(FP), R8; \
	MOVQ rows+24(FP), R11; \
	MOVQ cols+32(FP), CX; \
	SHLQ $2, R8; \
	MOVQ R11, R9; \
	SHLQ $4, R9; \
	LEAQ (R9)(R9*2), R10; \
columns: \
	MOVQ CX, R13; \
	CMPQ R13, $COLS; \
	JLE  columnsAtHand; \
	MOVQ $COLS, R13; \
columnsAtHand: \
	MOVQ CX, DX; \
	MOVQ R13, CX; \
	MOVQ $1, AX; \
	SHLQ CX, AX; \
	DECQ AX; \
	KMOVW AX, K1; \                           // columns 0 to 15
	SHRQ $16, AX; \
	KMOVW AX, K2; \                           // columns 16 to 31
	MOVQ DX, CX; \
	ADDQ $(COLS/4-1), R13; \
	SHRQ $(COLS/16+1), R13; \
	MOVQ SI, AX; \
	MOVQ DI, BX; \
	MOVQ R11, DX; \
row: \
	STEPS; \
	VMOVDQU32 X16, (BX); \
	CMPQ R13, $2; \
	JLT  next; \
	VEXTRACTI32X4 $1, Z16, (BX)(R9*1); \
	JEQ  next; \
	VEXTRACTI32X4 $2, Z16, (BX)(R9*2); \
	CMPQ R13, $4; \
	JLT  next; \
	VEXTRACTI32X4 $3, Z16, (BX)(R10*1); \
next: \
	ADDQ R8, AX; \
	ADDQ $16, BX; \
	DECQ DX; \
	JNZ  row; \
	ADDQ $(4*COLS), SI; \
	LEAQ (DI)(R9*4), DI; \
	SUBQ $COLS, CX; \
	JG   columns; \
	VZEROUPPER; \
	RET

#define STEPS16 \
	VMOVUPS.Z (AX), K1, Z0; \
	GELU; \
	VMOVAPS Z0, Z16

#define STEPS32 \
	VMOVUPS.Z (AX), K1, Z0; \
	ROUGHGELU; \
	VMOVAPS Z0, Z16; \
	VMOVUPS.Z 64(AX), K2, Z0; \
	ROUGHGELU; \
	VMOVAPS Z0, Z17; \
	ROUND

// func packGELUAVX512(dst, src *float32, ld, rows, cols int)
// packRows of what geluAVX512 makes of src.
// Requires: AVX-512 F, DQ
TEXT ·packGELUAVX512(SB), 0, $0-40
	PACKED(16, STEPS16)

// func packGELUBFloat16AVX512(dst, src *float32, ld, rows, cols int)
// packRows of what roughGELUAVX512 makes of src.
// Requires: AVX-512 F, DQ, BF16
TEXT ·packGELUBFloat16AVX512(SB), 0, $0-40
	PACKED(32, STEPS32)
