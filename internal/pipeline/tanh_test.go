package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// The tanh of a half is 0.46211715…, of 1/50 0.01999733…, of ln(2) 3/5: from tables.
func TestTanh127(t *testing.T) {
	x := tensor.NewMatrix(2, 4)
	copy(x.Row(0), []float32{0, 0.5, -0.5, 0.02})
	copy(x.Row(1), []float32{50, -50, 0.69314718, -0.0039})
	y := Tanh127{}.Apply(nil, x)
	require.Equal(t, []float32{0, 59, -59, 3}, y.Row(0))
	require.Equal(t, []float32{127, -127, 76, 0}, y.Row(1)[:4])
}
