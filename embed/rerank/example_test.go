package rerank_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// Tiny models with random weights: what they say means nothing.
const (
	reranker   = "../../testdata/heads/rerank-bert/model"
	classifier = "../../testdata/heads/classify-bert-nli/model"
)

var documents = []string{"water boils at 100 degrees", "the garden behind the house", "how to boil an egg"}

func load(dir string) *rerank.Model {
	model, err := rerank.Load(context.Background(), dir, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return model
}

func ExampleModel_Rank() {
	model, err := rerank.Load(context.Background(), reranker, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close() //nolint:errcheck
	ranked, err := model.Rank(context.Background(), "boiling water", documents, 2, rerank.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ranked), ranked[0].Value >= ranked[1].Value)
	// Output: 2 true
}

func ExampleModel_Score() {
	model := load(reranker)
	defer model.Close() //nolint:errcheck
	scores, err := model.Score(context.Background(), "boiling water", documents, rerank.Options{Raw: true})
	if err != nil {
		log.Fatal(err)
	}
	for i, s := range scores {
		fmt.Println(documents[i], s.Truncated)
	}
	// Output:
	// water boils at 100 degrees 0
	// the garden behind the house 0
	// how to boil an egg 0
}

func ExampleModel_Pairs() {
	model := load(reranker)
	defer model.Close() //nolint:errcheck
	scores, err := model.Pairs(context.Background(), [][2]string{{"boiling water", "an egg"}, {"a garden", "a house"}}, rerank.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(scores))
	// Output: 2
}

func ExampleModel_Classify() {
	model := load(classifier)
	defer model.Close() //nolint:errcheck
	results, err := model.Classify(context.Background(), []string{"a text"}, rerank.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sum := float32(0)
	for _, l := range results[0].Labels {
		sum += l.Score
	}
	fmt.Printf("%d labels, %.3f in all\n", len(results[0].Labels), sum)
	// Output: 3 labels, 1.000 in all
}

func ExampleModel_ClassifyPairs() {
	model := load(classifier)
	defer model.Close() //nolint:errcheck
	results, err := model.ClassifyPairs(context.Background(), [][2]string{{"water boils", "water is hot"}}, rerank.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(results[0].Labels), results[0].Labels[0].Score >= results[0].Labels[1].Score)
	// Output: 3 true
}

func ExampleLoadFS() {
	model, err := rerank.LoadFS(context.Background(), os.DirFS(reranker), embed.Config{Precision: embed.BFloat16})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.Reranks(), model.Close())
	// Output: true <nil>
}

func ExampleInspect() {
	info, err := rerank.Inspect(context.Background(), classifier, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Family, info.Labels, info.MaxTokens)
	// Output: bert [entailment neutral contradiction] 48
}

func ExampleFingerprint() {
	print, err := rerank.Fingerprint(context.Background(), reranker, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(print))
	// Output: 32
}

func ExampleQueue() {
	model := load(reranker)
	defer model.Close() //nolint:errcheck
	queue := rerank.NewQueue(model, embed.QueueConfig{MaxTexts: 1000})
	ranked, err := queue.Rank(context.Background(), "boiling water", documents, 0, rerank.Options{}) // from any goroutine
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ranked), queue.Stats().Texts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(queue.Close(ctx))
	// Output:
	// 3 3
	// <nil>
}

func ExampleOrder() {
	for _, r := range rerank.Order([]rerank.Score{{Value: 0.25}, {Value: 0.75}, {Value: 0.5}}, 2) {
		fmt.Println(r.Index, r.Value)
	}
	// Output:
	// 1 0.75
	// 2 0.5
}
