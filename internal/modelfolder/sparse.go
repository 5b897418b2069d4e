package modelfolder

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// Sparse is what a folder says about a model that gives the entries of its vocabulary
// weights: sentence-transformers' SpladePooling over a masked-language-model head.
type Sparse struct {
	Sum       bool // the weights of the tokens are added; else the greatest counts
	Twice     bool // activation_function log1p_relu: log(1 + x) twice
	MaxActive int  // max_active_dims: how many weights are kept, the largest; 0 = all

	folder Folder
	inputs *int // that config.json says logits have
}

// Fits returns an error unless there may be logits of so many entries.
func (s *Sparse) Fits(vocabulary int) error {
	if s.inputs == nil || *s.inputs == vocabulary {
		return nil
	}
	return s.folder.ErrorIn(configName, fmt.Errorf("embedding_dimension, word_embedding_dimension: %d, expected %d, the model's vocab_size", *s.inputs, vocabulary))
}

// sparse reads the folder of a sparse model with these modules. Without any it is what
// sentence-transformers 6.2 makes of a masked-language model: the greatest weights.
func (r *reader) sparse(list []moduleEntry) error {
	s := new(Sparse)
	s.MaxActive = r.maxActive
	r.spec.Sparse, r.spec.Default = s, new(Route)
	if list == nil {
		if err := r.root.checkNoTemplate(); err != nil {
			return err
		}
		e := r.source
		if e == nil {
			var err error
			if e, err = r.newEncoder(r.root); err != nil {
				return err
			}
		}
		r.spec.Default.Encoder = e
		return r.complete(e, settings{})
	}
	first := &list[0]
	if class := first.class(); class != "MLMTransformer" && class != "Transformer" {
		return first.unknown("an MLMTransformer, or a Transformer for fill-mask, as the first module of a sparse model")
	}
	dir := Folder{r.root.FS, first.Path}
	set, err := dir.settings()
	if err != nil {
		return err
	}
	if first.class() == "Transformer" && set.TransformerTask != fillMask {
		return unsupported.Mark(first.errorf("transformer_task: %q, expected %q in a sparse model", set.TransformerTask, fillMask))
	}
	if len(list) == 1 {
		return unsupported.Mark(first.errorf("found alone, expected a SpladePooling after it"))
	}
	if list[1].class() != "SpladePooling" {
		return list[1].unknown("a SpladePooling")
	}
	if len(list) > 2 {
		return list[2].unknown("no module after a SpladePooling")
	}
	if r.spec.Default.Encoder, err = r.transformer(dir); err != nil {
		return err
	}
	return s.read(Folder{r.root.FS, list[1].Path})
}

// read reads the configuration of a SpladePooling module in f.
func (s *Sparse) read(f Folder) error {
	config := struct {
		PoolingStrategy        string `json:"pooling_strategy"`
		ActivationFunction     string `json:"activation_function"`
		EmbeddingDimension     *int   `json:"embedding_dimension"`
		WordEmbeddingDimension *int   `json:"word_embedding_dimension"` // the name up to sentence-transformers 5.3
	}{PoolingStrategy: "max", ActivationFunction: "relu"}
	found, err := f.ReadJSON(configName, &config)
	switch {
	case err != nil:
		return err
	case !found:
		return f.ErrorIn(configName, fs.ErrNotExist)
	}
	switch config.PoolingStrategy {
	case "max":
	case "sum":
		s.Sum = true
	default:
		return f.ErrorIn(configName, unsupported.Errorf(`pooling_strategy: %.50q, expected "max" or "sum"`, config.PoolingStrategy))
	}
	switch config.ActivationFunction {
	case "relu":
	case "log1p_relu":
		s.Twice = true
	default:
		return f.ErrorIn(configName, unsupported.Errorf(`activation_function: %.50q, expected "relu" or "log1p_relu"`, config.ActivationFunction))
	}
	s.folder, s.inputs = f, config.EmbeddingDimension
	if s.inputs == nil {
		s.inputs = config.WordEmbeddingDimension
	}
	return nil
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
	r.maxActive = *n
	return nil
}

// masksTokens reports whether a transformer has a masked-language-model head.
func (c *ModelConfig) masksTokens() bool {
	return len(c.Architectures) > 0 && strings.HasSuffix(c.Architectures[0], "ForMaskedLM")
}
