// Package transformer computes hidden states from token ids. The parts are
// shared by all model families, and there is one forward pass; a family (bert.go)
// only says which parts a model has and under which names its file keeps them.
package transformer

import (
	"context"
	"sync"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Batch is a list of sequences laid end to end, without padding.
type Batch struct {
	IDs    []int32
	Starts []int // Starts[i] is where sequence i begins; the last element is len(IDs)
}

// Sequences returns the number of sequences.
func (b Batch) Sequences() int { return len(b.Starts) - 1 }

// A Model is a stack of layers on an embedding table. A nil part is a part that
// the family does not have. It is read-only and safe for concurrent use.
type Model struct {
	Family       string // model_type in config.json
	Hidden       int    // width of a hidden state
	Intermediate int    // width inside the MLP
	MaxPositions int    // most tokens of a sequence; 0 = no limit
	Tokens       *Table // vocabulary×hidden
	TokenType    []float32
	Positions    *Table // positions×hidden
	EmbedNorm    *Norm
	Layers       []Layer

	set     *kernel.Set
	scratch sync.Pool // of *pass
}

// A Layer is one transformer block, with norms on the sums with the residual:
// x = AttnSum(x + Attention(x)); x = MLPSum(x + MLP(x)).
type Layer struct {
	Attention Attention
	AttnSum   *Norm
	MLP       MLP
	MLPSum    *Norm
}

// linears returns the linear layers of l.
func (l *Layer) linears() [4]*Linear {
	return [...]*Linear{l.Attention.QKV, l.Attention.Output, l.MLP.Up, l.MLP.Down}
}

// A Linear is y = x·wᵀ + bias, packed.
type Linear = kernel.Panels

// A pass is the memory of one forward pass.
type pass struct {
	model   *Model
	batch   Batch
	rows    kernel.Rows   // the left side of the product at hand
	x       tensor.Matrix // the residual stream, tokens×hidden
	y       tensor.Matrix // what a half of a layer adds to it
	buffers [2][]float32

	embed     embedTask
	pack      packTask
	linear    linearTask
	attention attentionTask
	norm      normTask
}

// Forward writes the last hidden states of b (tokens×hidden) to dst, which must
// have as many rows. The work is split over team; nil is the caller alone. The
// ids must be within the vocabulary and each sequence within MaxPositions and
// not empty: Forward panics otherwise. ctx is looked at before each layer.
func (m *Model) Forward(ctx context.Context, team *parallel.Team, dst tensor.Matrix, b Batch) error {
	tokens := len(b.IDs)
	if dst.Rows != tokens || dst.Cols != m.Hidden || b.Starts[len(b.Starts)-1] != tokens {
		panic("transformer: Forward: shape")
	}
	p, _ := m.scratch.Get().(*pass)
	if p == nil {
		p = &pass{model: m}
	}
	defer m.scratch.Put(p)
	p.batch = b
	p.x = dst
	p.y = p.matrix(0, tokens, m.Hidden)

	p.embedTokens(team)
	for i := range m.Layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.layer(team, &m.Layers[i])
	}
	return nil
}

// layer runs one block on p.x.
func (p *pass) layer(team *parallel.Team, l *Layer) {
	p.attend(team, &l.Attention)
	p.addNorm(team, l.AttnSum)
	p.mlp(team, &l.MLP)
	p.addNorm(team, l.MLPSum)
}

// matrix returns rows×cols in buffer i, which grows when it has to.
func (p *pass) matrix(i, rows, cols int) tensor.Matrix {
	if cap(p.buffers[i]) < rows*cols {
		p.buffers[i] = kernel.Floats(rows * cols)
	}
	return tensor.Matrix{Rows: rows, Cols: cols, Stride: cols, Data: p.buffers[i][:rows*cols]}
}

// columns returns columns from, to (exclusive) of m, which they alias.
func columns(m tensor.Matrix, from, to int) tensor.Matrix {
	m.Cols = to - from
	m.Data = m.Data[from:]
	return m
}

// Operations returns the floating-point operations of the matrix products of
// one forward pass over sequences of the given lengths, in tokens.
func (m *Model) Operations(lengths []int) float64 {
	var ops float64
	for _, length := range lengths {
		n := float64(length)
		for i := range m.Layers {
			l := &m.Layers[i]
			for _, w := range l.linears() {
				ops += 2 * n * float64(w.K) * float64(w.N)
			}
			ops += 4 * n * n * float64(l.Attention.Heads*l.Attention.HeadDim)
		}
	}
	return ops
}

// Bytes returns the memory that the packed weights and the tables hold; the
// tables' is that of the file.
func (m *Model) Bytes() int64 {
	n := m.Tokens.bytes() + m.Positions.bytes()
	for i := range m.Layers {
		for _, w := range m.Layers[i].linears() {
			n += w.Bytes()
		}
	}
	return n
}
