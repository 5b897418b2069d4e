package embed

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Wherever the context ends, its error is what comes of loading, and the next time all
// is as if nothing had been.
func TestLoadEndsWithItsContext(t *testing.T) {
	longOnly(t)
	for _, p := range []Precision{Float32, Int8} {
		files := readModel(t, "bert-cls-dense")
		want := embedTexts(t, loadFiles(t, files, Config{Precision: p}), []string{"summer rain"}, Options{})
		looks := 0
		for ; ; looks++ {
			m, err := LoadFS(&countdown{Context: t.Context(), left: looks}, files, Config{Precision: p})
			if err == nil {
				require.Equal(t, want, embedTexts(t, m, []string{"summer rain"}, Options{}))
				require.NoError(t, m.Close())
				break
			}
			require.Nil(t, m)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, looks, 1000)
		}
		require.Greater(t, looks, 8, "%v: looked at between the layers, of which there are 2 of 4 matrices", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Load(ctx, onDisk(t, t.TempDir(), "model", readModel(t, "bert")), Config{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = Inspect(ctx, onDisk(t, t.TempDir(), "model", readModel(t, "bert")), Config{})
	require.ErrorIs(t, err, context.Canceled)
}

// The id of a model at the hub is no folder: the error names what makes one of it.
func TestLoadID(t *testing.T) {
	for _, id := range []string{"BAAI/bge-small-en-v1.5", "bert-base-uncased"} {
		_, err := Load(t.Context(), id, Config{})
		require.ErrorIs(t, err, fs.ErrNotExist)
		assert.ErrorContains(t, err, id+": ")
		assert.ErrorContains(t, err, "hub.Resolve")
	}
	_, err := Load(t.Context(), filepath.Join(t.TempDir(), "none"), Config{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.NotContains(t, err.Error(), "hub")
}
