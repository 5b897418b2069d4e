package kernel

import (
	"encoding/binary"
	"math"
	"sync"
	"unsafe"
)

// In Int4 both sides of a product are kept in groups of 32 terms, each with a
// scale of its own. A weight is a code of 0 to 15, minus 8, times the group's
// scale, which is a bfloat16: 4.5 bits in all. A group of a row of the left side
// is rounded, when it is packed, to whole numbers of -127 to 127 times a scale.
//
// A product of two groups is exact in 32 bits, and is added to the sum as one
// fused multiply-add with the product of the scales, group after group: all sets but
// those that round products first give the same bits.
//
// A group of a panel is 4 rows of a word for each column, then the scales. Byte i
// of word d has term 8d+i in its low half and term 8d+4+i in its high half. A
// group of a packed row is 32 terms of 8 bits, then the sum of its terms times
// -8, an int32, with which the sum of products of codes begins, and its scale.
const (
	int4Group      = Int4Group
	int4RowWords   = int4Group/4 + 2
	int4PanelWords = 4*Panel + Panel/2
)

// Int4Group is how many weights of a row have a scale in common.
const Int4Group = 32

// Int4Groups returns the groups of a row of n weights, the last of which may be
// short: a scale each, and Int4GroupBytes bytes of codes.
func Int4Groups(n int) int { return (n + int4Group - 1) / int4Group }

// Int4GroupBytes is the size of the codes of one group.
const Int4GroupBytes = int4Group / 2

// int4Steps are the levels, from the middle on, that the largest weight of a
// group may lie at. At -8 it has the last level; beyond, it is cut off and the others
// have finer steps. Weights that are codes times a scale have -8 or -7 and stay as
// they are.
var int4Steps = [...]float32{-8, -8.5, -7.5, -7}

// QuantizeInt4 writes the codes and the scales of a row of weights w. codes has
// Int4GroupBytes bytes for each of Int4Groups(len(w)) groups, laid out as in a panel:
// byte i of 4 in a row has element i of 8 in its low half and i+4 in its high half.
// Elements beyond w have the code 8, which stands for zero.
//
// The scale of a group is chosen among four units, which put its largest element, the
// first of equals, at the step -8, -8.5, -7.5 or -7: u are its elements in units, c
// the codes nearest to u, ties to even. That with the largest (Σu·c)²/Σc²/step², the
// first of equals, counts, times Σu·c/Σc², which makes it the least squares for these
// codes, rounded to bfloat16. The codes are then those nearest to w over the scale. All
// is computed in float32, sums in order. A group with an element that is not finite
// has the scale NaN; one without an element of 2⁻¹⁰⁰ or more in size has the scale 0.
func (s *Set) QuantizeInt4(codes []byte, scales []float32, w []float32) {
	const many = len(int4Memory{}.of)
	if s.int4.scales == nil {
		quantizeInt4(codes, scales, w)
		return
	}
	memory, ok := int4Memories.Get().(*int4Memory)
	if !ok {
		memory = new(int4Memory)
	}
	defer int4Memories.Put(memory)
	for ; len(w) >= many; w = w[many:] {
		to, eight := codes[:8*Int4GroupBytes], (*[8]float32)(scales)
		reads(w[:many])
		writes(to)
		writes(eight[:])
		s.int4.scales(eight, &w[0], &memory.of)
		memory.inverses = [8]float32{}
		finite := true
		for g, scale := range eight {
			if eight[g] = math.Float32frombits(roundBFloat16(scale) << 16); eight[g] != 0 {
				memory.inverses[g] = 1 / eight[g]
			}
			finite = finite && scale == scale
		}
		if finite {
			s.int4.codes(&to[0], &w[0], &memory.inverses)
		} else {
			quantizeInt4(to, scales[:8], w[:many])
		}
		codes, scales = codes[len(to):], scales[8:]
	}
	quantizeInt4(codes, scales, w)
}

// int4Memory is what QuantizeInt4 gives to int4Loops, of several goroutines at once.
type int4Memory struct {
	of       [8 * int4Group]float32
	inverses [8]float32
}

var int4Memories sync.Pool // of *int4Memory

// int4Loops quantize 8 groups of x at once, with the bits of quantizeInt4.
type int4Loops struct {
	// scales writes the groups' scales before they are rounded to bfloat16; memory is
	// for what it likes.
	scales func(scales *[8]float32, x *float32, memory *[8 * int4Group]float32)
	// codes writes the groups' codes. Elements are finite.
	codes func(codes *byte, x *float32, inverses *[8]float32)
}

// quantizeInt4 is QuantizeInt4 in plain Go.
func quantizeInt4(codes []byte, scales []float32, w []float32) {
	for g := range Int4Groups(len(w)) {
		x := w[g*int4Group : min((g+1)*int4Group, len(w))]
		scale := int4Scale(x)
		scales[g] = scale
		inverse := float32(0)
		if scale != 0 {
			inverse = 1 / scale
		}
		putInt4(codes[g*Int4GroupBytes:][:Int4GroupBytes], x, inverse)
	}
}

// putInt4 writes the codes of a group, those nearest to x times inverse, where that is not NaN. Elements beyond x have the code 8.
func putInt4(codes []byte, x []float32, inverse float32) {
	var group [int4Group]byte
	for i := range group {
		group[i] = 8
		if i < len(x) && inverse == inverse {
			group[i] = byte(int(int4Level(float32(x[i]*inverse))) + 8)
		}
	}
	for i := range codes {
		at := i/4*8 + i%4
		codes[i] = group[at] | group[at+4]<<4
	}
}

// int4Level returns u rounded to the nearest whole number of -8 to 7, ties to even.
func int4Level(u float32) float32 {
	const shift = 3 << 22 // the last place of a float32 there is 1
	switch c := float32(u+shift) - shift; {
	case c < -8:
		return -8
	case c > 7:
		return 7
	default:
		return c
	}
}

// int4Scale returns the scale of one group.
func int4Scale(x []float32) float32 {
	var largest float32
	for _, v := range x {
		if v-v != 0 {
			return float32(math.NaN())
		}
		if abs(v) > abs(largest) {
			largest = v
		}
	}
	if abs(largest) < 0x1p-100 {
		return 0
	}
	var best, scale float32
	for _, step := range int4Steps {
		unit, inverse := largest/step, step/largest
		var products, squares float32 // of w in units and the codes
		for _, v := range x {
			u := float32(v * inverse)
			c := int4Level(u)
			products += float32(u * c)
			squares += float32(c * c)
		}
		factor := products / squares
		if gain := products * factor / (step * step); gain > best {
			best, scale = gain, unit*factor
		}
	}
	return math.Float32frombits(roundBFloat16(scale) << 16)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// DequantizeInt4 writes the weights of the codes and scales of a row to w, exactly.
func DequantizeInt4(w []float32, codes []byte, scales []float32) {
	for i := range w {
		code := codes[uint(i)/8*4+uint(i)%4] >> (uint(i) & 4) & 15
		w[i] = float32(int32(code)-8) * scales[uint(i)/int4Group]
	}
}

// PackInt4 packs panel i of p, which is in Int4, from the codes and scales of rows
// (columns of b), row after row as QuantizeInt4 writes them. There are at most Panel.
func (s *Set) PackInt4(p *Panels, i int, codes []byte, scales []float32) {
	groups := Int4Groups(p.K)
	if groups == 0 {
		return
	}
	rows := len(scales) / groups
	if p.Format != Int4 || rows > Panel || len(scales) != rows*groups || len(codes) != rows*groups*Int4GroupBytes {
		panic("kernel: PackInt4: shape")
	}
	packInt4(p.panel(i), codes, scales, groups)
}

// packInt4 is PackInt4 of rows with so many groups.
func packInt4(dst []float32, codes []byte, scales []float32, groups int) {
	const zeros = 0x88888888
	words := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst))
	rows := len(scales) / groups
	for g := range groups {
		to := words[g*int4PanelWords:][:int4PanelWords]
		for i := range rows {
			from := codes[(i*groups+g)*Int4GroupBytes:][:Int4GroupBytes]
			to[i] = binary.LittleEndian.Uint32(from)
			to[Panel+i] = binary.LittleEndian.Uint32(from[4:])
			to[2*Panel+i] = binary.LittleEndian.Uint32(from[8:])
			to[3*Panel+i] = binary.LittleEndian.Uint32(from[12:])
		}
		for d := range 4 {
			for i := rows; i < Panel; i++ {
				to[d*Panel+i] = zeros
			}
		}
		pairs := to[4*Panel:]
		clear(pairs)
		for i := range rows {
			pairs[i/2] |= roundBFloat16(scales[i*groups+g]) << (i % 2 * 16)
		}
	}
}
