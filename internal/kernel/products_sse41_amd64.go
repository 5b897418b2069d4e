//go:build amd64 && !purego

package kernel

// The kernels of CPUs without AVX2 work on whole registers of 4 elements, and plain Go on what
// is left over. They have the bits of the generic set: products are rounded before they are
// added, in its order.

func tileSSE41(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	for i := range r.count {
		halvesSSE41(Float32, add(c, i*r.c), ldc, add(a, i*r.a), 4, 4*m, add(b, i*r.b), add(bias, i*r.bias), steps, m, n, r.first)
	}
}

func tileBFloat16SSE41(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	for i := range r.count {
		halvesSSE41(BFloat16, add(c, i*r.c), ldc, add(a, i*r.a), 4, 4*m, add(b, i*r.b), add(bias, i*r.bias), steps, m, n, 0)
	}
}

func tileInt8SSE41(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	for i := range r.count {
		halvesSSE41(Int8, add(c, i*r.c), ldc, add(a, i*r.a), 4, 4*m, add(b, i*r.b), add(bias, i*r.bias), steps, m, n, 0)
	}
}

func tileInt4SSE41(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	runInt4(oneTileInt4SSE41, c, ldc, a, b, bias, steps, m, n, next, r)
}

// oneTileInt4SSE41 works on a quarter of a panel, two rows of the tile at a time.
func oneTileInt4SSE41(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32) {
	const quarter = Panel / 4
	for j := 0; j < n; j += quarter {
		scales := add(b, 4*Panel+j/2)
		for i := 0; i < m; i += 2 {
			rows, to, apart := min(2, m-i), add(c, i*ldc+j), ldc
			var whole [2 * Panel]float32 // where some columns are not there
			if n-j < quarter {
				to, apart = &whole[0], Panel
			}
			if step := 4 * m * int4RowWords; rows == 1 {
				tile1x8Int4SSE41(to, apart, add(a, i*int4RowWords), step, add(b, j), scales, add(bias, j), steps)
			} else {
				tile2x8Int4SSE41(to, apart, add(a, i*int4RowWords), step, add(b, j), scales, add(bias, j), steps)
			}
			if n-j < quarter {
				copyColumns(add(c, i*ldc+j), ldc, whole[:], rows, n-j)
			}
		}
	}
}

func packRowsInt4SSE41(dst, src *float32, ld, m, cols int) {
	packWholeGroups(packGroupsInt4SSE41, dst, src, ld, m, cols)
}

// packGroupsInt4SSE41 is packRowsInt4Generic of whole groups; m and groups are positive.
//
//go:noescape
func packGroupsInt4SSE41(dst, src *float32, ld, m, groups int)

// halvesSSE41 works on the halves of a panel, two rows of one tile at a time. Rows of a are row
// words apart, and their steps step words.
func halvesSSE41(f Format, c *float32, ldc int, a *float32, row, step int, b, bias *float32, steps, m, n, first int) {
	const half = Panel / 2
	for j := 0; j < n; j += half {
		for i := 0; i < m; i += 2 {
			rows, to, apart := min(2, m-i), add(c, i*ldc+j), ldc
			var whole [2 * Panel]float32 // where some columns are not there
			if n-j < half {
				to, apart = &whole[0], Panel
			}
			rowsSSE41(f, rows, to, apart, add(a, i*row), 4*row, 4*step, add(b, j), add(bias, j), steps, first)
			if n-j < half {
				copyColumns(add(c, i*ldc+j), ldc, whole[:], rows, n-j)
			}
		}
	}
}

func rowsSSE41(f Format, rows int, c *float32, ldc int, a *float32, row, step int, b, bias *float32, steps, first int) {
	switch {
	case f == Float32 && rows == 1:
		tile1x16SSE41(c, ldc, a, row, step, b, bias, steps, first)
	case f == Float32:
		tile2x16SSE41(c, ldc, a, row, step, b, bias, steps, first)
	case f == BFloat16 && rows == 1:
		tile1x16BFloat16SSE41(c, ldc, a, row, step, b, bias, steps, first)
	case f == BFloat16:
		tile2x16BFloat16SSE41(c, ldc, a, row, step, b, bias, steps, first)
	case rows == 1:
		tile1x16Int8SSE41(c, ldc, a, row, step, b, bias, steps, first)
	default:
		tile2x16Int8SSE41(c, ldc, a, row, step, b, bias, steps, first)
	}
}
