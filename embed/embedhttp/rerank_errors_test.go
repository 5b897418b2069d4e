package embedhttp

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

const goodRanking = `{"model":"cross","query":"which one","documents":["the river","a doctor"]}`

// Every error of a request to rank, and what leads to it.
func TestRerankErrors(t *testing.T) {
	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	h, _ := served(t, func(c *Config) {
		addCross(t)(c)
		c.MaxItems, c.MaxChars, c.MaxBody = 3, 50, 2000
	})
	long := strings.Repeat("é", 51)
	for _, c := range []struct{ body, code, param, message string }{
		{``, "invalid_json", "", "byte 0"},
		{`[]`, "invalid_json", "", "object"},
		{"{\"query\":\"\xff\"}", "invalid_json", "", "UTF-8"},
		{`{}`, "invalid_input", "query", "missing"},
		{`{"model":7}`, "invalid_request", "model", "found 7"},
		{`{"model":"tiny","query":"a","documents":["b"]}`, "model_kind_mismatch", "model", "POST /v1/embeddings"},
		{`{"model":"cross","documents":["b"]}`, "invalid_input", "query", "missing"},
		{`{"model":"cross","query":null,"documents":["b"]}`, "invalid_input", "query", "missing"},
		{`{"model":"cross","query":"","documents":["b"]}`, "invalid_input", "query", "empty"},
		{`{"model":"cross","query":["a"],"documents":["b"]}`, "invalid_input", "query", `found ["a"]`},
		{`{"model":"cross","query":"` + long + `","documents":["b"]}`, "invalid_input", "query", "51 characters, expected at most 50"},
		{`{"model":"cross","query":"a"}`, "invalid_input", "documents", "missing"},
		{`{"model":"cross","query":"a","documents":[]}`, "invalid_input", "documents", "empty list"},
		{`{"model":"cross","query":"a","documents":"b"}`, "invalid_input", "documents", `found "b"`},
		{`{"model":"cross","query":"a","documents":{"text":"b"}}`, "invalid_input", "documents", "expected a list"},
		{`{"model":"cross","query":"a","documents":["b",7]}`, "invalid_input", "documents", "document 1: found 7"},
		{`{"model":"cross","query":"a","documents":["b",null]}`, "invalid_input", "documents", "document 1: found null"},
		{`{"model":"cross","query":"a","documents":["b",{}]}`, "invalid_input", "documents", "document 1: found {}"},
		{`{"model":"cross","query":"a","documents":[{"text":7}]}`, "invalid_input", "documents", "document 0: text: found 7"},
		{`{"model":"cross","query":"a","documents":[{"text":"b","text":"c"}]}`, "invalid_input", "documents", "document 0: text"},
		{`{"model":"cross","query":"a","documents":[{"text":"b","image":"c"}]}`, "invalid_input", "documents", "document 0: image: unknown"},
		{`{"model":"cross","query":"a","documents":["b","` + long + `"]}`, "invalid_input", "documents", "document 1: 51 characters"},
		{`{"model":"cross","query":"a","documents":["b",{"text":"` + long + `"}]}`, "invalid_input", "documents", "document 1: 51 characters"},
		{`{"model":"cross","query":"a","documents":["b","c","d","e"]}`, "invalid_input", "documents", "more than 3"},
		{`{"model":"cross","query":"a","documents":["b"],"top_n":0}`, "invalid_request", "top_n", "above 0"},
		{`{"model":"cross","query":"a","documents":["b"],"top_k":-1}`, "invalid_request", "top_k", "above 0"},
		{`{"model":"cross","query":"a","documents":["b"],"top_n":1.5}`, "invalid_request", "top_n", "above 0"},
		{`{"model":"cross","query":"a","documents":["b"],"top_n":"1"}`, "invalid_request", "top_n", "above 0"},
		{`{"model":"cross","query":"a","documents":["b"],"top_n":1,"top_k":2}`, "invalid_request", "top_k", "contradicts top_n"},
		{`{"model":"cross","query":"a","documents":["b"],"return_documents":"yes"}`, "invalid_request", "return_documents", "true or false"},
		{`{"model":"cross","query":"a","documents":["b"],"truncation":1}`, "invalid_request", "truncation", "true or false"},
		{`{"model":"cross","query":"a","documents":["b"],"max_tokens_per_doc":0}`, "invalid_request", "max_tokens_per_doc", "above 0"},
		{`{"model":"cross","query":"a","documents":["b"],"rank_fields":["title"]}`, "invalid_request", "rank_fields", "text"},
		{`{"model":"cross","query":"a","documents":["b"],"prompt_name":"nope"}`, "invalid_request", "prompt_name", "nope"},
		{`{"model":"cross","query":"a","documents":["b"],"prompt":"p","prompt_name":"nope"}`, "invalid_request", "prompt", "prompt name"},
		{`{"model":"cross","query":"a","documents":["b"],"prompt":""}`, "invalid_request", "prompt", "1 to 32000"},
		{`{"model":"cross","query":"a","documents":["b"],"query":"a"}`, "invalid_request", "query", "twice"},
		{`{"model":"cross","query":"a","documents":["b"],"max_chunks_per_doc":10}`, "unknown_parameter", "max_chunks_per_doc", "unknown"},
		{`{"model":"cross","query":"a","documents":["b"],"texts":["b"]}`, "unknown_parameter", "texts", "unknown"},
		{`{"model":"tiny","input":"a","query":"b"}`, "unknown_parameter", "input", "unknown"},
	} {
		for _, path := range []string{"/v1/rerank", "/rerank"} {
			message := requireError(t, send(h, "POST", path, c.body), 400, invalidRequest, c.code, c.param)
			assert.Contains(t, message, c.message, c.body)
		}
	}
	requireError(t, send(h, "POST", "/v1/rerank", `{"model":"nope","query":"a","documents":["b"]}`), 404, invalidRequest, "model_not_found", "model")
	requireError(t, send(h, "POST", "/v1/rerank", padded(goodRanking, 2001)), 413, invalidRequest, "request_too_large", "")
	requireError(t, send(h, "POST", "/v1/rerank", goodRanking, "Content-Type", "text/xml"), 415, invalidRequest, "unsupported_media_type", "")
	w := send(h, "GET", "/v1/rerank", "")
	requireError(t, w, 405, invalidRequest, "method_not_allowed", "")
	assert.Equal(t, "POST", w.Header().Get("Allow"))

	h, _ = served(t, func(c *Config) {
		addCross(t)(c)
		c.Keys = keys
	})
	for _, path := range []string{"/v1/rerank", "/rerank"} {
		requireError(t, send(h, "POST", path, goodRanking), 401, "authentication_error", "invalid_api_key", "")
		assert.Equal(t, 200, send(h, "POST", path, goodRanking, "Authorization", "Bearer sesame").Code)
	}
	// A pair over the limit, which truncation false makes an error.
	pair := rankBody(t, "cross", "which one", []string{"short", strings.Repeat("battery ", 100)}, `,"truncation":false`)
	message := requireError(t, send(h, "POST", "/v1/rerank", pair, "Authorization", "Bearer sesame"), 400, invalidRequest, "invalid_input", "documents")
	assert.Contains(t, message, "input 1: ")
	assert.Contains(t, message, "56")
}

// Where the queue takes no more, the answer is 429, and a large body is not read.
func TestRerankQueueFull(t *testing.T) {
	block := make(chan struct{})
	m := reranking(t, "cross", cross(t), embed.QueueConfig{MaxTexts: 1, Observe: func(embed.QueueEvent) { <-block }})
	h, _ := served(t, func(c *Config) { c.Models = []Model{m} })
	w := send(h, "POST", "/v1/rerank", goodRanking)
	requireError(t, w, 429, "rate_limit_error", "queue_full", "")
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	small := `{"model":"cross","query":"a","documents":["b"]}`
	rank(t, h, small)
	answer := make(chan *httptest.ResponseRecorder)
	go func() { answer <- send(h, "POST", "/v1/rerank", small) }()
	for !m.Rerank.Full() { // until that one waits
		runtime.Gosched()
	}
	for _, length := range []int{1 << 20, 1 << 21} {
		f := &flow{text: padded(small, length), piece: length, path: "/v1/rerank"}
		requireError(t, f.post(h, length), 429, "rate_limit_error", "queue_full", "")
		assert.Zero(t, f.read)
	}
	close(block)
	w = <-answer
	assert.Equal(t, 200, w.Code)
	assert.NotContains(t, w.Header().Get("Server-Timing"), "wait;dur=0.000")
	requireRoom(t, h)
}

// The query counts once for each document: over the limit of a request it is refused,
// below it takes the room of a large one. Documents keep room as long as they are in an
// answer that the client does not take.
func TestRerankRoom(t *testing.T) {
	tiny(t)
	cross(t)
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		h, _ := served(t, func(c *Config) {
			addCross(t)(c)
			c.MaxBody = size
		})
		body := func(query, items int) string {
			return `{"model":"cross","query":"` + strings.Repeat("é", query) + `","documents":["a"` + strings.Repeat(`,"a"`, items-1) + `]}`
		}
		message := requireError(t, send(h, "POST", "/v1/rerank", body(256, 2048)), 413, invalidRequest, "request_too_large", "query")
		assert.Contains(t, message, "1050624 bytes")
		require.NoError(t, h.room.middle.Acquire(t.Context(), middleRoom))
		assert.Equal(t, 200, send(h, "POST", "/v1/rerank", body(4, 1024)).Code, "9 KB")
		requireError(t, send(h, "POST", "/v1/rerank", body(200, 1024)), 429, "rate_limit_error", "queue_full", "")
		h.room.middle.Release(middleRoom)
		assert.Equal(t, 200, send(h, "POST", "/v1/rerank", body(200, 1024)).Code)
		requireRoom(t, h)

		for more, held := range map[string]int64{`,"top_n":1`: 0, `,"top_n":2,"return_documents":true`: 2 * 64000, `,"return_documents":true`: 3 * 64000} {
			documents := slices.Repeat([]string{strings.Repeat("a", 64000)}, 3)
			r := httptest.NewRequest("POST", "/v1/rerank", strings.NewReader(rankBody(t, "cross", "b", documents, more)))
			r.Header.Set("Content-Type", "application/json")
			taken := 0
			w := taker{httptest.NewRecorder(), func() {
				taken++
				require.True(t, h.room.middle.TryAcquire(middleRoom-held), more)
				require.False(t, h.room.middle.TryAcquire(1), more)
				h.room.middle.Release(middleRoom - held)
			}}
			h.ServeHTTP(w, r)
			assert.Positive(t, taken)
			requireRoom(t, h)
		}
	})
}

// A client that leaves takes its work with it, and no other's.
func TestRerankClientLeaves(t *testing.T) {
	events := make(chan Event, 10)
	begun, block := make(chan struct{}), make(chan struct{})
	var once sync.Once
	m := reranking(t, "cross", cross(t), embed.QueueConfig{Observe: func(embed.QueueEvent) {
		once.Do(func() { close(begun) })
		<-block
	}})
	h, _ := served(t, func(c *Config) {
		c.Models = []Model{m}
		c.Observe = func(e Event) { events <- e }
	})
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- send(h, "POST", "/v1/rerank", goodRanking) }()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest("POST", "/v1/rerank", strings.NewReader(goodRanking)).WithContext(ctx)
	r.Header.Set("Content-Type", "application/json")
	go h.ServeHTTP(httptest.NewRecorder(), r)
	for m.Rerank.Stats().WaitingTexts == 0 {
		runtime.Gosched()
	}
	cancel()
	for {
		if e := next(t, events); e.Code != "" { // the other may be first
			assert.Equal(t, statusGone, e.Status)
			assert.Equal(t, codeGone, e.Code)
			break
		}
	}
	assert.Zero(t, m.Rerank.Stats().WaitingTexts, "its work is gone")
	close(block)
	assert.Equal(t, 200, (<-first).Code)
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithDeadline(r.Context(), time.Now().Add(-time.Second))
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
	requireError(t, send(limited, "POST", "/v1/rerank", goodRanking), 429, "rate_limit_error", "queue_full", "")
}

// Requests of many clients at once, for embeddings and rankings, have the bits of each alone.
func TestManyRankings(t *testing.T) {
	var mu sync.Mutex
	var events []Event
	h, _ := served(t, func(c *Config) {
		addCross(t)(c)
		c.Observe = func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, e)
		}
	})
	s := httptest.NewServer(h)
	defer s.Close()
	var group sync.WaitGroup
	for i := range 16 {
		query := fmt.Sprintf("client %d asks for this", i)
		want, err := cross(t).Rank(t.Context(), query, someDocuments, 0, rerank.Options{})
		require.NoError(t, err)
		body := rankBody(t, "cross", query, someDocuments, "")
		group.Go(func() {
			for range 4 {
				resp, err := http.Post(s.URL+"/v1/rerank", "application/json", strings.NewReader(body))
				if !assert.NoError(t, err) || !assert.Equal(t, 200, resp.StatusCode) {
					return
				}
				r := decode[rankingAnswer](t, resp.Body)
				resp.Body.Close()
				for k := range want {
					assert.Equal(t, want[k].Index, r.Results[k].Index)
					assert.Equal(t, want[k].Value, r.Results[k].Score)
				}
			}
		})
		group.Go(func() { ask(t, h, goodBody) })
	}
	group.Wait()
	rankings := 0
	for _, e := range events {
		if e.Model == "cross" {
			rankings++
			assert.Equal(t, []any{"/v1/rerank", 200, len(someDocuments), 1}, []any{e.Path, e.Status, e.Texts, e.Truncated})
			assert.Positive(t, e.Tokens)
			assert.Positive(t, e.Embed)
			assert.GreaterOrEqual(t, e.Embed, e.Wait)
		}
	}
	assert.Equal(t, 64, rankings)
}

// An answer of many pieces, compressed and not.
func TestLongRanking(t *testing.T) {
	h, _ := served(t, addCross(t))
	documents := make([]string, DefaultMaxItems)
	for i := range documents {
		documents[i] = fmt.Sprintf("document %d of <many> %s", i, strings.Repeat("é", 40))
	}
	body := rankBody(t, "cross", "which", documents, `,"return_documents":true`)
	check := func(r rankingAnswer) {
		require.Len(t, r.Results, len(documents))
		for i, result := range r.Results {
			require.Equal(t, documents[result.Index], result.Document.Text)
			if i > 0 {
				before := r.Results[i-1]
				require.True(t, before.Score > result.Score || before.Score == result.Score && before.Index < result.Index)
			}
		}
	}
	w := send(h, "POST", "/v1/rerank", body)
	require.Greater(t, w.Body.Len(), 2*pieceSize)
	size := w.Body.Len()
	plain := decode[rankingAnswer](t, w.Body)
	check(plain)
	w = send(h, "POST", "/v1/rerank", body, "Accept-Encoding", "gzip")
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	assert.Less(t, w.Body.Len(), size*2/3)
	unzipped, err := gzip.NewReader(w.Body)
	require.NoError(t, err)
	assert.Equal(t, plain.Results, decode[rankingAnswer](t, unzipped).Results)
	w = send(h, "POST", "/v1/rerank", body, "Accept-Encoding", "zstd")
	require.Equal(t, "zstd", w.Header().Get("Content-Encoding"))
	unpacked, err := zstd.NewReader(w.Body)
	require.NoError(t, err)
	defer unpacked.Close()
	assert.Equal(t, plain.Results, decode[rankingAnswer](t, unpacked).Results)
}

// Any body is answered with a ranking or with an error for the client.
func FuzzRanking(f *testing.F) {
	h, _ := served(f, func(c *Config) {
		addCross(f)(c)
		c.MaxItems, c.MaxChars = 4, 100
	})
	for _, seed := range append(bodies, goodRanking, `{"model":"cross","query":"a","documents":["",{"text":"}\u00e9\ud83d"}],"top_n":1,"return_documents":true}`,
		`{"model":"cross","query":"a","documents":[{"text":"b","c":[{}]}]}`, `{"model":"cross","query":"a","documents":["b"],"prompt":"c","truncation":false,"max_tokens_per_doc":9,"rank_fields":["text"]}`) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := send(h, "POST", "/rerank", string(body))
		switch w.Code {
		case 200:
			var request struct{ Documents []any }
			require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(string(body), "\ufeff")), &request))
			for _, r := range decode[rankingAnswer](t, w.Body).Results {
				if r.Document != nil {
					if text, ok := request.Documents[r.Index].(string); ok {
						require.Equal(t, text, r.Document.Text)
					}
				}
			}
		case 400, 404:
			assert.NotEmpty(t, decode[envelope](t, w.Body).Error.Message)
		default:
			t.Fatal(w.Code, w.Body)
		}
	})
}
