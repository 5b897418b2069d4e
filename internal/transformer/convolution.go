package transformer

import (
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Convolution adds to x what it makes of other hidden states and their
// neighbors: x = Sum(x + Act(c)), where c of a token is a linear map of as many
// tokens as Taps, that one in the middle; beyond a sequence's ends they are zero.
// Each of the Groups, side by side, reads and makes as many components: its
// inputs are those of the first component, one for each tap, then the second's.
type Convolution struct {
	Groups []*Linear
	Taps   int // odd
	Act    kernel.Activation
	Sum    *Norm
}

// convolutionConfig is what a config.json says of a Convolution, under the names of
// DeBERTa-v2 in transformers 5.23.
type convolutionConfig struct {
	ConvKernelSize int    `json:"conv_kernel_size"` // below 1 = none
	ConvGroups     int    `json:"conv_groups"`
	ConvAct        string `json:"conv_act"`

	conv kernel.Activation
}

// checkConvolution checks c, where there is a convolution.
func (c *convolutionConfig) checkConvolution(w *weights, hidden int) {
	if c.ConvKernelSize < 1 {
		return
	}
	w.positive(keyValue{"conv_kernel_size", c.ConvKernelSize}, keyValue{"conv_groups", c.ConvGroups})
	if c.ConvKernelSize%2 == 0 {
		w.refusef("conv_kernel_size: found %d, expected an odd number", c.ConvKernelSize)
	}
	if c.ConvGroups > 0 && hidden%c.ConvGroups != 0 {
		w.refusef("conv_groups: found %d, expected a divisor of hidden_size %d", c.ConvGroups, hidden)
	}
	c.conv = w.activation("conv_act", c.ConvAct)
}

// convolution returns that under w's path, nil where it is not there.
func (c *convolutionConfig) convolution(w *weights, hidden int, eps float32) *Convolution {
	taps, width := c.ConvKernelSize, hidden/c.ConvGroups
	weight := w.at("conv").exact()
	if _, ok := weight.tensor("weight", hidden, width, taps); !ok {
		return nil
	}
	weight.taps = taps
	l := &Convolution{Taps: taps, Act: c.conv, Sum: w.norm("LayerNorm", hidden, eps, withBias)}
	for from := 0; from < hidden; from += width {
		l.Groups = append(l.Groups, weight.unlisted(width*taps, withBias, part{"weight", hidden, from, from + width}))
	}
	return l
}

// convolve writes Act(c) of p.x to bufferBeside.
func (p *pass) convolve(team *parallel.Team, c *Convolution) {
	p.ready = nil // rows are packed anew
	dst := p.matrix(bufferBeside, p.x.Rows, p.x.Cols)
	width := p.x.Cols / len(c.Groups)
	for i, w := range c.Groups {
		from, to := i*width, (i+1)*width
		t := &p.windows
		t.p, t.x, t.taps = p, columns(p.x, from, to), c.Taps
		t.dst = p.matrix(bufferInner, p.x.Rows, w.K)
		team.For(parts(p.x.Rows, normRows), t)
		p.apply(team, columns(dst, from, to), t.dst, w, c.Act)
	}
}

// A windowTask lays the components of neighboring tokens side by side, for
// normRows tokens.
type windowTask struct {
	p      *pass
	dst, x tensor.Matrix
	taps   int
}

func (t *windowTask) Run(_, i int) {
	starts := t.p.batch.Starts
	sequence, found := slices.BinarySearch(starts, i*normRows)
	if !found {
		sequence--
	}
	for j := i * normRows; j < min((i+1)*normRows, t.x.Rows); j++ {
		for j >= starts[sequence+1] {
			sequence++
		}
		row := t.dst.Row(j)
		for tap := range t.taps {
			from := j + tap - t.taps/2
			inside := from >= starts[sequence] && from < starts[sequence+1]
			if !inside {
				for k := tap; k < len(row); k += t.taps {
					row[k] = 0
				}
				continue
			}
			for k, v := range t.x.Row(from) {
				row[k*t.taps+tap] = v
			}
		}
	}
}
