package kernel

import "fmt"

// A Format is how the terms of a matrix product are kept.
type Format uint8

const (
	Float32  Format = iota
	BFloat16        // rounded to the nearest, summed in float32
	Int8            // whole numbers in steps of their row's and column's range, see products_int8.go
	Int4            // weights of 16 levels, times 8 bits; see products_int4.go
	Formats         // how many there are
)

var formatNames = [...]string{Float32: "float32", BFloat16: "bfloat16", Int8: "int8", Int4: "int4"}

// formatTerms has the terms of a word of 32 bits.
var formatTerms = [...]int{Float32: 1, BFloat16: 2, Int8: 4, Int4: 8}

// String returns the name, such as "bfloat16".
func (f Format) String() string {
	if f < Formats {
		return formatNames[f]
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// terms returns the terms of a word of 32 bits, the first in the lowest bits.
func (f Format) terms() int { return formatTerms[f] }

// Group returns the terms that tiles take in one step: 4 words.
func (f Format) Group() int { return 4 * f.terms() }

// words returns the words of k terms, rounded up to whole groups.
func (f Format) words(k int) int { return roundUp(k, f.Group()) / f.terms() }

// How says how s multiplies in format f, such as "bfloat16 by VDPBF16PS".
func (s *Set) How(f Format) string { return s.products[f].how }

// expanded is how sets multiply whose CPU has no product of bfloat16s.
const expanded = "bfloat16 weights, float32 products"

// rowWords returns the words of a packed row of k terms.
func (f Format) rowWords(k int) int {
	if f == Int4 {
		return f.words(k) / 4 * int4RowWords
	}
	return f.words(k)
}

// rowWords returns the words of a row of k terms of format f that p packs.
func (p *product) rowWords(f Format, k int) int {
	words := roundUp(f.rowWords(k), max(1, p.block))
	if p.wide {
		words *= 2
	}
	return words
}

// panelWords returns the words of a panel of k terms.
func (f Format) panelWords(k int) int {
	if f == Int4 {
		return f.words(k) / 4 * int4PanelWords
	}
	return f.words(k) * Panel
}

// A tileFunc computes c[i*ldc+j] = bias[j] + Σ a·b for i < m ≤ tileRows, j < n ≤
// Panel. a is packed as by PackRows with m rows, b is one panel as by Pack; both
// have 4·steps words of terms a row, a's filled up to whole blocks. bias has Panel elements. The panel next is what the
// caller will multiply with next: it is prefetched. All of it is done for each
// tile of the run.
type tileFunc = func(c *float32, ldc int, a, b, bias *float32, steps, m, n int, next *float32, r run)

// A run is so many tiles, one after the other, and how far apart they begin in
// each operand, in words. The first part of the sums of float32 has first steps. Tiles of
// one panel share the prefetch of the next: each step goes on by ahead bytes in it.
type run struct{ count, c, a, b, bias, first, ahead int }

// panelStep is what a step takes of a panel: 4 words of each column.
const panelStep = 16 * Panel

// A directFunc writes c = a·b + bias for m rows of terms words of a, lda apart, and the
// n ≤ Panel columns of a panel b, by the same sums as a tileFunc, and prefetches next as that does.
type directFunc func(c *float32, ldc int, a *float32, lda int, b, bias *float32, terms, m, n int, next *float32)

// A product is the loops of the matrix product of one format. Int8 has a tile, and
// packs by int8Loops; its transpose, of words, is Float32's where it is nil.
type product struct {
	how      string // in words
	tileRows int    // the most rows that tile computes at once
	tile     tileFunc
	direct   directFunc // tile of rows that are not packed; nil = there is no such loop
	spread   bool       // tile prefetches by run.ahead: a share of next, in place of all of it
	block    int        // the words of a packed row that lie together; 0 = 4, or as packRows does
	wide     bool       // packed rows have two words for each word of terms: whole numbers in 16 bits, two even ones and two odd ones of each four, and bfloat16s as float32s
	// transpose writes element j of row i of src to term j of column i of the panel
	// dst, for i < rows ≤ Panel and j < cols. The columns i ≥ rows, and the terms that
	// the last word has beyond cols, are zero.
	transpose func(dst, src *float32, ld, rows, cols int)
	// interleave writes element j of row i of src to term i of column j of the panel
	// dst, for i < rows and j < cols ≤ Panel. The columns j ≥ cols, and the terms that
	// the last word has beyond rows, are zero.
	interleave func(dst, src *float32, ld, rows, cols int)
	// packRows writes words 4g to 4g+3 of row i of src (m×cols) to dst[(g*m+i)*4:],
	// or blocks of more words so. The terms beyond cols are zero.
	packRows func(dst, src *float32, ld, m, cols int)
	// packExponentials is packRows of what softmax makes of each row of x, with least what
	// highest has of it, where the row's highest is written, and its sum to totals; nil =
	// there is no such loop, and the two are run.
	packExponentials func(dst, x *float32, ld, rows, cols int, factor float32, highest, totals *float32)
	// quantize is that of Int8 for rows in blocks or wide, stride bytes apart; nil
	// where rows are packed by int8Loops. What the last block has beyond them is not
	// written: the tile multiplies it with zeros.
	quantize func(dst *byte, stride int, x *float32, kept *uint16, groups int, inverse float32, zero int32)
	// packInt8 packs a tile of rows of x, ld apart, for Int8: their terms, and the four words
	// behind them, with so many steps of outliers; nil = int8Loops are run.
	packInt8 func(dst, x *float32, ld, rows int, kept *uint16, groups, steps int)
	// gelu is a GELU as exact as the format; nil where the set's is as good.
	gelu func(x []float32, ld, rows, cols int)
	// packGELU is packRows of what GELU makes of each row of src; nil = there is no
	// such loop, and the two are run.
	packGELU func(dst, src *float32, ld, rows, cols int)
}
