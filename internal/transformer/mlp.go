package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
)

// An MLP is Down·Act(Up·x).
type MLP struct {
	Up, Down *Linear
	Act      kernel.Activation
}

// mlp writes the MLP of p.x to p.y.
func (p *pass) mlp(team *parallel.Team, m *MLP) {
	inner := p.matrix(1, p.x.Rows, m.Up.N)
	p.apply(team, inner, p.x, m.Up, m.Act)
	p.apply(team, p.y, inner, m.Down, kernel.Identity)
}
