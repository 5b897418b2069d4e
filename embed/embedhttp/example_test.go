package embedhttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/embedhttp"
)

func ExampleNew() {
	model, err := embed.Load(context.Background(), "../../testdata/goldens/bert/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	queue := embed.NewQueue(model, embed.QueueConfig{})
	defer queue.Close(context.Background())
	handler, err := embedhttp.New(embedhttp.Config{
		Models: []embedhttp.Model{{Name: "tiny", Queue: queue, Info: model.Info()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := handler.Warm(context.Background()); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/embed/", http.StripPrefix("/embed", handler))
	server := httptest.NewServer(mux)
	defer server.Close()

	request := strings.NewReader(`{"model": "tiny", "input": "summer", "dimensions": 16, "encoding_format": "ubinary"}`)
	resp, err := http.Post(server.URL+"/embed/v1/embeddings", "application/json", request)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data []struct{ Embedding []uint8 }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status, len(answer.Data[0].Embedding), "bytes")
	// Output: 200 OK 2 bytes
}

func ExampleNewKeys() {
	model, err := embed.Load(context.Background(), "../../testdata/goldens/bert/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	queue := embed.NewQueue(model, embed.QueueConfig{})
	defer queue.Close(context.Background())
	keys, err := embedhttp.NewKeys([]string{"an old key"})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := embedhttp.New(embedhttp.Config{
		Models: []embedhttp.Model{{Name: "tiny", Queue: queue, Info: model.Info()}},
		Keys:   keys,
	})
	if err != nil {
		log.Fatal(err)
	}
	ask := func(key string) {
		r := httptest.NewRequest("GET", "/v1/models", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(key, w.Code)
	}
	ask("an old key")
	if err := keys.Set([]string{"a new key"}); err != nil { // while it serves
		log.Fatal(err)
	}
	ask("an old key")
	ask("a new key")
	// Output:
	// an old key 200
	// an old key 401
	// a new key 200
}

func ExampleParseKeys() {
	list, err := embedhttp.ParseKeys([]byte("# a key a line\nsesame name=team-a tokens-per-minute=1000000 concurrent=8\n"))
	if err != nil {
		log.Fatal(err)
	}
	keys := new(embedhttp.Keys) // for a Config
	if err := keys.SetLimited(list); err != nil {
		log.Fatal(err)
	}
	fmt.Println(list[0].Name, list[0].TokensPerMinute, list[0].Concurrent)
	// Output: team-a 1000000 8
}

// A service ends without a request that is lost: balancers are told, what they still send is answered, and the
// queue, closed last, answers what it has.
func ExampleHandler_Drain() {
	model, err := embed.Load(context.Background(), "../../testdata/goldens/bert/model", embed.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	queue := embed.NewQueue(model, embed.QueueConfig{})
	handler, err := embedhttp.New(embedhttp.Config{Models: []embedhttp.Model{{Name: "tiny", Queue: queue, Info: model.Info()}}})
	if err != nil {
		log.Fatal(err)
	}
	if err := handler.Warm(context.Background()); err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(handler)
	ready := func() {
		resp, err := http.Get(server.URL + "/ready")
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	ready()
	handler.Drain()
	ready()        // as long as balancers take to ask
	server.Close() // waits for the requests under way
	if err := queue.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(handler.UnderWay(), "requests under way")
	// Output:
	// 200
	// 503
	// 0 requests under way
}
