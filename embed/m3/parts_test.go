package m3

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
)

// The models of one output are those that other packages load from the folder, in every
// precision: they say the same, have its fingerprint and bits, and no transformer of their own.
func TestPartsAreTheFoldersModels(t *testing.T) {
	texts, dir := texts(t), filepath.Join(golden, "model")
	for _, precision := range []embed.Precision{embed.Float32, embed.BFloat16, embed.Int8} {
		cfg := embed.Config{Precision: precision, MaxTokens: 40}
		m := load(t, cfg)
		e, err := embed.Load(t.Context(), dir, cfg)
		require.NoError(t, err)
		s, err := sparse.Load(t.Context(), dir, cfg)
		require.NoError(t, err)
		v, err := multivector.Load(t.Context(), dir, cfg)
		require.NoError(t, err)

		assert.Equal(t, e.Info(), m.Embedding().Info())
		sparseInfo, multiInfo := s.Info(), v.Info()
		sparseInfo.Loss, multiInfo.Loss = e.Info().Loss, e.Info().Loss // of one output, by which all were chosen
		assert.Equal(t, sparseInfo, m.Sparse().Info())
		assert.Equal(t, multiInfo, m.MultiVector().Info())
		for _, facts := range []embed.Facts{e.Info().Facts, sparseInfo.Facts, multiInfo.Facts} {
			facts.MemoryBytes = m.Info().MemoryBytes // which has all heads
			assert.Equal(t, m.Info().Facts, facts)
		}
		type model interface {
			Fingerprint(context.Context) (string, error)
		}
		for i, pair := range [][2]model{{e, m.Embedding()}, {s, m.Sparse()}, {v, m.MultiVector()}} {
			want, err := pair[0].Fingerprint(t.Context())
			require.NoError(t, err)
			got, err := pair[1].Fingerprint(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, got, i)
		}

		dense, err := e.Embed(t.Context(), texts, embed.Options{Dimensions: 20})
		require.NoError(t, err)
		got, err := m.Embedding().Embed(t.Context(), texts, embed.Options{Dimensions: 20})
		require.NoError(t, err)
		assert.Equal(t, dense, got)
		weights, err := s.Embed(t.Context(), texts, sparse.Options{})
		require.NoError(t, err)
		gotWeights, err := m.Sparse().Embed(t.Context(), texts, sparse.Options{})
		require.NoError(t, err)
		assert.Equal(t, weights, gotWeights)
		scores, err := v.Score(t.Context(), texts[0], texts, rerank.Options{})
		require.NoError(t, err)
		gotScores, err := m.MultiVector().Score(t.Context(), texts[0], texts, rerank.Options{})
		require.NoError(t, err)
		assert.Equal(t, scores, gotScores)

		assert.Same(t, m.Embedding().Tokenizer(), m.Tokenizer())
		assert.Same(t, m.Sparse().Tokenizer(), m.Tokenizer())
		require.NoError(t, m.Sparse().Close())
		_, err = m.Embedding().Embed(t.Context(), texts, embed.Options{})
		assert.ErrorIs(t, err, embed.ErrClosed)
		_, err = m.Embed(t.Context(), texts, Options{})
		assert.ErrorIs(t, err, embed.ErrClosed)
		require.NoError(t, e.Close())
		require.NoError(t, s.Close())
		require.NoError(t, v.Close())
	}
}

// Calls in a queue have the outputs of the model, beside those in queues of its parts.
func TestQueue(t *testing.T) {
	texts := texts(t)
	m := load(t, embed.Config{})
	want, err := m.Embed(t.Context(), texts, Options{})
	require.NoError(t, err)
	q, dense := NewQueue(m, embed.QueueConfig{}), embed.NewQueue(m.Embedding(), embed.QueueConfig{})
	var group sync.WaitGroup
	for i, text := range texts {
		group.Go(func() {
			got, wait, err := q.EmbedWait(t.Context(), []string{text}, Options{})
			if assert.NoError(t, err) {
				assert.Equal(t, want[i], got[0])
				assert.GreaterOrEqual(t, wait, time.Duration(0))
			}
			alone, err := dense.Embed(t.Context(), []string{text}, embed.Options{})
			if assert.NoError(t, err) {
				assert.Equal(t, want[i].Dense, alone.Embeddings[0].Float32)
			}
		})
	}
	group.Wait()
	assert.EqualValues(t, len(texts), q.Stats().Texts)
	assert.False(t, q.Full())
	_, err = q.Embed(t.Context(), []string{"a", ""}, Options{})
	var fault *embed.InputError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, 1, fault.Index)
	require.NoError(t, q.Close(t.Context()))
	require.NoError(t, dense.Close(t.Context()))
	_, err = q.Embed(t.Context(), texts, Options{})
	assert.ErrorIs(t, err, embed.ErrClosed)
}
