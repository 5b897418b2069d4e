package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/philippgille/chromem-go"
	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/embeddings/jina"
	"github.com/tmc/langchaingo/embeddings/voyageai"
	"github.com/tmc/langchaingo/llms/ollama"
	"github.com/tmc/langchaingo/llms/openai"
)

// toService sends all requests to the service, also of clients that let nobody
// choose the address, and with its key, also of those that know none.
type toService struct{ *url.URL }

func (s toService) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = s.Scheme, s.Host, ""
	r.Header.Set("Authorization", "Bearer sesame")
	return transport.RoundTrip(r)
}

var transport = http.DefaultTransport

// others runs the clients of Ollama's, langchaingo's and chromem-go's modules.
// documents are vectors with the model's prompt for documents.
func others(service string, texts, vectors, documents []string, tokens int64) {
	at, err := url.Parse(service)
	must(err)
	http.DefaultTransport = toService{at}
	ctx := context.Background()

	client := api.NewClient(at, http.DefaultClient)
	keep := api.Duration{Duration: time.Minute}
	answer, err := client.Embed(ctx, &api.EmbedRequest{Model: "tiny", Input: texts, KeepAlive: &keep})
	must(err)
	check("ollama/api", answer.Embeddings, vectors)
	if int64(answer.PromptEvalCount) != tokens {
		log.Fatal("ollama/api: prompt_eval_count ", answer.PromptEvalCount)
	}
	one, err := client.Embeddings(ctx, &api.EmbeddingRequest{Model: "tiny", Prompt: texts[0]})
	must(err)
	check("ollama/api, a prompt", [][]float32{single(one.Embedding)}, vectors[:1])
	models, err := client.List(ctx)
	must(err)
	if !slices.ContainsFunc(models.Models, func(m api.ListModelResponse) bool { return m.Name == "tiny" }) {
		log.Fatal("ollama/api: models ", models)
	}
	_, err = client.ListRunning(ctx)
	must(err)
	shown, err := client.Show(ctx, &api.ShowRequest{Model: "tiny"})
	must(err)
	if len(shown.Capabilities) != 1 || shown.Capabilities[0] != "embedding" {
		log.Fatal("ollama/api: capabilities ", shown.Capabilities)
	}
	must(client.Heartbeat(ctx))
	_, err = client.Version(ctx)
	must(err)
	var failed api.StatusError
	if _, err = client.Embed(ctx, &api.EmbedRequest{Model: "none", Input: "a"}); !errors.As(err, &failed) || failed.StatusCode != 404 {
		log.Fatal("ollama/api: ", err)
	}

	langchain := func(name string, client embeddings.EmbedderClient, err error) {
		must(err)
		e, err := embeddings.NewEmbedder(client, embeddings.WithStripNewLines(false))
		must(err)
		got, err := e.EmbedDocuments(ctx, texts)
		must(err)
		check(name, got, vectors)
	}
	o, err := ollama.New(ollama.WithModel("tiny"), ollama.WithServerURL(service), ollama.WithHTTPClient(http.DefaultClient))
	langchain("langchaingo, ollama", o, err)
	a, err := openai.New(openai.WithToken("sesame"), openai.WithEmbeddingModel("tiny"), openai.WithBaseURL(service+"/v1"))
	langchain("langchaingo, openai", a, err)
	z, err := openai.New(openai.WithToken("sesame"), openai.WithModel("tiny"), openai.WithEmbeddingModel("tiny"), openai.WithBaseURL(service),
		openai.WithAPIType(openai.APITypeAzure), openai.WithAPIVersion("2024-10-21"))
	langchain("langchaingo, azure", z, err)
	j, err := jina.NewJina(jina.WithModel("tiny"), jina.WithAPIKey("sesame"), jina.WithAPIBaseURL(service+"/v1/embeddings"), jina.WithStripNewLines(false))
	must(err)
	got, err := j.EmbedDocuments(ctx, texts)
	must(err)
	check("langchaingo, jina", got, vectors)
	v, err := voyageai.NewVoyageAI(voyageai.WithModel("tiny"), voyageai.WithToken("sesame"), voyageai.WithStripNewLines(false), voyageai.WithClient(*http.DefaultClient))
	must(err)
	got, err = v.EmbedDocuments(ctx, texts)
	must(err)
	check("langchaingo, voyage", got, documents)

	compatible := func(name string, texts []string, f chromem.EmbeddingFunc) (vectors [][]float32) {
		for _, text := range texts {
			vector, err := f(ctx, text)
			if err != nil {
				log.Fatalf("chromem-go, %s: %v", name, err)
			}
			vectors = append(vectors, vector)
		}
		return vectors
	}
	for name, f := range map[string]chromem.EmbeddingFunc{
		"ollama":            chromem.NewEmbeddingFuncOllama("tiny", service+"/api"),
		"openai-compatible": chromem.NewEmbeddingFuncOpenAICompat(service+"/v1", "sesame", "tiny", nil),
		"localai":           chromem.NewEmbeddingFuncLocalAI("tiny"),
		"azure":             chromem.NewEmbeddingFuncAzureOpenAI("sesame", service+"/openai/deployments/tiny", "", "tiny"),
		"mistral":           chromem.NewEmbeddingFuncMistral("sesame"),
		"jina":              chromem.NewEmbeddingFuncJina("sesame", "tiny"),
		"mixedbread":        chromem.NewEmbeddingFuncMixedbread("sesame", "tiny"),
	} {
		check("chromem-go, "+name, compatible(name, texts, f), vectors)
	}
	var prefixed []string
	for _, text := range texts {
		prefixed = append(prefixed, chromem.InputTypeCohereSearchDocumentPrefix+text)
	}
	check("chromem-go, cohere", compatible("cohere", prefixed, chromem.NewEmbeddingFuncCohere("sesame", "tiny")), documents)
}

func single(vector []float64) []float32 {
	var s []float32
	for _, x := range vector {
		s = append(s, float32(x))
	}
	return s
}

// check compares the bits of vectors with base64 of what the library made.
func check(name string, got [][]float32, want []string) {
	var encoded []string
	for _, vector := range got {
		var bits []byte
		for _, x := range vector {
			bits = binary.LittleEndian.AppendUint32(bits, math.Float32bits(x))
		}
		encoded = append(encoded, base64.StdEncoding.EncodeToString(bits))
	}
	if !slices.Equal(encoded, want) {
		log.Fatalf("%s: not the library's vectors", name)
	}
	fmt.Println(name, "ok")
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
