package embed

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Keys that sentence-transformers 6.2 does not read, and those whose value says that there is
// nothing, change no vector and are told.
func TestIgnored(t *testing.T) {
	const model = "bert-cls-dense"
	plain, err := LoadFS(t.Context(), readModel(t, model), Config{})
	require.NoError(t, err)
	want, err := plain.Embed(t.Context(), []string{"some text"}, Options{})
	require.NoError(t, err)
	require.NoError(t, plain.Close())
	for _, c := range []struct{ file, from, to, want string }{
		{"config_sentence_transformers.json", `"default_prompt_name": null`, `"rescale": 2`, "rescale"},
		{"2_Dense/config.json", `"bias": true`, `"bias": true, "scale": 2`, "scale"},
		{"1_Pooling/config.json", `"word_embedding_dimension": 20`, `"word_embedding_dimension": 20, "pooling_mode_min_tokens": false`, "pooling_mode_min_tokens"},
		{"sentence_bert_config.json", `24`, `24, "stride": null`, "stride"},
		{"sentence_bert_config.json", `24`, `24, "model_args": {"torch_dtype": "float16"}`, "model_args.torch_dtype"},
		{"modules.json", `"idx": 0`, `"idx": 0, "comment\n": "x"`, `"[0].comment\n"`},
	} {
		files := readModel(t, model)
		replace(t, files, c.file, c.from, c.to)
		m, err := LoadFS(t.Context(), files, Config{})
		require.NoError(t, err, c.want)
		assert.Contains(t, m.Info().Ignored, c.file+": "+c.want)
		got, err := m.Embed(t.Context(), []string{"some text"}, Options{})
		require.NoError(t, err)
		assert.Equal(t, want.Embeddings, got.Embeddings, c.want)
		require.NoError(t, m.Close())
	}
}
