package sparse

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/mutate"
)

// values are what is put in the place of a value; "" takes it out.
var values = append(mutate.Values(), `2`, `1024`, `"max"`, `"sum"`, `"relu"`, `"log1p_relu"`, `"gelu"`, `{"document": ["query"]}`,
	`"sentence_transformers.models.Transformer"`, `"sentence_transformers.sparse_encoder.models.SpladePooling"`,
	`"sentence_transformers.sparse_encoder.models.SparseStaticEmbedding"`, `"sentence_transformers.sparse_encoder.models.SparseAutoEncoder"`)

// use loads a folder, and where that works makes vectors, whose form is looked at.
func use(t testing.TB, files fstest.MapFS, text string) {
	m, err := LoadFS(t.Context(), files, embed.Config{Workers: 1})
	if err != nil {
		require.NotEmpty(t, err.Error())
		return
	}
	defer m.Close() //nolint:errcheck
	for _, prompt := range append([]string{""}, m.Info().Routes...) {
		vectors, err := m.Embed(t.Context(), []string{text, "a. b"}, Options{PromptName: prompt})
		if err != nil {
			continue
		}
		for _, v := range vectors {
			require.Len(t, v.Values, len(v.Indices))
			for i, index := range v.Indices {
				require.Less(t, int(index), m.Info().Vocabulary)
				require.True(t, i == 0 || index > v.Indices[i-1], "%d", v.Indices)
			}
		}
	}
}

// Whatever the files say, a folder is refused or serves.
func FuzzFolder(f *testing.F) {
	names := goldenNames(f)
	for i := range names {
		f.Add(uint8(i), uint16(0), uint16(3+i), uint16(2), "a river")
		f.Add(uint8(i), uint16(1), uint16(1), uint16(i), "[MASK] .")
		f.Add(uint8(i), uint16(2), uint16(2), uint16(20+i), "")
	}
	f.Fuzz(func(t *testing.T, which uint8, file, place, value uint16, text string) {
		all := files(t, names[int(which)%len(names)], nil)
		if mutate.Change(all, values, file, place, value) {
			use(t, all, text[:min(len(text), 1000)])
		}
	})
}
