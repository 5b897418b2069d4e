package transformer

import (
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A ShortConvolution makes Out·(c ∘ conv(b ∘ x)) of b, x and c, the thirds of In·states. conv
// adds up each component of some tokens that follow each other, times a weight for each:
// Behind of them are behind the token. Beyond a sequence's ends they are zero.
type ShortConvolution struct {
	In, Out *Linear     // hidden→3·hidden, hidden→hidden
	Taps    [][]float32 // of each token of the window, a weight for each component
	Bias    []float32   // of conv; nil = none
	Behind  int
}

// shortConvolution returns that under w's path, whose window has so many tokens.
func (w *weights) shortConvolution(hidden, taps, behind int, b bias) *ShortConvolution {
	in := func(from int) part { return part{"in_proj.weight", 3 * hidden, from, from + hidden} }
	c := &ShortConvolution{
		In:     w.linear(hidden, b, in(0), in(2*hidden), in(hidden)), // the file has b, c, x
		Out:    w.linear(hidden, b, whole("out_proj", hidden)),
		Behind: behind,
	}
	if b {
		c.Bias = w.vector(hidden, "conv.bias")
	}
	t, ok := w.tensor("conv.weight", hidden, 1, taps)
	if !ok {
		return c
	}
	all := make([]float32, hidden*taps)
	w.convert(all, t, 0)
	for tap := range taps {
		weights := w.floats(hidden)
		for i := range weights {
			weights[i] = all[i*taps+tap]
		}
		c.Taps = append(c.Taps, weights)
	}
	return c
}

// shorten writes the short convolution of x to p.y, which may be x.
func (p *pass) shorten(team *parallel.Team, x tensor.Matrix, c *ShortConvolution) {
	hidden := c.Out.K
	inner := p.matrix(bufferInner, x.Rows, c.In.N)
	p.apply(team, inner, x, c.In, kernel.Identity)
	p.gate = gateTask{p: p, x: columns(inner, 0, 2*hidden), activation: kernel.Identity}
	team.For(parts(x.Rows, normRows), &p.gate)
	p.short = shortTask{
		p: p, convolution: c,
		from: columns(inner, 0, hidden), sum: columns(inner, hidden, 2*hidden), by: columns(inner, 2*hidden, 3*hidden),
	}
	team.For(parts(x.Rows, normRows), &p.short)
	p.apply(team, p.y, p.short.sum, c.Out, kernel.Identity)
}

// A shortTask adds up the windows of from, times by, for normRows tokens. It uses the
// rows of p.y.
type shortTask struct {
	p             *pass
	convolution   *ShortConvolution
	from, sum, by tensor.Matrix
}

func (t *shortTask) Run(_, i int) {
	s, c, starts := t.p.model.set, t.convolution, t.p.batch.Starts
	sequence, found := slices.BinarySearch(starts, i*normRows)
	if !found {
		sequence--
	}
	for j := i * normRows; j < min((i+1)*normRows, t.from.Rows); j++ {
		for j >= starts[sequence+1] {
			sequence++
		}
		sum, product := t.sum.Row(j), t.p.y.Row(j)
		if c.Bias != nil {
			copy(sum, c.Bias)
		} else {
			clear(sum)
		}
		for tap, weights := range c.Taps {
			at := j + tap - c.Behind
			if at < starts[sequence] || at >= starts[sequence+1] {
				continue
			}
			copy(product, t.from.Row(at))
			s.Mul(product, weights)
			s.Axpy(sum, product, 1)
		}
		s.Mul(sum, t.by.Row(j))
	}
}
