package transformer

import (
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// keyBlock is how many keys are scored and mixed at once: their scores, they, their values and a
// block of queries stay in a core's second cache at any length. Blocks begin at its multiples,
// wherever what a tile of queries sees begins, so that sums do not depend on the set. It is a
// multiple of the chains of a product's sums.
const keyBlock = 2 * kernel.SumTerms

// A head is the memory of one head's attention.
type head struct {
	queries kernel.Rows
	before  int           // tokens of the prefix, of length
	keys    kernel.Panels // headDim×length
	values  kernel.Panels // length×headDim
	bias    []float32     // of each distance, see DistanceBias
	seam    []float32     // rows of a prefix and of what follows it
	hidden  int           // so many keys, the last ones, are not seen

	// Of the queries of a block: the highest score so far, and the sum of what the weights of
	// all keys so far are to the key with it.
	highest, totals []float32

	// Of one tile and a block of keys.
	scores  []float32
	weights kernel.Rows
	part    []float32 // rows×headDim: the values by these weights
	sums    [kernel.MaxTileRows]float32
	factors [kernel.MaxTileRows + 1]float32 // of what was summed before

	positions headPositions
}

// mix writes softmax(scale·(q·kᵀ + positions) + bias)·v to dst, of the keys and values that
// are packed, where each token mixes what it sees, of all but the last h.hidden tokens, and
// zeros where that is nothing. q and dst, which may be q, have the rows of the tokens from
// number at of those behind the prefix on, or of some. Where that takes long, team yields.
//
// The keys are taken block by block, and what is mixed so far is scaled down where a block has a
// higher score (arXiv:1805.02867, 3; arXiv:2205.14135, algorithm 1).
func (h *head) mix(s *kernel.Set, a *Attention, dst, q tensor.Matrix, at int, team *parallel.Team) {
	h.queries.Resize(s, q.Rows, &h.keys)
	for t := range h.queries.Tiles() {
		s.PackRows(&h.queries, t, q)
	}
	pairs := 0 // since team yielded
	step := h.queries.BlockTiles()
	for t0 := 0; t0 < h.queries.Tiles(); t0 += step {
		t1 := min(t0+step, h.queries.Tiles())
		from, _ := h.queries.Span(t0)
		_, to := h.queries.Span(t1 - 1)
		first, last := h.sees(a, at+from, at+to)
		h.highest, h.totals = slices.Grow(h.highest[:0], to-from)[:to-from], slices.Grow(h.totals[:0], to-from)[:to-from]
		fill(h.highest, kernel.Lowest)
		for key := first / keyBlock * keyBlock; key < last; key += keyBlock {
			for t := t0; t < t1; t++ {
				if pairs += h.mixBlock(s, a, dst, t, t0, at, key); pairs > partPairs {
					team.Yield()
					pairs = 0
				}
			}
		}
		s.DivideRows(dst.Slice(from, to), h.totals)
		for i := from; i < to; i++ { // a window may leave a token nothing
			if first, last := h.sees(a, at+i, at+i+1); first >= last {
				clear(dst.Row(i))
			}
		}
	}
}

// sees returns the tokens first, last (exclusive) of the whole sequence of which one is seen by some
// of the tokens from, to (exclusive) of those behind the prefix.
func (h *head) sees(a *Attention, from, to int) (first, last int) {
	length := h.values.K
	first, _ = a.sees(h.before+from, length)
	_, last = a.sees(h.before+to-1, length)
	return first, min(last, length-h.hidden)
}

// mixBlock adds what the queries of tile t see of a block of keys, from number key on, to the rows
// of dst, where the first block goes. It returns how many pairs of tokens it scored.
func (h *head) mixBlock(s *kernel.Set, a *Attention, dst tensor.Matrix, t, t0, at, key int) (pairs int) {
	const group = kernel.Panel // as Terms wants it, and so that sums do not depend on where a tile begins
	length := h.values.K
	from, to := h.queries.Span(t)
	first, last := h.sees(a, at+from, at+to)
	if first >= last {
		return 0
	}
	first, last = first/group*group, min(parts(last, group)*group, length)
	begins := first >= key // no block was before
	first, last = max(first, key), min(last, key+keyBlock)
	if first >= last {
		return 0
	}

	keys := h.keys.Columns(first/kernel.Panel, parts(last, kernel.Panel))
	scores := reuse(&h.scores, to-from, last-first)
	s.Multiply(scores, &h.queries, t, t+1, &keys, 0, keys.Count(), 0, kernel.Identity)
	if a.Disentangled != nil {
		h.positions.add(s, a.Disentangled, &h.queries, t, scores, h.before+at+from, first)
	}
	scale := a.Scale
	if a.Cap > 0 {
		capScores(s, scores, a)
		scale = a.Cap
	}
	if a.Bias != nil || a.Causal || a.Window > 0 || h.hidden > 0 {
		for i := range scores.Rows {
			h.mask(s, a, scores.Row(i), at+from+i, first)
		}
	}

	start, _ := h.queries.Span(t0)
	highest, totals, mixed := h.highest[from-start:to-start], h.totals[from-start:to-start], dst.Slice(from, to)
	factors := h.factors[:len(highest)+1]
	copy(factors, highest)
	values := h.values.Terms(first, last)
	h.weights.Resize(s, scores.Rows, &values)
	s.PackExponentials(&h.weights, 0, scores, scale, highest, h.sums[:])
	pairs = scores.Rows * scores.Cols
	if begins {
		copy(totals, h.sums[:])
		s.Multiply(mixed, &h.weights, 0, 1, &values, 0, values.Count(), 0, kernel.Identity)
		return pairs
	}
	part := reuse(&h.part, mixed.Rows, mixed.Cols)
	s.Multiply(part, &h.weights, 0, 1, &values, 0, values.Count(), 0, kernel.Identity)
	for i, now := range highest {
		factors[i] -= now
	}
	factors[len(highest)] = 0 // the largest
	s.Exponentials(factors, scale)
	for i, sum := range h.sums[:len(totals)] {
		totals[i] = float32(totals[i]*factors[i]) + sum
	}
	s.AddScaled(mixed, part, factors)
	return pairs
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

// mask adds the bias to the scores that query i of those behind the prefix has of the keys from
// number first on, and makes those of what it does not see -Inf.
func (h *head) mask(s *kernel.Set, a *Attention, scores []float32, i, first int) {
	from, to := h.sees(a, i, i+1)
	to = min(max(to-first, 0), len(scores))
	from = min(max(from-first, 0), to)
	fill(scores[:from], float32(math.Inf(-1)))
	fill(scores[to:], float32(math.Inf(-1)))
	if a.Bias != nil {
		// exp works on scale·score: the bias is divided before it is added.
		seen := scores[from:to]
		s.Axpy(seen, h.bias[h.values.K-1-h.before-i+first+from:][:len(seen)], 1/a.Scale)
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
