package transformer

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A LayerError is what Int8, or Int4, costs a linear layer.
type LayerError struct {
	Error   float64 // the mean over the tokens of the squared error of the outputs over their square
	Weights int     // numbers in the weight
}

// AttentionLayers returns the names of the linear layers of attention, as in Outliers.
func (m *Model) AttentionLayers() map[string]bool {
	names := map[string]bool{}
	for i := range m.Layers {
		a := &m.Layers[i].Attention
		for _, l := range []*Linear{a.QKV, a.Output} {
			if name, ok := m.names[l]; ok {
				names[name] = true
			}
		}
	}
	return names
}

// A sumOfErrors is a LayerError in the making.
type sumOfErrors struct {
	sum     float64
	tokens  int
	weights int
}

// compared is the memory of compare.
type compared struct {
	exact Linear
	rough []float32
}

// Errors gives use the last hidden states of b, as InParts does but
// with linear layers in float32, and returns what Int8 costs each on the same inputs, by
// name as in Outliers. m was made by OpenToCalibrate or OpenToMeasure, with the outliers that Int8 is to have,
// or by OpenToRound, where it is Int4's cost, and must not be in use.
func (m *Model) Errors(ctx context.Context, team *parallel.Team, b Batch, use Part) (map[string]LayerError, error) {
	m.errors = map[string]*sumOfErrors{}
	defer func() { m.errors = nil }()
	if err := m.InParts(ctx, team, b, use); err != nil {
		return nil, err
	}
	errs := map[string]LayerError{}
	for name, e := range m.errors {
		errs[name] = LayerError{e.sum / float64(e.tokens), e.weights}
	}
	return errs, nil
}

// compare writes activation(x·w + bias) to dst, which may be x, in float32, and adds to
// the model's errors what Int8 makes of it before the activation.
func (p *pass) compare(team *parallel.Team, dst, x tensor.Matrix, w *Linear, activation kernel.Activation) {
	c, m := &p.compared, p.model
	rough := reuse(&c.rough, x.Rows, w.N)
	p.packFor(team, x, w)
	p.multiply(team, linearTask{dst: rough, w: w})
	c.exact.Resize(kernel.Float32, w.K, w.N)
	copy(c.exact.Bias, w.Bias)
	m.packs[w](&c.exact)
	p.packFor(team, x, &c.exact)
	p.multiply(team, linearTask{dst: dst, w: &c.exact})

	name := m.names[w]
	e := m.errors[name]
	if e == nil {
		e = &sumOfErrors{weights: w.K * w.N}
		m.errors[name] = e
	}
	e.tokens += x.Rows
	for i := range x.Rows {
		var off, size float64
		for j, v := range dst.Row(i)[:w.N] {
			d := float64(rough.Row(i)[j] - v)
			off += d * d
			size += float64(v) * float64(v)
		}
		if size > 0 {
			e.sum += off / size
		}
	}
	m.set.Activate(activation, dst.Data, dst.Stride, dst.Rows, w.N)
}
