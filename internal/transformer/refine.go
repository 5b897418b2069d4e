package transformer

import (
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// meanRows is how many rows of a sequence, at the most, its mean is that of.
const meanRows = 32

// refined is the memory of refine. What has a row for each sequence, or two, is of means
// first, then of first tokens.
type refined struct {
	lines, outputs, rests []float32
	means                 tensor.Matrix
	sequences             []kernel.Rows // of each: its tokens, less their mean
	shifted               []Linear      // of each: the layer, whose bias is what that makes of the mean
	tiles                 []int         // where those of each begin among those of all
	blocks                []block
	scratch               [][]float32 // of each worker: a tile

	less  lessTask
	block blockTask
}

// A block is tiles from, to (exclusive) of a sequence.
type block struct{ sequence, from, to int }

// refine writes activation(x·w + bias) to dst, tokens×w.N, which may be x, as apply does
// in Int8, but with
//
//	y = Q(x - m)·Q(w) + (m·w + bias)
//
// where Q are the terms in steps and m is the mean of some tokens of the sequence. So what
// its tokens have in common has no error, and the steps are those of what tells them apart. The
// rows of first tokens, which the head reads, are all x·w. Such finer products are
//
//	x·w = (Q(x) + Q(x - Q(x)))·Q(w) + Q(x)·Q(w - Q(w))
//
// and rest is w - Q(w), nil for zero.
func (p *pass) refine(team *parallel.Team, dst, x tensor.Matrix, w, rest *Linear, activation kernel.Activation) {
	r, n := &p.refined, p.batch.Sequences()
	lines := p.fine(team, x, w, rest)
	firsts := lines
	if !p.gathered {
		firsts = lines.Slice(n, 2*n)
		p.subtract(team, x, w, lines)
		p.blocks(team, linearTask{dst: dst, w: w, activation: activation})
	}
	for i := range n {
		row := dst.Row(i)
		if !p.gathered {
			row = dst.Row(p.batch.Starts[i])
		}
		copy(row, firsts.Row(i))
		p.model.set.Activate(activation, row, len(row), 1, len(row))
	}
	r.means = tensor.Matrix{}
}

// fine returns the finer products of the means of the sequences and of their first tokens,
// or where x has these alone of these, with w, and the bias.
func (p *pass) fine(team *parallel.Team, x tensor.Matrix, w, rest *Linear) tensor.Matrix {
	r, s, n := &p.refined, p.model.set, p.batch.Sequences()
	k := n
	if !p.gathered {
		k = 2 * n
	}
	lines := reuse(&r.lines, 2*k, x.Cols) // and what their terms leave of them
	for i := range n {
		if p.gathered {
			copy(lines.Row(i), x.Row(i))
			continue
		}
		from, to := p.batch.Starts[i], p.batch.Starts[i+1]
		mean(s, lines.Row(i), x.Slice(from, to))
		copy(lines.Row(n+i), x.Row(from))
	}
	for i := range k {
		s.Int8RowRest(lines.Row(k+i), lines.Row(i), w)
	}
	r.means = lines.Slice(0, n)

	y := reuse(&r.outputs, 2*k, w.Count()*kernel.Panel)
	y.Cols = w.N
	p.multiplyLines(team, y, lines, w)
	for i := range k {
		row := y.Row(i)
		s.Axpy(row, y.Row(k+i), 1)
		s.Axpy(row, w.Bias[:w.N], -1) // both have it
	}
	if rest != nil {
		z := reuse(&r.rests, k, w.N)
		p.multiplyLines(team, z, lines.Slice(0, k), rest)
		for i := range k {
			s.Axpy(y.Row(i), z.Row(i), 1)
		}
	}
	return y.Slice(0, k)
}

// mean writes the mean of rows of x, as far apart as it takes for meanRows, to dst.
func mean(s *kernel.Set, dst []float32, x tensor.Matrix) {
	apart := parts(x.Rows, meanRows)
	copy(dst, x.Row(0))
	for i := apart; i < x.Rows; i += apart {
		s.Axpy(dst, x.Row(i), 1)
	}
	s.Scale(dst, 1/float32(parts(x.Rows, apart)))
}

// multiplyLines writes x·w + bias to dst.
func (p *pass) multiplyLines(team *parallel.Team, dst, x tensor.Matrix, w *Linear) {
	p.rows.Resize(p.model.set, x.Rows, w)
	for t := range p.rows.Tiles() {
		p.model.set.PackRows(&p.rows, t, x)
	}
	p.multiply(team, linearTask{dst: dst, w: w})
}

// subtract packs the tokens of each sequence, less their mean, to be multiplied with w, and
// takes what that makes of the mean, in lines, as the bias.
func (p *pass) subtract(team *parallel.Team, x tensor.Matrix, w *Linear, lines tensor.Matrix) {
	r, n := &p.refined, p.batch.Sequences()
	for len(r.sequences) < n {
		r.sequences, r.shifted = append(r.sequences, kernel.Rows{}), append(r.shifted, Linear{})
	}
	for len(r.scratch) < team.Size() {
		r.scratch = append(r.scratch, nil)
	}
	r.tiles, r.blocks = append(r.tiles[:0], 0), r.blocks[:0]
	for i := range n {
		rows := &r.sequences[i]
		rows.Resize(p.model.set, p.batch.Starts[i+1]-p.batch.Starts[i], w)
		r.shifted[i] = *w
		r.shifted[i].Bias = lines.Data[i*lines.Stride:][:len(w.Bias)]
		r.tiles = append(r.tiles, r.tiles[i]+rows.Tiles())
		for each, t := rows.BlockTiles(), 0; t < rows.Tiles(); t += each {
			r.blocks = append(r.blocks, block{i, t, min(t+each, rows.Tiles())})
		}
	}
	r.less = lessTask{p: p, x: x}
	team.For(r.tiles[n], &r.less)
}

// A lessTask packs one tile of x less means.
type lessTask struct {
	p *pass
	x tensor.Matrix
}

func (t *lessTask) Run(worker, i int) {
	r, s := &t.p.refined, t.p.model.set
	sequence := 0
	for r.tiles[sequence+1] <= i {
		sequence++
	}
	rows := &r.sequences[sequence]
	tile := i - r.tiles[sequence]
	from, to := rows.Span(tile)
	x := t.x.Slice(t.p.batch.Starts[sequence]+from, t.p.batch.Starts[sequence]+to)
	less := reuse(&r.scratch[worker], x.Rows, x.Cols)
	for j := range x.Rows {
		copy(less.Row(j), x.Row(j))
		s.Axpy(less.Row(j), r.means.Row(sequence), -1)
	}
	s.PackTile(rows, tile, less)
}

// A blockTask multiplies one block with some panels.
type blockTask struct{ linearTask }

func (t *blockTask) Run(_, i int) {
	r := &t.p.refined
	b := r.blocks[i/t.across]
	p0 := i % t.across * t.panels
	p1 := min(p0+t.panels, t.w.Count())
	rows := &r.sequences[b.sequence]
	from, _ := rows.Span(b.from)
	_, to := rows.Span(b.to - 1)
	first := t.p.batch.Starts[b.sequence]
	t.p.model.set.Multiply(t.dst.Slice(first+from, first+to), rows, b.from, b.to, &r.shifted[b.sequence], p0, p1, p0+t.panels*t.workers, t.activation)
}

// blocks writes t.activation(rows·t.w + bias) to t.dst, of the rows and with the biases of
// all sequences.
func (p *pass) blocks(team *parallel.Team, t linearTask) {
	r := &p.refined
	t.p, t.workers = p, team.Size()
	t.split(t.dst.Rows, len(r.blocks))
	r.block = blockTask{t}
	team.For(len(r.blocks)*t.across, &r.block)
}
