package kernel

import (
	"fmt"
	"unsafe"

	"github.com/rhumb-go/rhumb/tensor"
)

// Lowest is what PackExponentials takes for the largest element of a row of which there
// was none so far. An element below it counts as -Inf.
const Lowest = -0x1p100

// PackExponentials packs exp((x-m)·scale), m the largest of a row and of what highest
// has of it, as tile t of r: a part of a softmax without the division. It writes m to
// highest and the sum of each row to totals. x has the tile's rows and r.K columns, and
// is lost. An element that is -Inf becomes 0, a row with a NaN or +Inf NaN. scale is
// positive.
func (s *Set) PackExponentials(r *Rows, t int, x tensor.Matrix, scale float32, highest, totals []float32) {
	from, to := r.Span(t)
	if x.Rows != to-from || x.Cols != r.K || len(totals) < x.Rows || len(highest) < x.Rows {
		panic("kernel: PackExponentials: shape")
	}
	if !(scale > 0) {
		panic(fmt.Sprintf("kernel: softmax with scale %v", scale))
	}
	if pack := s.products[r.format].packExponentials; pack != nil && x.Cols > 0 {
		_ = x.Data[(x.Rows-1)*x.Stride+x.Cols-1]
		writesRows(x.Data, x.Stride, x.Rows, x.Cols)
		writes(r.data[from*r.words : to*r.words])
		writes(highest[:x.Rows])
		writes(totals[:x.Rows])
		pack(&r.data[from*r.words], &x.Data[0], x.Stride, x.Rows, x.Cols, scale*log2e, &highest[0], &totals[0])
		return
	}
	for i := range x.Rows {
		writes(x.Row(i))
		totals[i], highest[i] = s.softmax(x.Row(i), scale*log2e, highest[i])
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
		writesRows(x.Data, x.Stride, x.Rows, x.Cols)
		reads(totals[:x.Rows])
		s.divideRows(&x.Data[0], x.Stride, x.Rows, x.Cols, &totals[0])
		return
	}
	for i := range x.Rows {
		s.Scale(x.Row(i), 1/totals[i])
	}
}

// AddScaled multiplies each row of dst by its factor and adds that of x, which has the
// shape of dst, to it.
func (s *Set) AddScaled(dst, x tensor.Matrix, factors []float32) {
	if x.Rows != dst.Rows || x.Cols != dst.Cols || len(factors) < x.Rows {
		panic("kernel: AddScaled: shape")
	}
	if x.Rows == 0 || x.Cols == 0 {
		return
	}
	_, _ = x.Data[(x.Rows-1)*x.Stride+x.Cols-1], dst.Data[(x.Rows-1)*dst.Stride+x.Cols-1]
	readsRows(x.Data, x.Stride, x.Rows, x.Cols)
	reads(factors[:x.Rows])
	writesRows(dst.Data, dst.Stride, x.Rows, x.Cols)
	s.addScaled(&dst.Data[0], &x.Data[0], dst.Stride, x.Stride, x.Rows, x.Cols, &factors[0])
}

func addScaledGeneric(dst, x *float32, stride, ld, rows, cols int, factors *float32) {
	for i := range rows {
		to, from, factor := unsafe.Slice(add(dst, i*stride), cols), unsafe.Slice(add(x, i*ld), cols), *add(factors, i)
		for j, v := range from {
			to[j] = float32(to[j]*factor) + v
		}
	}
}

// Rotate turns each head of x, as wide as angles, which are cosines and behind them sines: with
// a and b the halves of a head, a becomes a·cos - b·sin and b becomes b·cos + a·sin, where each
// product is rounded (RoFormer, arXiv:2104.09864, 3.4.2, in the layout of transformers' rotate_half).
func (s *Set) Rotate(x, angles []float32) {
	if len(angles) == 0 || len(angles)%2 != 0 || len(x)%len(angles) != 0 {
		panic("kernel: Rotate: shape")
	}
	reads(angles)
	writes(x)
	for step := max(1, maxWork/len(angles)) * len(angles); len(x) > 0; {
		n := min(len(x), step)
		s.rotate(&x[0], n/len(angles), len(angles)/2, &angles[0])
		x = x[n:]
	}
}

func rotateGeneric(heads *float32, count, half int, angles *float32) {
	cos, sin := unsafe.Slice(angles, half), unsafe.Slice(add(angles, half), half)
	for i := range count {
		a, b := unsafe.Slice(add(heads, 2*i*half), half), unsafe.Slice(add(heads, (2*i+1)*half), half)
		for j, x := range a {
			y := b[j]
			a[j] = float32(x*cos[j]) - float32(y*sin[j])
			b[j] = float32(y*cos[j]) + float32(x*sin[j])
		}
	}
}
