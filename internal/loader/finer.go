package loader

import (
	"context"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// The loss of a text in Int8 is 1 - the cosine of what is pooled of its hidden states to the
// same in float32. docs/int8.md has what it is of real models.
const (
	lossMean  = 4.5e-4 // that Int8 may have of texts
	lossWorst = 1.6e-3 // and of one, of hard ones too
	lossEnd   = 0.8    // of these where layers are finer: texts differ from those that chose them
	lossAim   = 0.6    // of these that layers are chosen for
	lossWork  = calibrationWork / 4
	lossSteps = 6 // times at the most that layers are chosen: after the last all are finer

	// lossLargest is the most floating-point operations a token of a model that is measured: of
	// one with more weights, packed some times over, that takes minutes.
	lossLargest = 2e9
)

// keepFiner marks in o the layers of e that have to be in a finer format than Int8 for texts
// to lose little: those whose outputs are off most, for their size. It measures texts, some
// of lines and hard ones, in float32 and in Int8 with these layers, until it is enough, or all are
// finer; e.Loss is what was measured last.
func (m *Model) keepFiner(ctx context.Context, team *parallel.Team, e *Encoder, o transformer.Outliers, lines []string) error {
	if !e.Measures() {
		return nil
	}
	texts := slices.Clone(alikeTexts)
	for i := 0; i < len(lines); i += 3 {
		texts = append(texts, lines[i])
	}
	plain := [2]int{len(alikeTexts), len(texts)}
	texts = append(texts, rareTexts...)
	b, err := m.sample(e, texts, calibrationMost, lossWork)
	if err != nil {
		return err
	}
	t, err := m.openFiner(ctx, e, o)
	if err != nil {
		return err
	}
	want := tensor.NewMatrix(len(b.IDs), t.Hidden)
	layers, err := t.Errors(ctx, team, want, b)
	if err != nil {
		return err
	}
	got := tensor.NewMatrix(len(b.IDs), t.Hidden) // not before Errors, which takes the most memory
	for step := 1; ; step++ {
		if err := t.Forward(ctx, team, got, b); err != nil {
			return err
		}
		e.Loss = m.loss(e, want, got, b.Starts, plain)
		over := e.Loss.over()
		if math.IsNaN(over) { // of weights that are not finite, which another format does not mend
			return nil
		}
		if step == 1 && over <= 1 {
			return nil
		}
		if over <= lossEnd || len(layers) == 0 {
			return m.loseMore(ctx, team, e, t)
		}
		if step == lossSteps {
			over = math.Inf(1)
		}
		worst := worstLayers(layers)
		all := 0.0
		for _, name := range worst {
			all += layers[name].Error
		}
		left := all
		for _, name := range worst {
			if left <= all*lossAim/over {
				break
			}
			left -= layers[name].Error
			o[name] = nil
			delete(layers, name)
		}
		if t, err = m.openFiner(ctx, e, o); err != nil {
			return err
		}
	}
}

// loseMore adds to e.Loss what t, with the layers that were chosen, loses of texts that these were not chosen for.
func (m *Model) loseMore(ctx context.Context, team *parallel.Team, e *Encoder, t *transformer.Model) error {
	l, err := m.lost(ctx, team, e, t, finerTexts, lossWork/2, [2]int{})
	if err != nil {
		return err
	}
	e.Loss.Texts, e.Loss.Worst = e.Loss.Texts+l.Texts, max(e.Loss.Worst, l.Worst)
	return nil
}

// openFiner opens the transformer of e to measure it with these outliers. Where it is to run,
// its layers stay packed, and those that are the same are not packed again in the next one.
func (m *Model) openFiner(ctx context.Context, e *Encoder, o transformer.Outliers) (*transformer.Model, error) {
	config := e.opens
	config.Set, config.Outliers = m.Set, o
	if m.config.Packing != ToRun {
		return transformer.OpenToCalibrate(ctx, config)
	}
	if config.Packed != nil {
		config.Packed.Drop(o)
	}
	t, err := transformer.OpenToMeasure(ctx, config)
	e.opens.Packed = t
	return t, err
}

// loss returns that of got, beside want, of which sequences plain[0] to plain[1] (exclusive) are plain ones.
func (m *Model) loss(e *Encoder, want, got tensor.Matrix, starts []int, plain [2]int) Loss {
	l := Loss{Texts: len(starts) - 1}
	var sum float64
	losses := 0
	for i := range len(starts) - 1 {
		from, to := starts[i], starts[i+1]
		for _, rows := range m.pooled(e, from, to) {
			loss := max(1-cosineOfMeans(want.Slice(rows[0], rows[1]), got.Slice(rows[0], rows[1])), 0)
			l.Worst = max(l.Worst, loss)
			if i >= plain[0] && i < plain[1] {
				sum += loss
				losses++
			}
		}
	}
	l.Mean = sum / float64(max(losses, 1))
	return l
}

// pooled returns which tokens, from and to (exclusive), of a sequence make a vector each by their mean:
// the first or the last one, all, or where nothing is pooled each.
func (m *Model) pooled(e *Encoder, from, to int) [][2]int {
	route := m.Spec.Default
	for _, r := range m.Spec.Routes {
		if route == nil || route.Encoder != e.Encoder && r.Encoder == e.Encoder {
			route = r
		}
	}
	switch {
	case route != nil && route.Pooling != nil && slices.Equal(route.Pooling.Modes, []string{"cls"}):
		return [][2]int{{from, from + 1}}
	case e.opens.Head == transformer.LanguageHead, route != nil && route.Pooling != nil && slices.Equal(route.Pooling.Modes, []string{"lasttoken"}):
		return [][2]int{{to - 1, to}}
	case route != nil && route.Pooling != nil:
		return [][2]int{{from, to}}
	}
	var each [][2]int
	for i := from; i < to; i++ {
		each = append(each, [2]int{i, i + 1})
	}
	return each
}

// cosineOfMeans returns that of the means of the rows of a and b; 1 where one is zero.
func cosineOfMeans(a, b tensor.Matrix) float64 {
	var ab, aa, bb float64
	for j := range a.Cols {
		var x, y float64
		for i := range a.Rows {
			x += float64(a.Row(i)[j])
			y += float64(b.Row(i)[j])
		}
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 1
	}
	return ab / math.Sqrt(aa*bb)
}
