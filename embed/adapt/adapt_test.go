package adapt_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
	"github.com/rhumb-go/rhumb/tensor"
)

// The libraries' own types, spelled out: the modules of examples compile against
// the real ones.
var (
	_ interface { // langchaingo's embeddings.Embedder
		EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error)
		EmbedQuery(ctx context.Context, text string) ([]float32, error)
	} = adapt.Embedder{}
	_ func(ctx context.Context, text string) ([]float32, error) = adapt.Embedder{}.EmbedDocument // chromem-go's EmbeddingFunc
)

const golden = "../../testdata/goldens/bert" // prompts "search_query: " and "passage: "

// tolerance is that of the goldens of package embed, and its reason.
const tolerance = 3e-5

// models returns a model and a queue of it, which are to behave alike.
func models(t *testing.T) (*embed.Model, map[string]adapt.Embedder) {
	m, err := embed.Load(t.Context(), filepath.Join(golden, "model"), embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	q := embed.NewQueue(m, embed.QueueConfig{})
	t.Cleanup(func() { assert.NoError(t, q.Close(context.Background())) })
	return m, map[string]adapt.Embedder{"model": {Model: m}, "queue": {Model: q}}
}

// Queries are sentence-transformers' encode with the prompt for queries, brought
// to unit length.
func TestQueryGoldens(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(golden, "cases.json"))
	require.NoError(t, err)
	var cases struct{ Texts []string }
	require.NoError(t, json.Unmarshal(data, &cases))
	f, err := tensor.Open(filepath.Join(golden, "encode.safetensors"))
	require.NoError(t, err)
	defer f.Close()
	x, ok := f.Tensor("query")
	require.True(t, ok)
	want := make([]float32, x.Len())
	require.NoError(t, x.Float32s(want))
	width := x.Shape[1]
	_, embedders := models(t)
	for name, e := range embedders {
		t.Run(name, func(t *testing.T) {
			for i, text := range cases.Texts {
				if text == "" {
					continue
				}
				got, err := e.EmbedQuery(t.Context(), text)
				require.NoError(t, err)
				require.Len(t, got, width)
				row := want[i*width : (i+1)*width]
				var square float64
				for _, w := range row {
					square += float64(w) * float64(w)
				}
				for j, w := range row {
					require.InDelta(t, float64(w)/math.Sqrt(square), got[j], tolerance, "text %d, component %d", i, j)
				}
			}
		})
	}
}

// All methods give the bits of Model.Embed with the prompt put before each text
// by hand.
func TestPrompts(t *testing.T) {
	texts := []string{"The food was delicious", "Das Essen war köstlich", "a"}
	m, embedders := models(t)
	with := func(prompt string) *embed.Result {
		r, err := m.Embed(t.Context(), texts, embed.Options{Prompt: prompt})
		require.NoError(t, err)
		return r
	}
	queries, documents := with("search_query: "), with("passage: ")
	for name, e := range embedders {
		t.Run(name, func(t *testing.T) {
			all, err := e.EmbedDocuments(t.Context(), texts)
			require.NoError(t, err)
			require.Len(t, all, len(texts))
			for i, text := range texts {
				document, err := e.EmbedDocument(t.Context(), text)
				require.NoError(t, err)
				query, err := e.EmbedQuery(t.Context(), text)
				require.NoError(t, err)
				assert.Equal(t, documents.Embeddings[i].Float32, document)
				assert.Equal(t, documents.Embeddings[i].Float32, all[i])
				assert.Equal(t, queries.Embeddings[i].Float32, query)
				assert.NotEqual(t, document, query)
			}
			none, err := e.EmbedDocuments(t.Context(), nil)
			require.NoError(t, err)
			assert.Empty(t, none)
		})
	}
}

func TestErrors(t *testing.T) {
	_, embedders := models(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, e := range embedders {
		t.Run(name, func(t *testing.T) {
			var input *embed.InputError
			_, err := e.EmbedDocuments(t.Context(), []string{"a", ""})
			require.ErrorAs(t, err, &input)
			assert.Equal(t, 1, input.Index)
			_, err = e.EmbedQuery(t.Context(), "")
			require.ErrorAs(t, err, &input)
			_, err = e.EmbedDocument(ended, "a")
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}
