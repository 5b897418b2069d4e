//go:build amd64 && !purego

package kernel

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/cpu"

	"github.com/rhumb-go/rhumb/tensor"
)

// The set of AMX with its tiles run by a model, where this CPU has what surrounds
// them, is one of the variants that the tests of products run.
func init() {
	if !slices.Contains(sets, &avx512) || !cpu.X86.HasAVX512BW || !cpu.X86.HasAVX512BF16 || !cpu.X86.HasAVX512VNNI {
		return
	}
	modeled = amxOf(&avx512)
	modeled.name = "amx by a model"
	modeled.products[BFloat16].tile = modelTiles("products_tile_bfloat16_amx_amd64.s", "BFloat16AMX").bfloat16
	modeled.products[Int8].tile = modelTiles("products_tile_int8_amx_amd64.s", "Int8AMX").int8
	variants, int8Variants = append(variants, modeled), append(int8Variants, modeled)
}

// amxSets are the sets with AMX.
func amxSets(t *testing.T) []*Set {
	if modeled == nil {
		t.Skip("NOT TESTED: this CPU lacks AVX-512 BW, BF16 or VNNI")
	}
	var with []*Set
	for _, s := range variants {
		if s.products[BFloat16].block > 0 {
			with = append(with, s)
		}
	}
	return with
}

func TestAMXSelfTest(t *testing.T) {
	for _, s := range amxSets(t) {
		require.NoError(t, SelfTest(s))
	}
}

// Of all heights of tiles, in runs below and beside each other: Int8 has the bits of
// AVX-512, BFloat16 those of sums as Intel's manual says, of 16 words' low terms, of
// their high ones, of both, and of that with the sum before. Numbers below 2⁻¹²⁶ are zero.
func TestAMXProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	check := func(s *Set, m, n, k int) {
		x, w := randomMatrix(rng, m, k, k+rng.IntN(3)), randomMatrix(rng, n, k, k)
		x.Data[0], w.Data[0] = 1e-20, 1e-25
		bias := randomMatrix(rng, 1, n, n).Data
		outliers := randomOutliers(rng, rng.IntN(6), k)
		want, got := tensor.NewMatrix(m, n), randomMatrix(rng, m, n, n+rng.IntN(3))
		margin := clone(got.Data)
		multiplyInt8(&avx512, want, x, w, bias, outliers)
		multiplyInt8(s, got, x, w, bias, outliers)
		for i := range m {
			sameBits(t, want.Row(i), got.Row(i), "%s int8 %d×%d×%d row %d", s.name, m, n, k, i)
		}
		multiplyIn(s, BFloat16, got, x, w, bias, Identity)
		for i := range m {
			for j := range n {
				want.Row(i)[j] = sumOfBlocks(x.Row(i), w.Row(j), bias[j])
			}
			sameBits(t, want.Row(i), got.Row(i), "%s bfloat16 %d×%d×%d row %d", s.name, m, n, k, i)
			if end := i*got.Stride + n; i+1 < m {
				sameBits(t, margin[end:(i+1)*got.Stride], got.Data[end:(i+1)*got.Stride], "%s %d×%d×%d beside row %d", s.name, m, n, k, i)
			}
		}
	}
	for _, s := range amxSets(t) {
		for m := 1; m <= 70; m++ {
			check(s, m, 1+rng.IntN(70), 1+rng.IntN(140))
		}
		for _, shape := range [][3]int{
			{1, 16, 64}, {16, 32, 32}, {32, 32, 128}, {33, 17, 65}, {5, 300, 70}, {3, 320, 64}, {17, 225, 200}, {320, 33, 24}, {300, 16, 64}, {290, 40, 8},
		} {
			check(s, shape[0], shape[1], shape[2])
		}
	}
}

// sumOfBlocks is an element of a product by AMX in BFloat16.
func sumOfBlocks(a, b []float32, bias float32) float32 {
	rounded := func(v float32) float32 {
		low, _ := unpair(pair(v, 0))
		return normal(low)
	}
	sum := normal(bias)
	for block := 0; block < len(a); block += 32 {
		var low, high float32
		for l := block; l < min(block+32, len(a)); l++ {
			to := &low
			if l%2 == 1 {
				to = &high
			}
			*to = normal(fma32(rounded(a[l]), rounded(b[l]), *to))
		}
		sum = normal(sum + normal(low+high))
	}
	return sum
}

// The bits of a row do not depend on the rows beside it.
func TestAMXPartsEqualWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(73, 74))
	const m, n, k = 61, 40, 70
	x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
	for _, s := range amxSets(t) {
		whole := tensor.NewMatrix(m, n)
		multiplyIn(s, BFloat16, whole, x, w, nil, GELU)
		for _, rows := range []int{1, 15, 16, 17, 31, 32, 33, 40} {
			part := tensor.NewMatrix(rows, n)
			multiplyIn(s, BFloat16, part, x.Slice(3, 3+rows), w, nil, GELU)
			require.Equal(t, bits(whole.Slice(3, 3+rows).Data), bits(part.Data), "%s, %d rows", s.name, rows)
		}
	}
}

// What surrounds the tiles takes its memory from a pool.
func TestAMXDoesNotAllocate(t *testing.T) {
	skipUnderRace(t)
	s := *amxSets(t)[0]
	var none amxTiles
	for i := range none {
		for j := range none[i] {
			none[i][j] = func(*tileConfig, *float32, int, *float32, *float32, *float32, *float32, int, int, *float32, run) {}
		}
	}
	s.products[BFloat16].tile, s.products[Int8].tile = none.bfloat16, none.int8
	for _, f := range []Format{BFloat16, Int8} {
		const m, n, k = 70, 70, 70
		var a Rows
		var b Panels
		b.Resize(f, k, n)
		a.Resize(&s, m, &b)
		dst := tensor.NewMatrix(m, n)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			s.Multiply(dst, &a, 0, a.Tiles(), &b, 0, b.Count(), 0, Identity)
		}), f)
	}
}

// What LDTILECFG and the products refuse is a fault of the model.
func TestTileModelFaults(t *testing.T) {
	source, err := os.ReadFile("products_tile_int8_amx_amd64.s")
	require.NoError(t, err)
	memory := Floats(32 * 32 * 4)
	p := &memory[0]
	call := func(source string, change func(*tileConfig)) func() {
		c := newTileConfig(20, 20)
		change(&c)
		return func() {
			modelTile(source, "tile32x32Int8AMX")(&c, p, 32, p, add(p, 1024), nil, add(p, 2048), 1, 20, p, run{count: 1})
		}
	}
	same := func(*tileConfig) {}
	require.NotPanics(t, call(string(source), same))
	for name, change := range map[string]func(*tileConfig){
		"palette":            func(c *tileConfig) { c.palette = 0 },
		"rows without bytes": func(c *tileConfig) { c.rowBytes[3] = 0 },
		"rows of a":          func(c *tileConfig) { c.rows[5]-- },
		"bytes of a":         func(c *tileConfig) { c.rowBytes[4] = 60 },
		"columns of b":       func(c *tileConfig) { c.rowBytes[7] += 4 },
		"too many rows":      func(c *tileConfig) { c.rows[0] = 17 },
		"too many bytes":     func(c *tileConfig) { c.rowBytes[6] = 68 },
		"no such register":   func(c *tileConfig) { c.rows[8], c.rowBytes[8] = 1, 4 },
		"register not used":  func(c *tileConfig) { c.rows[2], c.rowBytes[2] = 0, 0 },
		"first row":          func(c *tileConfig) { c.startRow = 1 },
	} {
		require.Panics(t, call(string(source), change), name)
	}
	for name, change := range map[string][2]string{
		"no release":     {"BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0 // TILERELEASE", ""},
		"no end":         {"DECQ CX", "TESTQ DX, DX"},
		"beyond a":       {"ADDQ DI, AX", "ADDQ DI, AX\n\tADDQ $0x1000, R12\n\tMOVQ R12, AX\n\tMOVQ $2, CX"},
		"an instruction": {"SHLQ $6, DI", "SHRQ $6, DI"},
	} {
		changed := strings.ReplaceAll(string(source), change[0], change[1])
		require.NotEqual(t, string(source), changed)
		require.Panics(t, call(changed, same), name)
	}
}

// The system may refuse the tile registers, and a set that computes something else is
// not used.
func TestAMXServesWhereItMay(t *testing.T) {
	if modeled == nil {
		t.Skip("NOT TESTED: this CPU lacks AVX-512 BW, BF16 or VNNI")
	}
	asked := 0
	answer := func(yes bool) func() bool {
		return func() bool { asked++; return yes }
	}
	x := &cpu.X86
	defer func(was ...bool) { x.HasAMXTile, x.HasAMXBF16, x.HasAMXInt8 = was[0], was[1], was[2] }(x.HasAMXTile, x.HasAMXBF16, x.HasAMXInt8)
	for _, flag := range []*bool{&x.HasAMXTile, &x.HasAMXBF16, &x.HasAMXInt8} {
		x.HasAMXTile, x.HasAMXBF16, x.HasAMXInt8 = true, true, true
		*flag = false
		require.Nil(t, withAMX(&avx512, answer(true)))
	}
	require.Zero(t, asked, "the system is asked only where the CPU can")
	x.HasAMXTile, x.HasAMXBF16, x.HasAMXInt8 = true, true, true
	refused, granted := detect(answer(false)), detect(answer(true))
	require.Equal(t, 2, asked)
	require.Same(t, &avx512, refused[len(refused)-1])
	require.Equal(t, refused, granted[:len(granted)-1])
	amx := granted[len(granted)-1]
	require.Equal(t, "amx", amx.Name())
	require.Equal(t, "bfloat16 by TDPBF16PS (AMX)", amx.How(BFloat16))
	require.Equal(t, "int8 by TDPBUSD (AMX)", amx.How(Int8))
	require.Equal(t, avx512.How(Int4), amx.How(Int4))

	right, wrong := *modeled, *modeled
	require.True(t, right.unproven)
	wrong.products[Int8].tile = func(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
		modeled.products[Int8].tile(c, ldc, a, b, bias, steps, m, n, next, r)
		if r.b == 0 && r.count > 1 && m > 16 { // wrong in one way of many
			*add(c, r.c+17*ldc)++
		}
	}
	require.Same(t, &right, fastest(append(slices.Clone(refused), &right)))
	require.Same(t, &avx512, fastest(append(slices.Clone(refused), &wrong)))
	require.ErrorContains(t, SelfTest(&wrong), "kernels amx by a model: 64×64×64 whole numbers in int8: element")
}
