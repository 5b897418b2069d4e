package minilm_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/minilm"
)

func ExampleLoad() {
	model, err := minilm.Load(context.Background(), embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	result, err := model.Embed(context.Background(), []string{"A first text.", "And another."}, embed.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.Embeddings), "embeddings of", result.Dimensions, "dimensions")
	// Output: 2 embeddings of 384 dimensions
}
