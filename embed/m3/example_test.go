package m3_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/m3"
)

// A tiny model with random weights: what it says means nothing.
const folder = "../../testdata/heads/bge-m3/model"

func ExampleModel_Embed() {
	model, err := m3.Load(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close() //nolint:errcheck
	outputs, err := model.Embed(context.Background(), []string{"boiling water"}, m3.Options{})
	if err != nil {
		log.Fatal(err)
	}
	o := outputs[0]
	fmt.Println(len(o.Dense), len(o.Sparse.Indices) > 0, o.Vectors.Rows == o.Tokens-1)
	// Output: 36 true true
}

func ExampleLoadFS() {
	model, err := m3.LoadFS(context.Background(), os.DirFS(folder), embed.Config{Precision: embed.BFloat16})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Info().VectorDimensions, model.Close())
	// Output: 36 <nil>
}

func ExampleInspect() {
	info, err := m3.Inspect(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Family, info.Dimensions)
	// Output: xlm-roberta 36
}

func ExampleFingerprint() {
	print, err := m3.Fingerprint(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(print))
	// Output: 32
}

func ExampleNewQueue() {
	ctx := context.Background()
	model, err := m3.Load(ctx, folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close() //nolint:errcheck
	all, dense := m3.NewQueue(model, embed.QueueConfig{}), embed.NewQueue(model.Embedding(), embed.QueueConfig{})
	outputs, err := all.Embed(ctx, []string{"boiling water"}, m3.Options{})
	if err != nil {
		log.Fatal(err)
	}
	result, err := dense.Embed(ctx, []string{"boiling water"}, embed.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(slices.Equal(outputs[0].Dense, result.Embeddings[0].Float32))
	// Output: true
}
