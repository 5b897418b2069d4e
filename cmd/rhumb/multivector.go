package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/rows"
	"github.com/rhumb-go/rhumb/search"
	"github.com/rhumb-go/rhumb/tensor"
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

// rowsOf returns vectors of float32 as the rows of a matrix.
func rowsOf(vectors []encoding.Vector) tensor.Matrix {
	if len(vectors) == 0 {
		return tensor.Matrix{}
	}
	m := tensor.NewMatrix(len(vectors), len(vectors[0].Float32))
	for r := range vectors {
		copy(m.Row(r), vectors[r].Float32)
	}
	return m
}

// searchMulti returns the k lines with the highest MaxSim with a query, equal ones by index.
func (x *index) searchMulti(ctx context.Context, query tensor.Matrix, k int) ([]search.Match, error) {
	if query.Rows == 0 {
		return nil, errors.New("query: no token that counts, expected one or more")
	}
	scorer, err := x.multi.NewScorer(query)
	if err != nil {
		return nil, err
	}
	matches := make([]search.Match, len(x.vectors))
	for i, document := range x.vectors {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		score, err := scorer.Score(document)
		if v := float64(score); err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			err = embed.ErrNotFinite
		}
		if err != nil {
			return nil, fmt.Errorf("input %d: %w", x.lines[i].index, err)
		}
		matches[i] = search.Match{Row: i, Score: score}
	}
	slices.SortStableFunc(matches, func(a, b search.Match) int { return cmp.Compare(b.Score, a.Score) })
	return matches[:k], nil
}
