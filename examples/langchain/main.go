// Command langchain ranks texts by how near they are to a question, with a model in
// the program behind the interfaces of langchaingo.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: langchain QUESTION TEXT…")
		os.Exit(2)
	}
	if err := rank(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "langchain:", err)
		os.Exit(1)
	}
}

func rank(ctx context.Context, question string, texts []string) (err error) {
	model, err := minilm.Load(ctx, embed.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	var embedder embeddings.Embedder = adapt.Embedder{Model: model}

	store := &store{embedder: embedder} // or pgvector, qdrant and others, with their WithEmbedder
	var documents []schema.Document
	for _, text := range texts {
		documents = append(documents, schema.Document{PageContent: text})
	}
	if _, err := store.AddDocuments(ctx, documents); err != nil {
		return err
	}
	found, err := vectorstores.ToRetriever(store, len(texts)).GetRelevantDocuments(ctx, question)
	if err != nil {
		return err
	}
	for _, d := range found {
		fmt.Printf("%.3f  %s\n", d.Score, d.PageContent)
	}
	return nil
}
