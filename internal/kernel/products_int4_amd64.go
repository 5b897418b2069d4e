//go:build amd64 && !purego

package kernel

var int4AVX2 = product{how: "int4 by VPMADDUBSW", gelu: roughGELUAVX2, tileRows: 4, tile: tileInt4AVX2, transpose: transposeInt4, interleave: interleaveInt4, packRows: packRowsInt4AVX2}

var int4AVX512 = product{how: "int4 by VPDPBUSD", gelu: roughGELUAVX512, tileRows: 9, tile: tileInt4AVX512, transpose: transposeInt4, interleave: interleaveInt4, packRows: packRowsInt4AVX2}

var tilesInt4AVX2 = [...]rowsInt4Func{nil, tile1x16Int4AVX2, tile2x16Int4AVX2, tile3x16Int4AVX2, tile4x16Int4AVX2}

var tilesInt4AVX512 = [...]rowsInt4Func{nil, tile1x32Int4AVX512, tile2x32Int4AVX512, tile3x32Int4AVX512, tile4x32Int4AVX512, tile5x32Int4AVX512,
	tile6x32Int4AVX512, tile7x32Int4AVX512, tile8x32Int4AVX512, tile9x32Int4AVX512}

func tileInt4AVX2(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	runInt4(oneTileInt4AVX2, c, ldc, a, b, bias, steps, m, n, next, r)
}

func tileInt4AVX512(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	runInt4(oneTileInt4AVX512, c, ldc, a, b, bias, steps, m, n, next, r)
}

func oneTileInt4AVX2(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32) {
	halvesInt4(tilesInt4AVX2[m], c, ldc, a, b, bias, steps, m, n, next)
}

func oneTileInt4AVX512(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32) {
	scales := add(b, 4*Panel)
	if n < Panel {
		whole := wholeTiles.Get().(*wholeTile)
		defer wholeTiles.Put(whole)
		tilesInt4AVX512[m](&whole[0], Panel, a, b, scales, bias, steps, next)
		copyColumns(c, ldc, whole[:], m, n)
		return
	}
	tilesInt4AVX512[m](c, ldc, a, b, scales, bias, steps, next)
}

func packRowsInt4AVX2(dst, src *float32, ld, m, cols int) {
	packWholeGroups(packGroupsInt4AVX2, dst, src, ld, m, cols)
}

// packGroupsInt4AVX2 is packRowsInt4Generic of whole groups; m and groups are positive.
//
//go:noescape
func packGroupsInt4AVX2(dst, src *float32, ld, m, groups int)

// The tiles: see rowsInt4Func.

//go:noescape
func tile1x16Int4AVX2(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile2x16Int4AVX2(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile3x16Int4AVX2(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile4x16Int4AVX2(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile1x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile2x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile3x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile4x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile5x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile6x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile7x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile8x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)

//go:noescape
func tile9x32Int4AVX512(c *float32, ldc int, a, b, scales, bias *float32, steps int, next *float32)
