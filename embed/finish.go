package embed

import (
	"errors"
	"math"

	"github.com/rhumb-go/rhumb/tensor"
)

// normalize brings vectors to unit length, sentence-transformers' Normalize.
type normalize struct{}

func (normalize) apply(_ *scratch, x tensor.Matrix) tensor.Matrix {
	for i := range x.Rows {
		scaleToUnit(x.Row(i))
	}
	return x
}

var errNotFinite = errors.New("the embedding has a NaN or an infinity")

// finish writes the first len(dst) components of v to dst, of unit length
// unless the request is for an unnormalized vector.
func (r *request) finish(dst, v []float32) error {
	copy(dst, v[:len(dst)])
	if sum := squares(dst); math.IsNaN(sum) || math.IsInf(sum, 0) {
		return errNotFinite
	}
	if !r.unnormalized {
		scaleToUnit(dst)
	}
	return nil
}

// squares returns the sum of the squares of v. Each square is exact in float64,
// and none overflows; they are added in order.
func squares(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	return sum
}

// scaleToUnit divides v by its L2 length, in float64. A zero vector stays zero.
func scaleToUnit(v []float32) {
	sum := squares(v)
	if sum == 0 {
		return
	}
	length := math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) / length)
	}
}
