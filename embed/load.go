package embed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Load loads the model in the folder dir, laid out as sentence-transformers 2
// to 6 writes it, or as model2vec or transformers do: then pooling is the mean,
// and the last token for a causal language model, whatever its settings. Weights
// are mapped into memory and must not change before Close: where a file was cut or
// written to, calls return an error that names it. Errors begin with
// dir and name the file, what was found in it and what was expected: values,
// keys and tensors that are not known are errors too. A reranker, a classifier or
// another model that makes no embedding of a text is a *KindError.
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
	cfg.dir = dir
	m, err := LoadFS(os.DirFS(dir), cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return m, nil
}

// LoadFS loads the model at the root of fsys as Load does. Weights in a file
// with a method Bytes() []byte are used in place, see tensor.OpenFS.
func LoadFS(fsys fs.FS, cfg Config) (*Model, error) {
	l, err := newLoader(fsys, cfg)
	if err != nil {
		return nil, err
	}
	if err := l.load(); err != nil {
		_ = l.model.Close() // err says more
		return nil, err
	}
	return l.model, nil
}

// newLoader returns the loader of the folder at the root of fsys.
func newLoader(fsys fs.FS, cfg Config) (*loader, error) {
	set, err := kernel.ByName(cfg.Kernels)
	if err != nil {
		return nil, err
	}
	switch {
	case int(cfg.Precision) >= len(precisions):
		return nil, fmt.Errorf("precision: unknown %v, expected %s", cfg.Precision, precisionNames())
	case cfg.Workers < 0:
		return nil, fmt.Errorf("workers: %d, expected 1 or more, or 0 for GOMAXPROCS", cfg.Workers)
	case cfg.BatchTokens < 0:
		return nil, fmt.Errorf("batch tokens: %d, expected 1 or more, or 0 for %d", cfg.BatchTokens, pipeline.DefaultBatchTokens)
	case cfg.MaxTokens < 0:
		return nil, fmt.Errorf("max tokens: %d, expected 1 or more, or 0 for the folder's limit", cfg.MaxTokens)
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.BatchTokens == 0 {
		cfg.BatchTokens = pipeline.DefaultBatchTokens
	}
	m := &Model{pipeline: pipeline.Model{Workers: cfg.Workers, BatchTokens: cfg.BatchTokens}}
	m.info = Info{
		Name: cfg.Name, Precision: cfg.Precision, Arithmetic: set.How(cfg.Precision.format()),
		Kernels: set.Name(), Workers: cfg.Workers,
	}
	l := &loader{
		model: m, root: folder{fsys, ""}, dir: cfg.dir, set: set, packed: set, maxTokens: cfg.MaxTokens,
		calibrate: cfg.calibrate, recalibrate: cfg.recalibrate,
		encoders: map[moduleKey]*encoder{}, modules: map[moduleKey]module{},
	}
	if cfg.inspect {
		l.packed = nil
	}
	return l, nil
}

// load loads the folder, whose weights must not change meanwhile.
func (l *loader) load() error { return l.model.pipeline.Guard(l.read) }

// read reads the folder's files in the order of their use.
func (l *loader) read() error {
	m := l.model
	declared, err := l.root.checkModelType()
	if err != nil {
		return err
	}
	if err := m.loadSentenceConfig(l.root); err != nil {
		return err
	}
	list, err := l.root.modules()
	if err != nil {
		return err
	}
	if list == nil {
		m.route, err = l.plain(declared)
	} else {
		err = l.routes(list)
	}
	if err != nil {
		return err
	}
	if err := m.setInfo(); err != nil {
		return err
	}
	data, err := json.Marshal(m.newRecipe())
	if err != nil {
		return err
	}
	m.settings = sha256.Sum256(data)
	m.info.Ranges, err = l.root.ranges(m.info.Dimensions)
	return err
}

// A modelConfig is what embed reads of config.json.
type modelConfig struct {
	ModelType             string   `json:"model_type"`
	Architectures         []string `json:"architectures"`
	IsCausal              *bool    `json:"is_causal"`
	MaxPositionEmbeddings *int     `json:"max_position_embeddings"`
	IsMatryoshka          bool     `json:"is_matryoshka"` // as vLLM reads these two
	MatryoshkaDimensions  []int    `json:"matryoshka_dimensions"`
	TruncateDim           *int     `json:"truncate_dim"` // of jina-embeddings-v3
}

// modelConfig reads config.json, and returns its content too.
func (f folder) modelConfig() (config modelConfig, data []byte, err error) {
	if data, err = f.read("config.json"); err != nil {
		return config, nil, err
	}
	return config, data, f.errorIn("config.json", transformer.Unmarshal(data, &config))
}

// transformer reads a Transformer module in dir.
func (l *loader) transformer(dir folder) (*encoder, error) {
	s, err := dir.settings()
	if err != nil {
		return nil, err
	}
	src, err := l.source(dir)
	if err != nil {
		return nil, err
	}
	return l.openTransformer(src, s)
}

// openTransformer reads the weights and the tokenizer of src.
func (l *loader) openTransformer(src *source, s settings) (*encoder, error) {
	e := &encoder{unknown: -1, base: src.base, config: src.config, recipe: src.recipe}
	build, err := e.open(l, src)
	if err != nil {
		return nil, src.errorIn(err)
	}
	e.Encoder = pipeline.Transformer{Model: e.transformer}
	l.model.info.MemoryBytes += e.transformer.Bytes()
	if err := e.loadTokenizer(src.dir, s, l.maxTokens); err != nil {
		return nil, err
	}
	if e.calibrates(l) && l.packed != nil {
		if e.outliers, err = e.calibrate(context.Background(), &l.model.info); err != nil {
			return nil, err
		}
		if err = build(); err == nil {
			e.Encoder = pipeline.Transformer{Model: e.transformer}
		}
	}
	return e, err
}

// open builds the transformer of src and its weights, where e's outliers are to be
// found one for that. build builds it with the outliers as they then are.
func (e *encoder) open(l *loader, src *source) (build func() error, err error) {
	dir, data, a := src.base, src.data, src.adapter
	if err := e.loadOutliers(l, dir); err != nil {
		return nil, err
	}
	e.recipe.Config, e.recipe.Weights = string(canonical(data)), len(l.model.pipeline.Files)
	file, err := l.weights(dir)
	if err != nil {
		return nil, err
	}
	config := transformer.Config{JSON: data, Weights: file, Adapter: a, Set: l.packed, Format: l.model.info.Precision.format()}
	build = func() (err error) {
		config.Outliers = e.outliers
		e.transformer, err = transformer.Open(config)
		return dir.errorIn("", err)
	}
	if e.calibrates(l) {
		calibrated := config
		calibrated.Set = l.set
		e.transformer, err = transformer.OpenToCalibrate(calibrated)
		return build, dir.errorIn("", err)
	}
	return build, build()
}

// weights opens the weights in dir, for as long as the model is.
func (l *loader) weights(dir folder) (*tensor.File, error) {
	file, err := dir.weights()
	if err == nil {
		l.model.pipeline.Files = append(l.model.pipeline.Files, file)
	}
	return file, err
}

// loadTokenizer reads the tokenizer and the limit of tokens in dir; maxTokens,
// where it is not 0, replaces that limit.
func (e *encoder) loadTokenizer(dir folder, s settings, maxTokens int) error {
	var err error
	if e.tokenizer, e.recipe.Tokenizer, err = dir.tokenizer(); err != nil {
		return err
	}
	if e.recipe.Lowercase = s.DoLowerCase; s.DoLowerCase {
		e.tokenizer = e.tokenizer.Lowercase()
	}
	config, err := dir.tokenizerConfig()
	if err != nil {
		return err
	}
	if config.ends() {
		id, ok := e.tokenizer.ID(config.EOSToken.Content)
		if !ok || int(id) >= e.Vocabulary() {
			return dir.errorIn("tokenizer_config.json", fmt.Errorf("eos_token: %q, which tokenizer.json lacks", config.EOSToken.Content))
		}
		e.tokenizer = e.tokenizer.EndedBy(id)
	}
	if err := dir.checkNormalizer(config, e.config.ModelType); err != nil {
		return err
	}
	limit := config.limit
	if e.encode.Truncate, err = dir.side(config, s, e.tokenizer); err != nil {
		return err
	}
	switch n := e.config.MaxPositionEmbeddings; { // as sentence-transformers 6.2, Transformer.__init__
	case s.limited:
		limit = s.limit
	case n != nil && *n > 0: // -1 is none
		limit = lowest(limit, *n)
	}
	if maxTokens > 0 {
		limit = maxTokens
	}
	e.encode.MaxTokens = lowest(limit, e.transformer.MaxPositions)
	if n, special := e.encode.MaxTokens, e.tokenizer.SpecialTokens(); n > 0 && n < special {
		return dir.errorIn("tokenizer.json", fmt.Errorf("%d special tokens, and the model reads %d tokens", special, n))
	}
	return nil
}

// side returns the side of truncation: that of the settings, of
// tokenizer_config.json or of tokenizer.json, in t, the first that there is.
func (f folder) side(config tokenizerConfig, s settings, t *tokenizer.Tokenizer) (tokenizer.Truncation, error) {
	if s.side != "" {
		return parseSide(s.side)
	}
	if config.TruncationSide != "" {
		return config.side, nil
	}
	_, side, err := f.truncation(t)
	return side, err
}

// lowest returns the lower of two limits, of which 0 is none.
func lowest(a, b int) int {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// tokenizer reads tokenizer.json or the files that stand in for it, and returns
// their sum too.
func (f folder) tokenizer() (*tokenizer.Tokenizer, string, error) {
	r := recorder{f, sha256.New()}
	t, err := tokenizer.LoadFS(r)
	if err != nil {
		return nil, "", f.errorIn("", err)
	}
	if types := t.AppendTypes(nil, t.SpecialTokens()+1, tokenizer.Options{}); slices.Max(types) > 0 {
		return nil, "", f.errorIn("tokenizer.json", fmt.Errorf("post_processor: token types %d of one text, expected 0 for all", types))
	}
	if beside := t.Beside(); beside != nil {
		fmt.Fprintf(r, "%q\n", beside)
	}
	return t, hex.EncodeToString(r.Sum(nil)), nil
}

// loadSentenceConfig reads config_sentence_transformers.json, where there is one.
func (m *Model) loadSentenceConfig(root folder) error {
	const name = sentenceConfig
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
	_, ok := config.Prompts[config.DefaultPromptName]
	if _, any := fallbacks[config.DefaultPromptName]; !ok && !any && config.DefaultPromptName != "" {
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

// setInfo completes Info once the modules are there.
func (m *Model) setInfo() error {
	r := m.route
	m.info.Family = r.Family()
	m.info.Layers = r.Layers()
	m.info.Vocabulary = r.Vocabulary()
	m.info.MaxTokens = r.encode.MaxTokens
	m.info.Dimensions = r.dimensions
	m.info.Pooling = r.poolingNames()
	m.info.Normalized = r.normalized
	m.info.Routes = slices.Sorted(maps.Keys(m.routes))
	for _, name := range m.info.Routes {
		o := m.routes[name]
		if o.dimensions != r.dimensions {
			return fmt.Errorf("route %q: %d dimensions, expected %d, as the others have", name, o.dimensions, r.dimensions)
		}
		m.info.Normalized = m.info.Normalized && o.normalized
	}
	all, config := r.dimensions, r.config
	if d := config.TruncateDim; d != nil && m.info.DefaultDimensions == 0 {
		if *d < 1 {
			return fmt.Errorf("config.json: truncate_dim: %d, expected 1 or more", *d)
		}
		m.info.DefaultDimensions = *d
	}
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
	m.addTasks()
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
	names := manifest.Weights
	for _, name := range names {
		if f.exists(name) {
			return tensor.OpenFS(f.fsys, path.Join(f.path, name))
		}
	}
	found := f.found("tf_model.h5", "flax_model.msgpack", "model.onnx")
	return nil, f.errorIn(names[0], fmt.Errorf("%w%s, expected it or %s", fs.ErrNotExist, found, strings.Join(names[1:], ", ")))
}
