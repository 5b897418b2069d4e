// Package fill has a model fill in rows.
package fill

import (
	"cmp"
	"context"
	"errors"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// Complete sets in l what a model says, for results with opts.
func Complete(l *rows.Layout, model embed.Info, opts embed.Options) {
	l.Complete(cmp.Or(opts.Dimensions, model.DefaultDimensions), opts.Ranges != nil || model.Ranges != nil)
}

// Rows has m embed the inputs of results that have no error, and fills them in.
// fault is called for each input that m refuses; where it returns an error, that
// ends the call.
func Rows(ctx context.Context, m embed.Embedder, opts embed.Options, results []*rows.Result, fault func(*rows.Result, error) error) error {
	var texts, ids []*rows.Result
	for _, r := range results {
		switch {
		case r.Err != nil:
		case r.IDs == nil:
			texts = append(texts, r)
		default:
			ids = append(ids, r)
		}
	}
	if err := embedAlike(ctx, m, opts, texts, fault); err != nil {
		return err
	}
	return embedAlike(ctx, m, opts, ids, fault)
}

// embedAlike is Rows of texts or of lists of token ids alone.
func embedAlike(ctx context.Context, m embed.Embedder, opts embed.Options, group []*rows.Result, fault func(*rows.Result, error) error) error {
	for len(group) > 0 {
		done, err := call(ctx, m, opts, group)
		var bad *embed.InputError
		if errors.As(err, &bad) {
			r := group[bad.Index]
			if err := fault(r, bad.Err); err != nil {
				return err
			}
			r.Err = bad.Err
			if err := embedAlike(ctx, m, opts, group[:bad.Index], fault); err != nil {
				return err
			}
			group = group[bad.Index+1:]
			continue
		}
		if err != nil {
			return err
		}
		for i, r := range group {
			r.Embedding = rows.Embedding(done.Embeddings[i])
		}
		return nil
	}
	return nil
}

func call(ctx context.Context, m embed.Embedder, opts embed.Options, group []*rows.Result) (*embed.Result, error) {
	if group[0].IDs == nil {
		texts := make([]string, len(group))
		for i, r := range group {
			texts[i] = r.Text
		}
		return m.Embed(ctx, texts, opts)
	}
	ids := make([][]int32, len(group))
	for i, r := range group {
		ids[i] = r.IDs
	}
	return m.EmbedIDs(ctx, ids, opts)
}
