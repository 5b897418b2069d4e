package transformer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Outliers are the inputs of linear layers that format Int8 keeps apart, ascending,
// by the name of the layer's first weight; rows of a tensor that are no more than
// a part of it are named like "experts.mlp.w1[0:128]". A layer whose inputs are nil, which is
// not the same as none, is in BFloat16: Int8 does not hold it well enough.
type Outliers map[string][]int

const (
	// mostOutliers of a layer are kept apart. docs/int8.md has what more and fewer do.
	mostOutliers = 16
	// standsOut is how many times the median input an outlier is at least.
	standsOut = 3.5
	// outlierStep is how many outliers tiles take at once: the last ones, which
	// need not stand out, cost nothing.
	outlierStep = 4
)

// Calibrate returns the outliers of the linear layers of m, which has none, when
// it runs b: the inputs that are the largest and stand out. m must not be in
// use. The products of attention are in float32, so that all SIMD kernel sets
// choose the same ones.
func (m *Model) Calibrate(ctx context.Context, team *parallel.Team, b Batch) (Outliers, error) {
	mixing := m.mixing
	m.mixing = kernel.Float32
	m.reaches = map[*Linear][]float32{}
	defer func() { m.mixing, m.reaches = mixing, nil }()
	if err := m.InParts(ctx, team, b, nil); err != nil {
		return nil, err
	}
	byName := map[string][]float32{}
	for w, reach := range m.reaches {
		if name, ok := m.names[w]; ok {
			if byName[name] == nil {
				byName[name] = make([]float32, len(reach))
			}
			m.set.Max(byName[name], reach)
		}
	}
	o := Outliers{}
	for name, reach := range byName {
		if columns := largest(reach); len(columns) > 0 {
			o[name] = columns
		}
	}
	return o, nil
}

// finerThanInt8 is the format of layers that Int8 does not hold well enough.
const finerThanInt8 = kernel.BFloat16

// IsFiner reports whether the layer of that name is in a finer format than Int8.
func (o Outliers) IsFiner(name string) bool {
	columns, ok := o[name]
	return ok && columns == nil
}

// Finer returns the names of the layers that are in a finer format than Int8, in order.
func (o Outliers) Finer() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if o.IsFiner(name) {
			names = append(names, name)
		}
	}
	return names
}

// largest returns the columns with the largest values that stand out, and those
// that come at no cost, ascending.
func largest(reach []float32) []int {
	order := make([]int, len(reach))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(reach[b], reach[a]) })
	median := reach[order[len(order)/2]]
	n := 0
	for n < min(mostOutliers, len(order)) && reach[order[n]] > standsOut*median {
		n++
	}
	n = min((n+outlierStep-1)/outlierStep*outlierStep, len(order))
	slices.Sort(order[:n])
	return order[:n]
}

// reach takes the magnitudes of the columns of x to those of w's inputs.
func (p *pass) reach(w *Linear, x tensor.Matrix) {
	all := p.model.reaches
	if all[w] == nil {
		all[w] = make([]float32, w.K)
	}
	s, negative := p.model.set, make([]float32, w.K)
	for i := range x.Rows {
		copy(negative, x.Row(i))
		s.Scale(negative, -1)
		s.Max(all[w], x.Row(i))
		s.Max(all[w], negative)
	}
}

// of returns the outliers among the inputs of the layer of that name.
func (o Outliers) of(name string, inputs int) ([]int, error) {
	columns := o[name]
	for i, j := range columns {
		if j < 0 || j >= inputs || i > 0 && j <= columns[i-1] {
			return nil, fmt.Errorf("outliers of %s: %d, expected ascending numbers from 0 to %d", name, columns, inputs-1)
		}
	}
	return columns, nil
}
