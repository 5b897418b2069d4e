package kernel

var generic = Set{
	name:      "generic",
	tileRows:  4,
	tile:      tileGeneric,
	transpose: transposeGeneric,
	packRows:  packRowsGeneric,
	peak:      peakGeneric,
	vectors:   genericVectors,

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
