// Command clients does as clients.py, with openai-go, the clients of Ollama's own
// module, and the libraries langchaingo and chromem-go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	content, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var expected struct {
		Texts, Vectors, Documents []string
		Tokens                    int64
	}
	if err := json.Unmarshal(content, &expected); err != nil {
		log.Fatal(err)
	}
	client := openai.NewClient(option.WithBaseURL(os.Args[1]+"/v1"), option.WithAPIKey("sesame"), option.WithMaxRetries(0))
	params := openai.EmbeddingNewParams{Model: "tiny", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: expected.Texts}}
	answer, err := client.Embeddings.New(context.Background(), params)
	if err != nil {
		log.Fatal(err)
	}
	var got [][]float32
	for _, d := range answer.Data {
		got = append(got, single(d.Embedding))
	}
	check("openai-go", got, expected.Vectors)
	if answer.Usage.PromptTokens != expected.Tokens {
		log.Fatal("usage")
	}
	params.Model = "none"
	_, err = client.Embeddings.New(context.Background(), params)
	var failed *openai.Error
	if !errors.As(err, &failed) || failed.Code != "model_not_found" || failed.StatusCode != 404 {
		log.Fatal(err)
	}
	others(os.Args[1], expected.Texts, expected.Vectors, expected.Documents, expected.Tokens)
}
