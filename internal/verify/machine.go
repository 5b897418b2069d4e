package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// limits are how far a row may be from the reference's: the length of the difference by that of
// the row, in each precision. The first are those of tiny models; the second of MiniLM, whose weights
// are real ones, here in float16. Seen were 2e-6, 0.032, 0.081, 0.23 and 0.0014, 0.0093, 0.052, 0.44.
var limits = map[embed.Precision][2]float64{
	embed.Float32:  {2e-5, 3e-3},
	embed.BFloat16: {0.1, 0.02},
	embed.Int8:     {0.2, 0.1},
	embed.Int4:     {0.5, 0.7},
}

// A Result is how one model does on one kernel set in one precision.
type Result struct {
	Model      string  `json:"model"`
	Kernels    string  `json:"kernels"`
	Precision  string  `json:"precision"`
	Difference float64 `json:"difference"`      // |found - expected| / |expected| of the row where it is largest
	Limit      float64 `json:"limit"`           // that it may reach
	SameAs     string  `json:"same_as"`         // the kernel set whose bits it has to have; "" = it is the first of its kind
	Error      string  `json:"error,omitempty"` // what is wrong; "" = nothing
}

// OK reports whether nothing is wrong.
func (r *Result) OK() bool { return r.Error == "" }

// Machine runs all models of the archive on the kernel sets, in each of the precisions, and tells
// each result. What a result has is no error of Machine, which is that of ctx or of the archive.
func Machine(ctx context.Context, sets []*kernel.Set, precisions []embed.Precision, tell func(*Result)) error {
	models, err := Models()
	if err != nil {
		return err
	}
	return runAll(ctx, models, sets, precisions, tell)
}

func runAll(ctx context.Context, models []*Model, sets []*kernel.Set, precisions []embed.Precision, tell func(*Result)) error {
	for _, m := range models {
		for _, p := range precisions {
			first := map[bool]*run{} // by whether the set rounds products
			for _, set := range sets {
				r := m.run(ctx, set, p)
				if err := ctx.Err(); err != nil {
					return err
				}
				// The order in which AMX sums bfloat16s is its own.
				if !(p == embed.BFloat16 && set.Name() == "amx") {
					if before := first[set.Rounds()]; before == nil {
						first[set.Rounds()] = r
					} else {
						r.compare(before)
					}
				}
				tell(&r.Result)
			}
		}
	}
	return nil
}

// A run is a Result and what it was made of.
type run struct {
	Result
	answers []Answer
}

func (m *Model) run(ctx context.Context, set *kernel.Set, p embed.Precision) *run {
	limit := limits[p][0]
	if m.Name == MiniLM {
		limit = limits[p][1]
	}
	r := &run{Result: Result{Model: m.Name, Kernels: set.Name(), Precision: p.String(), Limit: limit}}
	var err error
	if r.answers, err = m.Answers(ctx, embed.Config{Precision: p, Kernels: set.Name()}); err != nil {
		r.Error = err.Error()
		return r
	}
	for _, a := range r.answers {
		for i := range a.Want.Rows {
			d := distance(a.Got.Row(i), a.Want.Row(i))
			if !(d <= limit) && r.Error == "" { // NaN too
				r.Error = fmt.Sprintf("%s, row %d: difference %.2g, expected at most %.2g", a.Name, i, d, limit)
			}
			r.Difference = max(r.Difference, d)
		}
	}
	return r
}

// compare holds r against one whose bits it has to have.
func (r *run) compare(before *run) {
	r.SameAs = before.Kernels
	if r.Error != "" || before.answers == nil {
		return
	}
	for i, a := range r.answers {
		if !slices.EqualFunc(a.Got.Data, before.answers[i].Got.Data, sameBits) {
			r.Error = fmt.Sprintf("%s: other bits than those of %s, difference %.2g", a.Name, r.SameAs, worst(a.Got, before.answers[i].Got))
			return
		}
	}
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// distance returns |got - want| / |want|; of a row of zeros it is |got|.
func distance(got, want []float32) float64 {
	sum := 0.0
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		sum += d * d
	}
	if n := norm(want); n > 0 {
		return math.Sqrt(sum) / n
	}
	return math.Sqrt(sum)
}

// worst returns the largest distance of a row.
func worst(got, want tensor.Matrix) (d float64) {
	for i := range want.Rows {
		d = max(d, distance(got.Row(i), want.Row(i)))
	}
	return d
}
