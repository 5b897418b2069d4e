package transformer

import (
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tensor"
)

// rowsOf are rows from, to (exclusive) of a weight and of its update, which is
// nil where there is none.
type rowsOf struct {
	tensor    tensor.Tensor // the weight, or its codes
	quantized *quant.Matrix // nil where the tensor has floats
	update    *lowRank
	from, to  int
}

// rowsOf returns the rows of p, each of in elements, false where they are not there.
func (w *weights) rowsOf(p part, in int) (rowsOf, bool) {
	r := rowsOf{update: w.adapter.linear(w.own(p.weight), p.rows, in), from: p.from, to: p.to}
	name := w.full(p.weight)
	if w.set == nil && w.format != kernel.Float32 && !slices.Contains(w.linears, name) {
		w.linears = append(w.linears, name)
	}
	scales, found := w.file.Tensor(quant.ScaleName(name))
	if w.scheme == 0 || !found {
		var ok bool
		r.tensor, ok = w.tensor(p.weight, p.rows, in)
		return r, ok
	}
	w.read[scales.Name] = true
	if _, replaced := w.adapter.replacement(w.own(p.weight)); replaced {
		var ok bool
		r.tensor, ok = w.tensor(p.weight, p.rows, in)
		return r, ok
	}
	codes, ok := w.file.Tensor(name)
	if !ok {
		w.errorf("tensor %s: missing, and there is %s", name, scales.Name)
		return r, false
	}
	w.read[name] = true
	m, err := quant.FromTensors(w.scheme, p.rows, in, codes, scales)
	if err != nil {
		w.errorf("%w", err)
		return r, false
	}
	r.tensor, r.quantized = codes, m
	return r, true
}

// read writes rows from, from+1, … of the whole weight, in float32, to dst; sum
// is memory for one row.
func (r *rowsOf) read(s *kernel.Set, dst tensor.Matrix, from int, sum []float32) {
	if r.quantized != nil {
		for i := range dst.Rows {
			r.quantized.DequantizeRow(dst.Row(i), from+i)
		}
	} else if err := r.tensor.Float32sAt(dst.Data, from*dst.Cols); err != nil {
		panic(err) // the dtype and the shape were checked
	}
	if r.update != nil {
		r.update.add(s, dst, from, sum)
	}
}

// packMemory is what a worker packs a panel with.
type packMemory struct {
	rows   []float32
	codes  []byte
	scales []float32
}

// A panelTask converts and packs one panel of a linear layer.
type panelTask struct {
	set     *kernel.Set
	dst     *Linear
	sources []rowsOf     // one below the other the layer's weight
	memory  []packMemory // of each worker
}

func (t *panelTask) Run(worker, i int) {
	in := t.dst.K
	first, last := i*kernel.Panel, min((i+1)*kernel.Panel, t.dst.N)
	memory := &t.memory[worker]
	if len(memory.rows) < (kernel.Panel+1)*in {
		memory.rows = kernel.Floats((kernel.Panel + 1) * in) // the last row is for sums
	}
	w := tensor.Matrix{Rows: last - first, Cols: in, Stride: in, Data: memory.rows[:(last-first)*in]}
	memory.codes, memory.scales = memory.codes[:0], memory.scales[:0]
	at := 0 // the row of the layer that the source begins with
	for k := range t.sources {
		s := &t.sources[k]
		end := at + s.to - s.from
		if from, to := max(first, at), min(last, end); from < to {
			rows := w.Slice(from-first, to-first)
			if t.dst.Format == kernel.Int4 {
				memory.addCodes(t.set, s, rows, s.from+from-at)
			} else {
				s.read(t.set, rows, s.from+from-at, memory.rows[kernel.Panel*in:][:in])
			}
		}
		at = end
	}
	if t.dst.Format == kernel.Int4 {
		t.set.PackInt4(t.dst, i, memory.codes, memory.scales)
		return
	}
	t.set.PackTransposed(t.dst, i, w)
}

// addCodes appends the codes and scales of rows from, from+1, … of s, as they are
// where s has them; rows is memory for all of them.
func (m *packMemory) addCodes(set *kernel.Set, s *rowsOf, rows tensor.Matrix, from int) {
	if q := s.quantized; q != nil && q.Scheme == quant.Int4 && s.update == nil {
		for i := range rows.Rows {
			codes, scales := q.Row(from + i)
			m.codes, m.scales = append(m.codes, codes...), append(m.scales, scales...)
		}
		return
	}
	s.read(set, rows, from, m.rows[kernel.Panel*rows.Cols:][:rows.Cols])
	groups := kernel.Int4Groups(rows.Cols)
	for i := range rows.Rows {
		codes, scales := len(m.codes), len(m.scales)
		m.codes = slices.Grow(m.codes, groups*kernel.Int4GroupBytes)[:codes+groups*kernel.Int4GroupBytes]
		m.scales = slices.Grow(m.scales, groups)[:scales+groups]
		kernel.QuantizeInt4(m.codes[codes:], m.scales[scales:], rows.Row(i))
	}
}
