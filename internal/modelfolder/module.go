package modelfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// The classes of a Module.
const (
	Dense     = "Dense"
	LayerNorm = "LayerNorm"
	Normalize = "Normalize"

	Quantizer = "FlexibleQuantizer" // pplx-embed's, of the code published with it, st_quantize.py

	SparseAutoEncoder = "SparseAutoEncoder" // the last module of a sparse model
)

// A Module makes new vectors of those before it: sentence-transformers' Dense,
// LayerNorm, Normalize or SparseAutoEncoder, or a Quantizer.
type Module struct {
	Class  string
	Folder Folder

	Inputs int // that config.json says the module reads, but for a Normalize and a Quantizer
	key    string

	Outputs int // of a Dense and of a SparseAutoEncoder

	// Of a Dense.
	Bias       bool
	Activation string // the path of a class of torch.nn
	Residual   bool
	Inline     bool   // its weights are in the file of the transformer, which say how many outputs there are
	File       string // that has its weight and bias alone, which say that too; "" = none

	// Of a SparseAutoEncoder.
	Standardize bool // its input loses its mean and is divided by its deviation
	MaxActive   int  // k
}

// Fits returns an error unless the module reads vectors of so many components.
func (m *Module) Fits(width int) error {
	if m.Class == Normalize || m.Class == Quantizer || m.Inputs == width {
		return nil
	}
	return m.Error(fmt.Errorf("%s: %d, expected %d, what the modules before make", m.key, m.Inputs, width))
}

// Error is ErrorIn of the module's config.json.
func (m *Module) Error(err error) error { return m.Folder.ErrorIn(configName, err) }

// Pooling is how one vector is made of the hidden states of a text.
type Pooling struct {
	Folder        Folder   // with a config.json; the zero Folder where there is none
	Modes         []string // "cls", "max", "mean" …, put end to end
	IncludePrompt bool     // the prompt's tokens count

	inputs *int // that config.json says a hidden state has
}

// Fits returns an error unless hidden states may have so many components.
func (p *Pooling) Fits(width int) error {
	if p.Folder.FS == nil || p.inputs != nil && *p.inputs == width {
		return nil
	}
	return p.Folder.ErrorIn(configName, fmt.Errorf("embedding_dimension, word_embedding_dimension: %s, expected %d, the width of a hidden state", number(p.inputs), width))
}

// Error says of err, an unknown mode, where it was found.
func (p *Pooling) Error(err error) error {
	if p.Folder.FS == nil {
		return fmt.Errorf("pooling: %w", err)
	}
	return p.Folder.ErrorIn(configName, unsupported.Errorf("pooling_mode: %w", err))
}

// pooling reads the configuration of a Pooling module, in the keys from
// sentence-transformers 5.4 on or in those before.
func (f Folder) pooling() (*Pooling, error) {
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
	found, err := f.ReadJSON(configName, &config)
	if err == nil && !found {
		err = f.ErrorIn(configName, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	p := &Pooling{Folder: f, inputs: config.EmbeddingDimension, IncludePrompt: config.IncludePrompt == nil || *config.IncludePrompt}
	if p.inputs == nil {
		p.inputs = config.WordEmbeddingDimension
	}
	if config.PoolingMode != nil {
		p.Modes, err = poolingModes(config.PoolingMode)
		return p, f.ErrorIn(configName, err)
	}
	for _, m := range []struct {
		on   bool
		name string
	}{
		{config.CLS, "cls"}, {config.Max, "max"}, {config.Mean, "mean"}, {config.MeanSqrtLen, "mean_sqrt_len_tokens"},
		{config.WeightedMean, "weightedmean"}, {config.LastToken, "lasttoken"},
	} {
		if m.on {
			p.Modes = append(p.Modes, m.name)
		}
	}
	if len(p.Modes) == 0 {
		p.Modes = []string{"mean"}
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

// poolingModes reads a pooling_mode: a name or a list of names.
func poolingModes(data json.RawMessage) ([]string, error) {
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
	return names, nil
}

// readDense reads the configuration of a Dense module, of which sentence-transformers 6.2
// drops the keys that it does not know. In a cross-encoder it may make the scores.
func (m *Module) readDense(input Feature, kind Kind) error {
	tanh := "torch.nn.modules.activation.Tanh"
	config := struct {
		InFeatures         int     `json:"in_features"`
		OutFeatures        int     `json:"out_features"`
		Bias               bool    `json:"bias"`
		ActivationFunction *string `json:"activation_function"`
		UseResidual        bool    `json:"use_residual"`
		moduleNames
	}{Bias: true, ActivationFunction: &tanh}
	found, err := m.Folder.ReadSome(configName, &config)
	if err != nil {
		return err
	}
	output := input
	switch {
	case kind == MultiVector && config.ModuleInputName == "": // PyLate's, and those before sentence-transformers 5.4
		config.ModuleInputName = input
	case kind == Reranker && config.ModuleOutputName == scoresFeature:
		output = scoresFeature
	}
	switch {
	case !found:
		err = fs.ErrNotExist
	case config.OutFeatures < 1:
		err = fmt.Errorf("out_features: %d, expected 1 or more", config.OutFeatures)
	case config.ActivationFunction == nil:
		err = errors.New("activation_function: null, expected a name")
	default:
		err = config.check(input, output)
	}
	m.Inputs, m.key = config.InFeatures, "in_features"
	m.Outputs, m.Bias, m.Residual = config.OutFeatures, config.Bias, config.UseResidual
	if config.ActivationFunction != nil {
		m.Activation = *config.ActivationFunction
	}
	return m.Error(err)
}

// readLayerNorm reads the configuration of a LayerNorm module.
func (m *Module) readLayerNorm() error {
	var config struct {
		Dimension int `json:"dimension"`
	}
	found, err := m.Folder.ReadJSON(configName, &config)
	if err == nil && !found {
		err = m.Folder.ErrorIn(configName, fs.ErrNotExist)
	}
	m.Inputs, m.key = config.Dimension, "dimension"
	return err
}

// readAutoEncoder reads the configuration of a SparseAutoEncoder module.
func (m *Module) readAutoEncoder() error {
	config := struct {
		InputDim      int  `json:"input_dim"`
		HiddenDim     int  `json:"hidden_dim"`
		K             int  `json:"k"`
		Normalize     bool `json:"normalize"`
		KAux          any  `json:"k_aux"`          // in training
		DeadThreshold any  `json:"dead_threshold"` // in training
	}{HiddenDim: 512, K: 8}
	found, err := m.Folder.ReadJSON(configName, &config)
	switch {
	case err != nil:
		return err
	case !found:
		err = fs.ErrNotExist
	case config.HiddenDim < 1:
		err = fmt.Errorf("hidden_dim: %d, expected 1 or more", config.HiddenDim)
	case config.K < 1:
		err = fmt.Errorf("k: %d, expected 1 or more", config.K)
	}
	m.Inputs, m.key, m.Outputs = config.InputDim, "input_dim", config.HiddenDim
	m.Standardize, m.MaxActive = config.Normalize, config.K
	return m.Error(err)
}

// moduleNames say which features a module reads and writes, from
// sentence-transformers 5.4 on. A missing one is sentence_embedding, or the
// other one.
type moduleNames struct {
	ModuleInputName  Feature `json:"module_input_name"`
	ModuleOutputName Feature `json:"module_output_name"`
}

// check returns an error unless the module reads and writes the given features.
func (n *moduleNames) check(input, output Feature) error {
	in, out := n.ModuleInputName, n.ModuleOutputName
	if in == "" {
		in = sentenceFeature
	}
	if out == "" {
		out = in
	}
	for _, names := range [][2]Feature{{in, input}, {out, output}} {
		if names[0] != names[1] {
			return unsupported.Errorf("module_input_name, module_output_name: found %q, expected %q, which the modules before make", names[0], names[1])
		}
	}
	return nil
}

// checkNormalize checks the configuration of a Normalize module, if it has one.
func (f Folder) checkNormalize(input Feature) error {
	var names moduleNames
	if f.Path != "" { // the root's is the transformer's
		if _, err := f.ReadJSON(configName, &names); err != nil {
			return err
		}
	}
	return f.ErrorIn(path.Join(f.Path, configName), names.check(input, input))
}
