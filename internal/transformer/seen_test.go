package transformer

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Tokens that are not seen change nothing for the others, and each of them has the bits
// that it has as the only one, whatever is before it that is not seen.
func TestSeenSameBits(t *testing.T) {
	t.Parallel()
	team := parallel.NewTeam(3)
	defer team.Close()
	for _, name := range []string{"bert", "distilbert", "modernbert", "jinabert-original", "nomic-bert", "qwen3", "mistral-window", "t5"} {
		for _, s := range kernel.Sets() {
			for f := range kernel.Formats {
				m := openAs(t, name, s, f)
				require.True(t, m.HidesTokens(), name)
				random := rand.New(rand.NewPCG(uint64(f), 2))
				for _, n := range []int{1, 5, 24, 33} {
					const fillers = 4
					if m.MaxPositions > 0 && n+fillers > m.MaxPositions {
						continue
					}
					_, whole := prefixed(random, m.Embeddings.Tokens.Rows, 0, []int{n + fillers, 7})
					whole.Seen = []int{n, 7}
					got := forward(t, m, team, whole)
					alone := Batch{IDs: whole.IDs[:n], Starts: []int{0, n}}
					require.Equal(t, forward(t, m, nil, alone).Data, got.Slice(0, n).Data, "%s %s %v", name, s.Name(), f)
					after := Batch{IDs: whole.IDs[n+fillers:], Starts: []int{0, 7}}
					require.Equal(t, forward(t, m, nil, after).Data, got.Slice(n+fillers, n+fillers+7).Data)

					// Another filler before the last one, and the last is the same.
					whole.IDs[n] = (whole.IDs[n] + 1) % int32(m.Embeddings.Tokens.Rows)
					other := forward(t, m, team, whole)
					require.Equal(t, got.Slice(n+1, n+fillers).Data, other.Slice(n+1, n+fillers).Data)
					require.NotEqual(t, got.Row(n), other.Row(n))
				}
			}
		}
	}
	m := openAs(t, "deberta-v2", kernel.Best(), kernel.Float32)
	require.False(t, m.HidesTokens())
}

// A token whose window has none that is seen mixes nothing.
func TestSeenOutsideTheWindow(t *testing.T) {
	s := kernel.Best()
	const n, dim = 40, 8
	rng := rand.New(rand.NewPCG(5, 6))
	qkv := tensor.Matrix{Rows: n, Cols: 3 * dim, Stride: 3 * dim, Data: random(rng, n*3*dim)}
	dst := tensor.NewMatrix(n, dim)
	h := &head{hidden: n - 3}
	a := &Attention{Heads: 1, KVHeads: 1, HeadDim: dim, Scale: 1, Window: 4}
	h.pack(s, kernel.Float32, joined{after: columns(qkv, dim, 2*dim)}, joined{after: columns(qkv, 2*dim, 3*dim)})
	h.mix(s, a, dst, columns(qkv, 0, dim), 0, nil)
	for i := range n {
		sum := float32(0)
		for _, v := range dst.Row(i) {
			require.Equal(t, v, v)
			sum += v * v
		}
		require.Equal(t, i < 3+4, sum > 0, "token %d", i)
	}
}
