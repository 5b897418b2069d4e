package adapt_test

import (
	"context"
	"fmt"
	"log"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
	"github.com/rhumb-go/rhumb/embed/minilm"
	"github.com/rhumb-go/rhumb/search"
)

func ExampleEmbedder() {
	model, err := minilm.Load(context.Background(), embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	embedder := adapt.Embedder{Model: model}

	ctx, texts := context.Background(), []string{"The food was delicious", "The train was late"}
	documents, err := embedder.EmbedDocuments(ctx, texts)
	if err != nil {
		log.Fatal(err)
	}
	one, err := embedder.EmbedDocument(ctx, texts[0]) // chromem-go's EmbeddingFunc
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(slices.Equal(one, documents[0]))
	query, err := embedder.EmbedQuery(ctx, "Was there a delay?")
	if err != nil {
		log.Fatal(err)
	}
	for i, d := range documents {
		cosine, err := search.Score(search.Dot, query, d)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.3f  %s\n", cosine, texts[i])
	}
	// Output:
	// true
	// 0.165  The food was delicious
	// 0.406  The train was late
}
