//go:build arm64 && !purego

package kernel

import "golang.org/x/sys/cpu"

var sets = detect()

func detect() []*Set {
	for _, v := range []struct {
		has  bool
		tile product
	}{{cpu.ARM64.HasASIMDDP, int8SDOT}, {cpu.ARM64.HasI8MM, int8USMMLA}} {
		if v.has && provenInt8(&neon, v.tile) {
			neon.products[Int8] = v.tile
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
		Int4:     int4Generic,
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
	layerNorm:  layerNormNEON,
	rmsNorm:    rmsNormNEON,
	axpy:       axpyNEON,
	mul:        mulNEON,
	max:        maxNEON,
	scale:      scaleNEON,
}
