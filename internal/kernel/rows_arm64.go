//go:build arm64 && !purego

package kernel

// Every function here computes what its generic twin says, with fused
// multiply-adds and in the order of steps of rows_amd64.h, and reads and
// writes exactly the elements named. The functions do not yield to the
// scheduler: callers bound their work (see maxWork).

// geluNEON replaces x by x·Φ(x) with Φ(x) = (1 + erf(x/√2))/2, for rows×cols elements, ld apart from row to row.
//
//go:noescape
func geluNEON(x []float32, ld, rows, cols int)

// geluTanhNEON replaces x by x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func geluTanhNEON(x []float32, ld, rows, cols int)

// siluNEON replaces x by x/(1 + exp(-x)), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func siluNEON(x []float32, ld, rows, cols int)

// reluNEON replaces x by max(x, 0); a NaN stays, for rows×cols elements, ld apart from row to row.
//
//go:noescape
func reluNEON(x []float32, ld, rows, cols int)

// tanhNEON replaces x by tanh(x), for rows×cols elements, ld apart from row to row.
//
//go:noescape
func tanhNEON(x []float32, ld, rows, cols int)

// softmaxNEON replaces x by e = 2^((x-highest)·factor), highest the largest of x and least, and returns Σ e in 16 partial sums.
//
//go:noescape
func softmaxNEON(x []float32, factor, least float32) (total, highest float32)

// packExponentialsNEON: see product.packExponentials.
//
//go:noescape
func packExponentialsNEON(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32)

// divideRowsNEON: see Set.divideRows.
//
//go:noescape
func divideRowsNEON(x *float32, ld, rows, cols int, totals *float32)

// addScaledNEON: see Set.addScaled.
//
//go:noescape
func addScaledNEON(dst, x *float32, stride, ld, rows, cols int, factors *float32)

// rotateNEON: see Set.rotate.
//
//go:noescape
func rotateNEON(heads *float32, count, half int, angles *float32)

// layerNormNEON writes dst = (s-mean(s))·(1/√(var(s)+eps))·gamma + beta with s = x+add, or s = x where add is empty.
//
//go:noescape
func layerNormNEON(dst, x, add, gamma, beta []float32, eps float32)

// rmsNormNEON writes dst = x·(1/√(mean(x²)+eps))·gamma.
//
//go:noescape
func rmsNormNEON(dst, x, gamma []float32, eps float32)

// axpyNEON computes dst = a·x + dst.
//
//go:noescape
func axpyNEON(dst, x []float32, a float32)

// mulNEON computes dst = dst∘x.
//
//go:noescape
func mulNEON(dst, x []float32)

// maxNEON computes dst = max(dst, x); a NaN in either stays.
//
//go:noescape
func maxNEON(dst, x []float32)

// scaleNEON computes dst = a·dst.
//
//go:noescape
func scaleNEON(dst []float32, a float32)
