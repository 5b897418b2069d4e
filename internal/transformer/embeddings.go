package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Embeddings make the first hidden states: ProjectionNorm(Projection(Norm(
// Scale·token + type + position))). A nil part is a part that the family does not
// have.
type Embeddings struct {
	Tokens         *Table        // vocabulary×width
	Scale          float32       // of the token's embedding; 0 = 1
	Types          tensor.Matrix // token types×width; none where there are no rows
	Positions      *Table        // positions×width
	Sinusoids      *Sinusoids    // in place of Positions
	Norm           *Norm
	Projection     *Linear // width→hidden
	ProjectionNorm *Norm   // only with a Projection

	// FirstPosition is that of a sequence's first token. RoBERTa counts from
	// the padding token's id on, and leaves padding tokens out of the count:
	// they all are at the position before the first. Padding is their id, -1
	// where they count like others.
	FirstPosition int
	Padding       int32
}

// A Table is an embedding table, rows×cols, left in the file's own dtype.
type Table struct {
	Rows, Cols int
	tensor     tensor.Tensor
	update     *lowRank // added to each row that is read; nil = none
}

// Row writes row i to dst.
func (t *Table) Row(s *kernel.Set, dst []float32, i int) {
	if err := s.Float32sAt(dst, t.tensor, i*t.Cols); err != nil {
		panic(err) // the dtype and the shape were checked at load
	}
	if t.update != nil {
		t.update.addRow(dst, i)
	}
}

// embedRows is the number of tokens in one part of embedTask.
const embedRows = 16

// An embedTask writes the embeddings of embedRows tokens to dst, summed in the
// reference's order: token + token type + position.
type embedTask struct {
	p         *pass
	dst       tensor.Matrix // tokens×width
	positions []int32       // of each token
	row       [][]float32   // a row for each worker
}

func (t *embedTask) Run(worker, i int) {
	s, e, ids := t.p.model.set, &t.p.model.Embeddings, t.p.batch.IDs
	types, kinds := e.Types, t.p.batch.Types
	task := t.p.task
	if task != nil && task.types.Rows > 0 {
		types = task.types
	}
	if types.Rows < 2 {
		kinds = nil
	}
	for j := i * embedRows; j < min((i+1)*embedRows, len(ids)); j++ {
		x := t.dst.Row(j)
		e.Tokens.Row(s, x, int(ids[j]))
		if task != nil && task.tokens != nil {
			task.tokens.addRow(x, int(ids[j]))
		}
		if e.Scale != 0 {
			s.Scale(x, e.Scale)
		}
		if types.Rows > 0 {
			kind := 0
			if kinds != nil {
				kind = int(kinds[j])
			}
			s.Axpy(x, types.Row(kind), 1)
		}
		if e.Positions != nil {
			e.Positions.Row(s, t.row[worker], int(t.positions[j]))
			s.Axpy(x, t.row[worker], 1)
		}
		if e.Sinusoids != nil {
			e.Sinusoids.row(t.row[worker], int(t.positions[j]))
			s.Axpy(x, t.row[worker], 1)
		}
		if e.Norm != nil {
			e.Norm.apply(s, x, x, nil)
		}
	}
}

func (p *pass) embedTokens(team *parallel.Team) {
	t, e := &p.embed, &p.model.Embeddings
	t.p = p
	t.dst = p.x
	if e.Projection != nil {
		t.dst = p.matrix(bufferInner, p.x.Rows, e.Projection.K)
	}
	before := p.batch.Prefix.Len()
	t.positions = t.positions[:0]
	for i := range p.batch.Sequences() {
		from, to := p.batch.Starts[i], p.batch.Starts[i+1]
		if to <= from || p.model.MaxPositions > 0 && before+to-from > p.model.MaxPositions {
			panic("transformer: Forward: length of a sequence")
		}
		next := int32(e.FirstPosition + before)
		for _, id := range p.batch.IDs[from:to] {
			if id == e.Padding {
				t.positions = append(t.positions, int32(e.FirstPosition)-1)
				continue
			}
			t.positions = append(t.positions, next)
			next++
		}
	}
	for len(t.row) < team.Size() {
		t.row = append(t.row, make([]float32, e.Tokens.Cols))
	}
	team.For(parts(len(p.batch.IDs), embedRows), t)
	if e.Projection != nil {
		p.apply(team, p.x, t.dst, e.Projection, kernel.Identity)
		if e.ProjectionNorm != nil {
			p.norms(team, normTask{next: e.ProjectionNorm, dst: p.x})
		}
	}
}

// parts returns the number of parts of the given size that cover n.
func parts(n, size int) int { return (n + size - 1) / size }
