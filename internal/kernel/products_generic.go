package kernel

import (
	"runtime"
	"time"
	"unsafe"

	"github.com/rhumb-go/rhumb/tensor"
)

func tileGeneric(c *float32, ldc int, a, b, bias *float32, steps, m, n int, _ *float32, r run) {
	for i := range r.count {
		oneTileGeneric(add(c, i*r.c), ldc, add(a, i*r.a), add(b, i*r.b), add(bias, i*r.bias), steps, m, n, r.first)
	}
}

// add returns the place of element n of p.
func add(p *float32, n int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n)) }

// oneTileGeneric works through the panel four columns and two rows at a time, and adds the
// parts of the sums.
func oneTileGeneric(c *float32, ldc int, a, b, bias *float32, steps, m, n, first int) {
	k4 := 4 * steps
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	as := unsafe.Slice(a, m*k4)
	bs := unsafe.Slice(b, k4*Panel)
	biases := unsafe.Slice(bias, Panel)
	for i := 0; i < m; i += 2 {
		i1 := min(i+1, m-1) // the last row of an odd count is computed twice
		for j := 0; j < n; j += 4 {
			var sums [2][4]float32
			for from, to := 0, 4*first; from < k4; from, to = to, to+SumTerms {
				var c00, c01, c02, c03, c10, c11, c12, c13 float32
				for g := from; g < min(to, k4); g += 4 {
					x0 := (*[4]float32)(as[g*m+4*i:])
					x1 := (*[4]float32)(as[g*m+4*i1:])
					w := (*[3*Panel + 4]float32)(bs[g*Panel+j:])
					c00 += dot4(x0, w[0], w[Panel], w[2*Panel], w[3*Panel])
					c01 += dot4(x0, w[1], w[Panel+1], w[2*Panel+1], w[3*Panel+1])
					c02 += dot4(x0, w[2], w[Panel+2], w[2*Panel+2], w[3*Panel+2])
					c03 += dot4(x0, w[3], w[Panel+3], w[2*Panel+3], w[3*Panel+3])
					c10 += dot4(x1, w[0], w[Panel], w[2*Panel], w[3*Panel])
					c11 += dot4(x1, w[1], w[Panel+1], w[2*Panel+1], w[3*Panel+1])
					c12 += dot4(x1, w[2], w[Panel+2], w[2*Panel+2], w[3*Panel+2])
					c13 += dot4(x1, w[3], w[Panel+3], w[2*Panel+3], w[3*Panel+3])
				}
				for l, v := range [4]float32{c00, c01, c02, c03} {
					sums[0][l] += v
				}
				for l, v := range [4]float32{c10, c11, c12, c13} {
					sums[1][l] += v
				}
			}
			for l, v := range biases[j : j+4] {
				sums[0][l] += v
				sums[1][l] += v
			}
			copy(cs[i*ldc+j:i*ldc+n], sums[0][:])
			copy(cs[i1*ldc+j:i1*ldc+n], sums[1][:])
		}
	}
}

// dot4 sums four products by themselves: the rounding errors of a long sum shrink
// with the number of its summands. Each product is rounded, so that no compiler fuses
// it with a sum: plain Go has the same bits on every architecture.
func dot4(x *[4]float32, a, b, c, d float32) float32 {
	return (float32(x[0]*a) + float32(x[1]*b)) + (float32(x[2]*c) + float32(x[3]*d))
}

func transposeGeneric(dst, src *float32, ld, rows, cols int) {
	transposeBlock(dst, src, ld, rows, cols)
	clearColumns(dst, rows, cols)
}

// transposeBlock writes dst[j*Panel+i] = src[i*ld+j] for i < rows, j < cols.
func transposeBlock(dst, src *float32, ld, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	from := unsafe.Slice(src, (rows-1)*ld+cols)
	to := unsafe.Slice(dst, (cols-1)*Panel+rows)
	for i := range rows {
		for j, v := range from[i*ld : i*ld+cols] {
			to[j*Panel+i] = v
		}
	}
}

// clearColumns zeroes columns rows to Panel of the first cols rows of a panel.
func clearColumns(dst *float32, rows, cols int) {
	if rows == Panel {
		return
	}
	to := unsafe.Slice(dst, cols*Panel)
	for j := range cols {
		clear(to[j*Panel+rows : (j+1)*Panel])
	}
}

// interleaveGeneric copies rows: with one term a word there is nothing to interleave.
func interleaveGeneric(dst, src *float32, ld, rows, cols int) {
	from := unsafe.Slice(src, (rows-1)*ld+cols)
	to := unsafe.Slice(dst, rows*Panel)
	for i := range rows {
		row := to[i*Panel:][:Panel]
		clear(row[copy(row, from[i*ld:][:cols]):])
	}
}

func packRowsGeneric(dst, src *float32, ld, m, cols int) {
	from := unsafe.Slice(src, (m-1)*ld+cols)
	to := unsafe.Slice(dst, Float32.words(cols)*m)
	whole := cols / 4
	for i := range m {
		row := from[i*ld:][:cols]
		for g := range whole {
			*(*[4]float32)(to[(g*m+i)*4:]) = *(*[4]float32)(row[4*g:])
		}
		if rest := row[4*whole:]; len(rest) > 0 {
			last := to[(whole*m+i)*4:][:4]
			clear(last[copy(last, rest):])
		}
	}
}

func peakGeneric(n int) float64 {
	x := [8]float32{1, 1, 1, 1, 1, 1, 1, 1}
	for range n {
		for i := range x {
			x[i] += x[i] * 0.5
		}
	}
	runtime.KeepAlive(&x)
	return float64(n) * 8 * 2
}

// Peak measures the set's rate of fused multiply-adds on registers, in
// floating-point operations a second of one thread: the best of some runs
// within about d.
func (s *Set) Peak(d time.Duration) float64 {
	n := 1 << 16
	return bestRate(d, func() float64 { return s.peak(n) })
}

// PeakIn is Peak for products in format f, where it is not Float32 that of its tile
// on operands in the first cache.
func (s *Set) PeakIn(f Format, d time.Duration) float64 {
	if f == Float32 {
		return s.Peak(d)
	}
	const words = 128
	k, rows := words*f.terms(), s.products[f].tileRows
	var a Rows
	var b Panels
	b.Resize(f, k, Panel)
	s.PackTransposed(&b, 0, tensor.NewMatrix(Panel, k))
	a.Resize(s, rows, &b)
	s.PackRows(&a, 0, tensor.NewMatrix(rows, k))
	dst := tensor.NewMatrix(rows, Panel)
	return bestRate(d, func() float64 {
		const times = 256
		for range times {
			s.Multiply(dst, &a, 0, 1, &b, 0, 1, 0, Identity)
		}
		return float64(times * 2 * rows * Panel * k)
	})
}

// bestRate returns the best rate, in operations a second, of calls of run within
// about d. run returns its operations.
func bestRate(d time.Duration, run func() float64) float64 {
	best := 0.0
	for start := time.Now(); time.Since(start) < d; {
		t := time.Now()
		ops := run()
		best = max(best, ops/time.Since(t).Seconds())
	}
	return best
}
