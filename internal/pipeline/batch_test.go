package pipeline

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// passOf returns a pass of inputs of these lengths, in tokens.
func passOf(lengths []int) *pass {
	p := new(pass)
	for i, n := range lengths {
		p.items = append(p.items, item{index: i, tokens: Tokens{IDs: make([]int32, n)}})
	}
	return p
}

func TestBatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		lengths := make([]int, rng.IntN(40))
		most := 1 + rng.IntN(300)
		for i := range lengths {
			lengths[i] = 1 + rng.IntN(most)
		}
		budget, workers := 1+rng.IntN(300), 1+rng.IntN(4)
		p := passOf(lengths)
		p.cut(budget, workers)

		require.True(t, slices.IsSortedFunc(p.items, func(i, j item) int { return len(j.tokens.IDs) - len(i.tokens.IDs) }), "longest first")
		seen := map[int]bool{}
		for _, i := range p.items {
			require.Len(t, i.tokens.IDs, lengths[i.index])
			require.False(t, seen[i.index], "each input once")
			seen[i.index] = true
		}
		require.Len(t, seen, len(lengths))
		require.Equal(t, 0, p.starts[0])
		require.Equal(t, len(lengths), p.starts[len(p.starts)-1])
		for b := range p.batches() {
			inputs, tokens := len(p.batch(b)), countTokens(p.batch(b))
			require.Positive(t, inputs)
			require.True(t, inputs == 1 || tokens <= budget, "%d inputs of %d tokens, expected at most %d tokens", inputs, tokens, budget)
		}
		require.LessOrEqual(t, p.whole, p.batches())
		if workers == 1 {
			require.Zero(t, p.whole)
		}
	}
}

// Workers share what is too much for one of them, and take even batches whole.
func TestSharing(t *testing.T) {
	for _, c := range []struct {
		name            string
		lengths         []int
		workers         int
		batches, shared int
	}{
		{"none", nil, 2, 0, 0},
		{"a short text", []int{8}, 2, 1, 1},
		{"a long text", []int{500}, 2, 1, 1},
		{"two texts", []int{100, 100}, 2, 2, 0},
		{"many texts", slices.Repeat([]int{16}, 64), 2, 4, 0},
		{"few short texts", []int{8, 8, 8}, 2, 1, 1},
		{"a long text before many", append([]int{2000}, slices.Repeat([]int{16}, 32)...), 2, 3, 1},
		{"one worker", []int{500, 8, 8}, 1, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := passOf(c.lengths)
			state.cut(DefaultBatchTokens, c.workers)
			assert.Equal(t, c.shared, state.whole)
			if c.batches > 1 {
				assert.GreaterOrEqual(t, state.batches(), c.batches)
			} else {
				assert.Equal(t, c.batches, state.batches())
			}
		})
	}
}
