// What the products of a query with four rows share. They take one row after the
// other, as memory is read fastest: SI = place in the query, DI = place in the row,
// R8 = row, AX = stride, CX = steps left, BX = the tail's query, R9 = the tail's row.

// START sets the registers.
#define START \
	MOVQ rows+8(FP), R8; \
	MOVQ stride+16(FP), AX; \
	MOVQ tailQuery+32(FP), BX; \
	MOVQ tailRows+40(FP), R9

// ROW takes all steps of a row, of QSIZE bytes of the query and RSIZE of the
// row, and then that of the tail. QUERY loads a step of the query from SI, STEP
// adds its products with the row to L and H.
#define ROW(QUERY, STEP, QSIZE, RSIZE, L, H, loop, tail, next) \
	MOVQ query+0(FP), SI; \
	MOVQ R8, DI; \
	MOVQ steps+24(FP), CX; \
	TESTQ CX, CX; \
	JZ tail; \
loop: \
	QUERY; \
	STEP(DI, L, H); \
	ADDQ $QSIZE, SI; \
	ADDQ $RSIZE, DI; \
	DECQ CX; \
	JNZ loop; \
tail: \
	TESTQ BX, BX; \
	JZ next; \
	MOVQ BX, SI; \
	QUERY; \
	STEP(R9, L, H); \
	ADDQ $RSIZE, R9; \
next: \
	ADDQ AX, R8

// ROWS takes four rows, or the first one if the stride is 0. L0, H0 and so on are
// the sums of each.
#define ROWS(QUERY, STEP, QSIZE, RSIZE, L0, H0, L1, H1, L2, H2, L3, H3) \
	ROW(QUERY, STEP, QSIZE, RSIZE, L0, H0, loop0, tail0, next0); \
	TESTQ AX, AX; \
	JZ sum; \
	ROW(QUERY, STEP, QSIZE, RSIZE, L1, H1, loop1, tail1, next1); \
	ROW(QUERY, STEP, QSIZE, RSIZE, L2, H2, loop2, tail2, next2); \
	ROW(QUERY, STEP, QSIZE, RSIZE, L3, H3, loop3, tail3, next3); \
sum:
