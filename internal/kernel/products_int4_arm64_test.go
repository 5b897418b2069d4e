//go:build unix && !purego

package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"
)

// neonInt4Variants are neon with each tile of Int4 that this CPU runs.
var neonInt4Variants = func() []*Set {
	with := func(name string, p product) *Set {
		s := neon
		s.name, s.products[Int4] = name, p
		return &s
	}
	variants := []*Set{with("neon with SMLAL", int4NEON)}
	if cpu.ARM64.HasASIMDDP {
		variants = append(variants, with("neon with SDOT", int4SDOT))
	}
	return variants
}()

func init() { int4Variants = append(int4Variants, neonInt4Variants...) }

// The best tile that the CPU has is in use, and each is right.
func TestInt4OfThisCPU(t *testing.T) {
	require.Equal(t, neonInt4Variants[len(neonInt4Variants)-1].How(Int4), neon.How(Int4))
	for _, v := range neonInt4Variants {
		require.True(t, proven(&neon, Int4, v.products[Int4]), v.name)
		require.NoError(t, SelfTest(v))
	}
}

// A tile that is off by one number is not used.
func TestProvenInt4(t *testing.T) {
	wrong := int4NEON
	wrong.tile = func(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
		tileInt4NEON(c, ldc, a, b, bias, steps, m, n, next, r)
		*c++
	}
	require.False(t, proven(&neon, Int4, wrong))
}

// The tiles stay within their slices, whichever of them the CPU would choose.
func TestInt4TilesStayWithinTheirSlices(t *testing.T) {
	for _, v := range neonInt4Variants {
		productsStayWithinTheirSlices(t, v, Int4)
	}
}
