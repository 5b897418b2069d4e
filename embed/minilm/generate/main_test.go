package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// nearest returns the float16 next to x, ties to even, by IEEE 754's definition:
// 11 significant bits, and steps of 2⁻²⁴ at the least.
func nearest(x float64) float64 {
	_, exponent := math.Frexp(x)
	step := math.Ldexp(1, max(exponent-11, -24))
	return math.RoundToEven(x/step) * step
}

func float32Tensor(values []float32) tensor.Tensor {
	t := tensor.Tensor{Name: "x", DType: tensor.F32, Shape: []int{len(values)}}
	for _, x := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(x))
	}
	return t
}

func TestHalfRoundsToNearestEven(t *testing.T) {
	values := []float32{0, 1, -1, 65504, 65519, 0x1p-14, 0x1p-24, 0x1p-25, 0x1.8p-25, -0x1p-26, 1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-11 + 0x1p-23}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		values = append(values, float32(rng.NormFloat64()*math.Ldexp(1, rng.IntN(40)-28)))
	}
	h, err := half(float32Tensor(values))
	require.NoError(t, err)
	require.Equal(t, tensor.F16, h.DType)
	got := make([]float32, len(values))
	require.NoError(t, h.Float32s(got))
	for i, x := range values {
		require.Equalf(t, nearest(float64(x)), float64(got[i]), "%v", x)
	}
}

func TestHalfBeyondItsRange(t *testing.T) {
	for _, x := range []float32{65520, -1e6, float32(math.Inf(1)), float32(math.NaN())} {
		_, err := half(float32Tensor([]float32{1, x}))
		assert.ErrorContains(t, err, "tensor x: element 1:")
	}
}
