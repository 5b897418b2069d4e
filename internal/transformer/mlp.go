package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// An MLP is Down·Act(Up·x), where Gated (arXiv:2002.05202) Down·(Act(a) ∘ b), a
// and b the first and the second half of Up·x, or where Experts is not nil the
// sum of some experts' (moe.go).
type MLP struct {
	Up, Down *Linear
	Act      kernel.Activation
	Gated    bool
	Experts  *Experts
}

// operations returns those of one token.
func (m *MLP) operations() float64 {
	if m.Experts != nil {
		return m.Experts.operations()
	}
	return operations(m.Up, m.Down)
}

// mlp writes the MLP of x to p.y, which may be x.
func (p *pass) mlp(team *parallel.Team, x tensor.Matrix, m *MLP) {
	if m.Experts != nil {
		p.routeToExperts(team, x, m)
		return
	}
	p.expand(team, p.y, x, bufferInner, m)
}

// expand writes the MLP of x, one without experts, to dst, which may be x.
func (p *pass) expand(team *parallel.Team, dst, x tensor.Matrix, buffer int, m *MLP) {
	if !m.Gated && p.packsBetween(m.Up, m.Down) {
		p.applyTwice(team, dst, x, m.Up, m.Act, m.Down)
		return
	}
	inner := p.matrix(buffer, x.Rows, m.Up.N)
	if m.Gated {
		p.apply(team, inner, x, m.Up, kernel.Identity)
		fed, n := p.feed(x.Rows, m.Down)
		p.gate = gateTask{p: p, x: inner, activation: m.Act, feeds: fed}
		team.For(n, &p.gate)
	} else {
		p.apply(team, inner, x, m.Up, m.Act)
	}
	p.apply(team, dst, columns(inner, 0, m.Down.K), m.Down, kernel.Identity)
}

// A gateTask replaces the first half of each row of x by activation(it) times the
// second half, and packs that into p.rows where it is a product with feeds.
type gateTask struct {
	p          *pass
	x          tensor.Matrix
	activation kernel.Activation
	feeds      *Linear
}

func (t *gateTask) Run(_, i int) {
	s, half := t.p.model.set, t.x.Cols/2
	block := t.x.Slice(t.p.span(i, t.x.Rows, t.feeds))
	s.Activate(t.activation, block.Data, block.Stride, block.Rows, half)
	for j := range block.Rows {
		row := block.Row(j)
		s.Mul(row[:half], row[half:])
	}
	if t.feeds != nil {
		s.PackTile(&t.p.rows, i, columns(block, 0, t.feeds.K))
	}
}
