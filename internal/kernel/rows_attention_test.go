package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// In float32, PackExponentials is softmax of each row, then PackRows.
func TestPackExponentials(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	const f = Float32
	for _, s := range sets {
		for rows := 1; rows <= s.products[f].tileRows; rows++ {
			for _, cols := range []int{1, 3, 4, 5, 8, 9, 13, 15, 16, 17, 30, 32, 47, 48, 64, 100} {
				x := randomMatrix(rng, rows, cols, cols+rng.IntN(5))
				x.Data[rng.IntN(cols)] = float32(math.Inf(-1))
				if rng.IntN(8) == 0 {
					x.Data[rng.IntN(cols)] = float32(math.NaN())
				}
				whole := tensor.Matrix{Rows: rows, Cols: cols, Stride: x.Stride, Data: clone(x.Data)}
				var panels Panels
				panels.Resize(f, cols, 1)
				var want, got Rows
				want.Resize(s, rows, &panels)
				got.Resize(s, rows, &panels)
				for i := range got.data {
					got.data[i] = 7
				}
				sums, totals := make([]float32, rows), make([]float32, rows+1)
				totals[rows] = 7
				factor := float32(0.3)
				factor *= log2e
				largest, highest := make([]float32, rows), make([]float32, rows+1)
				highest[rows] = 7
				for i := range rows {
					highest[i] = []float32{float32(math.Inf(-1)), Lowest, 0.5, 9}[rng.IntN(4)]
					sums[i], largest[i] = s.softmax(whole.Row(i), factor, highest[i])
				}
				s.PackRows(&want, 0, whole)
				s.PackExponentials(&got, 0, x, 0.3, highest, totals)
				sameBits(t, append(largest, 7), highest, "%s %d×%d: largest", s.name, rows, cols)
				sameBits(t, append(sums, 7), totals, "%s %d×%d: totals", s.name, rows, cols)
				sameBits(t, want.data, got.data, "%s %d×%d", s.name, rows, cols)
			}
		}
	}
}

// Exponentials are those of what an element is below the largest of the row and of the
// elements before it.
func TestSoftmaxOfARest(t *testing.T) {
	rng := rand.New(rand.NewPCG(45, 46))
	factor := float32(0.37)
	factor *= log2e
	for n := range 100 {
		for _, least := range []float32{Lowest, -1, 0.5, 9} {
			x := normals(rng.Uint64(), n)
			highest := least
			for _, v := range x {
				highest = max(highest, v)
			}
			want := make([]float32, n)
			var parts [16]float32
			exact := 0.0
			for i, v := range x {
				want[i] = power32((v - highest) * factor)
				parts[i%16] += want[i]
				exact += math.Exp(float64(v-highest) * 0.37)
			}
			for _, s := range sets {
				got := clone(x)
				total, largest := s.softmax(got, factor, least)
				require.Equal(t, highest, largest, "%s %d", s.name, n)
				// Each within 14 roundings, as z is at most some 5 here, and n/16 + 4 more.
				require.InDelta(t, exact, total, exact*24*u, "%s %d", s.name, n)
				if !s.rounds {
					sameBits(t, want, got, "%s %d", s.name, n)
					parts := parts
					sameBits(t, []float32{sum16(&parts)}, []float32{total}, "%s total of %d", s.name, n)
				}
			}
		}
	}
}

// AddScaled is Axpy of each row, the other way round.
func TestAddScaled(t *testing.T) {
	rng := rand.New(rand.NewPCG(47, 48))
	for _, s := range sets {
		for cols := 1; cols <= 70; cols++ {
			dst, x := randomMatrix(rng, 5, cols, cols+rng.IntN(3)), randomMatrix(rng, 5, cols, cols+rng.IntN(3))
			factors := randomMatrix(rng, 1, 5, 5).Data
			dst.Data[0], x.Data[cols-1] = float32(math.NaN()), float32(math.Inf(-1))
			want, got := clone(dst.Data), tensor.Matrix{Rows: 5, Cols: cols, Stride: dst.Stride, Data: clone(dst.Data)}
			for i := range dst.Rows {
				sum := clone(x.Row(i))
				s.Axpy(sum, dst.Row(i), factors[i])
				copy(want[i*dst.Stride:], sum)
			}
			s.AddScaled(got, x, factors)
			sameBits(t, want, got.Data, "%s %d columns", s.name, cols)
		}
	}
}

// Rotate has the bits of plain Go's rounded steps on all sets, and turns by an angle.
func TestRotate(t *testing.T) {
	rng := rand.New(rand.NewPCG(49, 50))
	for _, s := range sets {
		for half := 1; half <= 70; half++ {
			angles, x := make([]float32, 2*half), randomMatrix(rng, 3, 2*half, 2*half).Data
			for i := range half {
				sin, cos := math.Sincos(rng.Float64() * 100)
				angles[i], angles[half+i] = float32(cos), float32(sin)
			}
			got := clone(x)
			s.Rotate(got, angles)
			for head := 0; head < len(x); head += 2 * half {
				for i := range half {
					z := complex(float64(x[head+i]), float64(x[head+half+i])) * complex(float64(angles[i]), float64(angles[half+i]))
					require.InDelta(t, real(z), got[head+i], 1e-6, "%s %d", s.name, half)
					require.InDelta(t, imag(z), got[head+half+i], 1e-6, "%s %d", s.name, half)
				}
			}
			x[half-1], angles[0] = float32(math.Inf(1)), float32(math.NaN())
			want, got := clone(x), clone(x)
			generic.Rotate(want, angles)
			s.Rotate(got, angles)
			sameBits(t, want, got, "%s %d", s.name, half)
		}
	}
}

// DivideRows is Scale of each row.
func TestDivideRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	for _, s := range sets {
		for cols := 1; cols <= 40; cols++ {
			x := randomMatrix(rng, 5, cols, cols+rng.IntN(3))
			totals := randomMatrix(rng, 1, 5, 5).Data
			want := tensor.Matrix{Rows: 5, Cols: cols, Stride: x.Stride, Data: clone(x.Data)}
			for i := range want.Rows {
				s.Scale(want.Row(i), 1/totals[i])
			}
			s.DivideRows(x, totals)
			require.Equalf(t, bits(want.Data), bits(x.Data), "%s %d columns", s.name, cols)
		}
	}
}
