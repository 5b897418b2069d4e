package transformer

import (
	"context"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
)

// calibrated opens a model in Int8 with the outliers that b has.
func calibrated(t testing.TB, name string, s *kernel.Set, b Batch) *Model {
	m, err := openIn(t, name, s, kernel.Int8, nil)
	require.NoError(t, err)
	o, err := m.Calibrate(context.Background(), nil, b)
	require.NoError(t, err)
	m, err = openIn(t, name, s, kernel.Int8, o)
	require.NoError(t, err)
	return m
}

// Hidden states in Int8 are near the reference's. Random weights are the worst
// case: the error of a term is 1/255 of the range of its row, 1/127 of that of its
// column, and nothing in the model makes up for it. Worst seen: 0.037 of the
// length, and 0.16 of T5's: it does not scale its scores, which are large.
func TestInt8NearTheReference(t *testing.T) {
	t.Parallel()
	for _, name := range folders(t) {
		g := readGolden(t, name)
		for _, s := range kernel.Sets() {
			if s.Name() == "generic" && exists(filepath.Join(variants, name)) {
				continue // the same whole numbers, slowly
			}
			h := forward(t, calibrated(t, name, s, g.batch), nil, g.batch)
			var off, size float64
			for i, want := range g.hidden {
				for j, v := range h.Row(i) {
					off += math.Pow(float64(v)-float64(want[j]), 2)
					size += math.Pow(float64(want[j]), 2)
				}
			}
			t.Logf("%s %s: %.4f", name, s.Name(), math.Sqrt(off/size))
			limit := 0.05
			if name == "t5" {
				limit = 0.2
			}
			assert.Lessf(t, math.Sqrt(off/size), limit, "%s %s", name, s.Name())
		}
	}
}

// What was multiplied once, when a model was opened, is not kept.
func TestInt8KeepsLayersThatRun(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deberta-c2p", "deberta-v3"} {
		m := openAs(t, name, kernel.Best(), kernel.Int8)
		var run []*Linear
		for i := range m.Layers {
			run = append(run, linearsOf(&m.Layers[i])...)
		}
		assert.ElementsMatch(t, run, slices.Collect(maps.Keys(m.names)), name)
	}
}

// In Int8, too, a sequence has the same bits alone and in a batch, and on
// several workers.
func TestSameBitsInInt8(t *testing.T) {
	t.Parallel()
	for _, name := range folders(t) {
		if exists(filepath.Join(variants, name)) {
			continue
		}
		g := readGolden(t, name)
		for _, s := range kernel.Sets() {
			m := calibrated(t, name, s, g.batch)
			want := forward(t, m, nil, g.batch)
			team := parallel.NewTeam(3)
			require.Equal(t, want.Data, forward(t, m, team, g.batch).Data, "%s %s", name, s.Name())
			team.Close()
			for i := range g.batch.Sequences() {
				from, to := g.batch.Starts[i], g.batch.Starts[i+1]
				alone := Batch{IDs: g.batch.IDs[from:to], Starts: []int{0, to - from}}
				require.Equal(t, want.Slice(from, to).Data, forward(t, m, nil, alone).Data, "%s %s: sequence %d", name, s.Name(), i)
			}
		}
	}
}

// Tasks of jina-embeddings-v3 and their branches, beside weights in Int8.
func TestInt8Tasks(t *testing.T) {
	config, file := openFiles(t, filepath.Join(adapters, "jina-v3-lora", "model"))
	m, err := Open(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best(), Format: kernel.Int8})
	require.NoError(t, err)
	for task := range 1 + len(m.Tasks) {
		g := jinaGolden(t, task)
		h := forward(t, m, nil, g.batch)
		var off, size float64
		for i, want := range g.hidden {
			for j, v := range h.Row(i) {
				off += math.Pow(float64(v)-float64(want[j]), 2)
				size += math.Pow(float64(want[j]), 2)
			}
		}
		t.Logf("task %d: %.4f", task, math.Sqrt(off/size))
		assert.Lessf(t, math.Sqrt(off/size), 0.05, "task %d", task)
	}
}

// Layers that are packed when they are used, in little memory, have the outliers of
// a model that is packed.
func TestOpenToCalibrate(t *testing.T) {
	for _, name := range folders(t) {
		g := readGolden(t, name)
		m, err := openIn(t, name, kernel.Best(), kernel.Int8, nil)
		require.NoError(t, err)
		want, err := m.Calibrate(context.Background(), nil, g.batch)
		require.NoError(t, err)
		config, file := openFiles(t, modelFolder(name))
		m, err = OpenToCalibrate(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
		require.NoError(t, err)
		memory := int64(0)
		for w := range m.packs {
			memory += w.Bytes() - int64(4*len(w.Bias))
		}
		require.Zero(t, memory, name)
		for range 2 {
			got, err := m.Calibrate(context.Background(), nil, g.batch)
			require.NoError(t, err)
			require.Equal(t, want, got, name)
		}
	}
}

func TestLargest(t *testing.T) {
	ones := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = 1 + float32(i)/float32(10*n)
		}
		return x
	}
	x := ones(40)
	assert.Empty(t, largest(x))
	x[7], x[30] = 9, 4
	assert.Equal(t, []int{7, 30, 38, 39}, largest(x), "filled up to a step")
	for _, j := range []int{1, 2, 3} {
		x[j] = 5
	}
	assert.Equal(t, []int{1, 2, 3, 7, 30, 37, 38, 39}, largest(x))
	for j := range 25 {
		x[j] = 100 + float32(j)
	}
	assert.Empty(t, largest(x), "most are large")
	x = ones(100)
	for j := range 30 {
		x[j] = 100 + float32(j)
	}
	assert.Equal(t, []int{14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29}, largest(x))
	x = []float32{1, 5, 1}
	assert.Equal(t, []int{0, 1, 2}, largest(x), "no more than there are")
	assert.Empty(t, largest([]float32{0, 0, 0}))
	nan := float32(math.NaN())
	assert.Empty(t, largest([]float32{nan, nan, nan}))
}

// The outliers of a layer are the inputs with the largest magnitudes in the batch.
func TestCalibrate(t *testing.T) {
	g := readGolden(t, "bert")
	m, err := openIn(t, "bert", kernel.Best(), kernel.Int8, nil)
	require.NoError(t, err)
	first := m.Layers[0].Attention.QKV
	in := forward(t, m, nil, Batch{IDs: g.batch.IDs, Starts: g.batch.Starts, Layers: 1})
	// The input of layer 1 is the output of layer 0.
	most := make([]float32, m.Hidden)
	for i := range in.Rows {
		for j, v := range in.Row(i) {
			most[j] = max(most[j], v, -v)
		}
	}
	o, err := m.Calibrate(context.Background(), nil, g.batch)
	require.NoError(t, err)
	require.Empty(t, first.Outliers)
	require.Equal(t, largest(most), append([]int{}, o["encoder.layer.1.attention.self.query.weight"]...))
	for name, columns := range o {
		_, err := o.of(name, m.Hidden*8)
		require.NoError(t, err)
		require.NotEmpty(t, columns)
	}
}

func TestBadOutliers(t *testing.T) {
	const name = "encoder.layer.0.attention.self.query.weight"
	for _, c := range []struct {
		outliers Outliers
		want     string
	}{
		{Outliers{"encoder.layer.9.x": {1}}, "outliers of encoder.layer.9.x: this model has no such layer"},
		{Outliers{name: {-1}}, "outliers of " + name + ": [-1], expected ascending numbers from 0 to"},
		{Outliers{name: {1, 1}}, "[1 1], expected ascending numbers"},
		{Outliers{name: {1 << 20}}, "[1048576], expected ascending numbers"},
	} {
		for _, s := range []*kernel.Set{kernel.Best(), nil} {
			_, err := openIn(t, "bert", s, kernel.Int8, c.outliers)
			require.ErrorContains(t, err, c.want)
		}
	}
}

// Layers that are taken from a model that was measured are as if they were packed: the same
// bits come out, and those that are to be finer are not taken.
func TestPacked(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("of many models")
	}
	for _, name := range folders(t) {
		g := readGolden(t, name)
		config, file := openFiles(t, modelFolder(name))
		c := Config{JSON: config, Weights: file, Set: kernel.Best()}
		m, err := OpenToCalibrate(t.Context(), c)
		require.NoError(t, err)
		o, err := m.Calibrate(t.Context(), nil, g.batch)
		require.NoError(t, err)
		c.Outliers = o
		deferred, err := OpenToCalibrate(t.Context(), c)
		require.NoError(t, err)
		measured, err := OpenToMeasure(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, forward(t, deferred, nil, g.batch).Data, forward(t, measured, nil, g.batch).Data, name)
		want, err := deferred.Errors(t.Context(), nil, g.batch, nil)
		require.NoError(t, err)
		got, err := measured.Errors(t.Context(), nil, g.batch, nil)
		require.NoError(t, err)
		require.Len(t, got, len(want), name)
		for layer, e := range want { // in other parts the sums of a layer that is used twice have another order
			require.InEpsilon(t, e.Error, got[layer].Error, 1e-12, "%s: %s", name, layer)
		}

		for _, layer := range slices.Sorted(maps.Values(m.names))[:len(m.names)/2] {
			o[layer] = nil
		}
		c.Packed, c.Format = measured, kernel.Int8
		again, err := OpenToMeasure(t.Context(), c)
		require.NoError(t, err)
		require.Less(t, memoryOf(measured.names), memoryOf(again.names), "%s: layers are taken", name)
		c.Packed = again
		taken, err := Open(t.Context(), c)
		require.NoError(t, err)
		c.Packed = nil
		fresh, err := Open(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, forward(t, fresh, nil, g.batch).Data, forward(t, taken, nil, g.batch).Data, name)
		require.Equal(t, fresh.Bytes(), taken.Bytes(), name)
		require.Equal(t, fresh.Linears, taken.Linears, name)
	}
}

// memoryOf returns the bytes that layers hold, but for their biases.
func memoryOf(layers map[*Linear]string) (bytes int64) {
	for l := range layers {
		bytes += l.Bytes() - int64(4*len(l.Bias))
	}
	return bytes
}
