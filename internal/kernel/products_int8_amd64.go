//go:build amd64 && !purego

package kernel

import "unsafe"

// The tiles of CPUs with and without VPDPBUSD, in the order of their speed.
var (
	int8PairsAVX2   = product{how: pairs, tileRows: 6, tile: tileInt8AVX2, spread: true, gelu: roughGELUAVX2, wide: true, quantize: quantizeWideAVX2, transpose: transposeApart}
	int8PairsAVX512 = product{how: pairs, tileRows: 14, tile: tileInt8AVX512, spread: true, gelu: roughGELUAVX512, wide: true, quantize: quantizeWideAVX2, transpose: transposeApart}
	int8AVXVNNI     = product{how: "int8 by VPDPBUSD (AVX-VNNI)", tileRows: 6, tile: tileAVXVNNI, spread: true, gelu: roughGELUAVX2}
	int8AVX512VNNI  = product{how: "int8 by VPDPBUSD", tileRows: 14, tile: tileAVX512VNNI, spread: true, gelu: roughGELUAVX512, packInt8: packInt8AVX512}
)

// pairs is how CPUs multiply that have no product of 8-bit numbers without loss.
const pairs = "int8 by VPMADDWD, 16 bits wide"

// transposeApart is transposeAVX2 with the even bytes of the words of 16 columns, and then their
// odd ones, beside each other.
func transposeApart(dst, src *float32, ld, rows, cols int) {
	transposeAVX2(dst, src, ld, rows, cols)
	const even = 0x00ff00ff00ff00ff
	for i := range cols * Panel / 16 {
		words := (*[8]uint64)(unsafe.Pointer(add(dst, 16*i)))
		evens, odds := (*[8]uint32)(unsafe.Pointer(&words[0])), (*[8]uint32)(unsafe.Pointer(&words[4]))
		for j, v := range *words {
			evens[j], odds[j] = together(v&even), together(v>>8&even)
		}
	}
}

// together returns the bytes 0, 2, 4 and 6 of v, whose others are zero.
func together(v uint64) uint32 {
	v = (v | v>>8) & 0x0000ffff0000ffff
	return uint32(v | v>>16)
}

var (
	int8AVX2   = int8Loops{extremesAVX2, quantizeAVX2}
	int8AVX512 = int8Loops{extremesAVX512, quantizeAVX512}
)

func tileInt8AVX2(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesInt8AVX2[m], c, ldc, a, b, bias, steps, n, next, r)
}

func tileAVXVNNI(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	inHalves(tilesAVXVNNI[m], c, ldc, a, b, bias, steps, n, next, r)
}

func tileInt8AVX512(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	tilesInt8AVX512[m](c, ldc, a, b, bias, steps, n, next, r)
}

func tileAVX512VNNI(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	tilesAVX512VNNI[m](c, ldc, a, b, bias, steps, n, next, r)
}

// The loops: see int8Loops.

// extremesAVX2 requires AVX2.
//
//go:noescape
func extremesAVX2(x *float32, kept *uint16, groups int) (low, high float32)

// quantizeAVX2 requires AVX2.
//
//go:noescape
func quantizeAVX2(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)

// quantizeWideAVX2 is quantizeAVX2 of rows, whose terms are from 0 on, with the even ones of each four
// in 16 bits, and then the odd ones.
//
//go:noescape
func quantizeWideAVX2(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)

// extremesAVX512 requires AVX-512 F and DQ.
//
//go:noescape
func extremesAVX512(x *float32, kept *uint16, groups int) (low, high float32)

// quantizeAVX512 requires AVX-512 F.
//
//go:noescape
func quantizeAVX512(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)

// packInt8AVX512: see product.packInt8. Requires AVX-512 F,
// DQ, VL and BW. There are at most 32 rows.
//
//go:noescape
func packInt8AVX512(dst, x *float32, ld, rows int, kept *uint16, groups, steps int)

// quantizeBlocksAVX512: see product.quantize. Requires AVX-512 F.
//
//go:noescape
func quantizeBlocksAVX512(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
