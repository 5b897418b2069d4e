//go:build amd64 && !purego

package kernel

// sse41 is for CPUs without AVX2 and FMA, or that hide them: it has the bits of the generic set.
var sse41 = Set{
	name:   "sse41",
	rounds: true,
	products: [Formats]product{
		Float32: {how: "float32", tileRows: 8, tile: tileSSE41, transpose: transposeGeneric, interleave: interleaveGeneric, packRows: packRowsGeneric},
		BFloat16: {how: expanded, tileRows: 8, tile: tileBFloat16SSE41, transpose: transposeBFloat16Generic, interleave: interleaveBFloat16Generic,
			packRows: packRowsBFloat16Generic, packExponentials: packExponentialsBFloat16Generic, gelu: roughGELUGeneric},
		Int8: {how: "int8 by PMADDWD, 16 bits wide", tileRows: 8, tile: tileInt8SSE41, gelu: roughGELUGeneric},
		Int4: int4Generic,
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
	layerNorm: layerNormGeneric,
	rmsNorm:   rmsNormGeneric,
	axpy:      axpyGeneric,
	mul:       mulGeneric,
	max:       maxGeneric,
	scale:     scaleGeneric,
}
