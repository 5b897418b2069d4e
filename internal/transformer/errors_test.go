package transformer

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Errors computes in float32 what Forward does, and the errors are those of 8 bits: each
// layer in Int8 has some, of a size that random weights have.
func TestErrors(t *testing.T) {
	for _, name := range []string{"bert", "modernbert", "nomic-moe", "albert-groups"} {
		config, file := openFiles(t, modelFolder(name))
		m, err := OpenToCalibrate(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
		require.NoError(t, err)
		g := readGolden(t, name)
		h := tensor.NewMatrix(len(g.batch.IDs), m.Hidden)
		errs, err := m.Errors(t.Context(), nil, g.batch, keepIn(h, g.batch))
		require.NoError(t, err)
		for i, want := range g.hidden {
			assert.InDeltaSlice(t, want, h.Row(i), tolerance, name)
		}
		require.NotEmpty(t, errs)
		for layer, e := range errs {
			assert.Positive(t, e.Error, "%s: %s", name, layer)
			assert.Less(t, math.Sqrt(e.Error), 0.04, "%s: %s", name, layer)
			assert.Positive(t, e.Weights, "%s: %s", name, layer)
		}
	}
}

// keepIn returns a Part that writes what comes of b to h.
func keepIn(h tensor.Matrix, b Batch) Part {
	return func(from, to int, states tensor.Matrix) {
		for i := range states.Rows {
			copy(h.Row(b.Starts[from]+i), states.Row(i))
		}
	}
}

// A layer whose outliers are nil is in BFloat16: with all of them a model in Int8 has the
// bits of one in that, but for the products of attention, which are in Float32 beside any.
func TestFinerThanInt8(t *testing.T) {
	for _, name := range []string{"bert", "nomic-swiglu"} {
		g := readGolden(t, name)
		m := openAs(t, name, kernel.Best(), kernel.Int8)
		all := Outliers{}
		for _, layer := range m.names {
			all[layer] = nil
		}
		finer, err := openIn(t, name, kernel.Best(), kernel.Int8, all)
		require.NoError(t, err)
		assert.Len(t, all.Finer(), len(m.names), name)
		assert.Empty(t, finer.Linears, name)
		other := openAs(t, name, kernel.Best(), kernel.BFloat16)
		other.mixing = kernel.Float32
		want := forward(t, other, nil, g.batch)
		assert.Equal(t, want.Data, forward(t, finer, nil, g.batch).Data, name)
		assert.NotEqual(t, want.Data, forward(t, m, nil, g.batch).Data, name)

		_, err = openIn(t, name, kernel.Best(), kernel.Int8, Outliers{"other": nil})
		require.ErrorContains(t, err, "outliers of other: this model has no such layer")
	}
}
