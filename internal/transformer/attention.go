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
	ValueNorm               *Norm         // the same of values
	RoPE                    *RoPE         // nil = positions do not turn queries and keys
	Growth                  *QueryGrowth  // of queries that RoPE turned; nil = none
	Bias                    *DistanceBias // nil = none
	Disentangled            *Disentangled // nil = scores are those of queries and keys alone
	Scale                   float32       // of the scores
	Cap                     float32       // scaled scores become Cap·tanh(scores/Cap); 0 = they stay as they are. Not beside a Bias
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

// attend writes the attention of x, in layer l, to p.y, which may be x. A pass for a
// prefix ends in the last layer, as soon as there are keys and values.
func (p *pass) attend(team *parallel.Team, x tensor.Matrix, l int) {
	a := &p.model.Layers[l].Attention
	qkv := p.matrix(bufferInner, x.Rows, a.QKV.N)
	if p.narrow {
		p.queries(team, qkv, x, a)
	} else {
		p.apply(team, qkv, x, a.QKV, kernel.Identity)
	}
	p.turn(team, qkv, a)
	if p.keep != nil {
		p.keep.keep(l, columns(qkv, a.Heads*a.HeadDim, qkv.Cols))
		if l+1 == len(p.model.Layers) {
			return
		}
	}

	t := &p.attention
	t.p, t.attention, t.qkv, t.team = p, a, qkv, team
	if t.before = (tensor.Matrix{}); p.batch.Prefix != nil {
		t.before = p.batch.Prefix.layers[l]
	}
	for len(t.heads) < team.Size() {
		t.heads = append(t.heads, new(head))
	}
	t.together = 1
	if shared := p.batch.Sequences() * a.KVHeads; shared >= 4*team.Size() || team.Size() == 1 {
		t.together = a.Heads / a.KVHeads
	}
	team.For(p.batch.Sequences()*a.Heads/t.together, t)

	mixed := columns(qkv, 0, a.Heads*a.HeadDim) // the values lie where the queries were
	if p.narrow {
		mixed = p.gather(mixed)
	}
	p.apply(team, p.y, mixed, a.Output, kernel.Identity)
}

// An attentionTask computes heads of one sequence that share keys and values: all of them, where
// there are parts enough for the team.
type attentionTask struct {
	p         *pass
	attention *Attention
	qkv       tensor.Matrix
	before    tensor.Matrix  // the keys and values of the batch's prefix, side by side
	team      *parallel.Team // that yields within a part
	heads     []*head        // one for each worker
	together  int            // heads of a part
}

// partPairs is how many pairs of tokens an attentionTask scores before it yields.
const partPairs = 512 * 512

func (t *attentionTask) Run(worker, i int) {
	a := t.attention
	sequence, first := i*t.together/a.Heads, i*t.together%a.Heads
	rows := t.qkv.Slice(t.p.batch.Starts[sequence], t.p.batch.Starts[sequence+1])
	at := func(head int) tensor.Matrix {
		return columns(rows, head*a.HeadDim, (head+1)*a.HeadDim)
	}
	shared := first * a.KVHeads / a.Heads
	k, v := joined{after: at(a.Heads + shared)}, joined{after: at(a.Heads + a.KVHeads + shared)}
	if t.before.Rows > 0 {
		k.before = columns(t.before, shared*a.HeadDim, (shared+1)*a.HeadDim)
		v.before = columns(t.before, (a.KVHeads+shared)*a.HeadDim, (a.KVHeads+shared+1)*a.HeadDim)
	}
	own, set, mixing := t.heads[worker], t.p.model.set, t.p.model.mixing
	own.hidden = 0
	if n := t.p.batch.Seen; n != nil && t.before.Rows == 0 {
		own.hidden = rows.Rows - n[sequence]
	}
	own.pack(set, mixing, k, v)
	for h := first; h < first+t.together; h++ {
		if a.Bias != nil {
			own.bias = a.Bias.appendTo(own.bias[:0], h, rows.Rows)
		}
		if a.Disentangled != nil {
			own.positions.prepare(set, mixing, a.Disentangled, h, k.after)
		}
		q, from := at(h), 0
		if t.p.narrow {
			from = t.p.batch.Read[sequence] - t.p.batch.Starts[sequence]
			q = q.Slice(from, from+1)
		}
		own.mix(set, mixing, a, q, q, from, t.team)
	}
}

// A head is the memory of one head's attention.
type head struct {
	queries kernel.Rows
	before  int           // tokens of the prefix, of length
	keys    kernel.Panels // headDim×length
	values  kernel.Panels // length×headDim
	bias    []float32     // of each distance, see DistanceBias
	scores  []float32     // of one tile: rows×length
	weights kernel.Rows   // of one tile
	totals  [kernel.MaxTileRows]float32
	seam    []float32 // rows of a prefix and of what follows it
	hidden  int       // so many keys, the last ones, are not seen

	positions headPositions
}

// mix writes softmax(scale·(q·kᵀ + positions) + bias)·v to dst, of the keys and values that
// are packed, where each token mixes what it sees, of all but the last h.hidden tokens, and
// zeros where that is nothing. q and dst, which may be q, have the rows of the tokens from
// number at of those behind the prefix on, or of some. Where that takes long, team yields.
func (h *head) mix(s *kernel.Set, f kernel.Format, a *Attention, dst, q tensor.Matrix, at int, team *parallel.Team) {
	before, length := h.before+at, h.values.K
	seen := length - h.hidden
	h.queries.Resize(s, q.Rows, &h.keys)
	for t := range h.queries.Tiles() {
		s.PackRows(&h.queries, t, q)
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
		mixed := dst.Slice(from, to)
		first, _ := a.sees(before+from, length)
		_, last := a.sees(before+to-1, length)
		if last = min(last, seen); first >= last {
			for i := range mixed.Rows {
				clear(mixed.Row(i))
			}
			continue
		}
		first, last = first/group*group, min(parts(last, group)*group, length)
		s.Multiply(scores, &h.queries, t, t+1, &h.keys, first/kernel.Panel, parts(last, kernel.Panel), 0, kernel.Identity)
		if a.Disentangled != nil {
			h.positions.add(s, a.Disentangled, &h.queries, t, scores, before+from)
		}
		scale := a.Scale
		if a.Cap > 0 {
			capScores(s, columns(scores, first, last), a)
			scale = a.Cap
		}
		if a.Bias != nil || a.Causal || a.Window > 0 || h.hidden > 0 {
			for i := range scores.Rows {
				h.mask(s, a, scores.Row(i)[:last], before+from+i, first, length)
			}
		}
		values := h.values.Terms(first, last)
		h.weights.Resize(s, scores.Rows, &values)
		s.PackExponentials(&h.weights, 0, columns(scores, first, last), scale, h.totals[:])
		s.Multiply(mixed, &h.weights, 0, 1, &values, 0, values.Count(), 0, kernel.Identity)
		s.DivideRows(mixed, h.totals[:])
		for i := range mixed.Rows { // a window may leave a token nothing
			if first, _ := a.sees(before+from+i, length); first >= seen {
				clear(mixed.Row(i))
			}
		}
		if pairs += scores.Rows * (last - first); pairs > partPairs {
			team.Yield()
			pairs = 0
		}
	}
}

// pack packs the keys and the values of a sequence, length×headDim.
func (h *head) pack(s *kernel.Set, f kernel.Format, k, v joined) {
	h.before = k.before.Rows
	length, dim := h.before+k.after.Rows, k.after.Cols
	h.keys.Resize(f, dim, length)
	for i := range h.keys.Count() {
		s.PackTransposed(&h.keys, i, k.slice(&h.seam, i*kernel.Panel, min((i+1)*kernel.Panel, length)))
	}
	h.values.Resize(f, length, dim)
	for from := 0; from < length; {
		to := length
		if n := v.before.Rows; from < n { // what lies in both goes in a part of its own
			to = min(n/kernel.Panel*kernel.Panel, length)
			if from == to {
				to = min(from+kernel.Panel, length)
			}
		}
		part, rows := h.values.Terms(from, to), v.slice(&h.seam, from, to)
		for i := range part.Count() {
			s.Pack(&part, i, rows)
		}
		from = to
	}
}

// A joined is the rows of one matrix, and behind them those of another.
type joined struct{ before, after tensor.Matrix }

// slice returns rows from, to (exclusive), which it copies to memory where they lie
// in both matrices.
func (j joined) slice(memory *[]float32, from, to int) tensor.Matrix {
	n := j.before.Rows
	switch {
	case from >= n:
		return j.after.Slice(from-n, to-n)
	case to <= n:
		return j.before.Slice(from, to)
	}
	m := reuse(memory, to-from, j.before.Cols)
	for i := from; i < to; i++ {
		if i < n {
			copy(m.Row(i-from), j.before.Row(i))
		} else {
			copy(m.Row(i-from), j.after.Row(i-n))
		}
	}
	return m
}

// mask adds the bias to the scores of query i of a sequence, and makes those of what
// it does not see, from key first on, -Inf.
func (h *head) mask(s *kernel.Set, a *Attention, scores []float32, i, first, length int) {
	from, to := a.sees(i, length)
	to = min(to, length-h.hidden)
	from = min(from, to)
	fill(scores[first:from], float32(math.Inf(-1)))
	fill(scores[to:], float32(math.Inf(-1)))
	if a.Bias != nil {
		// exp works on scale·score: the bias is divided before it is added.
		seen := scores[from:to]
		s.Axpy(seen, h.bias[length-1-i+from:][:len(seen)], 1/a.Scale)
	}
}

// capScores makes tanh(Scale·x/Cap) of x.
func capScores(s *kernel.Set, x tensor.Matrix, a *Attention) {
	for i := range x.Rows {
		s.Scale(x.Row(i), a.Scale/a.Cap)
	}
	s.Activate(kernel.Tanh, x.Data, x.Stride, x.Rows, x.Cols)
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// scoreScale is 1/√d, by which scores are multiplied (arXiv:1706.03762, 3.2.1).
func scoreScale(d int) float32 { return float32(1 / math.Sqrt(float64(d))) }
