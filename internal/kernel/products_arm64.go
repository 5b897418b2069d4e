//go:build arm64 && !purego

package kernel

func tileNEON(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesNEON[m], c, ldc, a, b, bias, steps, n, next, r)
}

// inHalves works on the two halves of each panel, one after the other.
func inHalves(tile rowsFunc, c *float32, ldc int, a, b, bias *float32, steps, n int, next *float32, r run) {
	for i := range r.count {
		c, a, b, bias := add(c, i*r.c), add(a, i*r.a), add(b, i*r.b), add(bias, i*r.bias)
		tile(c, ldc, a, b, bias, steps, min(n, 16), next, r.first)
		if n > 16 {
			tile(add(c, 16), ldc, a, add(b, 16), add(bias, 16), steps, n-16, add(next, 16), r.first)
		}
		next = b
	}
}

// transpose4NEON writes dst[j*Panel+i] = src[i*ld+j] for i < 4, j < 4·blocks.
//
//go:noescape
func transpose4NEON(dst, src *float32, ld, blocks int)

func transposeNEON(dst, src *float32, ld, rows, cols int) {
	i, j := 0, cols&^3
	for ; i+4 <= rows; i += 4 {
		from := add(src, i*ld)
		transpose4NEON(add(dst, i), from, ld, cols/4)
		if j < cols {
			transposeBlock(add(dst, j*Panel+i), add(from, j), ld, 4, cols-j)
		}
	}
	if i < rows {
		transposeBlock(add(dst, i), add(src, i*ld), ld, rows-i, cols)
	}
	clearColumns(dst, rows, cols)
}

// packRows4NEON writes dst[(g*m+i)*4+j] = src[i*ld+4*g+j] for g < groups, i < m,
// j < 4. m and groups are positive.
//
//go:noescape
func packRows4NEON(dst, src *float32, ld, m, groups int)

func packRowsNEON(dst, src *float32, ld, m, cols int) {
	groups := cols / 4
	if groups > 0 {
		packRows4NEON(dst, src, ld, m, groups)
	}
	if cols%4 != 0 {
		packRowsGeneric(add(dst, groups*m*4), add(src, groups*4), ld, m, cols%4)
	}
}

// copyPanelNEON copies rows of Panel elements, ld apart in src, one behind the
// other to dst. rows is positive.
//
//go:noescape
func copyPanelNEON(dst, src *float32, ld, rows int)

func interleaveNEON(dst, src *float32, ld, rows, cols int) {
	if cols < Panel {
		interleaveGeneric(dst, src, ld, rows, cols)
		return
	}
	copyPanelNEON(dst, src, ld, rows)
}

// peakLoopNEON runs n rounds of fused multiply-adds on 24 accumulators.
//
//go:noescape
func peakLoopNEON(n int)

func peakNEON(n int) float64 {
	peakLoopNEON(n)
	return float64(n) * 24 * 4 * 2
}
