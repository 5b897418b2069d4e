package transformer

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
)

// Where a head reads first tokens alone, these have the bits of a model that computes all.
func TestFirstsHaveTheSameBits(t *testing.T) {
	team := parallel.NewTeam(3)
	defer team.Close()
	seen := 0
	for _, name := range headGoldens(t) {
		g := readHeadGolden(t, name)
		for _, f := range []kernel.Format{kernel.Float32, kernel.BFloat16, kernel.Int4} {
			m := g.open(t, kernel.Best(), f)
			if !m.readsFirsts() {
				continue
			}
			seen++
			c := g.config
			c.Head, c.Set, c.Format = NoHead, kernel.Best(), f
			bare, err := Open(t.Context(), c)
			require.NoError(t, err)
			want := forward(t, bare, nil, g.batch)
			for _, team := range []*parallel.Team{nil, team} {
				got := forward(t, m, team, g.batch)
				for i, at := range g.batch.Starts[:g.batch.Sequences()] {
					require.Equal(t, want.Row(at), got.Row(at), "%s in %v: sequence %d", name, f, i)
				}
			}
			lengths := []int{7, 30}
			if len(m.Layers) > 1 || m.Layers[0].Beside == nil {
				require.Less(t, m.Operations(lengths), bare.Operations(lengths), name)
			}
		}
	}
	require.Greater(t, seen, 3*10)
}

// Where a batch asks for first tokens alone, these have the bits of one that asks for all: of
// every family, precision, kernel set and number of layers, and with the tasks of a model.
func TestBatchesOfFirstsHaveTheSameBits(t *testing.T) {
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
						b.Firsts, b.Layers, b.Task = false, layers, task
						want := forward(t, m, nil, b)
						b.Firsts = true
						for _, team := range []*parallel.Team{nil, team} {
							got := forward(t, m, team, b)
							for i, at := range b.Starts[:b.Sequences()] {
								require.Equal(t, want.Row(at), got.Row(at), "%s in %v by %s: sequence %d", name, f, s.Name(), i)
							}
						}
					}
				}
				if lengths := []int{7, 30}; m.Layers[len(m.Layers)-1].narrows() {
					require.Less(t, m.FirstsOperations(lengths), m.Operations(lengths), name)
				}
			}
		}
	}
}
