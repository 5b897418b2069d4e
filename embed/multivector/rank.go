package multivector

import (
	"context"
	"errors"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/internal/facade"
)

// Score returns how well each document answers the query, in the documents' order: MaxSim
// of their vectors, divided by those of the query where Info.MeanMaxSim says so. It is as
// rerank.Model.Score, but that opts.Prompt and its name are the query's, MaxTokens is a
// document's limit, its prompt and special tokens included, Raw changes nothing, and Tokens and Truncated are of the query and the
// document together, as those of a pair are. A document may be empty.
func (m *Model) Score(ctx context.Context, query string, documents []string, opts rerank.Options) ([]rerank.Score, error) {
	return score(ctx, m, m.run, query, documents, opts)
}

// Rank returns the top documents by Score, highest first and equal ones by index; 0 or
// less is all. Errors are those of Score.
func (m *Model) Rank(ctx context.Context, query string, documents []string, top int, opts rerank.Options) ([]rerank.Ranked, error) {
	scores, err := m.Score(ctx, query, documents, opts)
	return rerank.Order(scores, top), err
}

// score is Score by run.
func score(ctx context.Context, m *Model, run runner, text string, documents []string, opts rerank.Options) ([]rerank.Score, error) {
	if text == "" {
		return nil, facade.OptionError(embed.OptionQuery, "empty, expected a text")
	}
	if err := facade.CheckDocumentTokens(opts.MaxDocumentTokens); err != nil {
		return nil, err
	}
	made, err := embedTexts(ctx, run, m.newCall(query, []string{text}, Options{
		Prompt: opts.Prompt, PromptName: opts.PromptName, Truncate: opts.Truncate,
	}))
	if fault := (*embed.InputError)(nil); errors.As(err, &fault) {
		return nil, &embed.OptionError{Option: embed.OptionQuery, Err: fault.Err}
	}
	if err != nil {
		return nil, err
	}
	asked := &made[0]
	c := m.newCall(document, documents, Options{Truncate: opts.Truncate, MaxTokens: opts.MaxTokens})
	c.Empty, c.Most = true, opts.MaxDocumentTokens
	if c.scorer, err = m.NewScorer(asked.Vectors); err != nil {
		return nil, err
	}
	if err := run(ctx, c); err != nil {
		return nil, err
	}
	scores := make([]rerank.Score, len(documents))
	for i, e := range c.made {
		scores[i] = rerank.Score{Value: c.scores[i], Tokens: asked.Tokens + e.Tokens, Truncated: asked.Truncated + e.Truncated}
	}
	return scores, nil
}
