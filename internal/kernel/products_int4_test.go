package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// An int4Row is a row in Int4: whole numbers, and a scale for each group.
type int4Row struct {
	values []int
	scales []float32
}

// weightRow reads the codes of w.
func weightRow(w []float32) int4Row {
	groups := Int4Groups(len(w))
	codes, row := make([]byte, groups*Int4GroupBytes), int4Row{scales: make([]float32, groups)}
	Best().QuantizeInt4(codes, row.scales, w)
	for i := range w {
		b := codes[i/32*16+i%32/8*4+i%4]
		if i%8 >= 4 {
			b >>= 4
		}
		row.values = append(row.values, int(b&15)-8)
	}
	return row
}

// inputRow rounds x as the doc comment of packRowsInt4Generic says.
func inputRow(x []float32) int4Row {
	var row int4Row
	for from := 0; from < len(x); from += 32 {
		group := x[from:min(from+32, len(x))]
		size := float32(0)
		for _, v := range group {
			size = max(size, float32(math.Abs(float64(v))))
		}
		row.scales = append(row.scales, size/127)
		for _, v := range group {
			row.values = append(row.values, int(math.RoundToEven(float64(v*(127/size)))))
		}
	}
	return row
}

// int4Variants are sets with other tiles of Int4 that this CPU runs.
var int4Variants []*Set

// Each SIMD set computes each element as one chain of exactly rounded
// multiply-adds over the groups in order, beginning at the bias, of the exact
// product of a group and the rounded product of the scales. Generic rounds the
// products too: 2 more roundings for each group.
func TestMultiplyInt4(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for _, shape := range shapes {
		m, n, k := shape[0], shape[1], shape[2]
		x, w := randomMatrix(rng, m, k, k+rng.IntN(5)), randomMatrix(rng, n, k, k+rng.IntN(5))
		bias := randomMatrix(rng, 1, n, n).Data
		var inputs, weights []int4Row
		for i := range m {
			inputs = append(inputs, inputRow(x.Row(i)))
		}
		for j := range n {
			weights = append(weights, weightRow(w.Row(j)))
		}
		for _, s := range append(int4Variants, sets...) {
			got := tensor.NewMatrix(m, n)
			multiplyIn(s, Int4, got, x, w, bias, Identity)
			for i := range m {
				for j := range n {
					want, size := bias[j], math.Abs(float64(bias[j]))
					for g := range Int4Groups(k) {
						sum := 0
						for l := g * 32; l < min(k, g*32+32); l++ {
							sum += inputs[i].values[l] * weights[j].values[l]
						}
						scale := inputs[i].scales[g] * weights[j].scales[g]
						want = fma32(float32(sum), scale, want)
						size += math.Abs(float64(sum) * float64(scale))
					}
					if !plain(s, Int4) {
						require.Equalf(t, math.Float32bits(want), math.Float32bits(got.Row(i)[j]), "%s %v [%d][%d]: %v, %v", s.name, shape, i, j, want, got.Row(i)[j])
						continue
					}
					bound := float64(3*Int4Groups(k)+1) * 0x1p-24 * size
					require.InDeltaf(t, want, got.Row(i)[j], bound, "%v [%d][%d]", shape, i, j)
				}
			}
		}
	}
}

// The largest codes and inputs do not overflow where products are summed in 16 bits.
func TestMultiplyInt4Extremes(t *testing.T) {
	const m, n, k = 5, 35, 96
	for _, sign := range []float32{1, -1} {
		x, w := tensor.NewMatrix(m, k), tensor.NewMatrix(n, k)
		for i := range x.Data {
			x.Data[i] = 127
		}
		for i := range w.Data {
			w.Data[i] = 7 * sign
			if i%32 == 0 {
				w.Data[i] = -8 * sign // the scale is ±1, exactly, and the others are at its other end
			}
		}
		for _, s := range append(int4Variants, sets...) {
			got := tensor.NewMatrix(m, n)
			multiplyIn(s, Int4, got, x, w, nil, Identity)
			for i, v := range got.Data {
				require.Equalf(t, sign*127*3*(31*7-8), v, "%s element %d", s.name, i)
			}
		}
	}
}

// A weight's code and scale come nearest among all codes for that scale, the
// scale is a bfloat16, and elements beyond a short row stand for zero.
func TestQuantizeInt4(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for n := 1; n <= 100; n++ {
		w := randomMatrix(rng, 1, n, n).Data
		row := weightRow(w)
		var wrong, size float64
		for i, v := range w {
			scale := row.scales[i/32]
			require.Zero(t, math.Float32bits(scale)&0xffff, "not a bfloat16")
			nearest := min(max(math.RoundToEven(float64(v)/float64(scale)), -8), 7)
			// the code is rounded from v·(1/scale), which is off by 2 roundings of a number below 16
			require.InDelta(t, float64(v), float64(row.values[i])*float64(scale), math.Abs(float64(v)-nearest*float64(scale))+math.Abs(float64(scale))*0x1p-19)
			wrong += math.Pow(float64(v)-float64(row.values[i])*float64(scale), 2)
			size += float64(v) * float64(v)
		}
		require.Less(t, math.Sqrt(wrong/size), 0.15, n) // of 32 Gaussian numbers in 16 levels it is some 0.08
		back := make([]float32, n)
		codes := make([]byte, Int4Groups(n)*Int4GroupBytes)
		Best().QuantizeInt4(codes, row.scales, w)
		DequantizeInt4(back, codes, row.scales)
		for i := range back {
			require.Equal(t, float32(row.values[i])*row.scales[i/32], back[i])
		}
		for i := n; i < Int4Groups(n)*32; i++ {
			require.EqualValues(t, 8, codes[i/8*4+i%4]>>(i%8/4*4)&15, "beyond element %d", n)
		}
	}
}

// Zeros, sizes next to nothing and what is not finite.
func TestQuantizeInt4Special(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, v := range []float32{0, 1e-45, -1e-38, 0x1p-101} {
		row := weightRow([]float32{v, -v})
		require.Equal(t, []int{0, 0}, row.values)
		require.Equal(t, []float32{0}, row.scales)
	}
	for _, v := range []float32{0x1p-100, -0x1p-80, 1e-20, 3e38, -3e38} {
		row := weightRow([]float32{v, 0})
		require.InEpsilon(t, v, float32(row.values[0])*row.scales[0], 0x1p-8, "%g", v)
		require.Zero(t, row.values[1])
	}
	for _, v := range []float32{inf, -inf, nan} {
		row := weightRow([]float32{1, v})
		require.True(t, math.IsNaN(float64(row.scales[0])))
		for _, s := range sets {
			got := tensor.NewMatrix(1, 1)
			multiplyIn(s, Int4, got, asRow([]float32{1, 1}), asRow([]float32{1, v}), nil, Identity)
			require.True(t, math.IsNaN(float64(got.Data[0])), "%s, a weight of %v", s.name, v)
			multiplyIn(s, Int4, got, asRow([]float32{1, v}), asRow([]float32{1, 1}), nil, Identity)
			require.True(t, math.IsNaN(float64(got.Data[0])), "%s, an input of %v", s.name, v)
		}
	}
}

func asRow(x []float32) tensor.Matrix {
	return tensor.Matrix{Rows: 1, Cols: len(x), Stride: len(x), Data: x}
}

// All sets pack rows to the same bits, those that inputRow computes.
func TestPackRowsInt4(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	special := []float32{0, 1e-45, 0x1p-101, 0x1p-100, 3e38, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for _, cols := range []int{1, 31, 32, 33, 64, 100, 160} {
		const m = 3
		for trial := range 20 {
			x := randomMatrix(rng, m, cols, cols+trial%3)
			if trial > 5 {
				x.Data[rng.IntN(len(x.Data))] = special[trial%len(special)]
			}
			if trial > 15 { // next to nothing but for one
				for i := range x.Data {
					x.Data[i] *= 0x1p-126
				}
				x.Data[rng.IntN(len(x.Data))] = special[trial%5]
			}
			want := make([]float32, Int4.rowWords(cols)*m)
			packRowsInt4Generic(&want[0], &x.Data[0], x.Stride, m, cols)
			for _, s := range sets {
				got := make([]float32, len(want))
				s.products[Int4].packRows(&got[0], &x.Data[0], x.Stride, m, cols)
				require.Equal(t, bits(want), bits(got), "%s %d", s.name, cols)
			}
			if trial > 5 {
				continue
			}
			for i := range m {
				row := inputRow(x.Row(i))
				for g, scale := range row.scales {
					words := want[(g*m+i)*10:][:10]
					sum := 0
					for j := range min(32, cols-32*g) {
						q := row.values[32*g+j]
						sum += q
						require.EqualValues(t, q, int8(math.Float32bits(words[j/4])>>(j%4*8)))
					}
					require.EqualValues(t, -8*sum, int32(math.Float32bits(words[8])))
					require.Equal(t, scale, words[9])
				}
			}
		}
	}
}

// Panels packed from codes are those packed from the weights.
func TestPackInt4(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for _, shape := range shapes {
		n, k := min(shape[1], Panel), shape[2]
		w := randomMatrix(rng, n, k, k)
		groups := Int4Groups(k)
		codes, scales := make([]byte, n*groups*Int4GroupBytes), make([]float32, n*groups)
		for i := range n {
			Best().QuantizeInt4(codes[i*groups*Int4GroupBytes:], scales[i*groups:], w.Row(i))
		}
		var want, got Panels
		want.Resize(Int4, k, n)
		got.Resize(Int4, k, n)
		Best().PackTransposed(&want, 0, w)
		Best().PackInt4(&got, 0, codes, scales)
		require.Equal(t, bits(want.data), bits(got.data))
		require.Panics(t, func() { Best().PackInt4(&got, 0, codes[1:], scales) })
	}
	require.Panics(t, func() {
		var p Panels
		p.Resize(Float32, 32, 1)
		Best().PackInt4(&p, 0, make([]byte, 16), make([]float32, 1))
	})
}

// A product allocates nothing, with all columns of its panels or some.
func TestMultiplyInt4Allocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	const m, n, k = 4, 40, 64 // one tile in each set
	for _, s := range sets {
		var a Rows
		var b Panels
		b.Resize(Int4, k, n)
		w := randomMatrix(rng, n, k, k)
		for p := range b.Count() {
			s.PackTransposed(&b, p, w.Slice(p*Panel, min((p+1)*Panel, n)))
		}
		x, dst := randomMatrix(rng, m, k, k), tensor.NewMatrix(m, n)
		allocations := testing.AllocsPerRun(50, func() {
			a.Resize(s, m, &b)
			for i := range a.Tiles() {
				s.PackRows(&a, i, x)
			}
			s.Multiply(dst, &a, 0, a.Tiles(), &b, 0, b.Count(), 0, Identity)
		})
		require.Less(t, allocations, 1.0, s.name) // a pool may be emptied
	}
}

// BenchmarkInt4 reports the bytes of weights that are read in a second beside what
// the machine reads by itself, of matrices that no cache holds, on one thread.
func BenchmarkInt4(b *testing.B) {
	const k, n, matrices = 4096, 4096, 8
	rng := rand.New(rand.NewPCG(23, 24))
	codes, scales := make([]byte, Panel*k/2), make([]float32, Panel*k/32)
	for i := range codes {
		codes[i] = byte(rng.Uint32())
	}
	for i := range scales {
		scales[i] = 1
	}
	panels := make([]Panels, matrices)
	for i := range panels {
		panels[i].Resize(Int4, k, n)
		for p := range panels[i].Count() {
			Best().PackInt4(&panels[i], p, codes, scales)
		}
	}
	read := func() float64 {
		start, sum := time.Now(), uint64(0)
		for i := range panels {
			data := panels[i].data
			for j := 0; j+16 <= len(data); j += 16 { // a line each
				sum += uint64(math.Float32bits(data[j]))
			}
		}
		if sum == 1 {
			b.Log(sum)
		}
		return float64(matrices*panels[0].Bytes()) / time.Since(start).Seconds()
	}
	for _, s := range sets[max(0, len(sets)-2):] {
		for _, m := range []int{1, 2, 4, 8, 32, 128} {
			x, dst := randomMatrix(rng, m, k, k), tensor.NewMatrix(m, n)
			b.Run(fmt.Sprintf("%s/k=%d/n=%d/m=%d", s.name, k, n, m), func(b *testing.B) {
				var a Rows
				best := 0.0
				for i := 0; b.Loop(); i++ {
					if i%32 == 0 {
						b.StopTimer()
						best = max(best, read())
						b.StartTimer()
					}
					p := &panels[i%matrices]
					a.Resize(s, m, p)
					for t := range a.Tiles() {
						s.PackRows(&a, t, x)
					}
					for t := 0; t < a.Tiles(); t += a.BlockTiles() {
						end := min(t+a.BlockTiles(), a.Tiles())
						from, _ := a.Span(t)
						_, to := a.Span(end - 1)
						s.Multiply(dst.Slice(from, to), &a, t, end, p, 0, p.Count(), 0, Identity)
					}
				}
				seconds := b.Elapsed().Seconds() / float64(b.N)
				rate := float64(panels[0].Bytes()) / seconds
				b.ReportMetric(rate/1e9, "GB/s")
				b.ReportMetric(100*rate/best, "%read")
				b.ReportMetric(2*float64(m*n*k)/seconds/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkQuantizeInt4(b *testing.B) {
	w := randomMatrix(rand.New(rand.NewPCG(25, 26)), 1, 4096, 4096).Data
	codes, scales := make([]byte, len(w)/2), make([]float32, len(w)/32)
	for b.Loop() {
		Best().QuantizeInt4(codes, scales, w)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w)), "ns/weight")
}
