//go:build amd64 && !purego

#include "textflag.h"

// laneBits is the bit of each of 16 lanes.
DATA laneBits<>+0(SB)/4, $0x1
DATA laneBits<>+4(SB)/4, $0x2
DATA laneBits<>+8(SB)/4, $0x4
DATA laneBits<>+12(SB)/4, $0x8
DATA laneBits<>+16(SB)/4, $0x10
DATA laneBits<>+20(SB)/4, $0x20
DATA laneBits<>+24(SB)/4, $0x40
DATA laneBits<>+28(SB)/4, $0x80
DATA laneBits<>+32(SB)/4, $0x100
DATA laneBits<>+36(SB)/4, $0x200
DATA laneBits<>+40(SB)/4, $0x400
DATA laneBits<>+44(SB)/4, $0x800
DATA laneBits<>+48(SB)/4, $0x1000
DATA laneBits<>+52(SB)/4, $0x2000
DATA laneBits<>+56(SB)/4, $0x4000
DATA laneBits<>+60(SB)/4, $0x8000
GLOBL laneBits<>(SB), RODATA|NOPTR, $64

// KEPT16 sets Y0 and Y1 to the elements of the group at SI that are kept by AX, a word
// of kept, the others to zero. Y14 and Y15 hold laneBits. Changes Y2, Y3.
#define KEPT16 \
	VMOVD AX, X2; \
	VPBROADCASTD X2, Y2; \
	VPAND Y15, Y2, Y3; \
	VPAND Y14, Y2, Y2; \
	VPCMPEQD Y14, Y2, Y2; \
	VPCMPEQD Y15, Y3, Y3; \
	VMASKMOVPS (SI), Y2, Y0; \
	VMASKMOVPS 32(SI), Y3, Y1

// func extremesAVX2(x *float32, kept *uint16, groups int) (low, high float32)
// Registers: SI x, DX kept, CX groups left, Y0 Y1 x, Y4 Y5 low, Y6 Y7 high, Y8 Y9
// the bits of x·0, Y13 zero.
// Requires: AVX2
TEXT ·extremesAVX2(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ kept+8(FP), DX
	MOVQ groups+16(FP), CX
	VMOVDQU laneBits<>+0(SB), Y14
	VMOVDQU laneBits<>+32(SB), Y15
	VXORPS Y13, Y13, Y13
	VMOVAPS Y13, Y4
	VMOVAPS Y13, Y5
	VMOVAPS Y13, Y6
	VMOVAPS Y13, Y7
	VMOVAPS Y13, Y8
	VMOVAPS Y13, Y9
	TESTQ CX, CX
	JZ   done

loop:
	MOVWLZX (DX), AX
	CMPL    AX, $0xffff
	JNE     some
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1

reach:
	VMINPS Y4, Y0, Y4
	VMINPS Y5, Y1, Y5
	VMAXPS Y6, Y0, Y6
	VMAXPS Y7, Y1, Y7
	VMULPS Y13, Y0, Y0         // NaN where x is not finite
	VMULPS Y13, Y1, Y1
	VORPS Y0, Y8, Y8
	VORPS Y1, Y9, Y9
	ADDQ $64, SI
	ADDQ $2, DX
	DECQ CX
	JNZ  loop

	JMP  done

some:
	KEPT16
	JMP reach

done:
	VMINPS Y5, Y4, Y4
	VMAXPS Y7, Y6, Y6
	VORPS Y9, Y8, Y8
	VEXTRACTF128 $1, Y4, X5
	VEXTRACTF128 $1, Y6, X7
	VEXTRACTF128 $1, Y8, X9
	VMINPS X5, X4, X4
	VMAXPS X7, X6, X6
	VORPS X9, X8, X8
	VPERMILPS $0x4e, X4, X5
	VPERMILPS $0x4e, X6, X7
	VPERMILPS $0x4e, X8, X9
	VMINPS X5, X4, X4
	VMAXPS X7, X6, X6
	VORPS X9, X8, X8
	VPERMILPS $0xb1, X4, X5
	VPERMILPS $0xb1, X6, X7
	VPERMILPS $0xb1, X8, X9
	VMINSS X5, X4, X4
	VMAXSS X7, X6, X6
	VORPS X9, X8, X8
	VADDSS X8, X6, X6          // NaN where an element was not finite
	VMOVSS X4, low+24(FP)
	VMOVSS X6, high+28(FP)
	VZEROUPPER
	RET

// func quantizeAVX2(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
// Registers: DI dst, R8 stride, SI x, DX kept, CX groups left, Y0 Y1 x, Y4 inverse,
// Y5 zero, Y6 255.
// Requires: AVX2
TEXT ·quantizeAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ kept+24(FP), DX
	MOVQ groups+32(FP), CX
	VMOVDQU laneBits<>+0(SB), Y14
	VMOVDQU laneBits<>+32(SB), Y15
	VBROADCASTSS inverse+40(FP), Y4
	VBROADCASTSS zero+44(FP), Y5
	VPCMPEQD Y6, Y6, Y6
	VPSRLD $24, Y6, Y6
	TESTQ CX, CX
	JZ   done

loop:
	MOVWLZX (DX), AX
	CMPL    AX, $0xffff
	JNE     some
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1

terms:
	VMULPS Y4, Y0, Y0
	VMULPS Y4, Y1, Y1
	VCVTPS2DQ Y0, Y0
	VCVTPS2DQ Y1, Y1
	VPADDD Y5, Y0, Y0
	VPADDD Y5, Y1, Y1
	VPMINSD Y6, Y0, Y0
	VPMINSD Y6, Y1, Y1
	VPAND Y6, Y0, Y0           // the low byte
	VPAND Y6, Y1, Y1
	VPACKUSDW Y1, Y0, Y0       // lanes 0-3 8-11 | 4-7 12-15
	VPERMQ $0xd8, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPACKUSWB X1, X0, X0
	VMOVDQU X0, (DI)
	ADDQ $64, SI
	ADDQ $2, DX
	ADDQ R8, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

some:
	KEPT16
	JMP terms

// func quantizeWideAVX2(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
// The result is from 0 on.
// Registers: DI dst, R8 stride, SI x, DX kept, CX groups left, Y0 Y1 x, Y4 inverse,
// Y5 zero, Y6 255.
// Requires: AVX2
TEXT ·quantizeWideAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ kept+24(FP), DX
	MOVQ groups+32(FP), CX
	VMOVDQU laneBits<>+0(SB), Y14
	VMOVDQU laneBits<>+32(SB), Y15
	VBROADCASTSS inverse+40(FP), Y4
	VBROADCASTSS zero+44(FP), Y5
	VPCMPEQD Y6, Y6, Y6
	VPSRLW $8, Y6, Y6
	TESTQ CX, CX
	JZ   done

loop:
	MOVWLZX (DX), AX
	CMPL    AX, $0xffff
	JNE     some
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1

terms:
	VMULPS Y4, Y0, Y0
	VMULPS Y4, Y1, Y1
	VCVTPS2DQ Y0, Y0
	VCVTPS2DQ Y1, Y1
	VPADDD Y5, Y0, Y0
	VPADDD Y5, Y1, Y1
	VPACKUSDW Y1, Y0, Y0         // lanes 0-3 8-11 | 4-7 12-15; what is not finite is 0
	VPMINUW Y6, Y0, Y0
	VPERMQ $0xd8, Y0, Y0
	VPSHUFLW $0xd8, Y0, Y0       // the even ones of each four first
	VPSHUFHW $0xd8, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $64, SI
	ADDQ $2, DX
	ADDQ R8, DI
	DECQ CX
	JNZ  loop

done:
	VZEROUPPER
	RET

some:
	KEPT16
	JMP terms
