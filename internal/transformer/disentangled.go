package transformer

import (
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Disentangled is what disentangled attention (DeBERTa, arXiv:2006.03654, 3.1)
// adds to the score of a query and a key: the query times the key of how far it
// lies behind the other, and the key times the query of that. Both are made of
// the same table for all inputs, of which a layer has its own projections. The
// scores of the paper's equation 4 are scaled as a whole.
type Disentangled struct {
	Keys, Queries tensor.Matrix // 2·Span×Heads·HeadDim; one without rows is left out
	Span          int           // row Span is that of distance 0
	Buckets       int           // of distances near 0 that are told apart, see logBucket; 0 = all are
	Farthest      int           // in a bucket that is not the last
}

// operations returns those of all heads for a sequence.
func (d *Disentangled) operations(length int) float64 {
	ops := 0.0
	for _, m := range []tensor.Matrix{d.Keys, d.Queries} {
		ops += 2 * float64(length) * float64(min(m.Rows, 2*length-1)) * float64(m.Cols)
	}
	return ops
}

// appendTo appends the rows of a query that lies length-1, length-2, … 1-length
// tokens behind the key: of descending order.
func (d *Disentangled) appendTo(dst []int32, length int) []int32 {
	for behind := length - 1; behind > -length; behind-- {
		at := behind
		if d.Buckets > 0 {
			at = logBucket(behind, d.Buckets, d.Farthest)
		}
		dst = append(dst, int32(min(max(at+d.Span, 0), 2*d.Span-1)))
	}
	return dst
}

// logBucket returns the bucket of a distance: those up to half of the buckets have
// one each, and the others grow by a power up to farthest, and beyond it
// (transformers 5.23, make_log_bucket_position, in float32 as there).
func logBucket(distance, buckets, farthest int) int {
	middle, far := buckets/2, max(distance, -distance)
	if far <= middle {
		return distance
	}
	ratio := logRatio(far, middle) / logRatio(farthest-1, middle)
	bucket := int(math.Ceil(float64(float32(ratio*float32(middle-1))))) + middle
	if distance < 0 {
		return -bucket
	}
	return bucket
}

func logRatio(a, b int) float32 { return float32(math.Log(float64(float32(a) / float32(b)))) }

// A headPositions is the memory of one head's Disentangled, for one sequence.
type headPositions struct {
	rows    []int32       // of each distance, less the lowest
	keys    kernel.Panels // headDim×rows that the sequence needs
	queries kernel.Panels
	content kernel.Rows // the keys of the tokens
	byQuery []float32   // of one tile: the scores of its queries and keys
	byKey   []float32   // length×rows: those of all keys of the tokens and queries
}

// prepare packs what tiles of head number i read, for tokens with the keys k.
func (h *headPositions) prepare(s *kernel.Set, f kernel.Format, d *Disentangled, i int, k tensor.Matrix) {
	h.rows = d.appendTo(h.rows[:0], k.Rows)
	low, high := int(h.rows[len(h.rows)-1]), int(h.rows[0])
	for j := range h.rows {
		h.rows[j] -= int32(low)
	}
	pack := func(p *kernel.Panels, m tensor.Matrix) {
		m = columns(m.Slice(low, high+1), i*k.Cols, (i+1)*k.Cols)
		p.Resize(f, k.Cols, m.Rows)
		for j := range p.Count() {
			s.PackTransposed(p, j, m.Slice(j*kernel.Panel, min((j+1)*kernel.Panel, m.Rows)))
		}
	}
	if d.Keys.Rows > 0 {
		pack(&h.keys, d.Keys)
	}
	if d.Queries.Rows == 0 {
		return
	}
	pack(&h.queries, d.Queries)
	h.content.Resize(s, k.Rows, &h.queries)
	for t := range h.content.Tiles() {
		s.PackRows(&h.content, t, k)
	}
	dst := reuse(&h.byKey, k.Rows, h.queries.N)
	s.Multiply(dst, &h.content, 0, h.content.Tiles(), &h.queries, 0, h.queries.Count(), 0, kernel.Identity)
}

// add adds the terms to the scores that tile t of the queries, which begins with query number
// from, has of the keys from number first on.
func (h *headPositions) add(s *kernel.Set, d *Disentangled, queries *kernel.Rows, t int, scores tensor.Matrix, from, first int) {
	at := len(h.rows)/2 - from + first // of the first query and key; the row of distance 0 is in the middle
	if d.Keys.Rows > 0 {
		tile := reuse(&h.byQuery, scores.Rows, h.keys.N)
		low, high := int(h.rows[at+scores.Cols-1]), int(h.rows[at-scores.Rows+1])
		s.Multiply(tile, queries, t, t+1, &h.keys, low/kernel.Panel, high/kernel.Panel+1, 0, kernel.Identity)
		for i := range scores.Rows {
			row, x := tile.Row(i), scores.Row(i)
			for j, at := range h.rows[at-i:][:len(x)] {
				x[j] += row[at]
			}
		}
	}
	if d.Queries.Rows == 0 {
		return
	}
	// What the queries of a tile read of one key lies together.
	all := reuse(&h.byKey, len(h.rows)/2+1, h.queries.N)
	for j := range scores.Cols {
		row, x := all.Row(first+j), scores.Data[j:]
		rows := h.rows[at-scores.Rows+1+j:][:scores.Rows]
		for i := range rows {
			x[i*scores.Stride] += row[rows[len(rows)-1-i]]
		}
	}
}
