package fill

import (
	"context"
	"errors"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// multiFormats are those that each of several vectors of a text may have.
var multiFormats = []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Ubinary}

// NewMulti returns a Filler of texts that get several vectors each, Embedding.Multi, by
// run: it follows how.Options, and its errors are those of embed.Model.Embed. Of the
// options it takes prompts, limits and formats; others, and what there is of single
// embeddings alone, are an error.
func NewMulti(ctx context.Context, run func(ctx context.Context, texts []string) ([]rows.Embedding, error), how How) (*Filler, error) {
	o := &how.Options
	for _, given := range []struct {
		option embed.Option
		is     bool
	}{
		{embed.OptionDimensions, o.Dimensions != 0},
		{embed.OptionLayers, o.Layers != 0},
		{embed.OptionRanges, o.Ranges != nil},
		{embed.OptionMaxActive, how.MaxActive != 0},
		{"pieces", how.Pieces},
		{"unnormalized", o.Unnormalized},
		{"tokens", how.Tokens},
		{"chunks", how.ChunkTokens != 0},
		{"mean", how.Mean},
	} {
		if given.is {
			return nil, &embed.OptionError{Option: given.option, Err: errors.New("given for a multi-vector model, expected none")}
		}
	}
	for _, f := range o.Formats {
		if !slices.Contains(multiFormats, f) {
			return nil, &embed.OptionError{Option: embed.OptionFormats, Err: errors.New(f.String() + " for a multi-vector model, expected float, float16, int8 or ubinary")}
		}
	}
	if _, err := run(ctx, nil); err != nil {
		return nil, err
	}
	return &Filler{how: how, multi: run}, nil
}

// embedMulti embeds the texts of parts.
func (f *Filler) embedMulti(ctx context.Context, group []*part, texts []string) error {
	made, err := f.multi(ctx, texts)
	if err != nil {
		return err
	}
	for i, p := range group {
		*p.to[0] = made[i]
	}
	return nil
}
