package transformer

import (
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

const (
	roundColumns = 512                  // of H that are made at once
	roundBlock   = 4 * kernel.Int4Group // columns that are rounded before what they leave is taken to the others
	roundRows    = 8                    // of a part
	roundTokens  = 4096                 // whose products are summed at once
	roundAgain   = 1                    // times that columns are rounded once more, in fitted scales
	roundDamping = 0.3                  // of the mean diagonal, which is added to all of it: docs/quantization.md
	countedMost  = 2                    // medians, see counts
)

// A compensation rounds the rows of w to to, see compensate.
type compensation struct {
	to        *weight.Matrix
	w         tensor.Matrix
	v         tensor.Matrix // rows×inputs
	r         tensor.Matrix // inputs×inputs, upper triangular
	errs      tensor.Matrix // w - rounded, of the columns that are done
	sums      tensor.Matrix // Σ errs·r + v of the columns from, end (exclusive)
	from, end int
	scaled    bool // to has the scales already
}

// compensate rounds the rows of w to to. x has the inputs of the layer in its first half, and those that it
// has behind rounded layers, x', in the second.
//
// H is x'ᵀ·x' of the tokens that are counted, as counts says, with a part of its mean diagonal added to the diagonal, and H = R·Rᵀ where R is upper triangular.
// What is made small is the square of (w - rounded)·R + V, where V·Rᵀ is w·(x - x')ᵀ·x': the difference of the
// outputs x·wᵀ and x'·roundedᵀ, but for what no weights change. Column after column is rounded to the level that is
// nearest to w[i] + (Σ (w[j] - rounded[j])·R[j,i] + V[i])/R[i,i], of the columns j before it: the numbers of GPTQ, whose
// inverse of H this has no need of. In Int4 the scales of the groups of a row are then fitted to its codes all at once, see refit, and
// columns are rounded in these scales, which are fitted to the new codes, roundAgain times.
//
// Where the layer is biased, x and x' are less their means, and what the means then have off goes to the bias of
// r.rounded, which has that of the layer.
func (r *rounding) compensate(p *pass, team *parallel.Team, to *weight.Matrix, w, x tensor.Matrix, biased bool) {
	k := w.Cols
	before, after := columns(x.Slice(0, r.tokens), 0, k), columns(x.Slice(r.tokens, 2*r.tokens), 0, k)
	counts := r.counts(before, after)
	means := [2][]float64{make([]float64, k), make([]float64, k)}
	if biased {
		means = [2][]float64{r.meanRow(before, counts), r.meanRow(after, counts)}
	}
	h, moved := r.products(p, team, before, after, counts, means)
	v, aim := tensor.NewMatrix(w.Rows, k), tensor.NewMatrix(w.Rows, k)
	p.product(team, v, w, moved.Transposed())
	damp(h, roundDamping)
	copy(aim.Data, v.Data)
	p.add(team, aim, 1, w, h)
	c := &compensation{to: to, w: w, v: v, r: moved, errs: tensor.NewMatrix(w.Rows, k)} // in the memory of moved
	copy(c.r.Data, h.Data)
	p.factorize(team, c.r)
	p.solve(team, v, c.r)
	c.round(p, team)
	if to.Scheme == weight.Int4 {
		p.refit(team, c, h, aim)
		c.scaled = true
		for range roundAgain {
			c.round(p, team)
			p.refit(team, c, h, aim)
		}
	}
	for i := range w.Rows {
		var off float64
		for j, v := range w.Row(i) {
			off += float64(float64(v)*means[0][j]) - float64(float64(v-c.errs.Row(i)[j])*means[1][j])
		}
		r.rounded.Bias[i] += float32(off)
	}
}

// products returns x'ᵀ·x' and x'ᵀ·(x - x'), inputs×inputs, of the tokens that are counted, each of which counts so much, x and x' less their means.
func (r *rounding) products(p *pass, team *parallel.Team, before, after tensor.Matrix, counts []float64, means [2][]float64) (h, moved tensor.Matrix) {
	k := before.Cols
	h, moved = tensor.NewMatrix(k, k), tensor.NewMatrix(k, k)
	turned, left, off := tensor.NewMatrix(k, roundTokens), tensor.NewMatrix(roundTokens, k), tensor.NewMatrix(roundTokens, k)
	for from := 0; from < len(r.counted); from += roundTokens {
		counted := r.counted[from:min(from+roundTokens, len(r.counted))]
		for i, c := range counted {
			by := float32(math.Sqrt(counts[from+i]))
			for j, v := range after.Row(c.token)[:k] {
				v -= float32(means[1][j])
				off.Row(i)[j] = by * (before.Row(c.token)[j] - float32(means[0][j]) - v)
				v *= by
				turned.Row(j)[i], left.Row(i)[j] = v, v
			}
		}
		n := len(counted)
		for from := 0; from < k; from += roundColumns { // and what is below the diagonal is the same
			end := min(from+roundColumns, k)
			p.add(team, columns(h.Slice(0, end), from, end), 1, columns(turned.Slice(0, end), 0, n), columns(left.Slice(0, n), from, end))
		}
		p.add(team, moved, 1, columns(turned, 0, n), off.Slice(0, n))
	}
	for i := range k {
		for j := range i {
			h.Row(i)[j] = h.Row(j)[i]
		}
	}
	return h, moved
}

// round rounds all columns, one after the other.
func (c *compensation) round(p *pass, team *parallel.Team) {
	rows, k := c.w.Rows, c.w.Cols
	for c.from = 0; c.from < k; c.from = c.end {
		c.end = min(c.from+roundBlock, k)
		c.sums = tensor.NewMatrix(rows, c.end-c.from)
		for i := range rows {
			copy(c.sums.Row(i), c.v.Row(i)[c.from:c.end])
		}
		if c.from > 0 {
			p.add(team, c.sums, 1, columns(c.errs, 0, c.from), columns(c.r.Slice(0, c.from), c.from, c.end))
		}
		team.For(parts(rows, roundRows), c)
	}
}

// counts returns what each of the tokens that are counted counts, by its rows of the inputs before and after layers are rounded: its times, but one
// whose input is longer than countedMost medians, or off by more than as many medians of its length, no more than if it were that.
// A few tokens, the first or a full stop, are ten times as long as others in many models, and
// what they have off is no worse for that: norms behind the layers make all alike. And what is far off already, no weights bring back.
func (r *rounding) counts(before, after tensor.Matrix) []float64 {
	squares, off := make([]float64, len(r.counted)), make([]float64, len(r.counted))
	for i, c := range r.counted {
		x := before.Row(c.token)
		for j, v := range after.Row(c.token)[:after.Cols] {
			d := float64(x[j]) - float64(v)
			squares[i] += float64(v) * float64(v)
			off[i] += float64(d * d)
		}
		off[i] /= max(squares[i], 1e-300)
	}
	counts := make([]float64, len(r.counted))
	mostSquare, mostOff := countedMost*countedMost*median(squares), countedMost*countedMost*median(off)
	for i, c := range r.counted {
		counts[i] = c.times
		if squares[i] > mostSquare {
			counts[i] *= mostSquare / squares[i]
		}
		if off[i] > mostOff {
			counts[i] *= mostOff / off[i]
		}
	}
	return counts
}

// median returns the upper one of x, which has an element at least.
func median(x []float64) float64 { return slices.Sorted(slices.Values(x))[len(x)/2] }

// meanRow returns the mean of the rows of x that are counted, each of which counts so much.
func (r *rounding) meanRow(x tensor.Matrix, counts []float64) []float64 {
	mean := make([]float64, x.Cols)
	var all float64
	for i, c := range r.counted {
		for j, v := range x.Row(c.token)[:x.Cols] {
			mean[j] += float64(counts[i] * float64(v))
		}
		all += counts[i]
	}
	for j := range mean {
		mean[j] /= max(all, 1e-300)
	}
	return mean
}

// Run rounds some rows in the columns at hand.
func (c *compensation) Run(_, part int) {
	var memory [roundMemory]float32
	for i := part * roundRows; i < min((part+1)*roundRows, c.w.Rows); i++ {
		w, sums, errs := c.w.Row(i)[c.from:c.end], c.sums.Row(i)[:c.end-c.from], c.errs.Row(i)[c.from:c.end]
		if c.to.Scheme == weight.Int8 {
			for j := range w {
				r := c.r.Row(c.from + j)[c.from:c.end]
				errs[j] = w[j] - c.to.RoundInt8(i, c.from+j, w[j]+float32(sums[j]/r[j]))
				for b := j + 1; b < len(w); b++ {
					sums[b] += float32(errs[j] * r[b])
				}
			}
			continue
		}
		for at := 0; at < len(w); at += kernel.Int4Group {
			end := min(at+kernel.Int4Group, len(w))
			_, scales := c.to.Row(i)
			scale := scales[(c.from+at)/kernel.Int4Group]
			if !c.scaled {
				scale = c.scale(memory[:0], w[at:end], sums[at:end], c.from+at)
			}
			for j := at; j < end; j++ {
				r := c.r.Row(c.from + j)[c.from:c.end]
				level := weight.Level(w[j]+float32(sums[j]/r[j]), scale)
				c.to.SetLevel(i, c.from+j, level, scale)
				errs[j] = w[j] - float32(level*scale)
				for b := j + 1; b < len(w); b++ {
					sums[b] += float32(errs[j] * r[b])
				}
			}
		}
	}
}

// roundMemory is what scale has of scales at the most.
const roundMemory = 32

// scale returns that of some scales of a group of w, which begins with column at, which leaves the least when the
// columns are rounded one after the other.
func (c *compensation) scale(scales, w, sums []float32, at int) (best float32) {
	var trial, targets [kernel.Int4Group]float32
	for j := range w {
		targets[j] = w[j] + float32(sums[j]/c.r.Row(at + j)[at+j])
	}
	least := float32(math.Inf(1))
	for _, scale := range weight.Scales(scales, targets[:len(w)]) {
		copy(trial[:], sums)
		var loss float32
		for j := 0; j < len(w) && loss < least; j++ {
			r := c.r.Row(at + j)[at : at+len(w)]
			x := w[j] + float32(trial[j]/r[j])
			rounded := float32(weight.Level(x, scale) * scale)
			off := float32((x - rounded) * r[j])
			loss += float32(off * off)
			e := w[j] - rounded
			for b := j + 1; b < len(w); b++ {
				trial[b] += float32(e * r[b])
			}
		}
		if loss < least {
			best, least = scale, loss
		}
	}
	return best
}

// solve writes to v the y with y·rᵀ = v, where r is upper triangular.
func (p *pass) solve(team *parallel.Team, v, r tensor.Matrix) {
	for end := r.Rows; end > 0; {
		from := (end - 1) / roundBlock * roundBlock
		block := columns(v, from, end)
		if end < r.Rows {
			p.add(team, block, -1, columns(v, end, r.Rows), columns(r.Slice(from, end), end, r.Rows).Transposed())
		}
		for i := range v.Rows {
			row := block.Row(i)[:end-from]
			for a := end - from - 1; a >= 0; a-- {
				of, sum := r.Row(from + a)[from:end], row[a]
				for b := a + 1; b < len(of); b++ {
					sum -= float32(row[b] * of[b])
				}
				row[a] = sum / of[a]
			}
		}
		end = from
	}
}

// add adds a·b, times by, to dst, in float32.
func (p *pass) add(team *parallel.Team, dst tensor.Matrix, by float32, a, b tensor.Matrix) {
	more := tensor.NewMatrix(dst.Rows, dst.Cols)
	p.product(team, more, a, b)
	for i := range dst.Rows {
		p.model.set.Axpy(dst.Row(i)[:dst.Cols], more.Row(i), by)
	}
}

// product writes a·b to dst, in float32.
func (p *pass) product(team *parallel.Team, dst, a, b tensor.Matrix) {
	l := &p.model.rounding.right
	l.Resize(kernel.Float32, b.Rows, b.Cols)
	team.For(l.Count(), &packColumnsTask{set: p.model.set, to: l, from: b})
	p.ready = nil
	p.packFor(team, a, l)
	p.multiply(team, linearTask{dst: dst, w: l})
}

// A packColumnsTask packs one panel of a matrix.
type packColumnsTask struct {
	set  *kernel.Set
	to   *Linear
	from tensor.Matrix
}

func (t *packColumnsTask) Run(_, i int) { t.set.Pack(t.to, i, t.from) }
