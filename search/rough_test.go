package search

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// queries are of kinds whose numbers in 8 bits are good, bad and useless.
var queries = map[string]func(rng *rand.Rand, i int) float32{
	"even": func(rng *rand.Rand, i int) float32 { return float32(rng.NormFloat64()) },
	"one is high": func(rng *rand.Rand, i int) float32 {
		return float32(rng.NormFloat64() * (1 + 40*float64((i+1)%300/299)))
	},
	"one is all": func(rng *rand.Rand, i int) float32 { return float32(rng.NormFloat64() * math.Exp2(float64(i%5)*-9)) },
	"tiny":       func(rng *rand.Rand, i int) float32 { return float32(rng.NormFloat64() * 1e-18) },
	"tiniest":    func(rng *rand.Rand, i int) float32 { return float32(rng.NormFloat64() * 1e-30) }, // the square of its length is 0
	"large":      func(rng *rand.Rand, i int) float32 { return float32(rng.NormFloat64() * 1e17) },
	"largest":    func(rng *rand.Rand, i int) float32 { return float32(rng.NormFloat64() * 1e30) }, // and here it is +Inf
	"zero":       func(*rand.Rand, int) float32 { return 0 },
}

// What 8 bits of the query leave out and several workers find is what all scores say, bit for
// bit, with rows that come many times, are all zeros, or are almost the query.
func TestNearestInPartsIsASort(t *testing.T) {
	for name, component := range queries {
		if testing.Short() && name != "even" && name != "one is all" {
			continue // slow on an emulated CPU
		}
		for _, d := range []int{30, 384} {
			rng := rand.New(rand.NewPCG(1, uint64(d)))
			query := make([]float32, d)
			for i := range query {
				query[i] = component(rng, i)
			}
			n := 3*partElements/d + 77 // four parts
			rows := make([]int8, 0, n*d)
			for len(rows) < n*d {
				kind, many := rng.IntN(20), rng.IntN(d)
				for i, q := range query {
					switch {
					case kind == 0 && len(rows) >= 100*d:
						rows = append(rows, rows[len(rows)-(1+many%100)*d])
					case kind == 1:
						rows = append(rows, 0)
					case kind == 2 && i < many && q != 0:
						rows = append(rows, int8(100*q/max(q, -q)))
					default:
						rows = append(rows, int8(rng.IntN(256)-128))
					}
				}
			}
			unsigned := make([]uint8, len(rows))
			for i, r := range rows {
				unsigned[i] = uint8(int(r) + 128)
			}
			scores := make([]float32, n)
			require.NoError(t, Scores(scores, Cosine, query, rows))
			want := make([]Match, n)
			for i, s := range scores {
				want[i] = Match{i, s}
			}
			slices.SortFunc(want, Cosine.compare)
			for _, k := range []int{1, 10, 1000} {
				got, err := Nearest(Cosine, query, rows, k)
				require.NoError(t, err)
				require.Equal(t, want[:k], got, "%s, %d dimensions, %d of int8", name, d, k)
				got, err = Nearest(Cosine, query, unsigned, k)
				require.NoError(t, err)
				require.Equal(t, want[:k], got, "%s, %d dimensions, %d of uint8", name, d, k)
			}
		}
	}
}

// A row's cosine is not above what its product in 8 bits says and the margin, on every
// kernel set, and the margin is small where 8 bits are good.
func TestRoughMargin(t *testing.T) {
	defer func(best *kernel.Set) { kernels = best }(kernels)
	for _, kernels = range kernel.Sets() {
		for name, component := range queries {
			for _, d := range []int{1, 7, 16, 100, 384, 1000} {
				rng := rand.New(rand.NewPCG(2, uint64(d)))
				query, rows := make([]float32, d), make([]int8, 300*d)
				for i := range query {
					query[i] = component(rng, i)
				}
				for i := range rows {
					rows[i] = int8(rng.IntN(256) - 128)
				}
				s, err := newScorer(Cosine, query, rows)
				require.NoError(t, err)
				r := newRough(&s)
				if r == nil {
					require.NotContains(t, []string{"even", "tiny", "large"}, name)
					continue
				}
				if name == "even" && d == 384 {
					assert.Less(t, r.margin, 0.01)
				}
				var scores [block]float32
				s.score(scores[:], 0)
				for i, score := range scores {
					var dot, square float64
					for j, x := range rows[i*d:][:d] {
						dot += float64(int8(r.query[j])) * float64(x)
						square += float64(x) * float64(x)
					}
					if square > 0 {
						require.LessOrEqual(t, float64(score), dot*r.scale/math.Sqrt(s.own*square)+r.margin, "%s %s %d", kernels.Name(), name, d)
					}
				}
			}
		}
	}
}
