package pipeline

import (
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// Expanded is the Head of a Transformer that was opened with a masked-language-model
// head: a row of weights for each item, one for each entry of the vocabulary.
type Expanded struct {
	Model     *transformer.Model
	Expansion transformer.Expansion
}

// Apply is that of Head.
func (e Expanded) Apply(s *Scratch, team *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	vocabulary := e.Model.Embeddings.Tokens.Rows
	rows := asMatrix(grow(&s.vectors[0], h.Sequences()*vocabulary), h.Sequences(), vocabulary) // wide: one of the two is enough
	e.Model.Expand(team, rows, h.Rows, h.Batch.Batch, e.Expansion)
	return rows, nil
}
