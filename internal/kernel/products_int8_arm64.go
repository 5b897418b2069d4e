//go:build arm64 && !purego

package kernel

import "unsafe"

// The tiles of CPUs with and without products of 8-bit numbers, in the order of
// their speed.
var (
	int8NEON   = product{how: "int8 by SMULL, 16 bits wide", tileRows: len(tilesInt8NEON) - 1, tile: tileInt8NEON, gelu: roughGELUNEON}
	int8SDOT   = product{how: "int8 by SDOT", tileRows: len(tilesInt8SDOT) - 1, tile: tileInt8SDOT, gelu: roughGELUNEON}
	int8USMMLA = product{how: "int8 by USMMLA", tileRows: len(tilesInt8USMMLA) - 1, tile: tileInt8USMMLA, transpose: transposePairs, gelu: roughGELUNEON}
)

var int8LoopsNEON = int8Loops{extremesNEON, quantizeNEON}

func tileInt8NEON(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesInt8NEON[m], c, ldc, a, b, bias, steps, n, next, r)
}

func tileInt8SDOT(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesInt8SDOT[m], c, ldc, a, b, bias, steps, n, next, r)
}

func tileInt8USMMLA(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesInt8USMMLA[m], c, ldc, a, b, bias, steps, n, next, r)
}

// transposePairs is transposeNEON with two words of a column beside each other. The
// words are whole groups.
func transposePairs(dst, src *float32, ld, rows, cols int) {
	transposeNEON(dst, src, ld, rows, cols)
	pairWords(dst, cols)
}

// pairWords moves words 2i and 2i+1 of each column beside each other, within the place
// that the words have of each half of the columns: those of its first 8 columns go to
// the place of words 2i, the others to that of words 2i+1.
func pairWords(dst *float32, words int) {
	const half = Panel / 2
	pairs := unsafe.Slice((*[2][2][half]float32)(unsafe.Pointer(dst)), words/2)
	for i := range pairs {
		from, to := pairs[i], &pairs[i]
		for h := range 2 {
			for j := range half {
				at := 2 * j
				to[at/half][h][at%half], to[at/half][h][at%half+1] = from[0][h][j], from[1][h][j]
			}
		}
	}
}

// The loops: see int8Loops. They read the whole of each group but the last.

//go:noescape
func extremesNEON(x *float32, kept *uint16, groups int) (low, high float32)

//go:noescape
func quantizeNEON(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
