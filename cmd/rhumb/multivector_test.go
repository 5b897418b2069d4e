package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

const colBERT = "../../testdata/heads/mv-stanford/model"

// A multi-vector model ranks documents by MaxSim, equal ones by index.
func TestRerankByMaxSim(t *testing.T) {
	g := readCross(t, colBERT)
	args := append([]string{"rerank", "--model", colBERT, "--query", g.Queries[0]}, g.Documents[:4]...)
	args = append(args, g.Documents[0])
	code, stdout, stderr := rhumb(t, "", args...)
	require.Zero(t, code, stderr)
	type line struct {
		Index     int
		Score     float32
		Text      string
		Truncated int
	}
	lines := parse[line](t, stdout)
	require.Len(t, lines, 5)
	for i, l := range lines {
		assert.InDelta(t, g.answers["maxsim"][l.Index%4], l.Score, 1e-4) // as in package multivector
		if i > 0 {
			last := lines[i-1]
			assert.True(t, last.Score > l.Score || last.Score == l.Score && last.Index < l.Index)
		}
	}
	for _, test := range []struct{ args, message string }{
		{"classify summer --model " + colBERT, "a multi-vector model, expected a reranker or a classifier; multivector.Load and rhumb rerank serve it"},
		{"embed summer --model " + colBERT, "a multi-vector model, expected an embedding model; multivector.Load and rhumb rerank serve it"},
	} {
		code, _, stderr := rhumb(t, "", strings.Fields(test.args)...)
		assert.Equal(t, 1, code, test.args)
		assert.Contains(t, stderr, test.message)
	}
}

func TestInfoOfMultiVectorModels(t *testing.T) {
	code, stdout, stderr := rhumb(t, "", "info", "--json", colBERT)
	require.Zero(t, code, stderr)
	var info struct {
		Kinds       []string
		MaxTokens   int            `json:"max_tokens"`
		MultiVector map[string]int `json:"multi_vector"`
		Fingerprint string
		Labels      []string
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &info))
	assert.Equal(t, []string{"multi-vector"}, info.Kinds)
	assert.Equal(t, map[string]int{"dimensions": 16, "query_tokens": 12, "expanded_tokens": 12}, info.MultiVector)
	assert.Equal(t, 36, info.MaxTokens)
	assert.Len(t, info.Fingerprint, 32)
	assert.Nil(t, info.Labels)
	code, stdout, stderr = rhumb(t, "", "info", colBERT)
	require.Zero(t, code, stderr)
	assert.Regexp(t, `kind +multi-vector\n(.*\n)*dimensions +16, of the vector of each token\nquery tokens +12 to 12\n`, stdout)
}

// POST /v1/rerank has the library's scores of a multi-vector model.
func TestServeMultiVectorModel(t *testing.T) {
	needSignals(t)
	s := serve(t, "--model", "colbert="+colBERT)
	model, err := multivector.Load(context.Background(), colBERT, embed.Config{})
	require.NoError(t, err)
	defer model.Close()
	want, err := model.Rank(t.Context(), "a query", []string{"summer", "winter", "", "summer"}, 0, rerank.Options{})
	require.NoError(t, err)
	resp, err := s.client.Post(s.url+"/v1/rerank", "application/json", strings.NewReader(`{"model":"colbert","query":"a query","documents":["summer","winter","","summer"]}`))
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
		Usage struct {
			Tokens int `json:"total_tokens"`
		}
	}
	require.NoError(t, json.Unmarshal(body, &got))
	require.Len(t, got.Results, 4)
	tokens := 0 // of the query with each document, as of pairs
	for i, r := range got.Results {
		assert.Equal(t, want[i].Index, r.Index)
		assert.Equal(t, want[i].Value, r.Score)
		tokens += want[i].Tokens
	}
	assert.Equal(t, tokens, got.Usage.Tokens)
	assert.Greater(t, tokens, 4*model.Info().ExpandedTokens)
	assert.Contains(t, s.get(t, "/v1/models"), `"kind":"multi-vector"`)
}
