package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Where a batch reads one hidden state of each sequence, the last layer makes keys and values
// of all tokens, and queries and all that comes behind them of those that are read.

// queries writes the columns of a.QKV·x + bias to qkv, as apply does, but of the queries
// those of tokens that are read alone.
func (p *pass) queries(team *parallel.Team, qkv, x tensor.Matrix, a *Attention) {
	m, w := p.model, a.QKV
	all := a.Heads * a.HeadDim
	few, rest := &p.halves[0], &p.halves[1]
	*few, *rest = w.Columns(0, parts(all, kernel.Panel)), w.Columns(all/kernel.Panel, w.Count())
	if _, refined := m.rests[w]; refined || m.packs != nil || m.reaches != nil || p.task.branch(w) != nil || rest.N == w.N {
		p.apply(team, qkv, x, w, kernel.Identity)
		return
	}
	p.packFor(team, x, w)
	p.multiply(team, linearTask{dst: columns(qkv, w.N-rest.N, w.N), w: rest})

	in := p.matrix(bufferExpertIn, len(p.batch.Read), x.Cols)
	for i, at := range p.batch.Read {
		copy(in.Row(i), x.Row(at))
	}
	out := p.matrix(bufferExpertOut, in.Rows, few.N)
	p.packFor(team, in, few)
	p.multiply(team, linearTask{dst: out, w: few})
	for i, at := range p.batch.Read {
		copy(qkv.Row(at)[:all], out.Row(i))
	}
}

// gather leaves of the rows of tokens those that are read: in mixed, what attention makes, in
// the residual stream and in what is added to it.
func (p *pass) gather(mixed tensor.Matrix) tensor.Matrix {
	n := p.batch.Sequences()
	p.pick(mixed)
	p.pick(p.x)
	if p.model.Layers[0].PerLayer != nil {
		p.pick(p.matrix(bufferEmbeddings, p.x.Rows, p.x.Cols))
	}
	p.x, p.y, p.gathered = p.x.Slice(0, n), p.y.Slice(0, n), true
	return mixed.Slice(0, n)
}

// pick moves the rows that are read to the first ones of x.
func (p *pass) pick(x tensor.Matrix) {
	for i, at := range p.batch.Read {
		copy(x.Row(i), x.Row(at)) // i is no higher
	}
}

// scatter puts the rows that gather left into their places in dst.
func (p *pass) scatter(dst tensor.Matrix) {
	for i := p.batch.Sequences() - 1; i >= 0; i-- {
		copy(dst.Row(p.batch.Read[i]), dst.Row(i))
	}
}
