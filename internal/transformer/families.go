package transformer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// families maps model_type in config.json to the function that assembles it.
var families = map[string]func(config []byte, w *weights) (*Model, error){
	"bert": openBERT,
}

// Open builds the model that config (a config.json) describes from its weights,
// packed for the kernels of s. The token table stays in weights, which must stay
// open as long as the model is used. Unknown values, missing and misshaped
// tensors, and tensors that the model does not read are errors.
func Open(config []byte, file *tensor.File, s *kernel.Set) (*Model, error) {
	var head struct {
		ModelType string          `json:"model_type"`
		AutoMap   map[string]any  `json:"auto_map"`
		Quantized json.RawMessage `json:"quantization_config"`
	}
	if err := Unmarshal(config, &head); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	open, ok := families[head.ModelType]
	if !ok {
		known := slices.Sorted(maps.Keys(families))
		return nil, fmt.Errorf("config.json: model_type: found %q, expected one of %s", head.ModelType, strings.Join(known, ", "))
	}
	if len(head.AutoMap) > 0 {
		return nil, fmt.Errorf("config.json: auto_map: found code of its own for a %s, expected none", head.ModelType)
	}
	if head.Quantized != nil && string(head.Quantized) != "null" {
		return nil, errors.New("config.json: quantization_config: found quantized weights, expected none")
	}
	w := newWeights(file, s)
	m, err := open(config, w)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	m.set = s
	m.Family = head.ModelType
	return m, nil
}

// activations maps the names of config.json (transformers' ACT2FN) to kernels.
var activations = map[string]kernel.Activation{
	"gelu":              kernel.GELU,
	"gelu_python":       kernel.GELU,
	"gelu_new":          kernel.GELUTanh,
	"gelu_pytorch_tanh": kernel.GELUTanh,
	"relu":              kernel.ReLU,
	"silu":              kernel.SiLU,
	"swish":             kernel.SiLU,
	"tanh":              kernel.Tanh,
	"linear":            kernel.Identity,
}

// activation looks up the value that config.json has under key.
func activation(key, name string) (kernel.Activation, error) {
	a, ok := activations[name]
	if !ok {
		known := slices.Sorted(maps.Keys(activations))
		return 0, fmt.Errorf("%s: found %q, expected one of %s", key, name, strings.Join(known, ", "))
	}
	return a, nil
}

// positive returns an error that names the first of the values that is below 1.
// Values beyond 2³¹ would overflow sizes.
func positive(values ...keyValue) error {
	for _, v := range values {
		if v.value < 1 || v.value > 1<<31-1 {
			return fmt.Errorf("%s: found %d, expected a positive 32-bit number", v.key, v.value)
		}
	}
	return nil
}

type keyValue struct {
	key   string
	value int
}
