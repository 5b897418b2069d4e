//go:build arm64 && !purego

package kernel

var sets = []*Set{&generic, &neon}

var neon = Set{
	name:     "neon",
	unproven: true,
	products: [Formats]product{
		Float32:  {how: "float32", tileRows: len(tilesNEON) - 1, tile: tileNEON, transpose: transposeNEON, interleave: interleaveGeneric, packRows: packRowsNEON},
		BFloat16: bfloat16Generic,
		Int8:     generic.products[Int8],
		Int4:     int4Generic,
	},
	int8Loops: int8Generic,
	peak:      peakNEON,
	vectors:   neonVectors,

	gelu:      geluNEON,
	geluTanh:  geluTanhNEON,
	silu:      siluNEON,
	relu:      reluNEON,
	tanh:      tanhNEON,
	softmax:   softmaxNEON,
	layerNorm: layerNormNEON,
	rmsNorm:   rmsNormNEON,
	axpy:      axpyNEON,
	mul:       mulNEON,
	max:       maxNEON,
	scale:     scaleNEON,
}
