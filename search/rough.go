package search

import (
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/quant"
)

// rough is a query of float32 in 8 bits, whose products with rows of bytes are made
// several times as fast: it tells which rows cannot be among the nearest by Cosine, and
// need no product with the query itself.
type rough struct {
	query  []byte  // as the rows' bytes
	scale  float64 // of query
	margin float64 // no row's cosine is more than this above that of query·scale over the query's length
}

// newRough returns nil where s is of another kind, or has a query without a length.
//
// With e = q - scale·query, what is added to a row's product is e·r, which is at most
// |e|·|r| (Cauchy and Schwarz). The product in float32 differs from the exact one by
// less than |q|·|r| times the rounding of as many additions as the longest chain of them
// has, on every kernel set (kernel.TestFloatSums), and the square of |q| in the same way.
func newRough(s *scorer) *rough {
	if s.kind != floatsWithBytes || s.metric != Cosine || !(s.own > 0 && s.own <= math.MaxFloat32) {
		return nil
	}
	numbers, scale, err := quant.AppendScaled([]int8(nil), s.floats)
	if err != nil || scale == 0 {
		return nil
	}
	r := &rough{query: kernel.Bytes(numbers), scale: float64(scale)}
	var square, rest float64
	for i, q := range s.floats {
		e := float64(q) - r.scale*float64(numbers[i])
		square, rest = square+float64(q)*float64(q), rest+e*e
		r.query[i] ^= s.flip
	}
	rounding := float64(len(numbers)/16+80) / (1 << 24)
	// 2⁻²² is for the score's own rounding, and what is rounded in float64.
	r.margin = (math.Sqrt(rest)+rounding*math.Sqrt(square))/math.Sqrt(s.own)*(1+2*rounding) + 1.0/(1<<22)
	return r
}

// keepRough is keep of the rows from first on, at most block, for a full heap. Where many
// of them may be near it scores them all.
func (t *finder) keepRough(found []Match, first, n int) []Match {
	var scores [block]float32
	limit := float64(found[0].Score) - t.rough.margin
	if !(limit > 0) {
		t.score(scores[:n], first)
		return t.metric.keep(found, t.k, scores[:n], first)
	}
	var sums [block]kernel.DotSquare
	kernels.DotSquareInt8(sums[:n], t.rough.query, t.uint8s[first*t.width:(first+n)*t.width], t.flip)
	least := limit * limit * t.own / (t.rough.scale * t.rough.scale)
	var near [block]int
	count := 0
	for i, s := range sums[:n] {
		if dot := float64(s.Dot); s.Dot > 0 && dot*dot > least*float64(s.Square) {
			near[count] = i
			count++
		}
	}
	if count > block/4 {
		t.score(scores[:n], first)
		return t.metric.keep(found, t.k, scores[:n], first)
	}
	for _, i := range near[:count] {
		t.score(scores[:1], first+i)
		found = t.metric.keep(found, t.k, scores[:1], first+i)
	}
	return found
}
