package loader

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// roundFiner is the part of the weights that is in Int8 where others are rounded to Int4: with 8 bits,
// and 4.5 for others, 4.71 bits in all but for outliers.
const roundFiner = 0.06

// Round returns the weights of e's linear layers in Int4, see transformer.Model.Round, of calibration texts; some layers
// are in Int8: those of attention whose outputs Int4 has most off, for their size. Of a model that is too large to be
// measured there are none.
func (m *Model) Round(ctx context.Context, e *Encoder) (transformer.Rounded, error) {
	if e.Transformer.Operations([]int{1}) > lossLargest {
		return nil, nil
	}
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	lines := strings.Split(strings.TrimSpace(calibrationText), "\n")
	batch, err := m.sample(e, slices.Concat(lines, alikeTexts, rareTexts), calibrationWork)
	if err != nil || len(batch.IDs) == 0 {
		return nil, err
	}
	config := e.opens
	config.Set = m.Set
	t, err := transformer.OpenToRound(ctx, config)
	if err != nil {
		return nil, err
	}
	layers, err := t.Errors(ctx, team, tensor.NewMatrix(len(batch.IDs), t.Hidden), batch)
	if err != nil {
		return nil, err
	}
	worst := worstLayers(layers)
	attention, left, finer := t.AttentionLayers(), 0.0, map[string]bool{}
	for _, layer := range layers {
		left += roundFiner * float64(layer.Weights)
	}
	for _, name := range worst {
		if weights := float64(layers[name].Weights); attention[name] && weights <= left {
			finer[name] = true
			left -= weights
		}
	}
	return t.Round(ctx, team, batch, finer)
}

// worstLayers returns the names of layers, those first whose outputs are off most for their size.
func worstLayers(layers map[string]transformer.LayerError) []string {
	return slices.SortedFunc(maps.Keys(layers), func(a, b string) int {
		x, y := layers[a], layers[b]
		return cmp.Or(cmp.Compare(y.Error/float64(y.Weights), x.Error/float64(x.Weights)), cmp.Compare(a, b))
	})
}
