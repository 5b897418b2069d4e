package command

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// A folder says of which kind its model is, and the service serves both.
func TestServeReranker(t *testing.T) {
	needSignals(t)
	s := serve(t, "--model", "cross="+reranker)
	model, err := rerank.Load(context.Background(), reranker, embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	want, err := model.Rank(t.Context(), "a query", []string{"summer", "winter", ""}, 2, rerank.Options{})
	require.NoError(t, err)

	resp, err := s.client.Post(s.url+"/v1/rerank", "application/json", strings.NewReader(`{"model":"cross","query":"a query","documents":["summer","winter",""],"top_n":2}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
	var got struct {
		Results []struct {
			Index int
			Score float32 `json:"relevance_score"`
		}
	}
	require.NoError(t, json.Unmarshal(body, &got))
	require.Len(t, got.Results, 2)
	for i, r := range got.Results {
		assert.Equal(t, want[i].Index, r.Index)
		assert.Equal(t, math.Float32bits(want[i].Value), math.Float32bits(r.Score), "the library's bits")
	}
	code, _, err := s.post(`{"model":"tiny","input":"summer"}`, "")
	require.NoError(t, err)
	assert.Equal(t, 200, code)
	code, answer, err := s.post(`{"model":"cross","input":"summer"}`, "")
	require.NoError(t, err)
	assert.Equal(t, 400, code)
	assert.Contains(t, string(answer), "model_kind_mismatch")

	models := s.get(t, "/v1/models")
	assert.Contains(t, models, `"kind":"embedding"`)
	assert.Contains(t, models, `"kind":"reranker"`)
	metrics := s.get(t, "/metrics")
	for _, want := range []string{
		`rhumb_requests_total{error="",path="/v1/rerank",status="200"} 1`,
		`rhumb_texts_total{model="cross"} 3`, `rhumb_texts_total{model="tiny"} 1`, `rhumb_truncated_texts_total{model="cross"} 0`,
		`rhumb_queue_wait_seconds_count{model="cross"} 1`, `rhumb_batch_texts_sum{model="cross"} 4`, // with the one to be ready
	} {
		assert.Contains(t, metrics, want+"\n")
	}
	s.end(t, syscall.SIGTERM)

}

// Models of all kinds, one folder under several names, and a default.
func TestServeNames(t *testing.T) {
	needSignals(t)
	s := serve(t, "--model", "again="+tiny+"/../model", "--model", "minilm", "--model", "nli="+classifier, "--model", "splade="+splade,
		"--model", "m3="+bgeM3, "--model", "m3-vectors="+bgeM3, "--as", "m3-vectors=multi-vector",
		"--alias", "text-embedding-3-small=again", "--alias", "org/model=minilm", "--default", "all-MiniLM-L6-v2")
	ask := func(path, body string) string {
		resp, err := s.client.Post(s.url+path, "", strings.NewReader(body))
		require.NoError(t, err)
		defer resp.Body.Close()
		content, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode, "%s", content)
		return string(content)
	}
	vector := func(body string) string {
		var answer struct {
			Data []struct{ Embedding json.RawMessage }
		}
		require.NoError(t, json.Unmarshal([]byte(ask("/v1/embeddings", body)), &answer))
		return string(answer.Data[0].Embedding)
	}
	for _, name := range []string{"again", "text-embedding-3-small"} {
		assert.Equal(t, vector(`{"model":"tiny","input":"summer"}`), vector(`{"model":"`+name+`","input":"summer"}`))
	}
	for _, model := range []string{``, `"model":"org/model",`, `"model":"sentence-transformers/all-MiniLM-L6-v2",`} {
		assert.Equal(t, vector(`{"model":"minilm","input":"summer"}`), vector(`{`+model+`"input":"summer"}`))
	}
	assert.Contains(t, ask("/predict", `{"inputs":"summer"}`), "entailment")
	assert.Contains(t, ask("/embed_sparse", `{"inputs":"summer"}`), `"index":`)
	assert.Contains(t, ask("/v1/rerank", `{"model":"m3-vectors","query":"summer","documents":["winter"]}`), `"relevance_score":`)
	assert.NotEmpty(t, vector(`{"model":"m3","input":"summer"}`))
	assert.Equal(t, 6, strings.Count(s.get(t, "/v1/models"), `"object":"model"`), "two names of one folder are one model, two kinds are two")
	metrics := s.get(t, "/metrics")
	assert.Contains(t, metrics, `rhumb_texts_total{model="tiny"} 4`+"\n")
	assert.Contains(t, metrics, `rhumb_texts_total{model="nli"} 1`+"\n")
	s.end(t, syscall.SIGTERM)
	for args, want := range map[string]string{
		"--alias a":                         "--alias a: expected NAME=MODEL",
		"--alias a=nope":                    "--alias a=nope: no --model is called nope",
		"--as sparse":                       "--as sparse: minilm is an embedding model alone",
		"--as sparse --model " + tiny:       "an embedding model, expected a sparse model",
		"--as nope=sparse":                  "--as nope=sparse: no --model is called nope",
		"--as minilm=nope":                  "--as minilm=nope: expected [NAME=]KIND, a KIND of embedding, sparse, multi-vector, rerank, classify",
		"--as sparse --as rerank":           "--as rerank: given twice for one model",
		"--default nope":                    "--default nope: no --model is called that",
		"--alias a=minilm --alias a=minilm": `two models are called "a"`,
		"--model ../../testdata/kinds/qa":   "a question answering model",
	} {
		code, _, stderr := rhumb(t, "", append([]string{"serve", "--addr", "127.0.0.1:0"}, strings.Fields(args)...)...)
		assert.NotZero(t, code, args)
		assert.Contains(t, stderr, want, args)
	}
}
