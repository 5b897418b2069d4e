//go:build amd64 && !purego

package kernel

// sse41 is for CPUs without AVX2 and FMA, or that hide them: it has the bits of the generic set.
var sse41 = Set{
	name:   "sse41",
	rounds: true,
	products: [Formats]product{
		Float32: {how: "float32", tileRows: 8, tile: tileSSE41, transpose: transposeGeneric, interleave: interleaveGeneric, packRows: packRowsGeneric},
		BFloat16: {how: expanded, tileRows: 8, tile: tileBFloat16SSE41, transpose: transposeBFloat16Generic, interleave: interleaveBFloat16Generic,
			packRows: packRowsBFloat16SSE41, packExponentials: packExponentialsBFloat16SSE41, gelu: roughGELUSSE41},
		Int8: {how: "int8 by PMADDWD, 16 bits wide", tileRows: 8, tile: tileInt8SSE41, gelu: roughGELUSSE41},
		Int4: {how: "int4 by PMADDUBSW", tileRows: 4, tile: tileInt4SSE41, transpose: transposeInt4, interleave: interleaveInt4,
			packRows: packRowsInt4SSE41, gelu: roughGELUSSE41},
	},
	int8Loops: int8Loops{extremesSSE41, quantizeSSE41},
	peak:      peakSSE41,
	vectors:   sse41Vectors,

	gelu:      geluSSE41,
	geluTanh:  geluTanhSSE41,
	silu:      siluSSE41,
	relu:      reluSSE41,
	tanh:      tanhSSE41,
	softmax:   softmaxSSE41,
	addScaled: addScaledGeneric,
	rotate:    rotateGeneric,
	layerNorm: layerNormSSE41,
	rmsNorm:   rmsNormSSE41,
	axpy:      axpySSE41,
	mul:       mulSSE41,
	max:       maxSSE41,
	scale:     scaleSSE41,
}
