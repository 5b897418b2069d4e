//go:build amd64 && !purego

#include "textflag.h"

// func fromInt8AVX2(dst []float32, x []byte, scale float32)
// dst[i] = x[i], an int8, times scale. DI = dst, SI = x, CX = elements left, a multiple of
// 16, Y15 = scale.
// Requires: AVX2
TEXT ·fromInt8AVX2(SB), NOSPLIT, $0-52
	MOVQ         dst_base+0(FP), DI
	MOVQ         x_base+24(FP), SI
	MOVQ         x_len+32(FP), CX
	VBROADCASTSS scale+48(FP), Y15
	TESTQ        CX, CX
	JZ           done
loop16:
	VPMOVSXBD (SI), Y0      // Y0 = x[i:i+8]
	VPMOVSXBD 8(SI), Y1     // Y1 = x[i+8:i+16]
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS    Y15, Y0, Y0
	VMULPS    Y15, Y1, Y1
	VMOVUPS   Y0, (DI)
	VMOVUPS   Y1, 32(DI)
	ADDQ      $16, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JNZ       loop16
done:
	VZEROUPPER
	RET

// firstBits has the bit of each of eight components in a byte, lastBits in the byte after it.
DATA firstBits<>+0(SB)/8, $0x0000004000000080
DATA firstBits<>+8(SB)/8, $0x0000001000000020
DATA firstBits<>+16(SB)/8, $0x0000000400000008
DATA firstBits<>+24(SB)/8, $0x0000000100000002
GLOBL firstBits<>(SB), RODATA|NOPTR, $32
DATA lastBits<>+0(SB)/8, $0x0000400000008000
DATA lastBits<>+8(SB)/8, $0x0000100000002000
DATA lastBits<>+16(SB)/8, $0x0000040000000800
DATA lastBits<>+24(SB)/8, $0x0000010000000200
GLOBL lastBits<>(SB), RODATA|NOPTR, $32

// func fromSignsAVX2(dst []float32, x []byte)
// dst[i] = 1 where bit 7-i%8 of x[i/8] is set, else -1. DI = dst, SI = x, CX = elements
// left, a multiple of 16, Y12 = 1, Y13 = the sign, Y14 and Y15 = the bits.
// Requires: AVX2
TEXT ·fromSignsAVX2(SB), NOSPLIT, $0-48
	MOVQ         dst_base+0(FP), DI
	MOVQ         dst_len+8(FP), CX
	MOVQ         x_base+24(FP), SI
	VMOVDQU      firstBits<>(SB), Y14
	VMOVDQU      lastBits<>(SB), Y15
	VPCMPEQD     Y13, Y13, Y13
	VPSLLD       $31, Y13, Y13
	MOVL         $0x3f800000, AX
	VMOVD        AX, X12
	VPBROADCASTD X12, Y12
	TESTQ        CX, CX
	JZ           done
loop16:
	MOVWLZX      (SI), AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0           // Y0 = the bits of 16 components
	VPAND        Y14, Y0, Y1
	VPAND        Y15, Y0, Y2
	VPCMPEQD     Y14, Y1, Y1      // Y1 = all bits where x[i:i+8] has one
	VPCMPEQD     Y15, Y2, Y2      // Y2 = where x[i+8:i+16] has
	VPANDN       Y13, Y1, Y1      // the sign elsewhere
	VPANDN       Y13, Y2, Y2
	VPOR         Y12, Y1, Y1
	VPOR         Y12, Y2, Y2
	VMOVUPS      Y1, (DI)
	VMOVUPS      Y2, 32(DI)
	ADDQ         $2, SI
	ADDQ         $64, DI
	SUBQ         $16, CX
	JNZ          loop16
done:
	VZEROUPPER
	RET
