package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The best of random scores, among which many are equal, are those of a stable sort, on any
// number of processors.
func TestBest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for range 50 {
		scores := make([]float32, random.IntN(200))
		for i := range scores {
			scores[i] = float32(random.IntN(9))
		}
		want := make([]Match, len(scores))
		for i, s := range scores {
			want[i] = Match{i, s}
		}
		slices.SortStableFunc(want, func(a, b Match) int { return int(b.Score - a.Score) })
		k := 1 + random.IntN(20)
		for _, procs := range []int{1, 2, 5} {
			runtime.GOMAXPROCS(procs)
			got, err := Best(len(scores), k, func(row int) (float32, error) { return scores[row], nil })
			require.NoError(t, err)
			assert.Equal(t, want[:min(k, len(want))], got)
		}
	}
}

func TestBestErrors(t *testing.T) {
	_, err := Best(3, 0, nil)
	assert.EqualError(t, err, "k is 0, expected at least 1")
	_, err = Best(200, 1, func(row int) (float32, error) {
		if row%50 == 49 {
			return 0, fmt.Errorf("row %d", row)
		}
		return 0, nil
	})
	assert.EqualError(t, err, "row 49")
	got, err := Best(3, 3, func(row int) (float32, error) { return []float32{1, float32(math.NaN()), 2}[row], nil })
	require.NoError(t, err)
	assert.Equal(t, []int{2, 0, 1}, []int{got[0].Row, got[1].Row, got[2].Row})
}
