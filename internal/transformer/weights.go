package transformer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// weights hands out the tensors of a file by name and shape under a path, for the
// values of config.json (config.go). What goes wrong is remembered, so that a family
// asks without looking at errors and finish reports them all.
type weights struct {
	*source
	path   string        // with the dot that ends it, or empty
	format kernel.Format // of linear layers
	taps   int           // the last dimension of the tensors of linear layers, which are a convolution's; 0 = none
}

// A source is what the weights of all paths share.
type source struct {
	ctx      context.Context // of Open: where it ends, layers are packed no more
	config   []byte          // config.json, or the object in it under
	key      string          // "" = all of it
	head     HeadKind        // that is asked for
	ids      []int32         // Config.Tokens
	trust    bool            // Config.TrustModelType
	tasks    []TaskAdapter
	made     []made // where there are tasks
	file     *tensor.File
	adapter  *Adapter                  // merged into the weights; nil = none
	set      *kernel.Set               // nil = linear layers are only counted
	outliers Outliers                  // in Int8
	names    map[*Linear]string        // of linear layers in Int8: see Outliers
	stores   stored                    // how the file has the weights of linear layers
	format   kernel.Format             // of most linear layers
	linears  map[string]string         // the tensors with the weights of layers in that, see Model.Linears
	packs    map[*Linear]func(*Linear) // of openToCalibrate, pack the weights of a layer; nil = they are packed once
	sources  map[*Linear]*panelTask    // of openToCalibrate, what layers are made of whose tensors may be quantized
	spare    *kernel.Panels            // where that is done when a layer is used; nil = all are packed at once
	layers   map[string]*Linear        // of openToCalibrate, all by the names of Outliers; nil = several of that name
	packed   map[string]*Linear        // those of Config.Packed
	taken    map[*Linear]bool          // those that have the memory of one of these
	entered  string                    // where the file has the model's own names
	stored   func(name string) string  // the name in the file of a tensor; nil = the same
	bytes    int64                     // of what was handed out
	read     map[string]bool
	ignored  []string
	passed   []string // those of ignored that no text passes
	refused  error    // the first about a value of config.json
	errs     []error
	more     int          // errors than errs has
	packing  []packMemory // of each worker that packs
	rests    []restTask   // of the linear layers in Int8 of a model with a head of labels
}

func newWeights(ctx context.Context, c Config) *weights {
	var packed map[string]*Linear
	if c.Packed != nil {
		packed = c.Packed.layers
	}
	return &weights{format: c.Format, source: &source{
		ctx: ctx, config: c.JSON, head: c.Head, ids: c.Tokens, trust: c.TrustModelType, tasks: c.Tasks, file: c.Weights, adapter: c.Adapter, set: c.Set, format: c.Format, outliers: c.Outliers,
		packed: packed, layers: map[string]*Linear{}, taken: map[*Linear]bool{}, linears: map[string]string{}, names: map[*Linear]string{}, read: map[string]bool{},
	}}
}

// at returns the weights under path.
func (w *weights) at(path string) *weights {
	return &weights{source: w.source, path: w.path + path + ".", format: w.format}
}

// beside returns the weights beside what holds the model: heads lie there.
func (w *weights) beside() *weights {
	return &weights{source: w.source, path: parent(w.entered), format: w.format}
}

// parent returns the path of what holds the module with that path, which ends in a
// dot or is empty.
func parent(path string) string {
	return path[:strings.LastIndexByte(strings.TrimSuffix(path, "."), '.')+1]
}

// exact returns w with linear layers in float32.
func (w *weights) exact() *weights {
	return &weights{source: w.source, path: w.path, format: kernel.Float32}
}

// finer returns w with linear layers in a finer format: BFloat16 where w has Int8,
// Float32 where it has BFloat16. It is for the first layer of models whose hidden
// states begin as token embeddings, without a norm: what that layer adds is
// larger than they are, and about half of all error is its own (docs/int8.md).
func (w *weights) finer() *weights {
	f := w.format
	switch f {
	case kernel.Int8:
		f = finerThanInt8
	case kernel.BFloat16:
		f = kernel.Float32
	}
	return &weights{source: w.source, path: w.path, format: f}
}

// enter moves w to the path under which the file has the named tensor, which must
// be there and of the given shape: then what that says of sizes in config.json is
// true before anything is made in them. It reports whether a model can be made: not
// where that tensor is another, or a value of config.json is refused. Files keep a
// model's tensors under names such as "bert." where heads lie beside it.
func (w *weights) enter(name string, shape ...int) bool {
	if w.refused != nil {
		return false
	}
	var found []string
	for _, n := range w.file.Names() {
		if n == name || strings.HasSuffix(n, "."+name) {
			found = append(found, strings.TrimSuffix(n, name))
		}
	}
	if len(found) == 1 {
		w.path += found[0]
		w.entered = w.path
	} else if len(found) > 1 {
		w.errorf("tensor %s: found under %q, expected one", name, found)
		return false
	}
	_, ok := w.tensor(name, shape...)
	return ok
}

// shape returns that of a tensor with the weight of a linear layer.
func (w *weights) shape(rows, in int) []int {
	if w.taps > 0 {
		return []int{rows, in / w.taps, w.taps}
	}
	return []int{rows, in}
}

// has reports whether the file has the tensor of that full name.
func (w *weights) has(name string) bool {
	_, ok := w.file.Tensor(name)
	return ok
}

// holdsUnder reports whether the file has a tensor of that name under some path.
func (w *weights) holdsUnder(name string) bool {
	return slices.ContainsFunc(w.file.Names(), func(n string) bool { return n == name || strings.HasSuffix(n, "."+name) })
}

// ignore marks the tensors whose names begin with one of the prefixes, under
// w's path, as known and not used.
func (w *weights) ignore(prefixes ...string) {
	for _, p := range prefixes {
		w.ignored = append(w.ignored, w.path+p)
	}
}

// errorf remembers an error, the first ones in words.
func (w *weights) errorf(format string, args ...any) {
	const most = 8
	if len(w.errs) == most {
		w.more++
		return
	}
	w.errs = append(w.errs, w.named(format, args...))
}

// finish returns what went wrong, an error for outliers of no layer, and an error for each tensor that was neither
// read nor ignored nor is a head's.
func (w *weights) finish() error {
	all := w.file.Names()
	for _, name := range all {
		ignored := slices.ContainsFunc(w.ignored, func(p string) bool { return strings.HasPrefix(name, p) })
		if !w.read[name] && !ignored && !isHead(name, w.entered, all) {
			w.errorf("tensor %s: not used by this model", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.outliers)) {
		if !slices.Contains(slices.Collect(maps.Values(w.names)), name) {
			w.errorf("outliers of %s: this model has no such layer", name)
		}
	}
	own := make([]string, len(w.ignored))
	for i, p := range w.ignored {
		own[i] = strings.TrimPrefix(p, w.entered)
	}
	return errors.Join(w.err(), w.adapter.finish(own))
}

// err returns the errors that w remembers.
func (w *weights) err() error {
	if w.more > 0 {
		w.errs = append(w.errs, w.named("and %d more errors", w.more))
	}
	return errors.Join(w.errs...)
}

// named returns an error about the file.
func (w *weights) named(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if name := w.file.Name(); name != "" {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// own returns the full name of a tensor without what lies before the model's own
// names, of one beside the model without what lies before the model's.
func (w *weights) own(name string) string {
	name = w.path + name
	if own, ok := strings.CutPrefix(name, w.entered); ok {
		return own
	}
	return strings.TrimPrefix(name, parent(w.entered))
}

// full returns the name in the file of the tensor of that name under w's path.
func (w *weights) full(name string) string {
	name = w.path + name
	if w.stored != nil {
		name = w.stored(name)
	}
	return name
}

// tensor returns the float tensor of the given shape, false where there is none.
func (w *weights) tensor(name string, shape ...int) (tensor.Tensor, bool) {
	replacement, replaced := w.adapter.replacement(w.own(name))
	name = w.full(name)
	t, ok := w.file.Tensor(name)
	if !ok && !replaced {
		w.errorf("tensor %s: missing, expected shape %v", name, shape)
		return t, false
	}
	w.read[name] = true
	errorf := w.errorf
	if replaced {
		t, errorf = replacement, w.adapter.errorf
	}
	if !slices.Equal(t.Shape, shape) {
		errorf("tensor %s: shape %v, expected %v", t.Name, t.Shape, shape)
		return t, false
	}
	if err := t.Float32sAt(nil, 0); err != nil {
		errorf("%w", err)
		return t, false
	}
	return t, true
}

// vector returns a tensor of n elements, of none where it is missing; where the
// file has another of its older names, that one.
func (w *weights) vector(n int, name string, older ...string) []float32 {
	for _, o := range older {
		if _, ok := w.file.Tensor(w.path + o); ok {
			name = o
		}
	}
	t, ok := w.tensor(name, n)
	if !ok {
		return []float32{}
	}
	v := w.floats(n)
	w.convert(v, t, 0)
	return v
}

// floats returns n elements, counted.
func (w *weights) floats(n int) []float32 {
	w.bytes += 4 * int64(n)
	return make([]float32, n)
}

// convert writes the elements of t from at on to dst.
func (w *weights) convert(dst []float32, t tensor.Tensor, at int) {
	if err := t.Float32sAt(dst, at); err != nil {
		w.errorf("%w", err)
	}
}

// A bias says whether a part of a model has one.
type bias bool

const (
	withBias    bias = true
	withoutBias bias = false
)

// table returns the embedding table under name, left in the file.
func (w *weights) table(name string, rows, cols int) *Table {
	l := w.at(name)
	t, _ := l.tensor("weight", rows, cols)
	u := l.adapter.table(l.own("weight"), rows, cols)
	w.bytes += int64(len(t.Data)) + u.bytes()
	return &Table{Rows: rows, Cols: cols, tensor: t, update: u}
}

// rows returns the embedding table under name, in float32.
func (w *weights) rows(name string, rows, cols int) tensor.Matrix {
	l := w.at(name)
	t, ok := l.tensor("weight", rows, cols)
	if !ok {
		return tensor.Matrix{}
	}
	m := tensor.Matrix{Rows: rows, Cols: cols, Stride: cols, Data: w.floats(rows * cols)}
	w.convert(m.Data, t, 0)
	if u := l.adapter.table(l.own("weight"), rows, cols); u != nil {
		for i := range rows {
			u.addRow(m.Row(i), i)
		}
	}
	return m
}
