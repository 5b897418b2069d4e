package embedhttp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// cohereAnswer is what Cohere's clients read, and nothing else.
type cohereAnswer struct {
	ID           string          `json:"id"`
	Embeddings   json.RawMessage `json:"embeddings"`
	Texts        []string        `json:"texts"`
	Meta         cohereMeta      `json:"meta"`
	ResponseType string          `json:"response_type"`
}

// The requests that Cohere's clients send, recorded of cohere 7.3.1 (Python), haystack
// and litellm 1.110.2.
func TestCohereEmbed(t *testing.T) {
	h := servedAll(t, nil)
	long := strings.Repeat("a long way ", 30)
	all := []encoding.Format{encoding.Float, encoding.Int8, encoding.Uint8, encoding.Binary, encoding.Ubinary, encoding.Base64}
	for name, c := range map[string]struct {
		path, body string
		opts       embed.Options
		texts      []string
	}{
		"version 2":          {"/v2/embed", `{"model": "tiny", "texts": ["summer", "<a>"], "input_type": "search_document", "embedding_types": ["float"]}`, embed.Options{PromptName: "document"}, []string{"summer", "<a>"}},
		"haystack":           {"/v2/embed", `{"texts": ["summer"], "model": "tiny", "input_type": "search_query", "embedding_types": ["float"], "truncate": "END"}`, embed.Options{PromptName: "query"}, []string{"summer"}},
		"inputs":             {"/v2/embed", `{"model": "tiny", "inputs": [{"content": [{"type": "text", "text": "summer"}]}], "input_type": "classification", "embedding_types": ["float"]}`, embed.Options{}, []string{"summer"}},
		"litellm":            {"/v2/embed", `{"model": "tiny", "texts": ["summer"], "input_type": "search_document"}`, embed.Options{PromptName: "document"}, []string{"summer"}},
		"dimensions":         {"/v2/embed", `{"model": "tiny", "texts": ["summer"], "input_type": "clustering", "output_dimension": 8, "embedding_types": ["float"]}`, embed.Options{Dimensions: 8}, []string{"summer"}},
		"cut":                {"/v2/embed", `{"model": "tiny", "texts": ["` + long + `"], "truncate": "START", "max_tokens": 9}`, embed.Options{Truncate: embed.TruncateStart, MaxTokens: 9}, []string{long}},
		"all types":          {"/v2/embed", `{"model": "tiny", "texts": ["summer", "a"], "embedding_types": ["float", "int8", "uint8", "binary", "ubinary", "base64"]}`, embed.Options{Formats: all}, []string{"summer", "a"}},
		"version 1, by type": {"/v1/embed", `{"model": "tiny", "texts": ["summer"], "input_type": "search_query", "embedding_types": ["int8"]}`, embed.Options{PromptName: "query", Formats: []encoding.Format{encoding.Int8}}, []string{"summer"}},
		"version 1":          {"/v1/embed", `{"model": "tiny", "texts": ["summer", "a"], "truncate": "NONE"}`, embed.Options{}, []string{"summer", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := answerOf[cohereAnswer](t, h, c.path, c.body)
			want := library(t, c.opts, c.texts...)
			assert.NotEmpty(t, r.ID)
			assert.Equal(t, c.texts, r.Texts)
			assert.Equal(t, c.path[2:3], r.Meta.APIVersion.Version)
			tokens := 0
			for _, e := range want.Embeddings {
				tokens += e.Tokens
			}
			assert.Equal(t, tokens, r.Meta.BilledUnits.InputTokens)
			if c.path == "/v1/embed" && c.opts.Formats == nil {
				assert.Equal(t, "embeddings_floats", r.ResponseType)
				var list []json.RawMessage
				require.NoError(t, json.Unmarshal(r.Embeddings, &list))
				for i, e := range want.Embeddings {
					assert.Equal(t, e.Float32, numbers[float32](t, list[i]))
				}
				return
			}
			assert.Equal(t, "embeddings_by_type", r.ResponseType)
			var types map[string][]json.RawMessage
			require.NoError(t, json.Unmarshal(r.Embeddings, &types))
			formats := c.opts.Formats
			if formats == nil {
				formats = []encoding.Format{encoding.Float}
			}
			assert.Len(t, types, len(formats), "only those asked for")
			for _, f := range formats {
				require.Len(t, types[f.String()], len(c.texts))
				for i, e := range want.Embeddings {
					assert.Equal(t, string(e.AppendJSON(nil, []encoding.Format{f})), string(types[f.String()][i]))
				}
			}
		})
	}
}

func TestCohereErrors(t *testing.T) {
	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	h := servedAll(t, func(c *Config) { c.Keys = keys })
	for _, c := range []struct {
		path, body string
		status     int
		message    string
	}{
		{"/v2/embed", `{"model": "x", "texts": ["a"]}`, 404, `"x" is not served here`},
		{"/v2/embed", `{"model": "cross", "texts": ["a"]}`, 400, "a reranker"},
		{"/v2/embed", `{"model": "tiny"}`, 400, "texts: missing"},
		{"/v2/embed", `{"model": "tiny", "texts": "a"}`, 400, "expected a list"},
		{"/v2/embed", `{"model": "tiny", "texts": []}`, 400, "texts: an empty list"},
		{"/v2/embed", `{"model": "tiny", "texts": [[2, 3]]}`, 400, "expected a list of texts"},
		{"/v2/embed", `{"model": "tiny", "texts": ["a", ""]}`, 400, "input 1: empty"},
		{"/v2/embed", `{"model": "tiny", "texts": ["a"], "images": ["b"]}`, 400, "images: unknown"},
		{"/v2/embed", `{"model": "tiny", "texts": ["a"], "input_type": "image"}`, 400, "input_type"},
		{"/v2/embed", `{"model": "tiny", "texts": ["a"], "embedding_types": ["float", "hex"]}`, 400, "embedding_types"},
		{"/v2/embed", `{"model": "tiny", "texts": ["a"], "max_tokens": 1}`, 400, "max_tokens"},
		{"/v2/embed", `{"model": "tiny", "inputs": [{"content": [{"type": "image_url"}]}]}`, 400, "input 0: expected a content of one text"},
		{"/v2/embed", `{"model": "tiny", "inputs": ["a"]}`, 400, "inputs"},
		{"/v2/embed", `{"model": "tiny", "texts": ["` + strings.Repeat("a long way ", 30) + `"], "truncate": "NONE"}`, 400, "model reads 32"},
		{"/v1/embed", `{"model": "tiny", "inputs": []}`, 400, "inputs: unknown"},
		{"/v2/rerank", `{"model": "cross", "query": "a", "documents": []}`, 400, "documents: an empty list"},
		{"/v2/rerank", `{"model": "tiny", "query": "a", "documents": ["b"]}`, 400, "an embedding model"},
	} {
		w := send(h, "POST", c.path, c.body, "Authorization", "Bearer sesame")
		assert.Equal(t, c.status, w.Code, c.body)
		assert.Contains(t, decode[cohereError](t, w.Body).Message, c.message, c.body)
	}
	w := send(h, "POST", "/v2/rerank", `{}`)
	assert.Equal(t, 401, w.Code)
	assert.NotEmpty(t, decode[cohereError](t, w.Body).Message)
}

// The path names the model, and the key has a header of its own.
func TestAzure(t *testing.T) {
	keys, err := NewKeys([]string{"sesame"})
	require.NoError(t, err)
	h := servedAll(t, func(c *Config) { c.Keys = keys })
	for path, model := range map[string]string{
		"/openai/deployments/tiny/embeddings?api-version=2024-10-21": "text-embedding-3-small",
		"/openai/deployments/org/tiny/embeddings":                    "tiny",
		"/openai/v1/embeddings":                                      "tiny",
	} {
		w := send(h, "POST", path, `{"input": "summer", "model": "`+model+`"}`, "api-key", "sesame")
		require.Equal(t, 200, w.Code, w.Body)
		r := decode[response](t, w.Body)
		assert.Equal(t, library(t, embed.Options{}, "summer").Embeddings[0].Float32, numbers[float32](t, r.Data[0].Embedding))
		assert.Equal(t, 200, send(h, "POST", path, `{"input": "summer", "model": "`+model+`"}`, "Authorization", "Bearer sesame").Code)
		requireError(t, send(h, "POST", path, `{}`, "api-key", "wrong"), 401, authentication, "invalid_api_key", "")
	}
	requireError(t, send(h, "POST", "/openai/deployments/none/embeddings", `{"input": "a", "model": "tiny"}`, "api-key", "sesame"), 404, invalidRequest, "model_not_found", "model")
	requireError(t, send(h, "POST", "/v1/embeddings", `{"input": "a", "model": "tiny"}`, "api-key", "sesame"), 401, authentication, "invalid_api_key", "")
}
