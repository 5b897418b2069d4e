//go:build !race

package transformer

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Under the race detector a sync.Pool forgets at random.
func TestForwardDoesNotAllocate(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	team := parallel.NewTeam(2)
	defer team.Close()
	for _, c := range []struct {
		model  *Model
		golden golden
	}{
		{open(t, "bert", kernel.Best()), readGolden(t, "bert")},
		{openAs(t, "bert", kernel.Best(), kernel.BFloat16), readGolden(t, "bert")},
		{calibrated(t, "bert", kernel.Best(), readGolden(t, "bert").batch), readGolden(t, "bert")},
		{open(t, "deberta-conv-groups", kernel.Best()), readGolden(t, "deberta-conv-groups")},
		{openAs(t, "deberta-v3", kernel.Best(), kernel.BFloat16), readGolden(t, "deberta-v3")},
		{openJina(t, kernel.Best()), jinaGolden(t, 3)},
		{open(t, "nvembed", kernel.Best()), readGolden(t, "nvembed")},
	} {
		dst := tensor.NewMatrix(len(c.golden.batch.IDs), c.model.Hidden)
		for _, team := range []*parallel.Team{nil, team} {
			require.Zero(t, testing.AllocsPerRun(100, func() {
				_ = c.model.Forward(context.Background(), team, dst, c.golden.batch)
			}))
		}
	}
}

func TestRefinedForwardDoesNotAllocate(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	team := parallel.NewTeam(2)
	defer team.Close()
	g := readHeadGolden(t, "rerank-bert")
	m := g.open(t, kernel.Best(), kernel.Int8)
	require.NotNil(t, m.rests)
	dst := tensor.NewMatrix(len(g.batch.IDs), m.Hidden)
	for _, team := range []*parallel.Team{nil, team} {
		require.Zero(t, testing.AllocsPerRun(20, func() { _ = m.Forward(context.Background(), team, dst, g.batch) }))
	}
}

func TestLogitsDoNotAllocate(t *testing.T) {
	longOnly(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	team := parallel.NewTeam(2)
	defer team.Close()
	for _, name := range headGoldens(t) {
		g := readHeadGolden(t, name)
		m := g.open(t, kernel.Best(), kernel.Float32)
		h := forward(t, m, nil, g.batch)
		dst := tensor.NewMatrix(g.batch.Sequences(), m.Head.Labels())
		for _, team := range []*parallel.Team{nil, team} {
			require.Zero(t, testing.AllocsPerRun(20, func() { m.Logits(team, dst, h, g.batch) }), name)
		}
		if !m.SharesPrefixes() {
			continue
		}
		prefix, err := m.Prefix(context.Background(), nil, g.batch.IDs[:40], nil)
		require.NoError(t, err)
		b := g.batch
		b.Prefix = prefix
		for _, team := range []*parallel.Team{nil, team} {
			require.Zero(t, testing.AllocsPerRun(20, func() {
				_, _ = m.Prefix(context.Background(), team, g.batch.IDs[:40], prefix)
				_ = m.Forward(context.Background(), team, h, b)
			}), name)
		}
	}
}
