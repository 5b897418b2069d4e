//go:build amd64 && !purego

package kernel

func tileAVX512(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	tilesAVX512[m](c, ldc, a, b, bias, steps, n, next, r)
}

func tileAVX2(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesAVX2[m], c, ldc, a, b, bias, steps, n, next, r)
}

// inHalves works on the two halves of each panel, one after the other, while what is prefetched
// lies side by side, and may end before what the second one prefetches.
//
//go:nocheckptr
func inHalves(tile rowsFunc, c *float32, ldc int, a, b, bias *float32, steps, n int, next *float32, r run) {
	panels := 1
	if r.b != 0 {
		panels, r.count = r.count, 1
	}
	r.ahead = (r.ahead + 1) / 2
	for i := range panels {
		c, b, bias, next := add(c, i*r.c), add(b, i*r.b), add(bias, i*r.bias), next
		if i+1 < panels {
			next = add(b, r.b)
		}
		tile(c, ldc, a, b, bias, steps, min(n, 16), next, r)
		if n > 16 {
			tile(add(c, 16), ldc, a, add(b, 16), add(bias, 16), steps, n-16, add(next, r.count*steps*r.ahead/4), r)
		}
	}
}

func directAVX512(c *float32, ldc int, a *float32, lda int, b, bias *float32, terms, m, n int, next *float32) {
	directsAVX512[m](c, ldc, a, lda, b, bias, terms, n, next)
}

// directAVX2 works on the two halves of a panel. What is prefetched may end before the second one.
//
//go:nocheckptr
func directAVX2(c *float32, ldc int, a *float32, lda int, b, bias *float32, terms, m, n int, next *float32) {
	directsAVX2[m](c, ldc, a, lda, b, bias, terms, min(n, 16), next)
	if n > 16 {
		directsAVX2[m](add(c, 16), ldc, a, lda, add(b, 16), add(bias, 16), terms, n-16, add(next, 16))
	}
}

// transpose8AVX2 writes dst[j*Panel+i] = src[i*ld+j] for i < 8, j < 8·blocks.
//
//go:noescape
func transpose8AVX2(dst, src *float32, ld, blocks int)

func transposeAVX2(dst, src *float32, ld, rows, cols int) {
	i := 0
	for ; i+8 <= rows; i += 8 {
		from := add(src, i*ld)
		transpose8AVX2(add(dst, i), from, ld, cols/8)
		if j := cols &^ 7; j < cols {
			transposeBlock(add(dst, j*Panel+i), add(from, j), ld, 8, cols-j)
		}
	}
	if i < rows {
		transposeBlock(add(dst, i), add(src, i*ld), ld, rows-i, cols)
	}
	clearColumns(dst, rows, cols)
}

// packRows4AVX2 writes dst[(g*m+i)*4+j] = src[i*ld+4*g+j] for g < groups, i < m,
// j < 4. m and groups are positive.
//
//go:noescape
func packRows4AVX2(dst, src *float32, ld, m, groups int)

func packRowsAVX2(dst, src *float32, ld, m, cols int) {
	groups := cols / 4
	if groups > 0 {
		packRows4AVX2(dst, src, ld, m, groups)
	}
	if cols%4 != 0 {
		packRowsGeneric(add(dst, groups*m*4), add(src, groups*4), ld, m, cols%4)
	}
}

// peakAVX2 and peakAVX512 run n rounds of fused multiply-adds on 12 (24) accumulators.
//
//go:noescape
func peakLoopAVX2(n int)

//go:noescape
func peakLoopAVX512(n int)

func peakAVX2(n int) float64 {
	peakLoopAVX2(n)
	return float64(n) * 12 * 8 * 2
}

func peakAVX512(n int) float64 {
	peakLoopAVX512(n)
	return float64(n) * 24 * 16 * 2
}
