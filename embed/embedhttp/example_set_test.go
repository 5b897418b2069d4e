package embedhttp_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

// Models of folders that are loaded when a request needs them.
func ExampleNewSet() {
	var sources []embedhttp.Source
	for name, dir := range map[string]string{
		"bert": "../../testdata/goldens/bert/model",
	} {
		info, err := embed.Inspect(context.Background(), dir, embed.Config{})
		if err != nil {
			log.Fatal(err)
		}
		sources = append(sources, embedhttp.Source{
			Model: embedhttp.Model{Name: name, Info: info},
			Load: func(ctx context.Context) (m embedhttp.Model, end func() error, err error) {
				model, err := embed.Load(ctx, dir, embed.Config{})
				if err != nil {
					return m, nil, err
				}
				return embedhttp.Model{Queue: embed.NewQueue(model, embed.QueueConfig{}), Info: model.Info()}, model.Close, nil
			},
		})
	}
	set, err := embedhttp.NewSet(embedhttp.SetConfig{Memory: 8 << 30, KeepAlive: time.Hour}, sources)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := embedhttp.New(embedhttp.Config{Set: set})
	if err != nil {
		log.Fatal(err)
	}
	tell := func() {
		for _, s := range handler.Status() {
			fmt.Println(s.Name, s.Loaded)
		}
	}
	tell()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/v1/embeddings", strings.NewReader(`{"model": "bert", "input": "summer"}`)))
	fmt.Println(w.Code)
	tell()
	if err := set.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// bert false
	// 200
	// bert true
}
