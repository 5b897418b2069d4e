package pipeline

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Presence is an Encoder that holds a weight for each token: a sequence has those of
// its tokens, however often it has them. It is sentence-transformers'
// SparseStaticEmbedding.
type Presence struct {
	Weights []float32 // of each token
}

// Forward is that of Encoder: a row has the weight of each token of a sequence, and 0 for
// those that it has not.
func (p *Presence) Forward(_ context.Context, _ *parallel.Team, s *Scratch, b Batch) (tensor.Matrix, error) {
	rows := s.matrix(b.Sequences(), p.Width())
	for i := range rows.Rows {
		row := rows.Row(i)
		clear(row)
		for _, id := range b.IDs[b.Starts[i]:b.Starts[i+1]] {
			row[id] = p.Weights[id]
		}
	}
	return rows, nil
}

// Check is that of Encoder. There may be no tokens, and their types do not count.
func (p *Presence) Check(sequence Tokens) error { return checkRange(sequence.IDs, p.Vocabulary()) }

// Operations is that of Encoder: there are none.
func (p *Presence) Operations([]int) float64 { return 0 }

// Family is that of Encoder.
func (p *Presence) Family() string { return "static" }

// Width is that of Encoder.
func (p *Presence) Width() int { return len(p.Weights) }

// Vocabulary is that of Encoder.
func (p *Presence) Vocabulary() int { return len(p.Weights) }

// Layers is that of Encoder: there are none.
func (p *Presence) Layers() int { return 0 }

// Tasks is that of Encoder: there are none.
func (p *Presence) Tasks() []string { return nil }
