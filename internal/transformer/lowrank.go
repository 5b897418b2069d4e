package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A lowRank is an update Scale·B·A of a weight (rows×columns), as LoRA adds it
// (arXiv:2106.09685, 4.1).
type lowRank struct {
	a     tensor.Matrix // rank×columns
	b     tensor.Matrix // rows×rank
	scale float32
}

func (u *lowRank) bytes() int64 {
	if u == nil {
		return 0
	}
	return 4 * int64(len(u.a.Data)+len(u.b.Data))
}

// add adds rows from, from+1, … of the update to the rows of w. sum is memory
// for one row. The products are summed in the order of the rank.
func (u *lowRank) add(s *kernel.Set, w tensor.Matrix, from int, sum []float32) {
	for i := range w.Rows {
		clear(sum)
		for k, b := range u.b.Row(from + i) {
			s.Axpy(sum, u.a.Row(k), b)
		}
		s.Axpy(w.Row(i), sum, u.scale)
	}
}

// addRow adds row i of the update to dst. The products are summed in float64, in
// the order of the rank, so that all sets give the same bits.
func (u *lowRank) addRow(dst []float32, i int) {
	b := u.b.Row(i)
	for j := range dst {
		sum := 0.0
		for k := range b {
			sum += float64(float64(b[k]) * float64(u.a.Data[k*u.a.Stride+j]))
		}
		dst[j] = float32(float64(dst[j]) + float64(float64(u.scale)*sum))
	}
}

// matrix returns rows×cols elements of t, from the given one on, in float32.
func matrix(t tensor.Tensor, from, rows, cols int) (tensor.Matrix, error) {
	m := tensor.NewMatrix(rows, cols)
	return m, t.Float32sAt(m.Data, from)
}
