package pipeline

import (
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Lexical is the Head that gives each token a weight: a row of each item has, for each
// entry of the vocabulary, the greatest of the weights that the item's tokens of that id
// have, 0 where there is none greater. A NaN stays. See modelfolder.Lexical.
type Lexical struct {
	Dense      *Dense // of hidden states, with one output
	Vocabulary int
	Dropped    []int32 // ids whose weight is 0
}

// Apply is that of Head.
func (l *Lexical) Apply(s *Scratch, _ *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	weights := l.Dense.Apply(s, h.Rows)
	rows := s.matrix(h.Sequences(), l.Vocabulary)
	for i := range rows.Rows {
		row := rows.Row(i)
		clear(row)
		for j := h.Starts[i]; j < h.Starts[i+1]; j++ {
			if id := h.IDs[j]; !slices.Contains(l.Dropped, id) {
				row[id] = max(row[id], weights.Row(j)[0])
			}
		}
	}
	return rows, nil
}
