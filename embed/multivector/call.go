package multivector

import (
	"context"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// Options are those of one request. The zero Options are the defaults.
type Options struct {
	Prompt     string           // before each text, in place of the task's; "" = by name
	PromptName string           // "query", "document" or any that the model has; "" = the task's, else the model's default
	Truncate   embed.Truncation // of texts over the limit; TruncateNone: an *embed.InputError
	MaxTokens  int              // a limit lower than the model's, special tokens included; 0 = the model's
}

// A call is a pipeline.Call of texts of one task, which become vectors, or scores.
type call struct {
	facade.Texts
	model   *Model
	side    *side
	options Options
	scorer  *Scorer // that vectors go to; nil = they are the result

	inputs []input
	made   []Embedding
	scores []float32
}

// An input is the tokens that a text has, of which so many are the text's.
type input struct {
	ids  []int32
	text int
}

// Check is that of pipeline.Inputs.
func (c *call) Check() (pipeline.Request, error) {
	return pipeline.Request{Way: &c.model.loaded.Default.Way}, c.check()
}

// check finds what the options say.
func (c *call) check() error {
	m, o := c.model, &c.options
	name := o.PromptName
	if _, ok := m.loaded.Prompts[c.side.task]; name == "" && o.Prompt == "" && ok {
		name = c.side.task
	}
	return c.Settle(m.loaded, facade.Options{Prompt: o.Prompt, PromptName: name, Truncate: o.Truncate, MaxTokens: o.MaxTokens})
}

// least returns how many tokens a text has in any case.
func (s *side) least() int {
	if s.expand == nil {
		return 0
	}
	return s.expand.Length
}

// Begin is that of pipeline.Inputs.
func (c *call) Begin(ctx context.Context) {
	c.Texts.Begin(ctx)
	c.inputs = make([]input, c.Count())
	c.made = make([]Embedding, c.Count())
	if c.scorer != nil {
		c.scores = make([]float32, c.Count())
	}
}

// Append is that of pipeline.Inputs.
func (c *call) Append(dst pipeline.Tokens, i int) (_ pipeline.Tokens, err error) {
	from, e := len(dst.IDs), &c.made[i]
	if dst, e.Truncated, err = c.Texts.Append(dst, i); err != nil {
		return dst, err
	}
	own := len(dst.IDs) - from
	if x := c.side.expand; x != nil && own < x.Length {
		for len(dst.IDs)-from < x.Length {
			dst.IDs = append(dst.IDs, x.Token)
		}
		if !x.Attend {
			dst.Seen = own
		}
	}
	e.Tokens = len(dst.IDs) - from
	c.inputs[i] = input{dst.IDs[from:len(dst.IDs):len(dst.IDs)], own}
	return dst, nil
}

// Take is that of pipeline.Sink: it keeps those of the rows of input i, one of each token,
// that count, as the folder says.
func (c *call) Take(i int, rows tensor.Matrix) error {
	kept := 0
	for t, id := range c.inputs[i].ids {
		if drop := c.side.drop; t < c.side.first || drop != nil && drop[id] {
			continue
		}
		row := rows.Row(t)
		if !pipeline.Finite(row) {
			return embed.ErrNotFinite
		}
		copy(rows.Row(kept), row)
		kept++
	}
	vectors := rows.Slice(0, kept)
	if p := c.side.grouping; p != nil {
		vectors = groupVectors(c.model.loaded.Set, vectors, p)
	}
	if c.scorer != nil {
		score, err := c.scorer.Score(vectors)
		if err == nil && !pipeline.Finite([]float32{score}) {
			err = embed.ErrNotFinite
		}
		c.scores[i] = score
		return err
	}
	own := tensor.NewMatrix(vectors.Rows, vectors.Cols)
	for r := range own.Rows {
		copy(own.Row(r), vectors.Row(r))
	}
	c.made[i].Vectors = own
	return nil
}
