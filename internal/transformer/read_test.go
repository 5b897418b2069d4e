package transformer

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
)

// reads are which token of sequences of b a batch may read: the first, the last, any.
var reads = []struct {
	name  string
	token func(length int) int
}{
	{"first", func(int) int { return 0 }},
	{"last", func(length int) int { return length - 1 }},
	{"middle", func(length int) int { return length / 2 }},
}

// reading returns b where it reads one token of each sequence.
func (b Batch) reading(token func(length int) int) Batch {
	b.Read = nil
	for i, from := range b.Starts[:b.Sequences()] {
		b.Read = append(b.Read, from+token(b.Starts[i+1]-from))
	}
	return b
}

// Where a head reads one token of each sequence, the logits have the bits of those of all hidden
// states, in Int8 with the products that a head of first tokens refines.
func TestLogitsOfOneTokenHaveTheSameBits(t *testing.T) {
	t.Parallel()
	team := parallel.NewTeam(3)
	defer team.Close()
	seen := map[HeadInput]int{}
	for _, name := range headGoldens(t) {
		g := readHeadGolden(t, name)
		for f := range kernel.Formats {
			m := g.open(t, kernel.Best(), f)
			if !m.Head.ReadsOne() {
				continue
			}
			seen[m.Head.Of]++
			want := logits(t, m, nil, g.batch)
			b := g.batch
			for i, from := range b.Starts[:b.Sequences()] {
				b.Read = append(b.Read, from+m.Head.Token(b.IDs[from:b.Starts[i+1]]))
			}
			for _, team := range []*parallel.Team{nil, team} {
				require.Equal(t, want, logits(t, m, team, b), "%s in %v", name, f)
			}
		}
	}
	require.Greater(t, seen[FirstToken], 4*10)
	require.Greater(t, seen[LastToken], 4*5)
}

// Where a batch reads one token of each sequence, these have the bits of a batch that asks for all:
// of every family, precision, kernel set and number of layers, and with the tasks of a model.
func TestBatchesThatReadOneTokenHaveTheSameBits(t *testing.T) {
	t.Parallel()
	team := parallel.NewTeam(3)
	defer team.Close()
	for _, name := range folders(t) {
		variant := exists(filepath.Join(variants, name))
		if variant && testing.Short() {
			continue
		}
		b := readGolden(t, name).batch
		for _, s := range kernel.Sets() {
			if s.Name() == "generic" && (variant || testing.Short()) {
				continue // the same whole numbers, slowly
			}
			for f := range kernel.Formats {
				m := openAs(t, name, s, f)
				for task := range len(m.Tasks) + 1 {
					for layers := range 2 {
						if layers > 0 && testing.Short() {
							break
						}
						b.Layers, b.Task = layers, task
						want := forward(t, m, nil, b)
						for i, read := range reads {
							if i < 2 && testing.Short() {
								continue
							}
							one := b.reading(read.token)
							got := forward(t, m, []*parallel.Team{nil, team}[(i+layers)%2], one)
							for i, at := range one.Read {
								require.Equal(t, want.Row(at), got.Row(at), "%s in %v by %s: sequence %d, its %s token", name, f, s.Name(), i, read.name)
							}
						}
					}
				}
				if lengths := []int{7, 30}; m.Layers[len(m.Layers)-1].narrows() {
					require.Less(t, m.ReadOperations(lengths), m.Operations(lengths), name)
				}
			}
		}
	}
}

// A token that is read behind a prefix has the bits that it has in the whole sequence.
func TestReadingBehindAPrefix(t *testing.T) {
	for _, name := range causal {
		for f := range kernel.Formats {
			m := openAs(t, name, kernel.Best(), f)
			whole, rest := prefixed(rand.New(rand.NewPCG(uint64(f), 2)), m.Embeddings.Tokens.Rows, 33, []int{20, 1, 5})
			want := forward(t, m, nil, whole)
			var err error
			rest.Prefix, err = m.Prefix(context.Background(), nil, whole.IDs[:33], nil)
			require.NoError(t, err)
			for _, read := range reads {
				one := rest.reading(read.token)
				got := forward(t, m, nil, one)
				for i, at := range one.Read {
					require.Equal(t, want.Row(at+33*(i+1)), got.Row(at), "%s in %v: sequence %d, its %s token", name, f, i, read.name)
				}
			}
		}
	}
}
