package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/core"
	"github.com/firebase/genkit/go/genkit"

	"github.com/rhumb-go/rhumb/embed/rerank"
)

// defineReranker makes model the flow rhumb/rerank of g: it puts the documents that
// answer a query best first, with the model's scores. Genkit 1.4.0 has the types of
// rerankers, but nothing in Go that defines or calls one.
func defineReranker(g *genkit.Genkit, model *rerank.Model) *core.Flow[*ai.RerankerRequest, *ai.RerankerResponse, struct{}] {
	return genkit.DefineFlow(g, "rhumb/rerank", func(ctx context.Context, req *ai.RerankerRequest) (*ai.RerankerResponse, error) {
		if req == nil || req.Query == nil {
			return nil, errors.New("no query, expected a document")
		}
		if req.Options != nil {
			return nil, fmt.Errorf("options %v, expected none", req.Options)
		}
		query, err := texts([]*ai.Document{req.Query})
		if err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		documents, err := texts(req.Documents)
		if err != nil {
			return nil, err
		}
		ranked, err := model.Rank(ctx, query[0], documents, 0, rerank.Options{})
		if err != nil {
			return nil, err
		}
		resp := &ai.RerankerResponse{}
		for _, r := range ranked {
			resp.Documents = append(resp.Documents, &ai.RankedDocumentData{
				Content:  req.Documents[r.Index].Content,
				Metadata: &ai.RankedDocumentMetadata{Score: float64(r.Value)},
			})
		}
		return resp, nil
	})
}
