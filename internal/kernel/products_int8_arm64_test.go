//go:build unix && !purego

package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"
)

// neonVariants are neon with each tile of Int8 that this CPU runs.
var neonVariants = func() []*Set {
	variants := []*Set{with(&neon, "neon with SMULL", int8NEON)}
	if cpu.ARM64.HasASIMDDP {
		variants = append(variants, with(&neon, "neon with SDOT", int8SDOT))
	}
	if cpu.ARM64.HasI8MM {
		variants = append(variants, with(&neon, "neon with USMMLA", int8USMMLA))
	}
	return variants
}()

func init() { int8Variants = append(int8Variants, neonVariants...) }

// The best tile that the CPU has is in use.
func TestInt8OfThisCPU(t *testing.T) {
	require.Equal(t, neonVariants[len(neonVariants)-1].How(Int8), neon.How(Int8))
	for _, v := range neonVariants {
		require.True(t, proven(&neon, Int8, v.products[Int8]), v.name)
		require.NoError(t, SelfTest(v))
	}
}

// A tile that is off by one number is not used.
func TestProvenInt8(t *testing.T) {
	require.False(t, proven(&neon, Int8, product{tileRows: 4, tile: func(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
		tileInt8NEON(c, ldc, a, b, bias, steps, m, n, next, r)
		*c++
	}}))
}

// The tiles stay within their slices, whichever of them the CPU would choose.
func TestInt8TilesStayWithinTheirSlices(t *testing.T) {
	for _, v := range neonVariants {
		productsStayWithinTheirSlices(t, v, Int8)
	}
}

// The words of a column are in pairs, wherever their place is.
func TestPairWords(t *testing.T) {
	const words = 8
	panel := make([]float32, words*Panel)
	for i := range panel {
		panel[i] = float32(i)
	}
	pairWords(&panel[0], words)
	for w := range words {
		for j := range Panel {
			half, column := j/16, j%16
			place := (w/2*2+column/8)*Panel + 16*half + column%8*2 + w%2
			require.Equal(t, float32(w*Panel+j), panel[place])
		}
	}
}
