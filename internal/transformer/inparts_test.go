package transformer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// InParts makes of each of many sequences what Forward makes of it alone.
func TestInParts(t *testing.T) {
	for _, name := range []string{"bert", "deberta-v2", "qwen3", "modernbert"} {
		config, file := openFiles(t, modelFolder(name))
		m, err := OpenToCalibrate(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
		require.NoError(t, err)
		one := readGolden(t, name).batch
		all := Batch{Starts: []int{0}}
		for len(all.IDs) <= 3*leastPart {
			for i := range one.Sequences() {
				all.IDs = append(all.IDs, one.IDs[one.Starts[i]:one.Starts[i+1]]...)
				all.Starts = append(all.Starts, len(all.IDs))
			}
		}
		require.Less(t, m.partTokens(), len(all.IDs))
		want, parts := tensor.NewMatrix(len(one.IDs), m.Hidden), 0
		require.NoError(t, m.Forward(t.Context(), nil, want, one))
		next := 0
		require.NoError(t, m.InParts(t.Context(), nil, all, func(from, to int, got tensor.Matrix) {
			require.Equal(t, next, from)
			require.Equal(t, all.Starts[to]-all.Starts[from], got.Rows)
			for i := range got.Rows {
				require.Equal(t, want.Row((all.Starts[from]+i)%want.Rows), got.Row(i), name)
			}
			next = to
			parts++
		}))
		require.Equal(t, all.Sequences(), next)
		require.Greater(t, parts, 2)
		require.NoError(t, m.InParts(t.Context(), nil, all, nil), "once more")
	}
}

func TestSequences(t *testing.T) {
	b := Batch{IDs: []int32{1, 2, 3, 4, 5, 6}, Types: []int32{0, 0, 1, 0, 1, 1}, Starts: []int{0, 2, 3, 6}, Seen: []int{2, 1, 3}, Read: []int{0, 2, 5}}
	require.Equal(t, Batch{IDs: []int32{3, 4, 5, 6}, Types: []int32{1, 0, 1, 1}, Starts: []int{0, 1, 4}, Seen: []int{1, 3}, Read: []int{0, 3}}, b.sequences(1, 3))
	require.Equal(t, b, b.sequences(0, 3))
}
