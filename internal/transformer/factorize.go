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

// A factorization is a part of factorize: the rows above the block from, end (exclusive) of the diagonal, which is done.
type factorization struct {
	h         tensor.Matrix
	block     []float64 // factorBlock×factorBlock
	from, end int
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
// the last column on: blocks are made of those behind them by products of the float32 kernels, and in themselves in float64, each sum in order.
func (p *pass) factorize(team *parallel.Team, h tensor.Matrix) {
	k := h.Rows
	f := &factorization{h: h, block: make([]float64, factorBlock*factorBlock)}
	for f.end = k; f.end > 0; f.end = f.from {
		f.from = (f.end - 1) / factorBlock * factorBlock
		if f.end < k {
			p.add(team, columns(h.Slice(0, f.end), f.from, f.end), -1, columns(h.Slice(0, f.end), f.end, k), columns(h.Slice(f.from, f.end), f.end, k).Transposed())
		}
		f.square()
		team.For(parts(f.from, factorRows), f)
	}
	for i := range k {
		clear(h.Row(i)[:i])
	}
}

// square factorizes the block on the diagonal.
func (f *factorization) square() {
	n := f.end - f.from
	for i := n - 1; i >= 0; i-- {
		row := f.block[i*factorBlock:][:n]
		for j := i; j >= 0; j-- {
			other, to := f.block[j*factorBlock:][:n], f.h.Row(f.from + j)[f.from:f.end]
			v := float64(to[i]) - dot(other[i+1:], row[i+1:])
			if j == i {
				row[i] = math.Sqrt(max(v, 1e-300))
			} else {
				other[i] = v / row[i]
			}
			to[i] = float32(other[i])
		}
	}
}

// Run does some rows of the columns at hand.
func (f *factorization) Run(_, part int) {
	var done [factorBlock]float64
	n := f.end - f.from
	for j := part * factorRows; j < min((part+1)*factorRows, f.from); j++ {
		row := f.h.Row(j)[f.from:f.end]
		for i := n - 1; i >= 0; i-- {
			other := f.block[i*factorBlock:][:n]
			done[i] = (float64(row[i]) - dot(done[i+1:n], other[i+1:])) / other[i]
			row[i] = float32(done[i])
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
