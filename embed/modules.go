package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A moduleEntry is an element of modules.json.
type moduleEntry struct {
	Idx    any      `json:"idx"`
	Name   string   `json:"name"`
	Path   string   `json:"path"`
	Type   string   `json:"type"`
	Kwargs []string `json:"kwargs"` // the names of arguments that callers in Python may give
}

// class returns the last part of the type: the packages before it changed
// from one version of sentence-transformers to the next.
func (e *moduleEntry) class() string { return e.Type[strings.LastIndexByte(e.Type, '.')+1:] }

// errorf returns an error about the module.
func (e *moduleEntry) errorf(format string, args ...any) error {
	return fmt.Errorf("modules.json: module %q of type %q: %w", e.Name, e.Type, fmt.Errorf(format, args...))
}

// modules reads modules.json. Its first entry is a Transformer. Without the
// file, that is all.
func (f folder) modules() ([]moduleEntry, error) {
	list := []moduleEntry{{Type: "Transformer"}}
	if found, err := f.readJSON("modules.json", &list); err != nil || !found {
		return list, err
	}
	if len(list) < 2 {
		return nil, fmt.Errorf("modules.json: %d modules, expected a Transformer, a Pooling and what follows", len(list))
	}
	for i := range list {
		e := &list[i]
		if e.Path != "" {
			e.Path = path.Clean(e.Path)
		}
		if e.Path != "" && !fs.ValidPath(e.Path) {
			return nil, e.errorf("path %q, expected one within the model's folder", e.Path)
		}
		if e.Path == "." {
			e.Path = ""
		}
	}
	if list[0].class() != "Transformer" {
		return nil, list[0].errorf("found first, expected a Transformer")
	}
	return list, nil
}

// loadModules reads the modules after the transformer.
func (m *Model) loadModules(root folder, list []moduleEntry, config modelConfig, set *kernel.Set) error {
	hidden := m.transformer.Hidden
	if len(list) == 0 {
		m.pooling = defaultPooling(config, set)
		m.info.Dimensions = hidden
	}
	for i := range list {
		e := &list[i]
		dir := folder{root.fsys, e.Path}
		switch class := e.class(); {
		case class == "Dropout":
			// off outside training
		case class == "Pooling":
			if m.pooling != nil {
				return e.errorf("a second Pooling")
			}
			p, err := dir.pooling(hidden, set)
			if err != nil {
				return err
			}
			m.pooling = p
			m.info.Dimensions = len(p.modes) * hidden
		case m.pooling == nil:
			return e.errorf("found before a Pooling, expected one")
		case class == "Dense":
			d, err := dir.dense(m.info.Dimensions, set)
			if err != nil {
				return err
			}
			m.modules = append(m.modules, d)
			m.info.Dimensions = d.panels.N
			m.info.MemoryBytes += d.panels.Bytes()
		case class == "Normalize":
			if err := dir.checkNormalize(); err != nil {
				return err
			}
			m.modules = append(m.modules, normalize{})
		default:
			return e.errorf("unknown, expected Pooling, Dense, Normalize or Dropout")
		}
	}
	if m.pooling == nil {
		return errors.New("modules.json: no Pooling")
	}
	// The end is finish's.
	for n := len(m.modules); n > 0 && m.modules[n-1] == module(normalize{}); n-- {
		m.modules = m.modules[:n-1]
		m.info.Normalized = true
	}
	m.info.Pooling = m.pooling.names()
	return nil
}

// defaultPooling returns the pooling of a model without modules.json, as
// sentence-transformers 6.2 chooses it.
func defaultPooling(config modelConfig, set *kernel.Set) *pooling {
	p := &pooling{set: set, modes: []mode{poolMean}, includePrompt: true}
	causal := config.IsCausal == nil || *config.IsCausal
	if a := config.Architectures; len(a) > 0 && strings.HasSuffix(a[0], "ForCausalLM") && causal {
		p.modes[0] = poolLastToken
	}
	return p
}

// pooling reads the configuration of a Pooling module, in the keys from
// sentence-transformers 5.4 on or in those before.
func (f folder) pooling(hidden int, set *kernel.Set) (*pooling, error) {
	const name = "config.json"
	var config struct {
		WordEmbeddingDimension *int            `json:"word_embedding_dimension"`
		EmbeddingDimension     *int            `json:"embedding_dimension"`
		IncludePrompt          *bool           `json:"include_prompt"`
		PoolingMode            json.RawMessage `json:"pooling_mode"`
		CLS                    bool            `json:"pooling_mode_cls_token"`
		Max                    bool            `json:"pooling_mode_max_tokens"`
		Mean                   bool            `json:"pooling_mode_mean_tokens"`
		MeanSqrtLen            bool            `json:"pooling_mode_mean_sqrt_len_tokens"`
		WeightedMean           bool            `json:"pooling_mode_weightedmean_tokens"`
		LastToken              bool            `json:"pooling_mode_lasttoken"`
	}
	found, err := f.readJSON(name, &config)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, f.errorIn(name, fs.ErrNotExist)
	}
	dimension := config.EmbeddingDimension
	if dimension == nil {
		dimension = config.WordEmbeddingDimension
	}
	if dimension == nil || *dimension != hidden {
		return nil, f.errorIn(name, fmt.Errorf("embedding_dimension, word_embedding_dimension: %s, expected %d, the model's hidden_size", number(dimension), hidden))
	}
	p := &pooling{set: set, includePrompt: config.IncludePrompt == nil || *config.IncludePrompt}
	if config.PoolingMode != nil {
		p.modes, err = parseModes(config.PoolingMode)
		return p, f.errorIn(name, err)
	}
	for m, on := range []bool{
		poolCLS: config.CLS, poolMax: config.Max, poolMean: config.Mean, poolMeanSqrtLen: config.MeanSqrtLen,
		poolWeightedMean: config.WeightedMean, poolLastToken: config.LastToken,
	} {
		if on {
			p.modes = append(p.modes, mode(m))
		}
	}
	if len(p.modes) == 0 {
		p.modes = []mode{poolMean}
	}
	return p, nil
}

// number returns n for an error.
func number(n *int) string {
	if n == nil {
		return "missing"
	}
	return fmt.Sprint(*n)
}

// parseModes reads a pooling_mode: a name or a list of names.
func parseModes(data json.RawMessage) ([]mode, error) {
	var names []string
	if json.Unmarshal(data, &names) != nil {
		names = make([]string, 1)
		if json.Unmarshal(data, &names[0]) != nil {
			return nil, fmt.Errorf("pooling_mode: %.100s, expected a name or a list of names", data)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("pooling_mode: %.100s, expected at least one name", data)
	}
	var list []mode
	for _, name := range names {
		m, err := parseMode(name)
		if err != nil {
			return nil, fmt.Errorf("pooling_mode: %w", err)
		}
		list = append(list, m)
	}
	return list, nil
}

// activations maps the class names of torch.nn to kernels.
var activations = map[string]kernel.Activation{
	"Identity": kernel.Identity,
	"Tanh":     kernel.Tanh,
	"GELU":     kernel.GELU,
	"ReLU":     kernel.ReLU,
	"SiLU":     kernel.SiLU,
}

// dense reads a Dense module for vectors of so many components.
func (f folder) dense(inputs int, set *kernel.Set) (*dense, error) {
	const name = "config.json"
	config := struct {
		InFeatures         int    `json:"in_features"`
		OutFeatures        int    `json:"out_features"`
		Bias               bool   `json:"bias"`
		ActivationFunction string `json:"activation_function"`
		UseResidual        bool   `json:"use_residual"`
		moduleNames
	}{Bias: true, ActivationFunction: "torch.nn.modules.activation.Tanh"}
	found, err := f.readJSON(name, &config)
	if err != nil {
		return nil, err
	}
	class := config.ActivationFunction[strings.LastIndexByte(config.ActivationFunction, '.')+1:]
	activation, known := activations[class]
	switch {
	case !found:
		err = fs.ErrNotExist
	case config.InFeatures != inputs:
		err = fmt.Errorf("in_features: %d, expected %d, what the modules before make", config.InFeatures, inputs)
	case config.OutFeatures < 1:
		err = fmt.Errorf("out_features: %d, expected 1 or more", config.OutFeatures)
	case !known:
		err = fmt.Errorf("activation_function: unknown %q, expected one of %s", config.ActivationFunction,
			strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	case config.UseResidual:
		err = errors.New("use_residual: true, expected false")
	default:
		err = config.check()
	}
	if err != nil {
		return nil, f.errorIn(name, err)
	}
	file, err := f.weights()
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	d := &dense{set: set, activation: activation}
	if err := d.pack(file, inputs, config.OutFeatures, config.Bias); err != nil {
		return nil, f.errorIn("model.safetensors", err)
	}
	return d, nil
}

// pack packs the weights, which must be all that is in the file.
func (d *dense) pack(file *tensor.File, inputs, outputs int, bias bool) error {
	shapes := map[string][]int{"linear.weight": {outputs, inputs}}
	if bias {
		shapes["linear.bias"] = []int{outputs}
	}
	values := map[string][]float32{}
	for name, shape := range shapes {
		t, ok := file.Tensor(name)
		if !ok {
			return fmt.Errorf("tensor %s: missing, expected shape %v", name, shape)
		}
		if !slices.Equal(t.Shape, shape) {
			return fmt.Errorf("tensor %s: shape %v, expected %v", name, t.Shape, shape)
		}
		values[name] = make([]float32, t.Len())
		if err := t.Float32s(values[name]); err != nil {
			return err
		}
	}
	for _, name := range file.Names() {
		if _, ok := shapes[name]; !ok {
			return fmt.Errorf("tensor %s: not used by this module", name)
		}
	}
	d.panels.Resize(inputs, outputs)
	copy(d.panels.Bias, values["linear.bias"])
	weight := asMatrix(values["linear.weight"], outputs, inputs)
	for i := range d.panels.Count() {
		d.set.PackTransposed(&d.panels, i, weight.Slice(i*kernel.Panel, min((i+1)*kernel.Panel, outputs)))
	}
	return nil
}

// moduleNames say which features a module reads and writes, from
// sentence-transformers 5.4 on.
type moduleNames struct {
	ModuleInputName  string `json:"module_input_name"`
	ModuleOutputName string `json:"module_output_name"`
}

// check returns an error unless the module works on the pooled vector.
func (n *moduleNames) check() error {
	for _, name := range []string{n.ModuleInputName, n.ModuleOutputName} {
		if name != "" && name != "sentence_embedding" {
			return fmt.Errorf("module_input_name, module_output_name: found %q, expected %q", name, "sentence_embedding")
		}
	}
	return nil
}

// checkNormalize checks the configuration of a Normalize module, if it has one.
func (f folder) checkNormalize() error {
	const name = "config.json"
	if f.path == "" {
		return nil // the file is the transformer's
	}
	var names moduleNames
	if _, err := f.readJSON(name, &names); err != nil {
		return err
	}
	return f.errorIn(name, names.check())
}
