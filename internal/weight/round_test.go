package weight

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What SetLevel stores is what DequantizeRow reads, and no other level is nearer.
func TestLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const cols = 77 // the last group is short
	m := NewMatrix(Int4, 2, cols)
	want := make([]float32, cols)
	scales := []float32{0.5, -0.25, 2}
	for j := range want {
		x, scale := float32(random.NormFloat64()), scales[j/32]
		level := Level(x, scale)
		m.SetLevel(1, j, level, scale)
		want[j] = level * scale
		for other := float32(-8); other < 8; other++ {
			require.LessOrEqual(t, math.Abs(float64(x-want[j])), math.Abs(float64(x-other*scale)))
		}
	}
	got := make([]float32, cols)
	m.DequantizeRow(got, 1)
	assert.Equal(t, want, got)
	other := NewMatrix(Int4, 1, cols)
	other.SetRow(0, m, 1)
	clear(got)
	other.DequantizeRow(got, 0)
	assert.Equal(t, want, got)
	assert.Zero(t, Level(3, 0))
}

// The scales are bfloat16s that put the largest element near one of the ends.
func TestScales(t *testing.T) {
	w := []float32{0.1, -3, 2.5, 3}
	for _, s := range Scales(nil, w) {
		assert.Zero(t, math.Float32bits(s)&0xffff)
		assert.InDelta(t, 8, math.Abs(float64(w[1]/s)), 2.05)
	}
	for _, s := range Scales(nil, []float32{0, 0x1p-120}) {
		assert.Zero(t, s)
	}
}

// RoundInt8 stores what it returns, nearest in the row's scale, and outliers as they are.
func TestRoundInt8(t *testing.T) {
	m := NewMatrix(Int8, 1, 4, 2)
	require.NoError(t, m.QuantizeRow(0, []float32{1.27, -0.5, 9, 0}))
	want := []float32{m.RoundInt8(0, 0, 1.5), m.RoundInt8(0, 1, -0.504), m.RoundInt8(0, 2, 7.3), m.RoundInt8(0, 3, 0.1)}
	assert.InDeltaSlice(t, []float32{1.27, -0.5, 7.3, 0.1}, want, 1e-6)
	got := make([]float32, 4)
	m.DequantizeRow(got, 0)
	assert.Equal(t, want, got)
	zero := NewMatrix(Int8, 1, 1)
	assert.Zero(t, zero.RoundInt8(0, 0, 1))
}

// Levels are those that were set.
func TestLevels(t *testing.T) {
	m := NewMatrix(Int4, 2, 70)
	want, got := make([]float32, 70), make([]float32, 70)
	for j := range want {
		want[j] = float32((j*5)%16 - 8)
		m.SetLevel(1, j, want[j], 0.5)
	}
	m.Levels(got, 1)
	assert.Equal(t, want, got)
}
