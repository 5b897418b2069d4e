package transformer

import (
	"context"
	"errors"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Prefix is what a causal model keeps of tokens that several sequences begin with:
// the keys and values of each layer. The hidden states of what follows have the same
// bits as those of the whole sequences. It is for the model that made it, and safe for
// concurrent use.
type Prefix struct {
	layers []tensor.Matrix // tokens×2·kvHeads·headDim: keys, then values
	states []float32       // of the tokens
	starts [2]int          // of the batch that they are
}

// Len returns the number of tokens, 0 for nil.
func (p *Prefix) Len() int {
	if p == nil {
		return 0
	}
	return p.layers[0].Rows
}

// SharesPrefixes reports whether Prefix works: tokens see none behind them, in all layers.
func (m *Model) SharesPrefixes() bool {
	for i := range m.Layers {
		if a := &m.Layers[i].Attention; !a.Causal || a.Bias != nil || a.Disentangled != nil || m.Layers[i].Beside != nil || m.Layers[i].Short != nil {
			return false
		}
	}
	return m.Embeddings.Padding < 0 && len(m.Tasks) == 0
}

// Prefix returns what there is to keep of ids, one token or more, which are within the
// vocabulary and with what follows them within MaxPositions: Prefix and Forward panic
// otherwise. Where old is not nil it takes its memory, and old is lost, also with an
// error. The work is split over team, as in Forward, and ctx is looked at as there. An
// error is ctx's, or that the model shares no prefixes.
func (m *Model) Prefix(ctx context.Context, team *parallel.Team, ids []int32, old *Prefix) (*Prefix, error) {
	if !m.SharesPrefixes() {
		return nil, errors.New("the tokens of this model see those behind them: sequences share nothing")
	}
	if len(ids) == 0 {
		panic("transformer: Prefix: no tokens")
	}
	k := old
	if k == nil {
		k = &Prefix{layers: make([]tensor.Matrix, len(m.Layers))}
	}
	states := reuse(&k.states, len(ids), m.Hidden)
	k.starts[1] = len(ids)
	p := m.lease(len(ids))
	defer m.give(p, len(ids))
	if err := p.forward(ctx, team, states, Batch{IDs: ids, Starts: k.starts[:]}, k); err != nil {
		return nil, err
	}
	return k, nil
}

// keep takes the keys and values of layer l.
func (p *Prefix) keep(l int, kv tensor.Matrix) {
	m := reuse(&p.layers[l].Data, kv.Rows, kv.Cols)
	for i := range kv.Rows {
		copy(m.Row(i), kv.Row(i))
	}
	p.layers[l] = m
}
