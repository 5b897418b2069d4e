package kernel

import (
	"iter"
	"math"
	"unsafe"

	"github.com/rhumb-go/rhumb/tensor"
)

// A MaxDots finds the greatest products of the vectors of a query with those of documents,
// which is MaxSim before its sum (ColBERT, arXiv:2004.12832, 3.2). Each product is an
// element of Multiply, so that all SIMD sets give the same bits. It is memory of one caller
// at a time.
type MaxDots struct {
	set      *Set
	query    *Panels
	wide     int           // columns of the panels
	rows     Rows          // of one tile
	wider    tensor.Matrix // of one tile, of vectors in fewer bits
	products []float32     // of one tile, wide apart
	most     []float32     // the greatest products of the first rows of tiles, of the second ones …
}

// PackQuery packs the vectors of a query, a row each, for MaxDots.
func (s *Set) PackQuery(query tensor.Matrix) *Panels {
	p := new(Panels)
	p.Resize(Float32, query.Cols, query.Rows)
	for i := range p.Count() {
		s.PackTransposed(p, i, query.Slice(i*Panel, min((i+1)*Panel, query.Rows)))
	}
	return p
}

// NewMaxDots returns what finds the products with a query that s packed.
func (s *Set) NewMaxDots(query *Panels) *MaxDots {
	wide := query.Count() * Panel
	size := s.products[Float32].tileRows * wide
	return &MaxDots{set: s, query: query, wide: wide, products: Floats(size), most: Floats(size)}
}

// Start forgets the vectors that were added.
func (m *MaxDots) Start() {
	for i := range m.most {
		m.most[i] = float32(math.Inf(-1))
	}
}

// Add adds vectors of a document, a row each of as many components as those of the query
// have.
func (m *MaxDots) Add(x tensor.Matrix) {
	if x.Cols != m.query.K {
		panic("kernel: MaxDots: shape")
	}
	if m.query.N == 0 || x.Rows == 0 {
		return
	}
	_ = x.Data[(x.Rows-1)*x.Stride+x.Cols-1]
	p := m.prefetch(unsafe.Pointer(&x.Data[0]), 4*x.Stride, 4*((x.Rows-1)*x.Stride+x.Cols))
	for from, to := range m.tiles(x.Rows) {
		m.add(x.Slice(from, to), p.next(from, to))
	}
}

// AddFloat16 is Add of IEEE halves, row after row.
func (m *MaxDots) AddFloat16(x []uint16) {
	k := m.query.K
	m.widen(len(x)/k, len(x)%k, unsafe.Pointer(unsafe.SliceData(x)), 2*k, func(dst tensor.Matrix, from, to int) {
		m.set.FromFloat16(dst.Data, x[from*k:to*k])
	})
}

// AddInt8 is Add of int8s, row after row, each row of which is multiplied by its scale.
func (m *MaxDots) AddInt8(x []byte, scales []float32) {
	k := m.query.K
	m.widen(len(scales), len(x)-k*len(scales), unsafe.Pointer(unsafe.SliceData(x)), k, func(dst tensor.Matrix, from, to int) {
		if k%block == 0 && k <= maxWork {
			for i := from; i < to; i++ {
				row := x[i*k : (i+1)*k]
				reads(row)
				writes(dst.Row(i - from))
				m.set.fromInt8(dst.Row(i-from), row, scales[i])
			}
			return
		}
		for i := from; i < to; i++ {
			m.set.FromInt8(dst.Row(i-from), x[i*k:(i+1)*k], scales[i])
		}
	})
}

// AddSigns is Add of components that are 1 or -1, as FromSigns reads bits, row after row of
// whole bytes.
func (m *MaxDots) AddSigns(x []byte) {
	k := (m.query.K + 7) / 8
	m.widen(len(x)/k, len(x)%k, unsafe.Pointer(unsafe.SliceData(x)), k, func(dst tensor.Matrix, from, to int) {
		if dst.Cols == 8*k {
			m.set.FromSigns(dst.Data, x[from*k:to*k])
			return
		}
		for i := from; i < to; i++ {
			m.set.FromSigns(dst.Row(i-from), x[i*k:(i+1)*k])
		}
	})
}

// widen adds rows that lie from base on, size bytes each, and which convert writes as
// float32s, those of a tile at once. rest, what is left over, is nothing.
func (m *MaxDots) widen(rows, rest int, base unsafe.Pointer, size int, convert func(dst tensor.Matrix, from, to int)) {
	if rest != 0 {
		panic("kernel: MaxDots: shape")
	}
	if m.query.N == 0 || rows == 0 {
		return
	}
	if m.wider.Data == nil {
		n := m.set.products[Float32].tileRows
		m.wider = tensor.Matrix{Rows: n, Cols: m.query.K, Stride: m.query.K, Data: Floats(n * m.query.K)}
	}
	p := m.prefetch(base, size, rows*size)
	for from, to := range m.tiles(rows) {
		x := m.wider.Slice(0, to-from)
		convert(x, from, to)
		m.add(x, p.next(from, to))
	}
}

// A prefetch brings rows into the second cache while those before them are multiplied: by a
// tile as many bytes as a panel has.
type prefetch struct {
	base  unsafe.Pointer
	size  int // bytes of a row
	all   int // bytes of all rows
	bytes int // that a tile prefetches
	none  *float32
	ahead int // the bytes before are on their way
}

// prefetch returns that of rows from base on, size bytes apart, which end after all bytes.
func (m *MaxDots) prefetch(base unsafe.Pointer, size, all int) prefetch {
	return prefetch{base: base, size: size, all: all, bytes: 4 * len(m.query.panel(0)), none: &m.query.panel(0)[0]}
}

// next returns where the tile of rows from, to (exclusive) is to prefetch from on: what is
// behind that, where less than two more tiles are on their way. At the end of the rows it is
// what lies behind them, often the next document. The last byte may be no whole float32, which is not read.
//
//go:nocheckptr
func (p *prefetch) next(from, to int) *float32 {
	end := to * p.size
	if end+2*(to-from)*p.size <= p.ahead {
		return p.none
	}
	p.ahead = max(p.ahead, end)
	at := unsafe.Add(p.base, min(p.ahead, p.all-1))
	p.ahead += p.bytes
	return (*float32)(at)
}

// tiles yields the rows from, to (exclusive) of each tile of so many rows, spread evenly.
func (m *MaxDots) tiles(rows int) iter.Seq2[int, int] {
	most := m.set.products[Float32].tileRows
	n := (rows + most - 1) / most
	return func(yield func(from, to int) bool) {
		for t := range n {
			if !yield(t*rows/n, (t+1)*rows/n) {
				return
			}
		}
	}
}

// add adds the rows of one tile, and prefetches what is behind them from next on. It is a
// call of its own so that the scheduler can stop between tiles.
//
//go:noinline
func (m *MaxDots) add(x tensor.Matrix, next *float32) {
	q, p := m.query, &m.set.products[Float32]
	readsRows(x.Data, x.Stride, x.Rows, x.Cols)
	reads(q.data)
	reads(q.Bias)
	writes(m.products)
	if p.direct == nil {
		m.rows.Resize(m.set, x.Rows, q)
		m.set.PackRows(&m.rows, 0, x)
	}
	for i := range q.Count() {
		if p.direct != nil {
			p.direct(&m.products[i*Panel], m.wide, &x.Data[0], x.Stride, &q.panel(i)[0], &q.Bias[i*Panel],
				q.K, x.Rows, min(Panel, q.N-i*Panel), next)
			next = &q.panel(0)[0]
			continue
		}
		p.tile(&m.products[i*Panel], m.wide, &m.rows.data[0], &q.panel(i)[0], &q.Bias[i*Panel],
			m.rows.steps, x.Rows, min(Panel, q.N-i*Panel), next, run{count: 1, first: q.first, ahead: panelStep})
		next = &q.panel(0)[0] // once is enough
	}
	m.set.Max(m.most[:x.Rows*m.wide], m.products[:x.Rows*m.wide])
}

// Best returns the greatest product of each vector of the query with one that was added
// since Start, -Inf where none was. A NaN stays. It is lost with the next Start.
func (m *MaxDots) Best() []float32 {
	for n := m.set.products[Float32].tileRows; n > 1; {
		half := n / 2
		m.set.Max(m.most[:half*m.wide], m.most[(n-half)*m.wide:n*m.wide])
		n -= half
	}
	return m.most[:m.query.N]
}
