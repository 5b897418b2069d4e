package packed

import (
	"encoding/binary"
	"math"

	"github.com/rhumb-go/rhumb/tensor"
	"github.com/x448/float16"
)

// A grid has the scales and zero points of the groups of columns of each row: an element is its
// code less the zero point, times the scale, rounded to the dtype of the scales.
type grid struct {
	scales tensor.Tensor
	at     func(row, group int) int // the scale's place
	zero   func(row, group int) float32
	groups int             // of a row
	width  int             // columns of a group, the last one's may be fewer
	index  tensor.Tensor   // I32, the group of each column; without Data groups lie side by side
	round  func([]float32) // nil = float32
}

// gridOf returns a grid with those scales, rounded as they are.
func gridOf(scales tensor.Tensor, at func(row, group int) int, groups, width int) *grid {
	return &grid{scales: scales, at: at, groups: groups, width: width, round: rounds[scales.DType]}
}

// apply makes elements of the codes in dst, of rows from, from+1, ….
func (g *grid) apply(dst tensor.Matrix, from int) {
	scale, zero := make([]float32, g.groups), make([]float32, g.groups)
	for i := range dst.Rows {
		for k := range scale {
			mustRead(g.scales, scale[k:k+1], g.at(from+i, k))
			if g.zero != nil {
				zero[k] = g.zero(from+i, k)
			}
		}
		row := dst.Row(i)
		if g.index.Data != nil {
			for j := range row {
				k := binary.LittleEndian.Uint32(g.index.Data[4*j:])
				row[j] = (row[j] - zero[k]) * scale[k]
			}
		} else {
			for k := range scale {
				group := row[k*g.width : min((k+1)*g.width, len(row))]
				for j := range group {
					group[j] = (group[j] - zero[k]) * scale[k]
				}
			}
		}
		if g.round != nil {
			g.round(row)
		}
	}
}

// mustRead reads len(dst) elements of t, whose dtype and shape were checked.
func mustRead(t tensor.Tensor, dst []float32, at int) {
	if err := t.Float32sAt(dst, at); err != nil {
		panic(err)
	}
}

// The bits of float32s: the sign's, and of numbers that F16 has with all of its digits the least and what comes behind the most.
const (
	signBit  = 1 << 31
	leastF16 = 0x38800000 // 2⁻¹⁴
	pastF16  = 0x477ff000 // 65520, which is infinity there
)

// rounds rounds to dtypes of 16 bits, to nearest, ties to even.
var rounds = map[tensor.DType]func([]float32){
	tensor.F16: func(x []float32) {
		for i, v := range x {
			switch b := math.Float32bits(v); {
			case b<<1 == 0:
			case b&^signBit >= leastF16 && b&^signBit < pastF16:
				x[i] = math.Float32frombits((b + 0xfff + b>>13&1) &^ 0x1fff)
			default:
				x[i] = float16.Fromfloat32(v).Float32()
			}
		}
	},
	tensor.BF16: func(x []float32) {
		for i, v := range x {
			if b := math.Float32bits(v); v == v {
				x[i] = math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
			}
		}
	},
}

// word returns word i of a tensor of I32.
func word(t tensor.Tensor, i int) uint32 { return binary.LittleEndian.Uint32(t.Data[4*i:]) }

// int8s returns the reader of codes in a tensor of I8, rows×columns.
func int8s(t tensor.Tensor) func(dst tensor.Matrix, from int) {
	return func(dst tensor.Matrix, from int) {
		for i := range dst.Rows {
			row := dst.Row(i)
			for j, c := range t.Data[(from+i)*len(row):][:len(row)] {
				row[j] = float32(int8(c))
			}
		}
	}
}

// float8s returns the reader of codes in a tensor of F8_E4M3, rows×columns.
func float8s(t tensor.Tensor) func(dst tensor.Matrix, from int) {
	return func(dst tensor.Matrix, from int) {
		for i := range dst.Rows {
			row := dst.Row(i)
			for j, c := range t.Data[(from+i)*len(row):][:len(row)] {
				row[j] = e4m3[c]
			}
		}
	}
}

// e4m3 are the numbers of F8_E4M3, which is float8_e4m3fn: 4 bits of exponent and 3 of
// fraction, no infinity, NaN where all 7 are set (arXiv:2209.05433, 3.1).
var e4m3 = func() (table [256]float32) {
	for c := range table {
		exponent, fraction := c>>3&15, float64(c&7)
		v := math.Ldexp(8+fraction, exponent-7-3)
		switch {
		case c&0x7f == 0x7f:
			v = math.NaN()
		case exponent == 0:
			v = math.Ldexp(fraction, -6-3)
		}
		if c&0x80 != 0 {
			v = math.Copysign(v, -1)
		}
		table[c] = float32(v)
	}
	return table
}()
