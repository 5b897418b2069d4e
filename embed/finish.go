package embed

import (
	"errors"
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A module makes new vectors of the pooled ones.
type module interface {
	// apply returns the new vectors of x, a row each. They may lie in x, which
	// is lost, or in s.
	apply(s *scratch, x tensor.Matrix) tensor.Matrix
}

// dense is a linear layer and its activation, sentence-transformers' Dense.
type dense struct {
	set        *kernel.Set
	panels     kernel.Panels // inputs×outputs, with the bias
	activation kernel.Activation
}

func (d *dense) apply(s *scratch, x tensor.Matrix) tensor.Matrix {
	s.rows.Resize(d.set, x.Rows, x.Cols)
	for t := range s.rows.Tiles() {
		d.set.PackRows(&s.rows, t, x)
	}
	y := s.matrix(x.Rows, d.panels.N) // x is packed: y may take its place
	d.set.Multiply(y, &s.rows, 0, s.rows.Tiles(), &d.panels, 0, d.panels.Count(), 0, d.activation)
	return y
}

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
