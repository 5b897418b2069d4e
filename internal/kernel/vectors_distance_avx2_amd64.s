//go:build amd64 && !purego

#include "textflag.h"

#include "vectors_distance_amd64.h"

// Beyond the registers of vectors_distance_amd64.h: sums of floats are in Y0 and Y1
// (partial sums 0 to 7 and 8 to 15 of the first row) to Y6 and Y7, those of
// integers in Y0, Y2, Y4, Y6; Y8 to Y14 are for steps, Y15 = flip in every byte.

// ZERO clears the sums, and sets Y15.
#define ZERO \
	VPBROADCASTB flip+48(FP), Y15; \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7

// SUM adds 16 partial sums, 0 to 7 in L and X (its lower half), 8 to 15 in H.
// Changes X8, H.
#define SUM(L, X, H) \
	VADDPS H, L, L; \              // i and i+8
	VEXTRACTF128 $1, L, X8; \
	VADDPS X8, X, X; \             // i and i+4
	VMOVHLPS X, X, X8; \
	VADDPS X8, X, X; \             // i and i+2
	VMOVSHDUP X, X8; \
	VADDSS X8, X, X                 // 0 and 1

// FLOATS returns the sums of four rows.
#define FLOATS \
	SUM(Y0, X0, Y1); \
	SUM(Y2, X2, Y3); \
	SUM(Y4, X4, Y5); \
	SUM(Y6, X6, Y7); \
	VMOVSS X0, a+56(FP); \
	VMOVSS X2, b+60(FP); \
	VMOVSS X4, c+64(FP); \
	VMOVSS X6, d+68(FP); \
	VZEROUPPER; \
	RET

// SUMWORDS adds the eight words of L, X its lower half. Changes X8.
#define SUMWORDS(L, X) \
	VEXTRACTI128 $1, L, X8; \
	VPADDD X8, X, X; \
	VPSHUFD $0x4e, X, X8; \
	VPADDD X8, X, X; \
	VPSHUFD $0xb1, X, X8; \
	VPADDD X8, X, X

// INTS returns the sums of four rows.
#define INTS \
	SUMWORDS(Y0, X0); \
	SUMWORDS(Y2, X2); \
	SUMWORDS(Y4, X4); \
	SUMWORDS(Y6, X6); \
	VMOVD X0, a+56(FP); \
	VMOVD X2, b+60(FP); \
	VMOVD X4, c+64(FP); \
	VMOVD X6, d+68(FP); \
	VZEROUPPER; \
	RET

// NOQUERY is for sums of squares.
#define NOQUERY

// QUERY loads 16 components to Y8 and Y9.
#define QUERY \
	VMOVUPS (SI), Y8; \
	VMOVUPS 32(SI), Y9

// DOT: L, H += query·row, row of float32 at P.
#define DOT(P, L, H) \
	VFMADD231PS (P), Y8, L; \
	VFMADD231PS 32(P), Y9, H

// SQUARES: L, H += Y10², Y11².
#define SQUARES(L, H) \
	VFMADD231PS Y10, Y10, L; \
	VFMADD231PS Y11, Y11, H

// DISTANCES: L, H += (Y10-query)², (Y11-query)². Changes Y10, Y11.
#define DISTANCES(L, H) \
	VSUBPS Y8, Y10, Y10; \
	VSUBPS Y9, Y11, Y11; \
	SQUARES(L, H)

// LOAD loads 16 float32 at P to Y10 and Y11.
#define LOAD(P) \
	VMOVUPS (P), Y10; \
	VMOVUPS 32(P), Y11

#define SQUARE(P, L, H) \
	LOAD(P); \
	SQUARES(L, H)

#define DISTANCE(P, L, H) \
	LOAD(P); \
	DISTANCES(L, H)

// HALVES loads 16 halves at P to Y10 and Y11.
#define HALVES(P) \
	VCVTPH2PS (P), Y10; \
	VCVTPH2PS 16(P), Y11

#define DOTHALVES(P, L, H) \
	HALVES(P); \
	VFMADD231PS Y10, Y8, L; \
	VFMADD231PS Y11, Y9, H

#define SQUAREHALVES(P, L, H) \
	HALVES(P); \
	SQUARES(L, H)

#define DISTANCEHALVES(P, L, H) \
	HALVES(P); \
	DISTANCES(L, H)

// DOTBYTES: L, H += query·row, row of 16 bytes at P. Changes Y10, Y11.
#define DOTBYTES(P, L, H) \
	VPXOR (P), X15, X10; \         // int8
	VPSRLDQ $8, X10, X11; \
	VPMOVSXBD X10, Y10; \
	VPMOVSXBD X11, Y11; \
	VCVTDQ2PS Y10, Y10; \
	VCVTDQ2PS Y11, Y11; \
	VFMADD231PS Y10, Y8, L; \
	VFMADD231PS Y11, Y9, H

// DOTSIGNS: L, H += query where the bit at P is 1, else -query. Changes Y10,
// Y11. Y12 and Y13 = the bit of each component in the word at P, Y14 = the sign bit.
#define DOTSIGNS(P, L, H) \
	VPBROADCASTW (P), Y10; \
	VPXOR Y15, Y10, Y10; \
	VPAND Y13, Y10, Y11; \
	VPAND Y12, Y10, Y10; \
	VPCMPEQD Y13, Y11, Y11; \      // ones where the bit is 1
	VPCMPEQD Y12, Y10, Y10; \
	VPANDN Y14, Y11, Y11; \        // the sign where it is 0
	VPANDN Y14, Y10, Y10; \
	VXORPS Y9, Y11, Y11; \         // ±query
	VXORPS Y8, Y10, Y10; \
	VADDPS Y11, H, H; \
	VADDPS Y10, L, L

// QUERYINT8 loads 16 int8 to Y8 as words of 16 bits.
#define QUERYINT8 \
	VPXOR (SI), X15, X8; \
	VPMOVSXBW X8, Y8

// DOTINT8: L += query·row, row of 16 bytes at P. Changes Y10.
#define DOTINT8(P, L, H) \
	VPXOR (P), X15, X10; \
	VPMOVSXBW X10, Y10; \
	VPMADDWD Y8, Y10, Y10; \
	VPADDD Y10, L, L

// SQUAREINT8: L += row², row of 16 bytes at P. Changes Y10.
#define SQUAREINT8(P, L, H) \
	VPXOR (P), X15, X10; \
	VPMOVSXBW X10, Y10; \
	VPMADDWD Y10, Y10, Y10; \
	VPADDD Y10, L, L

// QUERY16 loads 16 bytes to X8.
#define QUERY16 VMOVDQU (SI), X8

// HAMMING: L += the bits of query ^ row, row of 16 bytes at P: those of each half
// byte by a table. Changes Y10, Y11. X12 = 15 in every byte, X13 = bits of 0 to 15,
// X14 = 0.
#define HAMMING(P, L, H) \
	VPXOR (P), X8, X10; \
	VPSRLW $4, X10, X11; \
	VPAND X12, X10, X10; \
	VPAND X12, X11, X11; \
	VPSHUFB X10, X13, X10; \
	VPSHUFB X11, X13, X11; \
	VPADDB X10, X11, X10; \
	VPSADBW X14, X10, X10; \       // two sums of eight bytes
	VPADDD Y10, L, L

// How many bits each of 0 to 15 has.
DATA ones<>+0(SB)/8, $0x0302020102010100
DATA ones<>+8(SB)/8, $0x0403030203020201
GLOBL ones<>(SB), RODATA|NOPTR, $16

// The bit of each of 16 components in two bytes, the first one highest.
DATA bits<>+0(SB)/4, $0x80
DATA bits<>+4(SB)/4, $0x40
DATA bits<>+8(SB)/4, $0x20
DATA bits<>+12(SB)/4, $0x10
DATA bits<>+16(SB)/4, $0x8
DATA bits<>+20(SB)/4, $0x4
DATA bits<>+24(SB)/4, $0x2
DATA bits<>+28(SB)/4, $0x1
DATA bits<>+32(SB)/4, $0x8000
DATA bits<>+36(SB)/4, $0x4000
DATA bits<>+40(SB)/4, $0x2000
DATA bits<>+44(SB)/4, $0x1000
DATA bits<>+48(SB)/4, $0x800
DATA bits<>+52(SB)/4, $0x400
DATA bits<>+56(SB)/4, $0x200
DATA bits<>+60(SB)/4, $0x100
GLOBL bits<>(SB), RODATA|NOPTR, $64

// func dotFloat32AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ query·row. Registers as above.
// Requires: AVX2, FMA
TEXT ·dotFloat32AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(QUERY, DOT, 64, 64, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func squareFloat32AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ row². Registers as above.
// Requires: AVX2, FMA
TEXT ·squareFloat32AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(NOQUERY, SQUARE, 64, 64, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func distanceFloat32AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ (row-query)². Registers as above.
// Requires: AVX2, FMA
TEXT ·distanceFloat32AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(QUERY, DISTANCE, 64, 64, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func dotFloat16AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ query·row, row of halves. Registers as above.
// Requires: AVX2, FMA, F16C
TEXT ·dotFloat16AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(QUERY, DOTHALVES, 64, 32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func squareFloat16AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ row², row of halves. Registers as above.
// Requires: AVX2, FMA, F16C
TEXT ·squareFloat16AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(NOQUERY, SQUAREHALVES, 64, 32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func distanceFloat16AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ (row-query)², row of halves. Registers as above.
// Requires: AVX2, FMA, F16C
TEXT ·distanceFloat16AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(QUERY, DISTANCEHALVES, 64, 32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func dotBytesAVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ query·(row ^ flip), row of int8. Registers as above.
// Requires: AVX2, FMA
TEXT ·dotBytesAVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(QUERY, DOTBYTES, 64, 16, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func dotSignsAVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d float32)
// a, b, c, d = Σ ±query, by the bits of row ^ flip. Registers as above.
// Requires: AVX2
TEXT ·dotSignsAVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	VMOVDQU bits<>+0(SB), Y12
	VMOVDQU bits<>+32(SB), Y13
	VPCMPEQD Y14, Y14, Y14
	VPSLLD $31, Y14, Y14
	ROWS(QUERY, DOTSIGNS, 64, 2, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FLOATS

// func dotInt8AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
// a, b, c, d = Σ (query ^ flip)·(row ^ flip), both of int8. Registers as above.
// Requires: AVX2
TEXT ·dotInt8AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(QUERYINT8, DOTINT8, 16, 16, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	INTS

// func squareInt8AVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
// a, b, c, d = Σ (row ^ flip)², row of int8. Registers as above.
// Requires: AVX2
TEXT ·squareInt8AVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(NOQUERY, SQUAREINT8, 16, 16, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	INTS

// func hammingAVX2(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
// a, b, c, d = the bits of query ^ row. Registers as above.
// Requires: AVX2
TEXT ·hammingAVX2(SB), NOSPLIT, $0-72
	START
	ZERO
	VMOVDQU ones<>(SB), X13
	VPXOR X14, X14, X14
	VPCMPEQD X12, X12, X12
	VPSRLW $12, X12, X12
	VPACKUSWB X12, X12, X12 // 15 in every byte
	ROWS(QUERY16, HAMMING, 16, 16, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	INTS
