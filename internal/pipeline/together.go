package pipeline

import (
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Together is the Head of the row of Pooled, and behind it a row for each token, of one
// forward pass. The narrower of the two has zeros at its end.
type Together struct {
	Pooled *Pooled // without modules that need memory
	Tokens *Dense
}

// Apply is that of Head.
func (t Together) Apply(s *Scratch, team *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	pooled, _ := t.Pooled.Apply(s, team, h)
	tokens := t.Tokens.Apply(s, h.Rows)
	width := max(pooled.Cols, tokens.Cols)
	rows := asMatrix(grow(&s.together, (pooled.Rows+tokens.Rows)*width), pooled.Rows+tokens.Rows, width)
	starts := append(s.groupStarts[:0], 0)
	put := func(i int, row []float32) {
		clear(rows.Row(i)[copy(rows.Row(i), row):])
	}
	for i := range pooled.Rows {
		from := h.Starts[i] + i
		put(from, pooled.Row(i))
		for t := h.Starts[i]; t < h.Starts[i+1]; t++ {
			put(t+i+1, tokens.Row(t))
		}
		starts = append(starts, h.Starts[i+1]+i+1)
	}
	s.groupStarts = starts
	return rows, starts
}
