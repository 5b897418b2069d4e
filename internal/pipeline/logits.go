package pipeline

import (
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// Logits is the Head of a Transformer that was opened with one: a row of logits for
// each item.
type Logits struct{ Model *transformer.Model }

// Apply is that of Head.
func (l Logits) Apply(s *Scratch, team *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	rows := s.matrix(h.Sequences(), l.Model.Head.Labels())
	l.Model.Logits(team, rows, h.Rows, h.Batch.Batch)
	return rows, nil
}

func (l Logits) readsOne() bool { return l.Model.Head.ReadsOne() }

func (l Logits) token(ids []int32, _ int) int { return l.Model.Head.Token(ids) }
