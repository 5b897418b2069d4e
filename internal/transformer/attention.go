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
		own.mix(set, a, q, q, from, t.team)
	}
}

// scoreScale is 1/√d, by which scores are multiplied (arXiv:1706.03762, 3.2.1).
func scoreScale(d int) float32 { return float32(1 / math.Sqrt(float64(d))) }
