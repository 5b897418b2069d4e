package transformer

import "math"

// Sinusoids are positions that are computed, as tensor2tensor does: the sines of a position
// times each frequency, then the cosines. The position First - 1, of padding tokens, is zeros.
type Sinusoids struct {
	Frequencies []float32 // half as many as a row has columns
	First       int
}

// newSinusoids returns those of an even number of columns, 4 or more, whose first position is
// first: M2M100SinusoidalPositionalEmbedding of transformers 5.23, in float32 as there.
func newSinusoids(columns, first int) *Sinusoids {
	s := &Sinusoids{Frequencies: make([]float32, columns/2), First: first}
	step := float32(-math.Log(10000) / float64(columns/2-1))
	for i := range s.Frequencies {
		s.Frequencies[i] = float32(math.Exp(float64(float32(i) * step)))
	}
	return s
}

// row writes the row of a position to dst.
func (s *Sinusoids) row(dst []float32, position int) {
	if position < s.First {
		clear(dst)
		return
	}
	half := len(s.Frequencies)
	for i, f := range s.Frequencies {
		sin, cos := math.Sincos(float64(float32(position) * f))
		dst[i], dst[half+i] = float32(sin), float32(cos)
	}
}
