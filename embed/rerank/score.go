package rerank

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
)

// A Score is that of one pair.
type Score struct {
	Value     float32
	Tokens    int // read by the model, prompt and special tokens included
	Truncated int // dropped
}

// A Ranked is the score of the document of that index.
type Ranked struct {
	Index int
	Score
}

// Score returns how well each document answers the query, in the documents' order: the
// model's logit behind its activation. It has the same bits whatever the other documents
// are. Errors are an *embed.OptionError, for an empty query too, an *embed.InputError of
// a document (too long, or a score that is not finite; the first of several), an
// *embed.KindError where the model has several outputs, embed.ErrClosed, or that of ctx.
func (m *Model) Score(ctx context.Context, query string, documents []string, opts Options) ([]Score, error) {
	return score(ctx, m, m.run, query, documents, opts)
}

// Rank returns the top documents by Score, highest first and equal ones by index; 0 or
// less is all. Errors are those of Score.
func (m *Model) Rank(ctx context.Context, query string, documents []string, top int, opts Options) ([]Ranked, error) {
	scores, err := m.Score(ctx, query, documents, opts)
	return Order(scores, top), err
}

// Pairs returns the score of each pair of a query and a document, as Score does. An empty
// query is an *embed.InputError of its pair.
func (m *Model) Pairs(ctx context.Context, pairs [][2]string, opts Options) ([]Score, error) {
	return scorePairs(ctx, m, m.run, pairs, opts)
}

// A runner runs a call, by itself or in a Queue.
type runner func(ctx context.Context, c *call) error

// run is a runner.
func (m *Model) run(ctx context.Context, c *call) error { return facade.Outcome(m.loaded.Run(ctx, c)) }

// score is Score by run.
func score(ctx context.Context, m *Model, run runner, query string, documents []string, opts Options) ([]Score, error) {
	if query == "" {
		return nil, facade.OptionError(embed.OptionQuery, "empty, expected a text")
	}
	pairs := make([][2]string, len(documents))
	for i, d := range documents {
		pairs[i] = [2]string{query, d}
	}
	return scorePairs(ctx, m, run, pairs, opts)
}

// scorePairs is Pairs by run.
func scorePairs(ctx context.Context, m *Model, run runner, pairs [][2]string, opts Options) ([]Score, error) {
	c := &call{model: m, options: opts, pairs: pairs, scores: true}
	if err := run(ctx, c); err != nil {
		return nil, err
	}
	if !opts.Raw {
		m.activate(c.logits)
	}
	scores := make([]Score, len(pairs))
	for i, n := range c.counts {
		scores[i] = Score{c.logits[i], n.tokens, n.truncated}
	}
	return scores, nil
}

// activate applies the model's activation to logits.
func (m *Model) activate(logits []float32) {
	if m.info.Activation == "Sigmoid" {
		sigmoid(logits)
		return
	}
	m.activation.Apply(m.loaded.Set, logits)
}

// sigmoid makes 1/(1+exp(-x)) of each element of x, rounded once: documents far from the
// query, whose scores are near 0, keep their order.
func sigmoid(x []float32) {
	for i, v := range x {
		x[i] = float32(1 / (1 + math.Exp(-float64(v))))
	}
}

// Order returns the order of scores, highest first and equal ones by index, the first top
// of it; 0 or less is all. nil is nil.
func Order(scores []Score, top int) []Ranked {
	if scores == nil {
		return nil
	}
	list := make([]Ranked, len(scores))
	for i, s := range scores {
		list[i] = Ranked{i, s}
	}
	slices.SortStableFunc(list, func(a, b Ranked) int { return cmp.Compare(b.Value, a.Value) })
	if top > 0 && top < len(list) {
		list = slices.Clone(list[:top])
	}
	return list
}
