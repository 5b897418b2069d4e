package kernel

import (
	"encoding/binary"
	"math"
	"sync"
	"unsafe"

	"github.com/rhumb-go/rhumb/tensor"
)

// Int8 multiplies whole numbers of 8 bits and sums them exactly in 32:
//
//	c = rowScale·columnScale·Σ (a-zero)·b + bias + Σ over the outliers of x·w
//
// a are the terms of a row in steps of its own range, from 0 to 255, and zero is
// what stands for 0. b are the terms of a column (an output of a linear layer) in
// steps of its largest magnitude/127. Outliers are columns of x, the same for all
// rows, so much larger than the others that they would make the steps of these
// coarse: they are multiplied in float32.
//
// A row is, word by word: its terms; its scale, minus its zero point and the
// steps of 4 outliers (both int32), and a word that means nothing; its outliers.
// A panel is: its terms; the scales of its columns; the sums of their terms
// (int32); its outliers.
const (
	int8RowExtra   = 4 // words
	int8PanelExtra = 2 // words of each column
)

// MaxInt8Terms is the most terms of a product in Int8: so many of 255·127 do not
// reach 2³¹.
const MaxInt8Terms = 1 << 16

// int8Loops are the loops over float32s that become whole numbers. x is groups
// of 16 elements, of which those are read whose bit in kept is set.
type int8Loops struct {
	// extremes returns the lowest and the highest element of x and 0; high is NaN
	// where an element is not finite.
	extremes func(x *float32, kept *uint16, groups int) (low, high float32)
	// quantize writes min(x·inverse rounded to the nearest, ties to even, + zero, 255)
	// to byte j of dst[g·stride:], for element j of group g, and zero for an element
	// that is not read. The result is from -128 on.
	quantize func(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
}

// ResizeInt8 is Resize for Int8 with the given outliers, ascending columns of x
// (rows of b). k is at most MaxInt8Terms.
func (p *Panels) ResizeInt8(k, n int, outliers []int) {
	if k > MaxInt8Terms {
		panic("kernel: ResizeInt8: too many terms")
	}
	p.Outliers = outliers
	p.kept = make([]uint16, Int8.words(k)/4)
	for j := range k {
		p.kept[j/16] |= 1 << (j % 16)
	}
	for i, j := range outliers {
		if j < 0 || j >= k || i > 0 && j <= outliers[i-1] {
			panic("kernel: ResizeInt8: outliers")
		}
		p.kept[j/16] &^= 1 << (j % 16)
	}
	p.resize(Int8, k, n, (Int8.words(k)+int8PanelExtra+roundUp(len(outliers), 4))*Panel)
}

// int8Scratch is memory for the terms of a panel's columns: *[]float32.
var int8Scratch sync.Pool

// int8Memory returns so many words at the least of int8Scratch.
func int8Memory(words int) *[]float32 {
	scratch, _ := int8Scratch.Get().(*[]float32)
	if scratch == nil || len(*scratch) < words {
		block := Floats(words)
		scratch = &block
	}
	return scratch
}

// packInt8 packs panel dst of p from rows (columns of b) × p.K of w.
func (s *Set) packInt8(p *Panels, dst []float32, w tensor.Matrix) {
	s.packInt8Columns(p, dst, w.Rows, func(i int, terms []byte, outliers []float32) (scale float32) {
		row := w.Row(i)
		for o, j := range p.Outliers {
			outliers[o] = row[j]
		}
		reads(row)
		scale, inverse := s.int8Column(p, row)
		s.quantize(&terms[0], 16, &row[0], &p.kept[0], len(p.kept), inverse, 0)
		return scale
	})
}

// PackInt8 packs panel i of p, which is in Int8, from the terms (rows, columns of b,
// × p.K), the scales and the outliers (rows × those of p) that QuantizeInt8 wrote.
// There are at most Panel rows.
func (s *Set) PackInt8(p *Panels, i int, codes []byte, scales, outliers []float32) {
	rows, each := len(scales), len(p.Outliers)
	if p.Format != Int8 || rows > Panel || len(codes) != rows*p.K || len(outliers) != rows*each {
		panic("kernel: PackInt8: shape")
	}
	dst := p.panel(i)
	if rows == 0 || p.K == 0 {
		clear(dst)
		return
	}
	s.packInt8Columns(p, dst, rows, func(i int, terms []byte, to []float32) (scale float32) {
		clear(terms[copy(terms, codes[i*p.K:][:p.K]):])
		copy(to, outliers[i*each:][:each])
		return scales[i]
	})
}

// packInt8Columns packs panel dst of p. column writes the terms and the outliers of
// one of so many columns of b, and returns its scale.
func (s *Set) packInt8Columns(p *Panels, dst []float32, columns int, column func(i int, terms []byte, outliers []float32) (scale float32)) {
	words := Int8.words(p.K)
	scratch := int8Memory(Panel * words)
	defer int8Scratch.Put(scratch)
	terms := (*scratch)[:columns*words]
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&terms[0])), 4*len(terms))

	writes(dst)
	tail := dst[words*Panel:]
	clear(tail)
	scales, sums, outliers := tail[:Panel], tail[Panel:2*Panel], tail[2*Panel:]
	own := make([]float32, len(p.Outliers))
	for i := range columns {
		to := bytes[4*i*words:][:4*words]
		scales[i] = column(i, to, own)
		sums[i] = math.Float32frombits(uint32(sumInt8(to)))
		for o, v := range own {
			outliers[o*Panel+i] = v
		}
	}
	transpose := s.products[Float32].transpose
	if own := s.products[Int8].transpose; own != nil {
		transpose = own
	}
	transpose(&dst[0], &terms[0], words, columns, words)
}

// sumInt8 returns the sum of the int8s in b, whose length is a multiple of 8.
func sumInt8(b []byte) int32 {
	const even, most = 0x00ff00ff00ff00ff, 8 * 128 // bytes of which two sums of 255 fit into 16 bits
	sum := int32(-128 * len(b))
	for len(b) > 0 {
		part := b[:min(len(b), most)]
		b = b[len(part):]
		sums := uint64(0) // four, of the int8s+128
		for ; len(part) >= 8; part = part[8:] {
			v := binary.LittleEndian.Uint64(part) ^ 0x8080808080808080
			sums += v&even + v>>8&even
		}
		for ; sums != 0; sums >>= 16 {
			sum += int32(sums & 0xffff)
		}
	}
	return sum
}

// int8Column returns the width of the steps of a column w of b, and its inverse.
func (s *Set) int8Column(p *Panels, w []float32) (scale, inverse float32) {
	low, high := s.extremes(&w[0], &p.kept[0], len(p.kept))
	return int8Steps(max(-low, high), 127)
}

// QuantizeInt8 writes the terms (int8s) of w, a column of b with p.K elements, to codes, and
// its outliers to outliers, and returns the scale of the terms: those that
// PackTransposed packs. The terms of outliers are zero.
func (s *Set) QuantizeInt8(p *Panels, codes []byte, outliers, w []float32) (scale float32) {
	if p.Format != Int8 || len(w) != p.K || len(codes) != p.K || len(outliers) != len(p.Outliers) {
		panic("kernel: QuantizeInt8: shape")
	}
	if len(w) == 0 {
		return 0
	}
	reads(w)
	writes(codes)
	for o, j := range p.Outliers {
		outliers[o] = w[j]
	}
	scale, inverse := s.int8Column(p, w)
	whole := len(w) / 16
	if whole > 0 {
		s.quantize(&codes[0], 16, &w[0], &p.kept[0], whole, inverse, 0)
	}
	if rest := codes[16*whole:]; len(rest) > 0 {
		var last [16]byte
		s.quantize(&last[0], 16, &w[16*whole], &p.kept[whole], 1, inverse, 0)
		copy(rest, last[:])
	}
	return scale
}

// Int8RowRest writes to dst what its terms leave of x, a row that is multiplied with p: x
// less the terms in steps, and zero for outliers.
func (s *Set) Int8RowRest(dst, x []float32, p *Panels) {
	if p.Format != Int8 || len(x) != p.K || len(dst) != len(x) {
		panic("kernel: Int8RowRest: shape")
	}
	if len(x) == 0 {
		return
	}
	reads(x)
	low, high := s.extremes(&x[0], &p.kept[0], len(p.kept))
	scale, inverse := int8Steps(high-low, 255)
	zero := int32(math.RoundToEven(float64(float32(-low * inverse))))
	words := 4 * len(p.kept)
	scratch := int8Memory(words)
	defer int8Scratch.Put(scratch)
	terms := unsafe.Slice((*byte)(unsafe.Pointer(&(*scratch)[0])), 4*words)
	s.quantize(&terms[0], 16, &x[0], &p.kept[0], len(p.kept), inverse, zero)
	for j, v := range x {
		dst[j] = v - float32(scale*float32(int32(terms[j])-zero))
	}
	for _, j := range p.Outliers {
		dst[j] = 0
	}
}

// Int8ColumnRest writes to dst what its terms leave of w, a column of p: w less the terms
// in steps, and zero for outliers. codes is memory for p.K terms.
func (s *Set) Int8ColumnRest(dst, w []float32, p *Panels, codes []byte) {
	outliers := make([]float32, len(p.Outliers))
	scale := s.QuantizeInt8(p, codes, outliers, w)
	for j, v := range w {
		dst[j] = v - float32(scale*float32(int8(codes[j])))
	}
	for _, j := range p.Outliers {
		dst[j] = 0
	}
}

// int8Steps returns the width of a step where so many cover the range, and its
// inverse. The width is NaN where the range is not finite.
func int8Steps(reach, steps float32) (scale, inverse float32) {
	if !(reach <= math.MaxFloat32) {
		return float32(math.NaN()), 0
	}
	return max(reach/steps, 1/math.MaxFloat32), min(steps/reach, math.MaxFloat32)
}

// packInt8Rows packs a tile of rows x for b's panels.
func (s *Set) packInt8Rows(dst []float32, r *Rows, x tensor.Matrix) {
	m, groups, steps := x.Rows, len(r.kept), (len(r.outliers)+3)/4
	p := &s.products[Int8]
	words := p.rowWords(Int8, r.K)
	if p.packInt8 != nil {
		p.packInt8(&dst[0], &x.Data[0], x.Stride, m, &r.kept[0], groups, steps)
	} else {
		s.quantizeRows(dst, r, x, words, steps)
	}
	for o := 0; o < len(r.outliers); o += 4 {
		var columns [4]int
		n := copy(columns[:], r.outliers[o:])
		for i := range m {
			row := x.Row(i)
			four := (*[4]float32)(dst[words*m+4*((1+o/4)*m+i):])
			*four = [4]float32{row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]]}
			clear(four[n:])
		}
	}
}

// quantizeRows is product.packInt8 with int8Loops.
func (s *Set) quantizeRows(dst []float32, r *Rows, x tensor.Matrix, words, steps int) {
	m, groups := x.Rows, len(r.kept)
	quantize, block := s.quantize, 4
	if p := &s.products[Int8]; p.quantize != nil {
		quantize, block = p.quantize, p.rowWords(Int8, 1)
	}
	// The steps of all rows first: their divisions overlap.
	var lows, highs [MaxTileRows]float32
	for i := range m {
		lows[i], highs[i] = s.extremes(&x.Row(i)[0], &r.kept[0], groups)
	}
	for i := range m {
		scale, inverse := int8Steps(highs[i]-lows[i], 255)
		zero := int32(math.RoundToEven(float64(float32(-lows[i] * inverse))))
		quantize((*byte)(unsafe.Pointer(&dst[block*i])), 4*block*m, &x.Row(i)[0], &r.kept[0], groups, inverse, zero)
		head := (*[4]float32)(dst[words*m+4*i:])
		head[0] = scale
		head[1] = math.Float32frombits(uint32(-zero))
		head[2] = math.Float32frombits(uint32(steps))
		head[3] = 0
	}
}
