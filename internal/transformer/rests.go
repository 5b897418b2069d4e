package transformer

import (
	"runtime"
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// refines reports whether m, in Int8, multiplies the common part of a sequence, and its first
// token, more finely (refine): where each row is a token of a sequence that sees all.
func (m *Model) refines() bool {
	if h := m.Head; !h.ReadsOne() || h.Of != FirstToken || len(m.Tasks) > 0 {
		return false
	}
	return !slices.ContainsFunc(m.Layers, func(l Layer) bool { return l.Attention.Causal || l.MLP.Experts != nil })
}

// Refines reports whether m refines products in Int8: its bits are not those of the same
// hidden states without its head.
func (m *Model) Refines() bool { return m.rests != nil }

// A restTask packs what Int8 leaves of the weights of one panel of a linear layer,
// in×out, in Int8 too.
type restTask struct {
	panelTask
	in, out int
	rest    *Linear
}

// packRests packs those of all layers, nil for the rest of weights that the file has as
// they are multiplied.
func (w *weights) packRests() map[*Linear]*Linear {
	all := map[*Linear]*Linear{}
	for i := range w.rests {
		t := &w.rests[i]
		if !slices.ContainsFunc(t.sources, func(s rowsOf) bool { return !s.fits(t.dst) }) {
			all[t.dst] = nil
			continue
		}
		t.rest = new(Linear)
		all[t.dst] = t.rest
		w.bytes += kernel.PanelsBytes(kernel.Int8, t.in, t.out)
		if w.set == nil || w.ctx.Err() != nil {
			continue
		}
		t.rest.ResizeInt8(t.in, t.out, nil)
		team := parallel.NewTeam(min(runtime.GOMAXPROCS(0), t.rest.Count()))
		for len(w.packing) < team.Size() {
			w.packing = append(w.packing, packMemory{})
		}
		t.memory = w.packing
		team.ForLong(t.rest.Count(), t)
		team.Close()
		for _, s := range t.sources {
			w.file.Release(s.tensor)
		}
	}
	return all
}

func (t *restTask) Run(worker, i int) {
	first, last := i*kernel.Panel, min((i+1)*kernel.Panel, t.out)
	memory := &t.memory[worker]
	if len(memory.rows) < (kernel.Panel+1)*t.in {
		memory.rows = kernel.Floats((kernel.Panel + 1) * t.in) // the last row is for sums
	}
	memory.codes = slices.Grow(memory.codes[:0], t.in)
	rows := tensor.Matrix{Rows: last - first, Cols: t.in, Stride: t.in, Data: memory.rows[:(last-first)*t.in]}
	t.read(rows, first, memory.rows[kernel.Panel*t.in:][:t.in])
	for j := range rows.Rows {
		t.set.Int8ColumnRest(rows.Row(j), rows.Row(j), t.dst, memory.codes[:t.in])
	}
	t.set.PackTransposed(t.rest, i, rows)
}
