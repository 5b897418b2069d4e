package loader

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// A moduleKey is a module at a place that it fits in.
type moduleKey struct {
	spec  *modelfolder.Module
	width int
}

// A loaded module, its part of the recipe, and how many components it makes.
type loaded struct {
	module pipeline.Module
	recipe string
	width  int
}

// module loads a module that reads vectors of so many components, once.
func (m *Model) module(spec *modelfolder.Module, width int) (loaded, error) {
	key := moduleKey{spec, width}
	if made, ok := m.modules[key]; ok {
		return made, nil
	}
	var err error
	if !spec.Inline && spec.File == "" {
		err = spec.Fits(width)
	}
	made := loaded{pipeline.Normalize{}, "Normalize", width}
	if err == nil {
		switch {
		case spec.Inline:
			made, err = m.inlineDense(spec, width)
		case spec.File != "":
			made, _, err = m.linear(spec.File, width)
		case spec.Class == modelfolder.Dense:
			made, err = m.dense(spec)
		case spec.Class == modelfolder.LayerNorm:
			made, err = m.layerNorm(spec)
		case spec.Class == modelfolder.Quantizer:
			made.module, made.recipe = pipeline.Tanh127{}, "Tanh127"
		case spec.Class == modelfolder.SparseAutoEncoder:
			made, err = m.autoEncoder(spec)
		}
	}
	m.modules[key] = made
	return made, err
}

// dense loads a Dense module.
func (m *Model) dense(spec *modelfolder.Module) (made loaded, err error) {
	inputs, outputs := spec.Inputs, spec.Outputs
	act, err := pipeline.ParseActivation(spec.Activation)
	if err != nil {
		return made, spec.Error(fmt.Errorf("activation_function: %w", err))
	}
	shapes := map[string][]int{"linear.weight": {outputs, inputs}}
	if spec.Bias {
		shapes["linear.bias"] = []int{outputs}
	}
	projected := spec.Residual && inputs != outputs
	if projected {
		shapes["residual.weight"] = []int{outputs, inputs}
	}
	values, sum, err := readTensors(spec.Folder, shapes)
	if err != nil {
		return made, err
	}
	weight := func(name string) tensor.Matrix {
		return tensor.Matrix{Rows: outputs, Cols: inputs, Stride: inputs, Data: values[name]}
	}
	d := pipeline.NewDense(m.Set, weight("linear.weight"), values["linear.bias"], act)
	switch {
	case projected:
		d.AddProjection(weight("residual.weight"))
	case spec.Residual:
		d.AddInput()
	}
	m.Bytes += d.Bytes()
	class := spec.Activation[strings.LastIndexByte(spec.Activation, '.')+1:]
	return loaded{d, fmt.Sprintf("Dense %s residual=%t %s", class, spec.Residual, sum), outputs}, nil
}

// inlineDense makes ColBERT's layer, whose weight is in the file of the transformer.
func (m *Model) inlineDense(spec *modelfolder.Module, width int) (made loaded, err error) {
	const name = "linear.weight"
	act, err := pipeline.ParseActivation(spec.Activation)
	if err != nil {
		return made, spec.Error(err)
	}
	file := m.Files[m.encoders[m.Spec.Default.Encoder].Weights]
	t, ok := file.Tensor(name)
	switch {
	case !ok:
		err = fmt.Errorf("tensor %s: missing, expected the layer that makes the vectors of tokens", name)
	case len(t.Shape) != 2 || t.Shape[0] < 1 || t.Shape[1] != width:
		err = fmt.Errorf("tensor %s: shape %v, expected one row or more of %d, the width of a hidden state", name, t.Shape, width)
	case spec.Outputs != 0 && t.Shape[0] != spec.Outputs:
		err = fmt.Errorf("tensor %s: shape %v, expected %d rows, as dim of the folder says", name, t.Shape, spec.Outputs)
	}
	if err != nil {
		return made, fmt.Errorf("%s: %w", file.Name(), err)
	}
	weight := tensor.NewMatrix(t.Shape[0], width)
	if err := t.Float32s(weight.Data); err != nil {
		return made, fmt.Errorf("%s: tensor %s: %w", file.Name(), name, err)
	}
	d := pipeline.NewDense(m.Set, weight, nil, act)
	m.Bytes += d.Bytes()
	return loaded{d, "Dense inline", weight.Rows}, nil
}

// layerNorm loads a LayerNorm module.
func (m *Model) layerNorm(spec *modelfolder.Module) (made loaded, err error) {
	width := spec.Inputs
	values, sum, err := readTensors(spec.Folder, map[string][]int{"norm.weight": {width}, "norm.bias": {width}})
	if err != nil {
		return made, err
	}
	m.Bytes += 8 * int64(width)
	return loaded{&pipeline.LayerNorm{Set: m.Set, Gamma: values["norm.weight"], Beta: values["norm.bias"]}, "LayerNorm " + sum, width}, nil
}

// autoEncoder loads the encoder of a SparseAutoEncoder module. Its decoder, which has the
// same weight, and what it counts in training play no part.
func (m *Model) autoEncoder(spec *modelfolder.Module) (made loaded, err error) {
	inputs, outputs := spec.Inputs, spec.Outputs
	names, err := tensorNames(spec.Folder)
	if err != nil {
		return made, err
	}
	weight, other := "encoder.weight", "decoder.linear.weight"
	if !slices.Contains(names, weight) && slices.Contains(names, other) {
		weight, other = other, weight
	}
	shapes := map[string][]int{
		"pre_bias": {inputs}, "latent_bias": {outputs}, weight: {outputs, inputs}, other: nil, "stats_last_nonzero": nil,
	}
	values, sum, err := readTensors(spec.Folder, shapes)
	if err != nil {
		return made, err
	}
	identity, err := pipeline.ParseActivation("torch.nn.Identity")
	if err != nil {
		return made, err
	}
	a := &pipeline.AutoEncoder{
		Standardize: spec.Standardize, Before: values["pre_bias"],
		Dense: pipeline.NewDense(m.Set, tensor.Matrix{Rows: outputs, Cols: inputs, Stride: inputs, Data: values[weight]}, values["latent_bias"], identity),
	}
	m.Bytes += a.Dense.Bytes() + 4*int64(inputs)
	return loaded{a, fmt.Sprintf("SparseAutoEncoder normalize=%t k=%d %s", spec.Standardize, spec.MaxActive, sum), outputs}, nil
}

// lexical makes the head of r of the layer of l.
func (m *Model) lexical(r *Route, l *modelfolder.Lexical) error {
	e := r.Encoder
	head := &pipeline.Lexical{Vocabulary: e.Runs.Vocabulary(), Dropped: l.Dropped}
	r.Head, r.Dimensions = head, head.Vocabulary
	if l.File != "" {
		made, dense, err := m.linear(l.File, e.Runs.Width())
		head.Dense, r.modules = dense, []string{made.recipe}
		return err
	}
	var err error
	head.Dense, err = m.inlineLexical(l, e)
	return err
}

// inlineLexical loads the layer of l, which lies in the weights of e.
func (m *Model) inlineLexical(l *modelfolder.Lexical, e *Encoder) (*pipeline.Dense, error) {
	file, width := m.Files[e.Weights], e.Runs.Width()
	values := map[string][]float32{}
	for name, shape := range map[string][]int{l.Layer + ".weight": {1, width}, l.Layer + ".bias": {1}} {
		t, ok := file.Tensor(name)
		if !ok || !slices.Equal(t.Shape, shape) {
			return nil, fmt.Errorf("%s: tensor %s: shape %v, expected %v", file.Name(), name, t.Shape, shape)
		}
		values[name] = make([]float32, t.Len())
		if err := t.Float32s(values[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
	}
	identity, err := pipeline.ParseActivation("torch.nn.Identity")
	if err != nil {
		return nil, err
	}
	weight := tensor.Matrix{Rows: 1, Cols: width, Stride: width, Data: values[l.Layer+".weight"]}
	d := pipeline.NewDense(m.Set, weight, values[l.Layer+".bias"], identity)
	m.Bytes += d.Bytes()
	return d, nil
}

// tensorNames returns the names of a module's tensors.
func tensorNames(f modelfolder.Folder) ([]string, error) {
	file, err := f.Weights()
	if err != nil {
		return nil, err
	}
	return file.Names(), file.Close()
}

// readTensors reads the weights of a module: those of the given shapes, which must
// be all that there are, but for those without a shape, which it does not read. It
// returns their sum too.
func readTensors(f modelfolder.Folder, shapes map[string][]int) (values map[string][]float32, sum string, err error) {
	file, err := f.Weights()
	if err != nil {
		return nil, "", err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	values = map[string][]float32{}
	err = pipeline.Guard(func() []*tensor.File { return []*tensor.File{file} }, func() error {
		sum, err = readAll(values, file, shapes)
		return err
	})
	return values, sum, err
}

// readAll reads all tensors of file into values, and returns their sum.
func readAll(values map[string][]float32, file *tensor.File, shapes map[string][]int) (sum string, err error) {
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		t, ok := file.Tensor(name)
		switch {
		case shapes[name] == nil:
		case !ok:
			err = fmt.Errorf("tensor %s: missing, expected shape %v", name, shapes[name])
		case !slices.Equal(t.Shape, shapes[name]):
			err = fmt.Errorf("tensor %s: shape %v, expected %v", name, t.Shape, shapes[name])
		default:
			values[name] = make([]float32, t.Len())
			err = t.Float32s(values[name])
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", file.Name(), err)
		}
	}
	for _, name := range file.Names() {
		if _, ok := shapes[name]; !ok {
			return "", fmt.Errorf("%s: tensor %s: not used by this module", file.Name(), name)
		}
	}
	bytes, err := sumTensors(context.Background(), file, nil)
	return hex.EncodeToString(bytes), err
}
