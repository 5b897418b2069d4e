package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A moduleEntry is an element of modules.json.
type moduleEntry struct {
	Idx    any      `json:"idx"`
	Name   string   `json:"name"`
	Path   string   `json:"path"`
	Type   string   `json:"type"`
	Kwargs []string `json:"kwargs"` // the names of arguments that callers in Python may give

	file string // that names the module: modules.json, or the router's
}

// class returns the last part of the type: the packages before it changed
// from one version of sentence-transformers to the next.
func (e *moduleEntry) class() string { return e.Type[strings.LastIndexByte(e.Type, '.')+1:] }

// errorf returns an error about the module.
func (e *moduleEntry) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: module %q of type %q: %w", e.file, e.Name, e.Type, fmt.Errorf(format, args...))
}

// others says what kind of model a module makes that this package does not run.
var others = map[string]string{
	"BoW":                  "a bag of words",
	"CLIPModel":            "a model of texts and images",
	"CNN":                  "a network over word vectors",
	"LSTM":                 "a network over word vectors",
	"WordEmbeddings":       "a model of word vectors",
	"WordWeights":          "a model of word vectors",
	"WeightedLayerPooling": "pooling over all layers",
}

// unknown returns the error of a module that is not one of those expected.
func (e *moduleEntry) unknown(expected string) error {
	if kind, ok := others[e.class()]; ok {
		return e.errorf("%s, expected %s", kind, expected)
	}
	return e.errorf("unknown, expected %s", expected)
}

// modules reads modules.json, nil where there is none.
func (f folder) modules() ([]moduleEntry, error) {
	const name = "modules.json"
	var list []moduleEntry
	if found, err := f.readJSON(name, &list); err != nil || !found {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("modules.json: 0 modules, expected a Transformer, a Pooling and what follows")
	}
	for i := range list {
		e := &list[i]
		e.file = name
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
	return list, nil
}

// An encoder reads the tokens of a text, the first module of a route.
type encoder struct {
	pipeline.Encoder
	tokenizer   *tokenizer.Tokenizer
	encode      tokenizer.Options    // of a request that asks for nothing; MaxTokens is the limit, 0 for none
	unknown     int32                // the token that is dropped from texts, -1 for none
	transformer *transformer.Model   // Encoder's; nil for a table
	outliers    transformer.Outliers // of the transformer, in Int8
	config      modelConfig          // that of a transformer
	base        folder               // of a transformer's config.json and weights
	recipe      encoderRecipe
}

// A module is one behind the encoder, but for Pooling.
type module struct {
	pipeline.Module
	recipe string
	width  int // of the vectors that it makes
}

// A route is what a text passes to become a vector. Most models have one.
type route struct {
	*encoder
	way             pipeline.Way // the encoder's and head
	head            pipeline.Pooled
	tokens, modules []module // head's
	leavesPromptOut bool     // of pooling
	normalized      bool     // there are Normalize modules at the end, which modules lack
	dimensions      int
}

// ready makes r's way once the rest is there.
func (r *route) ready() *route {
	for _, m := range r.tokens {
		r.head.Tokens = append(r.head.Tokens, m.Module)
	}
	for _, m := range r.modules {
		r.head.Modules = append(r.head.Modules, m.Module)
	}
	r.way = pipeline.Way{Encoder: r.Encoder, Head: &r.head}
	return r
}

// poolingNames returns the names of the modes.
func (r *route) poolingNames() (names []string) {
	modes := []pipeline.Mode{pipeline.PoolMean} // of a table
	if p := r.head.Pooling; p != nil {
		modes = p.Modes
	}
	for _, m := range modes {
		names = append(names, m.String())
	}
	return slices.Clip(names)
}

// A loader makes routes, which share the modules that they have in common.
type loader struct {
	model       *Model
	root        folder
	dir         string      // Config.dir
	set         *kernel.Set // of the modules
	packed      *kernel.Set // of the transformers' weights; nil = they are not packed
	maxTokens   int         // Config.MaxTokens
	calibrate   bool        // Config.calibrate
	recalibrate bool        // Config.recalibrate
	encoders    map[moduleKey]*encoder
	modules     map[moduleKey]module
}

// A moduleKey is a module at a place that it fits in.
type moduleKey struct {
	path, class string
	width       int
	input       feature
}

// A feature is what a module works on, by the name that sentence-transformers
// gives it.
type feature string

const (
	tokenFeature    feature = "token_embeddings"
	sentenceFeature feature = "sentence_embedding"
)

// plain returns the route of a folder without modules.json: a model2vec's, or
// what sentence-transformers 6.2 makes of a transformer's, which does not read
// the settings of a Transformer module then. Models whose head makes no embedding
// are refused, unless the folder is declared to be a SentenceTransformer.
func (l *loader) plain(declared bool) (*route, error) {
	src, err := l.source(l.root)
	if err != nil {
		return nil, err
	}
	if src.config.ModelType == model2vecType {
		return l.model2vec()
	}
	if !declared {
		if err := src.checkKind(); err != nil {
			return nil, err
		}
	}
	if err := l.root.checkNoTemplate(); err != nil {
		return nil, err
	}
	r := new(route)
	if r.encoder, err = l.openTransformer(src, settings{}); err != nil {
		return nil, err
	}
	r.dimensions = r.Width()
	mode := pipeline.PoolMean
	causal := r.config.IsCausal == nil || *r.config.IsCausal
	if a := r.config.Architectures; len(a) > 0 && strings.HasSuffix(a[0], "ForCausalLM") && causal {
		mode = pipeline.PoolLastToken
	}
	r.head.Pooling = &pipeline.Pooling{Set: l.set, Modes: []pipeline.Mode{mode}}
	return r.ready(), nil
}

// route loads the modules of list, in which there is no Router.
func (l *loader) route(list []moduleEntry) (*route, error) {
	if len(list) == 0 {
		return nil, errors.New("modules.json: a route without modules")
	}
	if err := checkKinds(list); err != nil {
		return nil, err
	}
	r := new(route)
	first := &list[0]
	var err error
	switch first.class() {
	case "Transformer":
		r.encoder, err = l.encoder(first, l.transformer)
	case "StaticEmbedding":
		r.encoder, err = l.encoder(first, l.static)
	default:
		return nil, first.unknown("a Transformer, a StaticEmbedding or a Router as the first")
	}
	if err != nil {
		return nil, err
	}
	input := tokenFeature
	if r.transformer == nil {
		input = sentenceFeature
	}
	width := r.Width()
	for i := range list[1:] {
		e := &list[1+i]
		dir := folder{l.root.fsys, e.Path}
		var m module
		switch class := e.class(); {
		case class == "Pooling":
			if r.head.Pooling != nil {
				return nil, e.errorf("a second Pooling")
			}
			if r.transformer == nil {
				return nil, e.errorf("found after a StaticEmbedding, which has the pooled vector already")
			}
			if r.head.Pooling, r.leavesPromptOut, err = dir.pooling(width, l.set); err != nil {
				return nil, err
			}
			width *= len(r.head.Pooling.Modes)
			input = sentenceFeature
			continue
		case class == "Dropout" && input == sentenceFeature:
			continue // off outside training
		case class == "LayerNorm" && input == sentenceFeature || class == "Dense" || class == "Normalize":
			if m, err = l.module(dir, class, width, input); err != nil {
				return nil, err
			}
		case class == "Dropout" || class == "LayerNorm":
			return nil, e.errorf("found before a Pooling, expected one")
		default:
			return nil, e.unknown("Pooling, Dense, LayerNorm, Normalize or Dropout")
		}
		if input == tokenFeature {
			r.tokens = append(r.tokens, m)
		} else {
			r.modules = append(r.modules, m)
		}
		width = m.width
	}
	if input == tokenFeature {
		return nil, errors.New("modules.json: no Pooling")
	}
	// The end is that of a request.
	for n := len(r.modules); n > 0 && r.modules[n-1].Module == pipeline.Module(pipeline.Normalize{}); n-- {
		r.modules = r.modules[:n-1]
		r.normalized = true
	}
	r.dimensions = width
	return r.ready(), nil
}

// encoder returns the first module of a route, loaded once.
func (l *loader) encoder(first *moduleEntry, load func(folder) (*encoder, error)) (*encoder, error) {
	key := moduleKey{path: first.Path, class: first.class()}
	if e, ok := l.encoders[key]; ok {
		return e, nil
	}
	e, err := load(folder{l.root.fsys, first.Path})
	l.encoders[key] = e
	return e, err
}

// module returns a module that reads vectors of the given width, loaded once.
func (l *loader) module(dir folder, class string, width int, input feature) (m module, err error) {
	key := moduleKey{dir.path, class, width, input}
	if class == "Normalize" {
		return module{pipeline.Normalize{}, "Normalize", width}, dir.checkNormalize(input)
	}
	if m, ok := l.modules[key]; ok {
		return m, nil
	}
	if class == "Dense" {
		m, err = l.dense(dir, width, input)
	} else {
		m, err = l.layerNorm(dir, width)
	}
	l.modules[key] = m
	return m, err
}

// pooling reads the configuration of a Pooling module, in the keys from
// sentence-transformers 5.4 on or in those before, and whether it leaves prompts out.
func (f folder) pooling(width int, set *kernel.Set) (p *pipeline.Pooling, leavesPromptOut bool, err error) {
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
		return nil, false, err
	}
	if !found {
		return nil, false, f.errorIn(name, fs.ErrNotExist)
	}
	dimension := config.EmbeddingDimension
	if dimension == nil {
		dimension = config.WordEmbeddingDimension
	}
	if dimension == nil || *dimension != width {
		return nil, false, f.errorIn(name, fmt.Errorf("embedding_dimension, word_embedding_dimension: %s, expected %d, the width of a hidden state", number(dimension), width))
	}
	p, leavesPromptOut = &pipeline.Pooling{Set: set}, config.IncludePrompt != nil && !*config.IncludePrompt
	if config.PoolingMode != nil {
		p.Modes, err = parseModes(config.PoolingMode)
		return p, leavesPromptOut, f.errorIn(name, err)
	}
	for m, on := range []bool{
		pipeline.PoolCLS: config.CLS, pipeline.PoolMax: config.Max, pipeline.PoolMean: config.Mean, pipeline.PoolMeanSqrtLen: config.MeanSqrtLen,
		pipeline.PoolWeightedMean: config.WeightedMean, pipeline.PoolLastToken: config.LastToken,
	} {
		if on {
			p.Modes = append(p.Modes, pipeline.Mode(m))
		}
	}
	if len(p.Modes) == 0 {
		p.Modes = []pipeline.Mode{pipeline.PoolMean}
	}
	return p, leavesPromptOut, nil
}

// number returns n for an error.
func number(n *int) string {
	if n == nil {
		return "missing"
	}
	return fmt.Sprint(*n)
}

// parseModes reads a pooling_mode: a name or a list of names.
func parseModes(data json.RawMessage) ([]pipeline.Mode, error) {
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
	var list []pipeline.Mode
	for _, name := range names {
		m, err := pipeline.ParseMode(name)
		if err != nil {
			return nil, fmt.Errorf("pooling_mode: %w", err)
		}
		list = append(list, m)
	}
	return list, nil
}

// moduleNames say which features a module reads and writes, from
// sentence-transformers 5.4 on. A missing one is sentence_embedding, or the
// other one.
type moduleNames struct {
	ModuleInputName  feature `json:"module_input_name"`
	ModuleOutputName feature `json:"module_output_name"`
}

// check returns an error unless the module reads and writes the given feature.
func (n *moduleNames) check(expected feature) error {
	in, out := n.ModuleInputName, n.ModuleOutputName
	if in == "" {
		in = sentenceFeature
	}
	if out == "" {
		out = in
	}
	for _, name := range []feature{in, out} {
		if name != expected {
			return fmt.Errorf("module_input_name, module_output_name: found %q, expected %q, which the modules before make", name, expected)
		}
	}
	return nil
}

// checkNormalize checks the configuration of a Normalize module, if it has one.
func (f folder) checkNormalize(input feature) error {
	const name = "config.json"
	var names moduleNames
	if f.path != "" { // the root's is the transformer's
		if _, err := f.readJSON(name, &names); err != nil {
			return err
		}
	}
	return f.errorIn(path.Join(f.path, name), names.check(input))
}
