// Package adapt gives a model the methods that other libraries call to embed
// documents and queries. It imports none of them:
//
//	e := adapt.Embedder{Model: queue}
//	vectorstores.WithEmbedder(e)                        // langchaingo: an embeddings.Embedder
//	db.CreateCollection("notes", nil, e.EmbedDocument)  // chromem-go: an EmbeddingFunc
//	query, err := e.EmbedQuery(ctx, "a question")       // for Collection.QueryEmbedding,
//	                                                    // as Query would take it for a document
//
// Genkit and Eino want types of their own: examples/genkit and examples/eino
// have the few lines that are missing.
package adapt

import (
	"context"

	"github.com/rhumb-go/rhumb/embed"
)

// An Embedder embeds with the model's prompts for documents and for queries,
// where it has them. The vectors have unit length and the bits of Model.Embed;
// those of one call share an array. Errors are Model.Embed's. What its methods return
// cannot say that a text was over the model's limit and was cut: Model.Embed says it, and
// package chunk cuts texts so that the model reads all.
type Embedder struct {
	Model embed.Embedder
}

// EmbedDocuments returns the vector of each text, in their order.
func (e Embedder) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	return e.embed(ctx, texts, "document")
}

// EmbedDocument returns the vector of a text.
func (e Embedder) EmbedDocument(ctx context.Context, text string) ([]float32, error) {
	return e.embedOne(ctx, text, "document")
}

// EmbedQuery returns the vector of a text that documents are searched for.
func (e Embedder) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	return e.embedOne(ctx, text, "query")
}

func (e Embedder) embedOne(ctx context.Context, text, prompt string) ([]float32, error) {
	vectors, err := e.embed(ctx, []string{text}, prompt)
	if err != nil {
		return nil, err
	}
	return vectors[0], nil
}

func (e Embedder) embed(ctx context.Context, texts []string, prompt string) ([][]float32, error) {
	result, err := e.Model.Embed(ctx, texts, embed.Options{PromptName: prompt})
	if err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(texts))
	for i := range vectors {
		vectors[i] = result.Embeddings[i].Float32
	}
	return vectors, nil
}
