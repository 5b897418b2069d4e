package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// Each set against float64 over terms rounded to bfloat16, which holds their
// products exactly. The bound is that of TestMultiplyAgainstFloat64.
func TestMultiplyBFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	rounded := func(x float32) float64 {
		low, _ := unpair(pair(x, 0))
		return float64(low)
	}
	for _, shape := range shapes {
		m, n, k := shape[0], shape[1], shape[2]
		x, w := randomMatrix(rng, m, k, k+rng.IntN(5)), randomMatrix(rng, n, k, k+rng.IntN(5))
		bias := randomMatrix(rng, 1, n, n).Data
		for _, s := range variants {
			got := tensor.NewMatrix(m, n)
			multiplyIn(s, BFloat16, got, x, w, bias, Identity)
			for i := range m {
				for j := range n {
					want, size := float64(bias[j]), math.Abs(float64(bias[j]))
					for l := range k {
						p := rounded(x.Row(i)[l]) * rounded(w.Row(j)[l])
						want += p
						size += math.Abs(p)
					}
					bound := float64(2*k+1) * 0x1p-24 * size
					require.InDeltaf(t, want, float64(got.Row(i)[j]), bound, "%s %v [%d][%d]", s.name, shape, i, j)
				}
			}
		}
	}
}

// Every SIMD set computes each element as one chain of exactly rounded
// multiply-adds beginning at the bias, of each word the high term first, but for AMX,
// which has a test of its own. Only numbers below 2⁻¹²⁶ differ: VDPBF16PS takes and gives zeros for them.
func TestMultiplyBFloat16IsAChainOfFMAs(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	rounded := func(x []float32, k int) []float32 {
		row := make([]float32, roundUp(k, 2))
		for i, v := range x[:k] {
			row[i] = math.Float32frombits(roundBFloat16(v) << 16)
		}
		return row
	}
	for _, shape := range shapes {
		m, n, k := shape[0], shape[1], shape[2]
		x, w := randomMatrix(rng, m, k, k+rng.IntN(5)), randomMatrix(rng, n, k, k+rng.IntN(5))
		bias := randomMatrix(rng, 1, n, n).Data
		want := tensor.NewMatrix(m, n)
		for i := range m {
			a := rounded(x.Row(i), k)
			for j := range n {
				b, sum := rounded(w.Row(j), k), bias[j]
				for l := 0; l < k; l += 2 {
					sum = fma32(a[l], b[l], fma32(a[l+1], b[l+1], sum))
				}
				want.Row(i)[j] = sum
			}
		}
		for _, s := range sets {
			if plain(s, BFloat16) || s.products[BFloat16].block > 0 {
				continue
			}
			got := randomMatrix(rng, m, n, n+rng.IntN(5))
			margin := clone(got.Data)
			multiplyIn(s, BFloat16, got, x, w, bias, Identity)
			for i := range m {
				require.Equalf(t, bits(want.Row(i)), bits(got.Row(i)), "%s %v row %d", s.name, shape, i)
				if end := i*got.Stride + n; i+1 < m {
					require.Equalf(t, margin[end:(i+1)*got.Stride], got.Data[end:(i+1)*got.Stride], "%s %v wrote beside row %d", s.name, shape, i)
				}
			}
		}
	}
}

// rowWord returns word w of row i of a packed tile of m rows.
func rowWord(s *Set, tile []float32, m, i, w int) uint32 {
	p := &s.products[BFloat16]
	if p.wide {
		pair := tile[(w/4*m+i)*8+w%4*2:]
		return math.Float32bits(pair[0])>>16 | math.Float32bits(pair[1])
	}
	block := max(4, p.block)
	return math.Float32bits(tile[(w/block*m+i)*block+w%block])
}

// rowWordsOf returns the words of k terms of a packed row.
func rowWordsOf(s *Set, k int) int {
	return roundUp(BFloat16.words(k), max(1, s.products[BFloat16].block))
}

// spoil makes x NaN, so that products with what is not packed are, too.
func spoil(x []float32) {
	for i := range x {
		x[i] = float32(math.NaN())
	}
}

// All sets round alike, whatever the number: but for those below 2⁻¹²⁶, which
// VCVTNE2PS2BF16 makes zeros.
func TestPackingsBFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for _, shape := range shapes {
		m, k := shape[0], shape[2]
		x := randomMatrix(rng, m, k, k+rng.IntN(3))
		for i := range x.Data {
			v := math.Float32frombits(rng.Uint32() & []uint32{0xffffffff, 0xffff8000, 0xffff0000}[rng.IntN(3)])
			if magnitude := math.Abs(float64(v)); magnitude != 0 && magnitude < 0x1p-126 {
				v = float32(math.NaN())
			}
			x.Data[i] = v
		}
		for _, s := range variants {
			var rows Rows
			var panels, transposed, straight Panels
			panels.Resize(BFloat16, k, 1)
			rows.Resize(s, m, &panels)
			spoil(rows.data)
			straight.Resize(BFloat16, m, min(k, Panel))
			transposed.Resize(BFloat16, k, min(m, Panel))
			for tile := range rows.Tiles() {
				s.PackRows(&rows, tile, x)
			}
			s.PackTransposed(&transposed, 0, x.Slice(0, min(m, Panel)))
			narrow := x
			narrow.Cols = straight.N
			s.Pack(&straight, 0, narrow)
			half := func(word uint32, j int) uint32 { return word >> (16 * j) & 0xffff }
			word := func(words []float32, i, j int) uint32 { return half(math.Float32bits(words[i]), j) }
			for i := range m {
				from, height := 0, m
				for tile := range rows.Tiles() {
					if a, b := rows.Span(tile); a <= i && i < b {
						from, height = a, b-a
					}
				}
				data := rows.data[from*rows.words:]
				for w := (k + 1) / 2; w < rowWordsOf(s, k); w++ {
					require.Zerof(t, rowWord(s, data, height, i-from, w), "%s %v row %d: word %d", s.name, shape, i, w)
				}
				for j, v := range x.Row(i) {
					want := roundBFloat16(v)
					require.Equalf(t, want, half(rowWord(s, data, height, i-from, j/2), j%2), "%s %v row %d of %08x", s.name, shape, j, math.Float32bits(v))
					if i < Panel {
						require.Equalf(t, want, word(transposed.data, j/2*Panel+i, j%2), "%s %v transposed %08x", s.name, shape, math.Float32bits(v))
					}
					if j < Panel {
						require.Equalf(t, want, word(straight.data, i/2*Panel+j, i%2), "%s %v interleaved %08x", s.name, shape, math.Float32bits(v))
					}
				}
			}
		}
	}
}

// Rounding to bfloat16 is to the nearest, ties to even, and keeps NaN and ±Inf.
func TestRoundBFloat16(t *testing.T) {
	for bits, want := range map[uint32]uint32{
		0x3f800000: 0x3f80, 0x3f808000: 0x3f80, 0x3f808001: 0x3f81, 0x3f818000: 0x3f82, 0x3f817fff: 0x3f81,
		0x80000000: 0x8000, 0x7f800000: 0x7f80, 0xff800000: 0xff80, 0x7f7fffff: 0x7f80, 0x7f800001: 0x7fc0, 0xffc12345: 0xffc1,
	} {
		require.Equalf(t, want, roundBFloat16(math.Float32frombits(bits)), "%08x", bits)
	}
}

// The steps of rows_amd64.h, each rounded once, as in rows_test.go.

func shortPower32(y float32) float32 {
	k := y + round127
	f := y - (k - round127)
	p := float32(short3)
	for _, c := range []float32{short2, short1, 1} {
		p = fma32(p, f, c)
	}
	return p * math.Float32frombits(math.Float32bits(k)<<23)
}

func roughGELU32(x float32) float32 {
	a := min(float32(math.Abs(float64(x))), roughHigh)
	y := float32(rough4)
	for _, c := range []float32{rough3, rough2, rough1, rough0} {
		y = fma32(y, a, c)
	}
	return fma32(-a, shortPower32(y), relu32(x))
}

// exponentialWords32 returns the packed words of a row without a NaN, and their sum.
func exponentialWords32(x []float32, factor float32) (words []float32, total float32) {
	shift := slices.Max(x) * factor
	terms := make([]float32, roundUp(len(x), 8))
	for i, v := range x {
		terms[i] = shortPower32(max(fma32(v, factor, -shift), -127))
	}
	var sums [16]float32
	for i := range len(terms) / 2 {
		word := pair(terms[2*i], terms[2*i+1])
		low, high := unpair(word)
		words = append(words, word)
		sums[i%16] = sums[i%16] + high + low
	}
	return words, sum16(&sums)
}

// The GELU and the exponentials to be rounded against float64, and bit for bit
// against their steps on every SIMD set.
func TestRoughGELU(t *testing.T) {
	var x []float32
	for i := -30000; i <= 30000; i++ {
		x = append(x, float32(i)/2000)
	}
	x = append(x, float32(math.Inf(1)), float32(math.NaN()), float32(math.Inf(-1)), -1e30, 1e30)
	steps := make([]float32, len(x))
	for i, v := range x {
		steps[i] = roughGELU32(v)
	}
	for _, s := range sets {
		got := clone(x)
		s.products[BFloat16].gelu(got, len(got), 1, len(got))
		n := len(x) - 5
		for i, v := range x[:n] {
			want := float64(v) * math.Erfc(-float64(v)/math.Sqrt2) / 2
			require.InDeltaf(t, want, float64(got[i]), 2.5e-5, "%s GELU(%v)", s.name, v)
		}
		require.Equal(t, float32(math.Inf(1)), got[n], s.name)
		require.True(t, got[n+1] != got[n+1], "%s: a NaN stays", s.name)
		require.InDelta(t, 0, got[n+2], 1e-6, s.name)
		require.InDelta(t, 0, got[n+3], 1e-6, s.name)
		if !plain(s, BFloat16) {
			sameBits(t, steps, got, "%s", s.name)
		}
	}
}

func TestPackExponentialsBFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	for n := 1; n < 140; n++ {
		m := 1 + n%7
		scores := randomMatrix(rng, m, n, n+n%3)
		for i := range scores.Data {
			scores.Data[i] *= 20
		}
		row := scores.Row(0)
		for i := range row[:n/2] {
			row[i] = float32(math.Inf(-1))
		}
		var values Panels
		values.Resize(BFloat16, n, 8)
		factor := float32(0.3)
		factor *= log2e
		for _, s := range variants {
			var rows Rows
			rows.Resize(s, m, &values)
			if rows.Tiles() != 1 {
				continue
			}
			spoil(rows.data)
			x := scores
			x.Data = clone(scores.Data)
			totals, highest := make([]float32, m), slices.Repeat([]float32{Lowest}, m)
			s.PackExponentials(&rows, 0, x, 0.3, highest, totals)
			for i := range m {
				largest := math.Inf(-1)
				for _, v := range scores.Row(i) {
					largest = max(largest, float64(v))
				}
				sum := 0.0
				for j := range 2 * rowWordsOf(s, n) {
					low, high := unpair(math.Float32frombits(rowWord(s, rows.data, m, i, j/2)))
					got := []float32{low, high}[j%2]
					want := 0.0
					if j < n {
						want = math.Exp((float64(scores.Row(i)[j]) - largest) * 0.3)
					}
					// 1.02e-4 of the polynomial, 2⁻⁸ of rounding, 2⁻²³ of up to some 100.
					require.InDeltaf(t, want, float64(got), want*0x1p-8*1.06+1e-37, "%s n=%d row %d element %d", s.name, n, i, j)
					sum += float64(got)
				}
				require.InDelta(t, sum, float64(totals[i]), sum*1e-5)
				if plain(s, BFloat16) {
					continue
				}
				words, total := exponentialWords32(scores.Row(i), factor)
				require.Equal(t, math.Float32bits(total), math.Float32bits(totals[i]), "%s n=%d row %d", s.name, n, i)
				for w, want := range words {
					require.Equal(t, math.Float32bits(want), rowWord(s, rows.data, m, i, w), "%s n=%d row %d word %d", s.name, n, i, w)
				}
			}
		}
		bad := scores
		bad.Data = clone(scores.Data)
		bad.Row(m - 1)[n-1] = float32(math.NaN())
		for _, s := range variants {
			var rows Rows
			rows.Resize(s, m, &values)
			totals, highest := make([]float32, m), slices.Repeat([]float32{Lowest}, m)
			if rows.Tiles() == 1 {
				s.PackExponentials(&rows, 0, bad, 0.3, highest, totals)
				require.True(t, totals[m-1] != totals[m-1], "%s: a NaN stays", s.name)
			}
		}
	}
}

// What is packed between two products is what packing the first one's result gives.
func TestMultiplyPacked(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for s, f := range setsAndFormats {
		if f == Int8 { // whose steps are those of a whole row
			continue
		}
		for _, shape := range shapes {
			m, n, k := shape[0], shape[1], shape[2]
			x, w := randomMatrix(rng, m, k, k), randomMatrix(rng, n, k, k)
			var a, want, got Rows
			var b, second Panels
			b.Resize(f, k, n)
			second.Resize(f, n, 1)
			a.Resize(s, m, &b)
			want.Resize(s, m, &second)
			got.Resize(s, m, &second)
			for p := range b.Count() {
				s.PackTransposed(&b, p, w.Slice(p*Panel, min((p+1)*Panel, n)))
			}
			for tile := range a.Tiles() {
				s.PackRows(&a, tile, x)
			}
			dst := tensor.NewMatrix(m, n)
			for _, act := range []Activation{ReLU, GELU} {
				s.Multiply(dst, &a, 0, a.Tiles(), &b, 0, b.Count(), 0, act)
				for tile := range want.Tiles() {
					s.PackRows(&want, tile, dst)
				}
				s.MultiplyPacked(&got, Floats((1+rng.IntN(3))*MaxTileRows*Panel), &a, 0, a.Tiles(), &b, 0, b.Count(), 0, act)
				require.Equal(t, bits(want.data), bits(got.data), "%s %v %v %v", s.name, f, shape, act)
			}
		}
	}
}

// Panels of bfloat16s are those of the float32s that they stand for.
func TestPackBFloat16(t *testing.T) {
	for _, s := range Sets() {
		for _, k := range []int{2, 6, 16, 70, 128} {
			for _, rows := range []int{1, 7, Panel} {
				w, memory := tensor.NewMatrix(rows, k), make([]byte, 2*rows*k+2)
				halves := memory[rows%4/2*2:][:2*rows*k] // of 7 rows in the middle of a word
				for i := range w.Data {
					binary.LittleEndian.PutUint16(halves[2*i:], uint16(0x3000+7*i*i%0x2000+i%2<<15))
				}
				require.NoError(t, tensor.Tensor{DType: tensor.BF16, Shape: []int{rows, k}, Data: halves}.Float32s(w.Data))
				var want, got Panels
				want.Resize(BFloat16, k, rows)
				got.Resize(BFloat16, k, rows)
				for i := range got.data {
					got.data[i] = 7 // packing leaves nothing as it was
				}
				s.PackTransposed(&want, 0, w)
				s.PackBFloat16(&got, 0, halves)
				require.Equal(t, bitsOf(want.data), bitsOf(got.data), "%s: %d×%d", s.Name(), rows, k)
			}
		}
	}
}
