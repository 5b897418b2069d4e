package embedhttp

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// The requests that Ollama's clients send, recorded of ollama 0.6.3 (Python), 0.6.4
// (Node) and 0.17.4 (Go), langchain-ollama 1.1.0, llama-index 0.10.0, haystack 7.0.2,
// langchaingo 0.1.14 and langchain4j.
func TestOllamaEmbed(t *testing.T) {
	h, _ := served(t, nil)
	long := strings.Repeat("a long way ", 30)
	for name, c := range map[string]struct {
		body  string
		opts  embed.Options
		texts []string
	}{
		"Python, a text":         {`{"model": "tiny", "input": "summer"}`, embed.Options{}, []string{"summer"}},
		"Python, all fields":     {`{"model": "tiny", "input": ["summer", "a"], "truncate": true, "dimensions": 8, "keep_alive": "5m", "options": {"mirostat": null, "num_ctx": null, "temperature": 0.5}}`, embed.Options{Dimensions: 8}, []string{"summer", "a"}},
		"langchain":              {`{"model": "tiny:latest", "input": ["summer"], "options": {"mirostat": null, "num_gpu": null, "stop": null}, "keep_alive": 60.0, "dimensions": 8}`, embed.Options{Dimensions: 8}, []string{"summer"}},
		"llama-index":            {`{"model": "org/tiny", "input": ["summer", " "], "options": {}}`, embed.Options{}, []string{"summer", " "}},
		"Go":                     {`{"model": "tiny", "input": ["summer"], "keep_alive": "5m0s", "options": null}`, embed.Options{}, []string{"summer"}},
		"langchaingo":            {`{"model": "tiny", "input": "summer", "options": {"temperature": 0}}`, embed.Options{}, []string{"summer"}},
		"kept for ever":          {`{"model": "tiny", "input": "summer", "keep_alive": -1.0}`, embed.Options{}, []string{"summer"}},
		"cut by default":         {fmt.Sprintf(`{"model": "tiny", "input": %q}`, long), embed.Options{}, []string{long}},
		"cut to a short context": {fmt.Sprintf(`{"model": "tiny", "input": %q, "options": {"num_ctx": 10}}`, long), embed.Options{MaxTokens: 10}, []string{long}},
		"a context of any size":  {fmt.Sprintf(`{"model": "tiny", "input": %q, "options": {"num_ctx": 8192}}`, long), embed.Options{}, []string{long}},
		"an empty text":          {`{"model": "tiny", "input": ""}`, embed.Options{}, nil},
		"an empty list":          {`{"model": "tiny", "input": [ ]}`, embed.Options{}, nil},
		"null":                   {`{"model": "tiny", "input": null}`, embed.Options{}, nil},
		"no input":               {`{"model": "tiny"}`, embed.Options{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(h, "POST", "/api/embed", c.body)
			require.Equal(t, 200, w.Code, w.Body)
			r := decode[struct {
				Model           string
				Embeddings      []json.RawMessage
				TotalDuration   int64 `json:"total_duration"`
				LoadDuration    int64 `json:"load_duration"`
				PromptEvalCount int   `json:"prompt_eval_count"`
			}](t, w.Body)
			require.NotNil(t, r.Embeddings)
			require.Len(t, r.Embeddings, len(c.texts))
			tokens := 0
			for i, text := range c.texts {
				want := library(t, c.opts, text).Embeddings[0]
				assert.Equal(t, want.Float32, numbers[float32](t, r.Embeddings[i]))
				tokens += want.Tokens
			}
			assert.Equal(t, tokens, r.PromptEvalCount)
			assert.Positive(t, r.TotalDuration)
			assert.Contains(t, []string{"tiny", "org/tiny"}, r.Model)
		})
	}
}

// The older path, of chromem-go 0.7.0 too.
func TestOllamaEmbeddings(t *testing.T) {
	h, _ := served(t, nil)
	for body, text := range map[string]string{
		`{"model": "tiny", "prompt": "summer"}`:                                          "summer",
		`{"model": "tiny:latest", "prompt": "summer", "options": null}`:                  "summer",
		`{"model": "tiny", "prompt": "summer", "keep_alive": 0, "options": {"top_k":1}}`: "summer",
		`{"model": "tiny", "prompt": ""}`:                                                "",
	} {
		w := send(h, "POST", "/api/embeddings", body)
		require.Equal(t, 200, w.Code, w.Body)
		r := decode[struct{ Embedding json.RawMessage }](t, w.Body)
		if text == "" {
			assert.Equal(t, "[]", string(r.Embedding))
			continue
		}
		assert.Equal(t, library(t, embed.Options{}, text).Embeddings[0].Float32, numbers[float32](t, r.Embedding))
	}
}

func TestOllamaErrors(t *testing.T) {
	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	h, _ := served(t, func(c *Config) { c.Keys = keys })
	ask := func(method, path, body string, headers ...string) (*httptest.ResponseRecorder, string) {
		w := send(h, method, path, body, headers...)
		return w, decode[struct{ Error string }](t, w.Body).Error
	}
	long := strings.Repeat("a long way ", 30)
	for _, c := range []struct {
		path, body string
		status     int
		message    string
	}{
		{"/api/embed", `{"model": "x", "input": "a"}`, 404, "model not found: \"x\""},
		{"/api/embeddings", `{"model": "x", "prompt": "a"}`, 404, "not found"},
		{"/api/show", `{"model": "x"}`, 404, "not found"},
		{"/api/show", `{}`, 400, "model: missing"},
		{"/api/embed", `{"model": "tiny", "input": [1.5]}`, 400, "input"},
		{"/api/embed", `{"model": "tiny", "input": ["a", {}]}`, 400, "input 1"},
		{"/api/embed", `{"model": "tiny", "input": ["a", ""]}`, 400, "input 1: empty"},
		{"/api/embed", `{"model": "tiny", "input": "a", "dimensions": 25}`, 400, "dimensions: 25"},
		{"/api/embed", `{"model": "tiny", "input": "a", "options": 7}`, 400, "options: found 7"},
		{"/api/embed", `{"model": "tiny", "input": "a", "options": {"num_ctx": 1}}`, 400, "options.num_ctx: 1"},
		{"/api/embed", `{"model": "tiny", "input": "a", "other": 7}`, 400, "--ignore-unknown"},
		{"/api/embed", `{"model": "tiny", "input": "` + long + `", "truncate": false}`, 400, "the input length exceeds the context length"},
		{"/api/embeddings", `{"model": "tiny", "prompt": ["a"]}`, 400, "prompt: found ["},
		{"/api/embed", `{"model"`, 400, "byte 8"},
	} {
		w, message := ask("POST", c.path, c.body, "Authorization", "Bearer sesame")
		assert.Equal(t, c.status, w.Code, c.body)
		assert.Contains(t, message, c.message, c.body)
	}
	w, message := ask("POST", "/api/embed", `{"model": "tiny", "input": "a"}`)
	assert.Equal(t, 401, w.Code)
	assert.Contains(t, message, "Bearer")
	w, message = ask("POST", "/api/chat", `{}`)
	assert.Equal(t, 404, w.Code)
	assert.Contains(t, message, "no such path")
	w, message = ask("GET", "/api/embed", "")
	assert.Equal(t, 405, w.Code)
	assert.Contains(t, message, "expected POST")
	assert.Equal(t, 401, send(h, "GET", "/api/tags", "").Code)
	assert.Equal(t, 200, send(h, "GET", "/api/version", "").Code)
	assert.Equal(t, 200, send(h, "HEAD", "/", "").Code)
}

// What clients require of the models, and how they name them.
func TestOllamaModels(t *testing.T) {
	h, _ := served(t, addCross(t))
	type model struct {
		Name, Model, Digest string
		ModifiedAt          time.Time `json:"modified_at"`
		Size                int64
		Details             ollamaDetails
		ExpiresAt           time.Time `json:"expires_at"`
		SizeVRAM            *int64    `json:"size_vram"`
		ContextLength       int       `json:"context_length"`
	}
	for _, path := range []string{"/api/tags", "/api/ps"} {
		list := decode[struct{ Models []model }](t, send(h, "GET", path, "").Body).Models
		require.Len(t, list, 3)
		for i, name := range []string{"tiny", "org/tiny", "cross"} {
			m := list[i]
			assert.Equal(t, name, m.Name)
			assert.Equal(t, name, m.Model)
			assert.Equal(t, "bert", m.Details.Family)
			assert.Equal(t, "float32", m.Details.QuantizationLevel)
			assert.Positive(t, m.Size)
			assert.NotEmpty(t, m.Digest)
			assert.WithinDuration(t, time.Now(), m.ModifiedAt, time.Minute)
			if path == "/api/ps" {
				assert.True(t, m.ExpiresAt.After(time.Now()))
				assert.Zero(t, *m.SizeVRAM)
				assert.Positive(t, m.ContextLength)
			}
		}
	}
	for body, capabilities := range map[string][]string{
		`{"model": "tiny:latest"}`: {"embedding"},
		`{"model": "tiny", "system": "", "template": "", "verbose": false, "options": null, "name": ""}`: {"embedding"},
		`{"name": "tiny"}`:   {"embedding"},
		`{"model": "cross"}`: {},
	} {
		w := send(h, "POST", "/api/show", body)
		require.Equal(t, 200, w.Code, w.Body)
		m := decode[ollamaDescription](t, w.Body)
		assert.Equal(t, capabilities, m.Capabilities)
		assert.Equal(t, "bert", m.ModelInfo["general.architecture"])
		if len(capabilities) > 0 {
			assert.Equal(t, 24.0, m.ModelInfo["bert.embedding_length"])
			assert.Equal(t, 32.0, m.ModelInfo["bert.context_length"])
		}
	}
	version := decode[map[string]string](t, send(h, "GET", "/api/version", "").Body)
	assert.Regexp(t, `^\d+\.\d+\.\d+$`, version["version"])
}
