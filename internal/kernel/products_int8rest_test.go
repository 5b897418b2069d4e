package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// What terms leave of a row is at most half a step, nothing of an outlier, and with the
// products of both the row's; so it is of columns. Sets leave the same.
func TestInt8Rest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, k := range []int{1, 15, 16, 17, 100, 384} {
		outliers := []int{0, k / 2}[:min(2, (k+1)/2)]
		x, column := make([]float32, k), make([]float32, k)
		for j := range x {
			x[j], column[j] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		x[outliers[0]], column[outliers[0]] = 500, 500
		var first [][]float32
		for _, s := range Sets() {
			var p Panels
			p.ResizeInt8(k, 1, outliers)
			s.PackTransposed(&p, 0, tensor.Matrix{Rows: 1, Cols: k, Stride: k, Data: column})
			rest, columnRest := make([]float32, k), make([]float32, k)
			s.Int8RowRest(rest, x, &p)
			s.Int8ColumnRest(columnRest, column, &p, make([]byte, k))
			low, high, reach := float32(0), float32(0), float32(0)
			for j := range x {
				if j != outliers[0] && j != outliers[len(outliers)-1] {
					low, high, reach = min(low, x[j]), max(high, x[j]), max(reach, column[j], -column[j])
				}
			}
			for j := range x {
				assert.LessOrEqual(t, math.Abs(float64(rest[j])), float64(high-low)/255*0.501+1e-6, "%s: %d of %d", s.Name(), j, k)
				assert.LessOrEqual(t, math.Abs(float64(columnRest[j])), float64(reach)/127*0.501+1e-6, "%s: %d of %d", s.Name(), j, k)
			}
			for _, j := range outliers {
				assert.Zero(t, rest[j])
				assert.Zero(t, columnRest[j])
			}
			// The product of x with a column of terms is that of what is left and of the terms.
			want := 0.0
			for j := range x {
				want += float64(x[j]) * float64(column[j]-columnRest[j])
			}
			var rows Rows
			both := tensor.NewMatrix(2, k)
			copy(both.Row(0), x)
			copy(both.Row(1), rest)
			rows.Resize(s, 2, &p)
			for i := range rows.Tiles() {
				s.PackRows(&rows, i, both)
			}
			dst := tensor.NewMatrix(2, 1)
			s.Multiply(dst, &rows, 0, rows.Tiles(), &p, 0, 1, 0, Identity)
			got := float64(dst.Row(0)[0]) + float64(dst.Row(1)[0])
			assert.InDelta(t, want, got, 2e-5*math.Sqrt(float64(k))+1e-6*math.Abs(want), "%s: %d terms", s.Name(), k)
			if first == nil {
				first = [][]float32{rest, columnRest}
			}
			require.Equal(t, first, [][]float32{rest, columnRest}, s.Name())
		}
	}
	var p Panels
	p.ResizeInt8(20, 2, nil)
	require.Panics(t, func() { Best().Int8RowRest(make([]float32, 20), make([]float32, 19), &p) })
	require.Panics(t, func() { Best().Int8ColumnRest(make([]float32, 20), make([]float32, 19), &p, make([]byte, 20)) })
}
