package transformer

import (
	"context"
	"runtime"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// leastPart is how many tokens a part has at the least, but the last one, where each layer is
// packed again for each part, and leastPacked where they stay packed.
const leastPart, leastPacked = 256, 64

// partTokens returns how many tokens, and what its last sequence has more, a model of
// OpenToCalibrate runs at once: as many as take a third of the memory of the weights, or of
// OpenToMeasure, which has these too, a twelfth. What lies between the layers of small models
// would take several times that of all the texts.
func (m *Model) partTokens() int {
	widest := 0
	for i := range m.Layers {
		l := &m.Layers[i]
		for _, w := range []*Linear{l.first(), l.MLP.Up} {
			if w != nil {
				widest = max(widest, w.N)
			}
		}
	}
	each := 4 * 4 * (widest + m.Hidden) // what goes into four products, and comes out
	least, share := leastPart, int64(3)
	if m.spare == nil {
		if least, share = leastPacked, 12; m.errors != nil { // which packs layers in float32 too
			least = 2 * leastPacked
		}
	}
	return max(least, int(min(m.bytes/share/int64(each), 1<<30)))
}

// forwardInParts is Forward of some sequences after the other, which makes the same bits.
func (m *Model) forwardInParts(ctx context.Context, team *parallel.Team, dst tensor.Matrix, b Batch) error {
	most := m.partTokens()
	p := &pass{model: m} // not of a pool, which would keep it
	for from, to := 0, 0; from < b.Sequences(); from = to {
		for to = from + 1; to < b.Sequences() && b.Starts[to]-b.Starts[from] < most; {
			to++
		}
		if err := p.forward(ctx, team, dst.Slice(b.Starts[from], b.Starts[to]), b.sequences(from, to), nil); err != nil {
			return err
		}
		if to < b.Sequences() {
			runtime.GC() // so that the next part has the memory of what it left,
		}
	}
	p = nil
	runtime.GC() // and what is packed next that of p
	return nil
}

// sequences returns those from, from+1, … to (exclusive) of b.
func (b Batch) sequences(from, to int) Batch {
	first, last := b.Starts[from], b.Starts[to]
	if b.Types != nil {
		b.Types = b.Types[first:last]
	}
	if b.Seen != nil {
		b.Seen = b.Seen[from:to]
	}
	if b.Read != nil {
		read := make([]int, to-from)
		for i := range read {
			read[i] = b.Read[from+i] - first
		}
		b.Read = read
	}
	starts := make([]int, 0, to-from+1)
	for _, at := range b.Starts[from : to+1] {
		starts = append(starts, at-first)
	}
	b.IDs, b.Starts = b.IDs[first:last], starts
	return b
}
