package transformer

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// weights hands out the tensors of a file by name and shape under a path. What
// goes wrong is remembered, so that a family asks without looking at errors and
// finish reports them all.
type weights struct {
	*source
	path string // with the dot that ends it, or empty
}

// A source is what the weights of all paths share.
type source struct {
	file    *tensor.File
	set     *kernel.Set
	read    map[string]bool
	ignored []string
	errs    []error
	pack    panelTask
}

func newWeights(file *tensor.File, s *kernel.Set) *weights {
	return &weights{source: &source{file: file, set: s, read: map[string]bool{}}}
}

// at returns the weights under path.
func (w *weights) at(path string) *weights {
	return &weights{source: w.source, path: w.path + path + "."}
}

// enter moves w to the path under which the file has the named tensor. Files keep
// a model's tensors under names such as "bert." where other heads lie beside it.
func (w *weights) enter(name string) {
	var found []string
	for _, n := range w.file.Names() {
		if n == name || strings.HasSuffix(n, "."+name) {
			found = append(found, strings.TrimSuffix(n, name))
		}
	}
	if len(found) == 1 {
		w.path += found[0]
	} else if len(found) > 1 {
		w.errorf("tensor %s: found under %q, expected one", name, found)
	}
}

// ignore marks the tensors whose names begin with one of the prefixes, under
// w's path, as known and not used.
func (w *weights) ignore(prefixes ...string) {
	for _, p := range prefixes {
		w.ignored = append(w.ignored, w.path+p)
	}
}

// enough returns an error where a count in config.json, of things with a tensor
// each, is more than the file can hold.
func (w *weights) enough(key string, count int) error {
	if n := len(w.file.Names()); count > n {
		return fmt.Errorf("%s: found %d, and only %d tensors in the file", key, count, n)
	}
	return nil
}

func (w *weights) errorf(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf(format, args...))
}

// finish returns what went wrong, and an error for each tensor that was neither
// read nor ignored.
func (w *weights) finish() error {
	for _, name := range w.file.Names() {
		ignored := slices.ContainsFunc(w.ignored, func(p string) bool { return strings.HasPrefix(name, p) })
		if !w.read[name] && !ignored {
			w.errorf("tensor %s: not used by this model", name)
		}
	}
	const most = 8
	if n := len(w.errs); n > most {
		w.errs = append(w.errs[:most], fmt.Errorf("and %d more errors", n-most))
	}
	for i, err := range w.errs {
		if name := w.file.Name(); name != "" {
			w.errs[i] = fmt.Errorf("%s: %w", name, err)
		}
	}
	return errors.Join(w.errs...)
}

// tensor returns the float tensor of the given shape, false where there is none.
func (w *weights) tensor(name string, shape ...int) (tensor.Tensor, bool) {
	name = w.path + name
	t, ok := w.file.Tensor(name)
	if !ok {
		w.errorf("tensor %s: missing, expected shape %v", name, shape)
		return t, false
	}
	w.read[name] = true
	if !slices.Equal(t.Shape, shape) {
		w.errorf("tensor %s: shape %v, expected %v", name, t.Shape, shape)
		return t, false
	}
	if err := t.Float32sAt(nil, 0); err != nil {
		w.errorf("%w", err)
		return t, false
	}
	return t, true
}

// vector returns a tensor of n elements; where the file has another of its
// older names, that one.
func (w *weights) vector(n int, name string, older ...string) []float32 {
	for _, o := range older {
		if _, ok := w.file.Tensor(w.path + o); ok {
			name = o
		}
	}
	v := make([]float32, 0)
	if t, ok := w.tensor(name, n); ok {
		v = make([]float32, n)
		w.convert(v, t, 0)
	}
	return v
}

// convert writes the elements of t from at on to dst.
func (w *weights) convert(dst []float32, t tensor.Tensor, at int) {
	if err := t.Float32sAt(dst, at); err != nil {
		w.errorf("%w", err)
	}
}

// norm returns the LayerNorm under name; gamma and beta are the names that
// TensorFlow's checkpoints left behind.
func (w *weights) norm(name string, n int, eps float32) *Norm {
	l := w.at(name)
	return &Norm{Gamma: l.vector(n, "weight", "gamma"), Beta: l.vector(n, "bias", "beta"), Eps: eps}
}

// table returns the embedding table under name, left in the file.
func (w *weights) table(name string, rows, cols int) *Table {
	t, _ := w.at(name).tensor("weight", rows, cols)
	return &Table{Rows: rows, Cols: cols, tensor: t}
}

// row returns row i of the embedding table under name.
func (w *weights) row(name string, rows, cols, i int) []float32 {
	t, ok := w.at(name).tensor("weight", rows, cols)
	if !ok {
		return nil
	}
	v := make([]float32, cols)
	w.convert(v, t, i*cols)
	return v
}

// linear returns the linear layer under name, or where there are several, one
// whose outputs are theirs side by side, each an equal part.
func (w *weights) linear(in, out int, names ...string) *Linear {
	each := out / len(names)
	parts := make([]tensor.Tensor, len(names))
	for i, name := range names {
		t, ok := w.at(name).tensor("weight", each, in)
		if !ok {
			return nil
		}
		parts[i] = t
	}
	l := new(Linear)
	l.Resize(in, out)
	for i, name := range names {
		copy(l.Bias[i*each:], w.at(name).vector(each, "bias"))
	}
	team := parallel.NewTeam(min(runtime.GOMAXPROCS(0), l.Count()))
	defer team.Close()
	p := &w.pack
	p.set, p.dst, p.parts, p.each = w.set, l, parts, each
	for len(p.rows) < team.Size() {
		p.rows = append(p.rows, nil)
	}
	team.For(l.Count(), p)
	return l
}

// A panelTask converts and packs one panel of a linear layer.
type panelTask struct {
	set   *kernel.Set
	dst   *Linear
	parts []tensor.Tensor // each×in, one below the other
	each  int
	rows  [][]float32 // memory of each worker
}

func (t *panelTask) Run(worker, i int) {
	in := t.dst.K
	first, last := i*kernel.Panel, min((i+1)*kernel.Panel, t.dst.N)
	if len(t.rows[worker]) < kernel.Panel*in {
		t.rows[worker] = kernel.Floats(kernel.Panel * in)
	}
	w := tensor.Matrix{Rows: last - first, Cols: in, Stride: in, Data: t.rows[worker][:(last-first)*in]}
	for j := first; j < last; {
		n := min(last-j, t.each-j%t.each) // rows of the part that j is in
		if err := t.parts[j/t.each].Float32sAt(w.Slice(j-first, j-first+n).Data, j%t.each*in); err != nil {
			panic(err) // the dtype and the shape were checked
		}
		j += n
	}
	t.set.PackTransposed(t.dst, i, w)
}
