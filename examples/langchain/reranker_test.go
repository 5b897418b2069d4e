package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/schema"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

var _ schema.Retriever = Reranker{}

// A finder is a schema.Retriever that finds the same for each query.
type finder struct {
	documents []schema.Document
	err       error
}

func (f finder) GetRelevantDocuments(context.Context, string) ([]schema.Document, error) {
	return f.documents, f.err
}

// The documents come with the scores that the model gives each by itself, highest
// first, and with their metadata.
func TestReranker(t *testing.T) {
	model, err := rerank.Load(t.Context(), "../../testdata/heads/rerank-bert/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	const question = "Was there a delay?"
	var documents []schema.Document
	for i, text := range []string{"The food was delicious", "The train was late", "It rained all day"} {
		documents = append(documents, schema.Document{PageContent: text, Metadata: map[string]any{"i": i}})
	}
	for top, want := range []int{3, 1, 2} {
		best, err := Reranker{finder{documents, nil}, model, top}.GetRelevantDocuments(t.Context(), question)
		require.NoError(t, err)
		require.Len(t, best, want)
		for i, d := range best {
			one, err := model.Score(t.Context(), question, []string{d.PageContent}, rerank.Options{})
			require.NoError(t, err)
			assert.Equal(t, one[0].Value, d.Score)
			assert.Equal(t, documents[d.Metadata["i"].(int)].PageContent, d.PageContent)
			if i > 0 {
				assert.GreaterOrEqual(t, best[i-1].Score, d.Score)
			}
		}
	}
	broken := errors.New("no connection")
	_, err = Reranker{finder{nil, broken}, model, 0}.GetRelevantDocuments(t.Context(), question)
	require.ErrorIs(t, err, broken)
	var option *embed.OptionError
	_, err = Reranker{finder{documents, nil}, model, 0}.GetRelevantDocuments(t.Context(), "")
	require.ErrorAs(t, err, &option)
}
