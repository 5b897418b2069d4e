// Command clients does as clients.py, with openai-go.
package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
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
		Texts, Vectors []string
		Tokens         int64
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
	for i, d := range answer.Data {
		var bits []byte
		for _, x := range d.Embedding {
			bits = binary.LittleEndian.AppendUint32(bits, math.Float32bits(float32(x)))
		}
		if base64.StdEncoding.EncodeToString(bits) != expected.Vectors[i] {
			log.Fatal("not the library's vectors")
		}
	}
	if answer.Usage.PromptTokens != expected.Tokens {
		log.Fatal("usage")
	}
	params.Model = "none"
	_, err = client.Embeddings.New(context.Background(), params)
	var failed *openai.Error
	if !errors.As(err, &failed) || failed.Code != "model_not_found" || failed.StatusCode != 404 {
		log.Fatal(err)
	}
	fmt.Println("openai-go ok")
}
