package transformer

import (
	"context"
	"iter"
	"runtime"
	"runtime/debug"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// leastPart is how many tokens a part has at the least, but the last one, where each layer is
// packed again for each part, and leastPacked where they stay packed.
const leastPart, leastPacked = 256, 64

// A Part gets the last hidden states of sequences from, from+1, … to (exclusive) of a batch, one
// below the other, in memory that the next part has; nil = nothing is done with them.
type Part func(from, to int, states tensor.Matrix)

// partTokens returns how many tokens, and what its last sequence has more, InParts runs at once: as
// many as take a third of the memory of the weights in Int8, where that is not held as well, or a twelfth.
// What lies between the layers of small models would take several times that of all the texts.
func (m *Model) partTokens() int {
	each := 4 * 4 * (m.widest() + m.Hidden) // what goes into four products, and comes out
	least, share := leastPart, int64(3)
	if m.spare == nil || m.exact { // in Float32 weights have four times the bytes, and there may be a model in Int8
		least, share = leastPacked, 12
	}
	return max(least, int(min(m.bytes/share/int64(each), 1<<30)))
}

// widest returns how many numbers a token has inside attention or an MLP at the most.
func (m *Model) widest() (most int) {
	for i := range m.Layers {
		l := &m.Layers[i]
		for _, w := range []*Linear{l.first(), l.MLP.Up} {
			if w != nil {
				most = max(most, w.N)
			}
		}
	}
	return most
}

// InParts runs some sequences of b after the other, and gives use what it makes of them, which has the bits
// of Forward. m is not in use. The memory of all this is free again when it returns.
func (m *Model) InParts(ctx context.Context, team *parallel.Team, b Batch, use Part) error {
	most, largest := m.partTokens(), 0
	for from, to := range b.parts(most) {
		largest = max(largest, b.Starts[to]-b.Starts[from])
	}
	p := &pass{model: m} // not of a pool, which would keep it
	var memory []float32
	debug.FreeOSMemory() // before what is large, and at once as large as it becomes
	p.matrix(bufferInner, largest, m.widest())
	for i := range m.Layers {
		if w := m.Layers[i].MLP.Down; w != nil {
			p.rows.Resize(m.set, largest, w)
		}
	}
	reuse(&memory, largest, m.Hidden)
	for from, to := range b.parts(most) {
		states := reuse(&memory, b.Starts[to]-b.Starts[from], m.Hidden)
		if err := p.forward(ctx, team, states, b.sequences(from, to), nil); err != nil {
			return err
		}
		if use != nil {
			use(from, to, states)
		}
	}
	p, memory = nil, nil
	if m.spare != nil {
		*m.spare = kernel.Panels{}
	}
	runtime.GC() // and what is packed next of all
	return nil
}

// parts yields the sequences from, to (exclusive) of each part of b: so many tokens or more, but in the last one.
func (b Batch) parts(most int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from, to := 0, 0; from < b.Sequences(); from = to {
			for to = from + 1; to < b.Sequences() && b.Starts[to]-b.Starts[from] < most; {
				to++
			}
			if !yield(from, to) {
				return
			}
		}
	}
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
