package sparse

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A call is a pipeline.Call of texts, which become vectors.
type call struct {
	model   *Model
	options Options
	texts   []string

	route     *loader.Route
	prompt    string
	encode    tokenizer.Options
	maxActive int // 0 = all
	vectors   []Vector
}

// Count is that of pipeline.Inputs.
func (c *call) Count() int { return len(c.texts) }

// Check is that of pipeline.Inputs.
func (c *call) Check() (pipeline.Request, error) {
	if err := c.check(); err != nil {
		return pipeline.Request{}, err
	}
	return pipeline.Request{Way: &c.route.Way}, nil
}

// Size is that of pipeline.Inputs.
func (c *call) Size() (tokens, bytes int) {
	for _, text := range c.texts {
		n := len(c.prompt) + len(text)
		bytes += n
		tokens += facade.Tokens(n, 0, c.encode.MaxTokens)
	}
	return tokens, bytes
}

// Begin is that of pipeline.Inputs.
func (c *call) Begin(ctx context.Context) {
	c.encode.Done = ctx.Done()
	c.vectors = make([]Vector, len(c.texts))
}

// Append is that of pipeline.Inputs.
func (c *call) Append(dst pipeline.Tokens, i int) (pipeline.Tokens, error) {
	text := c.texts[i]
	if text == "" {
		return dst, facade.ErrEmptyText
	}
	if c.prompt != "" {
		text = c.prompt + text
	}
	before, v := len(dst.IDs), &c.vectors[i]
	var err error
	dst.IDs, v.Truncated, err = c.route.Encoder.Tokenizer.Append(dst.IDs, text, c.encode)
	v.Tokens = len(dst.IDs) - before
	return dst, err
}

// Take is that of pipeline.Sink: it keeps what is not zero of the one row of input i.
func (c *call) Take(i int, rows tensor.Matrix) error {
	return c.vectors[i].keep(rows.Row(0), c.maxActive)
}
