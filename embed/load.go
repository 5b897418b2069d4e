package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Load loads the model in the folder dir, laid out as sentence-transformers 2
// to 6 writes it, or as transformers does: then its pooling is the mean. Weights
// are mapped into memory and must not change before Close. Errors begin with
// dir and name the file, what was found in it and what was expected: values,
// keys and tensors that are not known are errors too.
func Load(dir string, cfg Config) (*Model, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: a file, expected the folder of a model", dir)
	}
	if cfg.Name == "" {
		if abs, err := filepath.Abs(dir); err == nil {
			cfg.Name = filepath.Base(abs)
		}
	}
	m, err := LoadFS(os.DirFS(dir), cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return m, nil
}

// LoadFS loads the model at the root of fsys as Load does. Weights in a file
// with a method Bytes() []byte are used in place, see tensor.OpenFS.
func LoadFS(fsys fs.FS, cfg Config) (*Model, error) {
	set, err := kernel.ByName(cfg.Kernels)
	if err != nil {
		return nil, err
	}
	switch {
	case cfg.Precision != Float32:
		return nil, fmt.Errorf("precision: unknown %v, expected %v", cfg.Precision, Float32)
	case cfg.Workers < 0:
		return nil, fmt.Errorf("workers: %d, expected 1 or more, or 0 for GOMAXPROCS", cfg.Workers)
	case cfg.BatchTokens < 0:
		return nil, fmt.Errorf("batch tokens: %d, expected 1 or more, or 0 for %d", cfg.BatchTokens, defaultBatchTokens)
	case cfg.MaxTokens < 0:
		return nil, fmt.Errorf("max tokens: %d, expected 1 or more, or 0 for the folder's limit", cfg.MaxTokens)
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.BatchTokens == 0 {
		cfg.BatchTokens = defaultBatchTokens
	}
	m := &Model{batchTokens: cfg.BatchTokens}
	m.info = Info{Name: cfg.Name, Precision: cfg.Precision, Kernels: set.Name(), Workers: cfg.Workers}
	if err := m.load(folder{fsys, ""}, set, cfg.MaxTokens); err != nil {
		if m.weights != nil {
			_ = m.weights.Close() // err says more
		}
		return nil, err
	}
	return m, nil
}

// load reads the folder's files in the order of their use.
func (m *Model) load(root folder, set *kernel.Set, maxTokens int) error {
	if err := m.loadSentenceConfig(root); err != nil {
		return err
	}
	list, err := root.modules()
	if err != nil {
		return err
	}
	dir := folder{root.fsys, list[0].Path}
	config, err := m.loadTransformer(dir, set)
	if err != nil {
		return err
	}
	if err := m.loadTokenizer(dir, maxTokens); err != nil {
		return err
	}
	if err := m.loadModules(root, list[1:], config, set); err != nil {
		return err
	}
	return m.setDimensions(config)
}

// A modelConfig is what embed reads of config.json.
type modelConfig struct {
	Architectures        []string `json:"architectures"`
	IsCausal             *bool    `json:"is_causal"`
	IsMatryoshka         bool     `json:"is_matryoshka"` // as vLLM reads these two
	MatryoshkaDimensions []int    `json:"matryoshka_dimensions"`
}

// loadTransformer reads config.json and the weights in dir.
func (m *Model) loadTransformer(dir folder, set *kernel.Set) (modelConfig, error) {
	var config modelConfig
	data, err := dir.read("config.json")
	if err != nil {
		return config, err
	}
	if err := transformer.Unmarshal(data, &config); err != nil {
		return config, dir.errorIn("config.json", err)
	}
	if m.weights, err = dir.weights(); err != nil {
		return config, err
	}
	m.transformer, err = transformer.Open(data, m.weights, set)
	if err != nil {
		return config, dir.errorIn("", err)
	}
	m.info.Family = m.transformer.Family
	m.info.Layers = len(m.transformer.Layers)
	m.info.Vocabulary = m.transformer.Embeddings.Tokens.Rows
	m.info.MaxTokens = m.transformer.MaxPositions
	m.info.MemoryBytes = m.transformer.Bytes()
	return config, nil
}

// The names of the Transformer module's settings, of which the first found counts.
var transformerSettings = []string{
	"sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
	"sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json",
	"sentence_xlnet_config.json",
}

// settings are those of the Transformer module, as sentence-transformers up to
// 5.3 wrote them and as 5.4 and later do.
type settings struct {
	MaxSeqLength *int `json:"max_seq_length"`
	DoLowerCase  bool `json:"do_lower_case"`

	ModelArgs     map[string]any `json:"model_args"`
	TokenizerArgs map[string]any `json:"tokenizer_args"`
	ConfigArgs    map[string]any `json:"config_args"`

	TransformerTask  string                     `json:"transformer_task"`
	ModuleOutputName string                     `json:"module_output_name"`
	ModalityConfig   map[string]json.RawMessage `json:"modality_config"`
	ProcessingKwargs map[string]map[string]any  `json:"processing_kwargs"`
	UnpadInputs      any                        `json:"unpad_inputs"` // how the reference computes, not what
	QueryLength      any                        `json:"query_length"`
	DocumentLength   any                        `json:"document_length"`
	QueryExpansion   any                        `json:"query_expansion"`
}

// harmless are the arguments of loading that do not change an embedding.
var harmless = []string{
	"add_pooling_layer", "attn_implementation", "cache_dir", "clean_up_tokenization_spaces", "device_map", "dtype", "low_cpu_mem_usage",
	"padding_side", "revision", "token", "torch_dtype", "trust_remote_code", "use_fast", "use_safetensors",
}

func (s *settings) check() error {
	for _, args := range []struct {
		key    string
		values map[string]any
	}{{"model_args", s.ModelArgs}, {"tokenizer_args", s.TokenizerArgs}, {"config_args", s.ConfigArgs}} {
		for key, value := range args.values {
			if value != nil && !slices.Contains(harmless, key) {
				return fmt.Errorf("%s: unknown %q", args.key, key)
			}
		}
	}
	for key, values := range s.ProcessingKwargs {
		if len(values) > 0 {
			return fmt.Errorf("processing_kwargs: %s: %v, expected none", key, values)
		}
	}
	if s.ModalityConfig != nil {
		text, ok := s.ModalityConfig["text"]
		var how struct {
			Method string `json:"method"`
			Output any    `json:"method_output_name"`
		}
		if !ok {
			return errors.New(`modality_config: no "text"`)
		}
		if err := json.Unmarshal(text, &how); err != nil || how.Method != "forward" || how.Output != "last_hidden_state" {
			return fmt.Errorf(`modality_config: text: %s, expected method "forward" with output "last_hidden_state"`, text)
		}
	}
	switch {
	case s.MaxSeqLength != nil && *s.MaxSeqLength < 1:
		return fmt.Errorf("max_seq_length: %d, expected 1 or more", *s.MaxSeqLength)
	case s.TransformerTask != "" && s.TransformerTask != "feature-extraction":
		return fmt.Errorf(`transformer_task: %q, expected "feature-extraction"`, s.TransformerTask)
	case s.ModuleOutputName != "" && s.ModuleOutputName != "token_embeddings":
		return fmt.Errorf(`module_output_name: %q, expected "token_embeddings"`, s.ModuleOutputName)
	case s.QueryLength != nil || s.DocumentLength != nil || s.QueryExpansion != nil:
		return errors.New("query_length, document_length, query_expansion: those of a multi-vector model, expected none")
	}
	return nil
}

// loadTokenizer reads the tokenizer and the limit of tokens in dir; maxTokens,
// where it is not 0, replaces that limit.
func (m *Model) loadTokenizer(dir folder, maxTokens int) error {
	var err error
	if m.tokenizer, err = tokenizer.LoadFS(dir); err != nil {
		return dir.errorIn("", err)
	}
	var s settings
	for _, name := range transformerSettings {
		found, err := dir.readJSON(name, &s)
		if err == nil && found {
			err = dir.errorIn(name, s.check())
		}
		if err != nil {
			return err
		}
		if found {
			break
		}
	}
	if s.DoLowerCase {
		m.tokenizer = m.tokenizer.Lowercase()
	}
	limit, err := dir.modelMaxLength()
	if err != nil {
		return err
	}
	if s.MaxSeqLength != nil {
		limit = *s.MaxSeqLength
	}
	if maxTokens > 0 {
		limit = maxTokens
	}
	if limit > 0 && (m.info.MaxTokens == 0 || limit < m.info.MaxTokens) {
		m.info.MaxTokens = limit
	}
	if special := m.tokenizer.SpecialTokens(); m.info.MaxTokens > 0 && m.info.MaxTokens < special {
		return dir.errorIn("", fmt.Errorf("tokenizer: %d special tokens, and the model reads %d tokens", special, m.info.MaxTokens))
	}
	return nil
}

// modelMaxLength returns the limit that tokenizer_config.json sets, 0 for none.
func (f folder) modelMaxLength() (int, error) {
	const name = "tokenizer_config.json"
	data, err := f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var config struct {
		ModelMaxLength *float64 `json:"model_max_length"`
	}
	if err := transformer.Unmarshal(data, &config); err != nil {
		return 0, f.errorIn(name, err)
	}
	n := config.ModelMaxLength
	if n == nil || *n >= 1<<31 { // transformers writes 1e30 for no limit
		return 0, nil
	}
	if *n < 1 || *n != float64(int(*n)) {
		return 0, f.errorIn(name, fmt.Errorf("model_max_length: %v, expected a whole number from 1 on", *n))
	}
	return int(*n), nil
}

// loadSentenceConfig reads config_sentence_transformers.json, where there is one.
func (m *Model) loadSentenceConfig(root folder) error {
	const name = "config_sentence_transformers.json"
	var config struct {
		Version           any               `json:"__version__"`
		Requirements      any               `json:"requirements"`
		ModelType         string            `json:"model_type"`
		Prompts           map[string]string `json:"prompts"`
		DefaultPromptName string            `json:"default_prompt_name"`
		SimilarityFnName  string            `json:"similarity_fn_name"`
		TruncateDim       *int              `json:"truncate_dim"`
	}
	if _, err := root.readJSON(name, &config); err != nil {
		return err
	}
	if t := config.ModelType; t != "" && t != "SentenceTransformer" {
		return root.errorIn(name, fmt.Errorf("model_type: unknown %q, expected %q", t, "SentenceTransformer"))
	}
	if _, ok := config.Prompts[config.DefaultPromptName]; !ok && config.DefaultPromptName != "" {
		return root.errorIn(name, fmt.Errorf("default_prompt_name: %q, which prompts lacks", config.DefaultPromptName))
	}
	if d := config.TruncateDim; d != nil {
		if *d < 1 {
			return root.errorIn(name, fmt.Errorf("truncate_dim: %d, expected 1 or more", *d))
		}
		m.info.DefaultDimensions = *d
	}
	m.info.Prompts = config.Prompts
	m.info.DefaultPrompt = config.DefaultPromptName
	m.info.Similarity = config.SimilarityFnName
	return nil
}

// setDimensions completes Info once the modules have set Dimensions.
func (m *Model) setDimensions(config modelConfig) error {
	all := m.info.Dimensions
	if d := m.info.DefaultDimensions; d == 0 || d > all {
		m.info.DefaultDimensions = all
	}
	m.info.Matryoshka = config.IsMatryoshka || len(config.MatryoshkaDimensions) > 0
	for _, d := range config.MatryoshkaDimensions {
		if d < 1 || d > all {
			return fmt.Errorf("config.json: matryoshka_dimensions: %d, expected 1 to %d", d, all)
		}
		m.info.MatryoshkaDimensions = append(m.info.MatryoshkaDimensions, d)
	}
	slices.Sort(m.info.MatryoshkaDimensions)
	return nil
}

// A folder is a folder of a model, and an fs.FS of it.
type folder struct {
	fsys fs.FS
	path string // "" for the root
}

// errorIn puts the path of the named file before err, if there is an error. The
// empty name stands for an err that begins with a name.
func (f folder) errorIn(name string, err error) error {
	if where := path.Join(f.path, name); err != nil && where != "" {
		return fmt.Errorf("%s: %w", where, err)
	}
	return err
}

// Open opens a file.
func (f folder) Open(name string) (fs.File, error) { return f.fsys.Open(path.Join(f.path, name)) }

// Stat describes a file without opening it: a pipe would wait for its other end.
func (f folder) Stat(name string) (fs.FileInfo, error) {
	return fs.Stat(f.fsys, path.Join(f.path, name))
}

// ReadFile returns the content of a file. That there is none is fs.ErrNotExist;
// a link to nowhere is another error, so that it does not pass for an optional
// file that the model lacks. Errors do not name the file.
func (f folder) ReadFile(name string) ([]byte, error) {
	var data []byte
	info, err := f.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%v, expected a regular file", info.Mode())
	case err == nil:
		data, err = fs.ReadFile(f.fsys, path.Join(f.path, name))
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // p repeats the name
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, linkErr := fs.Lstat(f.fsys, path.Join(f.path, name)); linkErr == nil {
			err = errors.New("a link to a file that does not exist")
		}
	}
	return data, err
}

// read is ReadFile whose errors begin with the file's path.
func (f folder) read(name string) ([]byte, error) {
	data, err := f.ReadFile(name)
	return data, f.errorIn(name, err)
}

// readJSON decodes a file to v, which must have all of its keys, and reports
// whether the file exists.
func (f folder) readJSON(name string, v any) (bool, error) {
	data, err := f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err == io.EOF {
		return false, f.errorIn(name, errors.New("an empty file, expected JSON"))
	} else if err != nil {
		return false, f.errorIn(name, transformer.Explain(err))
	}
	if err := transformer.CheckKeys(data, v); err != nil {
		return false, f.errorIn(name, err)
	}
	end := dec.InputOffset()
	if _, err := dec.Token(); err != io.EOF {
		return false, f.errorIn(name, fmt.Errorf("more after the JSON value, which ends at byte %d", end))
	}
	return true, nil
}

// exists reports whether there is a file of that name.
func (f folder) exists(name string) bool {
	_, err := f.Stat(name)
	return err == nil
}

// found says which of the named files there are, for an error about one that is missing.
func (f folder) found(names ...string) string {
	names = slices.DeleteFunc(names, func(name string) bool { return !f.exists(name) })
	if len(names) == 0 {
		return ""
	}
	return ", found " + strings.Join(names, ", ")
}

// weights opens the folder's weights: the first file found of those that
// transformers looks for, in its order.
func (f folder) weights() (*tensor.File, error) {
	names := []string{"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}
	for _, name := range names {
		if f.exists(name) {
			return tensor.OpenFS(f.fsys, path.Join(f.path, name))
		}
	}
	found := f.found("tf_model.h5", "flax_model.msgpack", "model.onnx")
	return nil, f.errorIn(names[0], fmt.Errorf("%w%s, expected it or %s", fs.ErrNotExist, found, strings.Join(names[1:], ", ")))
}
