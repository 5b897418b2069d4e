package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Norm is a LayerNorm (arXiv:1607.06450), or where Beta is nil an RMSNorm
// (arXiv:1910.07467).
type Norm struct {
	Gamma, Beta []float32
	Eps         float32
}

// apply writes the norm of x+add to dst; add may be nil, dst may be x.
func (n *Norm) apply(s *kernel.Set, dst, x, add []float32) {
	if n.Beta != nil {
		s.LayerNorm(dst, x, add, n.Gamma, n.Beta, n.Eps)
		return
	}
	if add != nil {
		if &dst[0] != &x[0] {
			copy(dst, x)
		}
		s.Axpy(dst, add, 1)
		x = dst
	}
	s.RMSNorm(dst, x, n.Gamma, n.Eps)
}

// applyRows is apply for each row; add.Data may be nil.
func (n *Norm) applyRows(s *kernel.Set, dst, x, add tensor.Matrix) {
	if n.Beta != nil {
		s.LayerNorms(dst, x, add, n.Gamma, n.Beta, n.Eps)
		return
	}
	for i := range dst.Rows {
		var more []float32
		if add.Data != nil {
			more = add.Row(i)
		}
		n.apply(s, dst.Row(i), x.Row(i), more)
	}
}

// normRows is the number of rows in one part of normTask and gateTask.
const normRows = 16

// A normTask adds what a half of a layer made to the residual stream x, and
// norms x for what follows: x = sum(x + out(add)), dst = next(x). A nil norm
// does nothing, but twice adds x once more where it is not nil: x = sum(x +
// twice(x + out(add))). The sum is multiplied by scale where that is not 0. Without add.Data x stays as it is; dst may be x. What
// follows is packed into p.rows where that is a product with feeds.
type normTask struct {
	p                     *pass
	add                   tensor.Matrix
	out, twice, sum, next *Norm
	scale                 float32
	dst                   tensor.Matrix
	feeds                 *Linear
}

func (t *normTask) Run(_, i int) {
	s := t.p.model.set
	from, to := t.p.span(i, t.p.x.Rows, t.feeds)
	x := t.p.x.Slice(from, to)
	if t.add.Data != nil {
		y := t.add.Slice(from, to)
		if t.out != nil {
			t.out.applyRows(s, y, y, tensor.Matrix{})
		}
		if t.twice != nil {
			t.twice.applyRows(s, y, x, y)
		}
		if t.sum != nil {
			t.sum.applyRows(s, x, x, y)
		}
		for j := range x.Rows {
			if t.sum == nil {
				s.Axpy(x.Row(j), y.Row(j), 1)
			}
			if t.scale != 0 {
				s.Scale(x.Row(j), t.scale)
			}
		}
	}
	if t.next != nil {
		t.next.applyRows(s, t.dst.Slice(from, to), x, tensor.Matrix{})
	}
	if t.feeds != nil {
		x := t.p.x
		if t.next != nil {
			x = t.dst
		}
		s.PackRows(&t.p.rows, i, x)
	}
}

// norms runs t on all rows.
func (p *pass) norms(team *parallel.Team, t normTask) {
	var n int
	t.p = p
	t.feeds, n = p.feed(p.x.Rows, t.feeds)
	p.norm = t
	team.For(n, &p.norm)
}

// feed returns in how many parts so many rows are made: tiles of p.rows, into which they are
// packed for a product with w, or parts of normRows where w is nil, which it returns too where
// that product packs its rows itself.
func (p *pass) feed(rows int, w *Linear) (*Linear, int) {
	if _, ok := p.model.rests[w]; ok {
		w = nil // refine packs them
	}
	if p.ready = w; w == nil {
		return nil, parts(rows, normRows)
	}
	p.rows.Resize(p.model.set, rows, w)
	return w, p.rows.Tiles()
}

// span returns the rows from, to (exclusive) of part i, as feed has cut so many rows for fed.
func (p *pass) span(i, rows int, fed *Linear) (from, to int) {
	if fed != nil {
		return p.rows.Span(i)
	}
	return i * normRows, min((i+1)*normRows, rows)
}

// norm returns the LayerNorm under name; gamma and beta are the names that
// TensorFlow's checkpoints left behind.
func (w *weights) norm(name string, n int, eps float32, b bias) *Norm {
	l := w.at(name)
	gamma := l.vector(n, "weight", "gamma")
	if b {
		return &Norm{Gamma: gamma, Beta: l.vector(n, "bias", "beta"), Eps: eps}
	}
	return &Norm{Gamma: gamma, Beta: w.floats(len(gamma)), Eps: eps}
}

// rmsNorm returns the RMSNorm under name.
func (w *weights) rmsNorm(name string, n int, eps float32) *Norm {
	return &Norm{Gamma: w.at(name).vector(n, "weight"), Eps: eps}
}

// plainRMSNorm returns an RMSNorm without a weight.
func (w *weights) plainRMSNorm(n int, eps float32) *Norm {
	norm := &Norm{Gamma: w.floats(n), Eps: eps}
	for i := range norm.Gamma {
		norm.Gamma[i] = 1
	}
	return norm
}

// rmsNormLessOne returns the RMSNorm under name, whose weight is stored less 1.
func (w *weights) rmsNormLessOne(name string, n int, eps float32) *Norm {
	norm := w.rmsNorm(name, n, eps)
	for i := range norm.Gamma {
		norm.Gamma[i]++
	}
	return norm
}
