package pipeline

import (
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Dense is a linear layer and its activation, sentence-transformers' Dense:
// act(x·wᵀ + b), and with a residual x or x·rᵀ added. It is a Module.
type Dense struct {
	set        *kernel.Set
	panels     kernel.Panels // inputs×outputs, with the bias
	activation Activation
	residual   bool
	projection *kernel.Panels // of the residual; nil for x itself
}

// NewDense returns the layer of weight (outputs×inputs) and bias, of outputs
// elements, or none for zeros.
func NewDense(set *kernel.Set, weight tensor.Matrix, bias []float32, a Activation) *Dense {
	d := &Dense{set: set, activation: a}
	d.pack(&d.panels, weight)
	copy(d.panels.Bias, bias)
	return d
}

// AddInput makes d add its inputs to its outputs, of which there are as many.
func (d *Dense) AddInput() { d.residual = true }

// AddProjection makes d add x·projectionᵀ (outputs×inputs) to its outputs.
func (d *Dense) AddProjection(projection tensor.Matrix) {
	d.residual, d.projection = true, new(kernel.Panels)
	d.pack(d.projection, projection)
}

// pack packs a weight, outputs×inputs, without a bias.
func (d *Dense) pack(panels *kernel.Panels, weight tensor.Matrix) {
	panels.Resize(kernel.Float32, weight.Cols, weight.Rows)
	for i := range panels.Count() {
		d.set.PackTransposed(panels, i, weight.Slice(i*kernel.Panel, min((i+1)*kernel.Panel, weight.Rows)))
	}
}

// Bytes returns the memory of the packed weights.
func (d *Dense) Bytes() int64 {
	n := d.panels.Bytes()
	if d.projection != nil {
		n += d.projection.Bytes()
	}
	return n
}

// Apply is that of Module.
func (d *Dense) Apply(s *Scratch, x tensor.Matrix) tensor.Matrix {
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

// An Activation is one of torch.nn's: a kernel, and what is left to do after it.
type Activation struct {
	kernel kernel.Activation
	then   func(s *kernel.Set, x []float32)
}

// activations maps the class names of torch.nn. Their arguments are not stored
// beside the name, so that all have torch's defaults.
var activations = map[string]Activation{
	"Identity":  {kernel.Identity, nil},
	"Tanh":      {kernel.Tanh, nil},
	"GELU":      {kernel.GELU, nil},
	"ReLU":      {kernel.ReLU, nil},
	"SiLU":      {kernel.SiLU, nil},
	"LeakyReLU": {kernel.Identity, leakyReLU},
	"Sigmoid":   {kernel.Identity, sigmoid},
}

// ParseActivation returns the activation of a class, by its path, such as
// torch.nn.modules.activation.Tanh. sentence-transformers 6.2 takes those outside
// torch for Tanh, with a warning; here they are errors.
func ParseActivation(path string) (Activation, error) {
	class := path[strings.LastIndexByte(path, '.')+1:]
	a, ok := activations[class]
	if !ok || !strings.HasPrefix(path, "torch.nn.") {
		return a, unsupported.Errorf("unknown %.100q, expected one of torch.nn: %s", path, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	}
	return a, nil
}

// Apply applies a to each element of x.
func (a Activation) Apply(set *kernel.Set, x []float32) {
	if len(x) == 0 {
		return
	}
	set.Activate(a.kernel, x, len(x), 1, len(x))
	if a.then != nil {
		a.then(set, x)
	}
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

// A LayerNorm is sentence-transformers' LayerNorm, a Module.
type LayerNorm struct {
	Set         *kernel.Set
	Gamma, Beta []float32 // of each component
}

// Apply is that of Module.
func (n *LayerNorm) Apply(_ *Scratch, x tensor.Matrix) tensor.Matrix {
	for i := range x.Rows {
		row := x.Row(i)
		n.Set.LayerNorm(row, row, nil, n.Gamma, n.Beta, 1e-5) // torch's default: the file does not say
	}
	return x
}
