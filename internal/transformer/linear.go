package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// partOperations is the least work of a part, some microseconds, so that taking
// the part costs little beside it.
const partOperations = 1 << 20

// maxPartOperations is the most, some tens of microseconds: other goroutines
// run between parts.
const maxPartOperations = 1 << 22

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
	packed     *kernel.Rows // in place of dst, where it is not nil
	w          *Linear
	activation kernel.Activation
	tiles      int // of one block
	panels     int // of one part
	across     int // parts that make up all panels
	workers    int
}

func (t *linearTask) Run(worker, i int) {
	s, rows := t.p.model.set, &t.p.rows
	t0 := i / t.across * t.tiles
	t1 := min(t0+t.tiles, rows.Tiles())
	p0 := i % t.across * t.panels
	p1 := min(p0+t.panels, t.w.Count())
	then := p0 + t.panels*t.workers
	if t.packed != nil {
		s.MultiplyPacked(t.packed, t.p.tiles[worker], rows, t0, t1, t.w, p0, p1, then, t.activation)
		return
	}
	from, _ := rows.Span(t0)
	_, to := rows.Span(t1 - 1)
	s.Multiply(t.dst.Slice(from, to), rows, t0, t1, t.w, p0, p1, then, t.activation)
}

// apply writes activation(x·w + bias) to dst, tokens×w.N, which may be x. Where
// the batch's task has a branch beside w, what that adds goes in before the
// activation.
func (p *pass) apply(team *parallel.Team, dst, x tensor.Matrix, w *Linear, activation kernel.Activation) {
	if p.model.reaches != nil {
		p.reach(w, x)
	}
	if p.rounds(w) {
		p.round(team, dst, x, w, activation)
		return
	}
	if p.model.errors != nil && (w.Format == kernel.Int8 || w.Format == kernel.Int4) {
		p.compare(team, dst, x, w, activation)
		return
	}
	if rest, ok := p.model.rests[w]; ok {
		p.refine(team, dst, x, w, rest, activation)
		return
	}
	b := p.task.branch(w)
	if b == nil {
		p.packFor(team, x, w)
		p.multiply(team, linearTask{dst: dst, w: w, activation: activation})
		return
	}
	inner := p.matrix(bufferBranch, x.Rows, b.down.N)
	first := w // the same rows serve both products where they are of one format
	if b.down.Format != w.Format {
		first, p.ready = b.down, nil
	}
	p.packFor(team, x, first)
	p.multiply(team, linearTask{dst: inner, w: b.down})
	if first != w {
		p.packFor(team, x, w)
	}
	p.multiply(team, linearTask{dst: dst, w: w})
	p.branch = branchTask{p: p, dst: dst, inner: inner, branch: b, activation: activation}
	team.For(parts(dst.Rows, normRows), &p.branch)
}

// packFor packs x into p.rows, to be multiplied with w, unless that is done.
func (p *pass) packFor(team *parallel.Team, x tensor.Matrix, w *Linear) {
	if p.ready == w {
		p.ready = nil
		return
	}
	p.rows.Resize(p.model.set, x.Rows, w)
	p.pack = packTask{p: p, x: x}
	team.For(p.rows.Tiles(), &p.pack)
}

// packsBetween reports whether applyTwice can do the two.
func (p *pass) packsBetween(first, second *Linear) bool {
	return p.model.rounding == nil && p.model.errors == nil && first.Format != kernel.Int8 && second.Format != kernel.Int8 && p.task.branch(first) == nil && p.task.branch(second) == nil
}

// applyTwice writes activation(x·first + bias)·second + bias to dst. What lies
// between is packed tile by tile as it is made.
func (p *pass) applyTwice(team *parallel.Team, dst, x tensor.Matrix, first *Linear, activation kernel.Activation, second *Linear) {
	p.packFor(team, x, first)
	for len(p.tiles) < team.Size() {
		p.tiles = append(p.tiles, kernel.Floats(kernel.BlockRows*kernel.Panel))
	}
	p.inner.Resize(p.model.set, x.Rows, second)
	p.multiply(team, linearTask{packed: &p.inner, w: first, activation: activation})
	p.rows, p.inner = p.inner, p.rows
	p.multiply(team, linearTask{dst: dst, w: second})
}

// multiply writes t.activation(rows·t.w + bias) to t.dst or packs it into t.packed.
func (p *pass) multiply(team *parallel.Team, t linearTask) {
	if pack, ok := p.model.packs[t.w]; ok && p.model.spare != nil {
		t.w.MoveMemory(p.model.spare)
		pack(t.w)
		defer p.model.spare.MoveMemory(t.w)
	}
	t.p, t.workers = p, team.Size()
	t.tiles = p.rows.BlockTiles()
	blocks := parts(p.rows.Tiles(), t.tiles)
	t.split(p.rows.M, blocks)
	p.linear = t
	team.For(blocks*t.across, &p.linear)
}

// split says how many panels a part has, for so many rows in so many blocks.
func (t *linearTask) split(rows, blocks int) {
	onePanel := 2 * rows / blocks * t.w.K * kernel.Panel
	t.panels = min(parts(maxPartOperations, onePanel), t.w.Count())
	if t.workers > 1 {
		t.panels = min(parts(partOperations, onePanel), parts(t.w.Count(), t.workers))
	}
	t.across = parts(t.w.Count(), t.panels)
}
