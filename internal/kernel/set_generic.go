package kernel

var generic = Set{
	name: "generic",
	products: [formats]product{
		Float32:  {4, tileGeneric, transposeGeneric, interleaveGeneric, packRowsGeneric, nil},
		BFloat16: bfloat16Generic,
	},
	peak:    peakGeneric,
	vectors: genericVectors,

	gelu:      geluGeneric,
	geluTanh:  geluTanhGeneric,
	silu:      siluGeneric,
	relu:      reluGeneric,
	tanh:      tanhGeneric,
	softmax:   softmaxGeneric,
	layerNorm: layerNormGeneric,
	rmsNorm:   rmsNormGeneric,
	axpy:      axpyGeneric,
	mul:       mulGeneric,
	max:       maxGeneric,
	scale:     scaleGeneric,
}
