package transformer

import "github.com/rhumb-go/rhumb/tensor"

// readsFirsts reports whether the head reads the first token of each sequence alone. Then,
// and where a batch asks for no others, the last layer mixes what the others say for that
// token only, and the rest of it has a row for each sequence.
func (m *Model) readsFirsts() bool {
	h := m.Head
	return h != nil && h.Out != nil && h.Of == FirstToken
}

// gather leaves of the rows of tokens those of first ones: in mixed, what attention makes,
// in the residual stream and in what is added to it.
func (p *pass) gather(mixed tensor.Matrix) tensor.Matrix {
	n := p.batch.Sequences()
	for i := range n {
		copy(mixed.Row(i), mixed.Row(p.batch.Starts[i])) // i is no higher
		copy(p.x.Row(i), p.x.Row(p.batch.Starts[i]))
	}
	p.x, p.y, p.firsts = p.x.Slice(0, n), p.y.Slice(0, n), true
	return mixed.Slice(0, n)
}

// scatter puts the rows that gather left into their places in dst.
func (p *pass) scatter(dst tensor.Matrix) {
	for i := p.batch.Sequences() - 1; i > 0; i-- {
		copy(dst.Row(p.batch.Starts[i]), dst.Row(i))
	}
}
