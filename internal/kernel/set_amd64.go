//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

var sets = detect(permitTiles)

// detect returns the sets of this CPU. It asks for AMX's tile registers only where
// the CPU has them.
func detect(permitted func() bool) []*Set {
	sets := []*Set{&generic}
	if cpu.X86.HasSSE41 {
		sets = append(sets, &sse41)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		if cpu.X86.HasAVXVNNI && proven(&avx2, Int8, int8AVXVNNI) {
			avx2.products[Int8] = int8AVXVNNI
		}
		sets = append(sets, &avx2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ {
			if cpu.X86.HasAVX512BF16 && cpu.X86.HasAVX512BW {
				avx512.products[BFloat16] = bfloat16Dot
			}
			switch {
			case cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL:
				avx512.products[Int8], avx512.products[Int4] = int8AVX512VNNI, int4AVX512
			case cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL:
				avx512.products[Int8] = int8PairsAVX512
			}
			sets = append(sets, &avx512)
			if amx := withAMX(&avx512, permitted); amx != nil {
				sets = append(sets, amx)
			}
		}
	}
	return sets
}

var avx2 = Set{
	name: "avx2",
	products: [Formats]product{
		Float32:  {how: "float32", tileRows: 6, tile: tileAVX2, spread: true, direct: directAVX2, transpose: transposeAVX2, interleave: interleaveAVX2, packRows: packRowsAVX2, packExponentials: packExponentialsAVX2},
		BFloat16: bfloat16AVX2,
		Int8:     int8PairsAVX2,
		Int4:     int4AVX2,
	},
	int8Loops:  int8AVX2,
	floatLoops: floatsAVX2,
	int4:       int4LoopsAVX2,

	peak:    peakAVX2,
	vectors: avx2Vectors,

	gelu:       geluAVX2,
	geluTanh:   geluTanhAVX2,
	silu:       siluAVX2,
	relu:       reluAVX2,
	tanh:       tanhAVX2,
	softmax:    softmaxAVX2,
	divideRows: divideRowsAVX2,
	addScaled:  addScaledAVX2,
	rotate:     rotateAVX2,
	layerNorm:  layerNormAVX2,
	rmsNorm:    rmsNormAVX2,
	axpy:       axpyAVX2,
	mul:        mulAVX2,
	max:        maxAVX2,
	scale:      scaleAVX2,
}

var avx512 = Set{
	name: "avx512",
	products: [Formats]product{
		Float32:  {how: "float32", tileRows: 14, tile: tileAVX512, spread: true, direct: directAVX512, transpose: transposeAVX2, interleave: interleaveAVX2, packRows: packRowsAVX2, packExponentials: packExponentialsAVX512, packGELU: packGELUAVX512},
		BFloat16: bfloat16AVX512,
		Int8:     int8PairsAVX2,
		Int4:     int4AVX2,
	},
	int8Loops:  int8AVX512,
	floatLoops: floatsAVX2,
	int4:       int4LoopsAVX2,

	peak:    peakAVX512,
	vectors: avx512Vectors,

	gelu:       geluAVX512,
	geluTanh:   geluTanhAVX512,
	silu:       siluAVX512,
	relu:       reluAVX512,
	tanh:       tanhAVX512,
	softmax:    softmaxAVX512,
	divideRows: divideRowsAVX2,
	addScaled:  addScaledAVX2,
	rotate:     rotateAVX2,
	layerNorm:  layerNormAVX512,
	layerNorm4: layerNorm4AVX512,
	rmsNorm:    rmsNormAVX512,
	axpy:       axpyAVX512,
	mul:        mulAVX512,
	max:        maxAVX512,
	scale:      scaleAVX512,
}
