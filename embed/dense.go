package embed

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// dense reads a Dense module for vectors of so many components.
func (l *loader) dense(f folder, inputs int, input feature) (m module, err error) {
	const name = "config.json"
	tanh := "torch.nn.modules.activation.Tanh"
	config := struct {
		InFeatures         int     `json:"in_features"`
		OutFeatures        int     `json:"out_features"`
		Bias               bool    `json:"bias"`
		ActivationFunction *string `json:"activation_function"`
		UseResidual        bool    `json:"use_residual"`
		moduleNames
	}{Bias: true, ActivationFunction: &tanh}
	found, err := f.readJSON(name, &config)
	if err != nil {
		return m, err
	}
	var act pipeline.Activation
	outputs := config.OutFeatures
	switch {
	case !found:
		err = fs.ErrNotExist
	case config.InFeatures != inputs:
		err = fmt.Errorf("in_features: %d, expected %d, what the modules before make", config.InFeatures, inputs)
	case outputs < 1:
		err = fmt.Errorf("out_features: %d, expected 1 or more", outputs)
	case config.ActivationFunction == nil:
		err = errors.New("activation_function: null, expected a name")
	default:
		if act, err = pipeline.ParseActivation(*config.ActivationFunction); err != nil {
			err = fmt.Errorf("activation_function: %w", err)
		} else {
			err = config.check(input)
		}
	}
	if err != nil {
		return m, f.errorIn(name, err)
	}
	shapes := map[string][]int{"linear.weight": {outputs, inputs}}
	if config.Bias {
		shapes["linear.bias"] = []int{outputs}
	}
	projected := config.UseResidual && inputs != outputs
	if projected {
		shapes["residual.weight"] = []int{outputs, inputs}
	}
	values, sum, err := f.tensors(shapes)
	if err != nil {
		return m, err
	}
	matrix := func(name string) tensor.Matrix {
		return tensor.Matrix{Rows: outputs, Cols: inputs, Stride: inputs, Data: values[name]}
	}
	d := pipeline.NewDense(l.set, matrix("linear.weight"), values["linear.bias"], act)
	switch {
	case projected:
		d.AddProjection(matrix("residual.weight"))
	case config.UseResidual:
		d.AddInput()
	}
	l.model.info.MemoryBytes += d.Bytes()
	class := (*config.ActivationFunction)[strings.LastIndexByte(*config.ActivationFunction, '.')+1:]
	return module{d, fmt.Sprintf("Dense %s residual=%t %s", class, config.UseResidual, sum), outputs}, nil
}

// layerNorm reads a LayerNorm module for vectors of so many components.
func (l *loader) layerNorm(f folder, width int) (m module, err error) {
	const name = "config.json"
	var config struct {
		Dimension int `json:"dimension"`
	}
	found, err := f.readJSON(name, &config)
	switch {
	case err != nil:
		return m, err
	case !found:
		return m, f.errorIn(name, fs.ErrNotExist)
	case config.Dimension != width:
		return m, f.errorIn(name, fmt.Errorf("dimension: %d, expected %d, what the modules before make", config.Dimension, width))
	}
	values, sum, err := f.tensors(map[string][]int{"norm.weight": {width}, "norm.bias": {width}})
	if err != nil {
		return m, err
	}
	l.model.info.MemoryBytes += 8 * int64(width)
	norm := &pipeline.LayerNorm{Set: l.set, Gamma: values["norm.weight"], Beta: values["norm.bias"]}
	return module{norm, "LayerNorm " + sum, width}, nil
}

// tensors reads the weights of a module: those of the given shapes, which must
// be all that there are. It returns their sum too.
func (f folder) tensors(shapes map[string][]int) (values map[string][]float32, sum string, err error) {
	file, err := f.weights()
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
	return hex.EncodeToString(sumTensors(file, nil)), nil
}
