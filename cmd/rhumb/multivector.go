package main

import (
	"context"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// vectorsOf returns what has a model embed texts: queries where the prompt is the one that is
// called so, and else documents.
func vectorsOf(m *multivector.Model, o embed.Options) func(context.Context, []string) ([]rows.Embedding, error) {
	run, name := m.EmbedDocuments, o.PromptName
	switch name {
	case "query":
		run, name = m.EmbedQueries, "" // the task's own
	case "document":
		name = ""
	}
	opts := multivector.Options{Prompt: o.Prompt, PromptName: name, Truncate: o.Truncate, MaxTokens: o.MaxTokens}
	return func(ctx context.Context, texts []string) ([]rows.Embedding, error) {
		made, err := run(ctx, texts, opts)
		if err != nil {
			return nil, err
		}
		list := make([]rows.Embedding, len(made))
		for i, e := range made {
			vectors := make([]encoding.Vector, e.Vectors.Rows)
			for r := range vectors {
				if err := encoding.Encode(&vectors[r], e.Vectors.Row(r), o.Formats, nil); err != nil {
					return nil, &embed.InputError{Index: i, Err: err}
				}
			}
			list[i] = rows.Embedding{Multi: vectors, Tokens: e.Tokens, Truncated: e.Truncated}
		}
		return list, nil
	}
}
