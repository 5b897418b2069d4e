// Package fill has a model fill in rows.
package fill

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// How says what becomes of texts.
type How struct {
	Options embed.Options // without Spans

	ChunkTokens  int  // a row for each chunk of at most so many tokens, as of package chunk; 0 = one for each text
	ChunkOverlap int  // as of package chunk
	Late         bool // chunks are embedded in the light of their text
	MaxActive    int  // as in sparse.Options
	Pieces       bool // sparse embeddings have those of their entries

	Tokens bool // rows have the vectors of their texts' tokens; without chunks and means
	Mean   bool // of a text over the limit: its embedding is the mean of its parts'
}

// A Filler fills in rows.
type Filler struct {
	how    How
	model  *embed.Model                                                                                         // nil = another
	run    embed.Embedder                                                                                       // the model
	sparse *sparse.Model                                                                                        // nil = another
	multi  func(ctx context.Context, texts []string, opts multivector.Options) ([]multivector.Embedding, error) // of a multi-vector model; nil = another
	width  int                                                                                                  // of a vector of a multi-vector model
	tok    *tokenizer.Tokenizer
	chunks chunk.Config // MaxTokens 0 = a text stays whole
	limit  int          // tokens that the model reads at once; 0 = any number

	workers int // the model\'s

	describer
}

// New returns a Filler of m. The error is what is wrong with how: an *embed.OptionError,
// or that texts cannot be cut so.
func New(ctx context.Context, m *embed.Model, how How) (*Filler, error) {
	check := func() error { _, err := m.Embed(ctx, nil, how.Options); return err }
	if how.Tokens {
		check = func() error { _, err := m.EmbedTokens(ctx, nil, how.Options); return err }
	}
	if err := check(); err != nil {
		return nil, err
	}
	if how.MaxActive != 0 {
		return nil, &embed.OptionError{Option: embed.OptionMaxActive, Err: errNotSparse}
	}
	if how.Pieces {
		return nil, &embed.OptionError{Option: optionPieces, Err: errNotSparse}
	}
	reading, err := m.Reading(how.Options)
	if err != nil {
		return nil, err
	}
	f := &Filler{how: how, model: m, run: m, workers: m.Info().Workers}
	f.describer = describer{m.Info().Name, m.Fingerprint, func() (string, error) { return m.Prompt(how.Options) }}
	return f, f.prepareChunks(reading)
}

var errNotSparse = errors.New("given, expected none: the model is not sparse")

// Complete sets in l what the rows hold.
func (f *Filler) Complete(l *rows.Layout) {
	if f.sparse != nil {
		l.Chunks, l.Sparse, l.Vocabulary = f.how.ChunkTokens > 0, true, f.sparse.Info().Vocabulary
		return
	}
	if f.multi != nil {
		l.Multi = true
		l.Complete(f.width, false)
		return
	}
	model, opts := f.model.Info(), f.how.Options
	l.Chunks, l.Tokens = f.how.ChunkTokens > 0, f.how.Tokens
	l.Complete(cmp.Or(opts.Dimensions, model.DefaultDimensions), opts.Ranges != nil || model.Ranges != nil)
}

// Fill has the model embed the inputs of results that have no error, and fills them in.
// fault is called for each input that is refused; where it returns an error, that ends
// the call.
func (f *Filler) Fill(ctx context.Context, results []*rows.Result, fault func(*rows.Result, error) error) error {
	all, err := f.cutAll(ctx, results, fault)
	if err != nil {
		return err
	}
	plain := f.how.Options
	if f.chunks.MaxTokens > 0 {
		plain.Truncate = embed.TruncateNone // as nothing is over the limit
	}
	for _, group := range []struct {
		parts []*part
		run   func([]*part) error
	}{
		{all.texts, func(group []*part) error { return f.embed(ctx, group, plain) }},
		{all.ids, func(group []*part) error { return f.embedIDs(ctx, group) }},
		{all.tokens, func(group []*part) error { return f.embedTokens(ctx, group) }},
		{all.late, func(group []*part) error { return f.embedSpans(ctx, group, plain) }},
		{all.mean, func(group []*part) error { return f.embed(ctx, group, f.unfinished()) }},
	} {
		if err := each(group.parts, group.run, fault); err != nil {
			return err
		}
	}
	return f.finishMeans(all.mean, fault)
}

// A part is of an input what the model reads at once.
type part struct {
	of    *rows.Result
	text  string            // not of token ids
	to    []*rows.Embedding // what it becomes: one, or one for each of spans
	spans []tokenizer.Span  // of text; nil = all of it
}

// parts are those of several inputs, by how they are embedded.
type parts struct{ texts, ids, tokens, late, mean []*part }

// each has run embed parts, but those of inputs that it refuses, which get their fault.
// All that it refuses at once are left out of the next try.
func each(group []*part, run func([]*part) error, fault func(*rows.Result, error) error) error {
	for len(group) > 0 {
		err := run(group)
		var bad *embed.InputError
		if !errors.As(err, &bad) {
			return err
		}
		var faults pipeline.Faults
		if !errors.As(err, &faults) {
			faults = pipeline.Faults{bad.Index: bad.Err}
		}
		for _, i := range slices.Sorted(maps.Keys(faults)) {
			r := group[i].of
			if r.Err != nil {
				continue // for another of its parts
			}
			if err := fault(r, faults[i]); err != nil {
				return err
			}
			r.Err, r.Chunks = faults[i], nil
		}
		group = slices.DeleteFunc(slices.Clone(group), func(p *part) bool { return p.of.Err != nil })
	}
	return nil
}

// embedding returns e as that of a row.
func embedding(e *embed.Embedding) rows.Embedding {
	return rows.Embedding{Vector: e.Vector, Tokens: e.Tokens, Truncated: e.Truncated}
}

// embed embeds the texts of parts.
func (f *Filler) embed(ctx context.Context, group []*part, opts embed.Options) error {
	texts := make([]string, len(group))
	for i, p := range group {
		texts[i] = p.text
	}
	switch {
	case f.multi != nil:
		return f.embedMulti(ctx, group, texts)
	case f.sparse != nil:
		return f.embedSparse(ctx, group, texts, opts.Truncate)
	}
	done, err := f.run.Embed(ctx, texts, opts)
	if err != nil {
		return err
	}
	for i, p := range group {
		*p.to[0] = embedding(&done.Embeddings[i])
	}
	return nil
}

// embedIDs embeds lists of token ids.
func (f *Filler) embedIDs(ctx context.Context, group []*part) error {
	ids := make([][]int32, len(group))
	for i, p := range group {
		ids[i] = p.of.IDs
	}
	done, err := f.run.EmbedIDs(ctx, ids, f.how.Options)
	if err != nil {
		return err
	}
	for i, p := range group {
		*p.to[0] = embedding(&done.Embeddings[i])
	}
	return nil
}

// embedSpans embeds the spans of the texts of parts.
func (f *Filler) embedSpans(ctx context.Context, group []*part, opts embed.Options) error {
	texts := make([]string, len(group))
	opts.Spans = make([][]tokenizer.Span, len(group))
	for i, p := range group {
		texts[i], opts.Spans[i] = p.text, p.spans
	}
	done, err := f.run.Embed(ctx, texts, opts)
	if err != nil {
		return err
	}
	for i, p := range group {
		for j, e := range done.Embeddings[done.Starts[i]:done.Starts[i+1]] {
			*p.to[j] = embedding(&e)
		}
	}
	return nil
}

// embedTokens embeds the tokens of texts.
func (f *Filler) embedTokens(ctx context.Context, group []*part) error {
	texts := make([]string, len(group))
	for i, p := range group {
		texts[i] = p.text
	}
	done, err := f.model.EmbedTokens(ctx, texts, f.how.Options)
	if err != nil {
		return err
	}
	for i, p := range group {
		r, made := p.of, done.Texts[i]
		r.Tokens, r.Truncated = len(made.Tokens), made.Truncated
		r.Vectors = make([]rows.Token, len(made.Tokens))
		for j, t := range made.Tokens {
			r.Vectors[j] = rows.Token{ID: t.ID, Start: t.Start, End: t.End, Float32: t.Float32}
		}
	}
	return nil
}
