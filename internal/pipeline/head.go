package pipeline

import (
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Hidden is what an Encoder made of a batch.
type Hidden struct {
	Batch
	Rows tensor.Matrix // Encoder.Forward's: tokens×width or sequences×width
}

// A Head makes the rows of each item of its hidden states. It is read-only.
type Head interface {
	// Apply returns the rows of h's sequences, end to end: those of sequence i are
	// rows.Slice(starts[i], starts[i+1]), or where starts is nil row i alone. They
	// may lie in s or in h, which is lost. The work is split over team; nil is the
	// caller alone.
	Apply(s *Scratch, team *parallel.Team, h Hidden) (rows tensor.Matrix, starts []int)
}

// A Module makes new vectors of those before it.
type Module interface {
	// Apply returns the new vectors of x, a row each. They may lie in x, which
	// is lost, or in s.
	Apply(s *Scratch, x tensor.Matrix) tensor.Matrix
}

// A Pooled is the Head of one vector for each item.
type Pooled struct {
	Tokens  []Module // that work on hidden states, before Pooling
	Pooling *Pooling // nil = the encoder's rows are those of sequences
	Modules []Module // that work on what was pooled
}

// Apply is that of Head.
func (p *Pooled) Apply(s *Scratch, _ *parallel.Team, h Hidden) (tensor.Matrix, []int) {
	rows := applyAll(p.Tokens, s, h.Rows)
	if p.Pooling != nil {
		hidden := rows
		rows = s.matrix(h.Sequences(), len(p.Pooling.Modes)*hidden.Cols)
		sums := grow(&s.sums, hidden.Cols)
		for i := range rows.Rows {
			p.Pooling.apply(rows.Row(i), hidden.Slice(h.Starts[i], h.Starts[i+1]), h.Skip[i], sums)
		}
	}
	return applyAll(p.Modules, s, rows), nil
}

// A reading Head may make the rows of an item of one of its hidden states alone.
type reading interface {
	// readsOne reports whether it does.
	readsOne() bool
	// token returns which one, of an item of these ids, of which pooling leaves the first
	// skip out.
	token(ids []int32, skip int) int
}

func (p *Pooled) readsOne() bool {
	return len(p.Tokens) == 0 && (p.pools(PoolCLS) || p.pools(PoolLastToken))
}

// pools reports whether p pools by that mode alone.
func (p *Pooled) pools(m Mode) bool {
	return p.Pooling != nil && !slices.ContainsFunc(p.Pooling.Modes, func(other Mode) bool { return other != m })
}

func (p *Pooled) token(ids []int32, skip int) int {
	if p.pools(PoolCLS) {
		return min(skip, len(ids)) % len(ids)
	}
	return len(ids) - 1
}

// applyAll returns what modules, one after the other, make of x.
func applyAll(modules []Module, s *Scratch, x tensor.Matrix) tensor.Matrix {
	for _, m := range modules {
		x = m.Apply(s, x)
	}
	return x
}
