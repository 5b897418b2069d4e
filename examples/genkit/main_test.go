package main

import (
	"testing"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/genkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// What Genkit gets are the bits of Model.Embed, with the prompts of the tiny model
// for documents and for queries.
func TestEmbedders(t *testing.T) {
	model, err := embed.Load(t.Context(), "../../testdata/goldens/bert/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	g := genkit.Init(t.Context())
	define(g, model)
	inputs := []string{"The food was delicious", "The train was late"}
	for _, prompt := range []string{"document", "query"} {
		t.Run(prompt, func(t *testing.T) {
			want, err := model.Embed(t.Context(), inputs, embed.Options{PromptName: prompt})
			require.NoError(t, err)
			with := ai.WithEmbedderName("rhumb/" + prompt)
			parts := &ai.Document{Content: []*ai.Part{ai.NewTextPart("The train "), ai.NewTextPart("was late")}}
			got, err := genkit.Embed(t.Context(), g, with, ai.WithDocs(ai.DocumentFromText(inputs[0], nil), parts))
			require.NoError(t, err)
			require.Len(t, got.Embeddings, len(inputs))
			for i, e := range got.Embeddings {
				require.Equal(t, want.Embeddings[i].Float32, e.Embedding)
			}

			_, err = genkit.Embed(t.Context(), g, with, ai.WithTextDocs("a", ""))
			var input *embed.InputError
			require.ErrorAs(t, err, &input)
			assert.Equal(t, 1, input.Index)
			_, err = genkit.Embed(t.Context(), g, with, ai.WithDocs(&ai.Document{Content: []*ai.Part{ai.NewMediaPart("image/png", "data:,")}}))
			require.ErrorContains(t, err, `document 0: a part of type "image/png"`)
			_, err = genkit.Embed(t.Context(), g, with, ai.WithTextDocs("a"), ai.WithConfig(map[string]any{"a": 1}))
			require.ErrorContains(t, err, "options map[a:1], expected none")
		})
	}
}
