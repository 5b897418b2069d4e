package main

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
		`rhumb_requests_total{code="",path="/v1/rerank",status="200"} 1`,
		`rhumb_texts_total{model="cross"} 3`, `rhumb_texts_total{model="tiny"} 1`, `rhumb_truncated_texts_total{model="cross"} 0`,
		`rhumb_queue_wait_seconds_count{model="cross"} 1`, `rhumb_batch_texts_sum{model="cross"} 4`, // with the one to be ready
	} {
		assert.Contains(t, metrics, want+"\n")
	}
	s.end(t, syscall.SIGTERM)

	code, _, stderr := rhumb(t, "", "serve", "--addr", "127.0.0.1:0", "--model", classifier)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "rhumb classify")
}
