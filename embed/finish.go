package embed

import (
	"errors"
	"math"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/tensor"
)

// normalize brings vectors to unit length, sentence-transformers' Normalize.
type normalize struct{}

func (normalize) recipe() string { return "Normalize" }

func (normalize) apply(_ *scratch, x tensor.Matrix) tensor.Matrix {
	for i := range x.Rows {
		scaleToUnit(x.Row(i))
	}
	return x
}

// ErrNotFinite is the fault of an input whose vector has a NaN or an infinity: it
// comes of the model's weights, not of the input.
var ErrNotFinite = errors.New("the embedding has a NaN or an infinity")

// newResult returns the result of n inputs for r, with memory for each of its
// formats, one array each, which finish fills.
func newResult(n int, r *request) *Result {
	result := &Result{Embeddings: make([]Embedding, n), Dimensions: r.dimensions}
	d, bytes := r.dimensions, (r.dimensions+7)/8
	var memory encoding.Vector // not yet given to an embedding
	for i := range result.Embeddings {
		v, left := &result.Embeddings[i].Vector, n-i
		if len(r.formats) == 0 {
			v.Float32 = take(&memory.Float32, d, left)
		}
		for _, f := range r.formats {
			switch f {
			case encoding.Float:
				v.Float32 = take(&memory.Float32, d, left)
			case encoding.Float16:
				v.Float16 = take(&memory.Float16, d, left)
			case encoding.Int8:
				v.Int8 = take(&memory.Int8, d, left)
			case encoding.Uint8:
				v.Uint8 = take(&memory.Uint8, d, left)
			case encoding.Binary:
				v.Binary = take(&memory.Binary, bytes, left)
			case encoding.Ubinary:
				v.Ubinary = take(&memory.Ubinary, bytes, left)
			}
		}
	}
	return result
}

// take returns room for size elements from memory, which it makes for left such.
func take[E any](memory *[]E, size, left int) []E {
	if *memory == nil {
		*memory = make([]E, left*size)
	}
	room := (*memory)[:0:size]
	*memory = (*memory)[size:]
	return room
}

// finish writes the first components of v, which is lost, to dst in the formats
// of the request, of unit length unless that is for an unnormalized vector.
func (r *request) finish(dst *encoding.Vector, v []float32) error {
	v = v[:r.dimensions]
	if sum := squares(v); math.IsNaN(sum) || math.IsInf(sum, 0) {
		return ErrNotFinite
	}
	if !r.unnormalized {
		scaleToUnit(v)
	}
	return encoding.Encode(dst, v, r.formats, r.ranges)
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
