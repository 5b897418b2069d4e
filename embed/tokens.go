package embed

import (
	"context"
	"slices"
	"time"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A TokenResult is the tokens of each text of one request.
type TokenResult struct {
	Texts      []TokenVectors // in the order of the inputs
	Dimensions int            // of each vector
	Wait       time.Duration  // as Result.Wait
}

// TokenVectors are what one text became.
type TokenVectors struct {
	Tokens    []Token // as the model read them, those of the prompt and special ones included; they share an array of vectors
	Truncated int     // dropped
}

// A Token is one token of a text.
type Token struct {
	ID             int32
	tokenizer.Span           // of the text without its prompt, in bytes, as EncodeOffsets says; 0, 0 of special tokens and of those of the prompt
	Float32        []float32 // its vector
}

// EmbedTokens returns the vectors of each text's tokens: the last hidden states, through
// the Dense and LayerNorm modules before the pooling, as encode with output_value
// "token_embeddings" of sentence-transformers 6.2. What follows the pooling does not touch
// them: they are not of unit length, and Dimensions are those of a hidden state, all by
// default. Of a table they are rows times their weights. Of formats there is Float
// alone; Ranges and Spans are an *OptionError. All else is as in Embed.
//
// A token that the end of the prompt and the start of the text share begins at 0 and ends in the text.
func (m *Model) EmbedTokens(ctx context.Context, inputs []string, opts Options) (*TokenResult, error) {
	c := m.tokenTexts(inputs, opts)
	return c.outcome(m.loaded.Run(ctx, c))
}

// EmbedTokens is Model.EmbedTokens in the manner of Embed.
func (q *Queue) EmbedTokens(ctx context.Context, inputs []string, opts Options) (*TokenResult, error) {
	c := q.model.tokenTexts(inputs, opts)
	wait, err := q.queue.Run(ctx, c)
	result, err := c.outcome(err)
	if err == nil {
		result.Wait = wait
	}
	return result, err
}

// tokenTexts are a call of texts whose tokens are asked for.
type tokenTexts struct {
	texts
	result *TokenResult
}

func (m *Model) tokenTexts(inputs []string, opts Options) *tokenTexts {
	return &tokenTexts{texts: *m.texts(inputs, opts)}
}

// Check is that of pipeline.Inputs.
func (t *tokenTexts) Check() (pipeline.Request, error) {
	opts := &t.options
	switch {
	case opts.Spans != nil:
		return t.Request, optionError(OptionSpans, "given where tokens are asked for, expected none")
	case opts.Ranges != nil:
		return t.Request, optionError(OptionRanges, "given where tokens are asked for, expected none")
	case slices.ContainsFunc(opts.Formats, func(f encoding.Format) bool { return f != encoding.Float }):
		return t.Request, optionError(OptionFormats, "%v where tokens are asked for, expected %v", opts.Formats, encoding.Float)
	}
	dimensions := opts.Dimensions
	opts.Dimensions = 0 // which are those of an embedding
	if _, err := t.texts.Check(); err != nil {
		return t.Request, err
	}
	if t.dimensions = t.route.TokenDimensions; dimensions != 0 {
		if dimensions < 0 || dimensions > t.dimensions {
			return t.Request, optionError(OptionDimensions, "%d, expected 1 to %d", dimensions, t.dimensions)
		}
		t.dimensions = dimensions
	}
	t.Way = &t.route.TokenWay
	return t.Request, nil
}

// Begin is that of pipeline.Inputs.
func (t *tokenTexts) Begin(ctx context.Context) {
	t.encode.Done = ctx.Done()
	t.result = &TokenResult{Texts: make([]TokenVectors, len(t.inputs)), Dimensions: t.dimensions}
}

// Append is that of pipeline.Inputs.
func (t *tokenTexts) Append(dst pipeline.Tokens, i int) (pipeline.Tokens, error) {
	if t.inputs[i] == "" {
		return dst, loader.ErrEmptyText
	}
	e, err := t.located(t.inputs[i])
	if err != nil {
		return dst, err
	}
	to := &t.result.Texts[i]
	to.Tokens, to.Truncated = make([]Token, len(e.IDs)), e.Truncated
	for j, id := range e.IDs {
		if to.Tokens[j].ID = id; e.Offsets[j] != special {
			to.Tokens[j].Span = e.Offsets[j]
		}
	}
	dst.IDs = append(dst.IDs, e.IDs...)
	return dst, nil
}

// Take is that of pipeline.Sink.
func (t *tokenTexts) Take(i int, rows tensor.Matrix) error {
	d := t.dimensions
	vectors := make([]float32, rows.Rows*d)
	for j := range rows.Rows {
		v := vectors[j*d : (j+1)*d : (j+1)*d]
		copy(v, rows.Row(j))
		if !pipeline.Finite(v) {
			return ErrNotFinite
		}
		t.result.Texts[i].Tokens[j].Float32 = v
	}
	return nil
}

// outcome returns the result of a call that ended with err.
func (t *tokenTexts) outcome(err error) (*TokenResult, error) {
	if _, err := t.request.outcome(err); err != nil {
		return nil, err
	}
	return t.result, nil
}
