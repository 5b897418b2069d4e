// Command eino tells how near texts are to a question, with a model in the
// program behind Eino's interface for embedding.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cloudwego/eino/components/embedding"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: eino QUESTION TEXT…")
		os.Exit(2)
	}
	if err := rank(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "eino:", err)
		os.Exit(1)
	}
}

func rank(ctx context.Context, question string, texts []string) (err error) {
	model, err := minilm.Load(ctx, embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	// The first is for an indexer, the second for a retriever.
	var documents, queries embedding.Embedder = Embedder{model, "document"}, Embedder{model, "query"}

	rows, err := documents.EmbedStrings(ctx, texts)
	if err != nil {
		return err
	}
	query, err := queries.EmbedStrings(ctx, []string{question})
	if err != nil {
		return err
	}
	for i, row := range rows {
		var cosine float64
		for j, v := range row {
			cosine += v * query[0][j]
		}
		fmt.Printf("%.3f  %s\n", cosine, texts[i])
	}
	return nil
}
