//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

var sets = detect()

func detect() []*Set {
	sets := []*Set{&generic}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		sets = append(sets, &avx2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ {
			sets = append(sets, &avx512)
		}
	}
	return sets
}

var avx2 = Set{
	name: "avx2",
	products: [formats]product{
		Float32:  {6, tileAVX2, transposeAVX2, interleaveAVX2, packRowsAVX2, packExponentialsAVX2},
		BFloat16: bfloat16Generic,
	},
	peak:    peakAVX2,
	vectors: avx2Vectors,

	gelu:       geluAVX2,
	geluTanh:   geluTanhAVX2,
	silu:       siluAVX2,
	relu:       reluAVX2,
	tanh:       tanhAVX2,
	softmax:    softmaxAVX2,
	divideRows: divideRowsAVX2,
	layerNorm:  layerNormAVX2,
	rmsNorm:    rmsNormAVX2,
	axpy:       axpyAVX2,
	mul:        mulAVX2,
	max:        maxAVX2,
	scale:      scaleAVX2,
}

var avx512 = Set{
	name: "avx512",
	products: [formats]product{
		Float32:  {14, tileAVX512, transposeAVX2, interleaveAVX2, packRowsAVX2, packExponentialsAVX512},
		BFloat16: bfloat16Generic,
	},
	peak:    peakAVX512,
	vectors: avx512Vectors,

	gelu:       geluAVX512,
	geluTanh:   geluTanhAVX512,
	silu:       siluAVX512,
	relu:       reluAVX512,
	tanh:       tanhAVX512,
	softmax:    softmaxAVX512,
	divideRows: divideRowsAVX2,
	layerNorm:  layerNormAVX512,
	rmsNorm:    rmsNormAVX512,
	axpy:       axpyAVX512,
	mul:        mulAVX512,
	max:        maxAVX512,
	scale:      scaleAVX512,
}
