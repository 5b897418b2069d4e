package rerank

import (
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// plainModel returns the files of a causal model as transformers writes it.
func plainModel(t testing.TB, name string) fstest.MapFS {
	files := readFolder(t, filepath.Join(goldens, name, "model"))
	for _, of := range []string{"modules.json", "1_LogitScore/config.json", "config_sentence_transformers.json", "sentence_bert_config.json"} {
		require.Contains(t, files, of)
		delete(files, of)
	}
	return files
}

// A causal model that says nothing of scores is a reranker by "yes" and "no", as
// CrossEncoder of sentence-transformers 6.2 makes one of the same folder.
func TestYesNo(t *testing.T) {
	g := readGolden(t, "logit-qwen3")
	var pairs struct {
		Prompt           string
		Scores, Prompted []float32
	}
	readJSON(t, filepath.Join(goldens, g.name, "plain.json"), &pairs)
	files := plainModel(t, g.name)
	score := func(prompt string) (values []float32) {
		m, err := LoadFS(t.Context(), files, embed.Config{})
		require.NoError(t, err)
		defer m.Close() //nolint:errcheck
		assert.True(t, m.Reranks())
		assert.True(t, m.Info().Overruled)
		assert.Equal(t, "Sigmoid", m.Info().Activation)
		for _, q := range g.cases.Queries {
			scores, err := m.Score(t.Context(), q, g.cases.Documents, Options{Prompt: prompt})
			require.NoError(t, err)
			for _, s := range scores {
				values = append(values, s.Value)
			}
		}
		return values
	}
	assert.LessOrEqual(t, worst(t, g.answers["scores"], score("")), tol, "through the chat template")
	assert.LessOrEqual(t, worst(t, g.answers["prompted"], score(g.cases.CustomPrompt)), tol, "a message with a prompt")
	delete(files, "chat_template.jinja")
	assert.LessOrEqual(t, worst(t, pairs.Scores, score("")), tol, "a pair")
	assert.LessOrEqual(t, worst(t, pairs.Prompted, score(pairs.Prompt)), tol, "a prompt before the query")
}

// Where a folder lacks the words or the template has no place for a pair it is no reranker.
func TestYesNoIsRefused(t *testing.T) {
	_, err := LoadFS(t.Context(), kindFolders(t)["causal-qwen3"], embed.Config{})
	requireKind(t, err, "no words", "embed.Load and rhumb embed serve it")
	assert.ErrorContains(t, err, `"yes" or "no" is no token of its vocabulary`)

	files := plainModel(t, "logit-qwen3")
	files["chat_template.jinja"] = &fstest.MapFile{Data: []byte("{{ messages[0].content }}")}
	_, err = LoadFS(t.Context(), files, embed.Config{})
	assert.ErrorContains(t, err, `drops the message of role "document"`)
	files["tokenizer_config.json"] = &fstest.MapFile{Data: []byte("{")}
	_, err = LoadFS(t.Context(), files, embed.Config{})
	assert.ErrorContains(t, err, "tokenizer_config.json")
}

// A causal model with the template and the LogitScore that say how FlagEmbedding's
// FlagLLMReranker reads it has its scores: testdata/generate/flagllm.py.
func TestFlagReranker(t *testing.T) {
	g := readGolden(t, "logit-gemma")
	var flag struct{ Scores []*float32 }
	readJSON(t, filepath.Join(goldens, g.name, "flag.json"), &flag)
	m, err := Load(t.Context(), g.dir, embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	compared := 0
	for i, q := range g.cases.Queries {
		scores, err := m.Score(t.Context(), q, g.cases.Documents, Options{Raw: true})
		require.NoError(t, err)
		for j, s := range scores {
			want := flag.Scores[i*len(scores)+j]
			if want == nil {
				assert.Positive(t, s.Truncated, "pair %d, %d", i, j)
				continue
			}
			assert.Zero(t, s.Truncated, "pair %d, %d", i, j)
			assert.InDelta(t, *want, s.Value, tol, "pair %d, %d", i, j)
			compared++
		}
	}
	assert.Equal(t, 33, compared)
}
