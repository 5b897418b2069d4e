package m3

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/mutate"
)

// Whatever the files say, JSON and the layers of PyTorch alike, a folder is refused or serves.
func FuzzFolder(f *testing.F) {
	const layers = 0xffff // in place of the number of a JSON file: a byte of a layer's file is changed
	f.Add(uint16(0), uint16(3), uint16(2), "a river")
	f.Add(uint16(1), uint16(1), uint16(0), "")
	f.Add(uint16(layers), uint16(40), uint16(200), "x")
	f.Fuzz(func(t *testing.T, file, place, value uint16, text string) {
		files, err := mutate.Folder(filepath.Join(golden, "model"))
		require.NoError(t, err)
		if file == layers {
			name := []string{"sparse_linear.pt", "colbert_linear.pt"}[place%2]
			data := files[name].Data
			data[int(place/2)%len(data)] ^= byte(value)
		} else if !mutate.Change(files, mutate.Values(), file, place, value) {
			return
		}
		m, err := LoadFS(t.Context(), files, embed.Config{Workers: 1})
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		defer m.Close() //nolint:errcheck
		outputs, err := m.Embed(t.Context(), []string{text[:min(len(text), 1000)], "a. b"}, Options{})
		if err != nil {
			return
		}
		for _, o := range outputs {
			require.Len(t, o.Dense, m.Info().Dimensions)
			require.Equal(t, o.Tokens-1, o.Vectors.Rows)
			require.Len(t, o.Sparse.Values, len(o.Sparse.Indices))
		}
	})
}
