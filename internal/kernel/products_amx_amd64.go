//go:build amd64 && !purego

package kernel

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Intel's AMX (Advanced Matrix Extensions, from Sapphire Rapids on) multiplies 16 rows
// of 16 words with as many columns in one instruction: Software Developer's Manual,
// volume 1, chapter 18. A tile register is 16 rows of 64 bytes, which may be fewer.

// amxBlock is the words of a row of a tile register.
const amxBlock = 16

// amxRun is the most tiles of whole numbers that lie in an amxWork.
const amxRun = 4

var bfloat16AMX = product{
	how:              "bfloat16 by TDPBF16PS (AMX)",
	tileRows:         2 * amxBlock,
	block:            amxBlock,
	tile:             tilesBFloat16AMX.bfloat16,
	transpose:        transposeBFloat16AVX512,
	interleave:       interleaveBFloat16AVX512,
	packRows:         packRowsBFloat16AMX,
	packExponentials: packExponentialsBFloat16AMX,
	gelu:             roughGELUAVX512,
}

var int8AMX = product{
	how:      "int8 by TDPBUSD (AMX)",
	tileRows: 2 * amxBlock,
	block:    amxBlock,
	tile:     tilesInt8AMX.int8,
	quantize: quantizeBlocksAVX512,
	gelu:     roughGELUAVX512,
}

// withAMX returns s, the set of AVX-512, with the products of AMX where this CPU has
// all of it and the system permits it. GODEBUG=cpu.amxtile=off takes it away.
func withAMX(s *Set, permitted func() bool) *Set {
	x := &cpu.X86
	if !x.HasAMXTile || !x.HasAMXBF16 || !x.HasAMXInt8 || !x.HasAVX512BW || !x.HasAVX512BF16 || !x.HasAVX512VNNI || !permitted() {
		return nil
	}
	return amxOf(s)
}

// amxOf returns s with the products of AMX.
func amxOf(s *Set) *Set {
	amx := *s
	amx.name, amx.unproven = "amx", true
	amx.products[BFloat16], amx.products[Int8] = bfloat16AMX, int8AMX
	return &amx
}

// A tileConfig is the shapes of the tile registers as LDTILECFG loads them. A
// register that is not used has neither rows nor bytes.
type tileConfig struct {
	palette, startRow uint8
	_                 [14]uint8
	rowBytes          [16]uint16
	rows              [16]uint8
}

// newTileConfig returns the shapes for m rows and n columns, of the registers as the
// tiles' kernels use them.
func newTileConfig(m, n int) tileConfig {
	c := tileConfig{palette: 1}
	shape := func(register, rows, words int) {
		if rows > 0 && words > 0 {
			c.rows[register], c.rowBytes[register] = uint8(rows), uint16(4*words)
		}
	}
	for i := range 2 {
		rows, columns := min(m-amxBlock*i, amxBlock), min(n-amxBlock*i, amxBlock)
		shape(4+i, rows, amxBlock)
		shape(6+i, amxBlock, columns)
		for j := range 2 {
			shape(2*i+j, rows, min(n-amxBlock*j, amxBlock))
		}
	}
	return c
}

// amxTiles are the kernels of one format by the tile registers of rows and of
// columns, from one on.
type amxTiles [2][2]func(config *tileConfig, c *float32, ldc int, a, b, last, bias *float32, blocks, m int, next *float32, r run)

// An amxWork is memory of one call.
type amxWork struct {
	config tileConfig
	last   [amxBlock * Panel]float32              // the last words of a panel, filled up with zeros
	sums   [amxRun * 2 * amxBlock * Panel]float32 // whole numbers
}

var amxWorks = sync.Pool{New: func() any { return new(amxWork) }}

// bfloat16 is the tile of BFloat16.
func (t *amxTiles) bfloat16(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	w := amxWorks.Get().(*amxWork)
	defer amxWorks.Put(w)
	w.config = newTileConfig(m, n)
	t.multiply(w, c, ldc, a, b, bias, steps, m, n, next, r)
}

// int8 is the tile of Int8: see tileInt8Generic.
func (t *amxTiles) int8(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	w := amxWorks.Get().(*amxWork)
	defer amxWorks.Put(w)
	w.config = newTileConfig(m, n)
	const size = 2 * amxBlock * Panel
	heads, tail := roundUp(4*steps, amxBlock)*m, 4*steps*Panel
	for first := 0; first < r.count; first += amxRun {
		some := run{count: min(amxRun, r.count-first), c: size, a: r.a, b: r.b}
		t.multiply(w, &w.sums[0], Panel, add(a, first*r.a), add(b, first*r.b), bias, steps, m, n, next, some)
		for i := range some.count {
			at := first + i
			finishInt8AMX(add(c, at*r.c), ldc, &w.sums[i*size], add(a, at*r.a+heads), add(b, at*r.b+tail), add(bias, at*r.bias), m, n, add(next, tail))
		}
	}
}

// multiply runs the kernel of m×n sums. The words behind the last whole block of a
// panel are copied and filled up: what follows them is not the panel's terms.
func (t *amxTiles) multiply(w *amxWork, c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run) {
	kernel := t[(m-1)/amxBlock][(n-1)/amxBlock]
	blocks, rest := steps/4, steps%4*4*Panel
	if rest == 0 {
		kernel(&w.config, c, ldc, a, b, nil, bias, blocks, m, next, r)
		return
	}
	clear(w.last[rest:])
	some := r
	if r.b != 0 {
		some.count = 1 // the panels' last words differ
	}
	for i := 0; i < r.count; i += some.count {
		from := add(b, i*r.b)
		copy(w.last[:rest], unsafe.Slice(add(from, blocks*amxBlock*Panel), rest))
		kernel(&w.config, add(c, i*r.c), ldc, add(a, i*r.a), from, &w.last[0], add(bias, i*r.bias), blocks, m, next, some)
	}
}

//go:noescape
func finishInt8AMX(c *float32, ldc int, sums, a, b, bias *float32, m, n int, next *float32)

// clearLastBlock clears the last words of m rows of so many terms, where they are
// not a whole block.
func clearLastBlock(dst *float32, m, cols int) {
	if words := BFloat16.words(cols); words%amxBlock != 0 {
		clear(unsafe.Slice(add(dst, words/amxBlock*amxBlock*m), amxBlock*m))
	}
}

func packRowsBFloat16AMX(dst, src *float32, ld, m, cols int) {
	clearLastBlock(dst, m, cols)
	packBFloat16AVX512(dst, src, ld, m, cols, 4*amxBlock, 16, 4*amxBlock*m)
}

func packExponentialsBFloat16AMX(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32) {
	clearLastBlock(dst, rows, cols)
	for i := range rows {
		*add(totals, i) = exponentialsBFloat16AVX512(add(dst, amxBlock*i), 16, 4*amxBlock*rows, unsafe.Slice(add(x, i*ld), cols), factor, add(highest, i))
	}
}
