package transformer

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A part is rows of a tensor with the weight of a linear layer.
type part struct {
	weight   string // the tensor's name
	rows     int    // of the tensor
	from, to int    // those of the part
}

// whole returns all rows of the layer under name.
func whole(name string, rows int) part { return part{name + ".weight", rows, 0, rows} }

// swapped returns the second half of the rows of the layer under name, then the first,
// each with so many rows.
func swapped(name string, half int) []part {
	weight := name + ".weight"
	return []part{{weight, 2 * half, half, 2 * half}, {weight, 2 * half, 0, half}}
}

// bias returns the name of the tensor with the bias.
func (p part) bias() string { return strings.TrimSuffix(p.weight, "weight") + "bias" }

// name returns the name of the layer that begins with p, see Outliers.
func (w *weights) name(p part) string {
	name := w.own(p.weight)
	if p.from > 0 || p.to < p.rows {
		return fmt.Sprintf("%s[%d:%d]", name, p.from, p.to)
	}
	return name
}

// resize makes l hold in×out, in Int8 with the outliers of the layer that begins
// with p, or those that the sources of its weights in a file have, and counts its memory. Where the file has a layer in
// Int8 that was asked for in Int4, it stays so.
func (w *weights) resize(l *Linear, in, out int, p part, sources ...rowsOf) bool {
	format := w.formatOf(p)
	kept := format == kernel.Int4 && len(sources) > 0 && inInt8(sources)
	if kept {
		format = kernel.Int8
	}
	w.bytes += kernel.PanelsBytes(format, in, out)
	if w.spare != nil {
		l.MoveMemory(w.spare)
	}
	if w.format == kernel.Int8 || w.format == kernel.Int4 {
		w.names[l] = w.name(p)
	}
	if format != kernel.Int8 {
		if w.set != nil {
			w.take(l, w.name(p), format, in, out, nil)
			l.Resize(format, in, out)
		}
		return true
	}
	columns, err := w.outliers.of(w.names[l], in)
	if kept {
		columns = sources[0].quantized.Outliers
	}
	if err == nil && in > kernel.MaxInt8Terms {
		err = fmt.Errorf("tensor %s: %d columns, int8 has at most %d", p.weight, in, kernel.MaxInt8Terms)
	}
	if err != nil {
		w.errorf("%w", err)
		return false
	}
	w.bytes += mostOutliers * 4 * int64(out)
	if l.Outliers = columns; w.set != nil {
		w.take(l, w.name(p), format, in, out, columns)
		l.ResizeInt8(in, out, columns)
	}
	return true
}

// formatOf returns the format of the layer that begins with p: w's, or what is finer
// than Int8 where that does not hold the layer well enough.
func (w *weights) formatOf(p part) kernel.Format {
	if w.format == kernel.Int8 && w.outliers.IsFiner(w.name(p)) {
		return finerThanInt8
	}
	return w.format
}

// linear returns the linear layer whose outputs are the rows of the parts, side
// by side. Each row has as many elements as the layer has inputs.
func (w *weights) linear(in int, b bias, parts ...part) *Linear {
	if w.formatOf(parts[0]) == w.source.format {
		for _, p := range parts {
			w.list(p, parts[0])
		}
	}
	return w.unlisted(in, b, parts...)
}

// list puts the tensor of p, in a layer that begins with first, into Model.Linears.
func (w *weights) list(p, first part) {
	name, layer := w.full(p.weight), w.name(first)
	if other, ok := w.linears[name]; ok && other != layer {
		layer = ""
	}
	w.linears[name] = layer
}

// unlisted is linear for tensors that are not quantized, or are in another layer too.
func (w *weights) unlisted(in int, b bias, parts ...part) *Linear {
	out := 0
	for _, p := range parts {
		out += p.to - p.from
	}
	l := new(Linear)
	if len(w.tasks) > 0 {
		m := made{linear: l, inputs: in, parts: parts}
		for _, p := range parts {
			m.names = append(m.names, w.own(p.weight))
		}
		w.made = append(w.made, m)
	}
	pack := panelTask{set: w.set, dst: l}
	ok := true
	for _, p := range parts {
		r, found := w.rowsOf(p, in)
		ok = ok && found
		pack.sources = append(pack.sources, r)
	}
	if !ok || !w.resize(l, in, out, parts[0], pack.sources...) {
		return l
	}
	if w.formatOf(parts[0]) == kernel.Int8 && w.head == ClassificationHead {
		w.rests = append(w.rests, restTask{panelTask: pack, in: in, out: out})
	}
	if w.set == nil {
		for _, p := range parts {
			if b {
				w.tensor(p.bias(), p.rows)
			}
		}
		return l
	}
	at := l.Bias
	for i, p := range parts {
		if b {
			if t, ok := w.tensor(p.bias(), p.rows); ok {
				w.convert(at[:p.to-p.from], t, p.from)
				if _, replaced := w.adapter.replacement(w.own(p.bias())); !replaced {
					pack.sources[i].bias = t
				}
			}
		}
		at = at[p.to-p.from:]
	}
	if w.sources != nil && !slices.ContainsFunc(pack.sources, func(s rowsOf) bool { return !s.isFloats() || w.linears[s.tensor.Name] == "" }) {
		w.sources[l] = &pack
	}
	w.pack(l, func(to *Linear) {
		pack := pack
		pack.dst = to
		team := parallel.NewTeam(min(runtime.GOMAXPROCS(0), l.Count()))
		defer team.Close()
		for len(w.packing) < team.Size() {
			w.packing = append(w.packing, packMemory{})
		}
		pack.memory = w.packing
		pack.findGrids()
		team.ForLong(l.Count(), &pack)
		w.release(&pack)
	})
	if w.taken[l] {
		w.release(&pack)
	}
	return l
}

// release gives back the memory of the file's tensors that t packs, of those too of which little was read.
func (w *weights) release(t *panelTask) {
	for _, s := range t.sources {
		for _, x := range append(s.beside, s.tensor) {
			w.file.Release(x)
		}
	}
}

// pack packs l, now unless the context has ended or it is packed already, or when it is used.
func (w *weights) pack(l *Linear, pack func(*Linear)) {
	if w.packs != nil {
		w.packs[l] = pack
	}
	if w.spare != nil {
		w.spare.MoveMemory(l)
		return
	}
	if w.ctx.Err() == nil && !w.taken[l] {
		pack(l)
	}
}

// take moves to l, before it is resized, the memory of the layer of that name that is packed already, where there
// is one that is packed as l is to be.
func (w *weights) take(l *Linear, name string, f kernel.Format, in, out int, outliers []int) {
	if w.packs != nil {
		_, twice := w.layers[name]
		if w.layers[name] = l; twice {
			w.layers[name] = nil
		}
	}
	from := w.packed[name]
	if from == nil || from.Format != f || from.K != in || from.N != out || !slices.Equal(from.Outliers, outliers) {
		return
	}
	l.MoveMemory(from)
	delete(w.packed, name)
	w.taken[l] = true
}

// linearTransposed returns the linear layer, without a bias, whose inputs are the
// rows of p. Each row has as many elements as the layer has outputs.
func (w *weights) linearTransposed(out int, p part) *Linear {
	l := new(Linear)
	t, ok := w.tensor(p.weight, p.rows, out)
	if !ok || !w.resize(l, p.to-p.from, out, p) || w.set == nil {
		return l
	}
	w.pack(l, func(to *Linear) {
		m := tensor.NewMatrix(p.to-p.from, out)
		w.convert(m.Data, t, p.from*out)
		for i := range to.Count() {
			w.set.Pack(to, i, m)
		}
		w.file.Release(t)
	})
	return l
}
