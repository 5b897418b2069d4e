//go:build arm64 && !purego

package kernel

import "unsafe"

var bfloat16NEON = product{
	how:        expanded,
	tileRows:   len(tilesBFloat16NEON) - 1,
	tile:       tileBFloat16NEON,
	transpose:  transposeBFloat16NEON,
	interleave: interleaveBFloat16NEON,
	packRows:   packRowsBFloat16NEON,

	gelu:             roughGELUNEON,
	packExponentials: packExponentialsBFloat16NEON,
}

func tileBFloat16NEON(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesBFloat16NEON[m], c, ldc, a, b, bias, steps, n, next, r)
}

// packBFloat16NEON writes words 4g to 4g+3 of row i of src, in bfloat16, to the
// bytes i·rowBytes + g·groupBytes of dst, for i < rows. The terms beyond cols are
// zero. All are positive.
//
//go:noescape
func packBFloat16NEON(dst, src *float32, ld, rows, cols, rowBytes, groupBytes int)

func packRowsBFloat16NEON(dst, src *float32, ld, m, cols int) {
	packBFloat16NEON(dst, src, ld, m, cols, 16, 16*m)
}

// transposeTerms is the most terms of a row that are transposed at once.
const transposeTerms = 64

func transposeBFloat16NEON(dst, src *float32, ld, rows, cols int) {
	var words [Panel * transposeTerms / 2]float32
	for j := 0; j < cols; j += transposeTerms {
		n := min(transposeTerms, cols-j)
		packBFloat16NEON(&words[0], add(src, j), ld, rows, n, 2*transposeTerms, 16)
		transposeNEON(add(dst, j/2*Panel), &words[0], transposeTerms/2, rows, (n+1)/2)
	}
}

// interleave8BFloat16NEON writes element j of row i of src, in bfloat16, to term i
// of column j of the panel dst, for i < rows, which is positive, and j < 8. The high
// term of the last word is zero where rows is odd.
//
//go:noescape
func interleave8BFloat16NEON(dst, src *float32, ld, rows int)

func interleaveBFloat16NEON(dst, src *float32, ld, rows, cols int) {
	if cols%8 != 0 {
		interleaveBFloat16Generic(dst, src, ld, rows, cols)
		return
	}
	for j := 0; j < cols; j += 8 {
		interleave8BFloat16NEON(add(dst, j), add(src, j), ld, rows)
	}
	clearColumns(dst, cols, (rows+1)/2)
}

// roughGELUNEON is geluNEON with an error of 2.5e-5, to be rounded to bfloat16.
//
//go:noescape
func roughGELUNEON(x []float32, ld, rows, cols int)

// exponentialsBFloat16NEON packs the bfloat16s of 2^((x-m)·factor), m the largest of x and *highest, which it becomes, four words
// each groupBytes from the ones before, and returns their sum. x is not empty.
//
//go:noescape
func exponentialsBFloat16NEON(dst *float32, groupBytes int, x []float32, factor float32, highest *float32) float32

func packExponentialsBFloat16NEON(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32) {
	for i := range rows {
		*add(totals, i) = exponentialsBFloat16NEON(add(dst, 4*i), 16*rows, unsafe.Slice(add(x, i*ld), cols), factor, add(highest, i))
	}
}
