package weight

import (
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// int4Ends are the levels that the largest element of a group may lie at, see Scales.
var int4Ends = [...]float32{-8, -8.25, -8.5, -7.75, -7.5, -7, -9, -9.5, 7, 7.5, 8, 8.5}

// Scales appends to scales those that are worth a trial for a group of w in Int4: the bfloat16s that put its largest element
// at, or beyond, one of both ends of the codes, or between the last two. All of a group of zeros are zero.
func Scales(scales, w []float32) []float32 {
	var largest float32
	for _, v := range w {
		if max(v, -v) > max(largest, -largest) {
			largest = v
		}
	}
	if max(largest, -largest) < 0x1p-100 {
		largest = 0
	}
	for _, end := range int4Ends {
		scales = append(scales, BFloat16(largest/end))
	}
	return scales
}

// BFloat16 returns the bfloat16 that is nearest to x, which is finite, ties to even.
func BFloat16(x float32) float32 {
	bits := math.Float32bits(x)
	return math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff)
}

// Level returns the code, in Int4 and less 8, of what is nearest to x in a scale, ties to even.
func Level(x, scale float32) float32 {
	if scale == 0 {
		return 0
	}
	const shift = 3 << 22 // the last place of a float32 there is 1
	return min(max(float32(float32(x/scale)+shift)-shift, -8), 7)
}

// SetLevel sets element j of row i of m, which is in Int4, to a Level in a scale, which is that of all elements of its group.
func (m *Matrix) SetLevel(i, j int, level, scale float32) {
	codes, scales := m.Row(i)
	scales[j/kernel.Int4Group] = scale
	at, shift := j/8*4+j%4, j&4
	codes[at] = codes[at]&^(15<<shift) | byte(int(level)+8)<<shift
}

// Levels writes the codes of row i of m, which is in Int4, to dst, each less 8.
func (m *Matrix) Levels(dst []float32, i int) {
	codes, _ := m.Row(i)
	for j := range dst[:m.Cols] {
		dst[j] = float32(int(codes[j/8*4+j%4]>>(j&4)&15) - 8)
	}
}

// SetRow sets row i of m to row j of from, which has as many columns, in the same scheme and with the same outliers.
func (m *Matrix) SetRow(i int, from *Matrix, j int) {
	codes, scales := m.Row(i)
	c, s := from.Row(j)
	copy(codes, c)
	copy(scales, s)
	copy(m.KeptRow(i), from.KeptRow(j))
}

// RoundInt8 sets element j of row i of m, which is in Int8, to what is nearest to x in the scale that the row has, and
// returns it. An outlier is x.
func (m *Matrix) RoundInt8(i, j int, x float32) float32 {
	if o, outlier := slices.BinarySearch(m.Outliers, j); outlier {
		m.KeptRow(i)[o] = x
		return x
	}
	codes, scales := m.Row(i)
	if scales[0] == 0 {
		return 0
	}
	const shift = 3 << 22 // the last place of a float32 there is 1
	level := min(max(float32(float32(x/scales[0])+shift)-shift, -127), 127)
	codes[j] = byte(int8(level))
	return float32(level * scales[0])
}
