//go:build amd64 && !purego

#include "textflag.h"
#include "vectors_distance_amd64.h"

// QUERYINT8 loads 64 bytes of the query to Z8 as int8.
#define QUERYINT8 \
	VPXORD (SI), Z12, Z8

// DOTINT8: L += query·(row + 128), H += query·128, row of 64 bytes at P. Changes Z9.
#define DOTINT8(P, L, H) \
	VPXORD (P), Z14, Z9; \
	VPDPBUSD Z8, Z9, L; \
	VPDPBUSD Z8, Z13, H

// ZERO clears the sums of int8, and sets Z12 to Z14.
#define ZERO \
	MOVBLZX flip+48(FP), DX; \
	IMULL $0x01010101, DX; \
	VPBROADCASTD DX, Z12; \
	MOVL $0x80808080, DX; \
	VPBROADCASTD DX, Z13; \
	VPXORD Z12, Z13, Z14; \
	VPXORD Z0, Z0, Z0; \
	VPXORD Z1, Z1, Z1; \
	VPXORD Z2, Z2, Z2; \
	VPXORD Z3, Z3, Z3; \
	VPXORD Z4, Z4, Z4; \
	VPXORD Z5, Z5, Z5; \
	VPXORD Z6, Z6, Z6; \
	VPXORD Z7, Z7, Z7

// INTS returns the differences of the sums of int8, L - H. Changes Y8 to Y11.
#define INTS \
	VPSUBD Z4, Z0, Z0; \
	VPSUBD Z5, Z1, Z1; \
	VPSUBD Z6, Z2, Z2; \
	VPSUBD Z7, Z3, Z3; \
	VEXTRACTI64X4 $1, Z0, Y8; \
	VEXTRACTI64X4 $1, Z1, Y9; \
	VEXTRACTI64X4 $1, Z2, Y10; \
	VEXTRACTI64X4 $1, Z3, Y11; \
	VPADDD Y8, Y0, Y0; \
	VPADDD Y9, Y1, Y1; \
	VPADDD Y10, Y2, Y2; \
	VPADDD Y11, Y3, Y3; \
	VPHADDD Y1, Y0, Y0; \      // a a b b, a a b b
	VPHADDD Y3, Y2, Y2; \      // c c d d, c c d d
	VPHADDD Y2, Y0, Y0; \      // a b c d, a b c d
	VEXTRACTI128 $1, Y0, X1; \
	VPADDD X1, X0, X0; \
	VMOVDQU X0, a+56(FP); \      // and b, c, d
	VZEROUPPER; \
	RET

// SQUAREINT8: L += row·(row + 128), H += row·128, row of 64 bytes at P. Changes Z8, Z9.
#define SQUAREINT8(P, L, H) \
	VPXORD (P), Z12, Z8; \
	VPXORD Z13, Z8, Z9; \
	VPDPBUSD Z8, Z9, L; \
	VPDPBUSD Z8, Z13, H

// NOQUERY is for sums of squares.
#define NOQUERY

// func dotInt8VNNI(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
// a, b, c, d = Σ (query ^ flip)·(row ^ flip), both of int8, as
// Σ (query ^ flip)·u - 128·Σ (query ^ flip), where u = (row ^ flip) + 128 is
// unsigned. Z0 to Z3 = the first sums, Z4 to Z7 the second, Z12 = flip, Z13 =
// 128, Z14 = flip ^ 128 in every byte.
// Requires: AVX-512 F, VNNI, AVX2
TEXT ·dotInt8VNNI(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(QUERYINT8, DOTINT8, 64, 64, Z0, Z4, Z1, Z5, Z2, Z6, Z3, Z7)
	INTS

// func squareInt8VNNI(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
// a, b, c, d = Σ (row ^ flip)², row of int8. Registers as in dotInt8VNNI.
// Requires: AVX-512 F, VNNI, AVX2
TEXT ·squareInt8VNNI(SB), NOSPLIT, $0-72
	START
	ZERO
	ROWS(NOQUERY, SQUAREINT8, 64, 64, Z0, Z4, Z1, Z5, Z2, Z6, Z3, Z7)
	INTS

// DOTSQUARE: L += query·(row + 128), U += row·(row + 128), V += row·128, row of 64 bytes
// at P. Changes Z9, Z10.
#define DOTSQUARE(P, L, U, V) \
	VPXORD (P), Z12, Z10; \
	VPXORD Z13, Z10, Z9; \
	VPDPBUSD Z8, Z9, L; \
	VPDPBUSD Z10, Z9, U; \
	VPDPBUSD Z10, Z13, V

// DOTSQUARE0 to 3 are those of each row, the first one with Z5 += query·128.
#define DOTSQUARE0(P, L, U) \
	VPDPBUSD Z8, Z13, Z5; \
	DOTSQUARE(P, L, U, Z20)
#define DOTSQUARE1(P, L, U) DOTSQUARE(P, L, U, Z21)
#define DOTSQUARE2(P, L, U) DOTSQUARE(P, L, U, Z22)
#define DOTSQUARE3(P, L, U) DOTSQUARE(P, L, U, Z23)

// DIFFERENCE adds the words of A - B, of 64 bytes, to four, in the lower half of AY and
// A. Changes Y9.
#define DIFFERENCE(A, AY, B) \
	VPSUBD B, A, A; \
	VEXTRACTI64X4 $1, A, Y9; \
	VPADDD Y9, AY, AY

// func dotSquareInt8VNNI(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d DotSquare)
// a, b, c, d = what dotInt8VNNI and squareInt8VNNI return. Z0 to Z3 = the first sums of the
// products, Z5 = their second one; Z4, Z6, Z7 and Z11 = the first sums of the squares, Z20
// to Z23 the second; Z12 and Z13 as there.
// Requires: AVX-512 F, VNNI, AVX2
TEXT ·dotSquareInt8VNNI(SB), NOSPLIT, $0-88
	START
	ZERO
	VPXORD Z11, Z11, Z11
	VPXORD Z20, Z20, Z20
	VPXORD Z21, Z21, Z21
	VPXORD Z22, Z22, Z22
	VPXORD Z23, Z23, Z23
	ROW(QUERYINT8, DOTSQUARE0, 64, 64, Z0, Z4, loop0, tail0, next0)
	TESTQ AX, AX
	JZ sum
	ROW(QUERYINT8, DOTSQUARE1, 64, 64, Z1, Z6, loop1, tail1, next1)
	ROW(QUERYINT8, DOTSQUARE2, 64, 64, Z2, Z7, loop2, tail2, next2)
	ROW(QUERYINT8, DOTSQUARE3, 64, 64, Z3, Z11, loop3, tail3, next3)
sum:
	DIFFERENCE(Z0, Y0, Z5)
	DIFFERENCE(Z1, Y1, Z5)
	DIFFERENCE(Z2, Y2, Z5)
	DIFFERENCE(Z3, Y3, Z5)
	DIFFERENCE(Z4, Y4, Z20)
	DIFFERENCE(Z6, Y6, Z21)
	DIFFERENCE(Z7, Y7, Z22)
	DIFFERENCE(Z11, Y11, Z23)
	VPHADDD Y1, Y0, Y0          // a a b b, a a b b
	VPHADDD Y3, Y2, Y2          // c c d d, c c d d
	VPHADDD Y2, Y0, Y0          // a b c d, a b c d: products
	VPHADDD Y6, Y4, Y4
	VPHADDD Y11, Y7, Y7
	VPHADDD Y7, Y4, Y4          // squares
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VEXTRACTI128 $1, Y4, X5
	VPADDD X5, X4, X4
	VPUNPCKLDQ X4, X0, X2       // a, b
	VPUNPCKHDQ X4, X0, X3       // c, d
	VMOVDQU X2, a_Dot+56(FP)
	VMOVDQU X3, c_Dot+72(FP)
	VZEROUPPER
	RET

// QUERYBITS loads 16 bytes of the query to X8.
#define QUERYBITS VMOVDQU (SI), X8

// HAMMING: L += the bits of query ^ row, row of 16 bytes at P. Changes X9.
#define HAMMING(P, L, H) \
	VPXOR (P), X8, X9; \
	VPOPCNTQ X9, X9; \
	VPADDQ X9, L, L

// func hammingVPOPCNTDQ(query, rows unsafe.Pointer, stride, steps int, tailQuery, tailRows unsafe.Pointer, flip byte) (a, b, c, d int32)
// a, b, c, d = the bits of query ^ row. X0 to X3 = two sums each.
// Requires: AVX-512 F, VL, VPOPCNTDQ
TEXT ·hammingVPOPCNTDQ(SB), NOSPLIT, $0-72
	START
	VPXOR X0, X0, X0
	VPXOR X1, X1, X1
	VPXOR X2, X2, X2
	VPXOR X3, X3, X3
	ROWS(QUERYBITS, HAMMING, 16, 16, X0, X0, X1, X1, X2, X2, X3, X3)
	VPHADDD X1, X0, X0      // the upper halves of the sums are 0
	VPHADDD X3, X2, X2
	VPHADDD X2, X0, X0      // a b c d
	VMOVDQU X0, a+56(FP)
	VZEROUPPER
	RET
