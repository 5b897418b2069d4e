package kernel

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// All halves of words have the float32s that tensor gives them, from each offset and
// in each length, and a NaN stays one. Nothing else is written.
func TestFloat32sAt(t *testing.T) {
	const n = 1 << 16
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16} {
		data := make([]byte, 2*n)
		for i := range n {
			binary.LittleEndian.PutUint16(data[2*i:], uint16(i))
		}
		x := tensor.Tensor{Name: "x", DType: d, Shape: []int{n}, Data: data}
		want := make([]float32, n)
		require.NoError(t, x.Float32s(want))
		for _, s := range Sets() {
			got := make([]float32, n)
			require.NoError(t, s.Float32sAt(got, x, 0))
			for i, v := range want {
				if v != v {
					require.True(t, got[i] != got[i], "%s, %v: %#x", s.Name(), d, i)
				} else if math.Float32bits(v) != math.Float32bits(got[i]) {
					require.Equal(t, v, got[i], "%s, %v: %#x", s.Name(), d, i)
				}
			}
			for length := range 70 {
				for _, offset := range []int{0, 1, 7, n - length} {
					got := make([]float32, length+1)
					got[length] = 5
					require.NoError(t, s.Float32sAt(got[:length], x, offset))
					require.Equal(t, append(bitsOf(want[offset:offset+length]), math.Float32bits(5)), bitsOf(got), "%s, %v: %d at %d", s.Name(), d, length, offset)
				}
			}
			require.EqualError(t, s.Float32sAt(got[:40], x, n-39), "tensor x: 40 elements at 65497, shape [65536] has 65536")
			require.Error(t, s.Float32sAt(got[:40], x, -1))
			require.Error(t, s.Float32sAt(got[:40], tensor.Tensor{DType: d, Shape: []int{50}, Data: data[:99]}, 0))
		}
	}
	ints := tensor.Tensor{Name: "x", DType: tensor.I16, Shape: []int{64}, Data: make([]byte, 128)}
	require.ErrorContains(t, Best().Float32sAt(make([]float32, 64), ints, 0), "expected a float type")
}
