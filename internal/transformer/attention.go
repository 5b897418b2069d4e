package transformer

import (
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Attention is multi-head self-attention (arXiv:1706.03762, 3.2) over all tokens
// of a sequence. The columns of QKV are the queries, keys and values, each
// heads·headDim wide, head after head.
type Attention struct {
	QKV, Output    *Linear
	Heads, HeadDim int
}

// attend writes the attention of p.x to p.y.
func (p *pass) attend(team *parallel.Team, a *Attention) {
	width := a.Heads * a.HeadDim
	qkv := p.matrix(1, p.x.Rows, 3*width)
	p.apply(team, qkv, p.x, a.QKV, kernel.Identity)

	t := &p.attention
	t.p, t.attention, t.qkv = p, a, qkv
	for len(t.heads) < team.Size() {
		t.heads = append(t.heads, new(head))
	}
	team.For(p.batch.Sequences()*a.Heads, t)

	// The mixed values lie where the queries were.
	p.apply(team, p.y, columns(qkv, 0, width), a.Output, kernel.Identity)
}

// An attentionTask computes one head of one sequence.
type attentionTask struct {
	p         *pass
	attention *Attention
	qkv       tensor.Matrix // tokens×3·heads·headDim
	heads     []*head       // one for each worker
}

func (t *attentionTask) Run(worker, i int) {
	a := t.attention
	sequence, h := i/a.Heads, i%a.Heads
	rows := t.qkv.Slice(t.p.batch.Starts[sequence], t.p.batch.Starts[sequence+1])
	at := func(part int) tensor.Matrix {
		from := (part*a.Heads + h) * a.HeadDim
		return columns(rows, from, from+a.HeadDim)
	}
	t.heads[worker].mix(t.p.model.set, at(0), at(0), at(1), at(2))
}

// A head is the memory of one head's attention.
type head struct {
	queries kernel.Rows
	keys    kernel.Panels // headDim×length
	values  kernel.Panels // length×headDim
	scores  []float32     // of one tile: rows×length
	weights kernel.Rows   // of one tile
	totals  [kernel.MaxTileRows]float32
}

// mix writes softmax(q·kᵀ/√headDim)·v to dst, all length×headDim. dst may be q.
func (h *head) mix(s *kernel.Set, dst, q, k, v tensor.Matrix) {
	length, dim := q.Rows, q.Cols
	h.queries.Resize(s, length, dim)
	for t := range h.queries.Tiles() {
		s.PackRows(&h.queries, t, q)
	}
	h.keys.Resize(dim, length)
	for i := range h.keys.Count() {
		s.PackTransposed(&h.keys, i, k.Slice(i*kernel.Panel, min((i+1)*kernel.Panel, length)))
	}
	h.values.Resize(length, dim)
	for i := range h.values.Count() {
		s.Pack(&h.values, i, v)
	}
	if need := kernel.MaxTileRows * length; cap(h.scores) < need {
		h.scores = kernel.Floats(need)
	}
	scale := scoreScale(dim)
	for t := range h.queries.Tiles() {
		from, to := h.queries.Span(t)
		scores := tensor.Matrix{Rows: to - from, Cols: length, Stride: length, Data: h.scores[:(to-from)*length]}
		s.Multiply(scores, &h.queries, t, t+1, &h.keys, 0, h.keys.Count(), 0, kernel.Identity)
		for i := range scores.Rows {
			h.totals[i] = s.Exponentials(scores.Row(i), scale)
		}
		h.weights.Resize(s, scores.Rows, length)
		s.PackRows(&h.weights, 0, scores)
		mixed := dst.Slice(from, to)
		s.Multiply(mixed, &h.weights, 0, 1, &h.values, 0, h.values.Count(), 0, kernel.Identity)
		for i := range mixed.Rows {
			s.Scale(mixed.Row(i), 1/h.totals[i])
		}
	}
}

// scoreScale is 1/√d, by which scores are multiplied (arXiv:1706.03762, 3.2.1).
func scoreScale(d int) float32 { return float32(1 / math.Sqrt(float64(d))) }
