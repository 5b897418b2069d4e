package kernel

import (
	"unsafe"

	"github.com/rhumb-go/rhumb/tensor"
)

// Panel is the number of columns of b that lie together in a packed panel.
const Panel = 32

// SumTerms is how many terms of a float32 product are one chain of additions: those of
// longer sums are added part by part, so that rounding errors grow less with the terms.
const SumTerms = 256

// MaxTileRows is the most rows that a tile of any set has.
const MaxTileRows = 32

// Floats returns a zero slice of n float32s that starts on a cache line.
func Floats(n int) []float32 {
	const line = 64 / 4
	s := make([]float32, n+line)
	skip := int(-uintptr(unsafe.Pointer(&s[0])) % 64 / 4)
	return s[skip : skip+n : skip+n]
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// Panels is the right side b (k×n) of a product C = A·b, packed for the tiles:
// panel p holds columns 32p to 32p+31, word by word, where a word is 32 bits with
// as many terms as the format says. Missing columns and terms are zero. Bias is
// added to each sum.
type Panels struct {
	Format Format
	K, N   int
	Bias   []float32 // N elements, rounded up to whole panels
	data   []float32 // words
	size   int       // words of one panel
	first  int       // steps of 4 terms to where the first part of a float32 sum ends

	// Of Int8.
	Outliers []int    // columns of x that are multiplied in float32, ascending
	kept     []uint16 // bit j%16 of element j/16 is set for a column j that is none
}

// Resize makes p hold k×n, reusing its memory where that is enough. The content
// is undefined until each panel is packed; Bias is zero.
func (p *Panels) Resize(f Format, k, n int) {
	if f == Int8 {
		p.ResizeInt8(k, n, nil)
		return
	}
	p.resize(f, k, n, f.panelWords(k))
}

// resize is Resize with so many words of a panel.
func (p *Panels) resize(f Format, k, n, words int) {
	p.Format, p.K, p.N = f, k, n
	p.size, p.first = words, SumTerms/4
	wide := roundUp(n, Panel)
	if need := p.size * (wide / Panel); cap(p.data) < need {
		p.data = Floats(need)
		adviseHugePages(p.data)
	} else {
		p.data = p.data[:need]
	}
	if cap(p.Bias) < wide {
		p.Bias = Floats(wide)
	}
	p.Bias = p.Bias[:wide]
	clear(p.Bias)
}

// Count returns the number of panels.
func (p *Panels) Count() int { return len(p.Bias) / Panel }

func (p *Panels) panel(i int) []float32 {
	if p.Format == Int8 {
		return p.data[i*p.size:][:p.size]
	}
	return p.data[i*p.size:][:p.Format.panelWords(p.K)]
}

// Terms returns terms from, to (exclusive) of p, which they alias. from is a
// multiple of the format's Group, and so is to, unless it is p.K. Int8 has no parts.
// The parts of a sum of float32 end where those of p do.
func (p *Panels) Terms(from, to int) Panels {
	group := p.Format.Group()
	if p.Format == Int8 || from%group != 0 || to%group != 0 && to != p.K {
		panic("kernel: Terms: bounds")
	}
	part := *p
	part.K, part.data = to-from, p.data[p.Format.panelWords(from):]
	part.first = SumTerms/4 - (SumTerms/4-p.first+from/4)%(SumTerms/4)
	return part
}

// Columns returns panels from, to (exclusive) of p, which they alias: so many columns of b.
func (p *Panels) Columns(from, to int) Panels {
	part := *p
	part.N = min(to*Panel, p.N) - from*Panel
	part.Bias, part.data = p.Bias[from*Panel:to*Panel], p.data[from*p.size:to*p.size]
	return part
}

// PanelsBytes returns the memory that Panels of k×n hold, in Int8 without outliers.
func PanelsBytes(f Format, k, n int) int64 {
	words := int64(f.panelWords(k)) + Panel
	if f == Int8 {
		words += int8PanelExtra * Panel
	}
	return 4 * words * int64(roundUp(n, Panel)/Panel)
}

// MoveMemory gives p, for a content of its shape, the memory that from has, in
// place of its own, or where that is not enough new memory.
func (p *Panels) MoveMemory(from *Panels) {
	need := p.size * p.Count()
	p.data, from.data = from.data, nil
	if cap(p.data) < need {
		p.data = Floats(need)
	}
	p.data = p.data[:need]
}

// Bytes returns the memory that p holds.
func (p *Panels) Bytes() int64 { return 4 * int64(len(p.data)+len(p.Bias)) }

// PackTransposed packs panel i of p from rows (columns of b) × k of w, the
// layout of a checkpoint's linear weights (outputs×inputs). w has at most Panel
// rows and p.K columns.
func (s *Set) PackTransposed(p *Panels, i int, w tensor.Matrix) {
	if w.Rows > Panel || w.Cols != p.K {
		panic("kernel: PackTransposed: shape")
	}
	dst := p.panel(i)
	if p.Format == Int8 && w.Rows > 0 && w.Cols > 0 {
		s.packInt8(p, dst, w)
		return
	}
	clear(dst[w.Cols/p.Format.terms()*Panel:])
	if w.Rows == 0 || w.Cols == 0 {
		clear(dst)
		return
	}
	_ = w.Data[(w.Rows-1)*w.Stride+w.Cols-1]
	readsRows(w.Data, w.Stride, w.Rows, w.Cols)
	writes(dst)
	s.products[p.Format].transpose(&dst[0], &w.Data[0], w.Stride, w.Rows, w.Cols)
}

// Pack packs panel i of p from its columns of b (k×n).
func (s *Set) Pack(p *Panels, i int, b tensor.Matrix) {
	if b.Rows != p.K || b.Cols != p.N {
		panic("kernel: Pack: shape")
	}
	dst := p.panel(i)
	from := i * Panel
	columns := b
	columns.Cols = min(Panel, b.Cols-from)
	columns.Data = b.Data[from:]
	if p.Format == Int8 {
		s.PackTransposed(p, i, columns.Transposed())
		return
	}
	clear(dst[b.Rows/p.Format.terms()*Panel:])
	if b.Rows > 0 {
		readsRows(columns.Data, b.Stride, b.Rows, columns.Cols)
		writes(dst)
		s.products[p.Format].interleave(&dst[0], &columns.Data[0], b.Stride, b.Rows, columns.Cols)
	}
}

// Rows is the left side a (m×k) of a product, packed for the tiles of a set and
// for panels of one format: tile t holds its rows' words in groups of 4 (or what the
// set's block is; twice as many where it packs them wide), row after row. The rows are spread evenly over as few tiles as hold them.
type Rows struct {
	M, K   int
	format Format
	tiles  int
	low    int // rows of a tile
	high   int // tiles that have a row more than the others, which are behind them
	steps  int // of 4 words of terms
	words  int // of a row
	data   []float32

	outliers []int // of the panels, in Int8
	kept     []uint16
}

// Resize makes r hold m rows to be multiplied with b, or with panels of the same
// terms and format, by the tiles of s, reusing its memory where that is enough.
// The content is undefined until each tile is packed.
func (r *Rows) Resize(s *Set, m int, b *Panels) {
	r.M, r.K, r.format = m, b.K, b.Format
	p := &s.products[b.Format]
	r.steps, r.words = b.Format.words(b.K)/4, p.rowWords(b.Format, b.K)
	r.outliers, r.kept = b.Outliers, b.kept
	if b.Format == Int8 {
		r.words += int8RowExtra + roundUp(len(b.Outliers), 4)
	}
	r.tiles = (m + p.tileRows - 1) / p.tileRows
	r.low, r.high = m/max(1, r.tiles), m%max(1, r.tiles)
	if need := m * r.words; cap(r.data) < need {
		r.data = Floats(need)
	} else {
		r.data = r.data[:need]
	}
}

// Tiles returns the number of tiles.
func (r *Rows) Tiles() int { return r.tiles }

// BlockRows rows, at the most, are multiplied with one panel after the other:
// their packed form stays in L2 beside a panel.
const BlockRows = 168

// BlockTiles returns the number of tiles to multiply with all panels before the
// tiles behind them: the tiles spread evenly over as few blocks as suffice.
func (r *Rows) BlockTiles() int {
	blocks := max(1, (r.M+BlockRows-1)/BlockRows)
	return (r.tiles + blocks - 1) / blocks
}

// Span returns the rows from, to (exclusive) of tile t.
func (r *Rows) Span(t int) (from, to int) {
	return t*r.low + min(t, r.high), (t+1)*r.low + min(t+1, r.high)
}

// alike returns how many tiles from t on, and before end, have as many rows.
func (r *Rows) alike(t, end int) int {
	if t < r.high {
		end = min(end, r.high)
	}
	return end - t
}

// PackRows packs tile t of r from x (m×k).
func (s *Set) PackRows(r *Rows, t int, x tensor.Matrix) {
	if x.Rows != r.M || x.Cols != r.K {
		panic("kernel: PackRows: shape")
	}
	from, to := r.Span(t)
	s.PackTile(r, t, x.Slice(from, to))
}

// PackTile packs tile t of r from x, the rows of that tile alone.
func (s *Set) PackTile(r *Rows, t int, x tensor.Matrix) {
	from, to := r.Span(t)
	if x.Rows != to-from || x.Cols != r.K {
		panic("kernel: PackTile: shape")
	}
	s.packTile(r.data[from*r.words:to*r.words], r, x)
}

func (s *Set) packTile(dst []float32, r *Rows, x tensor.Matrix) {
	readsRows(x.Data, x.Stride, x.Rows, x.Cols)
	writes(dst)
	switch {
	case x.Cols == 0:
	case r.format == Int8:
		s.packInt8Rows(dst, r, x)
	default:
		s.products[r.format].packRows(&dst[0], &x.Data[0], x.Stride, x.Rows, x.Cols)
	}
}

// Multiply writes act(a·b + bias) for the rows of tiles t0 to t1 of a and the
// columns of panels p0 to p1 of b (both exclusive). dst has the rows of these
// tiles and all b.N columns, of which it writes those of the panels. Each panel
// is prefetched while the one before is at work, and at the end panel then,
// where there is one: the panel that the caller will multiply with next.
func (s *Set) Multiply(dst tensor.Matrix, a *Rows, t0, t1 int, b *Panels, p0, p1, then int, act Activation) {
	if t0 >= t1 || p0 >= p1 {
		return
	}
	first, _ := a.Span(t0)
	_, last := a.Span(t1 - 1)
	if dst.Rows != last-first || dst.Cols != b.N {
		panic("kernel: Multiply: shape")
	}
	_ = dst.Data[(dst.Rows-1)*dst.Stride+min(p1*Panel, b.N)-1]
	s.multiply(dst, nil, a, t0, t1, b, p0, p1, then, act)
}

// MultiplyPacked packs what Multiply would write to columns of dst, which has the
// tiles of a and b.N terms, and is not of Int8. memory is
// for one tile, Panel columns wide, or for more at once, BlockRows rows at the most.
func (s *Set) MultiplyPacked(dst *Rows, memory []float32, a *Rows, t0, t1 int, b *Panels, p0, p1, then int, act Activation) {
	if dst.format == Int8 || dst.M != a.M || dst.tiles != a.tiles || dst.K != b.N || len(memory) < MaxTileRows*Panel {
		panic("kernel: MultiplyPacked: shape")
	}
	s.multiply(tensor.Matrix{Stride: Panel, Data: memory}, dst, a, t0, t1, b, p0, p1, then, act)
}

// multiply is Multiply where packed is nil, and MultiplyPacked with the memory dst
// where it is not.
func (s *Set) multiply(dst tensor.Matrix, packed *Rows, a *Rows, t0, t1 int, b *Panels, p0, p1, then int, act Activation) {
	if t0 >= t1 || p0 >= p1 {
		return
	}
	if a.K != b.K || a.format != b.Format || len(a.outliers) != len(b.Outliers) {
		panic("kernel: Multiply: shape")
	}
	m := multiplication{set: s, dst: dst, packed: packed, steps: a.steps, act: act}
	if packed != nil {
		to := &s.products[packed.format]
		m.pack = to.packRows
		if act == GELU && to.packGELU != nil && packed.format == b.Format {
			m.act, m.pack = Identity, to.packGELU
		}
	}
	first, _ := a.Span(t0)
	if t1-t0 == 1 && packed == nil {
		// The rows of one tile with as many whole panels as there are.
		for p := p0; p < p1; {
			n := min(Panel, b.N-p*Panel)
			r := run{1, Panel, 0, b.size, Panel, b.first, panelStep}
			if whole := min(p1, b.N/Panel) - p; whole > 1 {
				r.count = m.most(whole, dst.Rows)
			}
			next := p + r.count
			if next == p1 {
				next = min(then, b.Count()-1)
			}
			m.tiles(dst.Data[p*Panel:], a, first, dst.Rows, b, p, n, &b.panel(next)[0], r)
			p += r.count
		}
		return
	}
	spread, ahead := s.products[b.Format].spread, (panelStep+t1-t0-1)/(t1-t0)
	for p := p0; p < p1; p++ {
		next := b.panel(min(then, b.Count()-1))
		if p+1 < p1 {
			next = b.panel(p + 1)
		}
		n := min(Panel, b.N-p*Panel)
		for t := t0; t < t1; {
			from, to := a.Span(t)
			rows := to - from
			count := m.most(a.alike(t, t1), rows)
			c := dst.Data
			if packed == nil {
				c = c[(from-first)*dst.Stride+p*Panel:]
			} else {
				count = min(count, len(c)/(rows*Panel))
			}
			m.tiles(c, a, from, rows, b, p, n, &next[0], run{count, rows * dst.Stride, rows * a.words, 0, 0, b.first, ahead})
			if spread {
				next = next[min(count*a.steps*ahead/4, len(next)-1):]
			} else {
				next = b.panel(p) // once is enough
			}
			t += count
		}
	}
}

// A multiplication is what the runs of one product share.
type multiplication struct {
	set    *Set
	dst    tensor.Matrix
	packed *Rows // what dst is packed into; nil = nothing
	pack   func(dst, src *float32, ld, rows, cols int)
	steps  int
	act    Activation // before packing
}

// runWork is the most steps of rows that one run takes, some 20 µs: the goroutine
// cannot be stopped in it.
const runWork = 1 << 14

// most returns how many of so many tiles a run takes.
func (m *multiplication) most(tiles, rows int) int {
	return max(1, min(tiles, runWork/max(1, rows*m.steps)))
}

// tiles is a call of its own so that the scheduler can stop between runs. The rows
// of each tile are those of a from on, and c is where the first tile lies in dst.
//
//go:noinline
func (m *multiplication) tiles(c []float32, a *Rows, from, rows int, b *Panels, p, n int, next *float32, r run) {
	ldc, s := m.dst.Stride, m.set
	high, wide, panels := r.count*rows, n, 1
	if r.b != 0 { // side by side
		high, wide, panels = rows, (r.count-1)*Panel+n, r.count
	}
	reads(a.data[from*a.words:][:high*a.words])
	reads(b.data[p*b.size:][:(panels-1)*b.size+len(b.panel(p))])
	reads(b.Bias[p*Panel:][:wide])
	writesRows(c, ldc, high, wide)
	s.products[b.Format].tile(&c[0], ldc, &a.data[from*a.words], &b.panel(p)[0], &b.Bias[p*Panel], m.steps, rows, n, next, r)
	if gelu := s.products[b.Format].gelu; m.act == GELU && gelu != nil {
		gelu(c, ldc, high, wide)
	} else {
		s.Activate(m.act, c, ldc, high, wide)
	}
	if m.packed == nil {
		return
	}
	product := &s.products[m.packed.format]
	at := product.rowWords(m.packed.format, p*Panel) * rows
	for i := range r.count {
		to := m.packed.data[(from+i*rows)*m.packed.words+at:]
		writes(to[:product.rowWords(m.packed.format, n)*rows])
		m.pack(&to[0], &c[i*rows*ldc], ldc, rows, n)
	}
}
