package embed_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/mutate"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Config.Transformers says as which version the tokenizer is read, whatever the folder names.
func TestTransformers(t *testing.T) {
	const dir = "../testdata/goldens/bert/model"
	for given, want := range map[int]int{0: 5, 4: 4, 5: 5} {
		info, err := embed.Inspect(t.Context(), dir, embed.Config{Transformers: given})
		require.NoError(t, err)
		assert.Equal(t, want, info.Transformers)
		assert.Empty(t, info.TokenizerReading)
	}
	_, err := embed.Inspect(t.Context(), dir, embed.Config{Transformers: 3})
	assert.ErrorContains(t, err, "transformers: 3, expected 4 or 5, or 0 for the version that the folder names")
}

// What tokenizer_config.json says of the case wins over tokenizer.json, in either version.
func TestTokenizerConfigWins(t *testing.T) {
	cased, err := mutate.Folder("../testdata/goldens/bert/model")
	require.NoError(t, err)
	cased["tokenizer_config.json"].Data = []byte(`{"tokenizer_class": "BertTokenizer", "do_lower_case": false, "model_max_length": 48}`)
	for _, version := range []int{4, 5} {
		m, err := embed.LoadFS(t.Context(), cased, embed.Config{Transformers: version})
		require.NoError(t, err)
		assert.NotEmpty(t, m.Info().TokenizerReading)
		lower, err := m.Tokenizer().Encode("hello", tokenizer.Options{})
		require.NoError(t, err)
		upper, err := m.Tokenizer().Encode("HELLO", tokenizer.Options{})
		require.NoError(t, err)
		assert.NotEqual(t, lower.IDs, upper.IDs)
		require.NoError(t, m.Close())
	}
}
