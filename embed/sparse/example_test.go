package sparse_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// A tiny model with random weights: what it says means nothing.
const folder = "../../testdata/heads/sparse-bert-max/model"

func load() *sparse.Model {
	model, err := sparse.Load(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return model
}

func ExampleModel_Embed() {
	model, err := sparse.Load(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close() //nolint:errcheck
	vectors, err := model.Embed(context.Background(), []string{"boiling water"}, sparse.Options{PromptName: "query", MaxActive: 8})
	if err != nil {
		log.Fatal(err)
	}
	v := vectors[0]
	fmt.Println(len(v.Indices), len(v.Values), v.Indices[0] < v.Indices[7], v.Values[0] > 0)
	// Output: 8 8 true true
}

func ExampleModel_Tokenizer() {
	model := load()
	defer model.Close() //nolint:errcheck
	prompt, err := model.Prompt(sparse.Options{PromptName: "query"})
	if err != nil {
		log.Fatal(err)
	}
	vectors, err := model.Embed(context.Background(), []string{"boiling water"}, sparse.Options{PromptName: "query", MaxActive: 2})
	if err != nil {
		log.Fatal(err)
	}
	piece, ok := model.Tokenizer().Token(vectors[0].Indices[0]) // an index is that of a token
	fmt.Printf("%q %t %t\n", prompt, piece != "", ok)
	// Output: "" true true
}

func ExampleDot() {
	query := sparse.Vector{Indices: []int32{3, 17}, Values: []float32{2, 0.5}}
	document := sparse.Vector{Indices: []int32{3, 9, 17}, Values: []float32{1, 4, 2}}
	fmt.Println(sparse.Dot(query, document))
	// Output: 3
}

func ExampleIndex_Search() {
	var index sparse.Index
	for _, v := range []sparse.Vector{
		{Indices: []int32{3, 9}, Values: []float32{1, 4}},
		{Indices: []int32{17}, Values: []float32{2}},
		{Indices: []int32{3, 17}, Values: []float32{1, 1}},
	} {
		if _, err := index.Add(v); err != nil {
			log.Fatal(err)
		}
	}
	query := sparse.Vector{Indices: []int32{3, 17}, Values: []float32{2, 0.5}}
	found, err := index.Search(query, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range found {
		fmt.Println(m.Row, m.Score)
	}
	// Output:
	// 2 2.5
	// 0 2
}

func ExampleLoadFS() {
	model, err := sparse.LoadFS(context.Background(), os.DirFS(folder), embed.Config{Precision: embed.BFloat16})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Info().Vocabulary, model.Close())
	// Output: 384 <nil>
}

func ExampleInspect() {
	info, err := sparse.Inspect(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Family, info.Vocabulary)
	// Output: bert 384
}

func ExampleFingerprint() {
	print, err := sparse.Fingerprint(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(print))
	// Output: 32
}

func ExampleQueue() {
	model := load()
	defer model.Close() //nolint:errcheck
	queue := sparse.NewQueue(model, embed.QueueConfig{MaxTexts: 1000})
	vectors, err := queue.Embed(context.Background(), []string{"boiling water", "a garden"}, sparse.Options{}) // from any goroutine
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(vectors), queue.Stats().Texts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(queue.Close(ctx))
	// Output:
	// 2 2
	// <nil>
}
