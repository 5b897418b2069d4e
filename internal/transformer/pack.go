package transformer

import (
	"slices"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/packed"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

// rowsOf are rows from, to (exclusive) of a weight and of its update, which is
// nil where there is none.
type rowsOf struct {
	tensor    tensor.Tensor  // the weight, or its codes
	quantized *weight.Matrix // nil where the tensor has floats
	packed    *packed.Weight // that another tool quantized, of the tensors in beside; nil = none
	beside    []tensor.Tensor
	update    *lowRank
	bias      tensor.Tensor // where the layer has one, in the file
	from, to  int
	grids     bool // in Int4: groups lie on a grid, see kernel.KeepInt4
}

// rowsOf returns the rows of p, each of in elements, false where they are not there.
func (w *weights) rowsOf(p part, in int) (rowsOf, bool) {
	r := rowsOf{update: w.adapter.linear(w.own(p.weight), p.rows, in), from: p.from, to: p.to}
	name := w.full(p.weight)
	_, replaced := w.adapter.replacement(w.own(p.weight))
	if w.stores.packed != nil {
		m, read, err := w.stores.packed.Weight(w.file, name, p.rows, in)
		for _, t := range read {
			w.read[t.Name] = true
		}
		if err != nil {
			w.errorf("%w", err)
			return r, false
		}
		if m != nil && !replaced {
			r.packed, r.beside = m, read
			return r, true
		}
	}
	scales, quantized := w.file.Tensor(weight.ScaleName(name))
	columns, kept := weight.OutlierNames(name)
	codes, ok := w.file.Tensor(name)
	scheme := w.stores.scheme
	quantized = quantized && scheme != 0
	if codes.DType == tensor.I8 { // a layer of a folder in Int4 too
		scheme = weight.Int8
	}
	outliers := quantized && scheme == weight.Int8 && w.has(columns)
	if quantized {
		w.read[scales.Name] = true
	}
	if outliers {
		w.read[columns], w.read[kept] = true, true
	}
	if replaced || !quantized {
		var ok bool
		r.tensor, ok = w.tensor(p.weight, w.shape(p.rows, in)...)
		return r, ok
	}
	if !ok {
		w.errorf("tensor %s: missing, and there is %s", name, scales.Name)
		return r, false
	}
	w.read[name] = true
	m, err := weight.FromTensors(scheme, p.rows, in, codes, scales)
	if err != nil {
		w.errorf("%w", err)
		return r, false
	}
	r.tensor, r.quantized = codes, m
	if outliers {
		c, _ := w.file.Tensor(columns)
		k, ok := w.file.Tensor(kept)
		if !ok {
			w.errorf("tensor %s: missing, and there is %s", kept, columns)
			return r, false
		}
		if err := m.ReadOutliers(c, k); err != nil {
			w.errorf("%w", err)
			return r, false
		}
	}
	return r, true
}

// isFloats reports whether r is floats of the file as they are.
func (r *rowsOf) isFloats() bool {
	return r.quantized == nil && r.packed == nil && r.update == nil
}

// inInt8 reports whether the weights of a layer are all in Int8, with the same outliers.
func inInt8(sources []rowsOf) bool {
	return !slices.ContainsFunc(sources, func(s rowsOf) bool {
		return s.quantized == nil || s.update != nil || s.quantized.Scheme != weight.Int8 || !slices.Equal(s.quantized.Outliers, sources[0].quantized.Outliers)
	})
}

// fits reports whether the codes of r are those of l, which is in Int8.
func (r *rowsOf) fits(l *Linear) bool {
	q := r.quantized
	return q != nil && q.Scheme == weight.Int8 && r.update == nil && slices.Equal(q.Outliers, l.Outliers)
}

// read writes rows from, from+1, … of the whole weight, in float32, to dst; sum
// is memory for one row.
func (r *rowsOf) read(s *kernel.Set, dst tensor.Matrix, from int, sum []float32) {
	if r.packed != nil {
		r.packed.Read(dst, from)
	} else if r.quantized != nil {
		for i := range dst.Rows {
			r.quantized.DequantizeRow(dst.Row(i), from+i)
		}
	} else if err := s.Float32sAt(dst.Data, r.tensor, from*dst.Cols); err != nil {
		panic(err) // the dtype and the shape were checked
	}
	if r.update != nil {
		r.update.add(s, dst, from, sum)
	}
}

// isInt4 reports whether r has codes of Int4, of this module.
func (r *rowsOf) isInt4() bool {
	return r.quantized != nil && r.quantized.Scheme == weight.Int4 && r.update == nil
}

// findGrids finds out, of a layer in Int4, which sources other tools had in 4 bits, whatever they are in now: by three of
// their rows.
func (t *panelTask) findGrids() {
	if t.dst.Format != kernel.Int4 {
		return
	}
	in, groups := t.dst.K, kernel.Int4Groups(t.dst.K)
	row, sum := tensor.NewMatrix(1, in), make([]float32, in)
	codes, scales := make([]byte, groups*kernel.Int4GroupBytes), make([]float32, groups)
	for k := range t.sources {
		s := &t.sources[k]
		if s.isInt4() {
			continue
		}
		on, off := 0, 0
		for _, i := range []int{s.from, (s.from + s.to) / 2, s.to - 1} {
			s.read(t.set, row, i, sum)
			more, others := kernel.KeepInt4(codes, scales, row.Row(0))
			on, off = on+more, off+others
		}
		s.grids = 8*on > off // of zero points that differ some groups alone
	}
}

// packMemory is what a worker packs a panel with.
type packMemory struct {
	rows   []float32
	codes  []byte
	scales []float32
	kept   []float32 // outliers
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
	memory.codes, memory.scales, memory.kept = memory.codes[:0], memory.scales[:0], memory.kept[:0]
	if halves := t.halves(first, last); halves != nil {
		t.set.PackBFloat16(t.dst, i, halves)
		return
	}
	coded := t.dst.Format == kernel.Int8 && !slices.ContainsFunc(t.sources, func(s rowsOf) bool { return !s.fits(t.dst) })
	at := 0 // the row of the layer that the source begins with
	for k := range t.sources {
		s := &t.sources[k]
		end := at + s.to - s.from
		if from, to := max(first, at), min(last, end); from < to {
			rows := w.Slice(from-first, to-first)
			switch {
			case coded:
				memory.take(s.quantized, s.from+from-at, to-from)
			case t.dst.Format == kernel.Int4:
				memory.addCodes(t.set, s, rows, s.from+from-at)
			default:
				s.read(t.set, rows, s.from+from-at, memory.rows[kernel.Panel*in:][:in])
			}
		}
		at = end
	}
	switch {
	case coded:
		t.set.PackInt8(t.dst, i, memory.codes, memory.scales, memory.kept)
	case t.dst.Format == kernel.Int4:
		t.set.PackInt4(t.dst, i, memory.codes, memory.scales)
	default:
		t.set.PackTransposed(t.dst, i, w)
	}
}

// read writes rows first, first+1, … of the layer's weight, in float32, to dst; sum is
// memory for one row.
func (t *panelTask) read(dst tensor.Matrix, first int, sum []float32) {
	at := 0 // the row of the layer that the source begins with
	for k := range t.sources {
		s := &t.sources[k]
		end := at + s.to - s.from
		if from, to := max(first, at), min(first+dst.Rows, end); from < to {
			s.read(t.set, dst.Slice(from-first, to-first), s.from+from-at, sum)
		}
		at = end
	}
}

// halves returns rows first, first+1, … last (exclusive) of the layer, where a tensor
// has them as they are packed; nil = there is none.
func (t *panelTask) halves(first, last int) []byte {
	if t.dst.Format != kernel.BFloat16 || t.dst.K%2 != 0 {
		return nil
	}
	for _, s := range t.sources {
		end := s.to - s.from
		if first >= 0 && last <= end && s.tensor.DType == tensor.BF16 && s.quantized == nil && s.update == nil {
			size := 2 * t.dst.K
			return s.tensor.Data[(s.from+first)*size : (s.from+last)*size]
		}
		first, last = first-end, last-end
	}
	return nil
}

// take appends rows from, from+1, … of q as they are.
func (m *packMemory) take(q *weight.Matrix, from, rows int) {
	for i := from; i < from+rows; i++ {
		codes, scales := q.Row(i)
		m.codes, m.scales, m.kept = append(m.codes, codes...), append(m.scales, scales...), append(m.kept, q.KeptRow(i)...)
	}
}

// addCodes appends the codes and scales of rows from, from+1, … of s, as they are
// where s has them; rows is memory for all of them.
func (m *packMemory) addCodes(set *kernel.Set, s *rowsOf, rows tensor.Matrix, from int) {
	if s.isInt4() {
		m.take(s.quantized, from, rows.Rows)
		return
	}
	s.read(set, rows, from, m.rows[kernel.Panel*rows.Cols:][:rows.Cols])
	groups := kernel.Int4Groups(rows.Cols)
	for i := range rows.Rows {
		codes, scales := len(m.codes), len(m.scales)
		m.codes = slices.Grow(m.codes, groups*kernel.Int4GroupBytes)[:codes+groups*kernel.Int4GroupBytes]
		m.scales = slices.Grow(m.scales, groups)[:scales+groups]
		set.QuantizeInt4(m.codes[codes:], m.scales[scales:], rows.Row(i))
		if s.grids {
			kernel.KeepInt4(m.codes[codes:], m.scales[scales:], rows.Row(i))
		}
	}
}
