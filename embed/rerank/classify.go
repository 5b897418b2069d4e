package rerank

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// A Label is one that the model gives, and how likely it is.
type Label struct {
	Name  string
	Score float32
}

// A Classification is the labels of one input, highest first and equal ones in the order
// of the model's outputs.
type Classification struct {
	Labels    []Label
	Tokens    int // read by the model, prompt and special tokens included
	Truncated int // dropped
}

// Classify returns the probabilities of all labels for each text, as the
// text-classification pipeline of transformers 5.23 does: softmax over the labels,
// sigmoid of each where the model has several true ones at once or a single label, and
// for a regression the logits. Errors are those of Score; an empty text is an
// *embed.InputError.
func (m *Model) Classify(ctx context.Context, texts []string, opts Options) ([]Classification, error) {
	return classify(ctx, m, m.run, texts, opts)
}

// ClassifyPairs is Classify of pairs of texts, such as a premise and a hypothesis. Where
// the second is empty, the first is a text by itself, as in transformers.
func (m *Model) ClassifyPairs(ctx context.Context, pairs [][2]string, opts Options) ([]Classification, error) {
	return classifyCall(ctx, m.run, &call{model: m, options: opts, pairs: pairs})
}

// classify is Classify by run.
func classify(ctx context.Context, m *Model, run runner, texts []string, opts Options) ([]Classification, error) {
	pairs := make([][2]string, len(texts))
	for i, text := range texts {
		pairs[i][0] = text
	}
	return classifyCall(ctx, run, &call{model: m, options: opts, pairs: pairs, single: true})
}

// classifyCall runs c and returns the labels of each of its inputs.
func classifyCall(ctx context.Context, run runner, c *call) ([]Classification, error) {
	if err := run(ctx, c); err != nil {
		return nil, err
	}
	names := c.model.info.Labels
	all := make([]Label, len(c.pairs)*len(names))
	results := make([]Classification, len(c.pairs))
	for i := range results {
		row := c.row(i)
		if !c.options.Raw {
			c.model.probabilities(row)
		}
		labels := all[i*len(names) : (i+1)*len(names) : (i+1)*len(names)]
		for j, name := range names {
			labels[j] = Label{name, row[j]}
		}
		slices.SortStableFunc(labels, func(a, b Label) int { return cmp.Compare(b.Score, a.Score) })
		results[i] = Classification{labels, c.counts[i].tokens, c.counts[i].truncated}
	}
	return results, nil
}

// probabilities makes those of logits, in place.
func (m *Model) probabilities(logits []float32) {
	switch {
	case m.loaded.Spec.Cross.Problem == "regression":
	case m.info.MultiLabel || len(logits) == 1:
		sigmoid(logits)
	default:
		softmax(logits)
	}
}

// softmax makes the softmax of x in place, each element rounded once.
func softmax(x []float32) {
	top, sum := float64(slices.Max(x)), 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v)-top) / sum)
	}
}
