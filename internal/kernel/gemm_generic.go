package kernel

import (
	"runtime"
	"time"
	"unsafe"
)

// tileGeneric works through the panel four columns and two rows at a time.
func tileGeneric(c *float32, ldc int, a, b, bias *float32, k, m, n int, _ *float32) {
	k4 := roundUp(k, 4)
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	as := unsafe.Slice(a, m*k4)
	bs := unsafe.Slice(b, k4*Panel)
	biases := unsafe.Slice(bias, Panel)
	for i := 0; i < m; i += 2 {
		i1 := min(i+1, m-1) // the last row of an odd count is computed twice
		for j := 0; j < n; j += 4 {
			begin := (*[4]float32)(biases[j:])
			c00, c01, c02, c03 := begin[0], begin[1], begin[2], begin[3]
			c10, c11, c12, c13 := begin[0], begin[1], begin[2], begin[3]
			for g := 0; g < k4; g += 4 {
				x0 := (*[4]float32)(as[g*m+4*i:])
				x1 := (*[4]float32)(as[g*m+4*i1:])
				w := (*[3*Panel + 4]float32)(bs[g*Panel+j:])
				for t := range x0 {
					u, v := x0[t], x1[t]
					c00 += u * w[t*Panel]
					c01 += u * w[t*Panel+1]
					c02 += u * w[t*Panel+2]
					c03 += u * w[t*Panel+3]
					c10 += v * w[t*Panel]
					c11 += v * w[t*Panel+1]
					c12 += v * w[t*Panel+2]
					c13 += v * w[t*Panel+3]
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

func packRowsGeneric(dst, src *float32, ld, m, groups int) {
	from := unsafe.Slice(src, (m-1)*ld+4*groups)
	to := unsafe.Slice(dst, 4*m*groups)
	for g := range groups {
		for i := range m {
			copy(to[(g*m+i)*4:][:4], from[i*ld+4*g:])
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
	best := 0.0
	n := 1 << 16
	for start := time.Now(); time.Since(start) < d; {
		t := time.Now()
		ops := s.peak(n)
		best = max(best, ops/time.Since(t).Seconds())
	}
	return best
}
