package fill

import (
	"context"
	"errors"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// NewSparse returns a Filler of m, whose embeddings are sparse. Of the options it takes
// prompts and limits; others, and what there is of embeddings alone, are an error.
func NewSparse(m *sparse.Model, how How) (*Filler, error) {
	if err := how.refuse("sparse", embed.OptionMaxActive, optionPieces, optionChunks); err != nil {
		return nil, err
	}
	if how.Pieces && m.Info().Latents {
		return nil, &embed.OptionError{Option: optionPieces, Err: errors.New("given, expected none: the entries are latents of a SparseAutoEncoder, which have no pieces")}
	}
	f := &Filler{how: how, sparse: m, workers: m.Info().Workers}
	o := f.sparseOptions(how.Options.Truncate)
	f.describer = describer{m.Info().Name, m.Fingerprint, func() (string, error) { return m.Prompt(o) }}
	reading, err := m.Reading(o)
	if err != nil {
		return nil, err
	}
	return f, f.prepareChunks(reading)
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
