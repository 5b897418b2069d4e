package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// partOperations is the least work of a part, some microseconds, so that taking
// the part costs little beside it.
const partOperations = 1 << 20

// maxPartOperations is the most, some hundred microseconds: other goroutines
// run between parts.
const maxPartOperations = 1 << 24

// A packTask packs one tile of x into p.rows.
type packTask struct {
	p *pass
	x tensor.Matrix
}

func (t *packTask) Run(_, i int) { t.p.model.set.PackRows(&t.p.rows, i, t.x) }

// A linearTask multiplies one block of rows with some panels.
type linearTask struct {
	p          *pass
	dst        tensor.Matrix
	w          *Linear
	activation kernel.Activation
	tiles      int // of one block
	panels     int // of one part
	across     int // parts that make up all panels
	workers    int
}

func (t *linearTask) Run(_, i int) {
	rows := &t.p.rows
	t0 := i / t.across * t.tiles
	t1 := min(t0+t.tiles, rows.Tiles())
	from, _ := rows.Span(t0)
	_, to := rows.Span(t1 - 1)
	p0 := i % t.across * t.panels
	p1 := min(p0+t.panels, t.w.Count())
	t.p.model.set.Multiply(t.dst.Slice(from, to), rows, t0, t1, t.w, p0, p1, p0+t.panels*t.workers, t.activation)
}

// apply writes activation(x·w + bias) to dst, tokens×w.N, which may be x. Where
// the batch's task has a branch beside w, what that adds goes in before the
// activation.
func (p *pass) apply(team *parallel.Team, dst, x tensor.Matrix, w *Linear, activation kernel.Activation) {
	p.rows.Resize(p.model.set, x.Rows, w)
	p.pack = packTask{p: p, x: x}
	team.For(p.rows.Tiles(), &p.pack)
	b := p.task.branch(w)
	if b == nil {
		p.multiply(team, dst, w, activation)
		return
	}
	inner := p.matrix(bufferBranch, x.Rows, b.down.N)
	p.multiply(team, inner, b.down, kernel.Identity)
	p.multiply(team, dst, w, kernel.Identity)
	p.branch = branchTask{p: p, dst: dst, inner: inner, branch: b, activation: activation}
	team.For(parts(dst.Rows, normRows), &p.branch)
}

// multiply writes activation(rows·w + bias) to dst.
func (p *pass) multiply(team *parallel.Team, dst tensor.Matrix, w *Linear, activation kernel.Activation) {
	tiles := p.rows.BlockTiles()
	blocks := parts(p.rows.Tiles(), tiles)
	onePanel := 2 * dst.Rows / blocks * w.K * kernel.Panel
	panels := min(parts(maxPartOperations, onePanel), w.Count())
	if team.Size() > 1 {
		panels = min(parts(partOperations, onePanel), parts(w.Count(), team.Size()))
	}
	p.linear = linearTask{p: p, dst: dst, w: w, activation: activation,
		tiles: tiles, panels: panels, across: parts(w.Count(), panels), workers: team.Size()}
	team.For(blocks*p.linear.across, &p.linear)
}
