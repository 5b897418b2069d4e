//go:build !race

package transformer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Under the race detector a sync.Pool forgets at random.
func TestForwardDoesNotAllocate(t *testing.T) {
	g := readGolden(t, "bert")
	m := open(t, "bert", kernel.Best())
	dst := tensor.NewMatrix(len(g.batch.IDs), m.Hidden)
	team := parallel.NewTeam(2)
	defer team.Close()
	for _, team := range []*parallel.Team{nil, team} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_ = m.Forward(context.Background(), team, dst, g.batch)
		}))
	}
}
