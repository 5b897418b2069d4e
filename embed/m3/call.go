package m3

import (
	"cmp"
	"context"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// Options are those of one request. The zero Options are the defaults.
type Options struct {
	Prompt     string           // before each text; "" = by name
	PromptName string           // "query", "document" or any that the model has; "" = the model's default
	Truncate   embed.Truncation // of texts over the limit; TruncateNone: an *embed.InputError
	MaxTokens  int              // a limit lower than the model's, special tokens included; 0 = the model's
}

// Outputs are what a text became.
type Outputs struct {
	Dense     []float32     // of unit length
	Sparse    sparse.Vector // the greatest weight of each token of the text, special tokens left out
	Vectors   tensor.Matrix // of unit length, one for each token but the first; multivector.MaxSim compares them
	Tokens    int           // read by the model, prompt and special tokens included
	Truncated int           // dropped
}

// Embed returns the outputs of each text. They have the same bits whatever the other texts
// are, and Dense those of embed.Model. Errors are an *embed.OptionError, an
// *embed.InputError of a text (empty, too long, or an output that is not finite; the first
// of several), embed.ErrClosed, or that of ctx.
func (m *Model) Embed(ctx context.Context, texts []string, opts Options) ([]Outputs, error) {
	c := m.newCall(texts, opts)
	if err := facade.Outcome(m.loaded.Run(ctx, c)); err != nil {
		return nil, err
	}
	return c.outputs, nil
}

// A call is a pipeline.Call of texts, which become outputs.
type call struct {
	facade.Texts
	model   *Model
	options Options

	ids     [][]int32
	outputs []Outputs
}

func (m *Model) newCall(texts []string, opts Options) *call {
	return &call{Texts: facade.Texts{List: texts}, model: m, options: opts}
}

// Check is that of pipeline.Inputs.
func (c *call) Check() (pipeline.Request, error) {
	o := &c.options
	err := c.Settle(c.model.loaded, facade.Options{Prompt: o.Prompt, PromptName: o.PromptName, Truncate: o.Truncate, MaxTokens: o.MaxTokens})
	if err != nil {
		return pipeline.Request{}, err
	}
	return pipeline.Request{Way: &c.Route.Way}, nil
}

// Begin is that of pipeline.Inputs.
func (c *call) Begin(ctx context.Context) {
	c.Texts.Begin(ctx)
	c.ids, c.outputs = make([][]int32, c.Count()), make([]Outputs, c.Count())
}

// Append is that of pipeline.Inputs.
func (c *call) Append(dst pipeline.Tokens, i int) (_ pipeline.Tokens, err error) {
	from, o := len(dst.IDs), &c.outputs[i]
	dst, o.Truncated, err = c.Texts.Append(dst, i)
	c.ids[i] = dst.IDs[from:len(dst.IDs):len(dst.IDs)]
	o.Tokens = len(c.ids[i])
	return dst, err
}

// Take is that of pipeline.Sink: the first row of input i is its embedding, and the others
// are those of its tokens, the vector and behind it the weight.
func (c *call) Take(i int, rows tensor.Matrix) error {
	for r := range rows.Rows {
		if !pipeline.Finite(rows.Row(r)) {
			return embed.ErrNotFinite
		}
	}
	o, d, n := &c.outputs[i], c.model.loaded.Default.Dimensions, c.model.loaded.Default.TokenDimensions
	o.Dense = slices.Clone(rows.Row(0)[:d])
	pipeline.ScaleToUnit(o.Dense)
	tokens := rows.Slice(1, rows.Rows)
	o.Sparse = c.model.weights(c.ids[i], tokens)
	o.Sparse.Tokens, o.Sparse.Truncated = o.Tokens, o.Truncated
	o.Vectors = tensor.NewMatrix(tokens.Rows-1, n)
	for t := range o.Vectors.Rows {
		row := o.Vectors.Row(t)
		copy(row, tokens.Row(t+1))
		pipeline.ScaleToUnit(row)
	}
	return nil
}

// weights returns the sparse vector of tokens: the greatest weight of each id, where that is
// greater than 0.
func (m *Model) weights(ids []int32, tokens tensor.Matrix) (v sparse.Vector) {
	type weight struct {
		id    int32
		value float32
	}
	var all []weight
	for t, id := range ids {
		if w := tokens.Row(t)[m.loaded.Default.TokenDimensions]; w > 0 && !m.skip[id] {
			all = append(all, weight{id, w})
		}
	}
	slices.SortFunc(all, func(a, b weight) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.value, a.value))
	})
	for k, w := range all {
		if k == 0 || w.id != all[k-1].id {
			v.Indices, v.Values = append(v.Indices, w.id), append(v.Values, w.value)
		}
	}
	return v
}
