// The arithmetic that the AVX2 and the AVX-512 kernels share: one order of
// steps, so one result. A file that includes this one names its vectors V0 to
// V6 (ymm or zmm), its instructions with a broadcast constant (VADDPSC and so
// on), LANES (elements per vector), and LOADTAIL and STORETAIL, which move the
// elements left over at the end of a row.
//
// The coefficients come from testdata/fit.py. VMAXPS and VMINPS return their
// second source (the first operand here) where either is a NaN: the value in
// work always stands there, so that a NaN stays a NaN.

// CONST makes eight copies of a float32 given by its bits: a ymm operand, or
// the source of a broadcast.
#define CONST(name, bits) \
	DATA name<>+0(SB)/4, $bits; \
	DATA name<>+4(SB)/4, $bits; \
	DATA name<>+8(SB)/4, $bits; \
	DATA name<>+12(SB)/4, $bits; \
	DATA name<>+16(SB)/4, $bits; \
	DATA name<>+20(SB)/4, $bits; \
	DATA name<>+24(SB)/4, $bits; \
	DATA name<>+28(SB)/4, $bits; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

CONST(one, 0x3f800000)         // 1
CONST(sign, 0x80000000)        // the sign bit
CONST(magnitude, 0x7fffffff)   // all other bits
CONST(negInf, 0xff800000)      // -∞

// Softmax.
CONST(powerLow, 0xc2fe0000)    // -127: the factor is 0

// exp.
CONST(expLow, 0xc2b00f34)      // -127·ln 2: n = -127, factor 0
CONST(expHigh, 0x42b20000)     // 89: n = 128, factor +∞
CONST(log2e, 0x3fb8aa3b)       // log₂ e
CONST(ln2High, 0x3f317218)     // ln 2 as a float32
CONST(ln2Low, 0xb102e308)      // ln 2 - ln2High
CONST(round127, 0x4b40007f)    // 1.5·2²³ + 127
CONST(exp2, 0x3efffffe)        // exp2 to exp6: e^r = 1 + r + exp2·r² + …, relative error 3.2e-9 in |r| ≤ ln 2 / 2
CONST(exp3, 0x3e2aaa49)
CONST(exp4, 0x3d2aac5f)
CONST(exp5, 0x3c091cf0)
CONST(exp6, 0x3ab51fdb)

// GELU.
CONST(phiHigh, 0x41263611)     // 10.3882: log₂ Φ is -127 there
CONST(phi0, 0xbf800000)        // phi0 to phi8: log₂ Φ(-a), weighted error a·Φ(-a)·ln 2·|Δ| ≤ 9.1e-9 in 0 ≤ a ≤ 14
CONST(phi1, 0xbf93579b)
CONST(phi2, 0xbeeb1755)
CONST(phi3, 0xbd578f75)
CONST(phi4, 0x3bed6572)
CONST(phi5, 0xb98e6c52)
CONST(phi6, 0xb90a04be)
CONST(phi7, 0x37eb97e9)
CONST(phi8, 0xb5ff91ff)
CONST(pow1, 0x3f317218)        // pow1 to pow6: 2^f = 1 + pow1·f + …, relative error 3e-9 in |f| ≤ 1/2
CONST(pow2, 0x3e75fdee)
CONST(pow3, 0x3d6357bd)
CONST(pow4, 0x3c1d96f0)
CONST(pow5, 0x3aaf84d3)
CONST(pow6, 0x3920b684)

// GELU to be rounded to bfloat16, and 2^f.
CONST(roughHigh, 0x40b00000)   // 5.5: a·Φ(-a) is 1e-7 there
CONST(rough0, 0xbf800fb7)        // rough0 to rough4: log₂ Φ(-a), weighted error a·Φ(-a)·ln 2·|Δ| ≤ 6.1e-6 in 0 ≤ a ≤ 5.5
CONST(rough1, 0xbf92dd19)
CONST(rough2, 0xbeef9f9f)
CONST(rough3, 0xbd348c84)
CONST(rough4, 0x3b7d612c)
CONST(short1, 0x3f317afd)        // short1 to short3: 2^f = 1 + short1·f + …, relative error 1.02e-4 in |f| ≤ 1/2
CONST(short2, 0x3e780627)
CONST(short3, 0x3d61510c)

// exp to be rounded to bfloat16: a word of sums.
CONST(ones, 0x3f803f80)        // a word of ones

// GELU by tanh.
CONST(cubic1, 0xbfcc422a)      // -2·√(2/π)
CONST(cubic3, 0xbd922279)      // -2·√(2/π)·0.044715

// tanh.
CONST(tanhHigh, 0x4114cccd)    // 9.3: a·P/Q is 1 + 2e-7 there, cut to 1
CONST(tanhP1, 0x3e0909ea)      // tanh x = x·P(x²)/Q(x²), P and Q start with 1, relative error 2.5e-8 in |x| ≤ 9.02
CONST(tanhP2, 0x3b6534f6)
CONST(tanhP3, 0x37ad167d)
CONST(tanhP4, 0x3265d8b5)
CONST(tanhQ1, 0x3eef2f9c)
CONST(tanhQ2, 0x3cd40b59)
CONST(tanhQ3, 0x39ac67ff)
CONST(tanhQ4, 0x35511246)

// EXP: V0 = exp(V0) for V0 ≤ 89. 0 below -126.5·ln 2 (-87.68), +∞ above
// 127.5·ln 2 (88.38). Changes V1, V2.
#define EXP \
	VBROADCASTSS expLow<>(SB), V1; \
	VMAXPS V0, V1, V0; \                      // x
	VBROADCASTSS round127<>(SB), V1; \
	VFMADD231PSC log2e<>(SB), V0, V1; \       // n + 127 in the low bits, n = round(x·log₂ e)
	VSUBPSC round127<>(SB), V1, V2; \         // n
	VFNMADD231PSC ln2High<>(SB), V2, V0; \
	VFNMADD231PSC ln2Low<>(SB), V2, V0; \     // r = x - n·ln 2
	VPSLLD $23, V1, V1; \                     // 2^n: 0 for -127, +∞ for 128
	VBROADCASTSS exp6<>(SB), V2; \
	VFMADD213PSC exp5<>(SB), V0, V2; \
	VFMADD213PSC exp4<>(SB), V0, V2; \
	VFMADD213PSC exp3<>(SB), V0, V2; \
	VFMADD213PSC exp2<>(SB), V0, V2; \
	VFMADD213PSC one<>(SB), V0, V2; \
	VFMADD213PSC one<>(SB), V0, V2; \         // e^r
	VMULPS V1, V2, V0                         // e^r·2^n

// FINEPOWER: V0 = 2^V2, V2 from -127, which gives 0, to 127, relative error 3e-9 and that of
// float32's steps. Changes V2, V3, V4.
#define FINEPOWER \
	VADDPSC round127<>(SB), V2, V3; \         // n + 127 in the low bits, n = round(V2)
	VSUBPSC round127<>(SB), V3, V4; \         // n
	VSUBPS V4, V2, V2; \                      // f = V2 - n
	VPSLLD $23, V3, V3; \                     // 2^n: 0 for -127
	VBROADCASTSS pow6<>(SB), V0; \
	VFMADD213PSC pow5<>(SB), V2, V0; \
	VFMADD213PSC pow4<>(SB), V2, V0; \
	VFMADD213PSC pow3<>(SB), V2, V0; \
	VFMADD213PSC pow2<>(SB), V2, V0; \
	VFMADD213PSC pow1<>(SB), V2, V0; \
	VFMADD213PSC one<>(SB), V2, V0; \         // 2^f
	VMULPS V3, V0, V0

// POWER2: V0 = 2^V0 for V0 ≤ 127, 0 below -126.5. Changes V1 to V4.
#define POWER2 \
	VBROADCASTSS powerLow<>(SB), V1; \
	VMAXPS V0, V1, V2; \                      // a NaN stays
	FINEPOWER

// LOGISTIC: V0 = V4 / (1 + exp(V0)). Changes V1, V2.
#define LOGISTIC \
	VBROADCASTSS expHigh<>(SB), V1; \
	VMINPS V0, V1, V0; \                      // min(V0, 89)
	EXP; \
	VADDPSC one<>(SB), V0, V0; \              // 1 + e^V0
	VDIVPS V0, V4, V0

// SILU: V0 = V0 / (1 + exp(-V0)). Changes V1, V2, V4.
#define SILU \
	VMOVAPS V0, V4; \                         // x
	VXORPSC sign<>(SB), V0, V0; \             // -x
	LOGISTIC

// GELUTANH: V0 = V0/2·(1 + tanh(√(2/π)·(V0 + 0.044715·V0³))), which is
// V0 / (1 + exp(-2·√(2/π)·(V0 + 0.044715·V0³))). Changes V1, V2, V4.
#define GELUTANH \
	VMOVAPS V0, V4; \                         // x
	VMULPS V0, V0, V1; \                      // x²
	VBROADCASTSS cubic3<>(SB), V0; \
	VFMADD213PSC cubic1<>(SB), V1, V0; \
	VMULPS V4, V0, V0; \                      // -2·√(2/π)·(x + 0.044715·x³)
	LOGISTIC

// GELU: V0 = V0·Φ(V0) = max(V0, 0) - |V0|·Φ(-|V0|), Φ the normal distribution
// (1 + erf(x/√2))/2. Changes V1 to V6.
#define GELU \
	VXORPS V1, V1, V1; \
	VMAXPS V0, V1, V1; \                      // max(x, 0)
	VXORPSC sign<>(SB), V0, V5; \             // -x
	VANDPSC magnitude<>(SB), V0, V0; \        // |x|
	VBROADCASTSS phiHigh<>(SB), V2; \
	VMINPS V0, V2, V0; \                      // a = min(|x|, 10.39)
	VMAXPS V5, V0, V5; \                      // b: a for x > 0, |x| for x < 0, so that -∞ gives ∞·0
	VBROADCASTSS phi8<>(SB), V2; \
	VFMADD213PSC phi7<>(SB), V0, V2; \
	VFMADD213PSC phi6<>(SB), V0, V2; \
	VFMADD213PSC phi5<>(SB), V0, V2; \
	VFMADD213PSC phi4<>(SB), V0, V2; \
	VFMADD213PSC phi3<>(SB), V0, V2; \
	VFMADD213PSC phi2<>(SB), V0, V2; \
	VFMADD213PSC phi1<>(SB), V0, V2; \
	VFMADD213PSC phi0<>(SB), V0, V2; \        // y = log₂ Φ(-a), -127 to -1
	FINEPOWER; \                              // Φ(-a)
	VFNMADD213PS V1, V5, V0                   // max(x, 0) - b·Φ(-a)

// POWER: V0 = 2^V2, V2 from -127, which gives 0, to 127. Changes V2, V3, V4.
#define POWER \
	VADDPSC round127<>(SB), V2, V3; \         // n + 127 in the low bits, n = round(V2)
	VSUBPSC round127<>(SB), V3, V4; \         // n
	VSUBPS V4, V2, V2; \                      // f = V2 - n
	VPSLLD $23, V3, V3; \                     // 2^n: 0 for -127
	VBROADCASTSS short3<>(SB), V0; \
	VFMADD213PSC short2<>(SB), V2, V0; \
	VFMADD213PSC short1<>(SB), V2, V0; \
	VFMADD213PSC one<>(SB), V2, V0; \         // 2^f
	VMULPS V3, V0, V0

// ROUGHGELU: V0 = GELU(V0), error 2.5e-5. Changes V1 to V5.
#define ROUGHGELU \
	VXORPS V1, V1, V1; \
	VMAXPS V0, V1, V1; \                      // max(x, 0)
	VANDPSC magnitude<>(SB), V0, V5; \
	VBROADCASTSS roughHigh<>(SB), V2; \
	VMINPS V5, V2, V5; \                      // a = min(|x|, 5.5)
	VBROADCASTSS rough4<>(SB), V2; \
	VFMADD213PSC rough3<>(SB), V5, V2; \
	VFMADD213PSC rough2<>(SB), V5, V2; \
	VFMADD213PSC rough1<>(SB), V5, V2; \
	VFMADD213PSC rough0<>(SB), V5, V2; \      // log₂ Φ(-a)
	POWER; \                                  // Φ(-a)
	VFNMADD213PS V1, V5, V0                   // max(x, 0) - a·Φ(-a)

// RELU: V0 = max(V0, 0). Changes V1.
#define RELU \
	VXORPS V1, V1, V1; \
	VMAXPS V0, V1, V0

// TANH: V0 = tanh(V0). Changes V1 to V4.
#define TANH \
	VANDPSC magnitude<>(SB), V0, V1; \        // |x|
	VXORPS V0, V1, V4; \                      // the sign of x
	VBROADCASTSS tanhHigh<>(SB), V0; \
	VMINPS V1, V0, V0; \                      // a = min(|x|, 9.3)
	VMULPS V0, V0, V1; \                      // s = a²
	VBROADCASTSS tanhP4<>(SB), V2; \
	VFMADD213PSC tanhP3<>(SB), V1, V2; \
	VFMADD213PSC tanhP2<>(SB), V1, V2; \
	VFMADD213PSC tanhP1<>(SB), V1, V2; \
	VFMADD213PSC one<>(SB), V1, V2; \         // P(s)
	VMULPS V2, V0, V2; \                      // a·P(s)
	VBROADCASTSS tanhQ4<>(SB), V3; \
	VFMADD213PSC tanhQ3<>(SB), V1, V3; \
	VFMADD213PSC tanhQ2<>(SB), V1, V3; \
	VFMADD213PSC tanhQ1<>(SB), V1, V3; \
	VFMADD213PSC one<>(SB), V1, V3; \         // Q(s)
	VDIVPS V3, V2, V0; \
	VBROADCASTSS one<>(SB), V1; \
	VMINPS V0, V1, V0; \                      // min(a·P/Q, 1)
	VORPS V4, V0, V0

// LARGER: V0 = the larger of V0 and V1, a NaN where either is one, a zero of
// either sign where both are zeros. Changes V1, V2.
#define LARGER \
	VMAXPS V0, V1, V2; \                      // V0 where either is a NaN
	VMAXPS V1, V0, V1; \                      // V1 where either is a NaN
	VORPS V1, V2, V0

// ROWS applies STEPS to V0 for each vector of DX rows of CX elements at DI,
// SI elements apart, and ends the function. The tail mask is set before.
// AX is the place in the row, BX the vectors left, R8 the elements of the tail.
#define ROWS(STEPS) \
	SHLQ $2, SI; \                            // bytes from row to row
	MOVQ CX, R8; \
	ANDQ $(LANES-1), R8; \
	SUBQ R8, CX; \                            // elements in whole vectors
	TESTQ DX, DX; \
	JLE done; \
row: \
	MOVQ DI, AX; \
	MOVQ CX, BX; \
	TESTQ BX, BX; \
	JLE tail; \
vector: \
	VMOVUPS (AX), V0; \
	STEPS; \
	VMOVUPS V0, (AX); \
	ADDQ $(4*LANES), AX; \
	SUBQ $LANES, BX; \
	JG vector; \
tail: \
	TESTQ R8, R8; \
	JZ next; \
	LOADTAIL(AX, V0); \
	STEPS; \
	STORETAIL(V0, AX); \
next: \
	ADDQ SI, DI; \
	DECQ DX; \
	JNZ row; \
done: \
	VZEROUPPER; \
	RET

// SUM8: X0[0] = ((Y0[0]+Y0[4]) + (Y0[2]+Y0[6])) + ((Y0[1]+Y0[5]) + (Y0[3]+Y0[7])). Changes Y1.
#define SUM8 \
	VEXTRACTF128 $1, Y0, X1; \
	VADDPS X1, X0, X0; \                      // i and i+4
	VMOVHLPS X0, X0, X1; \
	VADDPS X1, X0, X0; \                      // i and i+2
	VMOVSHDUP X0, X1; \
	VADDSS X1, X0, X0                         // 0 and 1

// MAX8: X0[0] = the largest of the 8 elements of Y0, none a NaN. Changes Y1.
#define MAX8 \
	VEXTRACTF128 $1, Y0, X1; \
	VMAXPS X1, X0, X0; \
	VMOVHLPS X0, X0, X1; \
	VMAXPS X1, X0, X0; \
	VMOVSHDUP X0, X1; \
	VMAXSS X1, X0, X0

// MEAN: X0[0] = X0[0] / N, N an integer register. Changes X1.
#define MEAN(N) \
	VXORPS X1, X1, X1; \
	VCVTSI2SSQ N, X1, X1; \
	VDIVSS X1, X0, X0

// ROOT: X0[0] = 1 / √(X0[0] + eps). Changes X1.
#define ROOT(eps) \
	VADDSS eps, X0, X0; \
	VSQRTSS X0, X0, X0; \
	VMOVSS one<>(SB), X1; \
	VDIVSS X0, X1, X0
