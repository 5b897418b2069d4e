package fill

import (
	"context"
	"errors"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// multiFormats are those that each of several vectors of a text may have.
var multiFormats = []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Ubinary}

// NewMulti returns a Filler of m, whose embeddings are several vectors each, Embedding.Multi:
// of queries where the prompt is the one that is called so, and else of documents. Of the
// options it takes prompts, limits and formats; others, and what there is of single
// embeddings alone, are an error.
func NewMulti(ctx context.Context, m *multivector.Model, how How) (*Filler, error) {
	if err := how.refuse("multi-vector", embed.OptionFormats); err != nil {
		return nil, err
	}
	for _, f := range how.Options.Formats {
		if !slices.Contains(multiFormats, f) {
			return nil, &embed.OptionError{Option: embed.OptionFormats, Err: errors.New(f.String() + " for a multi-vector model, expected float, float16, int8 or ubinary")}
		}
	}
	f := &Filler{how: how, multi: m.EmbedDocuments, width: m.Info().Dimensions}
	o := &f.how.Options
	f.describer = describer{m.Info().Name, m.Fingerprint, func() (string, error) { return multiPrompt(m, how.Options) }}
	switch o.PromptName {
	case "query":
		f.multi, o.PromptName = m.EmbedQueries, "" // the task's own
	case "document":
		o.PromptName = ""
	}
	_, err := f.multi(ctx, nil, f.multiOptions())
	return f, err
}

// multiOptions returns the options as those of a multi-vector model.
func (f *Filler) multiOptions() multivector.Options {
	o := &f.how.Options
	return multivector.Options{Prompt: o.Prompt, PromptName: o.PromptName, Truncate: o.Truncate, MaxTokens: o.MaxTokens}
}

// embedMulti embeds the texts of parts.
func (f *Filler) embedMulti(ctx context.Context, group []*part, texts []string) error {
	made, err := f.multi(ctx, texts, f.multiOptions())
	if err != nil {
		return err
	}
	for i, p := range group {
		e := &made[i]
		vectors := make([]encoding.Vector, e.Vectors.Rows)
		for r := range vectors {
			if err := encoding.Encode(&vectors[r], e.Vectors.Row(r), f.how.Options.Formats, nil); err != nil {
				return &embed.InputError{Index: i, Err: err}
			}
		}
		*p.to[0] = rows.Embedding{Multi: vectors, Tokens: e.Tokens, Truncated: e.Truncated}
	}
	return nil
}

// multiPrompt returns what comes before a text.
func multiPrompt(m *multivector.Model, o embed.Options) (string, error) {
	if i := m.Info(); o.Prompt == "" && o.PromptName == "query" {
		if p, ok := i.Prompts["query"]; ok {
			return p, nil
		}
		return i.Prompts[i.DefaultPrompt], nil
	}
	r, err := m.Reading(multivector.Options{Prompt: o.Prompt, PromptName: o.PromptName})
	return r.Prompt, err
}
