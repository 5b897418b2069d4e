package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/adapt"
	"github.com/rhumb-go/rhumb/search"
)

var _ embeddings.Embedder = adapt.Embedder{}

// What langchaingo gets are the bits of Model.Embed, with the prompts of the tiny
// model for documents and for queries.
func TestStore(t *testing.T) {
	model, err := embed.Load(t.Context(), "../../testdata/goldens/bert/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	texts := []string{"The food was delicious", "The train was late"}
	const question = "Was there a delay?"
	documents, err := model.Embed(t.Context(), texts, embed.Options{PromptName: "document"})
	require.NoError(t, err)
	query, err := model.Embed(t.Context(), []string{question}, embed.Options{PromptName: "query"})
	require.NoError(t, err)

	s := &store{}
	with := vectorstores.WithEmbedder(adapt.Embedder{Model: model})
	ids, err := s.AddDocuments(t.Context(), []schema.Document{{PageContent: texts[0]}, {PageContent: texts[1]}}, with)
	require.NoError(t, err)
	assert.Equal(t, []string{"0", "1"}, ids)
	assert.Equal(t, append(documents.Embeddings[0].Float32, documents.Embeddings[1].Float32...), s.vectors)

	found, err := vectorstores.ToRetriever(s, 5, with).GetRelevantDocuments(t.Context(), question)
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Greater(t, found[0].Score, found[1].Score)
	scores := map[string]float32{}
	for _, d := range found {
		scores[d.PageContent] = d.Score
	}
	for i, text := range texts {
		want, err := search.Score(search.Dot, query.Embeddings[0].Float32, documents.Embeddings[i].Float32)
		require.NoError(t, err)
		assert.Equal(t, want, scores[text])
	}
	above, err := s.SimilaritySearch(t.Context(), question, 5, with, vectorstores.WithScoreThreshold(found[0].Score))
	require.NoError(t, err)
	assert.Equal(t, found[:1], above)

	var input *embed.InputError
	_, err = s.AddDocuments(t.Context(), []schema.Document{{PageContent: "a"}, {}}, with)
	require.ErrorAs(t, err, &input)
	assert.Equal(t, 1, input.Index)
	assert.Len(t, s.documents, 2)
	_, err = s.SimilaritySearch(t.Context(), question, 5, with, vectorstores.WithNameSpace("a"))
	require.ErrorContains(t, err, "expected none but")
}
