package transformer

import (
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Attention is multi-head self-attention (arXiv:1706.03762, 3.2) over the tokens
// of a sequence. The columns of QKV are the queries, Heads·HeadDim wide, the keys
// and the values, KVHeads·HeadDim each, head after head. Where there are fewer
// key/value heads (arXiv:2305.13245), as many query heads share one as it takes.
type Attention struct {
	QKV, Output             *Linear
	Heads, KVHeads, HeadDim int
	QueryNorm, KeyNorm      *Norm         // of each head, or where they are wider of all heads at once
	RoPE                    *RoPE         // nil = positions do not turn queries and keys
	Bias                    *DistanceBias // nil = none
	Disentangled            *Disentangled // nil = scores are those of queries and keys alone
	Scale                   float32       // of the scores
	Causal                  bool          // tokens see none behind them
	Window                  int           // the farthest token that is seen, in tokens; 0 = no limit
}

func (a *Attention) linears() []*Linear { return []*Linear{a.QKV, a.Output} }

// sees returns the tokens from, to (exclusive) that token i of a sequence sees.
func (a *Attention) sees(i, length int) (from, to int) {
	to = length
	if a.Causal {
		to = i + 1
	}
	if a.Window > 0 {
		from, to = max(0, i-a.Window), min(to, i+a.Window+1)
	}
	return from, to
}

// pairs returns how many pairs of tokens of a sequence see each other.
func (a *Attention) pairs(length int) float64 {
	var n int
	for i := range length {
		from, to := a.sees(i, length)
		n += to - from
	}
	return float64(n)
}

// attend writes the attention of x to p.y, which may be x.
func (p *pass) attend(team *parallel.Team, x tensor.Matrix, a *Attention) {
	qkv := p.matrix(bufferInner, x.Rows, a.QKV.N)
	p.apply(team, qkv, x, a.QKV, kernel.Identity)
	p.turn(team, qkv, a)

	t := &p.attention
	t.p, t.attention, t.qkv, t.team = p, a, qkv, team
	for len(t.heads) < team.Size() {
		t.heads = append(t.heads, new(head))
	}
	team.For(p.batch.Sequences()*a.Heads, t)

	// The mixed values lie where the queries were.
	p.apply(team, p.y, columns(qkv, 0, a.Heads*a.HeadDim), a.Output, kernel.Identity)
}

// An attentionTask computes one head of one sequence.
type attentionTask struct {
	p         *pass
	attention *Attention
	qkv       tensor.Matrix
	team      *parallel.Team // that yields within a part
	heads     []*head        // one for each worker
}

// partPairs is how many pairs of tokens an attentionTask scores before it yields.
const partPairs = 512 * 512

func (t *attentionTask) Run(worker, i int) {
	a := t.attention
	sequence, h := i/a.Heads, i%a.Heads
	rows := t.qkv.Slice(t.p.batch.Starts[sequence], t.p.batch.Starts[sequence+1])
	at := func(head int) tensor.Matrix {
		return columns(rows, head*a.HeadDim, (head+1)*a.HeadDim)
	}
	shared := h * a.KVHeads / a.Heads
	q, k, v := at(h), at(a.Heads+shared), at(a.Heads+a.KVHeads+shared)
	own := t.heads[worker]
	if a.Bias != nil {
		own.bias = a.Bias.appendTo(own.bias[:0], h, rows.Rows)
	}
	if a.Disentangled != nil {
		own.positions.prepare(t.p.model.set, t.p.model.mixing, a.Disentangled, h, k)
	}
	own.mix(t.p.model.set, t.p.model.mixing, a, q, q, k, v, t.team)
}

// A head is the memory of one head's attention.
type head struct {
	queries kernel.Rows
	keys    kernel.Panels // headDim×length
	values  kernel.Panels // length×headDim
	bias    []float32     // of each distance, see DistanceBias
	scores  []float32     // of one tile: rows×length
	weights kernel.Rows   // of one tile
	totals  [kernel.MaxTileRows]float32

	positions headPositions
}

// mix writes softmax(scale·(q·kᵀ + positions) + bias)·v to dst, all length×headDim, where each
// token mixes what it sees. dst may be q. Where that takes long, team yields.
func (h *head) mix(s *kernel.Set, f kernel.Format, a *Attention, dst, q, k, v tensor.Matrix, team *parallel.Team) {
	length, dim := q.Rows, q.Cols
	h.keys.Resize(f, dim, length)
	for i := range h.keys.Count() {
		s.PackTransposed(&h.keys, i, k.Slice(i*kernel.Panel, min((i+1)*kernel.Panel, length)))
	}
	h.queries.Resize(s, length, &h.keys)
	for t := range h.queries.Tiles() {
		s.PackRows(&h.queries, t, q)
	}
	h.values.Resize(f, length, dim)
	for i := range h.values.Count() {
		s.Pack(&h.values, i, v)
	}
	apart := stride(length)
	if need := kernel.MaxTileRows * apart; cap(h.scores) < need {
		h.scores = kernel.Floats(need)
	}
	const group = kernel.Panel // as Terms wants it, and so that sums do not depend on where a tile begins
	pairs := 0                 // since team yielded
	for t := range h.queries.Tiles() {
		from, to := h.queries.Span(t)
		scores := tensor.Matrix{Rows: to - from, Cols: length, Stride: apart, Data: h.scores[:(to-from)*apart]}
		first, _ := a.sees(from, length)
		_, last := a.sees(to-1, length)
		first, last = first/group*group, min(parts(last, group)*group, length)
		s.Multiply(scores, &h.queries, t, t+1, &h.keys, first/kernel.Panel, parts(last, kernel.Panel), 0, kernel.Identity)
		if a.Disentangled != nil {
			h.positions.add(s, a.Disentangled, &h.queries, t, scores, from)
		}
		if a.Bias != nil || a.Causal || a.Window > 0 {
			for i := range scores.Rows {
				h.mask(s, a, scores.Row(i)[:last], from+i, first)
			}
		}
		values := h.values.Terms(first, last)
		h.weights.Resize(s, scores.Rows, &values)
		s.PackExponentials(&h.weights, 0, columns(scores, first, last), a.Scale, h.totals[:])
		mixed := dst.Slice(from, to)
		s.Multiply(mixed, &h.weights, 0, 1, &values, 0, values.Count(), 0, kernel.Identity)
		s.DivideRows(mixed, h.totals[:])
		if pairs += scores.Rows * (last - first); pairs > partPairs {
			team.Yield()
			pairs = 0
		}
	}
}

// mask adds the bias to the scores of query i, and makes those of what it does not
// see, from key first on, -Inf.
func (h *head) mask(s *kernel.Set, a *Attention, scores []float32, i, first int) {
	length := h.queries.M
	from, to := a.sees(i, length)
	fill(scores[first:from], float32(math.Inf(-1)))
	fill(scores[to:], float32(math.Inf(-1)))
	if a.Bias != nil {
		// exp works on scale·score: the bias is divided before it is added.
		seen := scores[from:to]
		s.Axpy(seen, h.bias[length-1-i+from:][:len(seen)], 1/a.Scale)
	}
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// scoreScale is 1/√d, by which scores are multiplied (arXiv:1706.03762, 3.2.1).
func scoreScale(d int) float32 { return float32(1 / math.Sqrt(float64(d))) }
