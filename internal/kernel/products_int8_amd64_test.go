//go:build amd64 && !purego

package kernel

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"
)

// A tile that is off by one number is not used.
func TestProvenInt8(t *testing.T) {
	if len(sets) == 1 {
		t.Skip("NOT TESTED: this CPU lacks AVX2")
	}
	require.True(t, proven(&avx2, Int8, int8PairsAVX2))
	broken := int8PairsAVX2
	broken.tile = func(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
		tileInt8AVX2(c, ldc, a, b, bias, steps, m, n, next, r)
		*c++
	}
	require.False(t, proven(&avx2, Int8, broken))
}

// VPDPBUSD in its VEX form, as GNU as 2.40 assembles {vex} vpdpbusd.
func TestAVXVNNIEncoding(t *testing.T) {
	data, err := os.ReadFile("products_tile_int8_avxvnni_amd64.s")
	require.NoError(t, err)
	for _, line := range []string{
		"BYTE $0xc4; BYTE $0xc2; BYTE $0x0d; BYTE $0x50; BYTE $0xc4 // VPDPBUSD Y12, Y14, Y0",
		"BYTE $0xc4; BYTE $0x42; BYTE $0x05; BYTE $0x50; BYTE $0xdd // VPDPBUSD Y13, Y15, Y11",
	} {
		require.Contains(t, string(data), line)
	}
}

func init() {
	for _, s := range sets {
		if s != &avx512 {
			continue
		}
		int8Variants = append(int8Variants, with(s, "avx512 with 256-bit pairs", int8PairsAVX2))
		if cpu.X86.HasAVX512BW {
			int8Variants = append(int8Variants, with(s, "avx512 without VNNI", int8PairsAVX512))
		}
	}
	if cpu.X86.HasAVXVNNI {
		int8Variants = append(int8Variants, with(&avx2, "avx2 with VNNI", int8AVXVNNI))
	}
}
