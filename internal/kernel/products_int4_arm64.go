//go:build arm64 && !purego

package kernel

// The tiles of CPUs with and without products of 8-bit numbers.
var (
	int4NEON = product{how: "int4 by SMLAL, 16 bits wide", gelu: roughGELUNEON, tileRows: len(tilesInt4NEON) - 1, tile: tileInt4NEON, transpose: transposeInt4, interleave: interleaveInt4, packRows: packRowsInt4NEON}
	int4SDOT = product{how: "int4 by SDOT", gelu: roughGELUNEON, tileRows: len(tilesInt4SDOT) - 1, tile: tileInt4SDOT, transpose: transposeInt4, interleave: interleaveInt4, packRows: packRowsInt4NEON}
)

var (
	tilesInt4NEON = [...]rowsInt4Func{nil, tile1x16Int4NEON, tile2x16Int4NEON, tile3x16Int4NEON}
	tilesInt4SDOT = [...]rowsInt4Func{nil, tile1x16Int4SDOT, tile2x16Int4SDOT, tile3x16Int4SDOT, tile4x16Int4SDOT}
)

func tileInt4NEON(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	runInt4(oneTileInt4NEON, c, ldc, a, b, bias, steps, m, n, next, r)
}

func tileInt4SDOT(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	runInt4(oneTileInt4SDOT, c, ldc, a, b, bias, steps, m, n, next, r)
}

func oneTileInt4NEON(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32) {
	halvesInt4(tilesInt4NEON[m], c, ldc, a, b, bias, steps, m, n, next)
}

func oneTileInt4SDOT(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32) {
	halvesInt4(tilesInt4SDOT[m], c, ldc, a, b, bias, steps, m, n, next)
}

func packRowsInt4NEON(dst, src *float32, ld, m, cols int) {
	packWholeGroups(packGroupsInt4NEON, dst, src, ld, m, cols)
}

// packGroupsInt4NEON is packRowsInt4Generic of whole groups; m and groups are positive.
//
//go:noescape
func packGroupsInt4NEON(dst, src *float32, ld, m, groups int)

// The tiles: see rowsInt4Func.

//go:noescape
func tile1x16Int4NEON(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile2x16Int4NEON(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile3x16Int4NEON(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile1x16Int4SDOT(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile2x16Int4SDOT(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile3x16Int4SDOT(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile4x16Int4SDOT(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)
