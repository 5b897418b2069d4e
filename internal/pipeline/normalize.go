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

// Squares returns the sum of the squares of v. Each square is exact in float64,
// and none overflows; they are added in order.
func Squares(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	return sum
}

// ScaleToUnit divides v by its L2 length, in float64. A zero vector stays zero.
func ScaleToUnit(v []float32) {
	sum := Squares(v)
	if sum == 0 {
		return
	}
	length := math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) / length)
	}
}
