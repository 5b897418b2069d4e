package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// A folder is what it says, unless --as overrules that.
func TestAs(t *testing.T) {
	const golden = "../../testdata/heads/logit-qwen3/model"
	g := readCross(t, golden)
	plain := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"} {
		data, err := os.ReadFile(filepath.Join(golden, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(plain, name), data, 0o666))
	}
	args := append([]string{"rerank", "--sort=false", "--query", g.Queries[0], "--model", plain}, g.Documents[:3]...)
	code, stdout, stderr := rhumb(t, "", args...)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "an embedding model, expected a reranker or a classifier; rhumb embed serves it, and rhumb rerank --as rerank")
	code, stdout, stderr = rhumb(t, "", append(args, "--as", "rerank")...)
	require.Equal(t, 0, code, stderr)
	for i, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var got struct{ Score float32 }
		require.NoError(t, json.Unmarshal([]byte(line), &got))
		assert.InDelta(t, g.answers["scores"][i], got.Score, crossTolerance)
	}
	code, _, stderr = rhumb(t, "", append(args, "--as", "embedding")...)
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--as")
	code, _, stderr = rhumb(t, "", "rerank", "--query", "q", "summer", "--as", "rerank", "--model", tiny)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "an embedding model, expected a reranker or a classifier")
}

const (
	bgeM3    = "../../testdata/heads/bge-m3/model"
	plainMLM = "../../testdata/heads/sparse-plain-mlm/model"
)

// A folder of several kinds is what --as names, and a masked-language model SPLADE; nothing
// changes without it.
func TestAsSeveralKinds(t *testing.T) {
	for _, dir := range []string{bgeM3, plainMLM} {
		m, err := sparse.Load(t.Context(), dir, embed.Config{})
		require.NoError(t, err)
		defer m.Close() //nolint:errcheck
		want, err := m.Embed(t.Context(), []string{"boiling water"}, sparse.Options{})
		require.NoError(t, err)
		code, stdout, stderr := rhumb(t, "", "embed", "--as", "sparse", "--model", dir, "boiling water")
		require.Zero(t, code, stderr)
		lines := sparseLines(t, stdout)
		require.Len(t, lines, 1)
		assert.Equal(t, want[0].Indices, lines[0].Sparse.Indices)
		assert.Equal(t, want[0].Values, lines[0].Sparse.Values)

		code, stdout, stderr = rhumb(t, "", "embed", "--model", dir, "boiling water")
		require.Zero(t, code, stderr)
		assert.Contains(t, stdout, `"embedding":[`)
		code, named, stderr := rhumb(t, "", "embed", "--as", "embedding", "--model", dir, "boiling water")
		require.Zero(t, code, stderr)
		assert.Equal(t, stdout, named)

		texts, out := write(t, "in.txt", "boiling water\nsummer\n"), filepath.Join(t.TempDir(), "out.jsonl")
		code, _, stderr = rhumb(t, "", "batch", "--as", "sparse", "--model", dir, texts, out)
		require.Zero(t, code, stderr)
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.Equal(t, want[0].Values, sparseLines(t, string(data))[0].Sparse.Values)
		code, stdout, stderr = rhumb(t, "", "similarity", "--as", "sparse", "--model", dir, "--output-format", "jsonl", "boiling water", "boiling water")
		require.Zero(t, code, stderr)
		assert.Equal(t, "[1,1]\n[1,1]\n", stdout)
		code, stdout, stderr = rhumb(t, "", "search", "--as", "sparse", "--model", dir, "--corpus", texts, "--top", "1", "boiling water")
		require.Zero(t, code, stderr)
		assert.Contains(t, stdout, fmt.Sprintf(`"score":%v`, sparse.Dot(want[0], want[0])))
		code, _, stderr = rhumb(t, "a text", "chunk", "--as", "sparse", "--model", dir)
		require.Zero(t, code, stderr)
	}

	m, err := multivector.Load(t.Context(), bgeM3, embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	want, err := m.Score(t.Context(), "water", []string{"boiling water"}, rerank.Options{})
	require.NoError(t, err)
	code, stdout, stderr := rhumb(t, "", "rerank", "--as", "multi-vector", "--query", "water", "--model", bgeM3, "boiling water")
	require.Zero(t, code, stderr)
	assert.Equal(t, want[0].Value, parse[struct {
		Index int
		Score float32
		Text  string
	}](t, stdout)[0].Score)
	query, err := m.EmbedQuery(t.Context(), "water", multivector.Options{})
	require.NoError(t, err)
	code, stdout, stderr = rhumb(t, "", "embed", "--as", "multi-vector", "--query", "--model", bgeM3, "water")
	require.Zero(t, code, stderr)
	var row struct{ Embeddings [][]float32 }
	require.NoError(t, json.Unmarshal([]byte(stdout), &row))
	require.Len(t, row.Embeddings, query.Vectors.Rows)
	assert.Equal(t, query.Vectors.Row(0), row.Embeddings[0])
	code, stdout, stderr = rhumb(t, "", "search", "--as", "multi-vector", "--model", bgeM3, "--corpus", write(t, "in.txt", "boiling water\n"), "water")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, fmt.Sprintf(`"score":%v`, want[0].Value))
}

// What a folder cannot be is an error that says what it is.
func TestAsErrors(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"embed a --as sparse --model " + tiny, 1, "an embedding model, expected a sparse model; embed.Load and rhumb embed serve it"},
		{"embed a --as sparse --model minilm", 1, "--as sparse: minilm is an embedding model alone"},
		{"embed a --as sparse --model " + reranker, 1, "a cross-encoder, expected a sparse model; rerank.Load, rhumb rerank and rhumb classify serve it"},
		{"embed a --as embedding --model " + splade, 1, "a sparse model, expected an embedding model"},
		{"embed a --as sparse --pooling mean --model " + plainMLM, 1, "pooling"},
		{"embed a --as rerank --model " + reranker, 2, "--as"},
		{"rerank a --query q --as multi-vector --model " + tiny, 1, "an embedding model, expected a multi-vector model"},
		{"rerank a --query q --as rerank --model " + colBERT, 1, "a multi-vector model, expected a reranker or a classifier"},
		{"rerank a --query q --as rerank --model " + bgeM3, 1, "an embedding model, expected a reranker or a classifier"},
	} {
		code, stdout, stderr := rhumb(t, "", strings.Fields(test.args)...)
		assert.Equal(t, test.code, code, "%s: %s", test.args, stderr)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.want, test.args)
	}
}

// info says what a folder is, all kinds that it has, and what it is as one of them.
func TestInfoKinds(t *testing.T) {
	for _, test := range []struct {
		args  string
		kinds []string
		text  string
	}{
		{bgeM3, []string{"embedding", "sparse", "multi-vector"}, `dimensions +36\n`},
		{bgeM3 + " --as embedding", []string{"embedding"}, `dimensions +36\n`},
		{bgeM3 + " --as sparse", []string{"sparse"}, `weights +of tokens\n`},
		{bgeM3 + " --as multi-vector", []string{"multi-vector"}, `dimensions +36, of the vector of each token\n`},
		{plainMLM, []string{"embedding"}, `pooling +mean\n`},
		{plainMLM + " --as sparse", []string{"sparse"}, `weights +of tokens\n`},
		{splade, []string{"sparse"}, `weights +of tokens\n`},
		{tiny, []string{"embedding"}, `dimensions`},
		{reranker + " --as rerank", []string{"reranker"}, `activation`},
	} {
		code, stdout, stderr := rhumb(t, "", append([]string{"info", "--json"}, strings.Fields(test.args)...)...)
		require.Zero(t, code, stderr)
		var info struct {
			Kinds       []string
			Fingerprint string
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &info))
		assert.Equal(t, test.kinds, info.Kinds, test.args)
		assert.Len(t, info.Fingerprint, 32)
		code, stdout, stderr = rhumb(t, "", append([]string{"info"}, strings.Fields(test.args)...)...)
		require.Zero(t, code, stderr)
		assert.Regexp(t, `kind +`+strings.Join(test.kinds, ", ")+`\n(.*\n)*`+test.text, stdout)
	}
	for args, want := range map[string]string{
		tiny + " --as sparse":       "an embedding model, expected a sparse model",
		"minilm --as rerank":        "--as rerank: minilm is an embedding model alone",
		classifier + " --as rerank": "is a classifier with 3 labels, expected a reranker",
		bgeM3 + " --as classify":    "an embedding model, expected a reranker or a classifier",
	} {
		code, _, stderr := rhumb(t, "", append([]string{"info"}, strings.Fields(args)...)...)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, want)
	}
}
