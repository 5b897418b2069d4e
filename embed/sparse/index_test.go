package sparse

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/search"
)

// randomVectors returns vectors of up to most weights, whose entries are as frequent as
// words: entry i about in proportion to 1/(1+i). Some weights and some vectors are alike.
func randomVectors(random *rand.Rand, n, vocabulary, most int) []Vector {
	list := make([]Vector, n)
	for i := range list {
		if i > 0 && random.IntN(10) == 0 {
			list[i] = list[random.IntN(i)]
			continue
		}
		weights := map[int32]float32{}
		for range random.IntN(most + 1) {
			entry := int32(math.Pow(float64(vocabulary), random.Float64())) - 1
			weights[entry] = float32(1+random.IntN(1000)) / 256
		}
		v := &list[i]
		for entry := range weights {
			v.Indices = append(v.Indices, entry)
		}
		slices.Sort(v.Indices)
		for _, entry := range v.Indices {
			v.Values = append(v.Values, weights[entry])
		}
	}
	return list
}

// bruteForce is Search by Dot with each vector.
func bruteForce(list []Vector, query Vector, k int) []search.Match {
	var all []search.Match
	for i, v := range list {
		if score := Dot(query, v); score > 0 {
			all = append(all, search.Match{Row: i, Score: score})
		}
	}
	slices.SortStableFunc(all, func(a, b search.Match) int {
		if a.Score > b.Score {
			return -1
		}
		if a.Score < b.Score {
			return 1
		}
		return 0
	})
	return all[:min(k, len(all))]
}

// A search finds what scoring every vector finds, in its order, with the bits of Dot, for
// one block of rows and for several, on any number of processors.
func TestIndexIsBruteForce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	random := rand.New(rand.NewPCG(16, 5))
	for _, n := range []int{0, 1, 30, rowBlock, rowBlock + 1, 9*rowBlock + 7} {
		most := 24
		if n > 2*rowBlock {
			most = 6
		}
		list := randomVectors(random, n, 2000, most)
		var x Index
		for i, v := range list {
			row, err := x.Add(v)
			require.NoError(t, err)
			require.Equal(t, i, row)
		}
		require.Equal(t, n, x.Len())
		for i, query := range append(randomVectors(random, 12, 2000, 40), Vector{}, Vector{Indices: []int32{math.MaxInt32}, Values: []float32{1}}) {
			for _, k := range []int{1, 3, 100, math.MaxInt} {
				want := bruteForce(list, query, k)
				for _, procs := range []int{1, 2, 5} {
					runtime.GOMAXPROCS(procs)
					got, err := x.Search(query, k)
					require.NoError(t, err)
					require.Len(t, got, len(want))
					for j := range want {
						require.Equal(t, want[j], got[j], "%d vectors, query %d, k %d, match %d", n, i, k, j)
					}
				}
			}
		}
	}
}

// Vectors that Embed does not make are refused, and leave the index as it was.
func TestIndexErrors(t *testing.T) {
	var x Index
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for want, v := range map[string]Vector{
		"2 indices and 1 values, expected as many":                         {Indices: []int32{1, 2}, Values: []float32{1}},
		"index -1, expected 0 or more":                                     {Indices: []int32{-1}, Values: []float32{1}},
		"index 7 behind 7, expected ascending ones":                        {Indices: []int32{7, 7}, Values: []float32{1, 1}},
		"index 3 behind 7, expected ascending ones":                        {Indices: []int32{7, 3}, Values: []float32{1, 1}},
		"value 0 of index 7, expected a finite number greater than 0":      {Indices: []int32{7}, Values: []float32{0}},
		"value -1 of index 8, expected a finite number greater than 0":     {Indices: []int32{7, 8}, Values: []float32{1, -1}},
		"value NaN of index 7, expected a finite number greater than 0":    {Indices: []int32{7}, Values: []float32{nan}},
		"value +Inf of index 7, expected a finite number greater than 0":   {Indices: []int32{7}, Values: []float32{inf}},
		"value NaN of index 2147483647, expected a finite number greater ": {Indices: []int32{math.MaxInt32}, Values: []float32{nan}},
	} {
		_, err := x.Add(v)
		assert.ErrorContains(t, err, want)
		_, err = x.Search(v, 1)
		assert.ErrorContains(t, err, "query: "+want)
	}
	assert.Zero(t, x.Len())
	_, err := x.Search(Vector{}, 0)
	assert.ErrorContains(t, err, "k is 0, expected at least 1")
	x.count = math.MaxInt32
	_, err = x.Add(Vector{})
	assert.ErrorContains(t, err, "the index is full: 2147483647 vectors")
}

// Goroutines may add and search at the same time.
func TestIndexConcurrency(t *testing.T) {
	list := randomVectors(rand.New(rand.NewPCG(16, 6)), 400, 50, 9)
	var x Index
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i, v := range list {
				if g%2 == 0 {
					_, err := x.Add(v)
					assert.NoError(t, err)
				}
				found, err := x.Search(list[(i+g)%len(list)], 5)
				assert.NoError(t, err)
				assert.LessOrEqual(t, len(found), 5)
			}
		})
	}
	group.Wait()
	assert.Equal(t, 2*len(list), x.Len())
}

// BenchmarkSearch searches 200,000 vectors of some 100 weights for the 10 best of queries
// with some 30.
func BenchmarkSearch(b *testing.B) {
	random := rand.New(rand.NewPCG(16, 7))
	var x Index
	weights := 0
	for _, v := range randomVectors(random, 200_000, 30522, 300) {
		_, err := x.Add(v)
		require.NoError(b, err)
		weights += len(v.Indices)
	}
	queries := randomVectors(random, 64, 30522, 90)
	read, next := 0, 0
	for b.Loop() {
		next = (next + 1) % len(queries)
		_, err := x.Search(queries[next], 10)
		require.NoError(b, err)
	}
	for _, q := range queries {
		for _, entry := range q.Indices {
			read += len(x.lists[entry])
		}
	}
	b.ReportMetric(float64(weights)/float64(x.Len()), "weights/vector")
	b.ReportMetric(float64(read)/float64(len(queries)), "weights/search")
}
