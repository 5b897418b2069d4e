package sparse

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// A call is a pipeline.Call of texts, which become vectors.
type call struct {
	facade.Texts
	model   *Model
	options Options

	maxActive int // 0 = all
	vectors   []Vector
}

func (m *Model) newCall(texts []string, opts Options) *call {
	return &call{Texts: facade.Texts{List: texts}, model: m, options: opts}
}

// Check is that of pipeline.Inputs.
func (c *call) Check() (pipeline.Request, error) {
	if err := c.check(); err != nil {
		return pipeline.Request{}, err
	}
	return pipeline.Request{Way: &c.Route.Way}, nil
}

// Begin is that of pipeline.Inputs.
func (c *call) Begin(ctx context.Context) {
	c.Texts.Begin(ctx)
	c.vectors = make([]Vector, c.Count())
}

// Append is that of pipeline.Inputs.
func (c *call) Append(dst pipeline.Tokens, i int) (_ pipeline.Tokens, err error) {
	before, v := len(dst.IDs), &c.vectors[i]
	dst, v.Truncated, err = c.Texts.Append(dst, i)
	v.Tokens = len(dst.IDs) - before
	return dst, err
}

// Take is that of pipeline.Sink: it keeps what is not zero of the one row of input i.
func (c *call) Take(i int, rows tensor.Matrix) error {
	return c.vectors[i].keep(rows.Row(0), c.maxActive)
}
