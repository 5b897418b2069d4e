//go:build amd64 && !purego

#include "textflag.h"

// func fromBFloat16AVX2(dst *float32, src *byte, blocks int)
// dst[i] = the float32 whose upper half is src[i], i < 16·blocks. DI = dst, SI =
// src, CX = blocks left.
// Requires: AVX2
TEXT ·fromBFloat16AVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
loop16:
	VPMOVZXWD (SI), Y0      // Y0 = src[i:i+8]
	VPMOVZXWD 16(SI), Y1    // Y1 = src[i+8:i+16]
	VPSLLD    $16, Y0, Y0
	VPSLLD    $16, Y1, Y1
	VMOVDQU   Y0, (DI)
	VMOVDQU   Y1, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	DECQ      CX
	JNZ       loop16
	VZEROUPPER
	RET

// func fromFloat16AVX2(dst *float32, src *byte, blocks int)
// dst[i] = src[i], IEEE halves, i < 16·blocks. DI = dst, SI = src, CX = blocks left.
// Requires: AVX, F16C
TEXT ·fromFloat16AVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
loop16:
	VCVTPH2PS (SI), Y0      // Y0 = src[i:i+8]
	VCVTPH2PS 16(SI), Y1    // Y1 = src[i+8:i+16]
	VMOVUPS   Y0, (DI)
	VMOVUPS   Y1, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	DECQ      CX
	JNZ       loop16
	VZEROUPPER
	RET
