package kernel

import "github.com/rhumb-go/rhumb/tensor"

// PackExponentials packs exp((x-m)·scale), m the largest of a row, as tile t of r,
// and writes the sum of each row to totals: a softmax without the division. x has
// the tile's rows and r.K columns, and is lost. An element that is -Inf becomes
// 0, a row with a NaN or +Inf NaN. scale is positive.
func (s *Set) PackExponentials(r *Rows, t int, x tensor.Matrix, scale float32, totals []float32) {
	from, to := r.Span(t)
	if x.Rows != to-from || x.Cols != r.K || len(totals) < x.Rows {
		panic("kernel: PackExponentials: shape")
	}
	if pack := s.products[r.format].packExponentials; pack != nil && x.Cols > 0 && scale > 0 {
		_ = x.Data[(x.Rows-1)*x.Stride+x.Cols-1]
		pack(&r.data[from*r.words], &x.Data[0], x.Stride, x.Rows, x.Cols, scale, &totals[0])
		return
	}
	for i := range x.Rows {
		totals[i] = s.Exponentials(x.Row(i), scale)
	}
	s.packTile(r.data[from*r.words:to*r.words], r, x)
}

// DivideRows divides each row of x by its total: it multiplies by 1/total.
func (s *Set) DivideRows(x tensor.Matrix, totals []float32) {
	if len(totals) < x.Rows {
		panic("kernel: DivideRows: shape")
	}
	if s.divideRows != nil && x.Rows > 0 && x.Cols > 0 {
		_ = x.Data[(x.Rows-1)*x.Stride+x.Cols-1]
		s.divideRows(&x.Data[0], x.Stride, x.Rows, x.Cols, &totals[0])
		return
	}
	for i := range x.Rows {
		s.Scale(x.Row(i), 1/totals[i])
	}
}
