//go:build amd64 && !purego

#include "textflag.h"

#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define V5 Y5
#define V6 Y6
#define LANES 8
#define VADDPSC VADDPS
#define VSUBPSC VSUBPS
#define VANDPSC VANDPS
#define VXORPSC VXORPS
#define VFMADD213PSC VFMADD213PS
#define VFMADD231PSC VFMADD231PS
#define VFNMADD231PSC VFNMADD231PS
#define LOADTAIL(P, V) VMASKMOVPS (P), Y15, V
#define STORETAIL(V, P) VMASKMOVPS V, Y15, (P)

#include "rows_amd64.h"

// lanes is 16 words of ones, then 16 of zeros: the 16 words at (16-n)·4 bytes
// are a mask of n lanes.
DATA lanes<>+0(SB)/8, $0xffffffffffffffff
DATA lanes<>+8(SB)/8, $0xffffffffffffffff
DATA lanes<>+16(SB)/8, $0xffffffffffffffff
DATA lanes<>+24(SB)/8, $0xffffffffffffffff
DATA lanes<>+32(SB)/8, $0xffffffffffffffff
DATA lanes<>+40(SB)/8, $0xffffffffffffffff
DATA lanes<>+48(SB)/8, $0xffffffffffffffff
DATA lanes<>+56(SB)/8, $0xffffffffffffffff
DATA lanes<>+64(SB)/8, $0
DATA lanes<>+72(SB)/8, $0
DATA lanes<>+80(SB)/8, $0
DATA lanes<>+88(SB)/8, $0
DATA lanes<>+96(SB)/8, $0
DATA lanes<>+104(SB)/8, $0
DATA lanes<>+112(SB)/8, $0
DATA lanes<>+120(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $128

// MASK sets Y15 to the mask of N&7 lanes. Changes N, R9.
#define MASK(N) \
	ANDQ $7, N; \
	NEGQ N; \
	LEAQ lanes<>+64(SB), R9; \
	VMOVDQU (R9)(N*4), Y15

// MASK16 sets Y14 and Y15 to the mask of N&15 lanes. Changes N, R9.
#define MASK16(N) \
	ANDQ $15, N; \
	NEGQ N; \
	LEAQ lanes<>+64(SB), R9; \
	VMOVDQU (R9)(N*4), Y14; \
	VMOVDQU 32(R9)(N*4), Y15

// func geluAVX2(x []float32, ld, rows, cols int)
// x = x·Φ(x), Φ(x) = (1 + erf(x/√2))/2. Y0 = x[i:i+8], Y1 to Y6 as in GELU, Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·geluAVX2(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MOVQ CX, R8
	MASK(R8)
	ROWS(GELU)

// func roughGELUAVX2(x []float32, ld, rows, cols int)
// x = x·Φ(x), error 2.5e-5. Y0 = x[i:i+8], Y1 to Y5 as in ROUGHGELU, Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·roughGELUAVX2(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MOVQ CX, R8
	MASK(R8)
	ROWS(ROUGHGELU)

// func geluTanhAVX2(x []float32, ld, rows, cols int)
// x = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). Y0 = x[i:i+8], Y1 to Y6 as in GELUTANH, Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·geluTanhAVX2(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MOVQ CX, R8
	MASK(R8)
	ROWS(GELUTANH)

// func siluAVX2(x []float32, ld, rows, cols int)
// x = x / (1 + exp(-x)). Y0 = x[i:i+8], Y1 to Y6 as in SILU, Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·siluAVX2(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MOVQ CX, R8
	MASK(R8)
	ROWS(SILU)

// func reluAVX2(x []float32, ld, rows, cols int)
// x = max(x, 0), a NaN stays. Y0 = x[i:i+8], Y1 to Y6 as in RELU, Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·reluAVX2(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MOVQ CX, R8
	MASK(R8)
	ROWS(RELU)

// func tanhAVX2(x []float32, ld, rows, cols int)
// x = tanh(x). Y0 = x[i:i+8], Y1 to Y6 as in TANH, Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·tanhAVX2(SB), 0, $0-48
	MOVQ x_base+0(FP), DI
	MOVQ ld+24(FP), SI
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MOVQ CX, R8
	MASK(R8)
	ROWS(TANH)

// func softmaxAVX2(x []float32, factor, least float32) (total, highest float32)
// x = 2^((x-highest)·factor), highest = max(x, least), total = Σ x. Y7 = highest, Y8 = factor,
// Y9 and Y10 = 16 partial sums, Y14 and Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·softmaxAVX2(SB), 0, $0-40
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), DX
	MOVQ DX, CX
	MASK16(CX)
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	SUBQ R8, DX               // elements in whole groups of 16
	VBROADCASTSS negInf<>(SB), Y5
	VBROADCASTSS least+28(FP), Y6
	VMOVAPS Y6, Y7
	MOVQ DI, AX
	MOVQ DX, BX
	TESTQ BX, BX
	JZ maxtail
max16:
	VMOVUPS (AX), Y0
	VMOVUPS 32(AX), Y1
	VMAXPS Y6, Y0, Y6         // Y6 = max(x[i:i+8], Y6), a NaN is left out
	VMAXPS Y7, Y1, Y7
	ADDQ $64, AX
	SUBQ $16, BX
	JG max16
maxtail:
	VMASKMOVPS (AX), Y14, Y0
	VMASKMOVPS 32(AX), Y15, Y1
	VBLENDVPS Y14, Y0, Y5, Y0 // Y0 = the tail, else -∞
	VBLENDVPS Y15, Y1, Y5, Y1
	VMAXPS Y6, Y0, Y6
	VMAXPS Y7, Y1, Y7
	VMAXPS Y7, Y6, Y0
	MAX8
	VMOVSS X0, highest+36(FP)
	VBROADCASTSS X0, Y7
	VBROADCASTSS factor+24(FP), Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	TESTQ DX, DX
	JZ tail
loop16:
	VMOVUPS (DI), Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0         // (x-highest)·factor
	POWER2
	VMOVUPS Y0, (DI)
	VADDPS Y0, Y9, Y9
	VMOVUPS 32(DI), Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0
	POWER2
	VMOVUPS Y0, 32(DI)
	VADDPS Y0, Y10, Y10
	ADDQ $64, DI
	SUBQ $16, DX
	JG loop16
tail:
	TESTQ R8, R8
	JZ done
	VMASKMOVPS (DI), Y14, Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0
	POWER2
	VMASKMOVPS Y0, Y14, (DI)
	VANDPS Y14, Y0, Y0        // 0 beyond the tail
	VADDPS Y0, Y9, Y9
	CMPQ R8, $8
	JLE done
	VMASKMOVPS 32(DI), Y15, Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0
	POWER2
	VMASKMOVPS Y0, Y15, 32(DI)
	VANDPS Y15, Y0, Y0
	VADDPS Y0, Y10, Y10
done:
	VADDPS Y10, Y9, Y0        // i and i+8
	SUM8
	VMOVSS X0, total+32(FP)
	VZEROUPPER
	RET

// func layerNormAVX2(dst, x, add, gamma, beta []float32, eps float32)
// dst = (s-mean(s))/√(var(s)+eps)·gamma + beta, s = x+add. DI = dst, SI = x,
// later s, R10 = add, R11 = gamma, R12 = beta, AX the offset in bytes, Y2 and
// Y5 = 16 partial sums, Y3 = mean, Y4 = 1/√, Y14 and Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·layerNormAVX2(SB), 0, $0-124
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	MOVQ add_base+48(FP), R10
	MOVQ gamma_base+72(FP), R11
	MOVQ beta_base+96(FP), R12
	MOVQ DX, CX
	MASK16(CX)
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	MOVQ DX, R13
	SUBQ R8, R13
	SHLQ $2, R13              // bytes in whole groups of 16
	VXORPS Y2, Y2, Y2
	VXORPS Y5, Y5, Y5
	XORQ AX, AX
	CMPQ add_len+56(FP), $0
	JNE addtest
	JMP sumtest
add16:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS 32(SI)(AX*1), Y1
	VADDPS (R10)(AX*1), Y0, Y0 // s = x + add
	VADDPS 32(R10)(AX*1), Y1, Y1
	VMOVUPS Y0, (DI)(AX*1)
	VMOVUPS Y1, 32(DI)(AX*1)
	VADDPS Y0, Y2, Y2
	VADDPS Y1, Y5, Y5
	ADDQ $64, AX
addtest:
	CMPQ AX, R13
	JLT add16
	VMASKMOVPS (SI)(AX*1), Y14, Y0
	VMASKMOVPS 32(SI)(AX*1), Y15, Y1
	VMASKMOVPS (R10)(AX*1), Y14, Y6
	VMASKMOVPS 32(R10)(AX*1), Y15, Y7
	VADDPS Y6, Y0, Y0
	VADDPS Y7, Y1, Y1
	VADDPS Y0, Y2, Y2
	VADDPS Y1, Y5, Y5
	MOVQ DI, SI               // s is in dst
	TESTQ R8, R8
	JZ mean
	VMASKMOVPS Y0, Y14, (DI)(AX*1)
	VMASKMOVPS Y1, Y15, 32(DI)(AX*1)
	JMP mean
sum16:
	VADDPS (SI)(AX*1), Y2, Y2
	VADDPS 32(SI)(AX*1), Y5, Y5
	ADDQ $64, AX
sumtest:
	CMPQ AX, R13
	JLT sum16
	VMASKMOVPS (SI)(AX*1), Y14, Y0
	VMASKMOVPS 32(SI)(AX*1), Y15, Y1
	VADDPS Y0, Y2, Y2
	VADDPS Y1, Y5, Y5
mean:
	VADDPS Y5, Y2, Y0         // i and i+8
	SUM8
	MEAN(DX)
	VBROADCASTSS X0, Y3
	VXORPS Y2, Y2, Y2
	VXORPS Y5, Y5, Y5
	XORQ AX, AX
	JMP squaretest
square16:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS 32(SI)(AX*1), Y1
	VSUBPS Y3, Y0, Y0         // s - mean
	VSUBPS Y3, Y1, Y1
	VFMADD231PS Y0, Y0, Y2
	VFMADD231PS Y1, Y1, Y5
	ADDQ $64, AX
squaretest:
	CMPQ AX, R13
	JLT square16
	VMASKMOVPS (SI)(AX*1), Y14, Y0
	VMASKMOVPS 32(SI)(AX*1), Y15, Y1
	VSUBPS Y3, Y0, Y0
	VSUBPS Y3, Y1, Y1
	VANDPS Y14, Y0, Y0        // 0 beyond the tail
	VANDPS Y15, Y1, Y1
	VFMADD231PS Y0, Y0, Y2
	VFMADD231PS Y1, Y1, Y5
	VADDPS Y5, Y2, Y0         // i and i+8
	SUM8
	MEAN(DX)
	ROOT(eps+120(FP))
	VBROADCASTSS X0, Y4
	XORQ AX, AX
	JMP applytest
apply16:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS 32(SI)(AX*1), Y1
	VSUBPS Y3, Y0, Y0
	VSUBPS Y3, Y1, Y1
	VMULPS Y4, Y0, Y0         // (s-mean)/√
	VMULPS Y4, Y1, Y1
	VMOVUPS (R11)(AX*1), Y6
	VMOVUPS 32(R11)(AX*1), Y7
	VFMADD213PS (R12)(AX*1), Y6, Y0
	VFMADD213PS 32(R12)(AX*1), Y7, Y1
	VMOVUPS Y0, (DI)(AX*1)
	VMOVUPS Y1, 32(DI)(AX*1)
	ADDQ $64, AX
applytest:
	CMPQ AX, R13
	JLT apply16
	TESTQ R8, R8
	JZ done
	VMASKMOVPS (SI)(AX*1), Y14, Y0
	VMASKMOVPS 32(SI)(AX*1), Y15, Y1
	VSUBPS Y3, Y0, Y0
	VSUBPS Y3, Y1, Y1
	VMULPS Y4, Y0, Y0
	VMULPS Y4, Y1, Y1
	VMASKMOVPS (R11)(AX*1), Y14, Y6
	VMASKMOVPS 32(R11)(AX*1), Y15, Y7
	VMASKMOVPS (R12)(AX*1), Y14, Y8
	VMASKMOVPS 32(R12)(AX*1), Y15, Y9
	VFMADD213PS Y8, Y6, Y0
	VFMADD213PS Y9, Y7, Y1
	VMASKMOVPS Y0, Y14, (DI)(AX*1)
	VMASKMOVPS Y1, Y15, 32(DI)(AX*1)
done:
	VZEROUPPER
	RET

// func rmsNormAVX2(dst, x, gamma []float32, eps float32)
// dst = x/√(mean(x²)+eps)·gamma. DI = dst, SI = x, R11 = gamma, AX the offset
// in bytes, Y2 and Y5 = 16 partial sums, Y4 = 1/√, Y14 and Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·rmsNormAVX2(SB), 0, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	MOVQ gamma_base+48(FP), R11
	MOVQ DX, CX
	MASK16(CX)
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	MOVQ DX, R13
	SUBQ R8, R13
	SHLQ $2, R13              // bytes in whole groups of 16
	VXORPS Y2, Y2, Y2
	VXORPS Y5, Y5, Y5
	XORQ AX, AX
	JMP squaretest
square16:
	VMOVUPS (SI)(AX*1), Y0
	VMOVUPS 32(SI)(AX*1), Y1
	VFMADD231PS Y0, Y0, Y2
	VFMADD231PS Y1, Y1, Y5
	ADDQ $64, AX
squaretest:
	CMPQ AX, R13
	JLT square16
	VMASKMOVPS (SI)(AX*1), Y14, Y0
	VMASKMOVPS 32(SI)(AX*1), Y15, Y1
	VFMADD231PS Y0, Y0, Y2
	VFMADD231PS Y1, Y1, Y5
	VADDPS Y5, Y2, Y0         // i and i+8
	SUM8
	MEAN(DX)
	ROOT(eps+72(FP))
	VBROADCASTSS X0, Y4
	XORQ AX, AX
	JMP applytest
apply16:
	VMULPS (SI)(AX*1), Y4, Y0 // x/√
	VMULPS 32(SI)(AX*1), Y4, Y1
	VMULPS (R11)(AX*1), Y0, Y0
	VMULPS 32(R11)(AX*1), Y1, Y1
	VMOVUPS Y0, (DI)(AX*1)
	VMOVUPS Y1, 32(DI)(AX*1)
	ADDQ $64, AX
applytest:
	CMPQ AX, R13
	JLT apply16
	TESTQ R8, R8
	JZ done
	VMASKMOVPS (SI)(AX*1), Y14, Y0
	VMASKMOVPS 32(SI)(AX*1), Y15, Y1
	VMULPS Y0, Y4, Y0
	VMULPS Y1, Y4, Y1
	VMASKMOVPS (R11)(AX*1), Y14, Y6
	VMASKMOVPS 32(R11)(AX*1), Y15, Y7
	VMULPS Y6, Y0, Y0
	VMULPS Y7, Y1, Y1
	VMASKMOVPS Y0, Y14, (DI)(AX*1)
	VMASKMOVPS Y1, Y15, 32(DI)(AX*1)
done:
	VZEROUPPER
	RET

// func axpyAVX2(dst, x []float32, a float32)
// dst += a·x. DI = dst, SI = x, Y2 = a, Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·axpyAVX2(SB), 0, $0-52
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	VBROADCASTSS a+48(FP), Y2
	MOVQ DX, CX
	MASK(CX)
	SUBQ $8, DX
	JL tail
loop8:
	VMOVUPS (DI), Y0
	VFMADD231PS (SI), Y2, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	SUBQ $8, DX
	JGE loop8
tail:
	TESTQ CX, CX
	JZ done
	VMASKMOVPS (DI), Y15, Y0
	VMASKMOVPS (SI), Y15, Y1
	VFMADD231PS Y1, Y2, Y0
	VMASKMOVPS Y0, Y15, (DI)
done:
	VZEROUPPER
	RET

// func mulAVX2(dst, x []float32)
// dst = dst∘x. DI = dst, SI = x, Y15 the tail's lanes.
// Requires: AVX2
TEXT ·mulAVX2(SB), 0, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	MOVQ DX, CX
	MASK(CX)
	SUBQ $8, DX
	JL tail
loop8:
	VMOVUPS (DI), Y0
	VMULPS (SI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	SUBQ $8, DX
	JGE loop8
tail:
	TESTQ CX, CX
	JZ done
	VMASKMOVPS (DI), Y15, Y0
	VMASKMOVPS (SI), Y15, Y1
	VMULPS Y1, Y0, Y0
	VMASKMOVPS Y0, Y15, (DI)
done:
	VZEROUPPER
	RET

// func maxAVX2(dst, x []float32)
// dst = the larger of dst and x, a NaN in either stays. DI = dst, SI = x, Y15
// the tail's lanes.
// Requires: AVX2
TEXT ·maxAVX2(SB), 0, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	MOVQ DX, CX
	MASK(CX)
	SUBQ $8, DX
	JL tail
loop8:
	VMOVUPS (DI), Y0
	VMOVUPS (SI), Y1
	LARGER
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	SUBQ $8, DX
	JGE loop8
tail:
	TESTQ CX, CX
	JZ done
	VMASKMOVPS (DI), Y15, Y0
	VMASKMOVPS (SI), Y15, Y1
	LARGER
	VMASKMOVPS Y0, Y15, (DI)
done:
	VZEROUPPER
	RET

// func scaleAVX2(dst []float32, a float32)
// dst *= a. DI = dst, Y2 = a, Y15 the tail's lanes.
// Requires: AVX2
TEXT ·scaleAVX2(SB), 0, $0-28
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), DX
	VBROADCASTSS a+24(FP), Y2
	MOVQ DX, CX
	MASK(CX)
	SUBQ $8, DX
	JL tail
loop8:
	VMULPS (DI), Y2, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	SUBQ $8, DX
	JGE loop8
tail:
	TESTQ CX, CX
	JZ done
	VMASKMOVPS (DI), Y15, Y0
	VMULPS Y0, Y2, Y0
	VMASKMOVPS Y0, Y15, (DI)
done:
	VZEROUPPER
	RET

// func packExponentialsAVX2(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32)
// softmaxAVX2 row by row, with the results stored as packRows does: DI = where
// the row begins in dst, R11 R12 R13 the bytes of 1, 3 and 4 groups, SI = the row,
// R10 = rows left, Y7 = highest, Y8 = factor, Y9 and Y10 = 16 partial sums, Y14 and
// Y15 the tail's lanes.
// Requires: AVX2, FMA
TEXT ·packExponentialsAVX2(SB), 0, $0-64
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ rows+24(FP), R10
	MOVQ cols+32(FP), CX
	MASK16(CX)
	MOVQ R10, R11
	SHLQ $4, R11
	LEAQ (R11)(R11*2), R12
	LEAQ (R12)(R11*1), R13
row:
	MOVQ cols+32(FP), DX
	MOVQ DX, R8
	ANDQ $15, R8              // elements of the tail
	SUBQ R8, DX               // elements in whole groups of 16
	VBROADCASTSS negInf<>(SB), Y5
	MOVQ highest+48(FP), AX
	VBROADCASTSS (AX), Y6
	VMOVAPS Y6, Y7
	MOVQ SI, AX
	MOVQ DX, BX
	TESTQ BX, BX
	JZ maxtail
max16:
	VMOVUPS (AX), Y0
	VMOVUPS 32(AX), Y1
	VMAXPS Y6, Y0, Y6         // Y6 = max(x[i:i+8], Y6), a NaN is left out
	VMAXPS Y7, Y1, Y7
	ADDQ $64, AX
	SUBQ $16, BX
	JG max16
maxtail:
	VMASKMOVPS (AX), Y14, Y0
	VMASKMOVPS 32(AX), Y15, Y1
	VBLENDVPS Y14, Y0, Y5, Y0 // Y0 = the tail, else -∞
	VBLENDVPS Y15, Y1, Y5, Y1
	VMAXPS Y6, Y0, Y6
	VMAXPS Y7, Y1, Y7
	VMAXPS Y7, Y6, Y0
	MAX8
	MOVQ highest+48(FP), AX
	VMOVSS X0, (AX)
	ADDQ $4, AX
	MOVQ AX, highest+48(FP)
	VBROADCASTSS X0, Y7
	VBROADCASTSS factor+40(FP), Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	MOVQ SI, AX
	MOVQ DI, BX
	TESTQ DX, DX
	JZ tail
loop16:
	VMOVUPS (AX), Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0         // (x-highest)·factor
	POWER2
	VADDPS Y0, Y9, Y9
	VEXTRACTF128 $1, Y0, X1
	VMOVUPS X0, (BX)
	VMOVUPS X1, (BX)(R11*1)
	VMOVUPS 32(AX), Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0
	POWER2
	VADDPS Y0, Y10, Y10
	VEXTRACTF128 $1, Y0, X1
	VMOVUPS X0, (BX)(R11*2)
	VMOVUPS X1, (BX)(R12*1)
	ADDQ $64, AX
	ADDQ R13, BX
	SUBQ $16, DX
	JG loop16
tail:
	TESTQ R8, R8
	JZ done
	VMASKMOVPS (AX), Y14, Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0
	POWER2
	VANDPS Y14, Y0, Y0        // 0 beyond the tail
	VADDPS Y0, Y9, Y9
	VMOVUPS X0, (BX)
	CMPQ R8, $4
	JLE done
	VEXTRACTF128 $1, Y0, X1
	VMOVUPS X1, (BX)(R11*1)
	CMPQ R8, $8
	JLE done
	VMASKMOVPS 32(AX), Y15, Y0
	VSUBPS Y7, Y0, Y0
	VMULPS Y8, Y0, Y0
	POWER2
	VANDPS Y15, Y0, Y0
	VADDPS Y0, Y10, Y10
	VMOVUPS X0, (BX)(R11*2)
	CMPQ R8, $12
	JLE done
	VEXTRACTF128 $1, Y0, X1
	VMOVUPS X1, (BX)(R12*1)
done:
	VADDPS Y10, Y9, Y0        // i and i+8
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

// func addScaledAVX2(dst, x *float32, stride, ld, rows, cols int, factors *float32)
// Each row of dst times its factor, and that of x added. DI = the row of dst, R11 = stride in
// bytes, SI = that of x, R12 = ld in bytes, DX = rows left, R10 = factors, CX = elements in
// whole vectors, AX the place in the rows, in bytes, BX = elements left, Y1 = the factor, Y15
// the lanes of the last cols&7.
// Requires: AVX2, FMA
TEXT ·addScaledAVX2(SB), 0, $0-56
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R11
	MOVQ ld+24(FP), R12
	MOVQ rows+32(FP), DX
	MOVQ cols+40(FP), CX
	MOVQ factors+48(FP), R10
	SHLQ $2, R11
	SHLQ $2, R12
	MOVQ CX, R8
	MASK(R8)
	MOVQ CX, R8
	ANDQ $7, R8               // elements of the tail
	SUBQ R8, CX
row:
	VBROADCASTSS (R10), Y1
	XORQ AX, AX
	MOVQ CX, BX
	TESTQ BX, BX
	JZ tail
vector:
	VMOVUPS (DI)(AX*1), Y0
	VFMADD213PS (SI)(AX*1), Y1, Y0 // dst·factor + x
	VMOVUPS Y0, (DI)(AX*1)
	ADDQ $32, AX
	SUBQ $8, BX
	JG vector
tail:
	TESTQ R8, R8
	JZ next
	VMASKMOVPS (DI)(AX*1), Y15, Y0
	VMASKMOVPS (SI)(AX*1), Y15, Y2
	VFMADD213PS Y2, Y1, Y0
	VMASKMOVPS Y0, Y15, (DI)(AX*1)
next:
	ADDQ R11, DI
	ADDQ R12, SI
	ADDQ $4, R10
	DECQ DX
	JNZ row
	VZEROUPPER
	RET

// TURN: Y0 and Y1, the halves at hand, turned by the cosines Y2 and the sines Y3, to Y5 and
// Y6. Changes Y4.
#define TURN \
	VMULPS Y3, Y1, Y4; \
	VMULPS Y2, Y0, Y5; \
	VSUBPS Y4, Y5, Y5; \         // a·cos - b·sin
	VMULPS Y3, Y0, Y4; \
	VMULPS Y2, Y1, Y6; \
	VADDPS Y4, Y6, Y6             // b·cos + a·sin

// func rotateAVX2(heads *float32, count, half int, angles *float32)
// Each head turned. DI = the head's first half, R9 = its second one, SI = cosines, R10 =
// sines, DX = heads left, CX = elements of a half in whole vectors, R11 = bytes of a half, AX =
// the place in the halves, in bytes, BX = elements left, R8 = those of the tail, Y15 its lanes.
// Requires: AVX2
TEXT ·rotateAVX2(SB), NOSPLIT, $0-32
	MOVQ heads+0(FP), DI
	MOVQ count+8(FP), DX
	MOVQ half+16(FP), CX
	MOVQ angles+24(FP), SI
	LEAQ (CX*4), R11
	LEAQ (SI)(R11*1), R10
	MOVQ CX, R8
	MASK(R8)
	MOVQ CX, R8
	ANDQ $7, R8
	SUBQ R8, CX
head:
	LEAQ (DI)(R11*1), R9
	XORQ AX, AX
	MOVQ CX, BX
	TESTQ BX, BX
	JZ tail
vector:
	VMOVUPS (DI)(AX*1), Y0
	VMOVUPS (R9)(AX*1), Y1
	VMOVUPS (SI)(AX*1), Y2
	VMOVUPS (R10)(AX*1), Y3
	TURN
	VMOVUPS Y5, (DI)(AX*1)
	VMOVUPS Y6, (R9)(AX*1)
	ADDQ $32, AX
	SUBQ $8, BX
	JG vector
tail:
	TESTQ R8, R8
	JZ next
	VMASKMOVPS (DI)(AX*1), Y15, Y0
	VMASKMOVPS (R9)(AX*1), Y15, Y1
	VMASKMOVPS (SI)(AX*1), Y15, Y2
	VMASKMOVPS (R10)(AX*1), Y15, Y3
	TURN
	VMASKMOVPS Y5, Y15, (DI)(AX*1)
	VMASKMOVPS Y6, Y15, (R9)(AX*1)
next:
	LEAQ (R9)(R11*1), DI
	DECQ DX
	JNZ head
	VZEROUPPER
	RET

// func divideRowsAVX2(x *float32, ld, rows, cols int, totals *float32)
// Each row of x times 1/total. DI = the row, SI = ld in bytes, DX = rows left, R10
// = its total, Y1 = 1/total, Y15 the lanes of the last cols&7.
// Requires: AVX2
TEXT ·divideRowsAVX2(SB), 0, $0-40
	MOVQ x+0(FP), DI
	MOVQ ld+8(FP), SI
	MOVQ rows+16(FP), DX
	MOVQ cols+24(FP), CX
	MOVQ totals+32(FP), R10
	SHLQ $2, SI
	MOVQ CX, R8
	ANDQ $7, R8               // elements of the tail
	SUBQ R8, CX
	LEAQ lanes<>(SB), R9
	SHLQ $2, R8
	SUBQ R8, R9
	VMOVUPS 64(R9), Y15
row:
	VMOVSS one<>(SB), X1
	VDIVSS (R10), X1, X1
	VBROADCASTSS X1, Y1
	MOVQ DI, AX
	MOVQ CX, BX
	TESTQ BX, BX
	JZ tail
vector:
	VMULPS (AX), Y1, Y0
	VMOVUPS Y0, (AX)
	ADDQ $32, AX
	SUBQ $8, BX
	JG vector
tail:
	TESTQ R8, R8
	JZ next
	VMASKMOVPS (AX), Y15, Y0
	VMULPS Y0, Y1, Y0
	VMASKMOVPS Y0, Y15, (AX)
next:
	ADDQ SI, DI
	ADDQ $4, R10
	DECQ DX
	JNZ row
	VZEROUPPER
	RET
