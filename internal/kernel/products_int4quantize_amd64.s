//go:build amd64 && !purego

#include "textflag.h"

#define EACH(name, value) \
	DATA name<>+0(SB)/4, $value; \
	DATA name<>+4(SB)/4, $value; \
	DATA name<>+8(SB)/4, $value; \
	DATA name<>+12(SB)/4, $value; \
	DATA name<>+16(SB)/4, $value; \
	DATA name<>+20(SB)/4, $value; \
	DATA name<>+24(SB)/4, $value; \
	DATA name<>+28(SB)/4, $value; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

EACH(sign, 0x7fffffff)    // all bits but the sign
EACH(shift, 0x4b400000)   // 3·2²²
EACH(lowest, 0xc1000000)  // -8
EACH(highest, 0x40e00000) // 7
EACH(least, 0x0d800000)   // 2⁻¹⁰⁰
EACH(middle, 0x00000008)  // 8, a whole number

// The elements from one group to the next, eight words.
DATA groups<>+0(SB)/8, $0x0000002000000000
DATA groups<>+8(SB)/8, $0x0000006000000040
DATA groups<>+16(SB)/8, $0x000000a000000080
DATA groups<>+24(SB)/8, $0x000000e0000000c0
GLOBL groups<>(SB), RODATA|NOPTR, $32

DATA steps<>+0(SB)/4, $0xc1000000  // -8
DATA steps<>+4(SB)/4, $0xc1080000  // -8.5
DATA steps<>+8(SB)/4, $0xc0f00000  // -7.5
DATA steps<>+12(SB)/4, $0xc0e00000 // -7
GLOBL steps<>(SB), RODATA|NOPTR, $16

// func int4ScalesAVX2(scales *[8]float32, x *float32, memory *[8*int4Group]float32)
// scales[g] = the scale of group g of x before it is rounded, NaN where an element is
// not finite, see QuantizeInt4. A lane is a group. DI = scales, SI = x, DX = memory:
// element i of all groups lies in its words 8i to 8i+7. Y13 = the element of the
// largest magnitude, Y12 = where one is not finite, Y11 = where all are small, Y10 =
// the step, Y9 = the unit, Y8 = its inverse, Y7 = the best gain, Y6 = its scale,
// Y0 = Σ u·c, Y1 = Σ c·c.
// Requires: AVX2
TEXT ·int4ScalesAVX2(SB), NOSPLIT, $0-24
	MOVQ    scales+0(FP), DI
	MOVQ    x+8(FP), SI
	MOVQ    memory+16(FP), DX
	VMOVDQU groups<>(SB), Y15
	VMOVUPS sign<>(SB), Y14
	VXORPS  Y13, Y13, Y13
	VXORPS  Y12, Y12, Y12
	VXORPS  Y9, Y9, Y9
	MOVQ    DX, R9
	MOVQ    $32, CX
gather1:
	VPCMPEQD   Y3, Y3, Y3
	VGATHERDPS Y3, (SI)(Y15*4), Y0 // Y0 = element i of all groups
	VMOVUPS    Y0, (R9)
	VANDPS     Y14, Y0, Y1
	VANDPS     Y14, Y13, Y2
	VCMPPS     $0x1e, Y2, Y1, Y4   // Y4 = |x[i]| > |largest|
	VBLENDVPS  Y4, Y0, Y13, Y13
	VSUBPS     Y0, Y0, Y5
	VCMPPS     $4, Y9, Y5, Y5      // Y5 = x[i]-x[i] != 0
	VORPS      Y5, Y12, Y12
	ADDQ       $4, SI
	ADDQ       $32, R9
	DECQ       CX
	JNZ        gather1

	VANDPS  Y14, Y13, Y2
	VMOVUPS least<>(SB), Y3
	VCMPPS  $0x11, Y3, Y2, Y11     // Y11 = |largest| < 2⁻¹⁰⁰
	VMOVUPS shift<>(SB), Y15
	VMOVUPS lowest<>(SB), Y14
	VXORPS  Y7, Y7, Y7
	VXORPS  Y6, Y6, Y6
	LEAQ    steps<>(SB), R8
	MOVQ    $4, BX
step1:
	VBROADCASTSS (R8), Y10
	VDIVPS       Y10, Y13, Y9      // Y9 = largest/step
	VDIVPS       Y13, Y10, Y8      // Y8 = step/largest
	VXORPS       Y0, Y0, Y0
	VXORPS       Y1, Y1, Y1
	MOVQ         DX, R9
	MOVQ         $32, CX
sum1:
	VMULPS (R9), Y8, Y2            // Y2 = u
	VADDPS Y15, Y2, Y3
	VSUBPS Y15, Y3, Y3             // Y3 = u rounded
	VMAXPS Y14, Y3, Y3
	VMINPS highest<>(SB), Y3, Y3   // Y3 = c
	VMULPS Y3, Y2, Y2
	VADDPS Y2, Y0, Y0
	VMULPS Y3, Y3, Y3
	VADDPS Y3, Y1, Y1
	ADDQ   $32, R9
	DECQ   CX
	JNZ    sum1

	VDIVPS    Y1, Y0, Y2           // Y2 = factor
	VMULPS    Y2, Y0, Y3
	VMULPS    Y10, Y10, Y4
	VDIVPS    Y4, Y3, Y3           // Y3 = gain
	VMULPS    Y2, Y9, Y5           // Y5 = unit·factor
	VCMPPS    $0x1e, Y7, Y3, Y4    // Y4 = gain > best
	VBLENDVPS Y4, Y3, Y7, Y7
	VBLENDVPS Y4, Y5, Y6, Y6
	ADDQ      $4, R8
	DECQ      BX
	JNZ       step1

	VANDNPS Y6, Y11, Y6
	VORPS   Y12, Y6, Y6
	VMOVUPS Y6, (DI)
	VZEROUPPER
	RET

// func int4CodesAVX2(codes *byte, x *float32, inverses *[8]float32)
// codes = those of 8 groups of x, with the inverses of their scales, see
// QuantizeInt4. DI = codes, SI = x, DX = inverses, CX = groups left, BX = 8 elements
// of the group left, Y8 = the group's inverse.
// Requires: AVX2
TEXT ·int4CodesAVX2(SB), NOSPLIT, $0-24
	MOVQ    codes+0(FP), DI
	MOVQ    x+8(FP), SI
	MOVQ    inverses+16(FP), DX
	VMOVUPS shift<>(SB), Y15
	VMOVUPS lowest<>(SB), Y14
	VMOVUPS highest<>(SB), Y13
	VMOVDQU middle<>(SB), Y12
	MOVQ    $8, CX
group1:
	VBROADCASTSS (DX), Y8
	MOVQ         $4, BX
eight1:
	VMULPS       (SI), Y8, Y0
	VADDPS       Y15, Y0, Y0
	VSUBPS       Y15, Y0, Y0
	VMAXPS       Y14, Y0, Y0
	VMINPS       Y13, Y0, Y0
	VCVTPS2DQ    Y0, Y0
	VPADDD       Y12, Y0, Y0       // Y0 = codes, words
	VEXTRACTI128 $1, Y0, X1
	VPSLLD       $4, X1, X1
	VPOR         X1, X0, X0        // X0 = codes i and i+4
	VPACKUSDW    X0, X0, X0
	VPACKUSWB    X0, X0, X0
	VMOVD        X0, (DI)
	ADDQ         $32, SI
	ADDQ         $4, DI
	DECQ         BX
	JNZ          eight1
	ADDQ         $4, DX
	DECQ         CX
	JNZ          group1
	VZEROUPPER
	RET
