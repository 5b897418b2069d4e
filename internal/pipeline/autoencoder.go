package pipeline

import (
	"math"

	"github.com/rhumb-go/rhumb/tensor"
)

// An AutoEncoder is the Module that makes latents of a vector before their activation,
// sentence-transformers' SparseAutoEncoder (arXiv:2503.01776): Dense of x − Before. Of
// these the largest that are greater than 0 are a sparse vector.
type AutoEncoder struct {
	Standardize bool      // x first loses its mean and is divided by its deviation
	Before      []float32 // of each component
	Dense       *Dense
}

// Apply is that of Module.
func (a *AutoEncoder) Apply(s *Scratch, x tensor.Matrix) tensor.Matrix {
	for i := range x.Rows {
		row := x.Row(i)
		if a.Standardize {
			standardize(row)
		}
		for j, b := range a.Before {
			row[j] -= b
		}
	}
	return a.Dense.Apply(s, x)
}

// standardize makes (x − mean) / (deviation + 1e-5) of x, where the deviation is that of
// a sample: over one less than the components. Sums are in float64, in order.
func standardize(x []float32) {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		squares += float64(d * d)
	}
	deviation := math.Sqrt(squares / float64(len(x)-1))
	for j, v := range x {
		x[j] = float32((float64(v) - mean) / (deviation + 1e-5))
	}
}
