//go:build amd64 && !purego

#include "textflag.h"

// Eight words each.
DATA backwards<>+0(SB)/8, $0x0000000600000007
DATA backwards<>+8(SB)/8, $0x0000000400000005
DATA backwards<>+16(SB)/8, $0x0000000200000003
DATA backwards<>+24(SB)/8, $0x0000000000000001
GLOBL backwards<>(SB), RODATA|NOPTR, $32

DATA word255<>+0(SB)/4, $0x437f0000 // 255
GLOBL word255<>(SB), RODATA|NOPTR, $4
DATA word1<>+0(SB)/4, $0x3f800000   // 1
GLOBL word1<>(SB), RODATA|NOPTR, $4

// func maxBitsAVX2(x []float32) uint32
// ret = max(x[i] &^ sign). SI = x, CX = elements left, Y2 and Y3 = largest so
// far, Y4 = all bits but the sign.
// Requires: AVX2
TEXT ·maxBitsAVX2(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPCMPEQD Y4, Y4, Y4
	VPSRLD $1, Y4, Y4
	TESTQ CX, CX
	JZ done
loop16:
	VPAND (SI), Y4, Y0     // Y0 = |x[i:i+8]|
	VPAND 32(SI), Y4, Y1   // Y1 = |x[i+8:i+16]|
	VPMAXUD Y0, Y2, Y2
	VPMAXUD Y1, Y3, Y3
	ADDQ $64, SI
	SUBQ $16, CX
	JNZ loop16
done:
	VPMAXUD Y3, Y2, Y2
	VEXTRACTI128 $1, Y2, X3
	VPMAXUD X3, X2, X2
	VPSHUFD $0x4e, X2, X3  // i and i+2
	VPMAXUD X3, X2, X2
	VPSHUFD $0xb1, X2, X3  // 0 and 1
	VPMAXUD X3, X2, X2
	VMOVD X2, AX
	MOVL AX, ret+24(FP)
	VZEROUPPER
	RET

// func toInt8AVX2(dst []byte, x []float32, factor, divisor float32, flip byte)
// dst = round(x·factor/divisor) ^ flip. DI = dst, SI = x, CX = elements left,
// Y4 = factor, Y5 = divisor, X6 = flip in every byte.
// Requires: AVX2
TEXT ·toInt8AVX2(SB), NOSPLIT, $0-57
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	VBROADCASTSS factor+48(FP), Y4
	VBROADCASTSS divisor+52(FP), Y5
	VPBROADCASTB flip+56(FP), X6
	TESTQ CX, CX
	JZ done
loop16:
	VMULPS (SI), Y4, Y0
	VMULPS 32(SI), Y4, Y1
	VDIVPS Y5, Y0, Y0
	VDIVPS Y5, Y1, Y1
	VCVTPS2DQ Y0, Y0       // Y0 = words 0 to 7, rounded to nearest even
	VCVTPS2DQ Y1, Y1       // Y1 = words 8 to 15
	VPACKSSDW Y1, Y0, Y0   // 0-3, 8-11, 4-7, 12-15
	VPERMQ $0xd8, Y0, Y0   // 0 to 15
	VEXTRACTI128 $1, Y0, X1
	VPACKSSWB X1, X0, X0
	VPXOR X6, X0, X0
	VMOVDQU X0, (DI)
	ADDQ $64, SI
	ADDQ $16, DI
	SUBQ $16, CX
	JNZ loop16
done:
	VZEROUPPER
	RET

// BUCKETS: V = ⌊(x-low)/step⌋ as words, of the eight elements at OFF bytes.
// Changes Y10, Y11. Y7 = 0, Y8 = 1, Y9 = 255.
#define BUCKETS(OFF, V) \
	VMOVUPS OFF(R9), Y10; \
	VMOVUPS OFF(R8), V; \
	VSUBPS V, Y10, Y10; \            // high - low
	VDIVPS Y9, Y10, Y10; \           // step
	VCMPPS $0, Y7, Y10, Y11; \       // where it is 0
	VBLENDVPS Y11, Y8, Y10, Y10; \   // 1
	VMOVUPS OFF(SI), Y11; \
	VSUBPS V, Y11, V; \              // x - low
	VDIVPS Y10, V, V; \
	VROUNDPS $9, V, V; \             // ⌊ ⌋
	VMAXPS Y7, V, V; \
	VMINPS Y9, V, V; \
	VCVTTPS2DQ V, V

// func toRangesAVX2(dst []byte, x, low, high []float32, flip byte)
// dst = min(max(⌊(x-low)/step⌋, 0), 255) ^ flip. DI = dst, SI = x, R8 = low,
// R9 = high, CX = elements left, X6 = flip in every byte.
// Requires: AVX2
TEXT ·toRangesAVX2(SB), NOSPLIT, $0-97
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ low_base+48(FP), R8
	MOVQ high_base+72(FP), R9
	VPBROADCASTB flip+96(FP), X6
	VXORPS Y7, Y7, Y7
	VBROADCASTSS word1<>(SB), Y8
	VBROADCASTSS word255<>(SB), Y9
	TESTQ CX, CX
	JZ done
loop16:
	BUCKETS(0, Y0)
	BUCKETS(32, Y1)
	VPACKSSDW Y1, Y0, Y0   // 0-3, 8-11, 4-7, 12-15
	VPERMQ $0xd8, Y0, Y0   // 0 to 15
	VEXTRACTI128 $1, Y0, X1
	VPACKUSWB X1, X0, X0
	VPXOR X6, X0, X0
	VMOVDQU X0, (DI)
	ADDQ $64, SI
	ADDQ $64, R8
	ADDQ $64, R9
	ADDQ $16, DI
	SUBQ $16, CX
	JNZ loop16
done:
	VZEROUPPER
	RET

// func toSignsAVX2(dst []byte, x []float32, flip byte)
// dst = the bits x > 0, the first one highest, ^ flip. DI = dst, SI = x, CX =
// elements left, DX = flip, Y7 = 0, Y8 = 7 to 0.
// Requires: AVX2
TEXT ·toSignsAVX2(SB), NOSPLIT, $0-49
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVBLZX flip+48(FP), DX
	VXORPS Y7, Y7, Y7
	VMOVDQU backwards<>(SB), Y8
	TESTQ CX, CX
	JZ done
loop16:
	VPERMPS (SI), Y8, Y0     // Y0 = x[i+7], …, x[i]
	VPERMPS 32(SI), Y8, Y1
	VCMPPS $0x1e, Y7, Y0, Y0 // > 0
	VCMPPS $0x1e, Y7, Y1, Y1
	VMOVMSKPS Y0, AX
	VMOVMSKPS Y1, BX
	XORL DX, AX
	XORL DX, BX
	MOVB AX, (DI)
	MOVB BX, 1(DI)
	ADDQ $64, SI
	ADDQ $2, DI
	SUBQ $16, CX
	JNZ loop16
done:
	VZEROUPPER
	RET

// func toFloat16AVX2(dst []uint16, x []float32)
// dst = x, rounded to nearest even. DI = dst, SI = x, CX = elements left.
// Requires: AVX, F16C
TEXT ·toFloat16AVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	TESTQ CX, CX
	JZ done
loop16:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VCVTPS2PH $0, Y0, (DI)   // dst[i:i+8]
	VCVTPS2PH $0, Y1, 16(DI) // dst[i+8:i+16]
	ADDQ $64, SI
	ADDQ $32, DI
	SUBQ $16, CX
	JNZ loop16
done:
	VZEROUPPER
	RET
