package search

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tensor"
)

// An array is a tensor of two dimensions, or of one as a row.
type array[E any] struct {
	data  []E
	width int
}

// read returns the array of that name, whose elements are E in the file too.
func read[E float32 | int32](t testing.TB, file, name string) array[E] {
	f, err := tensor.Open(file)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // nothing was written
	x, ok := f.Tensor(name)
	require.True(t, ok, "%s has no %s", file, name)
	a := array[E]{make([]E, x.Len()), x.Shape[len(x.Shape)-1]}
	require.Len(t, x.Data, binary.Size(a.data), "%s in %s: %v", name, file, x.DType)
	_, err = binary.Decode(x.Data, binary.LittleEndian, a.data)
	require.NoError(t, err)
	return a
}

const reference = "testdata/numpy.safetensors" // what numpy answers, see generate.py

// similarity is the cosine in float64.
func similarity(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(b[i])
		ab, aa, bb = ab+float64(x)*y, aa+float64(x)*float64(x), bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

func randomUnit(rng *rand.Rand, d int) []float32 {
	v := make([]float32, d)
	sum := 0.0
	for i := range v {
		x := rng.NormFloat64()
		v[i] = float32(x)
		sum += x * x
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

// narrow returns integers in another type; 128 more as uint8.
func narrow[E int8 | uint8](x []float32) []E {
	zero := 0
	if ^E(0) > 0 { // uint8
		zero = 128
	}
	y := make([]E, len(x))
	for i, v := range x {
		y[i] = E(int(v) + zero)
	}
	return y
}

// pack returns the bits of each row.
func pack[E quant.Byte](t testing.TB, x []float32, d int) []E {
	var b []E
	for row := range slices.Chunk(x, d) {
		var err error
		b, err = quant.AppendBits(b, row)
		require.NoError(t, err)
	}
	return b
}

func halves(t testing.TB, x []float32) []float16.Float16 {
	h, err := quant.AppendFloat16(nil, x)
	require.NoError(t, err)
	return h
}

// The scores of numpy and its nearest rows, in every encoding. All numbers are
// small integers: every sum is exact.
func TestNearestIsThatOfNumpy(t *testing.T) {
	query, rows := read[float32](t, reference, "query").data, read[float32](t, reference, "rows")
	d := rows.width
	for _, m := range []Metric{Dot, Cosine, Euclidean, Hamming, Signs} {
		scores, numbers := read[float32](t, reference, m.String()).data, read[int32](t, reference, m.String()+"_row").data
		check := func(name string, found []Match, err error) {
			t.Helper()
			require.NoError(t, err, "%v %s", m, name)
			require.Len(t, found, len(scores))
			for i, f := range found {
				require.Equal(t, Match{int(numbers[i]), scores[i]}, f, "%v %s, place %d", m, name, i)
			}
		}
		k := len(scores)
		switch m {
		case Hamming:
			found, err := Nearest(m, pack[int8](t, query, d), pack[int8](t, rows.data, d), k)
			check("binary", found, err)
			found, err = Nearest(m, pack[uint8](t, query, d), pack[uint8](t, rows.data, d), k)
			check("ubinary", found, err)
			continue
		case Signs:
			found, err := Nearest(m, query, pack[int8](t, rows.data, d), k)
			check("binary", found, err)
			found, err = Nearest(m, query, pack[uint8](t, rows.data, d), k)
			check("ubinary", found, err)
			continue
		}
		found, err := Nearest(m, query, rows.data, k)
		check("float32", found, err)
		found, err = Nearest(m, halves(t, query), halves(t, rows.data), k)
		check("float16", found, err)
		found, err = Nearest(m, query, halves(t, rows.data), k)
		check("float32 and float16", found, err)
		found, err = ranked(m, narrow[int8](query), narrow[int8](rows.data), k)
		check("int8", found, err)
		found, err = ranked(m, narrow[uint8](query), narrow[uint8](rows.data), k)
		check("uint8", found, err)
		if m != Euclidean {
			found, err = ranked(m, query, narrow[int8](rows.data), k)
			check("float32 and int8", found, err)
			found, err = ranked(m, query, narrow[uint8](rows.data), k)
			check("float32 and uint8", found, err)
		}
	}
}

// ranked is Nearest, which does not take some metrics over bytes, by all scores.
func ranked[Q, E Number](m Metric, query []Q, rows []E, k int) ([]Match, error) {
	if m == Cosine {
		return Nearest(m, query, rows, k)
	}
	scores := make([]float32, len(rows)/len(query))
	err := Scores(scores, m, query, rows)
	var found []Match
	for i, s := range scores {
		found = append(found, Match{i, s})
	}
	m.sort(found)
	return found[:k], err
}

// Rows at scales of their own are not ranked without them: dot products of their
// numbers have another order than those of the vectors.
func TestNearestNeedsNoScales(t *testing.T) {
	query := []float32{0.3, 1}
	rows, _, err := quant.AppendScaled([]int8(nil), []float32{0.743, 0.669})
	require.NoError(t, err)
	rows, _, err = quant.AppendScaled(rows, []float32{0.928, 0.371})
	require.NoError(t, err)
	for _, m := range []Metric{Dot, Euclidean} {
		_, err := Nearest(m, rows[:2], rows, 1)
		assert.EqualError(t, err, m.String()+" over rows of int8, which have scales of their own: expected cosine, or for packed bits hamming or signs")
	}
	_, err = Nearest(Dot, []uint8{1, 2}, []uint8{3, 4}, 1)
	assert.ErrorContains(t, err, "dot over rows of uint8")
	_, err = Nearest(Dot, query, rows, 1)
	assert.ErrorContains(t, err, "dot over rows of int8")
	found, err := Nearest(Cosine, query, rows, 1)
	require.NoError(t, err)
	assert.Equal(t, 0, found[0].Row)
}

// The same as sorting all scores, whatever k and the number of rows, with many
// equal scores and some that are no number.
func TestNearestIsASort(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{0, 1, 2, 3, 5, block - 1, block, block + 1, 3*block + 7} {
		rows := make([]float32, 3*n)
		for i := range rows {
			rows[i] = float32(rng.IntN(4))
			if rng.IntN(40) == 0 {
				rows[i] = float32(math.NaN())
			}
		}
		query := []float32{1, 2, -1}
		for _, m := range []Metric{Dot, Cosine, Euclidean} {
			scores := make([]float32, n)
			require.NoError(t, Scores(scores, m, query, rows))
			order := make([]int, n)
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(a, b int) int {
				x, y := float64(scores[a]), float64(scores[b])
				switch {
				case math.IsNaN(x) || math.IsNaN(y):
					return cmp.Compare(btoi(math.IsNaN(x)), btoi(math.IsNaN(y)))
				case m == Euclidean:
					return cmp.Compare(x, y)
				}
				return cmp.Compare(y, x)
			})
			for _, k := range []int{1, 2, 7, n/2 + 1, n + 1, 10 * block} {
				found, err := Nearest(m, query, rows, k)
				require.NoError(t, err)
				require.Len(t, found, min(k, n))
				for i, f := range found {
					require.Equal(t, order[i], f.Row, "%v, %d of %d rows, place %d", m, k, n, i)
					require.Equal(t, math.Float32bits(scores[f.Row]), math.Float32bits(f.Score))
				}
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A row's score does not depend on the others, nor on its place.
func TestScoreAloneIsTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, d := range []int{1, 24, 100, 384} {
		query := randomUnit(rng, d)
		var rows []float32
		for range 2*block + 3 {
			rows = append(rows, randomUnit(rng, d)...)
		}
		for _, m := range []Metric{Dot, Cosine, Euclidean} {
			scores := make([]float32, len(rows)/d)
			require.NoError(t, Scores(scores, m, query, rows))
			for i, want := range scores {
				got, err := Score(m, query, rows[i*d:][:d])
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		}
	}
}

// Against float64, with the bound of the sums: d/16 + 8 roundings of each term,
// and one or two more of the result.
func TestScoresOfUnitVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, d := range []int{24, 384, 1024, 4096} {
		bound := float64(d/16+10) * 0x1p-24
		query := randomUnit(rng, d)
		for range 20 {
			row := randomUnit(rng, d)
			var dot, size, distance float64
			for i, q := range query {
				dot += float64(q) * float64(row[i])
				size += math.Abs(float64(q) * float64(row[i]))
				distance += (float64(q) - float64(row[i])) * (float64(q) - float64(row[i]))
			}
			got, err := Score(Dot, query, row)
			require.NoError(t, err)
			assert.InDelta(t, dot, got, size*bound)
			got, err = Score(Cosine, query, row)
			require.NoError(t, err)
			assert.InDelta(t, similarity(query, row), got, 2*bound)
			got, err = Score(Euclidean, query, row)
			require.NoError(t, err)
			assert.InDelta(t, math.Sqrt(distance), got, math.Sqrt(distance)*bound)
		}
		for m, want := range map[Metric]float64{Dot: 1, Cosine: 1, Euclidean: 0} {
			got, err := Score(m, query, query)
			require.NoError(t, err)
			assert.InDelta(t, want, got, 2*bound, "%v of a vector and itself", m)
		}
	}
}

// Stored numbers give scores near those of the vectors, after the scales.
func TestScoresOfStoredVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	const d = 384
	for range 50 {
		a, b := randomUnit(rng, d), randomUnit(rng, d)
		want := similarity(a, b)
		qa, sa, err := quant.AppendScaled([]int8(nil), a)
		require.NoError(t, err)
		qb, sb, err := quant.AppendScaled([]int8(nil), b)
		require.NoError(t, err)
		// An error of half a step, evenly spread: its part of a dot product has a
		// standard deviation of step/√12 for each unit vector. Six of them.
		tolerance := 6 * math.Sqrt(float64(sa*sa+sb*sb)/12)
		dot, err := Score(Dot, qa, qb)
		require.NoError(t, err)
		assert.InDelta(t, want, float64(dot)*float64(sa)*float64(sb), tolerance)
		dot, err = Score(Dot, a, qb)
		require.NoError(t, err)
		assert.InDelta(t, want, float64(dot)*float64(sb), tolerance)
		c, err := Score(Cosine, qa, qb)
		require.NoError(t, err)
		assert.InDelta(t, want, c, tolerance)
		c, err = Score(Cosine, a, qb)
		require.NoError(t, err)
		assert.InDelta(t, want, c, tolerance)
	}
}

func TestScoreOfZeros(t *testing.T) {
	zero, v := make([]float32, 40), make([]float32, 40)
	v[3] = 2
	for _, pair := range [][2][]float32{{zero, v}, {v, zero}, {zero, zero}} {
		c, err := Score(Cosine, pair[0], pair[1])
		require.NoError(t, err)
		assert.Zero(t, c)
		c, err = Score(Cosine, narrow[uint8](pair[0]), narrow[uint8](pair[1]))
		require.NoError(t, err)
		assert.Zero(t, c)
		c, err = Score(Cosine, pair[0], narrow[int8](pair[1]))
		require.NoError(t, err)
		assert.Zero(t, c)
	}
}

func TestScoreErrors(t *testing.T) {
	floats, bytes := make([]float32, 6), make([]int8, 6)
	long := make([]float32, kernel.MaxDimensions+1)
	for _, c := range []struct {
		err  error
		want string
	}{
		{second(Score(Dot, floats, make([]float32, 7))), "rows have 7 elements, expected a multiple of 6"},
		{second(Score(Dot, floats, make([]float32, 12))), "2 rows, expected 1"},
		{second(Score(Dot, floats, none[float32]())), "0 rows, expected 1"},
		{second(Score(Dot, none[float32](), floats)), "query of 0 dimensions, expected 1 to 65536"},
		{second(Score(Dot, long, long)), "query of 65537 dimensions, expected 1 to 65536"},
		{second(Score(Dot, []float32{1, float32(math.NaN())}, floats)), "query: component 1 is NaN, expected a finite number"},
		{second(Score(Dot, []float16.Float16{float16.Inf(1)}, halves(t, floats))), "query: component 0 is +Inf, expected a finite number"},
		{second(Score(Hamming, floats, floats)), "hamming of a query of float32 with rows of float32"},
		{second(Score(Signs, bytes, bytes[:1])), "signs of a query of int8 with rows of int8"},
		{second(Score(Euclidean, floats, bytes)), "euclidean of a query of float32 with rows of int8"},
		{second(Score(Dot, halves(t, floats), floats)), "dot of a query of float16 with rows of float32"},
		{second(Score(Dot, halves(t, floats), bytes)), "dot of a query of float16 with rows of int8"},
		{second(Score(Dot, bytes, make([]uint8, 6))), "dot of a query of int8 with rows of uint8"},
		{second(Score(Dot, bytes, floats)), "dot of a query of int8 with rows of float32"},
		{second(Score(Metric(9), floats, floats)), "Metric(9) of a query of float32 with rows of float32"},
		{second(Score(Signs, floats, make([]uint8, 2))), "2 rows, expected 1"},
		{second(Nearest(Dot, floats, floats, 0)), "k is 0, expected at least 1"},
		{second(Nearest(Dot, floats, floats[:5], 1)), "rows have 5 elements, expected a multiple of 6"},
	} {
		assert.EqualError(t, c.err, c.want)
	}
}

func second[A any](_ A, err error) error { return err }

func none[E any]() []E { return nil }

// The whole of a search in two steps: bits first, then those found by their vectors.
func TestRescore(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	const d, n, k = 256, 2000, 10
	var rows []float32
	for range n {
		rows = append(rows, randomUnit(rng, d)...)
	}
	query := slices.Clone(rows[77*d:][:d])
	for i, x := range randomUnit(rng, d) {
		query[i] += 0.8 * x
	}
	exact, err := Nearest(Dot, query, rows, k)
	require.NoError(t, err)
	bits, err := Nearest(Hamming, pack[uint8](t, query, d), pack[uint8](t, rows, d), n)
	require.NoError(t, err)
	require.NoError(t, Rescore(Dot, bits, func(row int) (float32, error) {
		return Score(Dot, query, rows[row*d:][:d])
	}))
	assert.Equal(t, exact, bits[:k])
	assert.Equal(t, 77, exact[0].Row)
	wrong := errors.New("not there")
	err = Rescore(Dot, bits, func(row int) (float32, error) { return 0, wrong })
	assert.ErrorIs(t, err, wrong)
	assert.ErrorContains(t, err, "row 77: ")
}

func TestMetricString(t *testing.T) {
	assert.Equal(t, "cosine", Cosine.String())
	assert.Equal(t, "Metric(200)", Metric(200).String())
}

func TestScoresDoesNotAllocatePerRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	query, rows := randomUnit(rng, 384), randomUnit(rng, 384*1000)
	scores := make([]float32, 1000)
	// The scorer, its function, and the squares of a block.
	assert.LessOrEqual(t, testing.AllocsPerRun(10, func() { Scores(scores, Cosine, query, rows) }), 8.0)
}
