package otelembed_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
	"github.com/rhumb-go/rhumb/embed/embedhttp/otelembed"
)

// A request makes a span, and one for each of its parts. Programs have an exporter of
// OTLP in place of one in memory, and give it batches.
func ExampleObserver() {
	ctx := context.Background()
	spans := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithIDGenerator(otelembed.IDs{}))
	defer tracers.Shutdown(ctx)

	model, err := embed.Load(ctx, "../../../testdata/goldens/bert/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	observe, err := otelembed.Observer(tracers, nil)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := embedhttp.New(embedhttp.Config{
		Models:  []embedhttp.Model{{Name: "tiny", Queue: embed.NewQueue(model, embed.QueueConfig{}), Info: model.Info()}},
		Observe: observe,
	})
	if err != nil {
		log.Fatal(err)
	}
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/embeddings", strings.NewReader(`{"input": "The food was delicious"}`)))
	for _, span := range spans.GetSpans() {
		if span.Name != "wait" { // which may be too short for a clock
			fmt.Println(span.Name)
		}
	}
	// Output:
	// read
	// compute
	// encode
	// POST /v1/embeddings
}
