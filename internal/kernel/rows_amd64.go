//go:build amd64 && !purego

package kernel

// Every function here computes what its generic twin says, with fused
// multiply-adds and in the order of steps of rows_amd64.h, and reads and
// writes exactly the elements named. The functions do not yield to the
// scheduler: callers bound their work (see maxWork).

// The functions of this block require AVX2 and FMA.

// geluAVX2 replaces x by x·Φ(x) with Φ(x) = (1 + erf(x/√2))/2, for rows×cols elements, ld apart from row to row.
//
//go:noescape
func geluAVX2(x []float32, ld, rows, cols int)

// roughGELUAVX2 is geluAVX2 with an error of 2.5e-5, to be rounded to bfloat16.
//
//go:noescape
func roughGELUAVX2(x []float32, ld, rows, cols int)

// geluTanhAVX2 replaces x by x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func geluTanhAVX2(x []float32, ld, rows, cols int)

// siluAVX2 replaces x by x/(1 + exp(-x)), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func siluAVX2(x []float32, ld, rows, cols int)

// reluAVX2 replaces x by max(x, 0); a NaN stays, for rows×cols elements, ld apart from row to row.
//
//go:noescape
func reluAVX2(x []float32, ld, rows, cols int)

// tanhAVX2 replaces x by tanh(x), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func tanhAVX2(x []float32, ld, rows, cols int)

// softmaxAVX2 replaces x by e = 2^((x-highest)·factor), highest the largest of x and least, and returns Σ e in 16 partial sums.
//
//go:noescape
func softmaxAVX2(x []float32, factor, least float32) (total, highest float32)

// layerNormAVX2 writes dst = (s-mean(s))·(1/√(var(s)+eps))·gamma + beta with s = x+add, or s = x where add is empty.
//
//go:noescape
func layerNormAVX2(dst, x, add, gamma, beta []float32, eps float32)

// rmsNormAVX2 writes dst = x·(1/√(mean(x²)+eps))·gamma.
//
//go:noescape
func rmsNormAVX2(dst, x, gamma []float32, eps float32)

// axpyAVX2 computes dst = a·x + dst.
//
//go:noescape
func axpyAVX2(dst, x []float32, a float32)

// mulAVX2 computes dst = dst∘x.
//
//go:noescape
func mulAVX2(dst, x []float32)

// maxAVX2 computes dst = max(dst, x); a NaN in either stays.
//
//go:noescape
func maxAVX2(dst, x []float32)

// scaleAVX2 computes dst = a·dst.
//
//go:noescape
func scaleAVX2(dst []float32, a float32)

// The functions of this block require AVX-512 F and DQ.

// geluAVX512 replaces x by x·Φ(x) with Φ(x) = (1 + erf(x/√2))/2, for rows×cols elements, ld apart from row to row.
//
//go:noescape
func geluAVX512(x []float32, ld, rows, cols int)

// roughGELUAVX512 is geluAVX512 with an error of 2.5e-5, to be rounded to bfloat16.
//
//go:noescape
func roughGELUAVX512(x []float32, ld, rows, cols int)

// packGELUAVX512 packs what geluAVX512 makes of src.
//
//go:noescape
func packGELUAVX512(dst, src *float32, ld, rows, cols int)

// geluTanhAVX512 replaces x by x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func geluTanhAVX512(x []float32, ld, rows, cols int)

// siluAVX512 replaces x by x/(1 + exp(-x)), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func siluAVX512(x []float32, ld, rows, cols int)

// reluAVX512 replaces x by max(x, 0); a NaN stays, for rows×cols elements, ld apart from row to row.
//
//go:noescape
func reluAVX512(x []float32, ld, rows, cols int)

// tanhAVX512 replaces x by tanh(x), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func tanhAVX512(x []float32, ld, rows, cols int)

// softmaxAVX512 replaces x by e = 2^((x-highest)·factor), highest the largest of x and least, and returns Σ e in 16 partial sums.
//
//go:noescape
func softmaxAVX512(x []float32, factor, least float32) (total, highest float32)

// layerNormAVX512 writes dst = (s-mean(s))·(1/√(var(s)+eps))·gamma + beta with s = x+add, or s = x where add is empty.
//
//go:noescape
func layerNormAVX512(dst, x, add, gamma, beta []float32, eps float32)

// layerNorm4AVX512: see Set.layerNorm4. Requires AVX-512 F and DQ.
//
//go:noescape
func layerNorm4AVX512(dst, x, add *float32, ldDst, ldX, ldAdd, cols int, gamma, beta *float32, eps float32)

// rmsNormAVX512 writes dst = x·(1/√(mean(x²)+eps))·gamma.
//
//go:noescape
func rmsNormAVX512(dst, x, gamma []float32, eps float32)

// axpyAVX512 computes dst = a·x + dst.
//
//go:noescape
func axpyAVX512(dst, x []float32, a float32)

// mulAVX512 computes dst = dst∘x.
//
//go:noescape
func mulAVX512(dst, x []float32)

// maxAVX512 computes dst = max(dst, x); a NaN in either stays.
//
//go:noescape
func maxAVX512(dst, x []float32)

// scaleAVX512 computes dst = a·dst.
//
//go:noescape
func scaleAVX512(dst []float32, a float32)
