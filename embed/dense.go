package embed

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A module makes new vectors of those before it.
type module interface {
	// apply returns the new vectors of x, a row each. They may lie in x, which
	// is lost, or in s.
	apply(s *scratch, x tensor.Matrix) tensor.Matrix
	recipe() string
}

// dense is a linear layer and its activation, sentence-transformers' Dense:
// act(x·wᵀ + b), and with a residual x or x·rᵀ added.
type dense struct {
	set        *kernel.Set
	panels     kernel.Panels // inputs×outputs, with the bias
	activation activation
	residual   bool
	projection *kernel.Panels // of the residual; nil for x itself
	made       string         // recipe
}

func (d *dense) recipe() string { return d.made }

func (d *dense) apply(s *scratch, x tensor.Matrix) tensor.Matrix {
	s.rows.Resize(d.set, x.Rows, &d.panels)
	for t := range s.rows.Tiles() {
		d.set.PackRows(&s.rows, t, x)
	}
	y := s.matrix(x.Rows, d.panels.N)
	d.set.Multiply(y, &s.rows, 0, s.rows.Tiles(), &d.panels, 0, d.panels.Count(), 0, d.activation.kernel)
	if d.activation.then != nil {
		d.activation.then(d.set, y.Data)
	}
	if p := d.projection; p != nil {
		x = asMatrix(grow(&s.residual, x.Rows*p.N), x.Rows, p.N)
		d.set.Multiply(x, &s.rows, 0, s.rows.Tiles(), p, 0, p.Count(), 0, kernel.Identity)
	}
	if d.residual {
		for i := range y.Rows {
			d.set.Axpy(y.Row(i), x.Row(i), 1)
		}
	}
	return y
}

// An activation is one of torch.nn's: a kernel, and what is left to do after it.
type activation struct {
	kernel kernel.Activation
	then   func(s *kernel.Set, x []float32)
}

// activations maps the class names of torch.nn. Their arguments are not stored
// beside the name, so that all have torch's defaults.
var activations = map[string]activation{
	"Identity":  {kernel.Identity, nil},
	"Tanh":      {kernel.Tanh, nil},
	"GELU":      {kernel.GELU, nil},
	"ReLU":      {kernel.ReLU, nil},
	"SiLU":      {kernel.SiLU, nil},
	"LeakyReLU": {kernel.Identity, leakyReLU},
	"Sigmoid":   {kernel.Identity, sigmoid},
}

// sigmoid is 1/(1+exp(-x)) as (1+tanh(x/2))/2, within 1e-7: halves are exact.
func sigmoid(s *kernel.Set, x []float32) {
	s.Scale(x, 0.5)
	s.Activate(kernel.Tanh, x, len(x), 1, len(x))
	for i, v := range x {
		x[i] = 0.5 + 0.5*v
	}
}

// leakyReLU multiplies what is negative by 0.01.
func leakyReLU(_ *kernel.Set, x []float32) {
	for i, v := range x {
		if v < 0 {
			x[i] = v * 0.01
		}
	}
}

// parseActivation looks up the path of a class. sentence-transformers 6.2 takes
// those outside torch for Tanh, with a warning.
func parseActivation(name string) (activation, error) {
	class := name[strings.LastIndexByte(name, '.')+1:]
	a, ok := activations[class]
	if !ok || !strings.HasPrefix(name, "torch.nn.") {
		return a, fmt.Errorf("unknown %.100q, expected one of torch.nn: %s", name, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	}
	return a, nil
}

// dense reads a Dense module for vectors of so many components.
func (l *loader) dense(f folder, inputs int, input feature) (module, error) {
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
		return nil, err
	}
	var act activation
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
		if act, err = parseActivation(*config.ActivationFunction); err != nil {
			err = fmt.Errorf("activation_function: %w", err)
		} else {
			err = config.check(input)
		}
	}
	if err != nil {
		return nil, f.errorIn(name, err)
	}
	shapes := map[string][]int{"linear.weight": {outputs, inputs}}
	if config.Bias {
		shapes["linear.bias"] = []int{outputs}
	}
	d := &dense{set: l.set, activation: act, residual: config.UseResidual}
	if d.residual && inputs != outputs {
		shapes["residual.weight"] = []int{outputs, inputs}
		d.projection = new(kernel.Panels)
	}
	values, sum, err := f.tensors(shapes)
	if err != nil {
		return nil, err
	}
	class := (*config.ActivationFunction)[strings.LastIndexByte(*config.ActivationFunction, '.')+1:]
	d.made = fmt.Sprintf("Dense %s residual=%t %s", class, d.residual, sum)
	d.pack(&d.panels, values["linear.weight"], inputs, outputs)
	copy(d.panels.Bias, values["linear.bias"])
	l.model.info.MemoryBytes += d.panels.Bytes()
	if d.projection != nil {
		d.pack(d.projection, values["residual.weight"], inputs, outputs)
		l.model.info.MemoryBytes += d.projection.Bytes()
	}
	return d, nil
}

// pack packs a weight, outputs×inputs, without a bias.
func (d *dense) pack(panels *kernel.Panels, weight []float32, inputs, outputs int) {
	panels.Resize(kernel.Float32, inputs, outputs)
	rows := asMatrix(weight, outputs, inputs)
	for i := range panels.Count() {
		d.set.PackTransposed(panels, i, rows.Slice(i*kernel.Panel, min((i+1)*kernel.Panel, outputs)))
	}
}

// layerNorm is sentence-transformers' LayerNorm.
type layerNorm struct {
	set         *kernel.Set
	gamma, beta []float32
	made        string // recipe
}

func (n *layerNorm) recipe() string { return n.made }

func (n *layerNorm) apply(_ *scratch, x tensor.Matrix) tensor.Matrix {
	for i := range x.Rows {
		row := x.Row(i)
		n.set.LayerNorm(row, row, nil, n.gamma, n.beta, 1e-5) // torch's default: the file does not say
	}
	return x
}

// layerNorm reads a LayerNorm module for vectors of so many components.
func (l *loader) layerNorm(f folder, width int) (module, error) {
	const name = "config.json"
	var config struct {
		Dimension int `json:"dimension"`
	}
	found, err := f.readJSON(name, &config)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, f.errorIn(name, fs.ErrNotExist)
	case config.Dimension != width:
		return nil, f.errorIn(name, fmt.Errorf("dimension: %d, expected %d, what the modules before make", config.Dimension, width))
	}
	values, sum, err := f.tensors(map[string][]int{"norm.weight": {width}, "norm.bias": {width}})
	if err != nil {
		return nil, err
	}
	l.model.info.MemoryBytes += 8 * int64(width)
	return &layerNorm{l.set, values["norm.weight"], values["norm.bias"], "LayerNorm " + sum}, nil
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
	err = guard(func() []*tensor.File { return []*tensor.File{file} }, func() error {
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
