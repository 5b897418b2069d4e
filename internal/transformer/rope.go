package transformer

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// RoPE turns each head of queries and keys by angles that grow with the position
// (RoFormer, arXiv:2104.09864, 3.4.2), with the halves layout of transformers'
// rotate_half, not the interleaved one of the paper: element i turns with
// element i+headDim/2. It is safe for concurrent use.
type RoPE struct {
	frequencies []float32 // radians per position, of each of headDim/2 pairs
	scale       float32   // of cosines and sines
	limit       int       // the most positions that these frequencies hold for; 0 = any number

	mu    sync.Mutex
	table atomic.Pointer[[]float32] // for each position: the cosines, then the sines
}

// leastTable is how many elements a table has at the least, where that is no more than 512 positions.
const leastTable = 1 << 16

// upTo returns the table for at least so many positions.
func (r *RoPE) upTo(positions int) []float32 {
	pairs := len(r.frequencies)
	if t := r.table.Load(); t != nil && len(*t) >= positions*2*pairs {
		return *t
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var table []float32
	if t := r.table.Load(); t != nil {
		table = *t
	}
	if have := len(table) / (2 * pairs); have < positions {
		positions = max(positions, 2*have, min(512, leastTable/(2*pairs)))
		table = append(make([]float32, 0, positions*2*pairs), table...)
		for position := have; position < positions; position++ {
			at := len(table)
			table = table[:at+2*pairs]
			for i, f := range r.frequencies {
				sin, cos := sincos(float64(float32(position) * f))
				table[at+i], table[at+pairs+i] = float32(cos)*r.scale, float32(sin)*r.scale
			}
		}
		r.table.Store(&table)
	}
	return table
}

// A rotateTask norms and turns the queries and keys of embedRows tokens, and norms their values.
type rotateTask struct {
	p         *pass
	attention *Attention
	qk        tensor.Matrix // tokens×(heads+kvHeads)·headDim
	values    tensor.Matrix // tokens×kvHeads·headDim
	angles    []float32     // of each position
}

func (t *rotateTask) Run(_, i int) {
	a := t.attention
	for j := i * embedRows; j < min((i+1)*embedRows, t.qk.Rows); j++ {
		row := t.qk.Row(j)
		queries := a.Heads * a.HeadDim
		t.norms(a.QueryNorm, row[:queries])
		t.norms(a.KeyNorm, row[queries:])
		t.norms(a.ValueNorm, t.values.Row(j))
		if a.RoPE == nil {
			continue
		}
		// Where positions turn heads they count from 0, padding tokens like others.
		position := int(t.p.embed.positions[j])
		angles := t.angles[position*a.HeadDim:][:a.HeadDim]
		t.p.model.set.Rotate(row, angles)
		if a.Growth != nil {
			t.p.model.set.Scale(row[:queries], a.Growth.at(position))
		}
	}
}

// A QueryGrowth makes the queries of far tokens longer, by 1 + Beta·ln(1 + ⌊position/Every⌋):
// transformers 5.23, get_llama_4_attn_scale.
type QueryGrowth struct {
	Beta  float64
	Every int
}

// at returns the factor at a position.
func (g *QueryGrowth) at(position int) float32 {
	return float32(1 + float64(g.Beta*math.Log(float64(1+position/g.Every))))
}

// norms applies n, which may be nil, to as many parts of x as it is wide.
func (t *rotateTask) norms(n *Norm, x []float32) {
	if n == nil {
		return
	}
	for width := len(n.Gamma); len(x) > 0; x = x[width:] {
		n.apply(t.p.model.set, x[:width], x[:width], nil)
	}
}

// turn norms and turns the queries and keys of qkv, where a does.
func (p *pass) turn(team *parallel.Team, qkv tensor.Matrix, a *Attention) {
	if a.QueryNorm == nil && a.ValueNorm == nil && a.RoPE == nil {
		return
	}
	t := &p.rotate
	t.p, t.attention = p, a
	values := (a.Heads + a.KVHeads) * a.HeadDim
	t.qk, t.values = columns(qkv, 0, values), columns(qkv, values, qkv.Cols)
	if a.RoPE != nil {
		longest := 0
		for i := range p.batch.Sequences() {
			longest = max(longest, p.batch.Starts[i+1]-p.batch.Starts[i])
		}
		t.angles = a.RoPE.upTo(p.batch.Prefix.Len() + longest)
	}
	team.For(parts(qkv.Rows, embedRows), t)
}

// sincos returns the sine and cosine of x ≥ 0. It is math.Sincos of Go 1.26 below
// its limit for large angles (the Cephes library's, Stephen L. Moshier), each
// step rounded, so that the bits do not depend on the CPU.
func sincos(x float64) (sin, cos float64) {
	const (
		a = 7.85398125648498535156e-1 // π/4 in three parts
		b = 3.77489470793079817668e-8
		c = 2.69515142907905952645e-15
	)
	octant := uint64(x * (4 / math.Pi))
	octant += octant & 1
	y := float64(octant)
	z := ((x - float64(y*a)) - float64(y*b)) - float64(y*c)
	zz := z * z
	cos = 1 - float64(0.5*zz) + float64(float64(zz*zz)*polynomial(zz, &cosines))
	sin = z + float64(float64(z*zz)*polynomial(zz, &sines))
	switch octant & 7 {
	case 2:
		return cos, -sin
	case 4:
		return -sin, -cos
	case 6:
		return -cos, sin
	}
	return sin, cos
}

var (
	sines = [6]float64{1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
		-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1}
	cosines = [6]float64{-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7,
		2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2}
)

func polynomial(x float64, c *[6]float64) float64 {
	y := c[0]
	for _, k := range c[1:] {
		y = float64(y*x) + k
	}
	return y
}
