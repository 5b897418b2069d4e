package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
)

// A Norm is a LayerNorm (arXiv:1607.06450).
type Norm struct {
	Gamma, Beta []float32
	Eps         float32
}

// apply writes the norm of x+add to dst; add may be nil, dst may be x.
func (n *Norm) apply(s *kernel.Set, dst, x, add []float32) {
	s.LayerNorm(dst, x, add, n.Gamma, n.Beta, n.Eps)
}

// A normTask computes x = norm(x + y) for embedRows rows.
type normTask struct {
	p    *pass
	norm *Norm
}

func (t *normTask) Run(_, i int) {
	x, y := t.p.x, t.p.y
	for j := i * embedRows; j < min((i+1)*embedRows, x.Rows); j++ {
		t.norm.apply(t.p.model.set, x.Row(j), x.Row(j), y.Row(j))
	}
}

// addNorm computes p.x = norm(p.x + p.y).
func (p *pass) addNorm(team *parallel.Team, n *Norm) {
	p.norm = normTask{p: p, norm: n}
	team.For(parts(p.x.Rows, embedRows), &p.norm)
}
