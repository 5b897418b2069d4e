package main

import (
	"context"
	"fmt"

	"github.com/cloudwego/eino/components/embedding"

	"github.com/rhumb-go/rhumb/embed"
)

// An Embedder is an embedding.Embedder of a model, or of its queue. The vectors are
// those of Model.Embed, each number as it is, and so are the errors.
type Embedder struct {
	Model      embed.Embedder
	PromptName string // "document", or "query" for texts that documents are searched for
}

// EmbedStrings returns the vector of each text. It takes no option that names
// another model.
func (e Embedder) EmbedStrings(ctx context.Context, texts []string, opts ...embedding.Option) ([][]float64, error) {
	if name := embedding.GetCommonOptions(nil, opts...).Model; name != nil {
		return nil, fmt.Errorf("model %q: expected no name, as the embedder has one model", *name)
	}
	result, err := e.Model.Embed(ctx, texts, embed.Options{PromptName: e.PromptName})
	if err != nil {
		return nil, err
	}
	vectors := make([][]float64, len(texts))
	for i, e := range result.Embeddings {
		vectors[i] = make([]float64, result.Dimensions)
		for j, v := range e.Float32 {
			vectors[i][j] = float64(v)
		}
	}
	return vectors, nil
}
