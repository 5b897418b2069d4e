package main

import (
	"context"
	"testing"

	"github.com/cloudwego/eino/components/retriever"
	"github.com/cloudwego/eino/compose"
	"github.com/cloudwego/eino/schema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// A finder is a retriever.Retriever that finds the first of its documents, as many
// as it is asked for.
type finder []*schema.Document

func (f finder) Retrieve(_ context.Context, _ string, opts ...retriever.Option) ([]*schema.Document, error) {
	n := len(f)
	return f[:*retriever.GetCommonOptions(&retriever.Options{TopK: &n}, opts...).TopK], nil
}

// What a chain of Eino gets are the documents with the scores that the model gives
// each by itself, highest first. The documents that were found stay as they are.
func TestReranker(t *testing.T) {
	model, err := rerank.Load(t.Context(), "../../testdata/heads/rerank-bert/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	const question = "Was there a delay?"
	found := finder{
		{ID: "a", Content: "The food was delicious"},
		{ID: "b", Content: "The train was late", MetaData: map[string]any{"language": "en"}},
		{ID: "c", Content: "It rained all day"},
	}
	chain, err := compose.NewChain[string, []*schema.Document]().AppendRetriever(Reranker{found, model, 2}).Compile(t.Context())
	require.NoError(t, err)
	best, err := chain.Invoke(t.Context(), question)
	require.NoError(t, err)
	require.Len(t, best, 2)
	scores := map[string]float64{}
	for _, d := range found {
		one, err := model.Score(t.Context(), question, []string{d.Content}, rerank.Options{})
		require.NoError(t, err)
		scores[d.ID] = float64(one[0].Value)
		assert.Zero(t, d.Score())
	}
	for _, d := range best {
		assert.Equal(t, scores[d.ID], d.Score())
	}
	assert.GreaterOrEqual(t, best[0].Score(), best[1].Score())
	assert.Equal(t, map[string]any{"language": "en"}, found[1].MetaData)

	best, err = chain.Invoke(t.Context(), question, compose.WithRetrieverOption(retriever.WithTopK(1)))
	require.NoError(t, err)
	require.Len(t, best, 1)
	assert.Equal(t, "a", best[0].ID)
	var option *embed.OptionError
	_, err = chain.Invoke(t.Context(), "")
	require.ErrorAs(t, err, &option)
}
