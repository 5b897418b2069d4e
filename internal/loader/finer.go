package loader

import (
	"context"
	"math"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
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
	want, layers, err := m.errors(ctx, team, e, o, b)
	if err != nil {
		return err
	}
	want.plain = plain
	for step := 1; ; step++ {
		t, err := m.openFiner(ctx, e, o)
		if err != nil {
			return err
		}
		if e.Loss, err = want.loss(ctx, team, t); err != nil {
			return err
		}
		over := e.Loss.over()
		if math.IsNaN(over) { // of weights that are not finite, which another format does not mend
			return nil
		}
		enough := step == 1 && over <= 1
		if enough && b.Sequences() == len(texts) {
			return nil
		}
		if enough || over <= lossEnd || len(layers) == 0 {
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
	}
}

// errors returns what is pooled of b in float32, and what Int8 costs each linear layer, see transformer.Model.Errors. It takes the
// most memory, and is done before there is a model in Int8.
func (m *Model) errors(ctx context.Context, team *parallel.Team, e *Encoder, o transformer.Outliers, b transformer.Batch) (*pooled, map[string]transformer.LayerError, error) {
	config := e.opens
	config.Set, config.Outliers = m.Set, o
	t, err := transformer.OpenToCalibrate(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	want := &pooled{m: m, e: e, batch: b}
	layers, err := t.Errors(ctx, team, b, want.keep)
	return want, layers, err
}

// loseMore adds to e.Loss what t, with the layers that were chosen, loses of texts that these were not chosen for: of some of
// each kind, where a large model was measured on few.
func (m *Model) loseMore(ctx context.Context, team *parallel.Team, e *Encoder, t *transformer.Model) error {
	l, err := m.lost(ctx, team, e, t, moreTexts, lossWork/2, [2]int{})
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
