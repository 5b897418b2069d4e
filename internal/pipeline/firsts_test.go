package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// Rows of first tokens are those of all hidden states, with tokens left out and without.
func TestFirsts(t *testing.T) {
	m, mean := newModel(t, 2, 50)
	bert := mean.Encoder.(Transformer)
	first := &Pooling{Set: kernel.Best(), Modes: []Mode{PoolCLS}}
	both := &Pooling{Set: kernel.Best(), Modes: []Mode{PoolCLS, PoolMean}}
	for _, pooling := range []*Pooling{first, both} {
		way := &Way{bert, &Pooled{Pooling: pooling}}
		for skip := range 3 {
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

// Only the way to one row of first tokens asks for these alone, where none is left out.
func TestAskingForFirsts(t *testing.T) {
	_, mean := newModel(t, 1, 50)
	first := &Pooling{Set: kernel.Best(), Modes: []Mode{PoolCLS}}
	pooled := &Pooled{Pooling: first}
	lengths := []int{7, 30}
	for name, c := range map[string]struct {
		head Head
		skip int
		asks bool
	}{
		"cls":               {pooled, 0, true},
		"tokens left out":   {pooled, 1, false},
		"mean":              {mean.Head, 0, false},
		"cls and mean":      {&Pooled{Pooling: &Pooling{Modes: []Mode{PoolCLS, PoolMean}}}, 0, false},
		"modules on tokens": {&Pooled{Tokens: []Module{nil}, Pooling: first}, 0, false},
		"no pooling":        {&Pooled{}, 0, false},
		"all outputs":       {Together{Pooled: pooled}, 0, false},
		"tokens":            {EachToken{}, 0, false},
		"spans":             {NewGrouped(*pooled), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			way := &Way{mean.Encoder, c.head}
			l := &call{Request: Request{Way: way, Skip: c.skip}}
			s := new(Scratch)
			require.Equal(t, c.asks, s.batch([]item{{call: l, tokens: Tokens{IDs: []int32{1, 2}}}}).Firsts)
			if c.skip == 0 {
				require.Equal(t, c.asks, way.Operations(lengths) < mean.Operations(lengths))
			}
		})
	}
}
