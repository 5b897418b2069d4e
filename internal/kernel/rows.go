package kernel

import (
	"fmt"
	"math"

	"github.com/rhumb-go/rhumb/tensor"
)

// An Activation is a function applied to every element.
type Activation uint8

const (
	Identity  Activation = iota // x
	GELU                        // x·Φ(x), Φ the normal distribution: the exact form, by erf
	GELUTanh                    // x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), arXiv:1606.08415, section 2
	SiLU                        // x/(1 + exp(-x))
	ReLU                        // max(x, 0)
	Tanh                        // tanh(x)
	QuickGELU                   // x/(1 + exp(-1.702·x)), arXiv:1606.08415, section 2: SiLU(1.702·x)/1.702, which is +Inf beyond 1.99e38
)

var activationNames = [...]string{
	Identity: "identity",
	GELU:     "gelu",
	GELUTanh: "gelu_tanh",
	SiLU:     "silu",
	ReLU:     "relu",
	Tanh:     "tanh",

	QuickGELU: "quick_gelu",
}

// String returns the name in lower case, "gelu_tanh" for GELUTanh.
func (a Activation) String() string {
	if int(a) < len(activationNames) {
		return activationNames[a]
	}
	return fmt.Sprintf("Activation(%d)", uint8(a))
}

// maxWork is the most elements that one call of a bare loop works on. The
// goroutine cannot be stopped in assembly: 16384 elements take about 10 µs.
const maxWork = 1 << 14

// Activate applies a in place to rows×cols elements of x, ld apart from row to
// row. A NaN stays a NaN, and so does -Inf become one where the function is a
// product of -Inf and 0 (GELU, GELUTanh, SiLU).
func (s *Set) Activate(a Activation, x []float32, ld, rows, cols int) {
	if rows < 0 || cols < 0 || rows > 1 && ld < cols {
		panic(fmt.Sprintf("kernel: %d×%d elements with %d from row to row", rows, cols, ld))
	}
	if rows == 0 || cols == 0 {
		return
	}
	if need := (rows-1)*ld + cols; len(x) < need {
		panic(fmt.Sprintf("kernel: %d×%d elements with %d from row to row need %d, have %d", rows, cols, ld, need, len(x)))
	}
	var f func(x []float32, ld, rows, cols int)
	switch a {
	case Identity:
		return
	case GELU:
		f = s.gelu
	case GELUTanh:
		f = s.geluTanh
	case SiLU:
		f = s.silu
	case ReLU:
		f = s.relu
	case Tanh:
		f = s.tanh
	case QuickGELU:
		const by = 1.702
		s.scaleRows(x, ld, rows, cols, by)
		s.Activate(SiLU, x, ld, rows, cols)
		s.scaleRows(x, ld, rows, cols, 1/by)
		return
	default:
		panic("kernel: unknown " + a.String())
	}
	writesRows(x, ld, rows, cols)
	if cols > maxWork {
		for i := range rows {
			row := x[i*ld:][:cols]
			for len(row) > 0 {
				n := min(len(row), maxWork)
				f(row[:n], n, 1, n)
				row = row[n:]
			}
		}
		return
	}
	for step := maxWork / cols; rows > 0; rows -= step {
		n := min(step, rows)
		f(x[:(n-1)*ld+cols], ld, n, cols)
		if n == rows {
			return
		}
		x = x[n*ld:]
	}
}

// scaleRows multiplies rows×cols elements of x by v, ld apart from row to row.
func (s *Set) scaleRows(x []float32, ld, rows, cols int, v float32) {
	for i := range rows {
		s.Scale(x[i*ld:][:cols], v)
	}
}

// Softmax replaces x by exp((x-max(x))·scale) divided by the sum of these.
// scale is positive. A NaN or +Inf in x makes the whole row NaN, and so does a
// row of -Inf alone; -Inf becomes 0 in any other row. x has at most some ten
// thousand elements: one call of the bare loop handles them all.
func (s *Set) Softmax(x []float32, scale float32) {
	sum := s.Exponentials(x, scale)
	s.scale(x, 1/sum)
}

// Exponentials replaces x by exp((x-max(x))·scale) and returns the sum of these:
// Softmax without the division. scale is positive.
func (s *Set) Exponentials(x []float32, scale float32) float32 {
	if !(scale > 0) {
		panic(fmt.Sprintf("kernel: softmax with scale %v", scale))
	}
	writes(x)
	total, _ := s.softmax(x, scale*log2e, float32(math.Inf(-1)))
	return total
}

// LayerNorm writes dst = (v-mean(v))/√(var(v)+eps)·gamma + beta with v = x+add;
// a nil add stands for zeros. All have the length of dst, which may be x or add
// but may overlap them in no other way.
func (s *Set) LayerNorm(dst, x, add, gamma, beta []float32, eps float32) {
	n := len(dst)
	same("layer norm", n, len(x), len(gamma), len(beta))
	if add != nil {
		same("layer norm", n, len(add))
	}
	if n > 0 {
		reads(x)
		reads(add)
		reads(gamma)
		reads(beta)
		writes(dst)
		s.layerNorm(dst, x, add, gamma, beta, eps)
	}
}

// LayerNorms is LayerNorm for each row; an add without Data stands for zeros.
func (s *Set) LayerNorms(dst, x, add tensor.Matrix, gamma, beta []float32, eps float32) {
	same("layer norms", dst.Rows, x.Rows)
	same("layer norms", dst.Cols, x.Cols, len(gamma), len(beta))
	if add.Data != nil {
		same("layer norms", dst.Rows, add.Rows)
		same("layer norms", dst.Cols, add.Cols)
	}
	i := 0
	for ; s.layerNorm4 != nil && dst.Cols > 0 && i+4 <= dst.Rows; i += 4 {
		var more *float32
		if add.Data != nil {
			more = &add.Slice(i, i+4).Data[0]
			readsRows(add.Data[i*add.Stride:], add.Stride, 4, dst.Cols)
		}
		readsRows(x.Data[i*x.Stride:], x.Stride, 4, dst.Cols)
		reads(gamma)
		reads(beta)
		writesRows(dst.Data[i*dst.Stride:], dst.Stride, 4, dst.Cols)
		s.layerNorm4(&dst.Slice(i, i+4).Data[0], &x.Slice(i, i+4).Data[0], more, dst.Stride, x.Stride, add.Stride, dst.Cols, &gamma[0], &beta[0], eps)
	}
	for ; i < dst.Rows; i++ {
		var more []float32
		if add.Data != nil {
			more = add.Row(i)
		}
		s.LayerNorm(dst.Row(i), x.Row(i), more, gamma, beta, eps)
	}
}

// RMSNorm writes dst = x/√(mean(x²)+eps)·gamma. All have the length of dst,
// which may be x but may overlap it in no other way.
func (s *Set) RMSNorm(dst, x, gamma []float32, eps float32) {
	same("RMS norm", len(dst), len(x), len(gamma))
	if len(dst) > 0 {
		reads(x)
		reads(gamma)
		writes(dst)
		s.rmsNorm(dst, x, gamma, eps)
	}
}

// Axpy adds a·x to dst, which has the length of x.
func (s *Set) Axpy(dst, x []float32, a float32) {
	same("axpy", len(dst), len(x))
	reads(x)
	writes(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxWork)
		s.axpy(dst[:n], x[:n], a)
		dst, x = dst[n:], x[n:]
	}
}

// Mul multiplies each element of dst by that of x, which has the length of dst.
func (s *Set) Mul(dst, x []float32) {
	same("mul", len(dst), len(x))
	reads(x)
	writes(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxWork)
		s.mul(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
}

// Max replaces each element of dst by the larger of it and that of x, which has
// the length of dst. A NaN in either gives a NaN; of two zeros the sign is
// negative if one is.
func (s *Set) Max(dst, x []float32) {
	same("max", len(dst), len(x))
	reads(x)
	writes(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxWork)
		s.max(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
}

// Scale multiplies dst by a.
func (s *Set) Scale(dst []float32, a float32) {
	writes(dst)
	for len(dst) > 0 {
		n := min(len(dst), maxWork)
		s.scale(dst[:n], a)
		dst = dst[n:]
	}
}

// same panics unless all lengths are n.
func same(what string, n int, lengths ...int) {
	for _, l := range lengths {
		if l != n {
			panic(fmt.Sprintf("kernel: %s: length %d, expected %d", what, l, n))
		}
	}
}
