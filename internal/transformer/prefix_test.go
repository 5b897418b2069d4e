package transformer

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
)

// causal are goldens whose tokens see none behind them, some with windows shorter than a prefix.
var causal = []string{"llama", "llama-gqa", "llama-llama3", "mistral", "mistral-window", "qwen2", "qwen2-yarn", "qwen3", "qwen3-gqa", "gemma", "gemma3-causal"}

// prefixed returns a batch whose sequences have the given lengths and begin with the
// same tokens, and the same without them.
func prefixed(random *rand.Rand, vocabulary, before int, lengths []int) (whole, rest Batch) {
	some := func(n int) (ids []int32) {
		for range n {
			ids = append(ids, random.Int32N(int32(vocabulary)))
		}
		return ids
	}
	prefix := some(before)
	for _, n := range lengths {
		own := some(n)
		whole.Starts, rest.Starts = append(whole.Starts, len(whole.IDs)), append(rest.Starts, len(rest.IDs))
		whole.IDs, rest.IDs = append(append(whole.IDs, prefix...), own...), append(rest.IDs, own...)
	}
	whole.Starts, rest.Starts = append(whole.Starts, len(whole.IDs)), append(rest.Starts, len(rest.IDs))
	return whole, rest
}

// What goes on from a prefix has the bits that it has in the whole sequence, wherever
// the prefix ends, in every format and on every kernel set.
func TestPrefixSameBits(t *testing.T) {
	t.Parallel()
	team := parallel.NewTeam(3)
	defer team.Close()
	for _, name := range causal {
		for _, s := range kernel.Sets() {
			if s != kernel.Best() && testing.Short() {
				continue // a CPU with more features runs it, too
			}
			for f := range kernel.Formats {
				m := openAs(t, name, s, f)
				random := rand.New(rand.NewPCG(uint64(f), 1))
				longest := 150
				if m.MaxPositions > 0 {
					longest = min(longest, m.MaxPositions-70)
				}
				var prefix *Prefix // its memory serves again
				lengths := []int{longest, 1, 31, 32, 33, 64}
				if s.Name() == "generic" { // slow
					lengths = lengths[:2]
				}
				for _, before := range lengths {
					whole, rest := prefixed(random, m.Embeddings.Tokens.Rows, before, []int{20, 1, 33, 70})
					want := forward(t, m, nil, whole)
					var err error
					prefix, err = m.Prefix(context.Background(), team, whole.IDs[:before], prefix)
					require.NoError(t, err)
					require.Equal(t, before, prefix.Len())
					rest.Prefix = prefix
					got := forward(t, m, team, rest)
					for i := range rest.Sequences() {
						require.Equal(t, want.Slice(whole.Starts[i]+before, whole.Starts[i+1]).Data, got.Slice(rest.Starts[i], rest.Starts[i+1]).Data,
							"%s %s %v: %d tokens, sequence %d", name, s.Name(), f, before, i)
					}
				}
			}
		}
	}
}

// A head works on what goes on from a prefix as on whole sequences.
func TestLogitsBehindAPrefix(t *testing.T) {
	for _, name := range []string{"rerank-llama", "rerank-qwen3", "logit-qwen3"} {
		g := readHeadGolden(t, name)
		m := g.open(t, kernel.Best(), kernel.Float32)
		want := logits(t, m, nil, g.batch)
		before := 3
		rest := Batch{}
		for i := range g.batch.Sequences() {
			ids := g.batch.IDs[g.batch.Starts[i]:g.batch.Starts[i+1]]
			prefix, err := m.Prefix(context.Background(), nil, ids[:before], nil)
			require.NoError(t, err)
			rest.IDs, rest.Starts, rest.Prefix = ids[before:], []int{0, len(ids) - before}, prefix
			require.Equal(t, want.Row(i), logits(t, m, nil, rest).Data)
		}
	}
}

// Only models whose tokens see none behind them share prefixes.
func TestSharesPrefixes(t *testing.T) {
	for _, name := range folders(t) {
		m := open(t, name, kernel.Best())
		_, err := m.Prefix(context.Background(), nil, []int32{1, 2}, nil)
		require.Equal(t, m.SharesPrefixes(), err == nil, name)
		short := slices.ContainsFunc(m.Layers, func(l Layer) bool { return l.Short != nil })
		require.Equal(t, m.Layers[0].Attention.Causal && !short, m.SharesPrefixes(), name)
	}
	for _, name := range causal {
		require.True(t, open(t, name, kernel.Best()).SharesPrefixes(), name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := open(t, "qwen3", kernel.Best()).Prefix(ctx, nil, []int32{1, 2}, nil)
	require.ErrorIs(t, err, context.Canceled)
}
