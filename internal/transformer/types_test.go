package transformer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Tokens of type 1 are what tokens of type 0 are in a model whose table of types
// has the two rows the other way around, and types that are all 0 are as good as none.
func TestTypes(t *testing.T) {
	families := map[string]bool{}
	for _, name := range folders(t) {
		m := open(t, name, kernel.Best())
		g := readGolden(t, name)
		without := forward(t, m, nil, g.batch)
		b := g.batch
		b.Types = make([]int32, len(b.IDs))
		require.Equal(t, without.Data, forward(t, m, nil, b).Data, name)
		for i := range b.Types {
			b.Types[i] = 1
		}
		got := forward(t, m, nil, b)
		if m.Types() < 2 {
			require.Equal(t, without.Data, got.Data, name)
			continue
		}
		families[m.Family] = true
		require.NotEqual(t, without.Data, got.Data, name)
		config, file := openFiles(t, modelFolder(name))
		other, err := Open(t.Context(), Config{JSON: config, Weights: changed(t, file, func(all map[string]tensor.Tensor) {
			for name, x := range all {
				if strings.HasSuffix(name, "token_type_embeddings.weight") {
					half := len(x.Data) / 2
					require.Equal(t, 2, x.Shape[0])
					x.Data = append(append([]byte{}, x.Data[half:]...), x.Data[:half]...)
					all[name] = x
				}
			}
		}), Set: kernel.Best()})
		require.NoError(t, err)
		require.Equal(t, forward(t, other, nil, g.batch).Data, got.Data, name)
		for i := range b.Types {
			b.Types[i] = int32(i % 2)
		}
		mixed := forward(t, m, nil, b)
		for i := range b.Types {
			b.Types[i] = 1 - b.Types[i]
		}
		require.Equal(t, mixed.Data, forward(t, other, nil, b).Data, name)
	}
	require.Subset(t, families, map[string]bool{"albert": true, "bert": true, "deberta-v2": true, "electra": true, "nomic_bert": true})
}
