//go:build amd64 && !purego

package kernel

import "unsafe"

var bfloat16AVX2 = product{
	how:        expanded,
	tileRows:   6,
	tile:       tileBFloat16AVX2,
	spread:     true,
	transpose:  transposeBFloat16AVX2,
	interleave: interleaveBFloat16AVX2,
	packRows:   packWideBFloat16AVX2,
	wide:       true,

	gelu:             roughGELUAVX2,
	packExponentials: packExponentialsBFloat16AVX2,
}

// bfloat16AVX512 is for CPUs without AVX512BF16: the tiles expand the terms.
var bfloat16AVX512 = product{
	how:        expanded,
	tileRows:   14,
	tile:       tileBFloat16AVX512,
	spread:     true,
	transpose:  transposeBFloat16AVX2,
	interleave: interleaveBFloat16AVX2,
	packRows:   packWideBFloat16AVX2,
	wide:       true,

	gelu:             roughGELUAVX512,
	packExponentials: packExponentialsBFloat16AVX2,
}

var bfloat16Dot = product{
	how:        "bfloat16 by VDPBF16PS",
	tileRows:   14,
	tile:       tileBFloat16Dot,
	spread:     true,
	transpose:  transposeBFloat16AVX512,
	interleave: interleaveBFloat16AVX512,
	packRows:   packRowsBFloat16AVX512,

	gelu:             roughGELUAVX512,
	packGELU:         packGELUBFloat16AVX512,
	packExponentials: packExponentialsBFloat16AVX512,
}

func tileBFloat16AVX2(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesBFloat16AVX2[m], c, ldc, a, b, bias, steps, n, next, r)
}

func tileBFloat16AVX512(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	tilesBFloat16AVX512[m](c, ldc, a, b, bias, steps, n, next, r)
}

func tileBFloat16Dot(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	tilesBFloat16Dot[m](c, ldc, a, b, bias, steps, n, next, r)
}

// packBFloat16AVX2 writes words 4g to 4g+3 of row i of src, in bfloat16, to the bytes
// i·rowBytes + g·groupBytes of dst, for i < rows. The terms beyond cols are zero. All
// are positive. In packBFloat16AVX512 four groups are blockBytes from the four before.
//
//go:noescape
func packBFloat16AVX2(dst, src *float32, ld, rows, cols, rowBytes, groupBytes int)

//go:noescape
func packBFloat16AVX512(dst, src *float32, ld, rows, cols, rowBytes, groupBytes, blockBytes int)

// packWideBFloat16AVX2: see product.wide.
//
//go:noescape
func packWideBFloat16AVX2(dst, src *float32, ld, m, cols int)

func packRowsBFloat16AVX512(dst, src *float32, ld, m, cols int) {
	packBFloat16AVX512(dst, src, ld, m, cols, 16, 16*m, 64*m)
}

//go:noescape
func packGELUBFloat16AVX512(dst, src *float32, ld, rows, cols int)

// transposeTerms is the most terms of a row that are transposed at once.
const transposeTerms = 64

func transposeBFloat16AVX2(dst, src *float32, ld, rows, cols int) {
	var words [Panel * transposeTerms / 2]float32
	for j := 0; j < cols; j += transposeTerms {
		n := min(transposeTerms, cols-j)
		packBFloat16AVX2(&words[0], add(src, j), ld, rows, n, 2*transposeTerms, 16)
		transposeAVX2(add(dst, j/2*Panel), &words[0], transposeTerms/2, rows, (n+1)/2)
	}
}

func transposeBFloat16AVX512(dst, src *float32, ld, rows, cols int) {
	var words [Panel * transposeTerms / 2]float32
	for j := 0; j < cols; j += transposeTerms {
		n := min(transposeTerms, cols-j)
		packBFloat16AVX512(&words[0], add(src, j), ld, rows, n, 2*transposeTerms, 16, 64)
		transposeAVX2(add(dst, j/2*Panel), &words[0], transposeTerms/2, rows, (n+1)/2)
	}
}

// interleave8BFloat16AVX2 writes element j of row i of src, in bfloat16, to term i
// of column j of the panel dst, for i < rows and j < cols ≤ 8. The columns from
// cols to 8, and the high term of the last word where rows is odd, are zero.
//
//go:noescape
func interleave8BFloat16AVX2(dst, src *float32, ld, rows, cols int)

func interleaveBFloat16AVX2(dst, src *float32, ld, rows, cols int) {
	for j := 0; j < cols; j += 8 {
		interleave8BFloat16AVX2(add(dst, j), add(src, j), ld, rows, min(8, cols-j))
	}
	clearColumns(dst, roundUp(cols, 8), (rows+1)/2)
}

//go:noescape
func interleaveBFloat16AVX512(dst, src *float32, ld, rows, cols int)

// exponentialsBFloat16AVX2 and exponentialsBFloat16AVX512 pack the bfloat16s of
// 2^((x-m)·factor), m the largest of x and *highest, which it becomes, eight each
// groupBytes from the ones before, and return their sum. x is not empty. blockBytes is as in packBFloat16AVX512,
// and the former packs them wide, see product.wide.
//
//go:noescape
func exponentialsBFloat16AVX2(dst *float32, groupBytes int, x []float32, factor float32, highest *float32) float32

//go:noescape
func exponentialsBFloat16AVX512(dst *float32, groupBytes, blockBytes int, x []float32, factor float32, highest *float32) float32

func packExponentialsBFloat16AVX2(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32) {
	for i := range rows {
		*add(totals, i) = exponentialsBFloat16AVX2(add(dst, 8*i), 32*rows, unsafe.Slice(add(x, i*ld), cols), factor, add(highest, i))
	}
}

func packExponentialsBFloat16AVX512(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32) {
	for i := range rows {
		*add(totals, i) = exponentialsBFloat16AVX512(add(dst, 4*i), 16*rows, 64*rows, unsafe.Slice(add(x, i*ld), cols), factor, add(highest, i))
	}
}
