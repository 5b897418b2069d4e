package embed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// folder is one of the tiny models of the tests: embed.Load reads any that
// sentence-transformers saved.
const folder = "../testdata/goldens/bert/model"

func ExampleLoad() {
	model, err := embed.Load(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	texts := []string{"The food was delicious", "Das Essen war köstlich"}
	result, err := model.Embed(context.Background(), texts, embed.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range result.Embeddings {
		fmt.Println(e.Tokens, "tokens,", len(e.Float32), "dimensions")
	}
	// Output:
	// 16 tokens, 24 dimensions
	// 15 tokens, 24 dimensions
}

// A model may come from any file system, such as one of the standard library's embed.
func ExampleLoadFS() {
	model, err := embed.LoadFS(context.Background(), os.DirFS(folder), embed.Config{Name: "tiny", Precision: embed.BFloat16})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	info := model.Info()
	fmt.Println(info.Name, info.Precision)
	// Output: tiny bfloat16
}

func ExampleInspect() {
	info, err := embed.Inspect(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Family, info.Layers, info.Dimensions, info.MaxTokens, info.Pooling, info.Prompts)
	// Output: bert 2 24 32 [mean] map[document:passage:  query:search_query: ]
}

// Vectors of models with the same fingerprint may be compared.
func ExampleFingerprint() {
	ctx := context.Background()
	exact, err := embed.Fingerprint(ctx, folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	model, err := embed.Load(context.Background(), folder, embed.Config{Name: "another name"})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	same, err := model.Fingerprint(ctx)
	if err != nil {
		log.Fatal(err)
	}
	other, err := embed.Fingerprint(ctx, folder, embed.Config{Precision: embed.Int8})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(exact == same, exact == other)
	// Output: true false
}

func ExamplePrecisions() {
	for _, p := range embed.Precisions() {
		fmt.Println(p)
	}
	// Output:
	// float32
	// bfloat16
	// int8
	// int4
}

func ExampleParsePrecision() {
	p, err := embed.ParsePrecision("int8")
	fmt.Println(p == embed.Int8, err)
	_, err = embed.ParsePrecision("int2")
	fmt.Println(err)
	// Output:
	// true <nil>
	// precision: unknown "int2", expected float32, bfloat16, int8, int4
}

// The map goes into the model's folder as JSON: Load(…, Int8) is faster then.
func ExampleOutlierColumns() {
	columns, err := embed.OutlierColumns(context.Background(), "../testdata/goldens/bert-cls-dense/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(columns); err != nil { // outlier_columns.json
		log.Fatal(err)
	}
	// Output: {"encoder.layer.2.output.dense.weight":[4,5,11,23]}
}

func ExampleQuantize() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "bert-int4")
	made, err := embed.Quantize(context.Background(), folder, out, embed.Int4, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(made.Before, "bytes of weights became", made.After)
	model, err := embed.Load(context.Background(), out, embed.Config{Precision: embed.Int4})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	fmt.Println(model.Info().Precision)
	// Output:
	// 86544 bytes of weights became 61992
	// int4
}

func ExampleLoss_Over() {
	l := embed.Loss{Texts: 39, Mean: 4e-3, Worst: 0.06}
	mean, worst := embed.Int4.MostLoss()
	fmt.Println(l.Over(embed.Int4), mean, worst)
	// Output: true 0.01 0.03
}

func ExamplePrecision_MostLoss() {
	mean, worst := embed.Int8.MostLoss()
	fmt.Println(mean, worst)
	// Output: 0.0005 0.002
}

func ExampleModel_Embed() {
	model := load()
	defer model.Close()
	ctx := context.Background()
	result, err := model.Embed(ctx, []string{"When is the next train?"}, embed.Options{
		PromptName: "query", // the words that the model wants before a query
		Dimensions: 16,
		Formats:    []encoding.Format{encoding.Float, encoding.Ubinary},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.Embeddings[0].Float32), "numbers,", len(result.Embeddings[0].Ubinary), "bytes")

	_, err = model.Embed(ctx, []string{"a text", ""}, embed.Options{})
	if bad := (*embed.InputError)(nil); errors.As(err, &bad) {
		fmt.Println("input", bad.Index, "is bad")
	}
	// Output:
	// 16 numbers, 2 bytes
	// input 1 is bad
}

func ExampleModel_EmbedIDs() {
	model := load()
	defer model.Close()
	text, err := model.Tokenizer().Encode("a text", tokenizer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	result, err := model.EmbedIDs(context.Background(), [][]int32{text.IDs}, embed.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Embeddings[0].Tokens == len(text.IDs))
	// Output: true
}

// The inputs may be of any number, such as the lines of a file.
func ExampleModel_EmbedSeq() {
	model := load()
	defer model.Close()
	lines := slices.Values([]string{"a line", "", "another line"})
	for e, err := range model.EmbedSeq(context.Background(), lines, embed.Options{}) {
		if bad := (*embed.InputError)(nil); errors.As(err, &bad) {
			fmt.Println(err)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(e.Float32))
	}
	// Output:
	// 24
	// input 1: empty text
	// 24
}

// Each chunk of a text gets an embedding in the light of the whole.
func ExampleModel_Embed_lateChunking() {
	model := load()
	defer model.Close()
	text := "Berlin is a city. It has many lakes."
	chunks := []tokenizer.Span{{Start: 0, End: 17}, {Start: 17, End: len(text)}}
	result, err := model.Embed(context.Background(), []string{text}, embed.Options{Spans: [][]tokenizer.Span{chunks}})
	if err != nil {
		log.Fatal(err)
	}
	for i, e := range result.Embeddings[result.Starts[0]:result.Starts[1]] {
		fmt.Printf("%q: %d dimensions\n", text[chunks[i].Start:chunks[i].End], len(e.Float32))
	}
	// Output:
	// "Berlin is a city.": 24 dimensions
	// " It has many lakes.": 24 dimensions
}

func ExampleModel_EmbedTokens() {
	model := load()
	defer model.Close()
	text := "a text"
	result, err := model.EmbedTokens(context.Background(), []string{text}, embed.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range result.Texts[0].Tokens {
		fmt.Printf("%q: %d dimensions\n", text[t.Start:t.End], len(t.Float32))
	}
	// Output:
	// "": 24 dimensions
	// "a": 24 dimensions
	// "t": 24 dimensions
	// "e": 24 dimensions
	// "x": 24 dimensions
	// "t": 24 dimensions
	// "": 24 dimensions
}

// The calls of many goroutines are computed together.
func ExampleQueue_Embed() {
	model := load()
	defer model.Close()
	queue := embed.NewQueue(model, embed.QueueConfig{})
	defer queue.Close(context.Background())
	var wait sync.WaitGroup
	for range 100 {
		wait.Go(func() {
			if _, err := queue.Embed(context.Background(), []string{"a text"}, embed.Options{}); err != nil {
				log.Fatal(err)
			}
		})
	}
	wait.Wait()
	fmt.Println(queue.Stats().Texts)
	// Output: 100
}

func ExampleWithClient() {
	model := load()
	defer model.Close()
	queue := embed.NewQueue(model, embed.QueueConfig{})
	defer queue.Close(context.Background())
	var wait sync.WaitGroup
	for k := range 101 { // a hundred calls of one client have as many turns as one of another
		wait.Go(func() {
			ctx := embed.WithClient(context.Background(), map[bool]string{true: "small", false: "large"}[k == 0])
			if _, err := queue.Embed(ctx, []string{"a text"}, embed.Options{}); err != nil {
				log.Fatal(err)
			}
		})
	}
	wait.Wait()
	fmt.Println(queue.Stats().Texts)
	// Output: 101
}

func load() *embed.Model {
	model, err := embed.Load(context.Background(), folder, embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return model
}

// How a model reads the texts of a request is what package chunk needs to cut long ones.
func ExampleModel_Reading() {
	model := load()
	defer model.Close()
	reading, err := model.Reading(embed.Options{PromptName: "document"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q, %d tokens\n", reading.Prompt, reading.MaxTokens)
	text := "Berlin is a city. It has many lakes. Most of them are in its west, where the Havel flows."
	chunks, err := chunk.Split(reading.Tokenizer, text, chunk.Config{MaxTokens: reading.MaxTokens, Prompt: reading.Prompt})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range chunks {
		fmt.Printf("%q\n", text[c.Start:c.End])
	}
	// Output:
	// "passage: ", 32 tokens
	// "Berlin is a city. It has many lakes. "
	// "Most of them are in its west, where the Havel flows."
}
