package modelfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/rhumb-go/rhumb/internal/unsupported"
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
	"CNN":                  "a network over word vectors",
	"LSTM":                 "a network over word vectors",
	"WordEmbeddings":       "a model of word vectors",
	"WordWeights":          "a model of word vectors",
	"WeightedLayerPooling": "pooling over all layers",
}

// unknown returns the error of a module that is not one of those expected.
func (e *moduleEntry) unknown(expected string) error {
	if kind, ok := others[e.class()]; ok {
		return unsupported.Mark(e.errorf("%s, expected %s", kind, expected))
	}
	return unsupported.Mark(e.errorf("unknown, expected %s", expected))
}

// modules reads modules.json, nil where there is none.
func (f Folder) modules() ([]moduleEntry, error) {
	const name = "modules.json"
	var list []moduleEntry
	if found, err := f.ReadSome(name, &list); err != nil || !found {
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

// A Feature is what a module works on, by the name that sentence-transformers
// gives it.
type Feature string

const (
	tokenFeature    Feature = "token_embeddings"
	sentenceFeature Feature = "sentence_embedding"
	scoresFeature   Feature = "scores" // of a cross-encoder
)

// plain returns the route of a folder without modules.json: a model2vec's, or
// what sentence-transformers 6.2 makes of a transformer's, which does not read
// the settings of a Transformer module then.
func (r *reader) plain() (*Route, error) {
	e := r.source
	if e == nil {
		var err error
		if e, err = r.newEncoder(r.root); err != nil {
			return nil, err
		}
	}
	if r.options.Pooling == "" && e.Model.isModel2Vec() {
		return r.model2vec()
	}
	var err error
	if e.Chat, err = e.words().plainChat(); err != nil {
		return nil, err
	}
	if err := r.complete(e, settings{}); err != nil {
		return nil, err
	}
	if towers[e.Model.ModelType] {
		return r.plainTower(e)
	}
	mode := "mean"
	causal := e.Model.IsCausal == nil || *e.Model.IsCausal
	if a := e.Model.Architectures; len(a) > 0 && strings.HasSuffix(a[0], "ForCausalLM") && causal {
		mode = "lasttoken"
	}
	switch asked := r.options.Pooling; asked {
	case "":
	case "last":
		mode = "lasttoken"
	default:
		mode = asked
	}
	return &Route{Encoder: e, Pooling: &Pooling{Modes: []string{mode}, IncludePrompt: true}}, nil
}

// route reads the modules of list, in which there is no Router.
func (r *reader) route(list []moduleEntry) (*Route, error) {
	if len(list) == 0 {
		return nil, errors.New("modules.json: a route without modules")
	}
	if r.spec.Kind == SparseModel && list[len(list)-1].class() != SparseAutoEncoder {
		return r.sparseRoute(list)
	}
	if r.spec.Kind == Embedding {
		if err := moduleKind(list, Embedding); err != nil {
			return nil, err
		}
	}
	route := new(Route)
	first := &list[0]
	var err error
	input := tokenFeature
	switch first.class() {
	case "Transformer":
		if route.Encoder, err = r.encoder(first, r.transformer); err == nil && route.Encoder.Masked {
			err = unsupported.Mark(first.errorf("transformer_task: %q, expected a SpladePooling after it", fillMask))
		}
	case clipModule:
		route.Encoder, err = r.encoder(first, r.tower)
	case "StaticEmbedding":
		route.Encoder, err = r.encoder(first, r.static)
		input = sentenceFeature
	default:
		return nil, first.unknown("a Transformer, a StaticEmbedding or a Router as the first")
	}
	if err != nil {
		return nil, err
	}
	if e := route.Encoder; e.Model.ModelType == jinaV5 && len(list) == 1 && first.Type == "custom_st.Transformer" {
		// The module pools and normalizes by itself, and reads as many tokens as there are positions.
		route.Pooling, route.Normalized = &Pooling{Modes: []string{"lasttoken"}, IncludePrompt: true}, true
		if n := e.Model.MaxPositionEmbeddings; n != nil && *n > 0 && r.options.MaxTokens == 0 {
			e.MaxTokens = *n
		}
		return route, nil
	}
	if towers[route.Encoder.Model.ModelType] {
		route.Pooling, input = towerPooling(), sentenceFeature
	}
	for i := range list[1:] {
		if err := r.extend(route, &list[1+i], &input); err != nil {
			return nil, err
		}
	}
	if input == tokenFeature {
		return nil, errors.New("modules.json: no Pooling")
	}
	for n := len(route.Modules); n > 0 && route.Modules[n-1].Class == Normalize; n-- {
		route.Modules = route.Modules[:n-1]
		route.Normalized = true
	}
	return route, nil
}

// extend adds the module of e, which finds vectors of the given kind, to a route.
func (r *reader) extend(route *Route, e *moduleEntry, input *Feature) (err error) {
	dir := r.root.at(e.Path)
	switch class := e.class(); {
	case class == "Pooling" && route.Pooling != nil:
		return e.errorf("a second Pooling")
	case class == "Pooling" && route.Encoder.Static:
		return e.errorf("found after a StaticEmbedding, which has the pooled vector already")
	case class == "Pooling":
		route.Pooling, err = dir.pooling()
		*input = sentenceFeature
		return err
	case class == "Dropout" && *input == sentenceFeature:
		return nil // off outside training
	case class == SparseAutoEncoder && r.spec.Kind == SparseModel && *input == sentenceFeature && route.MaxActive == 0:
		m, err := r.module(dir, class, *input)
		route.Modules, route.MaxActive = append(route.Modules, m), m.MaxActive
		return err
	case (class == LayerNorm || e.Type == "st_quantize."+Quantizer) && *input == sentenceFeature || class == Dense || class == Normalize:
		m, err := r.module(dir, class, *input)
		if *input == tokenFeature {
			route.Tokens = append(route.Tokens, m)
		} else {
			route.Modules = append(route.Modules, m)
		}
		return err
	case class == "Dropout" || class == LayerNorm:
		return e.errorf("found before a Pooling, expected one")
	}
	return e.unknown("Pooling, Dense, LayerNorm, Normalize or Dropout")
}

// encoder returns the first module of a route, read once.
func (r *reader) encoder(first *moduleEntry, read func(Folder) (*Encoder, error)) (*Encoder, error) {
	key := moduleKey{path: first.Path, class: first.class()}
	if e, ok := r.encoders[key]; ok {
		return e, nil
	}
	e, err := read(r.root.at(first.Path))
	r.encoders[key] = e
	return e, err
}

// module returns a module behind the first, read once.
func (r *reader) module(dir Folder, class string, input Feature) (*Module, error) {
	key := moduleKey{dir.Path, class, input}
	if m, ok := r.modules[key]; ok {
		return m, nil
	}
	m := &Module{Class: class, Folder: dir}
	var err error
	switch class {
	case Dense:
		err = m.readDense(input, r.spec.Kind)
	case LayerNorm:
		err = m.readLayerNorm()
	case SparseAutoEncoder:
		err = m.readAutoEncoder()
	case Quantizer: // has no files
	default:
		err = dir.checkNormalize(input)
	}
	r.modules[key] = m
	return m, err
}
