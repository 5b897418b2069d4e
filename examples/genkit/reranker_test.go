package main

import (
	"testing"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/genkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// The documents come with the scores that the model gives each by itself, highest
// first.
func TestReranker(t *testing.T) {
	model, err := rerank.Load(t.Context(), "../../testdata/heads/rerank-bert/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	flow := defineReranker(genkit.Init(t.Context()), model)
	const question = "Was there a delay?"
	text := func(text string) *ai.Document { return ai.DocumentFromText(text, nil) }
	request := &ai.RerankerRequest{
		Query:     text(question),
		Documents: []*ai.Document{text("The food was delicious"), text("The train was late"), text("It rained all day")},
	}
	resp, err := flow.Run(t.Context(), request)
	require.NoError(t, err)
	require.Len(t, resp.Documents, len(request.Documents))
	for i, d := range resp.Documents {
		one, err := model.Score(t.Context(), question, []string{d.Content[0].Text}, rerank.Options{})
		require.NoError(t, err)
		assert.Equal(t, float64(one[0].Value), d.Metadata.Score)
		if i > 0 {
			assert.GreaterOrEqual(t, resp.Documents[i-1].Metadata.Score, d.Metadata.Score)
		}
	}

	image := &ai.Document{Content: []*ai.Part{ai.NewMediaPart("image/png", "data:,")}}
	for _, tt := range []struct {
		request ai.RerankerRequest
		want    string
	}{
		{ai.RerankerRequest{}, "no query, expected a document"},
		{ai.RerankerRequest{Query: text("")}, "query"},
		{ai.RerankerRequest{Query: image}, `query: document 0: a part of type "image/png"`},
		{ai.RerankerRequest{Query: text("a"), Documents: []*ai.Document{text("b"), image}}, `document 1: a part of type "image/png"`},
		{ai.RerankerRequest{Query: text("a"), Documents: []*ai.Document{nil}}, "documents.0: Invalid type"},
		{ai.RerankerRequest{Query: text("a"), Options: map[string]any{"k": 1}}, "options map[k:1], expected none"},
	} {
		_, err := flow.Run(t.Context(), &tt.request)
		require.ErrorContains(t, err, tt.want)
	}
}
