package main

import (
	"testing"

	"github.com/cloudwego/eino/components/embedding"
	"github.com/cloudwego/eino/compose"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// What a chain of Eino gets are the numbers of Model.Embed, with the prompts of the
// tiny model for documents and for queries.
func TestEmbedder(t *testing.T) {
	model, err := embed.Load(t.Context(), "../../testdata/goldens/bert/model", embed.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, model.Close()) })
	texts := []string{"The food was delicious", "The train was late"}
	for _, prompt := range []string{"document", "query"} {
		t.Run(prompt, func(t *testing.T) {
			want, err := model.Embed(t.Context(), texts, embed.Options{PromptName: prompt})
			require.NoError(t, err)
			e := Embedder{model, prompt}
			chain, err := compose.NewChain[[]string, [][]float64]().AppendEmbedding(e).Compile(t.Context())
			require.NoError(t, err)
			got, err := chain.Invoke(t.Context(), texts)
			require.NoError(t, err)
			require.Len(t, got, len(texts))
			for i, vector := range got {
				require.Len(t, vector, want.Dimensions)
				for j, v := range vector {
					require.Equal(t, float64(want.Embeddings[i].Float32[j]), v)
				}
			}
			var input *embed.InputError
			_, err = chain.Invoke(t.Context(), []string{"a", ""})
			require.ErrorAs(t, err, &input)
			assert.Equal(t, 1, input.Index)
			_, err = e.EmbedStrings(t.Context(), texts, embedding.WithModel("another"))
			require.ErrorContains(t, err, `model "another"`)
		})
	}
}
