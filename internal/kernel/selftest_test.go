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
	broken = *Best()
	broken.name = "broken"
	broken.divideRows = func(x *float32, ld, rows, cols int, totals *float32) {}
	require.ErrorContains(t, SelfTest(&broken), "kernels broken: attention in float32: element")
	broken = *Best()
	broken.name = "broken"
	pack := broken.products[Float32].packRows
	broken.products[Float32].packRows = func(dst, src *float32, ld, m, cols int) {
		if pack(dst, src, ld, m, cols); cols == Panel {
			*dst++
		}
	}
	require.ErrorContains(t, SelfTest(&broken), "kernels broken: product in float32, identity, packed: differs")
	if Best().int4.codes != nil {
		broken = *Best()
		broken.int4.codes = func(*byte, *float32, *[8]float32) {}
		require.ErrorContains(t, SelfTest(&broken), "weights in int4: element 0")
		broken = *Best()
		broken.fromFloat16 = func(*float32, *byte, int) {}
		require.ErrorContains(t, SelfTest(&broken), "float32 of F16: element 0")
	}
}

func TestUnprovenSetsServeWhereTheyAreRight(t *testing.T) {
	right, wrong := *Best(), *Best()
	right.name, right.unproven = "right", true
	wrong.name, wrong.unproven = "wrong", true
	wrong.mul = func(dst, x []float32) {}
	require.Same(t, &right, fastest([]*Set{&generic, &right}))
	require.Same(t, &right, fastest([]*Set{&generic, &right, &wrong}))
	require.Same(t, &generic, fastest([]*Set{&generic, &wrong}))
	wrong.unproven = false
	require.Same(t, &wrong, fastest([]*Set{&generic, &wrong}))

	all := sets
	defer func() { sets = all }()
	wrong.unproven = true
	sets = []*Set{&generic, &right, &wrong}
	s, err := ByName("right")
	require.NoError(t, err)
	require.Same(t, &right, s)
	s, err = ByName("wrong")
	require.Nil(t, s)
	require.ErrorContains(t, err, "kernels wrong: multiply: element 0")
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
