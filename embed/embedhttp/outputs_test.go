package embedhttp

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/m3"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// addM3 adds bge-m3 with the queues of all its parts.
func addM3(t testing.TB, m *m3.Model) func(*Config) {
	return func(c *Config) {
		served := Model{
			Name: "m3", M3: m3.NewQueue(m, embed.QueueConfig{}),
			Queue: embed.NewQueue(m.Embedding(), embed.QueueConfig{}), Info: m.Embedding().Info(),
			Sparse: sparse.NewQueue(m.Sparse(), embed.QueueConfig{}), SparseInfo: m.Sparse().Info(),
			MultiVector: multivector.NewQueue(m.MultiVector(), embed.QueueConfig{}), MultiVectorInfo: m.MultiVector().Info(),
		}
		t.Cleanup(func() { assert.NoError(t, served.queue().Close(context.Background())) })
		c.Models = append(c.Models, served)
	}
}

// One model of several outputs answers every endpoint of each, and requests for several
// outputs, with the library's bits.
func TestSeveralOutputs(t *testing.T) {
	m, err := m3.Load(t.Context(), heads+"bge-m3/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	h, _ := served(t, addM3(t, m))
	require.NoError(t, h.Warm(t.Context()))
	texts := []string{"boiling water", "a cup of tea"}
	want, err := m.Embed(t.Context(), texts, m3.Options{})
	require.NoError(t, err)

	dense := lax[struct {
		Data []struct{ Embedding []float32 }
	}](t, h, "/v1/embeddings", `{"model":"m3","input":["boiling water","a cup of tea"]}`)
	weights := answerOf[[][]teiWeight](t, h, "/embed_sparse", `{"inputs":["boiling water","a cup of tea"]}`)
	scores, err := m.MultiVector().Score(t.Context(), texts[0], texts, rerank.Options{})
	require.NoError(t, err)
	ranked := lax[struct {
		Results []struct {
			Index int
			Score float32 `json:"relevance_score"`
		}
	}](t, h, "/v1/rerank", `{"model":"m3","query":"boiling water","documents":["boiling water","a cup of tea"]}`)
	for i, o := range want {
		assert.Equal(t, o.Dense, dense.Data[i].Embedding)
		var got sparse.Vector
		for _, w := range weights[i] {
			got.Indices, got.Values = append(got.Indices, w.Index), append(got.Values, w.Value)
		}
		assert.Equal(t, o.Sparse.Indices, got.Indices)
		assert.Equal(t, o.Sparse.Values, got.Values)
		assert.Equal(t, scores[ranked.Results[i].Index].Value, ranked.Results[i].Score)
	}

	type dict struct {
		Dense       []float32
		Sparse      *struct{ Indices, Values json.RawMessage }
		MultiVector [][]float32 `json:"multi_vector"`
	}
	type several struct {
		Data []struct {
			Object    string
			Embedding dict
		}
		Usage usage
	}
	all := lax[several](t, h, "/v1/embeddings", `{"model":"m3","input":["boiling water","a cup of tea"],"outputs":["dense","sparse","multi_vector"]}`)
	require.Len(t, all.Data, 2)
	for i, o := range want {
		got := all.Data[i]
		assert.Equal(t, "embedding_dict", got.Object)
		assert.Equal(t, o.Dense, got.Embedding.Dense)
		var values []float32
		require.NoError(t, json.Unmarshal(got.Embedding.Sparse.Values, &values))
		assert.Equal(t, o.Sparse.Values, values)
		var indices []int32
		require.NoError(t, json.Unmarshal(got.Embedding.Sparse.Indices, &indices))
		assert.Equal(t, o.Sparse.Indices, indices)
		require.Len(t, got.Embedding.MultiVector, o.Vectors.Rows)
		for r, v := range got.Embedding.MultiVector {
			assert.Equal(t, o.Vectors.Row(r), v)
		}
	}
	assert.Equal(t, want[0].Tokens+want[1].Tokens, all.Usage.PromptTokens)
	one := lax[several](t, h, "/v1/embeddings", `{"model":"m3","input":"boiling water","outputs":["sparse"],"truncate_prompt_tokens":3}`)
	assert.Nil(t, one.Data[0].Embedding.Dense)
	assert.NotNil(t, one.Data[0].Embedding.Sparse)
	assert.Positive(t, one.Usage.TruncatedTokens)

	listed := answerOfGet[modelInfo](t, h, "/v1/models/m3")
	assert.Equal(t, embedding, listed.Kind)
	assert.Equal(t, []kind{embedding, sparseKind, multiKind}, listed.Kinds)

	for body, want := range map[string]string{
		`{"model":"tiny","input":"a","outputs":["dense"]}`:                          "has one output",
		`{"model":"m3","input":"a","outputs":"dense"}`:                              "expected a list of dense, sparse, multi_vector",
		`{"model":"m3","input":"a","outputs":[]}`:                                   "an empty list",
		`{"model":"m3","input":"a","outputs":["dense","dense"]}`:                    "each once",
		`{"model":"m3","input":"a","outputs":[1]}`:                                  "found 1",
		`{"model":"m3","input":"a","outputs":["dense"],"dimensions":4}`:             "given with outputs",
		`{"model":"m3","input":"a","outputs":["dense"],"normalized":false}`:         "given with outputs",
		`{"model":"m3","input":"a","outputs":["dense"],"encoding_format":"int8"}`:   "given with outputs",
		`{"model":"m3","input":"a","outputs":["dense"],"encoding_format":"base64"}`: "given with outputs",
		`{"model":"m3","input":[0,5,2],"outputs":["dense"]}`:                        "given with outputs",
		`{"model":"m3","input":["a","b"],"outputs":["dense"],"late_chunking":true}`: "given with outputs",
	} {
		w := send(h, "POST", "/v1/embeddings", body)
		assert.Equal(t, 400, w.Code, body)
		assert.Contains(t, w.Body.String(), want, body)
	}
	w := send(h, "POST", "/embed_sparse", `{"inputs":[[0,5,2]],"model":"m3"}`)
	assert.Equal(t, 422, w.Code, "token ids: %s", w.Body)
	w = send(h, "POST", "/predict", `{"inputs":"a","model":"m3"}`)
	assert.Contains(t, w.Body.String(), "an embedding model")
}

// Queues that do not belong together are refused.
func TestQueuesOfSeveralModels(t *testing.T) {
	m, err := m3.Load(t.Context(), heads+"bge-m3/model", embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // nothing was written
	var c Config
	addM3(t, m)(&c)
	for name, change := range map[string]func(*Model){
		"3 queues": func(m *Model) { m.Sparse = nil },
		"2 queues": func(m *Model) { m.Queue, m.MultiVector = nil, nil },
		"1 queues": func(m *Model) { m.Queue, m.MultiVector, m.Sparse = nil, nil, nil },
		"no queue": func(m *Model) { m.Queue, m.MultiVector, m.Sparse, m.M3 = nil, nil, nil, nil },
	} {
		one := c.Models[0]
		change(&one)
		_, err := New(Config{Models: []Model{one}})
		require.Error(t, err, name)
		assert.True(t, strings.Contains(err.Error(), name), err)
	}
}

// answerOfGet is answerOf without a body.
func answerOfGet[T any](t testing.TB, h *Handler, path string) T {
	t.Helper()
	w := send(h, "GET", path, "")
	require.Equal(t, 200, w.Code, "%s\n%s", path, w.Body)
	return decode[T](t, w.Body)
}

// lax is answerOf of an answer of which T has a part.
func lax[T any](t testing.TB, h *Handler, path, body string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(answerOf[json.RawMessage](t, h, path, body), &v))
	return v
}

// What answers of a model that comes and goes are made of leads to none of its weights, and
// says of which kind it is.
func TestDescriptionOfSeveralOutputs(t *testing.T) {
	m, err := m3.Load(t.Context(), heads+"bge-m3/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	var c Config
	addM3(t, m)(&c)
	served := c.Models[0]
	served.entry, served.told = new(entry), served.kinds()
	d := served.description()
	assert.Nil(t, d.queue())
	assert.Equal(t, served.kinds(), d.kinds())
}
