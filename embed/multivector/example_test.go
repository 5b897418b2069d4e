package multivector_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/tensor"
)

// A tiny model with random weights: what it says means nothing.
const folder = "../../testdata/heads/mv-bert/model"

func load() *multivector.Model {
	model, err := multivector.Load(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return model
}

func ExampleModel_EmbedDocuments() {
	model, err := multivector.Load(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close() //nolint:errcheck
	documents, err := model.EmbedDocuments(context.Background(), []string{"boiling water"}, multivector.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(documents[0].Vectors.Rows == documents[0].Tokens, documents[0].Vectors.Cols)
	// Output: true 24
}

func ExampleModel_EmbedQuery() {
	model := load()
	defer model.Close() //nolint:errcheck
	query, err := model.EmbedQuery(context.Background(), "how hot?", multivector.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(query.Vectors.Rows == model.Info().ExpandedTokens)
	// Output: true
}

func ExampleModel_EmbedQueries() {
	model := load()
	defer model.Close() //nolint:errcheck
	queries, err := model.EmbedQueries(context.Background(), []string{"how hot?", "how cold?"}, multivector.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(queries))
	// Output: 2
}

func ExampleModel_Rank() {
	model := load()
	defer model.Close() //nolint:errcheck
	documents := []string{"boiling water", "a garden", "the river"}
	ranked, err := model.Rank(context.Background(), "boiling water", documents, 1, rerank.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(documents[ranked[0].Index])
	// Output: boiling water
}

func ExampleModel_Score() {
	model := load()
	defer model.Close() //nolint:errcheck
	scores, err := model.Score(context.Background(), "boiling water", []string{"boiling water", "a garden"}, rerank.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(scores[0].Value > scores[1].Value)
	// Output: true
}

func ExampleMaxSim() {
	query := tensor.Matrix{Rows: 2, Cols: 2, Stride: 2, Data: []float32{1, 0, 0, 1}}
	document := tensor.Matrix{Rows: 3, Cols: 2, Stride: 2, Data: []float32{0.5, 0, 0.25, 0.75, 0, 0.125}}
	score, err := multivector.MaxSim(query, document)
	fmt.Println(score, err)
	// Output: 1.25 <nil>
}

func ExampleScorer() {
	query := tensor.Matrix{Rows: 1, Cols: 2, Stride: 2, Data: []float32{0.5, 0.25}}
	scorer, err := multivector.NewScorer(query)
	if err != nil {
		log.Fatal(err)
	}
	for _, document := range []tensor.Matrix{
		{Rows: 1, Cols: 2, Stride: 2, Data: []float32{1, 0}},
		{Rows: 2, Cols: 2, Stride: 2, Data: []float32{0, 1, 0, 2}},
	} {
		score, err := scorer.Score(document)
		fmt.Println(score, err)
	}
	// Output:
	// 0.5 <nil>
	// 0.5 <nil>
}

func ExampleScorer_ScoreInt8() {
	query := tensor.Matrix{Rows: 1, Cols: 2, Stride: 2, Data: []float32{0.5, 0.25}}
	scorer, err := multivector.NewScorer(query)
	if err != nil {
		log.Fatal(err)
	}
	score, err := scorer.ScoreInt8([]int8{100, 20, 4, 8}, []float32{0.01, 0.125})
	fmt.Println(score, err)
	// Output: 0.55 <nil>
}

func ExampleLoadFS() {
	model, err := multivector.LoadFS(context.Background(), os.DirFS(folder), embed.Config{Precision: embed.BFloat16})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Info().Dimensions, model.Close())
	// Output: 24 <nil>
}

func ExampleInspect() {
	info, err := multivector.Inspect(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Family, info.Dimensions)
	// Output: bert 24
}

func ExampleFingerprint() {
	print, err := multivector.Fingerprint(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(print))
	// Output: 32
}

func ExampleQueue() {
	model := load()
	defer model.Close() //nolint:errcheck
	queue := multivector.NewQueue(model, embed.QueueConfig{MaxTexts: 1000})
	documents, err := queue.EmbedDocuments(context.Background(), []string{"boiling water", "a garden"}, multivector.Options{}) // from any goroutine
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(documents), queue.Stats().Texts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(queue.Close(ctx))
	// Output:
	// 2 2
	// <nil>
}
