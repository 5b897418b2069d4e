package embed

import (
	"errors"
	"fmt"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// ErrNotFinite is the fault of an input whose vector has a NaN or an infinity: it
// comes of the model's weights, not of the input.
var ErrNotFinite = errors.New("the model's output has a NaN or an infinity")

// newResult returns the result of n inputs for r, with memory for each of its
// formats, one array each, which Take fills.
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

// Take is that of pipeline.Sink: each row becomes an embedding of input i.
func (r *request) Take(i int, rows tensor.Matrix) error {
	starts := r.result.Starts
	if starts == nil {
		row := rows.Row(0)
		r.recall.keep(i, row)
		return r.take(&r.result.Embeddings[i].Vector, row)
	}
	for j := range rows.Rows {
		if err := r.take(&r.result.Embeddings[starts[i]+j].Vector, rows.Row(j)); err != nil {
			return fmt.Errorf("span %d: %w", j, err)
		}
	}
	return nil
}

// take writes the first components of row to dst in the formats of the request, of
// unit length unless that is for an unnormalized vector.
func (r *request) take(dst *encoding.Vector, row []float32) error {
	v := row[:r.dimensions]
	if !pipeline.Finite(v) {
		return ErrNotFinite
	}
	if !r.unnormalized {
		pipeline.ScaleToUnit(v)
	}
	return encoding.Encode(dst, v, r.formats, r.ranges)
}

// outcome returns the result of a call that ended with err.
func (r *request) outcome(err error) (*Result, error) {
	if faults, ok := err.(pipeline.Faults); ok {
		i, err := faults.First()
		return nil, &InputError{i, err}
	}
	if err != nil {
		return nil, err
	}
	if r.recall != nil {
		r.result.Cached = int(r.recall.found.Load())
	}
	return r.result, nil
}
