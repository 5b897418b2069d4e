// Package packed reads the weights of linear layers that other tools stored in fewer
// bits: what the quantization_config of a config.json says of them, and the tensors of a
// layer → the floats that these stand for.
//
// Elements are what transformers 5.23 and the packages that it calls make of them where
// they dequantize, rounded as there. What these quantize besides, the inputs of layers,
// stays as it is: that is how they compute with dequantized weights too.
package packed

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Format is how a folder stores the weights of linear layers.
type Format struct {
	name    string
	ignored []string
	open    func(l *layer) *Weight // nil where l has floats
}

// String returns the name of f for people, such as "GPTQ, 4 bits".
func (f *Format) String() string { return f.name }

// Ignored returns the keys of the quantization_config that nothing is computed of.
func (f *Format) Ignored() []string { return f.ignored }

// methods maps a quant_method to the reader of its quantization_config.
var methods = map[string]func(data []byte) (*Format, error){
	"awq":                parseAWQ,
	"bitsandbytes":       parseBitsAndBytes,
	"compressed-tensors": parseCompressed,
	"fp8":                parseFP8,
	"gptq":               parseGPTQ,
}

// Methods returns the names of all quant_method that Parse knows, ascending.
func Methods() []string { return slices.Sorted(maps.Keys(methods)) }

// Parse reads a quantization_config. A method and a value that this package does not
// compute with are unsupported.Err.
func Parse(data []byte) (*Format, error) {
	var head struct {
		Method string `json:"quant_method"`
		Int8   bool   `json:"load_in_8bit"`
		Int4   bool   `json:"load_in_4bit"`
	}
	if err := strictjson.Unmarshal(data, &head); err != nil {
		return nil, err
	}
	if head.Method == "" && (head.Int8 || head.Int4) {
		head.Method = "bitsandbytes" // before transformers 4.32 wrote quant_method
	}
	parse, ok := methods[head.Method]
	if !ok {
		return nil, unsupported.Errorf("quant_method: found %q, expected one of %s", head.Method, strings.Join(append(Methods(), "rhumb"), ", ")) // package weight reads the last one
	}
	return parse(data)
}

// decode decodes the object in data to v, and returns the keys that v lacks, which the
// reference does not read either.
func decode(data []byte, v any) (ignored []string, err error) {
	unknown, err := strictjson.UnmarshalFile(data, v)
	for _, m := range unknown {
		ignored = append(ignored, m.Key)
	}
	return ignored, err
}

// only returns an error where the value of a key is another than the one that is computed.
func only[T comparable](key string, found T, expected ...T) error {
	if slices.Contains(expected, found) {
		return nil
	}
	words := make([]string, len(expected))
	for i, e := range expected {
		words[i] = fmt.Sprintf("%#v", e)
	}
	return unsupported.Errorf("%s: found %#v, expected %s", key, found, strings.Join(words, " or "))
}

// positive returns an error for a size below 1, or above what a tensor can have.
func positive(key string, found int) error {
	if most := 1 << 30; found < 1 || found > most {
		return unsupported.Errorf("%s: found %d, expected 1 to %d", key, found, most)
	}
	return nil
}

// nothing returns an error where the value of a key says something.
func nothing(key string, found any) error {
	switch v := found.(type) {
	case nil:
		return nil
	case bool:
		if !v {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
	}
	return unsupported.Errorf("%s: found %.100s, expected none", key, fmt.Sprint(found))
}

// A Weight is the weight of a linear layer, rows×columns. It aliases the file, and is safe for concurrent use.
type Weight struct {
	codes func(dst tensor.Matrix, from int) // writes the codes of rows from, from+1, …
	scale func(dst tensor.Matrix, from int) // makes elements of them
}

// Read writes rows from, from+1, … to dst, which has the columns of w.
func (w *Weight) Read(dst tensor.Matrix, from int) {
	w.codes(dst, from)
	w.scale(dst, from)
}

// Weight returns the weight of that name, which ends in "weight", of a linear layer in
// file, nil where it is stored as floats, and the tensors that are read for it. Tensors
// that are missing, or of another shape or dtype than rows, cols and f ask for, and indices
// that are out of range are errors.
func (f *Format) Weight(file *tensor.File, name string, rows, cols int) (*Weight, []tensor.Tensor, error) {
	l := &layer{file: file, name: name, base: strings.TrimSuffix(name, "weight"), rows: rows, cols: cols}
	w := f.open(l)
	if l.err != nil {
		return nil, l.read, l.err
	}
	return w, l.read, nil
}

// A layer hands out the tensors of a linear layer, and remembers the first error.
type layer struct {
	file       *tensor.File
	name, base string // of the weight; of all tensors, with the dot that ends it
	rows, cols int
	read       []tensor.Tensor
	err        error
}

// errorf remembers an error.
func (l *layer) errorf(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// has reports whether there is a tensor of that name.
func (l *layer) has(name string) bool {
	_, ok := l.file.Tensor(l.base + name)
	return ok
}

// dtype returns that of the tensor of that name, 0 where there is none.
func (l *layer) dtype(name string) tensor.DType {
	t, _ := l.file.Tensor(l.base + name)
	return t.DType
}

// take returns the tensor of that name, whatever it is.
func (l *layer) take(name string) (tensor.Tensor, bool) {
	t, ok := l.file.Tensor(l.base + name)
	if ok {
		l.read = append(l.read, t)
	}
	return t, ok
}

// tensor returns the tensor of that name, which has the shape and one of the dtypes.
func (l *layer) tensor(name string, shape []int, dtypes ...tensor.DType) tensor.Tensor {
	t, ok := l.take(name)
	words := make([]string, len(dtypes))
	for i, d := range dtypes {
		words[i] = d.String()
	}
	expected := fmt.Sprintf("%s of shape %v", strings.Join(words, ", "), shape)
	switch {
	case !ok:
		l.errorf("tensor %s: missing, expected %s for a weight of %dx%d", l.base+name, expected, l.rows, l.cols)
	case !slices.Contains(dtypes, t.DType) || !slices.Equal(t.Shape, shape):
		l.errorf("tensor %s: %v of shape %v, expected %s for a weight of %dx%d", t.Name, t.DType, t.Shape, expected, l.rows, l.cols)
	}
	return t
}

// scalar returns the tensor of that name, which has one float, of no dimension or one.
func (l *layer) scalar(name string) tensor.Tensor {
	if t, ok := l.file.Tensor(l.base + name); ok && len(t.Shape) == 1 {
		return l.tensor(name, []int{1}, floats...)
	}
	return l.tensor(name, []int{}, floats...)
}

// divides remembers an error where columns are not a whole number of groups.
func (l *layer) divides(group int) {
	if l.cols%group != 0 {
		l.errorf("tensor %s: %d columns, expected a multiple of the group size %d", l.name, l.cols, group)
	}
}

// activations takes the tensors that say how a layer's inputs and outputs are quantized.
func (l *layer) activations(names ...string) {
	for _, name := range names {
		l.take(name)
	}
}

// floats are the dtypes that scales are in.
var floats = []tensor.DType{tensor.F32, tensor.F16, tensor.BF16}
