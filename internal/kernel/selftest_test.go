package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSelfTest(t *testing.T) {
	for _, s := range sets {
		require.NoError(t, SelfTest(s))
	}
	broken := *Best()
	broken.name = "broken"
	broken.scale = func(dst []float32, a float32) { dst[0] = 0 }
	require.ErrorContains(t, SelfTest(&broken), "kernels broken: softmax: element 0")
}

func TestByName(t *testing.T) {
	s, err := ByName("")
	require.NoError(t, err)
	require.Same(t, Best(), s)
	s, err = ByName("generic")
	require.NoError(t, err)
	require.Same(t, &generic, s)
	_, err = ByName("avx1024")
	require.ErrorContains(t, err, `kernels "avx1024": this CPU runs generic`)
}
