package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// In float32, PackExponentials is Exponentials of each row, then PackRows.
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
				for i := range rows {
					sums[i] = s.Exponentials(whole.Row(i), 0.3)
				}
				s.PackRows(&want, 0, whole)
				s.PackExponentials(&got, 0, x, 0.3, totals)
				sameBits(t, append(sums, 7), totals, "%s %d×%d: totals", s.name, rows, cols)
				sameBits(t, want.data, got.data, "%s %d×%d", s.name, rows, cols)
			}
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
