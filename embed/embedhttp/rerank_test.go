package embedhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/tensor"
)

// The cross-encoder reads pairs of 56 tokens.
const heads = "../../testdata/heads/"

var loadCross = sync.OnceValues(func() (*rerank.Model, error) {
	return rerank.Load(context.Background(), heads+"rerank-bert/model", embed.Config{})
})

func cross(t testing.TB) *rerank.Model {
	t.Helper()
	m, err := loadCross()
	require.NoError(t, err)
	return m
}

// reranking returns a Model of m as that name.
func reranking(t testing.TB, name string, m *rerank.Model, cfg embed.QueueConfig) Model {
	t.Helper()
	q := rerank.NewQueue(m, cfg)
	t.Cleanup(func() { _ = q.Close(context.Background()) })
	print, err := m.Fingerprint(t.Context())
	require.NoError(t, err)
	return Model{Name: name, Rerank: q, RerankInfo: m.Info(), Fingerprint: print}
}

// addCross is a change of served that adds the cross-encoder as "cross".
func addCross(t testing.TB) func(*Config) {
	m := reranking(t, "cross", cross(t), embed.QueueConfig{})
	return func(c *Config) { c.Models = append(c.Models, m) }
}

// ranking is what RETRIEVAL promises of an answer, and nothing else.
type rankingAnswer struct {
	ID      string         `json:"id"`
	Object  string         `json:"object"`
	Model   string         `json:"model"`
	Results []rankedAnswer `json:"results"`
	Data    []stringResult `json:"data"`
	Meta    rankingMeta    `json:"meta"`
	Usage   struct {
		PromptTokens    int `json:"prompt_tokens"`
		TotalTokens     int `json:"total_tokens"`
		TruncatedTokens int `json:"truncated_tokens"`
	} `json:"usage"`
}

type rankedAnswer struct {
	Index    int     `json:"index"`
	Score    float32 `json:"relevance_score"`
	Document *struct {
		Text string `json:"text"`
	} `json:"document"`
}

// rank sends a request to rank documents that has to succeed.
func rank(t testing.TB, h *Handler, body string) rankingAnswer {
	t.Helper()
	w := send(h, "POST", "/v1/rerank", body)
	require.Equal(t, 200, w.Code, "%.500s\n%s", body, w.Body)
	r := decode[rankingAnswer](t, w.Body)
	r.checkData(t)
	return r
}

// checkData checks that the data are the results, with documents that are strings.
func (r *rankingAnswer) checkData(t testing.TB) {
	t.Helper()
	require.Len(t, r.Data, len(r.Results))
	for i, result := range r.Results {
		want := stringResult{result.Index, result.Score, nil}
		if result.Document != nil {
			want.Document = &result.Document.Text
		}
		require.Equal(t, want, r.Data[i])
	}
}

// rankBody returns a request; more begins with a comma, or is empty.
func rankBody(t testing.TB, model, query string, documents []string, more string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"model": model, "query": query, "documents": documents})
	require.NoError(t, err)
	return strings.TrimSuffix(string(body), "}") + more + "}"
}

// The reference's scores come through.
func TestRerankGoldens(t *testing.T) {
	const tol = 3e-5 // as for the library: the reference differs from itself by 3e-6 between batches
	for _, name := range []string{"rerank-bert", "rerank-xlm-roberta", "rerank-modernbert-mean", "logit-qwen3-default-prompt"} {
		t.Run(name, func(t *testing.T) {
			m, err := rerank.Load(context.Background(), heads+name+"/model", embed.Config{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, m.Close()) })
			h, err := New(Config{Models: []Model{reranking(t, name, m, embed.QueueConfig{})}})
			require.NoError(t, err)
			var cases struct {
				Queries, Documents []string
				CustomPrompt       string `json:"custom_prompt"`
				Prompts            map[string]string
			}
			data, err := os.ReadFile(heads + name + "/cases.json")
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(data, &cases))
			f, err := tensor.Open(heads + name + "/golden.safetensors")
			require.NoError(t, err)
			defer f.Close() //nolint:errcheck
			prompt, err := json.Marshal(cases.CustomPrompt)
			require.NoError(t, err)
			more := map[string]string{"scores": "", "prompted": `,"prompt":` + string(prompt)}
			for name := range cases.Prompts {
				more["prompt_"+name] = `,"prompt_name":"` + name + `"`
			}
			for key, more := range more {
				x, ok := f.Tensor(key)
				require.True(t, ok, key)
				want := make([]float32, x.Len())
				require.NoError(t, x.Float32s(want))
				n := len(cases.Documents)
				for i, query := range cases.Queries {
					r := rank(t, h, rankBody(t, name, query, cases.Documents, more))
					require.Len(t, r.Results, n)
					for k, result := range r.Results {
						assert.InDelta(t, want[i*n+result.Index], result.Score, tol, key)
						assert.True(t, k == 0 || result.Score <= r.Results[k-1].Score, "highest first")
					}
				}
			}
		})
	}
}

var someDocuments = []string{"", "the river", "a \"doctor\" <said> \u00e9 😀\n", "the river", strings.Repeat("battery ", 100)}

// The answer has what clients of Cohere, Jina and Voyage read, and the library's bits.
func TestRerankAnswer(t *testing.T) {
	h, _ := served(t, addCross(t))
	want, err := cross(t).Rank(t.Context(), "which one", someDocuments, 0, rerank.Options{})
	require.NoError(t, err)
	tokens, truncated := 0, 0
	for _, r := range want {
		tokens += r.Tokens
		truncated += r.Truncated
	}
	require.Positive(t, truncated)
	print, err := cross(t).Fingerprint(t.Context())
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, path := range []string{"/v1/rerank", "/v2/rerank", "/rerank"} {
		w := send(h, "POST", path, rankBody(t, "cross", "which one", someDocuments, ""))
		require.Equal(t, 200, w.Code, w.Body)
		assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
		assert.Equal(t, fmt.Sprint(w.Body.Len()), w.Header().Get("Content-Length"))
		assert.Regexp(t, `^read;dur=\d+\.\d{3}, wait;dur=\d+\.\d{3}, compute;dur=\d+\.\d{3}, encode;dur=\d+\.\d{3}$`, w.Header().Get("Server-Timing"))
		assert.NotEmpty(t, w.Header().Get("X-Request-Id"))
		assert.Equal(t, print, w.Header().Get("X-Model-Fingerprint"))
		assert.Equal(t, "1", w.Header().Get("X-Truncated-Inputs"))
		assert.NotContains(t, w.Body.String(), `"document"`)
		r := decode[rankingAnswer](t, w.Body)
		assert.Regexp(t, `^rerank-[A-Z2-7]{26}$`, r.ID)
		ids[r.ID] = true
		assert.Equal(t, "list", r.Object)
		assert.Equal(t, "cross", r.Model)
		assert.Equal(t, "2", r.Meta.APIVersion.Version)
		assert.Equal(t, 1, r.Meta.BilledUnits.SearchUnits)
		assert.Equal(t, []int{tokens, tokens, tokens, truncated}, []int{r.Meta.Tokens.InputTokens, r.Usage.PromptTokens, r.Usage.TotalTokens, r.Usage.TruncatedTokens})
		require.Len(t, r.Results, len(want))
		for i, result := range r.Results {
			assert.Equal(t, want[i].Index, result.Index)
			assert.Equal(t, math.Float32bits(want[i].Value), math.Float32bits(result.Score), "the library's bits")
		}
		r.checkData(t)
	}
	assert.Len(t, ids, 3)
	w := send(h, "POST", "/v1/rerank", rankBody(t, "cross", "which one", []string{"short"}, ""))
	assert.Empty(t, w.Header().Get("X-Truncated-Inputs"))
}

// Requests that say the same are given the same scores, which are the library's.
func TestRerankFields(t *testing.T) {
	h, _ := served(t, func(c *Config) {
		addCross(t)(c)
		c.Default = "cross"
	})
	for _, c := range []struct {
		opts rerank.Options
		top  int
		same []string
	}{
		{rerank.Options{}, 0, []string{
			``, `,"model":null`, `,"top_n":null,"top_k":null,"truncation":null,"return_documents":null`, `,"truncation":true`, `,"max_tokens_per_doc":4096`, `,"max_tokens_per_doc":56`,
			`,"top_n":1000`, `,"top_k":5`, `,"priority":9,"user":"x"`, `,"rank_fields":["text"]`, `,"prompt":null`, `,"return_documents":false`,
		}},
		{rerank.Options{}, 2, []string{`,"top_n":2`, `,"top_k":2`, `,"top_n":2,"top_k":2.0`}},
		{rerank.Options{Prompt: "as it is: "}, 0, []string{`,"prompt":"as it is: "`}},
		{rerank.Options{MaxDocumentTokens: 3}, 1, []string{`,"max_tokens_per_doc":3,"top_n":1`}},
	} {
		want, err := cross(t).Rank(t.Context(), "which one", someDocuments, c.top, c.opts)
		require.NoError(t, err)
		for _, fields := range c.same {
			body, err := json.Marshal(map[string]any{"query": "which one", "documents": someDocuments})
			require.NoError(t, err)
			r := rank(t, h, strings.TrimSuffix(string(body), "}")+fields+"}")
			require.Len(t, r.Results, len(want), fields)
			for i := range want {
				assert.Equal(t, want[i].Index, r.Results[i].Index, fields)
				assert.Equal(t, want[i].Value, r.Results[i].Score, fields)
			}
		}
	}
	// Objects with a text are documents too, and come back as such.
	strict := rank(t, h, `{"query":"which one","documents":["the river",{"text":"a\n<b> \u00e9"},{ "text" : "" }],"return_documents":true}`)
	texts := []string{"the river", "a\n<b> é", ""}
	for _, r := range strict.Results {
		require.NotNil(t, r.Document)
		assert.Equal(t, texts[r.Index], r.Document.Text)
	}
	assert.Len(t, strict.Results, 3)
	lenient, _ := served(t, func(c *Config) {
		addCross(t)(c)
		c.IgnoreUnknown = true
	})
	r := rank(t, lenient, `{"model":"cross","query":"which one","documents":["the river",{"text":"a\n<b> é","title":{"text":"x"}},{"text":""}],"max_chunks_per_doc":1}`)
	for i := range r.Results {
		assert.Equal(t, strict.Results[i].Score, r.Results[i].Score)
	}
}

// Every model says what it is, and what is asked of one of another kind is told where to go.
func TestKinds(t *testing.T) {
	h, _ := served(t, addCross(t))
	list := decode[modelList](t, send(h, "GET", "/v1/models", "").Body)
	require.Len(t, list.Data, 2)
	assert.Equal(t, []kind{embedding, reranker}, []kind{list.Data[0].Kind, list.Data[1].Kind})
	m := decode[modelInfo](t, send(h, "GET", "/v1/models/cross", "").Body)
	assert.Equal(t, list.Data[1], m)
	assert.Equal(t, 56, m.MaxTokens)
	assert.Zero(t, m.Dimensions)
	assert.Empty(t, m.Prompts)
	assert.NotEmpty(t, m.Fingerprint)

	message := requireError(t, send(h, "POST", "/v1/embeddings", `{"model":"cross","input":"a"}`), 400, invalidRequest, "model_kind_mismatch", "model")
	assert.Equal(t, `model: "cross" is a reranker: POST /v1/rerank serves it`, message)
	message = requireError(t, send(h, "POST", "/v1/rerank", `{"model":"org/tiny","query":"a","documents":["b"]}`), 400, invalidRequest, "model_kind_mismatch", "model")
	assert.Equal(t, `model: "org/tiny" is an embedding model: POST /v1/embeddings serves it`, message)
	requireError(t, send(h, "POST", "/v1/rerank", `{"model":"talker","query":"a","documents":["b"]}`), 400, invalidRequest, "model_kind_mismatch", "model")

	// The only model of its kind is that of requests which name none; of several, the default.
	assert.Equal(t, "tiny", ask(t, h, `{"input":"a"}`).Model)
	w := send(h, "POST", "/v1/rerank", `{"query":"a","documents":["b"]}`)
	require.Equal(t, 200, w.Code, w.Body)
	two := func(c *Config) {
		addCross(t)(c)
		again := c.Models[0]
		again.Name, again.Aliases = "second", nil
		c.Models = append(c.Models, again)
	}
	h, err := New(Config{Models: []Model{reranking(t, "cross", cross(t), embed.QueueConfig{})}})
	require.NoError(t, err)
	message = requireError(t, send(h, "POST", "/v1/embeddings", `{"input":"a"}`), 400, invalidRequest, "model_kind_mismatch", "model")
	assert.Contains(t, message, `"cross" is a reranker`)
	h, _ = served(t, two)
	message = requireError(t, send(h, "POST", "/v1/embeddings", `{"input":"a"}`), 400, invalidRequest, "invalid_request", "model")
	assert.Equal(t, "model: missing, expected one of: tiny, second", message)
	h, _ = served(t, func(c *Config) {
		two(c)
		c.Default = "second"
	})
	assert.Equal(t, "second", ask(t, h, `{"input":"a"}`).Model)
	require.Equal(t, 200, send(h, "POST", "/v1/rerank", `{"query":"a","documents":["b"]}`).Code)

	require.NoError(t, h.Warm(t.Context()))
	require.NoError(t, h.models["cross"].Rerank.Close(t.Context()))
	assert.ErrorContains(t, h.Warm(t.Context()), `model "cross"`)
	requireError(t, send(h, "POST", "/v1/rerank", `{"model":"cross","query":"a","documents":["b"]}`), 503, serverError, "shutting_down", "")
}

func TestRerankConfigErrors(t *testing.T) {
	m := reranking(t, "a", cross(t), embed.QueueConfig{})
	both := m
	both.Queue = embed.NewQueue(tiny(t), embed.QueueConfig{})
	_, err := New(Config{Models: []Model{both}})
	assert.ErrorContains(t, err, `model "a": 2 queues`)
}
