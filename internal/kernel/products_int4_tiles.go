//go:build (amd64 || arm64) && !purego

package kernel

import (
	"sync"
	"unsafe"
)

// A rowsInt4Func is a tileFunc of one tile, of as many rows and whole columns as its
// name says, with the scales of the first group's columns.
type rowsInt4Func = func(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

// halvesInt4 works on the two halves of a panel, one after the other, by a tile of half as
// many columns.
func halvesInt4(tile rowsInt4Func, c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32) {
	const half = Panel / 2
	scales, second := add(b, 4*Panel), add(next, int4PanelWords/2)
	if n < Panel {
		whole := wholeTiles.Get().(*wholeTile)
		defer wholeTiles.Put(whole)
		tile(&whole[0], Panel, a, b, scales, bias, steps, next)
		if n > half {
			tile(&whole[half], Panel, a, add(b, half), add(scales, half/2), add(bias, half), steps, second)
		}
		copyColumns(c, ldc, whole[:], m, n)
		return
	}
	tile(c, ldc, a, b, scales, bias, steps, next)
	tile(add(c, half), ldc, a, add(b, half), add(scales, half/2), add(bias, half), steps, second)
}

// A wholeTile is where a tile goes of which some columns are not there.
type wholeTile [9 * Panel]float32

var wholeTiles = sync.Pool{New: func() any { return new(wholeTile) }}

// copyColumns copies the first n columns of m rows.
func copyColumns(c *float32, ldc int, whole []float32, m, n int) {
	to := unsafe.Slice(c, (m-1)*ldc+n)
	for i := range m {
		copy(to[i*ldc:][:n], whole[i*Panel:])
	}
}

// packWholeGroups has whole groups packed by groups, and the rest in plain Go.
func packWholeGroups(groups func(dst, src *float32, ld, m, groups int), dst, src *float32, ld, m, cols int) {
	whole := cols / int4Group
	if whole > 0 {
		groups(dst, src, ld, m, whole)
	}
	if rest := cols % int4Group; rest > 0 {
		packRowsInt4Generic(add(dst, whole*m*int4RowWords), add(src, whole*int4Group), ld, m, rest)
	}
}
