package modelfolder

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// Splade is how a route makes weights of the entries of a vocabulary of the logits of a
// masked-language-model head: sentence-transformers' SpladePooling.
type Splade struct {
	Sum   bool // the weights of the tokens are added; else the greatest counts
	Twice bool // activation_function log1p_relu: log(1 + x) twice

	folder Folder
	inputs *int // that config.json says logits have
}

// Fits returns an error unless there may be logits of so many entries.
func (s *Splade) Fits(vocabulary int) error {
	if s.inputs == nil || *s.inputs == vocabulary {
		return nil
	}
	return s.folder.ErrorIn(configName, fmt.Errorf("embedding_dimension, word_embedding_dimension: %d, expected %d, the model's vocab_size", *s.inputs, vocabulary))
}

// plainSparse is what sentence-transformers 6.2 makes of a masked-language model without
// modules.json: the greatest weights.
func (r *reader) plainSparse() (*Route, error) {
	chat, err := r.root.plainChat()
	if err != nil {
		return nil, err
	}
	e := r.source
	if e == nil {
		if e, err = r.newEncoder(r.root); err != nil {
			return nil, err
		}
	}
	e.Masked, e.Chat = true, chat
	return &Route{Encoder: e, Splade: new(Splade)}, r.complete(e, settings{})
}

const (
	spladePooling = "SpladePooling"
	sparseStatic  = "SparseStaticEmbedding"
)

// sparseRoute reads the modules of list, a route through a sparse model.
func (r *reader) sparseRoute(list []moduleEntry) (*Route, error) {
	first, route := &list[0], new(Route)
	if r.lexical {
		return r.lexicalRoute(first)
	}
	var err error
	if first.class() == sparseStatic {
		if len(list) > 1 {
			return nil, list[1].unknown("no module after a SparseStaticEmbedding")
		}
		route.Encoder, err = r.encoder(first, r.tokenWeights)
		return route, err
	}
	if class := first.class(); class != "MLMTransformer" && class != "Transformer" {
		return nil, first.unknown("an MLMTransformer, a Transformer for fill-mask or a SparseStaticEmbedding as the first module of a sparse model")
	}
	dir := r.root.at(first.Path)
	set, err := dir.settings()
	if err != nil {
		return nil, err
	}
	if first.class() == "Transformer" && set.TransformerTask != fillMask {
		return nil, unsupported.Mark(first.errorf("transformer_task: %q, expected %q in a sparse model", set.TransformerTask, fillMask))
	}
	if len(list) == 1 {
		return nil, unsupported.Mark(first.errorf("found alone, expected a SpladePooling after it"))
	}
	if list[1].class() != spladePooling {
		return nil, list[1].unknown("a SpladePooling")
	}
	if len(list) > 2 {
		return nil, list[2].unknown("no module after a SpladePooling")
	}
	if route.Encoder, err = r.encoder(first, r.transformer); err != nil {
		return nil, err
	}
	route.Encoder.Masked = true
	route.Splade, err = r.root.at(list[1].Path).splade()
	return route, err
}

// tokenWeights reads a SparseStaticEmbedding module: a tokenizer, which adds no special
// tokens and cuts as its own files say, and a weight for each of its tokens.
func (r *reader) tokenWeights(dir Folder) (*Encoder, error) {
	var config struct {
		Frozen any     `json:"frozen"` // in training
		Path   *string `json:"path"`
	}
	if _, err := dir.ReadJSON(configName, &config); err != nil {
		return nil, err
	}
	if config.Path != nil {
		return nil, dir.ErrorIn(configName, unsupported.Errorf("path: %.100q, expected none, and the weights in %s", *config.Path, manifest.Weights[0]))
	}
	e := &Encoder{Folder: dir, Base: dir, Static: true, Presence: true, Unknown: -1}
	if err := e.readTokenizer(settings{}, r.options); err != nil {
		return nil, err
	}
	e.Tokenizer, e.End = e.Tokenizer.Unframed(), ""
	r.spec.Encoders = append(r.spec.Encoders, e)
	return e, nil
}

// splade reads the configuration of a SpladePooling module in f.
func (f Folder) splade() (*Splade, error) {
	s := &Splade{folder: f}
	config := struct {
		PoolingStrategy        string `json:"pooling_strategy"`
		ActivationFunction     string `json:"activation_function"`
		EmbeddingDimension     *int   `json:"embedding_dimension"`
		WordEmbeddingDimension *int   `json:"word_embedding_dimension"` // the name up to sentence-transformers 5.3
		ChunkSize              any    `json:"chunk_size"`               // how the reference computes, not what
	}{PoolingStrategy: "max", ActivationFunction: "relu"}
	found, err := f.ReadJSON(configName, &config)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, f.ErrorIn(configName, fs.ErrNotExist)
	}
	switch config.PoolingStrategy {
	case "max":
	case "sum":
		s.Sum = true
	default:
		return nil, f.ErrorIn(configName, unsupported.Errorf(`pooling_strategy: %.50q, expected "max" or "sum"`, config.PoolingStrategy))
	}
	switch config.ActivationFunction {
	case "relu":
	case "log1p_relu":
		s.Twice = true
	default:
		return nil, f.ErrorIn(configName, unsupported.Errorf(`activation_function: %.50q, expected "relu" or "log1p_relu"`, config.ActivationFunction))
	}
	s.inputs = config.EmbeddingDimension
	if s.inputs == nil {
		s.inputs = config.WordEmbeddingDimension
	}
	return s, nil
}

// readMaxActive takes max_active_dims, nil for none.
func (r *reader) readMaxActive(n *int) error {
	switch {
	case n == nil:
		return nil
	case r.spec.Kind != SparseModel:
		return unsupported.Errorf("max_active_dims: %d, expected none of %s", *n, expected(r.spec.Kind))
	case *n < 1:
		return fmt.Errorf("max_active_dims: %d, expected 1 or more", *n)
	}
	r.spec.MaxActive = *n
	return nil
}

// masksTokens reports whether a transformer has a masked-language-model head.
func (c *ModelConfig) masksTokens() bool {
	return len(c.Architectures) > 0 && strings.HasSuffix(c.Architectures[0], "ForMaskedLM")
}
