package fill

import (
	"context"
	"errors"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// NewSparse returns a Filler of m, whose embeddings are sparse. Of the options it takes
// prompts and limits; others, and what there is of embeddings alone, are an error.
func NewSparse(ctx context.Context, m *sparse.Model, how How) (*Filler, error) {
	o := &how.Options
	for _, given := range []struct {
		option embed.Option
		is     bool
	}{
		{embed.OptionDimensions, o.Dimensions != 0},
		{embed.OptionLayers, o.Layers != 0},
		{embed.OptionFormats, slices.ContainsFunc(o.Formats, func(f encoding.Format) bool { return f != encoding.Float })},
		{embed.OptionRanges, o.Ranges != nil},
		{"unnormalized", o.Unnormalized},
		{"tokens", how.Tokens},
		{"late", how.Late},
		{"mean", how.Mean},
	} {
		if given.is {
			return nil, &embed.OptionError{Option: given.option, Err: errors.New("given for a sparse model, expected none")}
		}
	}
	if how.Pieces && m.Info().Latents {
		return nil, &embed.OptionError{Option: "pieces", Err: errors.New("given, expected none: the entries are latents of a SparseAutoEncoder, which have no pieces")}
	}
	f := &Filler{how: how, sparse: m, limit: m.Info().MaxTokens, workers: m.Info().Workers}
	if _, err := m.Embed(ctx, nil, f.sparseOptions(o.Truncate)); err != nil {
		return nil, err
	}
	return f, f.prepareChunks(m.Tokenizer(), func() (string, error) { return m.Prompt(f.sparseOptions(o.Truncate)) })
}

// sparseOptions returns the options as those of a sparse model.
func (f *Filler) sparseOptions(truncate embed.Truncation) sparse.Options {
	o := &f.how.Options
	return sparse.Options{Prompt: o.Prompt, PromptName: o.PromptName, MaxTokens: o.MaxTokens, MaxActive: f.how.MaxActive, Truncate: truncate}
}

// embedSparse embeds the texts of parts.
func (f *Filler) embedSparse(ctx context.Context, group []*part, texts []string, truncate embed.Truncation) error {
	vectors, err := f.sparse.Embed(ctx, texts, f.sparseOptions(truncate))
	if err != nil {
		return err
	}
	for i, p := range group {
		v := &vectors[i]
		made := &rows.Sparse{Indices: v.Indices, Values: v.Values}
		if f.how.Pieces {
			made.Pieces = f.pieces(v.Indices)
		}
		*p.to[0] = rows.Embedding{Sparse: made, Tokens: v.Tokens, Truncated: v.Truncated}
	}
	return nil
}

// pieces returns what the entries of the vocabulary are, "" where the tokenizer has none.
func (f *Filler) pieces(indices []int32) []string {
	pieces := make([]string, len(indices))
	for i, index := range indices {
		pieces[i], _ = f.tok.Token(index)
	}
	return pieces
}
