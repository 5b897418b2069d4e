package transformer

import (
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Table is an embedding table, rows×cols, left in the file's own dtype.
type Table struct {
	Rows, Cols int
	tensor     tensor.Tensor
}

// Row writes row i to dst.
func (t *Table) Row(dst []float32, i int) {
	if err := t.tensor.Float32sAt(dst, i*t.Cols); err != nil {
		panic(err) // the dtype and the shape were checked at load
	}
}

// bytes returns the size of the table in the file, 0 for nil.
func (t *Table) bytes() int64 {
	if t == nil {
		return 0
	}
	return int64(len(t.tensor.Data))
}

// embedRows is the number of tokens in one part of embedTask and normTask.
const embedRows = 16

// An embedTask writes the embeddings of embedRows tokens to p.x, summed in the
// reference's order: token + token type + position.
type embedTask struct {
	p *pass
	// position[i] is the place of token i in its sequence.
	position []int32
	row      [][]float32 // a row for each worker
}

func (t *embedTask) Run(worker, i int) {
	m, b := t.p.model, t.p.batch
	for j := i * embedRows; j < min((i+1)*embedRows, len(b.IDs)); j++ {
		x := t.p.x.Row(j)
		m.Tokens.Row(x, int(b.IDs[j]))
		if m.TokenType != nil {
			m.set.Axpy(x, m.TokenType, 1)
		}
		if m.Positions != nil {
			m.Positions.Row(t.row[worker], int(t.position[j]))
			m.set.Axpy(x, t.row[worker], 1)
		}
		if m.EmbedNorm != nil {
			m.EmbedNorm.apply(m.set, x, x, nil)
		}
	}
}

func (p *pass) embedTokens(team *parallel.Team) {
	t := &p.embed
	t.p = p
	t.position = t.position[:0]
	for i := range p.batch.Sequences() {
		length := p.batch.Starts[i+1] - p.batch.Starts[i]
		if length <= 0 || p.model.MaxPositions > 0 && length > p.model.MaxPositions {
			panic("transformer: Forward: length of a sequence")
		}
		for j := range length {
			t.position = append(t.position, int32(j))
		}
	}
	for len(t.row) < team.Size() {
		t.row = append(t.row, make([]float32, p.model.Hidden))
	}
	team.For(parts(len(p.batch.IDs), embedRows), t)
}

// parts returns the number of parts of the given size that cover n.
func parts(n, size int) int { return (n + size - 1) / size }
