package rerank

import (
	"context"
	"errors"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A call is a pipeline.Call of texts or of pairs: what every entry point runs. What
// comes of it are the logits of each input.
type call struct {
	model   *Model
	options Options
	pairs   [][2]string // or texts, which have no second
	single  bool        // texts
	scores  bool        // of a reranker are asked for

	prompt string
	prefix int // its tokens, which stay where a single text is cut at its start
	encode tokenizer.Options
	frame  loader.Frame // of a model with a template
	logits []float32    // inputs×labels
	counts []count
}

// A count is the tokens of an input: what is read, and what was dropped.
type count struct{ tokens, truncated int }

// Count is that of pipeline.Inputs.
func (c *call) Count() int { return len(c.pairs) }

// Check is that of pipeline.Inputs.
func (c *call) Check() (pipeline.Request, error) {
	r := pipeline.Request{Way: &c.model.loaded.Default.Way}
	if c.scores {
		if err := c.model.checkKind(); err != nil {
			return r, err
		}
	}
	if c.single && c.model.template != nil {
		return r, &embed.KindError{Kind: "reranker", Err: errors.New("the model reads pairs through its chat template, a reranker, expected one of single texts; Score, Rank, Pairs and ClassifyPairs serve it")}
	}
	var err error
	if c.prompt, err = facade.Prompt(c.model.loaded, c.options.Prompt, c.options.PromptName); err == nil {
		err = c.checkLength()
	}
	return r, err
}

// Size is that of pipeline.Inputs.
func (c *call) Size() (tokens, bytes int) {
	for _, p := range c.pairs {
		n := len(c.prompt) + len(p[0]) + len(p[1])
		bytes += n
		tokens += c.frame.Size(n, c.encode.MaxTokens)
	}
	return tokens, bytes
}

// Begin is that of pipeline.Inputs.
func (c *call) Begin(ctx context.Context) {
	c.encode.Done = ctx.Done()
	c.logits = make([]float32, len(c.pairs)*len(c.model.info.Labels))
	c.counts = make([]count, len(c.pairs))
}

// Append is that of pipeline.Inputs.
func (c *call) Append(dst pipeline.Tokens, i int) (pipeline.Tokens, error) {
	before := dst
	p := c.pairs[i]
	if p[0] == "" {
		return dst, loader.ErrEmptyText
	}
	query := p[0]
	if c.prompt != "" {
		query = c.prompt + query
	}
	var truncated, dropped int
	var err error
	tok := c.model.tokenizer()
	if p[1], dropped, err = facade.CutDocument(tok, p[1], c.options.MaxDocumentTokens, c.encode); err != nil {
		return dst, err
	}
	switch {
	case c.chats():
		dst, truncated, err = c.appendChat(dst, p[0], p[1])
	case c.single || !c.scores && p[1] == "":
		o := c.encode
		o.Prefix = c.prefix
		dst.IDs, truncated, err = tok.Append(dst.IDs, query, o)
	default:
		dst.IDs, dst.Types, truncated, err = tok.AppendPair(dst.IDs, dst.Types, query, p[1], c.encode)
		if !c.model.typed {
			dst.Types = dst.Types[:len(before.Types)]
		}
	}
	c.counts[i] = count{len(dst.IDs) - len(before.IDs), truncated + dropped}
	return dst, err
}

// Take is that of pipeline.Sink: it keeps the one row of input i.
func (c *call) Take(i int, rows tensor.Matrix) error {
	row := rows.Row(0)
	if len(row) == 2 && c.model.loaded.Spec.Cross.Logit != nil { // the logit of one token less that of another
		row[0] -= row[1]
		row = row[:1]
	}
	if !pipeline.Finite(row) {
		return embed.ErrNotFinite
	}
	copy(c.row(i), row)
	return nil
}

// row returns the logits of input i.
func (c *call) row(i int) []float32 {
	n := len(c.model.info.Labels)
	return c.logits[i*n : (i+1)*n]
}
