package kernel

import (
	"time"
	"unsafe"
)

// tileGeneric works through the panel four columns and two rows at a time.
func tileGeneric(c *float32, ldc int, a, b, bias *float32, k, m, n int) {
	k4 := roundUp(k, 4)
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	as := unsafe.Slice(a, m*k4)
	bs := unsafe.Slice(b, k4*Panel)
	biases := unsafe.Slice(bias, Panel)
	for i := 0; i < m; i += 2 {
		i1 := min(i+1, m-1) // the last row of an odd count is computed twice
		for j := 0; j < n; j += 4 {
			b0 := (*[4]float32)(biases[j:])
			c00, c01, c02, c03 := b0[0], b0[1], b0[2], b0[3]
			c10, c11, c12, c13 := b0[0], b0[1], b0[2], b0[3]
			for g := 0; g < k4; g += 4 {
				x0 := (*[4]float32)(as[g*m+4*i:])
				x1 := (*[4]float32)(as[g*m+4*i1:])
				for t := range 4 {
					w := (*[4]float32)(bs[(g+t)*Panel+j:])
					c00 += x0[t] * w[0]
					c01 += x0[t] * w[1]
					c02 += x0[t] * w[2]
					c03 += x0[t] * w[3]
					c10 += x1[t] * w[0]
					c11 += x1[t] * w[1]
					c12 += x1[t] * w[2]
					c13 += x1[t] * w[3]
				}
			}
			copy(cs[i*ldc+j:i*ldc+n], []float32{c00, c01, c02, c03})
			copy(cs[i1*ldc+j:i1*ldc+n], []float32{c10, c11, c12, c13})
		}
	}
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

func packRowGeneric(dst, src *float32, step, n int) {
	from := unsafe.Slice(src, 4*n)
	to := unsafe.Slice(dst, (n-1)*(step/4)+4)
	for g := range n {
		copy(to[g*(step/4):][:4], from[4*g:])
	}
}

func peakGeneric(n int) float64 {
	x := [8]float32{1, 1, 1, 1, 1, 1, 1, 1}
	for range n {
		for i := range x {
			x[i] += x[i] * 0.5
		}
	}
	sink = x
	return float64(n) * 8 * 2
}

var sink [8]float32

// Peak measures the set's rate of fused multiply-adds on registers, in
// floating-point operations a second of one thread: the best of some runs
// within about d.
func (s *Set) Peak(d time.Duration) float64 {
	best := 0.0
	n := 1 << 16
	for start := time.Now(); time.Since(start) < d; {
		t := time.Now()
		ops := s.peak(n)
		best = max(best, ops/time.Since(t).Seconds())
	}
	return best
}
