package main

import (
	"context"
	"maps"

	"github.com/cloudwego/eino/components/retriever"
	"github.com/cloudwego/eino/schema"

	"github.com/rhumb-go/rhumb/embed/rerank"
)

// A Reranker is a retriever.Retriever of what another one finds: it reads each
// document together with the query, and returns copies of the Top best, 0 for all,
// with the model's scores. Not a document.Transformer, which gets no query.
type Reranker struct {
	Retriever retriever.Retriever
	Model     *rerank.Model // or *rerank.Queue, for calls from many goroutines
	Top       int
}

// Retrieve returns the documents that answer query best, the best first. The options
// are those of the other retriever, such as how many documents it finds.
func (r Reranker) Retrieve(ctx context.Context, query string, opts ...retriever.Option) ([]*schema.Document, error) {
	found, err := r.Retriever.Retrieve(ctx, query, opts...)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(found))
	for i, d := range found {
		texts[i] = d.Content
	}
	ranked, err := r.Model.Rank(ctx, query, texts, r.Top, rerank.Options{})
	if err != nil {
		return nil, err
	}
	best := make([]*schema.Document, len(ranked))
	for i, s := range ranked {
		d := *found[s.Index]
		d.MetaData = maps.Clone(d.MetaData)
		best[i] = d.WithScore(float64(s.Value))
	}
	return best, nil
}
