package kernel

var generic = Set{
	name:   "generic",
	rounds: true,
	products: [Formats]product{
		Float32:  {how: "float32", tileRows: 4, tile: tileGeneric, transpose: transposeGeneric, interleave: interleaveGeneric, packRows: packRowsGeneric},
		BFloat16: bfloat16Generic,
		Int8:     {how: "int8 in plain Go", tileRows: 4, tile: tileInt8Generic, gelu: roughGELUGeneric},
		Int4:     int4Generic,
	},
	int8Loops: int8Generic,
	peak:      peakGeneric,
	vectors:   genericVectors,

	gelu:      geluGeneric,
	geluTanh:  geluTanhGeneric,
	silu:      siluGeneric,
	relu:      reluGeneric,
	tanh:      tanhGeneric,
	softmax:   softmaxGeneric,
	addScaled: addScaledGeneric,
	rotate:    rotateGeneric,
	layerNorm: layerNormGeneric,
	rmsNorm:   rmsNormGeneric,
	axpy:      axpyGeneric,
	mul:       mulGeneric,
	max:       maxGeneric,
	scale:     scaleGeneric,
}
