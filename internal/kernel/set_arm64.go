//go:build arm64 && !purego

package kernel

import "golang.org/x/sys/cpu"

var sets = detect()

func detect() []*Set {
	for _, v := range []struct {
		has  bool
		f    Format
		tile product
	}{{cpu.ARM64.HasASIMDDP, Int8, int8SDOT}, {cpu.ARM64.HasI8MM, Int8, int8USMMLA}, {cpu.ARM64.HasASIMDDP, Int4, int4SDOT}} {
		if v.has && proven(&neon, v.f, v.tile) {
			neon.products[v.f] = v.tile
		}
	}
	return []*Set{&generic, &neon}
}

var neon = Set{
	name:     "neon",
	unproven: true,
	products: [Formats]product{
		Float32:  {how: "float32", tileRows: len(tilesNEON) - 1, tile: tileNEON, transpose: transposeNEON, interleave: interleaveNEON, packRows: packRowsNEON, packExponentials: packExponentialsNEON},
		BFloat16: bfloat16NEON,
		Int8:     int8NEON,
		Int4:     int4NEON,
	},
	int8Loops: int8LoopsNEON,
	peak:      peakNEON,
	vectors:   neonVectors,

	gelu:       geluNEON,
	geluTanh:   geluTanhNEON,
	silu:       siluNEON,
	relu:       reluNEON,
	tanh:       tanhNEON,
	softmax:    softmaxNEON,
	divideRows: divideRowsNEON,
	addScaled:  addScaledNEON,
	rotate:     rotateNEON,
	layerNorm:  layerNormNEON,
	rmsNorm:    rmsNormNEON,
	axpy:       axpyNEON,
	mul:        mulNEON,
	max:        maxNEON,
	scale:      scaleNEON,
}
