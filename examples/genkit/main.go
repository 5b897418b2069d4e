// Command genkit tells how near texts are to a question, with a model in the program
// as an embedder of Genkit.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/genkit"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/search"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: genkit QUESTION TEXT…")
		os.Exit(2)
	}
	if err := rank(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "genkit:", err)
		os.Exit(1)
	}
}

func rank(ctx context.Context, question string, texts []string) (err error) {
	model, err := minilm.Load(ctx, embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	g := genkit.Init(ctx)
	documents, queries := define(g, model)

	rows, err := genkit.Embed(ctx, g, ai.WithEmbedder(documents), ai.WithTextDocs(texts...))
	if err != nil {
		return err
	}
	query, err := genkit.Embed(ctx, g, ai.WithEmbedder(queries), ai.WithTextDocs(question))
	if err != nil {
		return err
	}
	for i, row := range rows.Embeddings {
		cosine, err := search.Score(search.Dot, query.Embeddings[0].Embedding, row.Embedding)
		if err != nil {
			return err
		}
		fmt.Printf("%.3f  %s\n", cosine, texts[i])
	}
	return nil
}
