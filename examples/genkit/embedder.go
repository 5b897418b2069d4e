package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/genkit"

	"github.com/rhumb-go/rhumb/embed"
)

// define makes model two embedders of g: rhumb/document for what is searched, and
// rhumb/query for what it is searched for, as their prompts may differ. The vectors
// are those of Model.Embed, bit for bit.
func define(g *genkit.Genkit, model *embed.Model) (documents, queries ai.Embedder) {
	info := model.Info()
	with := func(prompt string) ai.Embedder {
		return genkit.DefineEmbedder(g, "rhumb/"+prompt, &ai.EmbedderOptions{
			Label:      info.Name,
			Supports:   &ai.EmbedderSupports{Input: []string{"text"}},
			Dimensions: info.DefaultDimensions,
		}, func(ctx context.Context, req *ai.EmbedRequest) (*ai.EmbedResponse, error) {
			if req.Options != nil {
				return nil, fmt.Errorf("options %v, expected none", req.Options)
			}
			texts, err := texts(req.Input)
			if err != nil {
				return nil, err
			}
			result, err := model.Embed(ctx, texts, embed.Options{PromptName: prompt})
			if err != nil {
				return nil, err
			}
			resp := &ai.EmbedResponse{}
			for _, e := range result.Embeddings {
				resp.Embeddings = append(resp.Embeddings, &ai.Embedding{Embedding: e.Float32})
			}
			return resp, nil
		})
	}
	return with("document"), with("query")
}

// texts returns the text of each document, its parts put together.
func texts(documents []*ai.Document) ([]string, error) {
	texts := make([]string, len(documents))
	for i, d := range documents {
		var b strings.Builder
		for _, p := range d.Content {
			if !p.IsText() {
				return nil, fmt.Errorf("document %d: a part of type %q, expected text", i, p.ContentType)
			}
			b.WriteString(p.Text)
		}
		texts[i] = b.String()
	}
	return texts, nil
}
