package transformer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// refining returns the goldens of heads whose models refine products in Int8.
func refining(t testing.TB) (names []string) {
	for _, name := range headGoldens(t) {
		g := readHeadGolden(t, name)
		if g.open(t, kernel.Best(), kernel.Int8).rests != nil {
			names = append(names, name)
		}
	}
	require.Greater(t, len(names), 10)
	return names
}

// In Int8, too, a sequence has the same logits alone, in any batch, on any number of
// workers and in every SIMD set.
func TestRefinedLogitsSameBits(t *testing.T) {
	team := parallel.NewTeam(3)
	defer team.Close()
	for _, name := range refining(t) {
		g := readHeadGolden(t, name)
		var first tensor.Matrix
		for _, s := range kernel.Sets() {
			if s.Rounds() {
				continue // no fused multiply-adds
			}
			m := g.open(t, s, kernel.Int8)
			m.mixing = kernel.Float32 // bfloat16 differs between sets
			want := logits(t, m, nil, g.batch)
			if first.Data == nil {
				first = want
			}
			require.Equal(t, first.Data, want.Data, "%s: %s", name, s.Name())
			require.Equal(t, want.Data, logits(t, m, team, g.batch).Data, name)
			for i := range g.batch.Sequences() {
				from, to := g.batch.Starts[i], g.batch.Starts[i+1]
				alone := Batch{IDs: g.batch.IDs[from:to], Starts: []int{0, to - from}}
				require.Equal(t, want.Row(i), logits(t, m, team, alone).Data, "%s: sequence %d", name, i)
			}
		}
	}
}

// Refined logits are several times as near to the reference's as those of plain Int8. The
// logits of tiny models with random weights hardly differ, so that errors count most.
func TestRefinedLogitsAreNearer(t *testing.T) {
	var plain, refined float64
	for _, name := range refining(t) {
		g := readHeadGolden(t, name)
		want := logits(t, g.open(t, kernel.Best(), kernel.Float32), nil, g.batch)
		m := g.open(t, kernel.Best(), kernel.Int8)
		off := func() (sum float64) {
			got := logits(t, m, nil, g.batch)
			for i, v := range want.Data {
				sum += math.Pow(float64(got.Data[i]-v), 2)
			}
			return math.Sqrt(sum / float64(len(want.Data)))
		}
		after := off()
		m.rests = nil
		before := off()
		t.Logf("%s: %.5f, refined %.5f", name, before, after)
		plain, refined = plain+math.Log(before), refined+math.Log(after)
	}
	n := float64(len(refining(t)))
	t.Logf("mean ratio %.2f", math.Exp((plain-refined)/n))
	assert.Greater(t, math.Exp((plain-refined)/n), 2.0)
}

// refinedLayer returns a pass over sequences of these lengths, a layer, its rest and its
// weight.
func refinedLayer(s *kernel.Set, r *rand.Rand, in, out int, outliers []int, lengths ...int) (p *pass, w, rest *Linear, weight tensor.Matrix) {
	weight = tensor.NewMatrix(out, in)
	for i := range weight.Data {
		weight.Data[i] = float32(r.NormFloat64())
	}
	w, rest = new(Linear), new(Linear)
	w.ResizeInt8(in, out, outliers)
	rest.ResizeInt8(in, out, nil)
	row, codes := make([]float32, in), make([]byte, in)
	left := tensor.NewMatrix(out, in)
	for i := range out {
		s.Int8ColumnRest(row, weight.Row(i), w, codes)
		copy(left.Row(i), row)
		w.Bias[i] = float32(r.NormFloat64())
	}
	for i := range w.Count() {
		from, to := i*kernel.Panel, min((i+1)*kernel.Panel, out)
		s.PackTransposed(w, i, weight.Slice(from, to))
		s.PackTransposed(rest, i, left.Slice(from, to))
	}
	p = &pass{model: &Model{set: s}}
	p.batch.Starts = []int{0}
	for i, n := range lengths {
		p.batch.Starts = append(p.batch.Starts, p.batch.Starts[i]+n)
	}
	return p, w, rest, weight
}

// Rows of first tokens are products in 15 bits. What all rows of a sequence have in common
// adds no error to the others, however large it is.
func TestRefine(t *testing.T) {
	const in, out = 200, 70
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range kernel.Sets() {
		for _, outliers := range [][]int{nil, {3, 50, 51, 199}} {
			p, w, rest, weight := refinedLayer(s, r, in, out, outliers, 1, 40, 200, 7)
			rows := p.batch.Starts[4]
			x, common := tensor.NewMatrix(rows, in), make([]float32, in)
			for i := range rows {
				if i == p.batch.Starts[1] || i == p.batch.Starts[2] || i == 0 {
					for j := range common {
						common[j] = float32(100 * r.NormFloat64())
					}
				}
				for j := range common {
					x.Row(i)[j] = common[j] + float32(r.NormFloat64())
				}
			}
			wanted := func(i, j int) float64 { // in float64
				sum := float64(w.Bias[j])
				for k, v := range x.Row(i) {
					sum += float64(v) * float64(weight.Row(j)[k])
				}
				return max(sum, 0)
			}
			dst := tensor.NewMatrix(rows, out)
			p.refine(nil, dst, x, w, rest, kernel.ReLU)
			var first, others float64
			for i := range rows {
				off := 0.0
				for j := range out {
					off = max(off, math.Abs(wanted(i, j)-float64(dst.Row(i)[j])))
				}
				if i == 0 || i == p.batch.Starts[1] || i == p.batch.Starts[2] || i == p.batch.Starts[3] {
					first = max(first, off)
				} else {
					others = max(others, off)
				}
			}
			size := 100 * math.Sqrt(in) // of a product
			t.Logf("%s: first tokens %.1e, others %.1e of a product", s.Name(), first/size, others/size)
			assert.Less(t, first/size, 4e-4)  // half a step of a term, 1.2, times half a step of a weight, 0.012, over 200 terms: 1.4e-4 are common
			assert.Less(t, others/size, 1e-3) // half a step of a term, 0.02, times a weight, over 200 terms: 2e-4 are common
			var plain float64
			p.rows.Resize(s, rows, w)
			p.multiplyLines(nil, dst, x, w)
			for i := range rows {
				for j := range out {
					plain = max(plain, math.Abs(wanted(i, j)-max(0, float64(dst.Row(i)[j]))))
				}
			}
			assert.Greater(t, plain, 10*others)
		}
	}
}
