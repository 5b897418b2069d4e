package multivector

import (
	"context"

	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/tensor"
)

// An Embedding is what a text became.
type Embedding struct {
	Vectors   tensor.Matrix // tokens×dimensions; of fewer tokens than were read where the model leaves some out or groups them
	Tokens    int           // read by the model: prompt, special tokens and those that fill a query up included
	Truncated int           // dropped
}

// EmbedQueries returns the vectors of each query: with the model's prompt for queries, cut
// and filled up as it says. They have the same bits whatever the other texts are. Errors
// are an *embed.OptionError, an *embed.InputError of a text (empty, too long, or a vector
// that is not finite; the first of several), embed.ErrClosed, or that of ctx.
func (m *Model) EmbedQueries(ctx context.Context, texts []string, opts Options) ([]Embedding, error) {
	return embedTexts(ctx, m.run, m.newCall(query, texts, opts))
}

// EmbedQuery is EmbedQueries of one.
func (m *Model) EmbedQuery(ctx context.Context, text string, opts Options) (Embedding, error) {
	made, err := m.EmbedQueries(ctx, []string{text}, opts)
	if err != nil {
		return Embedding{}, err
	}
	return made[0], nil
}

// EmbedDocuments returns the vectors of each document, as EmbedQueries does of queries.
func (m *Model) EmbedDocuments(ctx context.Context, texts []string, opts Options) ([]Embedding, error) {
	return embedTexts(ctx, m.run, m.newCall(document, texts, opts))
}

func (m *Model) newCall(task int, texts []string, opts Options) *call {
	s := &m.sides[task]
	return &call{Texts: facade.Texts{List: texts, Least: s.least(), Limit: &s.limit}, model: m, side: s, options: opts}
}

// A runner runs a call, by itself or in a Queue.
type runner func(ctx context.Context, c *call) error

// run is a runner.
func (m *Model) run(ctx context.Context, c *call) error {
	return facade.Outcome(m.loaded.Run(ctx, c))
}

// embedTexts returns what c makes by run.
func embedTexts(ctx context.Context, run runner, c *call) ([]Embedding, error) {
	if err := run(ctx, c); err != nil {
		return nil, err
	}
	return c.made, nil
}
