//go:build amd64 && !purego

#include "textflag.h"

// func packGroupsInt4AVX2(dst, src *float32, ld, m, groups int)
// Group g of row i of src (32 elements) to dst[(g*m+i)*10:]: 32 whole numbers of 8
// bits, -8 times their sum, the scale. See packGroupInt4.
// Registers: SI row at hand, DI its place in dst, R8 ld in bytes, R9 bytes of a
// group of dst, R10 rows left, R11 groups, CX groups left, AX BX row and place of
// the group, Y0-Y3 the group, Y4-Y6 its size, Y12 sign bits, Y13 ones of 16 bits,
// Y14 ones of 8 bits, X15 127.
// Requires: AVX2
TEXT ·packGroupsInt4AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ ld+16(FP), R8
	MOVQ m+24(FP), R10
	MOVQ groups+32(FP), R11
	SHLQ $2, R8
	IMUL3Q $40, R10, R9
	VPCMPEQD Y12, Y12, Y12
	VPABSB   Y12, Y14      // 1 in each byte
	VPSRLW   $15, Y12, Y13 // 1 in each 16 bits
	VPSLLD   $31, Y12, Y12 // the sign of each float32
	MOVL  $0x42fe0000, DX
	VMOVD DX, X15          // 127

row:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R11, CX

group:
	VMOVUPS (AX), Y0
	VMOVUPS 32(AX), Y1
	VMOVUPS 64(AX), Y2
	VMOVUPS 96(AX), Y3
	VPANDN  Y0, Y12, Y4    // sizes, whose bits are in their order
	VPANDN  Y1, Y12, Y5
	VPMAXUD Y5, Y4, Y4
	VPANDN  Y2, Y12, Y5
	VPANDN  Y3, Y12, Y6
	VPMAXUD Y6, Y5, Y5
	VPMAXUD Y5, Y4, Y4
	VEXTRACTI128 $1, Y4, X5
	VPMAXUD X5, X4, X4
	VPSHUFD $0x4e, X4, X5
	VPMAXUD X5, X4, X4
	VPSHUFD $0xb1, X4, X5
	VPMAXUD X5, X4, X4     // the largest
	VMOVD   X4, DX
	SUBL    $0x0d800000, DX
	JB      zero           // below 2⁻¹⁰⁰
	VDIVSS  X15, X4, X5    // the scale
	VMOVSS  X5, 36(BX)
	CMPL    DX, $0x72000000
	JAE     infinite       // 0x7f800000 and above
	VDIVSS  X4, X15, X5    // 127/largest
	VBROADCASTSS X5, Y5
	VMULPS  Y5, Y0, Y0
	VMULPS  Y5, Y1, Y1
	VMULPS  Y5, Y2, Y2
	VMULPS  Y5, Y3, Y3
	VCVTPS2DQ Y0, Y0
	VCVTPS2DQ Y1, Y1
	VCVTPS2DQ Y2, Y2
	VCVTPS2DQ Y3, Y3
	VPACKSSDW Y1, Y0, Y0   // 0-3 8-11 | 4-7 12-15
	VPACKSSDW Y3, Y2, Y2
	VPACKSSWB Y2, Y0, Y0   // 0-3 8-11 16-19 24-27 | 4-7 12-15 20-23 28-31
	VEXTRACTI128 $1, Y0, X1
	VPUNPCKLDQ X1, X0, X2  // 0-15
	VPUNPCKHDQ X1, X0, X3  // 16-31
	VMOVDQU X2, (BX)
	VMOVDQU X3, 16(BX)
	VPMADDUBSW X2, X14, X2 // sums of pairs
	VPMADDUBSW X3, X14, X3
	VPADDW  X3, X2, X2
	VPMADDWD X13, X2, X2
	VPSHUFD $0x4e, X2, X3
	VPADDD  X3, X2, X2
	VPSHUFD $0xb1, X2, X3
	VPADDD  X3, X2, X2
	VMOVD   X2, DX
	SHLL    $3, DX
	NEGL    DX
	MOVL    DX, 32(BX)
	JMP     next

zero:
	VPXOR  X5, X5, X5
	VMOVSS  X5, 36(BX)

infinite:
	VPXOR   Y5, Y5, Y5
	VMOVDQU Y5, (BX)
	VMOVSS  X5, 32(BX)

next:
	ADDQ $128, AX
	ADDQ R9, BX
	DECQ CX
	JNZ  group
	ADDQ R8, SI
	ADDQ $40, DI
	DECQ R10
	JNZ  row
	VZEROUPPER
	RET
