package main

import (
	"context"

	"github.com/tmc/langchaingo/schema"

	"github.com/rhumb-go/rhumb/embed/rerank"
)

// A Reranker is a schema.Retriever of what another one finds: it reads each document
// together with the query, and returns the Top best, 0 for all, with the model's
// scores. langchaingo 0.1.14 has no interface for rerankers; its chains take this
// one as their retriever.
type Reranker struct {
	Retriever schema.Retriever
	Model     *rerank.Model // or *rerank.Queue, for calls from many goroutines
	Top       int
}

// GetRelevantDocuments returns the documents that answer query best, the best first.
func (r Reranker) GetRelevantDocuments(ctx context.Context, query string) ([]schema.Document, error) {
	found, err := r.Retriever.GetRelevantDocuments(ctx, query)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(found))
	for i, d := range found {
		texts[i] = d.PageContent
	}
	ranked, err := r.Model.Rank(ctx, query, texts, r.Top, rerank.Options{})
	if err != nil {
		return nil, err
	}
	best := make([]schema.Document, len(ranked))
	for i, s := range ranked {
		best[i] = found[s.Index]
		best[i].Score = s.Value
	}
	return best, nil
}
