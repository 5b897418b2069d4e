package embed_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/mutate"
)

// Code that is not known is an error, unless the caller says that it computes what its
// model_type does without it: then the vectors are those, and Info names the code.
func TestTrustModelType(t *testing.T) {
	const dir = "../testdata/goldens/bert/model"
	coded, err := mutate.Folder(dir)
	require.NoError(t, err)
	config := coded["config.json"]
	config.Data = bytes.Replace(config.Data, []byte("{"), []byte(`{"auto_map": {"AutoModel": "someone/else--modeling_bird.BirdModel"},`), 1)
	_, err = embed.LoadFS(t.Context(), coded, embed.Config{})
	require.ErrorIs(t, err, embed.ErrUnsupported)
	require.ErrorContains(t, err, `found code that is not known, "someone/else--modeling_bird.BirdModel", for a bert`)

	texts := []string{"river", "the winter market"}
	trusted, err := embed.LoadFS(t.Context(), coded, embed.Config{TrustModelType: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"someone/else--modeling_bird.BirdModel"}, trusted.Info().TrustedCode)
	got, err := trusted.Embed(t.Context(), texts, embed.Options{})
	require.NoError(t, err)

	plain, err := embed.Load(t.Context(), dir, embed.Config{TrustModelType: true})
	require.NoError(t, err)
	assert.Empty(t, plain.Info().TrustedCode)
	want, err := plain.Embed(t.Context(), texts, embed.Options{})
	require.NoError(t, err)
	assert.Equal(t, want.Embeddings, got.Embeddings)
	require.NoError(t, trusted.Close())
	require.NoError(t, plain.Close())
}
