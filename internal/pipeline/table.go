package pipeline

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Table is an Encoder that holds a vector for each token; that of a sequence is
// their mean. It is sentence-transformers' StaticEmbedding and a model2vec model.
// A token's vector is a row of the file times a weight.
type Table struct {
	Set     *kernel.Set
	Rows    tensor.Tensor // rows×width, of floats or I8, left in the file
	Mapping []int32       // the row of each token; nil for its id
	Weights []float32     // of each token; nil for 1
}

// meanBlock is how many vectors are added in float32 before their sum is added
// to the others' in float64.
const meanBlock = 32

// Forward is that of Encoder: a row is the mean of a sequence, zero where it has
// no tokens. The sums are in the order of ids.
func (t *Table) Forward(_ context.Context, _ *parallel.Team, s *Scratch, b Batch) (tensor.Matrix, error) {
	means := s.matrix(b.Sequences(), t.Width())
	for i := range means.Rows {
		t.mean(means.Row(i), b.IDs[b.Starts[i]:b.Starts[i+1]], s)
	}
	return means, nil
}

// mean writes the mean of the vectors of ids to dst.
func (t *Table) mean(dst []float32, ids []int32, s *Scratch) {
	width := t.Width()
	sums := grow(&s.sums, width)
	clear(sums)
	buffers := grow(&s.hidden, 2*width)
	row, part := buffers[:width], buffers[width:]
	for from := 0; from < len(ids); from += meanBlock {
		clear(part)
		for _, id := range ids[from:min(from+meanBlock, len(ids))] {
			weight := float32(1)
			if t.Weights != nil {
				weight = t.Weights[id]
			}
			t.row(row, int(id))
			t.Set.Axpy(part, row, weight)
		}
		for j, x := range part {
			sums[j] += float64(x)
		}
	}
	divide(dst, sums, float64(len(ids)))
}

// row writes the row of a token to dst.
func (t *Table) row(dst []float32, id int) {
	if t.Mapping != nil {
		id = int(t.Mapping[id])
	}
	if t.Rows.DType == tensor.I8 { // whole numbers: model2vec's int8
		for j, b := range t.Rows.Data[id*len(dst) : (id+1)*len(dst)] {
			dst[j] = float32(int8(b))
		}
		return
	}
	if err := t.Set.Float32sAt(dst, t.Rows, id*len(dst)); err != nil {
		panic(err) // the dtype and the shape were checked
	}
}

// Check is that of Encoder. There may be no tokens, and their types do not count.
func (t *Table) Check(sequence Tokens) error { return checkRange(sequence.IDs, t.Vocabulary()) }

// Operations is that of Encoder: there are none.
func (t *Table) Operations([]int) float64 { return 0 }

// Family is that of Encoder.
func (t *Table) Family() string { return "static" }

// Width is that of Encoder.
func (t *Table) Width() int { return t.Rows.Shape[1] }

// Vocabulary is that of Encoder.
func (t *Table) Vocabulary() int {
	if t.Mapping != nil {
		return len(t.Mapping)
	}
	return t.Rows.Shape[0]
}

// Layers is that of Encoder: there are none.
func (t *Table) Layers() int { return 0 }

// Tasks is that of Encoder: there are none.
func (t *Table) Tasks() []string { return nil }

// Bytes returns the memory that t holds, rows in the file included.
func (t *Table) Bytes() int64 {
	return int64(len(t.Rows.Data)) + 4*int64(len(t.Mapping)+len(t.Weights))
}
