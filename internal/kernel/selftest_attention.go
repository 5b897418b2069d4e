package kernel

import (
	"slices"

	"github.com/rhumb-go/rhumb/tensor"
)

// attention returns the softmax of half the scores (m×k), which are lost, times
// values (k×n), as SelfTest wants it.
func attention(s *Set, f Format, scores, values tensor.Matrix) []float32 {
	dst := tensor.NewMatrix(scores.Rows, values.Cols)
	totals, highest := make([]float32, scores.Rows), slices.Repeat([]float32{Lowest}, scores.Rows)
	var rows Rows
	var panels Panels
	panels.Resize(f, values.Rows, values.Cols)
	rows.Resize(s, scores.Rows, &panels)
	for t := range rows.Tiles() {
		from, to := rows.Span(t)
		s.PackExponentials(&rows, t, scores.Slice(from, to), 0.5, highest[from:to], totals[from:to])
	}
	for p := range panels.Count() {
		s.Pack(&panels, p, values)
	}
	s.Multiply(dst, &rows, 0, rows.Tiles(), &panels, 0, panels.Count(), 0, Identity)
	s.DivideRows(dst, totals)
	return dst.Data
}
