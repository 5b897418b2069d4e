package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// Rows of one token are those of all hidden states, with tokens left out and without.
func TestRowsOfOneToken(t *testing.T) {
	m, mean := newModel(t, 2, 50)
	bert := mean.Encoder.(Transformer)
	first := &Pooling{Set: kernel.Best(), Modes: []Mode{PoolCLS}}
	both := &Pooling{Set: kernel.Best(), Modes: []Mode{PoolCLS, PoolMean}}
	last := &Pooling{Set: kernel.Best(), Modes: []Mode{PoolLastToken}}
	for _, pooling := range []*Pooling{first, both, last} {
		way := &Way{bert, &Pooled{Pooling: pooling}}
		for _, skip := range []int{0, 1, 2, 30} {
			ids := someIDs(20)
			got := run(t, m, Request{Way: way, Skip: skip}, ids)
			for i, in := range ids {
				hidden := tensor.NewMatrix(len(in), 24)
				require.NoError(t, bert.Model.Forward(t.Context(), nil, hidden, transformer.Batch{IDs: in, Starts: []int{0, len(in)}}))
				want := make([]float32, 24*len(pooling.Modes))
				pooling.apply(want, hidden, skip, make([]float64, 24))
				require.Equal(t, [][]float32{want}, got[i], "input %d, %d left out", i, skip)
			}
		}
	}
}

// Only the way to rows of one token asks for that alone.
func TestAskingForOneToken(t *testing.T) {
	_, mean := newModel(t, 1, 50)
	_, score := newCausal(t, 1, 64, kernel.Float32)
	pools := func(modes ...Mode) *Pooled { return &Pooled{Pooling: &Pooling{Set: kernel.Best(), Modes: modes}} }
	lengths := []int{7, 30}
	ids := []int32{1, 2, 3, padding}
	for name, c := range map[string]struct {
		encoder Encoder
		head    Head
		skip    int
		want    []int
	}{
		"cls":                       {mean.Encoder, pools(PoolCLS), 0, []int{0, 4}},
		"cls, tokens left out":      {mean.Encoder, pools(PoolCLS), 1, []int{1, 5}},
		"cls, all left out":         {mean.Encoder, pools(PoolCLS), 9, []int{0, 4}},
		"last token":                {mean.Encoder, pools(PoolLastToken), 0, []int{3, 7}},
		"last token, some left out": {mean.Encoder, pools(PoolLastToken), 2, []int{3, 7}},
		"last token of a decoder":   {score.Encoder, pools(PoolLastToken), 0, []int{3, 7}},
		"logits":                    {score.Encoder, score.Head, 0, []int{2, 6}}, // not of padding
		"mean":                      {mean.Encoder, mean.Head, 0, nil},
		"cls and mean":              {mean.Encoder, pools(PoolCLS, PoolMean), 0, nil},
		"cls and last":              {mean.Encoder, pools(PoolCLS, PoolLastToken), 0, nil},
		"modules on tokens":         {mean.Encoder, &Pooled{Tokens: []Module{nil}, Pooling: pools(PoolCLS).Pooling}, 0, nil},
		"no pooling":                {mean.Encoder, &Pooled{}, 0, nil},
		"all outputs":               {mean.Encoder, Together{Pooled: pools(PoolCLS)}, 0, nil},
		"tokens":                    {mean.Encoder, EachToken{}, 0, nil},
		"spans":                     {mean.Encoder, NewGrouped(*pools(PoolLastToken)), 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			way := &Way{c.encoder, c.head}
			l := &call{Request: Request{Way: way, Skip: c.skip}}
			one := item{call: l, tokens: Tokens{IDs: ids}}
			require.Equal(t, c.want, new(Scratch).batch([]item{one, one}).Read)
			require.Equal(t, c.want != nil, way.Operations(lengths) < c.encoder.Operations(lengths))
		})
	}
}
