package modelfolder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/strictjson"
)

// newEncoder finds what a transformer in dir is made of: its config.json, and the
// adapter, if there is one.
func (r *reader) newEncoder(dir Folder) (*Encoder, error) {
	e := &Encoder{Folder: dir, Unknown: -1}
	var err error
	if err = e.readAdapter(r.options); err != nil {
		return nil, err
	}
	if e.Model, e.Config, err = e.Base.modelConfig(); err == nil {
		err = e.readTasks()
	}
	return e, e.ErrorIn(err)
}

// transformer reads the settings, the tokenizer and the outliers of a Transformer module.
func (r *reader) transformer(dir Folder) (*Encoder, error) {
	s, err := dir.settings()
	if err != nil {
		return nil, err
	}
	e, err := r.newEncoder(dir)
	if err != nil {
		return nil, err
	}
	if err := s.checkTask(r.spec.Kind, e.Model.ModelType); err != nil {
		return nil, dir.ErrorIn(s.file, err)
	}
	e.Masked = s.TransformerTask == fillMask
	if r.spec.Kind != Reranker {
		if e.Chat, err = dir.chat(&s); err != nil {
			return nil, err
		}
	}
	return e, r.complete(e, s)
}

// complete reads what s, which may be none, leaves to other files.
func (r *reader) complete(e *Encoder, s settings) error {
	if err := r.checkTower(e); err != nil {
		return err
	}
	if err := e.readOutliers(); err != nil {
		return e.ErrorIn(err)
	}
	if err := e.readTokenizer(s, r.options); err != nil {
		return err
	}
	r.spec.Encoders = append(r.spec.Encoders, e)
	return nil
}

// readOutliers reads the file, optional, that says which inputs of linear layers Int8
// keeps apart.
func (e *Encoder) readOutliers() error {
	data, err := e.Base.Read(manifest.Outliers)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	e.Outliers = data
	return err
}

// ErrorIn names the base model in err, where it lies elsewhere.
func (e *Encoder) ErrorIn(err error) error {
	if err != nil && e.apart {
		return fmt.Errorf("with the base model %s: %w", e.base, err)
	}
	return err
}

// static reads a StaticEmbedding module: tokenizer.json and the table. As in
// sentence-transformers 6.2 there are no special tokens, the limit is what
// tokenizer.json says about truncation, and there may be none.
func (r *reader) static(dir Folder) (*Encoder, error) {
	e := &Encoder{Folder: dir, Base: dir, Static: true, Unknown: -1}
	var err error
	if e.Tokenizer, e.Sum, err = dir.parseTokenizer(); err != nil {
		return nil, err
	}
	e.Tokenizer = e.Tokenizer.Unframed()
	limit, side, err := dir.truncation(e.Tokenizer)
	if err != nil {
		return nil, err
	}
	if e.Truncate = side; limit != nil {
		if e.MaxTokens, err = wholeLength(*limit); err != nil {
			return nil, dir.ErrorIn(tokenizerName, fmt.Errorf("truncation: max_length: %w", err))
		}
	}
	if n := r.options.MaxTokens; n > 0 {
		e.MaxTokens = n
	}
	r.spec.Encoders = append(r.spec.Encoders, e)
	return e, nil
}

const (
	model2vecType   = "model2vec"
	model2vecTokens = 512 // the limit where config.json has none
)

// model2vec reads a folder without modules.json as model2vec 0.10 does: texts
// lose their unknown tokens after truncation. model2vec cuts long texts also by
// characters before it tokenizes them; that is left out.
func (r *reader) model2vec() (*Route, error) {
	var config struct {
		Normalize bool            `json:"normalize"`
		MaxLength json.RawMessage `json:"max_length"`

		// What the table was made from, and of.
		ModelType              any `json:"model_type"`
		Architectures          any `json:"architectures"`
		TokenizerName          any `json:"tokenizer_name"`
		ApplyPCA               any `json:"apply_pca"`
		ApplyZipf              any `json:"apply_zipf"`
		SIFCoefficient         any `json:"sif_coefficient"`
		HiddenDim              any `json:"hidden_dim"`
		SeqLength              any `json:"seq_length"`
		Pooling                any `json:"pooling"` // that of the model that it was made from
		EmbeddingDType         any `json:"embedding_dtype"`
		VocabularyQuantization any `json:"vocabulary_quantization"`
		TransformersVersion    any `json:"transformers_version"`
	}
	if _, err := r.root.ReadSome(configName, &config); err != nil {
		return nil, err
	}
	e, err := r.static(r.root)
	if err != nil {
		return nil, err
	}
	limit := model2vecTokens
	if config.MaxLength != nil {
		var n *int
		if err := json.Unmarshal(config.MaxLength, &n); err != nil || n != nil && *n < 1 {
			return nil, r.root.ErrorIn(configName, fmt.Errorf("max_length: %.100s, expected null or a whole number from 1 on", config.MaxLength))
		}
		limit = 0
		if n != nil {
			limit = *n
		}
	}
	if r.options.MaxTokens == 0 {
		e.MaxTokens = limit
	}
	var file struct {
		Model struct {
			UnkToken *string `json:"unk_token"`
			UnkID    *int32  `json:"unk_id"` // of Unigram
		} `json:"model"`
	}
	data, err := r.root.Read(tokenizerName)
	if err == nil {
		err = r.root.ErrorIn(tokenizerName, strictjson.Unmarshal(data, &file))
	}
	if err != nil {
		return nil, err
	}
	if u := file.Model.UnkToken; u != nil {
		if id, ok := e.Tokenizer.ID(*u); ok {
			e.Unknown = id
		}
	} else if u := file.Model.UnkID; u != nil {
		e.Unknown = *u
	}
	return &Route{Encoder: e, Normalized: config.Normalize}, nil
}
