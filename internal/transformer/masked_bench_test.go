package transformer

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// BenchmarkExpand measures on one worker what a batch of two sequences of 128 tokens
// costs in the masked-language model in the folder RHUMB_SPARSE, such as
// testdata/generate/splade.py makes: its layers (dense), its head (max, sum), and the
// products of the head alone, whose panels and rows all lie in the second cache (peak).
func BenchmarkExpand(b *testing.B) {
	dir := os.Getenv("RHUMB_SPARSE")
	if dir == "" {
		b.Skip("RHUMB_SPARSE names no folder of a masked-language model")
	}
	c := Config{Set: kernel.Best(), Head: MaskedHead}
	c.JSON, c.Weights = openFiles(b, dir)
	m, err := Open(b.Context(), c)
	require.NoError(b, err)
	batch := Batch{Starts: []int{0, 128, 256}}
	for i := range 256 {
		batch.IDs = append(batch.IDs, int32(1000+i*97%20000))
	}
	team := parallel.NewTeam(1)
	defer team.Close()
	states := tensor.NewMatrix(len(batch.IDs), m.Hidden)
	b.Run("dense", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, m.Forward(b.Context(), team, states, batch))
		}
	})
	dst := tensor.NewMatrix(2, m.Embeddings.Tokens.Rows)
	for name, e := range map[string]Expansion{"max": {}, "sum": {Sum: true}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m.Expand(team, dst, states, batch, e)
			}
		})
	}
	b.Run("peak", func(b *testing.B) {
		const block = 128
		w := m.Head.Vocabulary[0]
		var rows kernel.Rows
		rows.Resize(m.set, block, w)
		for t := range rows.Tiles() {
			m.set.PackRows(&rows, t, states.Slice(0, block))
		}
		logits := tensor.NewMatrix(block, w.N)
		for b.Loop() {
			for range 2 * dst.Cols / kernel.Panel { // two blocks, one panel after the other
				m.set.Multiply(logits, &rows, 0, rows.Tiles(), w, 0, 1, 0, kernel.Identity)
			}
		}
	})
}
