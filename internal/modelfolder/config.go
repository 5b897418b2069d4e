package modelfolder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/quant"
)

const configName = manifest.Config

// A ModelConfig is what is read of a transformer's config.json beside what its family
// reads.
type ModelConfig struct {
	ModelType             string   `json:"model_type"`
	Architectures         []string `json:"architectures"`
	IsCausal              *bool    `json:"is_causal"`
	MaxPositionEmbeddings *int     `json:"max_position_embeddings"`
	IsMatryoshka          bool     `json:"is_matryoshka"` // as vLLM reads these two
	MatryoshkaDimensions  []int    `json:"matryoshka_dimensions"`
	TruncateDim           *int     `json:"truncate_dim"` // of jina-embeddings-v3
	TaskNames             []string `json:"task_names"`   // of jina-embeddings-v5

	Normalize      any `json:"normalize"` // which model2vec writes
	EmbeddingDType any `json:"embedding_dtype"`
}

// isModel2Vec reports whether c is of a model2vec without modules.json. It reads such a
// folder whatever model_type says; a transformer's has one.
func (c *ModelConfig) isModel2Vec() bool {
	return c.ModelType == model2vecType || c.ModelType == "" && (c.Normalize != nil || c.EmbeddingDType != nil)
}

// truncateDim returns truncate_dim, 0 for none.
func (c *ModelConfig) truncateDim() (int, error) {
	if c.TruncateDim == nil {
		return 0, nil
	}
	if d := *c.TruncateDim; d < 1 {
		return 0, fmt.Errorf("config.json: truncate_dim: %d, expected 1 or more", d)
	}
	return *c.TruncateDim, nil
}

// modelConfig reads config.json, and returns its content too.
func (f Folder) modelConfig() (config ModelConfig, data []byte, err error) {
	if data, err = f.Read(configName); err != nil {
		return config, nil, err
	}
	return config, data, f.ErrorIn(configName, strictjson.Unmarshal(data, &config))
}

// The names that every model takes for a prompt, and the prompts that are looked up
// for them, the first one that the model has.
var Fallbacks = map[string][]string{
	"query":    {"query"},
	"document": {"document", "passage", "corpus"},
}

const sentenceConfig = manifest.Sentence

// readSentence reads config_sentence_transformers.json, where there is one.
func (r *reader) readSentence() error {
	const name = sentenceConfig
	var config struct {
		Version           any               `json:"__version__"`
		Requirements      any               `json:"requirements"`
		ModelType         string            `json:"model_type"`
		Prompts           map[string]string `json:"prompts"`
		DefaultPromptName string            `json:"default_prompt_name"`
		SimilarityFnName  string            `json:"similarity_fn_name"`
		TruncateDim       *int              `json:"truncate_dim"`
		ActivationFn      *string           `json:"activation_fn"`   // of a CrossEncoder
		MaxActiveDims     *int              `json:"max_active_dims"` // of a SparseEncoder
		legacy                              // of a MultiVectorEncoder
	}
	if _, err := r.root.ReadSome(name, &config); err != nil {
		return err
	}
	if config.ActivationFn != nil && r.spec.Kind != Reranker {
		return r.root.ErrorIn(name, unsupported.Errorf("activation_fn: %q, expected none of %s", *config.ActivationFn, expected(r.spec.Kind)))
	}
	if err := r.readMaxActive(config.MaxActiveDims); err != nil {
		return r.root.ErrorIn(name, err)
	}
	if err := r.readLegacy(&config.legacy, config.ModelType); err != nil {
		return r.root.ErrorIn(name, err)
	}
	_, ok := config.Prompts[config.DefaultPromptName]
	if _, any := Fallbacks[config.DefaultPromptName]; !ok && !any && config.DefaultPromptName != "" {
		return r.root.ErrorIn(name, fmt.Errorf("default_prompt_name: %q, which prompts lacks", config.DefaultPromptName))
	}
	if d := config.TruncateDim; d != nil {
		if *d < 1 {
			return r.root.ErrorIn(name, fmt.Errorf("truncate_dim: %d, expected 1 or more", *d))
		}
		r.spec.Dimensions = *d
	}
	r.spec.Prompts, r.spec.DefaultPrompt, r.spec.Similarity = config.Prompts, config.DefaultPromptName, config.SimilarityFnName
	r.activation = config.ActivationFn
	r.prefixPrompts()
	return nil
}

// ranges reads quantization_ranges.json, nil where there is none.
func (f Folder) ranges() (*quant.Ranges, error) {
	data, err := f.Read(quant.RangesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := quant.ReadRanges(bytes.NewReader(data))
	return r, f.ErrorIn(quant.RangesFile, err)
}
