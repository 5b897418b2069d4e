package transformer

import (
	"math"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

// refitDamping is the part of the mean diagonal that refit adds to a row's equations, for groups whose codes are all zeros.
const refitDamping = 1e-6

// A refitting is a part of refit: what the codes of one group have to do with those of all behind it, or, after all groups, the solution.
type refitting struct {
	*compensation
	aim    tensor.Matrix
	levels tensor.Matrix // the codes
	spread tensor.Matrix // levels·H of the group at hand, of its columns and those behind
	group  int
	groups int
	a, b   []float64 // of each row, groups×groups, the upper half of which is set, and groups
}

// refit sets the scales of all groups of each row of c.to, which is in Int4, to those with which what compensate makes small is least
// for the codes that there are: of the scales s, s·A·sᵀ - 2·s·b, where A[g,h] is the sum of c[i]·H[i,j]·c[j] over the columns of two
// groups, of codes c less 8, and b[g] that of c[i]·aim[i] over those of one. h is H, and aim is w·H + V·Rᵀ. A row for which scales in
// bfloat16 leave no less than those that it has keeps them. Sums are in float64, in order.
func (p *pass) refit(team *parallel.Team, c *compensation, h, aim tensor.Matrix) {
	rows, k := c.w.Rows, c.w.Cols
	groups := kernel.Int4Groups(k)
	f := &refitting{compensation: c, aim: aim, levels: tensor.NewMatrix(rows, k), groups: groups,
		a: make([]float64, rows*groups*groups), b: make([]float64, rows*groups)}
	for i := range rows {
		c.to.Levels(f.levels.Row(i), i)
	}
	for f.group = range groups {
		from, end := f.columns(f.group)
		f.spread = tensor.NewMatrix(rows, k-from)
		p.product(team, f.spread, columns(f.levels, from, end), columns(h.Slice(from, end), from, k))
		team.For(parts(rows, roundRows), f)
	}
	f.group = groups
	team.For(parts(rows, roundRows), f)
}

// columns returns those of a group, from, end (exclusive).
func (f *refitting) columns(group int) (from, end int) {
	return group * kernel.Int4Group, min((group+1)*kernel.Int4Group, f.w.Cols)
}

// Run does some rows.
func (f *refitting) Run(_, part int) {
	n := f.groups
	for i := part * roundRows; i < min((part+1)*roundRows, f.w.Rows); i++ {
		a, b := f.a[i*n*n:(i+1)*n*n], f.b[i*n:(i+1)*n]
		if f.group == n {
			f.fit(i, a, b)
			continue
		}
		first, end := f.columns(f.group)
		levels, spread := f.levels.Row(i), f.spread.Row(i)
		b[f.group] = dotFloats(levels[first:end], f.aim.Row(i)[first:end])
		for g := f.group; g < n; g++ {
			from, end := f.columns(g)
			a[f.group*n+g] = dotFloats(levels[from:end], spread[from-first:end-first])
		}
	}
}

// fit sets the scales of row i.
func (f *refitting) fit(i int, a, b []float64) {
	_, scales := f.to.Row(i)
	fitted := make([]float32, f.groups)
	for g, s := range solveSymmetric(a, b) {
		if fitted[g] = scales[g]; a[g*f.groups+g] > 0 { // not all codes are zeros
			fitted[g] = weight.BFloat16(float32(s))
		}
	}
	if !(quadratic(a, b, fitted) < quadratic(a, b, scales)) {
		return
	}
	copy(scales, fitted)
	errs := f.errs.Row(i)
	for j, level := range f.levels.Row(i)[:f.w.Cols] {
		errs[j] = f.w.Row(i)[j] - float32(level*scales[j/kernel.Int4Group])
	}
}

// quadratic returns s·a·sᵀ - 2·s·b, of the upper half of a.
func quadratic(a, b []float64, s []float32) (sum float64) {
	n := len(b)
	for g, x := range s {
		row := float64(a[g*n+g]*float64(x)) - 2*b[g]
		for h := g + 1; h < n; h++ {
			row += float64(2 * a[g*n+h] * float64(s[h]))
		}
		sum += float64(float64(x) * row)
	}
	return sum
}

// solveSymmetric returns the y with a·y = b, of the upper half of a, positive semidefinite, with refitDamping, by Cholesky's method.
func solveSymmetric(a, b []float64) []float64 {
	n := len(b)
	var mean float64
	for g := range n {
		mean += a[g*n+g] / float64(n)
	}
	l, y := make([]float64, n*n), make([]float64, n)
	for g := range n {
		row := l[g*n : (g+1)*n]
		for h := range g {
			other := l[h*n : (h+1)*n]
			row[h] = (a[h*n+g] - dot(row[:h], other[:h])) / other[h]
		}
		row[g] = math.Sqrt(max(a[g*n+g]+float64(refitDamping*mean)-dot(row[:g], row[:g]), 1e-300))
		y[g] = (b[g] - dot(row[:g], y[:g])) / row[g]
	}
	for g := n - 1; g >= 0; g-- {
		y[g] /= l[g*n+g]
		for h := range g {
			y[h] -= float64(l[g*n+h] * y[g])
		}
	}
	return y
}

// dotFloats is dot of float32s.
func dotFloats(x, y []float32) (sum float64) {
	y = y[:len(x)]
	for i, v := range x {
		sum += float64(float64(v) * float64(y[i]))
	}
	return sum
}
