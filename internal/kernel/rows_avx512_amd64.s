//go:build amd64 && !purego

#include "textflag.h"

#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define V5 Z5
#define V6 Z6
#define LANES 16
#define VADDPSC VADDPS.BCST
#define VSUBPSC VSUBPS.BCST
#define VANDPSC VANDPS.BCST
#define VXORPSC VXORPS.BCST
#define VFMADD213PSC VFMADD213PS.BCST
#define VFMADD231PSC VFMADD231PS.BCST
#define VFNMADD231PSC VFNMADD231PS.BCST
#define LOADTAIL(P, V) VMOVUPS.Z (P), K1, V
#define STORETAIL(V, P) VMOVUPS V, K1, (P)

#include "rows_amd64.h"

// MASK sets K1 to the mask of CX&15 lanes. Changes CX, R9.
#define MASK \
	ANDL $15, CX; \
	MOVL $1, R9; \
	SHLL CX, R9; \
	DECL R9; \
	KMOVW R9, K1

// func geluAVX512(x []float32, ld, rows, cols int)
// x = x·Φ(x), Φ(x) = (1 + erf(x/√2))/2. Z0 = x[i:i+16], Z1 to Z6 as in GELU, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·geluAVX512(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MASK
	MOVQ cols+40(FP), CX
	ROWS(GELU)

// func roughGELUAVX512(x []float32, ld, rows, cols int)
// x = x·Φ(x), error 2.5e-5. Z0 = x[i:i+16], Z1 to Z5 as in ROUGHGELU, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·roughGELUAVX512(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MASK
	MOVQ cols+40(FP), CX
	ROWS(ROUGHGELU)

// func geluTanhAVX512(x []float32, ld, rows, cols int)
// x = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). Z0 = x[i:i+16], Z1 to Z6 as in GELUTANH, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·geluTanhAVX512(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MASK
	MOVQ cols+40(FP), CX
	ROWS(GELUTANH)

// func siluAVX512(x []float32, ld, rows, cols int)
// x = x / (1 + exp(-x)). Z0 = x[i:i+16], Z1 to Z6 as in SILU, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·siluAVX512(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MASK
	MOVQ cols+40(FP), CX
	ROWS(SILU)

// func reluAVX512(x []float32, ld, rows, cols int)
// x = max(x, 0), a NaN stays. Z0 = x[i:i+16], Z1 to Z6 as in RELU, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·reluAVX512(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MASK
	MOVQ cols+40(FP), CX
	ROWS(RELU)

// func tanhAVX512(x []float32, ld, rows, cols int)
// x = tanh(x). Z0 = x[i:i+16], Z1 to Z6 as in TANH, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·tanhAVX512(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MASK
	MOVQ cols+40(FP), CX
	ROWS(TANH)

// func softmaxAVX512(x []float32, factor, least float32) (total, highest float32)
// x = 2^((x-highest)·factor), highest = max(x, least), total = Σ x. Z7 = highest, Z8 = factor, Z9 = 16
// partial sums, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·softmaxAVX512(SB), 0, $0-40
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), CX
	MOVQ CX, DX
	MASK
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	SUBQ R8, DX               // elements in whole vectors
	VBROADCASTSS least+28(FP), Z6
	VMOVAPS Z6, Z7
	MOVQ DI, AX
	MOVQ DX, BX
	SUBQ $32, BX
	JL max16
max32:
	VMOVUPS (AX), Z0
	VMOVUPS 64(AX), Z1
	VMAXPS Z6, Z0, Z6         // Z6 = max(x[i:i+16], Z6), a NaN is left out
	VMAXPS Z7, Z1, Z7
	ADDQ $128, AX
	SUBQ $32, BX
	JGE max32
max16:
	ADDQ $32, BX
	JZ maxtail
	VMOVUPS (AX), Z0
	VMAXPS Z7, Z0, Z7
	ADDQ $64, AX
maxtail:
	VBROADCASTSS negInf<>(SB), Z0
	VMOVUPS (AX), K1, Z0      // Z0 = the tail, else -∞
	VMAXPS Z7, Z0, Z7
	VMAXPS Z7, Z6, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS Y1, Y0, Y0
	MAX8
	VMOVSS X0, highest+36(FP)
	VBROADCASTSS X0, Z7
	VBROADCASTSS factor+24(FP), Z8
	VXORPS Z9, Z9, Z9
	TESTQ DX, DX
	JZ tail
loop16:
	VMOVUPS (DI), Z0
	VSUBPS Z7, Z0, Z0
	VMULPS Z8, Z0, Z0         // (x-highest)·factor
	POWER2
	VMOVUPS Z0, (DI)
	VADDPS Z0, Z9, Z9
	ADDQ $64, DI
	SUBQ $16, DX
	JG loop16
tail:
	TESTQ R8, R8
	JZ done
	VMOVUPS.Z (DI), K1, Z0
	VSUBPS Z7, Z0, Z0
	VMULPS Z8, Z0, Z0
	POWER2
	VMOVUPS Z0, K1, (DI)
	VADDPS Z0, Z9, K1, Z9
done:
	VMOVAPS Z9, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS Y1, Y0, Y0         // i and i+8
	SUM8
	VMOVSS X0, total+32(FP)
	VZEROUPPER
	RET

// func layerNormAVX512(dst, x, add, gamma, beta []float32, eps float32)
// dst = (s-mean(s))/√(var(s)+eps)·gamma + beta, s = x+add. DI = dst, SI = x,
// later s, R10 = add, R11 = gamma, R12 = beta, AX the offset in bytes, Z2 = 16
// partial sums, Z3 = mean, Z4 = 1/√, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·layerNormAVX512(SB), 0, $0-124
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	MOVQ add_base+48(FP), R10
	MOVQ gamma_base+72(FP), R11
	MOVQ beta_base+96(FP), R12
	MOVQ DX, CX
	MASK
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	MOVQ DX, R13
	SUBQ R8, R13
	SHLQ $2, R13              // bytes in whole vectors
	VXORPS Z2, Z2, Z2
	XORQ AX, AX
	CMPQ add_len+56(FP), $0
	JNE addtest
	JMP sumtest
add16:
	VMOVUPS (SI)(AX*1), Z0
	VADDPS (R10)(AX*1), Z0, Z0 // s = x + add
	VMOVUPS Z0, (DI)(AX*1)
	VADDPS Z0, Z2, Z2
	ADDQ $64, AX
addtest:
	CMPQ AX, R13
	JLT add16
	TESTQ R8, R8
	JZ added
	VMOVUPS.Z (SI)(AX*1), K1, Z0
	VMOVUPS.Z (R10)(AX*1), K1, Z1
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(AX*1)
	VADDPS Z0, Z2, Z2
added:
	MOVQ DI, SI               // s is in dst
	JMP mean
sum16:
	VADDPS (SI)(AX*1), Z2, Z2
	ADDQ $64, AX
sumtest:
	CMPQ AX, R13
	JLT sum16
	TESTQ R8, R8
	JZ mean
	VMOVUPS.Z (SI)(AX*1), K1, Z0
	VADDPS Z0, Z2, Z2
mean:
	VMOVAPS Z2, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS Y1, Y0, Y0         // i and i+8
	SUM8
	MEAN(DX)
	VBROADCASTSS X0, Z3
	VXORPS Z2, Z2, Z2
	XORQ AX, AX
	JMP squaretest
square16:
	VMOVUPS (SI)(AX*1), Z0
	VSUBPS Z3, Z0, Z0         // s - mean
	VFMADD231PS Z0, Z0, Z2
	ADDQ $64, AX
squaretest:
	CMPQ AX, R13
	JLT square16
	TESTQ R8, R8
	JZ root
	VMOVUPS.Z (SI)(AX*1), K1, Z0
	VSUBPS.Z Z3, Z0, K1, Z0
	VFMADD231PS Z0, Z0, Z2
root:
	VMOVAPS Z2, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS Y1, Y0, Y0         // i and i+8
	SUM8
	MEAN(DX)
	ROOT(eps+120(FP))
	VBROADCASTSS X0, Z4
	XORQ AX, AX
	JMP applytest
apply16:
	VMOVUPS (SI)(AX*1), Z0
	VSUBPS Z3, Z0, Z0
	VMULPS Z4, Z0, Z0         // (s-mean)/√
	VMOVUPS (R11)(AX*1), Z1
	VFMADD213PS (R12)(AX*1), Z1, Z0
	VMOVUPS Z0, (DI)(AX*1)
	ADDQ $64, AX
applytest:
	CMPQ AX, R13
	JLT apply16
	TESTQ R8, R8
	JZ done
	VMOVUPS.Z (SI)(AX*1), K1, Z0
	VSUBPS Z3, Z0, Z0
	VMULPS Z4, Z0, Z0
	VMOVUPS.Z (R11)(AX*1), K1, Z1
	VMOVUPS.Z (R12)(AX*1), K1, Z5
	VFMADD213PS Z5, Z1, Z0
	VMOVUPS Z0, K1, (DI)(AX*1)
done:
	VZEROUPPER
	RET

// ROWSUM(Z, Y, X): X = four sums of four elements of Z each, of which Y and X are parts.
#define ROWSUM(Z, Y, X) \
	VEXTRACTF64X4 $1, Z, Y0; \
	VADDPS Y0, Y, Y; \                       // i and i+8
	VEXTRACTF128 $1, Y, X0; \
	VADDPS X0, X, X                           // i and i+4

// ROWSUMS: X4 = the sums of the elements of Z4, of Z5, of Z6 and of Z7, added as one row's
// are. Changes Z0, Z5 to Z7.
#define ROWSUMS \
	ROWSUM(Z4, Y4, X4); \
	ROWSUM(Z5, Y5, X5); \
	ROWSUM(Z6, Y6, X6); \
	ROWSUM(Z7, Y7, X7); \
	VUNPCKHPS X5, X4, X0; \
	VUNPCKLPS X5, X4, X4; \
	VADDPS X0, X4, X4; \                     // i and i+2
	VUNPCKHPS X7, X6, X0; \
	VUNPCKLPS X7, X6, X6; \
	VADDPS X0, X6, X6; \
	VUNPCKHPD X6, X4, X0; \
	VUNPCKLPD X6, X4, X4; \
	VADDPS X0, X4, X4                         // 0 and 1

// MEANS: X4 = X4 / CX. Changes X0.
#define MEANS \
	VXORPS X0, X0, X0; \
	VCVTSI2SSQ CX, X0, X0; \
	VBROADCASTSS X0, X0; \
	VDIVPS X0, X4, X4

// SPREAD(A, B, C, D) makes 16 copies of each element of X4.
#define SPREAD(A, B, C, D) \
	VBROADCASTSS X4, A; \
	VPERMILPS $0x55, X4, X0; \
	VBROADCASTSS X0, B; \
	VPERMILPS $0xaa, X4, X0; \
	VBROADCASTSS X0, C; \
	VPERMILPS $0xff, X4, X0; \
	VBROADCASTSS X0, D

// func layerNorm4AVX512(dst, x, add *float32, ldDst, ldX, ldAdd, cols int, gamma, beta *float32, eps float32)
// layerNormAVX512 of four rows, whose sums go on side by side. BX = dst, SI = x, later s, DI =
// add, DX = gamma, AX = beta, R8 R10 R12 the bytes from row to row of x, add and dst, R9 R11 R13
// those of three, CX the columns left, Z4 to Z7 the partial sums, Z8 to Z11 the means, Z12 to
// Z15 1/√, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·layerNorm4AVX512(SB), 0, $0-76
	MOVQ cols+48(FP), CX
	MASK
	MOVQ dst+0(FP), BX
	MOVQ x+8(FP), SI
	MOVQ add+16(FP), DI
	MOVQ ldDst+24(FP), R12
	MOVQ ldX+32(FP), R8
	MOVQ ldAdd+40(FP), R10
	SHLQ $2, R12
	SHLQ $2, R8
	SHLQ $2, R10
	LEAQ (R12)(R12*2), R13
	LEAQ (R8)(R8*2), R9
	LEAQ (R10)(R10*2), R11
	MOVQ cols+48(FP), CX
	VXORPS Z4, Z4, Z4
	VXORPS Z5, Z5, Z5
	VXORPS Z6, Z6, Z6
	VXORPS Z7, Z7, Z7
	TESTQ DI, DI
	JZ   sumtest
	JMP  addtest

add16:
	VMOVUPS (SI), Z0
	VMOVUPS (SI)(R8*1), Z1
	VMOVUPS (SI)(R8*2), Z2
	VMOVUPS (SI)(R9*1), Z3
	VADDPS (DI), Z0, Z0 // s = x + add
	VADDPS (DI)(R10*1), Z1, Z1 // s = x + add
	VADDPS (DI)(R10*2), Z2, Z2 // s = x + add
	VADDPS (DI)(R11*1), Z3, Z3 // s = x + add
	VMOVUPS Z0, (BX)
	VMOVUPS Z1, (BX)(R12*1)
	VMOVUPS Z2, (BX)(R12*2)
	VMOVUPS Z3, (BX)(R13*1)
	VADDPS Z0, Z4, Z4
	VADDPS Z1, Z5, Z5
	VADDPS Z2, Z6, Z6
	VADDPS Z3, Z7, Z7
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, BX
addtest:
	SUBQ $16, CX
	JGE  add16
	ADDQ $16, CX
	JZ   added
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (DI), K1, Z1
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (BX)
	VADDPS Z0, Z4, Z4
	VMOVUPS.Z (SI)(R8*1), K1, Z0
	VMOVUPS.Z (DI)(R10*1), K1, Z1
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (BX)(R12*1)
	VADDPS Z0, Z5, Z5
	VMOVUPS.Z (SI)(R8*2), K1, Z0
	VMOVUPS.Z (DI)(R10*2), K1, Z1
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (BX)(R12*2)
	VADDPS Z0, Z6, Z6
	VMOVUPS.Z (SI)(R9*1), K1, Z0
	VMOVUPS.Z (DI)(R11*1), K1, Z1
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (BX)(R13*1)
	VADDPS Z0, Z7, Z7
added:
	MOVQ dst+0(FP), BX
	MOVQ BX, SI // s is in dst
	MOVQ R12, R8
	MOVQ R13, R9
	JMP  mean
sum16:
	VADDPS (SI), Z4, Z4
	VADDPS (SI)(R8*1), Z5, Z5
	VADDPS (SI)(R8*2), Z6, Z6
	VADDPS (SI)(R9*1), Z7, Z7
	ADDQ $64, SI
sumtest:
	SUBQ $16, CX
	JGE  sum16
	ADDQ $16, CX
	JZ   summed
	VMOVUPS.Z (SI), K1, Z0
	VADDPS Z0, Z4, Z4
	VMOVUPS.Z (SI)(R8*1), K1, Z0
	VADDPS Z0, Z5, Z5
	VMOVUPS.Z (SI)(R8*2), K1, Z0
	VADDPS Z0, Z6, Z6
	VMOVUPS.Z (SI)(R9*1), K1, Z0
	VADDPS Z0, Z7, Z7
summed:
	MOVQ x+8(FP), SI
mean:
	MOVQ SI, DI
	MOVQ cols+48(FP), CX
	ROWSUMS
	MEANS
	SPREAD(Z8, Z9, Z10, Z11)
	VXORPS Z4, Z4, Z4
	VXORPS Z5, Z5, Z5
	VXORPS Z6, Z6, Z6
	VXORPS Z7, Z7, Z7
	JMP  squaretest
square16:
	VMOVUPS (SI), Z0
	VMOVUPS (SI)(R8*1), Z1
	VMOVUPS (SI)(R8*2), Z2
	VMOVUPS (SI)(R9*1), Z3
	VSUBPS Z8, Z0, Z0 // s - mean
	VSUBPS Z9, Z1, Z1 // s - mean
	VSUBPS Z10, Z2, Z2 // s - mean
	VSUBPS Z11, Z3, Z3 // s - mean
	VFMADD231PS Z0, Z0, Z4
	VFMADD231PS Z1, Z1, Z5
	VFMADD231PS Z2, Z2, Z6
	VFMADD231PS Z3, Z3, Z7
	ADDQ $64, SI
squaretest:
	SUBQ $16, CX
	JGE  square16
	ADDQ $16, CX
	JZ   root
	VMOVUPS.Z (SI), K1, Z0
	VSUBPS.Z Z8, Z0, K1, Z0
	VFMADD231PS Z0, Z0, Z4
	VMOVUPS.Z (SI)(R8*1), K1, Z0
	VSUBPS.Z Z9, Z0, K1, Z0
	VFMADD231PS Z0, Z0, Z5
	VMOVUPS.Z (SI)(R8*2), K1, Z0
	VSUBPS.Z Z10, Z0, K1, Z0
	VFMADD231PS Z0, Z0, Z6
	VMOVUPS.Z (SI)(R9*1), K1, Z0
	VSUBPS.Z Z11, Z0, K1, Z0
	VFMADD231PS Z0, Z0, Z7
root:
	MOVQ DI, SI
	MOVQ cols+48(FP), CX
	MOVQ gamma+56(FP), DX
	MOVQ beta+64(FP), AX
	ROWSUMS
	MEANS
	VBROADCASTSS eps+72(FP), X0
	VADDPS X0, X4, X4
	VSQRTPS X4, X4
	VBROADCASTSS one<>(SB), X0
	VDIVPS X4, X0, X4
	SPREAD(Z12, Z13, Z14, Z15)
	JMP  applytest
apply16:
	VMOVUPS (DX), Z4
	VMOVUPS (AX), Z5
	VMOVUPS (SI), Z0
	VMOVUPS (SI)(R8*1), Z1
	VMOVUPS (SI)(R8*2), Z2
	VMOVUPS (SI)(R9*1), Z3
	VSUBPS Z8, Z0, Z0
	VSUBPS Z9, Z1, Z1
	VSUBPS Z10, Z2, Z2
	VSUBPS Z11, Z3, Z3
	VMULPS Z12, Z0, Z0 // (s-mean)/√
	VMULPS Z13, Z1, Z1 // (s-mean)/√
	VMULPS Z14, Z2, Z2 // (s-mean)/√
	VMULPS Z15, Z3, Z3 // (s-mean)/√
	VFMADD213PS Z5, Z4, Z0
	VFMADD213PS Z5, Z4, Z1
	VFMADD213PS Z5, Z4, Z2
	VFMADD213PS Z5, Z4, Z3
	VMOVUPS Z0, (BX)
	VMOVUPS Z1, (BX)(R12*1)
	VMOVUPS Z2, (BX)(R12*2)
	VMOVUPS Z3, (BX)(R13*1)
	ADDQ $64, SI
	ADDQ $64, BX
	ADDQ $64, DX
	ADDQ $64, AX
applytest:
	SUBQ $16, CX
	JGE  apply16
	ADDQ $16, CX
	JZ   done
	VMOVUPS.Z (DX), K1, Z4
	VMOVUPS.Z (AX), K1, Z5
	VMOVUPS.Z (SI), K1, Z0
	VSUBPS Z8, Z0, Z0
	VMULPS Z12, Z0, Z0
	VFMADD213PS Z5, Z4, Z0
	VMOVUPS Z0, K1, (BX)
	VMOVUPS.Z (SI)(R8*1), K1, Z0
	VSUBPS Z9, Z0, Z0
	VMULPS Z13, Z0, Z0
	VFMADD213PS Z5, Z4, Z0
	VMOVUPS Z0, K1, (BX)(R12*1)
	VMOVUPS.Z (SI)(R8*2), K1, Z0
	VSUBPS Z10, Z0, Z0
	VMULPS Z14, Z0, Z0
	VFMADD213PS Z5, Z4, Z0
	VMOVUPS Z0, K1, (BX)(R12*2)
	VMOVUPS.Z (SI)(R9*1), K1, Z0
	VSUBPS Z11, Z0, Z0
	VMULPS Z15, Z0, Z0
	VFMADD213PS Z5, Z4, Z0
	VMOVUPS Z0, K1, (BX)(R13*1)
done:
	VZEROUPPER
	RET

// func rmsNormAVX512(dst, x, gamma []float32, eps float32)
// dst = x/√(mean(x²)+eps)·gamma. DI = dst, SI = x, R11 = gamma, AX the offset
// in bytes, Z2 = 16 partial sums, Z4 = 1/√, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·rmsNormAVX512(SB), 0, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	MOVQ gamma_base+48(FP), R11
	MOVQ DX, CX
	MASK
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	MOVQ DX, R13
	SUBQ R8, R13
	SHLQ $2, R13              // bytes in whole vectors
	VXORPS Z2, Z2, Z2
	XORQ AX, AX
	JMP squaretest
square16:
	VMOVUPS (SI)(AX*1), Z0
	VFMADD231PS Z0, Z0, Z2
	ADDQ $64, AX
squaretest:
	CMPQ AX, R13
	JLT square16
	TESTQ R8, R8
	JZ root
	VMOVUPS.Z (SI)(AX*1), K1, Z0
	VFMADD231PS Z0, Z0, Z2
root:
	VMOVAPS Z2, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS Y1, Y0, Y0         // i and i+8
	SUM8
	MEAN(DX)
	ROOT(eps+72(FP))
	VBROADCASTSS X0, Z4
	XORQ AX, AX
	JMP applytest
apply16:
	VMULPS (SI)(AX*1), Z4, Z0 // x/√
	VMULPS (R11)(AX*1), Z0, Z0
	VMOVUPS Z0, (DI)(AX*1)
	ADDQ $64, AX
applytest:
	CMPQ AX, R13
	JLT apply16
	TESTQ R8, R8
	JZ done
	VMOVUPS.Z (SI)(AX*1), K1, Z0
	VMULPS Z0, Z4, Z0
	VMOVUPS.Z (R11)(AX*1), K1, Z1
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(AX*1)
done:
	VZEROUPPER
	RET

// func axpyAVX512(dst, x []float32, a float32)
// dst += a·x. DI = dst, SI = x, Z2 = a, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·axpyAVX512(SB), 0, $0-52
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	VBROADCASTSS a+48(FP), Z2
	MOVQ CX, DX
	MASK
	SUBQ $16, DX
	JL tail
loop16:
	VMOVUPS (DI), Z0
	VFMADD231PS (SI), Z2, Z0
	VMOVUPS Z0, (DI)
	ADDQ $64, DI
	ADDQ $64, SI
	SUBQ $16, DX
	JGE loop16
tail:
	KTESTW K1, K1
	JZ done
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z (SI), K1, Z1
	VFMADD231PS Z1, Z2, Z0
	VMOVUPS Z0, K1, (DI)
done:
	VZEROUPPER
	RET

// func mulAVX512(dst, x []float32)
// dst = dst∘x. DI = dst, SI = x, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·mulAVX512(SB), 0, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ CX, DX
	MASK
	SUBQ $16, DX
	JL tail
loop16:
	VMOVUPS (DI), Z0
	VMULPS (SI), Z0, Z0
	VMOVUPS Z0, (DI)
	ADDQ $64, DI
	ADDQ $64, SI
	SUBQ $16, DX
	JGE loop16
tail:
	KTESTW K1, K1
	JZ done
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z (SI), K1, Z1
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)
done:
	VZEROUPPER
	RET

// func maxAVX512(dst, x []float32)
// dst = the larger of dst and x, a NaN in either stays. DI = dst, SI = x, K1
// the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·maxAVX512(SB), 0, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ CX, DX
	MASK
	SUBQ $16, DX
	JL tail
loop16:
	VMOVUPS (DI), Z0
	VMOVUPS (SI), Z1
	LARGER
	VMOVUPS Z0, (DI)
	ADDQ $64, DI
	ADDQ $64, SI
	SUBQ $16, DX
	JGE loop16
tail:
	KTESTW K1, K1
	JZ done
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z (SI), K1, Z1
	LARGER
	VMOVUPS Z0, K1, (DI)
done:
	VZEROUPPER
	RET

// func scaleAVX512(dst []float32, a float32)
// dst *= a. DI = dst, Z2 = a, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·scaleAVX512(SB), 0, $0-28
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	VBROADCASTSS a+24(FP), Z2
	MOVQ CX, DX
	MASK
	SUBQ $16, DX
	JL tail
loop16:
	VMULPS (DI), Z2, Z0
	VMOVUPS Z0, (DI)
	ADDQ $64, DI
	SUBQ $16, DX
	JGE loop16
tail:
	KTESTW K1, K1
	JZ done
	VMOVUPS.Z (DI), K1, Z0
	VMULPS Z0, Z2, Z0
	VMOVUPS Z0, K1, (DI)
done:
	VZEROUPPER
	RET

// func packExponentialsAVX512(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32)
// softmaxAVX512 row by row, with the results stored as packRows does: DI = where
// the row begins in dst, R11 R12 R13 the bytes of 1, 3 and 4 groups, SI = the
// row, R10 = rows left, Z7 = highest, Z8 = factor, Z9 = 16 partial sums, K1 the tail's lanes.
// Requires: AVX-512 F, DQ
TEXT ·packExponentialsAVX512(SB), 0, $0-64
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ rows+24(FP), R10
	MOVQ cols+32(FP), CX
	MASK
	MOVQ R10, R11
	SHLQ $4, R11
	LEAQ (R11)(R11*2), R12
	LEAQ (R12)(R11*1), R13
row:
	MOVQ cols+32(FP), DX
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	SUBQ R8, DX               // elements in whole vectors
	MOVQ highest+48(FP), AX
	VBROADCASTSS (AX), Z6
	VMOVAPS Z6, Z7
	MOVQ SI, AX
	MOVQ DX, BX
	SUBQ $32, BX
	JL max16
max32:
	VMOVUPS (AX), Z0
	VMOVUPS 64(AX), Z1
	VMAXPS Z6, Z0, Z6         // Z6 = max(x[i:i+16], Z6), a NaN is left out
	VMAXPS Z7, Z1, Z7
	ADDQ $128, AX
	SUBQ $32, BX
	JGE max32
max16:
	ADDQ $32, BX
	JZ maxtail
	VMOVUPS (AX), Z0
	VMAXPS Z7, Z0, Z7
	ADDQ $64, AX
maxtail:
	VBROADCASTSS negInf<>(SB), Z0
	VMOVUPS (AX), K1, Z0      // Z0 = the tail, else -∞
	VMAXPS Z7, Z0, Z7
	VMAXPS Z7, Z6, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS Y1, Y0, Y0
	MAX8
	MOVQ highest+48(FP), AX
	VMOVSS X0, (AX)
	ADDQ $4, AX
	MOVQ AX, highest+48(FP)
	VBROADCASTSS X0, Z7
	VBROADCASTSS factor+40(FP), Z8
	VXORPS Z9, Z9, Z9
	MOVQ SI, AX
	MOVQ DI, BX
	TESTQ DX, DX
	JZ tail
loop16:
	VMOVUPS (AX), Z0
	VSUBPS Z7, Z0, Z0
	VMULPS Z8, Z0, Z0         // (x-highest)·factor
	POWER2
	VADDPS Z0, Z9, Z9
	VEXTRACTF32X4 $1, Z0, X1
	VEXTRACTF32X4 $2, Z0, X2
	VEXTRACTF32X4 $3, Z0, X3
	VMOVUPS X0, (BX)
	VMOVUPS X1, (BX)(R11*1)
	VMOVUPS X2, (BX)(R11*2)
	VMOVUPS X3, (BX)(R12*1)
	ADDQ $64, AX
	ADDQ R13, BX
	SUBQ $16, DX
	JG loop16
tail:
	TESTQ R8, R8
	JZ done
	VMOVUPS.Z (AX), K1, Z0
	VSUBPS Z7, Z0, Z0
	VMULPS Z8, Z0, Z0
	POWER2
	VMOVAPS.Z Z0, K1, Z0      // 0 beyond the tail
	VADDPS Z0, Z9, Z9
	VMOVUPS X0, (BX)
	CMPQ R8, $4
	JLE done
	VEXTRACTF32X4 $1, Z0, X1
	VMOVUPS X1, (BX)(R11*1)
	CMPQ R8, $8
	JLE done
	VEXTRACTF32X4 $2, Z0, X2
	VMOVUPS X2, (BX)(R11*2)
	CMPQ R8, $12
	JLE done
	VEXTRACTF32X4 $3, Z0, X3
	VMOVUPS X3, (BX)(R12*1)
done:
	VMOVAPS Z9, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS Y1, Y0, Y0         // i and i+8
	SUM8
	MOVQ totals+56(FP), AX
	VMOVSS X0, (AX)
	ADDQ $4, AX
	MOVQ AX, totals+56(FP)
	MOVQ ld+16(FP), AX
	LEAQ (SI)(AX*4), SI
	ADDQ $16, DI
	DECQ R10
	JNZ row
	VZEROUPPER
	RET
