package embedhttp

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// The tiny model has 24 dimensions, reads 32 tokens, and has prompts for queries
// and documents.
const tinyFolder = "../../testdata/goldens/bert/model"

var loadTiny = sync.OnceValues(func() (*embed.Model, error) { return embed.Load(context.Background(), tinyFolder, embed.Config{}) })

func tiny(t testing.TB) *embed.Model {
	t.Helper()
	m, err := loadTiny()
	require.NoError(t, err)
	return m
}

func fingerprint(t testing.TB) string {
	print, err := tiny(t).Fingerprint(context.Background())
	require.NoError(t, err)
	return print
}

// served returns a handler of the tiny model as "tiny", changed by change, and its queue.
func served(t testing.TB, change func(*Config)) (*Handler, *embed.Queue) {
	t.Helper()
	m := tiny(t)
	q := embed.NewQueue(m, embed.QueueConfig{})
	t.Cleanup(func() { _ = q.Close(context.Background()) })
	cfg := Config{
		Models: []Model{{Name: "tiny", Aliases: []string{"org/tiny"}, Queue: q, Info: m.Info(), Fingerprint: fingerprint(t)}},
		Others: []string{"talker"},
	}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	require.NoError(t, err)
	return h, q
}

// send gives h a request; headers are pairs of name and value.
func send(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// response is what the contract promises, and nothing else.
type response struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Model  string `json:"model"`
	Data   []struct {
		Object    string          `json:"object"`
		Index     int             `json:"index"`
		Embedding json.RawMessage `json:"embedding"`
	} `json:"data"`
	Usage struct {
		PromptTokens       int  `json:"prompt_tokens"`
		TotalTokens        int  `json:"total_tokens"`
		CompletionTokens   *int `json:"completion_tokens"`
		PromptAudioSeconds any  `json:"prompt_audio_seconds"`
		TruncatedTokens    *int `json:"truncated_tokens"`
	} `json:"usage"`
	Normalized     bool `json:"normalized"`
	EncodingFormat any  `json:"encoding_format"`
	Dimensions     int  `json:"dimensions"`
}

func decode[T any](t testing.TB, body io.Reader) (v T) {
	t.Helper()
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v))
	_, err := d.Token()
	require.Equal(t, io.EOF, err)
	return v
}

// ask sends a request for embeddings that has to succeed.
func ask(t testing.TB, h http.Handler, body string) response {
	t.Helper()
	w := send(h, "POST", "/v1/embeddings", body)
	require.Equal(t, 200, w.Code, "%s\n%s", body, w.Body)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	return decode[response](t, w.Body)
}

// requireError checks that w is an error in OpenAI's envelope.
func requireError(t testing.TB, w *httptest.ResponseRecorder, status int, kind, code, param string) string {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	answer := decode[struct {
		Error struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"`
			Code    string  `json:"code"`
		} `json:"error"`
		Detail string `json:"detail"`
	}](t, w.Body)
	assert.Equal(t, answer.Error.Message, answer.Detail)
	e := answer.Error
	assert.Equal(t, code, e.Code, e.Message)
	assert.Equal(t, kind, e.Type)
	if param == "" {
		assert.Nil(t, e.Param, e.Message)
	} else if assert.NotNil(t, e.Param, e.Message) {
		assert.Equal(t, param, *e.Param)
	}
	assert.NotEmpty(t, e.Message)
	return e.Message
}

// library returns what the library makes of texts.
func library(t testing.TB, opts embed.Options, texts ...string) *embed.Result {
	t.Helper()
	r, err := tiny(t).Embed(t.Context(), texts, opts)
	require.NoError(t, err)
	return r
}

func numbers[E encoding.Number](t testing.TB, data []byte) []E {
	t.Helper()
	v, err := encoding.DecodeJSON([]E(nil), data)
	require.NoError(t, err)
	return v
}

func TestAnswer(t *testing.T) {
	h, _ := served(t, nil)
	want := library(t, embed.Options{}, "summer", "a winter's day")
	for _, path := range []string{"/v1/embeddings", "/embeddings"} {
		w := send(h, "POST", path, `{"model": "tiny", "input": ["summer", "a winter's day"]}`)
		require.Equal(t, 200, w.Code, w.Body)
		for _, name := range []string{"id", "object", "model", "data", "usage", "normalized", "encoding_format", "dimensions", "completion_tokens", "prompt_audio_seconds"} {
			assert.Contains(t, w.Body.String(), `"`+name+`":`)
		}
		assert.Equal(t, fmt.Sprint(w.Body.Len()), w.Header().Get("Content-Length"))
		assert.Regexp(t, `^read;dur=\d+\.\d{3}, wait;dur=\d+\.\d{3}, compute;dur=\d+\.\d{3}, encode;dur=\d+\.\d{3}$`, w.Header().Get("Server-Timing"))
		assert.Equal(t, fingerprint(t), w.Header().Get("X-Model-Fingerprint"))
		r := decode[response](t, w.Body)
		assert.Regexp(t, `^embd-[A-Z2-7]{26}$`, r.ID)
		assert.Equal(t, "list", r.Object)
		assert.Equal(t, "tiny", r.Model)
		assert.True(t, r.Normalized)
		assert.Equal(t, "float", r.EncodingFormat)
		assert.Equal(t, 24, r.Dimensions)
		require.Len(t, r.Data, 2)
		tokens := 0
		for i, d := range r.Data {
			assert.Equal(t, "embedding", d.Object)
			assert.Equal(t, i, d.Index)
			assert.Equal(t, want.Embeddings[i].Float32, numbers[float32](t, d.Embedding), "the same bits as the library's")
			tokens += want.Embeddings[i].Tokens
		}
		assert.Equal(t, tokens, r.Usage.PromptTokens)
		assert.Equal(t, tokens, r.Usage.TotalTokens)
		assert.Zero(t, *r.Usage.CompletionTokens)
		assert.Nil(t, r.Usage.PromptAudioSeconds)
		assert.Zero(t, *r.Usage.TruncatedTokens)
		assert.Empty(t, w.Header().Get("X-Truncated-Inputs"))
	}
	first, second := ask(t, h, `{"model":"org/tiny","input":"a"}`), ask(t, h, `{"model":"org/tiny","input":"a"}`)
	assert.Equal(t, "org/tiny", first.Model, "as the request has it")
	assert.NotEqual(t, first.ID, second.ID)
}

// Nothing is cut in silence: the model reads 32 tokens, two of them special.
func TestTruncatedIsTold(t *testing.T) {
	h, _ := served(t, nil)
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("battery ", n)) }
	want := library(t, embed.Options{}, words(50), "summer", words(200))
	require.Positive(t, want.Embeddings[0].Truncated)
	w := send(h, "POST", "/v1/embeddings", fmt.Sprintf(`{"model": "tiny", "input": [%q, "summer", %q]}`, words(50), words(200)))
	require.Equal(t, 200, w.Code, w.Body)
	assert.Equal(t, "2", w.Header().Get("X-Truncated-Inputs"))
	r := decode[response](t, w.Body)
	assert.Equal(t, 32+want.Embeddings[1].Tokens+32, r.Usage.PromptTokens, "those that were read")
	assert.Equal(t, r.Usage.PromptTokens, r.Usage.TotalTokens)
	assert.Equal(t, want.Embeddings[0].Truncated+want.Embeddings[2].Truncated, *r.Usage.TruncatedTokens)
}

// An answer of many pieces is the same as many answers.
func TestLongAnswer(t *testing.T) {
	h, _ := served(t, nil)
	texts := make([]string, DefaultMaxItems)
	for i := range texts {
		texts[i] = fmt.Sprint("text ", i)
	}
	body, err := json.Marshal(map[string]any{"model": "tiny", "input": texts})
	require.NoError(t, err)
	want := library(t, embed.Options{}, texts...)
	plain := send(h, "POST", "/v1/embeddings", string(body))
	require.Equal(t, 200, plain.Code)
	require.Greater(t, plain.Body.Len(), 2*pieceSize)
	compressed := func(coding string) io.Reader {
		w := send(h, "POST", "/v1/embeddings", string(body), "Accept-Encoding", coding)
		require.Equal(t, coding, w.Header().Get("Content-Encoding"))
		assert.Empty(t, w.Header().Get("Content-Length"))
		assert.Less(t, w.Body.Len(), plain.Body.Len()*2/3)
		return w.Body
	}
	unzipped, err := gzip.NewReader(compressed("gzip"))
	require.NoError(t, err)
	unpacked, err := zstd.NewReader(compressed("zstd"), zstd.WithDecoderMaxWindow(8<<20)) // the most that RFC 9659 allows
	require.NoError(t, err)
	defer unpacked.Close()
	for _, body := range []io.Reader{plain.Body, unzipped, unpacked} {
		r := decode[response](t, body)
		require.Len(t, r.Data, len(texts))
		for i, d := range r.Data {
			require.Equal(t, i, d.Index)
			require.Equal(t, want.Embeddings[i].Float32, numbers[float32](t, d.Embedding))
		}
	}
}

func TestCompression(t *testing.T) {
	h, _ := served(t, nil)
	long := `{"model":"tiny","input":["` + strings.Repeat(`word", "`, 100) + `last"]`
	coding := func(accept, request string) string {
		w := send(h, "POST", "/v1/embeddings", request, "Accept-Encoding", accept)
		require.Equal(t, 200, w.Code)
		return w.Header().Get("Content-Encoding")
	}
	for accept, want := range map[string]string{
		"gzip":                        "gzip",
		"GZIP ; Q=1":                  "gzip",
		"*":                           "gzip",
		"":                            "",
		"gzip;q=0":                    "",
		"gzip;q=0, *":                 "",
		"gzip;q=x":                    "",
		"identity":                    "",
		"br":                          "",
		"zstd":                        "zstd",
		"gzip, deflate, br, zstd":     "zstd",
		"zstd;q=0, *":                 "gzip",
		"zstd, *":                     "zstd",
		"zstd;q=0, gzip;q=0.1":        "gzip",
		"zstd;q=0.5, gzip;q=0.8":      "gzip",
		"zstd;q=0.8,gzip;q=0.8":       "zstd",
		"zstd;q=0, gzip;q=0":          "",
		"gzip;q=0.5, identity":        "",
		"gzip;q=0.5, identity;q=0.5":  "gzip",
		"zstd;q=0.001, identity;q=0":  "zstd",
		"gzip;q=nan, zstd;q=-1, br;q": "",
	} {
		assert.Equal(t, want, coding(accept, long+`}`), accept)
	}
	assert.Empty(t, coding("gzip, zstd", `{"model":"tiny","input":"short"}`))
	assert.Empty(t, coding("gzip, zstd", long+`,"encoding_format":"base64"}`))
	w := send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"short"}`)
	assert.Equal(t, "Accept-Encoding", w.Header().Get("Vary"), "compressed or not")
}

func TestModels(t *testing.T) {
	h, _ := served(t, nil)
	w := send(h, "GET", "/v1/models", "")
	require.Equal(t, 200, w.Code)
	list := decode[modelList](t, w.Body)
	assert.Equal(t, "list", list.Object)
	require.Len(t, list.Data, 1)
	m := list.Data[0]
	assert.Equal(t, "tiny", m.ID)
	assert.Equal(t, "model", m.Object)
	assert.Equal(t, []string{"org/tiny"}, m.Aliases)
	assert.Equal(t, 24, m.Dimensions)
	assert.Equal(t, 32, m.MaxTokens)
	assert.Equal(t, []string{"document", "query"}, m.Prompts)
	for _, path := range []string{"/v1/models/tiny", "/v1/models/org/tiny", "/v1/models/org%2Ftiny"} {
		w := send(h, "GET", path, "")
		require.Equal(t, 200, w.Code, path)
		assert.Equal(t, m, decode[modelInfo](t, w.Body))
	}
	requireError(t, send(h, "GET", "/v1/models/none", ""), 404, "invalid_request_error", "model_not_found", "model")
}

func TestReadiness(t *testing.T) {
	h, q := served(t, nil)
	status := func(path string) (int, string) {
		w := send(h, "GET", path, "")
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	check := func(path string, code int, body string) {
		t.Helper()
		gotCode, gotBody := status(path)
		assert.Equal(t, code, gotCode)
		assert.Equal(t, body, gotBody)
	}
	check("/health", 200, `{"status":"ok"}`)
	check("/ready", 503, `{"status":"starting"}`)
	require.NoError(t, h.Warm(t.Context()))
	check("/ready", 200, `{"status":"ready"}`)
	h.Drain()
	check("/ready", 503, `{"status":"shutting_down"}`)
	check("/health", 200, `{"status":"ok"}`)
	ask(t, h, `{"model":"tiny","input":"still answered"}`)
	require.NoError(t, h.Warm(t.Context()))
	check("/ready", 503, `{"status":"shutting_down"}`)

	require.NoError(t, q.Close(t.Context()))
	w := send(h, "POST", "/v1/embeddings", `{"model":"tiny","input":"too late"}`)
	requireError(t, w, 503, "server_error", "shutting_down", "")
	assert.ErrorContains(t, h.Warm(t.Context()), `model "tiny"`)
}

func TestConfigErrors(t *testing.T) {
	m := Model{Name: "a", Queue: embed.NewQueue(tiny(t), embed.QueueConfig{})}
	for want, cfg := range map[string]Config{
		"no models":                 {},
		`model "a": no queue`:       {Models: []Model{{Name: "a"}}},
		"expected 1 to 500":         {Models: []Model{{Queue: m.Queue}}},
		`"a\xff", expected UTF-8`:   {Models: []Model{{Name: "a\xff", Queue: m.Queue}}},
		`two models are called "a"`: {Models: []Model{m, m}},
		`two models are called "b"`: {Models: []Model{{Name: "b", Aliases: []string{"b"}, Queue: m.Queue}}},
		`models are called "a"`:     {Models: []Model{m}, Others: []string{"a"}},
		`default model "c"`:         {Models: []Model{m}, Default: "c"},
		"limits of -1 items":        {Models: []Model{m}, MaxItems: -1},
	} {
		_, err := New(cfg)
		assert.ErrorContains(t, err, want)
	}
}
