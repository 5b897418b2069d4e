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
