package transformer

import (
	"math"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

const (
	factorBlock = 64 // columns that are made of those behind them at once
	factorRows  = 8  // of a part
)

// A factorization is a part of factorize: rows up to end of the columns from, end (exclusive).
type factorization struct {
	h         []float64
	k         int
	from, end int
	solve     bool // the rows above the block, whose columns are done but for the block's own
}

// damp adds part of the mean of the diagonal of h to all of it.
func damp(h tensor.Matrix, part float64) {
	var mean float64
	for i := range h.Rows {
		mean += float64(h.Row(i)[i]) / float64(h.Rows)
	}
	if mean == 0 {
		mean = 1
	}
	for i := range h.Rows {
		h.Row(i)[i] += float32(part * mean)
	}
}

// factorize overwrites h, symmetric and positive definite, with the upper triangular R where R·Rᵀ is h. It is Cholesky's method from
// the last column on, in float64, each sum in order and without fused additions: the same bits everywhere.
func factorize(team *parallel.Team, h tensor.Matrix) {
	k := h.Rows
	f := &factorization{h: make([]float64, k*k), k: k}
	for i := range k {
		for j, v := range h.Row(i)[:k] {
			f.h[i*k+j] = float64(v)
		}
	}
	for f.end = k; f.end > 0; f.end = f.from {
		f.from = (f.end - 1) / factorBlock * factorBlock
		f.solve = false
		team.For(parts(f.end, factorRows), f)
		f.square()
		f.solve = true
		team.For(parts(f.from, factorRows), f)
	}
	for i := range k {
		row := h.Row(i)
		clear(row[:i])
		for j := i; j < k; j++ {
			row[j] = float32(f.h[i*k+j])
		}
	}
}

// square factorizes the block on the diagonal.
func (f *factorization) square() {
	k := f.k
	for i := f.end - 1; i >= f.from; i-- {
		row := f.h[i*k : (i+1)*k]
		row[i] = math.Sqrt(max(row[i]-dot(row[i+1:f.end], row[i+1:f.end]), 1e-300))
		for j := f.from; j < i; j++ {
			other := f.h[j*k : (j+1)*k]
			other[i] = (other[i] - dot(other[i+1:f.end], row[i+1:f.end])) / row[i]
		}
	}
}

// Run does some rows of the columns at hand.
func (f *factorization) Run(_, part int) {
	k := f.k
	for j := part * factorRows; j < min((part+1)*factorRows, f.end); j++ {
		row := f.h[j*k : (j+1)*k]
		if f.solve {
			if j >= f.from {
				return
			}
			for i := f.end - 1; i >= f.from; i-- {
				other := f.h[i*k : (i+1)*k]
				row[i] = (row[i] - dot(row[i+1:f.end], other[i+1:f.end])) / other[i]
			}
			continue
		}
		x := row[f.end:]
		for i := max(f.from, j/4*4); i < f.end; i += 4 {
			if i+4 > f.end {
				for ; i < f.end; i++ {
					row[i] -= dot(x, f.h[i*k+f.end:(i+1)*k])
				}
				break
			}
			a, b, c, d := dot4(x, f.h[i*k+f.end:(i+1)*k], f.h[(i+1)*k+f.end:(i+2)*k], f.h[(i+2)*k+f.end:(i+3)*k], f.h[(i+3)*k+f.end:(i+4)*k])
			row[i] -= a
			row[i+1] -= b
			row[i+2] -= c
			row[i+3] -= d
		}
	}
}

// dot returns the sum of the products of the elements of x and y.
func dot(x, y []float64) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		sum += float64(v * y[i])
	}
	return sum
}

// dot4 is dot of x and four others.
func dot4(x, y0, y1, y2, y3 []float64) (a, b, c, d float64) {
	y0, y1, y2, y3 = y0[:len(x)], y1[:len(x)], y2[:len(x)], y3[:len(x)]
	for i, v := range x {
		a += float64(v * y0[i])
		b += float64(v * y1[i])
		c += float64(v * y2[i])
		d += float64(v * y3[i])
	}
	return a, b, c, d
}
