package kernel

import (
	"math"

	"github.com/rhumb-go/rhumb/tensor"
)

// A MaxDots finds the greatest products of the vectors of a query with those of documents,
// which is MaxSim before its sum (ColBERT, arXiv:2004.12832, 3.2). Each product is an
// element of Multiply, so that all SIMD sets give the same bits. It is memory of one caller
// at a time.
type MaxDots struct {
	set      *Set
	query    *Panels
	rows     Rows
	products []float32
	best     []float32
}

// maxDotsTiles is how many tiles of vectors are multiplied at once: packed they fit L1
// beside the query.
const maxDotsTiles = 4

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
	return &MaxDots{
		set: s, query: query, products: Floats(maxDotsTiles * s.products[Float32].tileRows * wide), best: Floats(wide),
	}
}

// Block is the most vectors that Add takes at once.
func (m *MaxDots) Block() int { return maxDotsTiles * m.set.products[Float32].tileRows }

// Start forgets the vectors that were added.
func (m *MaxDots) Start() {
	for i := range m.best {
		m.best[i] = float32(math.Inf(-1))
	}
}

// Add adds vectors of a document, a row each of as many components as those of the query
// have: Block of them at the most, and one at least.
func (m *MaxDots) Add(x tensor.Matrix) {
	if x.Cols != m.query.K || x.Rows < 1 || x.Rows > m.Block() {
		panic("kernel: MaxDots: shape")
	}
	if m.query.N == 0 {
		return
	}
	wide := len(m.best)
	m.rows.Resize(m.set, x.Rows, m.query)
	for t := range m.rows.Tiles() {
		m.set.PackRows(&m.rows, t, x)
	}
	m.set.Multiply(tensor.Matrix{Rows: x.Rows, Cols: m.query.N, Stride: wide, Data: m.products},
		&m.rows, 0, m.rows.Tiles(), m.query, 0, m.query.Count(), 0, Identity)
	n := x.Rows
	for n > 1 {
		half := n / 2
		m.set.Max(m.products[:half*wide], m.products[(n-half)*wide:n*wide])
		n -= half
	}
	m.set.Max(m.best, m.products[:wide])
}

// Best returns the greatest product of each vector of the query with one that was added
// since Start, -Inf where none was. A NaN stays.
func (m *MaxDots) Best() []float32 { return m.best[:m.query.N] }
