package pipeline

import (
	"math"

	"github.com/rhumb-go/rhumb/tensor"
)

// Normalize is the Module that brings vectors to unit length,
// sentence-transformers' Normalize.
type Normalize struct{}

// Apply is that of Module.
func (Normalize) Apply(_ *Scratch, x tensor.Matrix) tensor.Matrix {
	for i := range x.Rows {
		ScaleToUnit(x.Row(i))
	}
	return x
}

// squares returns the sum of the squares of v. Each square is exact in float64,
// and none overflows; they are added in order.
func squares(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	return sum
}

// Finite reports whether v has neither a NaN nor an infinity.
func Finite(v []float32) bool {
	sum := squares(v)
	return !math.IsNaN(sum) && !math.IsInf(sum, 0)
}

// ScaleToUnit divides v by its L2 length, in float64. A zero vector stays zero.
func ScaleToUnit(v []float32) {
	sum := squares(v)
	if sum == 0 {
		return
	}
	length := math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) / length)
	}
}
