package transformer

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// positions is testdata/positions.json, which testdata/generate/positions.py wrote.
type positions struct {
	Rope []struct {
		HeadDim     int `json:"head_dim"`
		Positions   int
		Settings    json.RawMessage
		Frequencies []float32
		Scale       float32
	}
	Buckets []struct {
		Buckets, Farthest int
		Backward, Forward [][2]int
	}
	LogBuckets []struct {
		Buckets, Farthest int
		Forward           [][2]int
	} `json:"log_buckets"`
	Slopes [][]float32
}

func readPositions(t *testing.T) (p positions) {
	data, err := os.ReadFile("../../testdata/positions.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &p))
	require.NotEmpty(t, p.Rope)
	require.NotEmpty(t, p.Buckets)
	require.NotEmpty(t, p.LogBuckets)
	require.NotEmpty(t, p.Slopes)
	return p
}

func TestRopeFrequencies(t *testing.T) {
	worst := 0.0
	for _, c := range readPositions(t).Rope {
		var config ropeConfig
		require.NoError(t, json.Unmarshal(c.Settings, &config))
		r, err := config.rope(c.HeadDim, c.Positions, 10000)
		require.NoError(t, err, string(c.Settings))
		require.Len(t, r.frequencies, len(c.Frequencies))
		for i, want := range c.Frequencies {
			worst = max(worst, math.Abs(float64(r.frequencies[i])/float64(want)-1))
		}
		assert.Equal(t, c.Scale, r.scale, string(c.Settings))
	}
	t.Logf("worst relative difference %.1e", worst)
	// A few units in the last place of float32: powers differ by one, and YaRN
	// and Llama 3 add two terms that each had some steps.
	assert.LessOrEqual(t, worst, 4*0x1p-24)
}

// The table holds the cosines and sines of position·frequency, the product
// rounded to float32 as the reference's is, at near and far positions.
func TestRopeTable(t *testing.T) {
	var config ropeConfig
	r, err := config.rope(128, 131072, 1e6)
	require.NoError(t, err)
	r.scale = 1.25
	table := r.upTo(100)
	short := append([]float32(nil), table...)
	table = r.upTo(40000)
	require.Equal(t, short, table[:len(short)])
	for _, position := range []int{0, 1, 2, 511, 512, 4095, 32767, 39999} {
		row := table[position*128:][:128]
		for i, f := range r.frequencies {
			sin, cos := math.Sincos(float64(float32(position) * f))
			require.InDelta(t, 1.25*cos, row[i], 1e-7)
			require.InDelta(t, 1.25*sin, row[64+i], 1e-7)
		}
	}
}

// Of heads of any width a short text takes a table of few elements.
func TestRopeTableOfWideHeads(t *testing.T) {
	for _, dim := range []int{2, 64, 128, 1 << 14, 1 << 20} {
		r, err := new(ropeConfig).rope(dim, 512, 10000)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(r.upTo(3)), max(3*dim, leastTable), "%d", dim)
		assert.GreaterOrEqual(t, len(r.upTo(7)), 7*dim, "%d", dim)
	}
}

func TestSincos(t *testing.T) {
	check := func(x float64) {
		sin, cos := sincos(x)
		wantSin, wantCos := math.Sincos(x)
		// Where the compiler fuses the steps of math.Sincos they differ in the last places.
		require.InDelta(t, wantSin, sin, 4e-16, "%v", x)
		require.InDelta(t, wantCos, cos, 4e-16, "%v", x)
	}
	for octant := range 4096 {
		at := float64(octant) * (math.Pi / 4)
		for _, x := range []float64{at, math.Nextafter(at, 0), math.Nextafter(at, math.Inf(1)), at + 0.3} {
			check(x)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		check(math.Exp(rng.Float64()*40 - 20)) // up to 4.8e8, below the limit of 2^29
	}
}

// bucketAt returns the bucket of a distance in runs of a bucket and its first distance.
func bucketAt(runs [][2]int, distance int) (bucket int) {
	for _, run := range runs {
		if run[1] <= distance {
			bucket = run[0]
		}
	}
	return bucket
}

func TestBuckets(t *testing.T) {
	for _, c := range readPositions(t).Buckets {
		t.Run(fmt.Sprintf("%d up to %d", c.Buckets, c.Farthest), func(t *testing.T) {
			for d := range 5001 {
				require.Equal(t, bucketAt(c.Backward, d), bucket(-d, c.Buckets, c.Farthest), "%d", -d)
				require.Equal(t, bucketAt(c.Forward, d), bucket(d, c.Buckets, c.Farthest), "%d", d)
			}
		})
	}
}

func TestLogBuckets(t *testing.T) {
	for _, c := range readPositions(t).LogBuckets {
		t.Run(fmt.Sprintf("%d up to %d", c.Buckets, c.Farthest), func(t *testing.T) {
			for d := range 5001 {
				want := bucketAt(c.Forward, d)
				require.Equal(t, want, logBucket(d, c.Buckets, c.Farthest), "%d", d)
				require.Equal(t, -want, logBucket(-d, c.Buckets, c.Farthest), "%d", -d)
			}
		})
	}
}

func TestSlopes(t *testing.T) {
	for _, want := range readPositions(t).Slopes {
		got := slopes(len(want))
		for i := range want {
			// BLOOM's are powers of a rounded base.
			require.InEpsilon(t, want[i], got[i], 2e-6, "%d of %d heads", i, len(want))
		}
	}
}
