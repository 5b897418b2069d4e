package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// static reads a StaticEmbedding module: tokenizer.json and the table. As in
// sentence-transformers 6.2 there are no special tokens, the limit is what
// tokenizer.json says about truncation, and there may be none.
func (l *loader) static(dir folder) (*encoder, error) {
	r := recorder{dir, sha256.New()}
	data, err := r.ReadFile(tokenizerName)
	if err != nil {
		return nil, dir.errorIn(tokenizerName, err)
	}
	t, err := tokenizer.Parse(data)
	if err != nil {
		return nil, dir.errorIn("", err)
	}
	sum := hex.EncodeToString(r.Sum(nil))
	e := &encoder{unknown: -1, tokenizer: t.Unframed(), recipe: encoderRecipe{Tokenizer: sum, Weights: len(l.model.pipeline.Files)}}
	limit, side, err := dir.truncation(t)
	if err != nil {
		return nil, err
	}
	if e.encode.Truncate = side; limit != nil {
		if e.encode.MaxTokens, err = wholeLength(*limit); err != nil {
			return nil, dir.errorIn(tokenizerName, fmt.Errorf("truncation: max_length: %w", err))
		}
	}
	if l.maxTokens > 0 {
		e.encode.MaxTokens = l.maxTokens
	}
	file, err := l.weights(dir)
	if err != nil {
		return nil, err
	}
	table, err := openTable(file, l.set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	e.Encoder = table
	l.model.info.MemoryBytes += table.Bytes()
	return e, nil
}

// truncation returns what tokenizer.json says about it, in t: the limit, nil where
// there is none, and the side.
func (f folder) truncation(t *tokenizer.Tokenizer) (limit *float64, side tokenizer.Truncation, err error) {
	if t.Truncation() == "" {
		return nil, tokenizer.TruncateEnd, nil
	}
	var config *struct {
		Direction string  `json:"direction"`
		MaxLength float64 `json:"max_length"`
	}
	err = transformer.Unmarshal([]byte(t.Truncation()), &config)
	switch {
	case err != nil || config == nil:
	case config.Direction == "Left":
		return &config.MaxLength, tokenizer.TruncateStart, nil
	case config.Direction == "Right" || config.Direction == "":
		return &config.MaxLength, tokenizer.TruncateEnd, nil
	default:
		err = fmt.Errorf("direction: %.100q, expected Left or Right", config.Direction)
	}
	if err != nil {
		err = f.errorIn(tokenizerName, fmt.Errorf("truncation: %w", err))
	}
	return nil, tokenizer.TruncateEnd, err
}

const tokenizerName = manifest.Tokenizer

// tokenizerJSON decodes what v has of tokenizer.json.
func (f folder) tokenizerJSON(v any) error {
	data, err := f.read(tokenizerName)
	if err == nil {
		err = f.errorIn(tokenizerName, transformer.Unmarshal(data, v))
	}
	return err
}

// openTable returns the table in file: embedding.weight, or model2vec's
// embeddings with its mapping and its weights, if it has them.
func openTable(file *tensor.File, set *kernel.Set) (*pipeline.Table, error) {
	t := &pipeline.Table{Set: set}
	name := "embedding.weight"
	var ok bool
	if t.Rows, ok = file.Tensor(name); !ok {
		name = "embeddings"
		t.Rows, ok = file.Tensor(name)
	}
	switch {
	case !ok:
		return nil, errors.New("tensor embedding.weight or embeddings: missing, expected a row for each token")
	case len(t.Rows.Shape) != 2 || t.Rows.Shape[0] < 1 || t.Rows.Shape[1] < 1:
		return nil, fmt.Errorf("tensor %s: shape %v, expected tokens×dimensions", name, t.Rows.Shape)
	case t.Rows.DType != tensor.I8:
		if err := t.Rows.Float32sAt(nil, 0); err != nil {
			return nil, err
		}
	}
	for _, other := range file.Names() {
		x, _ := file.Tensor(other)
		var err error
		switch {
		case other == name:
		case other == "mapping" && name == "embeddings":
			t.Mapping, err = readMapping(x, t.Rows.Shape[0])
		case other == "weights" && name == "embeddings":
			t.Weights = make([]float32, x.Len())
			err = x.Float32s(t.Weights)
		default:
			err = fmt.Errorf("tensor %s: not used by this module", other)
		}
		if err != nil {
			return nil, err
		}
	}
	if n := t.Vocabulary(); t.Weights != nil && len(t.Weights) != n {
		return nil, fmt.Errorf("tensor weights: %d elements, expected %d, one for each token", len(t.Weights), n)
	}
	return t, nil
}

// readMapping returns the row of each token.
func readMapping(t tensor.Tensor, rows int) ([]int32, error) {
	if len(t.Shape) != 1 || t.Len() < 1 || t.DType != tensor.I64 && t.DType != tensor.I32 {
		return nil, fmt.Errorf("tensor mapping: %v of shape %v, expected I64 or I32, a row for each token", t.DType, t.Shape)
	}
	mapping := make([]int32, t.Len())
	for i := range mapping {
		var row int64
		if t.DType == tensor.I64 {
			row = int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
		} else {
			row = int64(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
		}
		if row < 0 || row >= int64(rows) {
			return nil, fmt.Errorf("tensor mapping: row %d of token %d, expected 0 to %d", row, i, rows-1)
		}
		mapping[i] = int32(row)
	}
	return mapping, nil
}

const (
	model2vecType   = "model2vec"
	model2vecTokens = 512 // the limit where config.json has none
)

// model2vec reads a folder without modules.json as model2vec 0.10 does: texts
// lose their unknown tokens after truncation. model2vec cuts long texts also by
// characters before it tokenizes them; that is left out.
func (l *loader) model2vec() (*route, error) {
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
	const name = "config.json"
	if _, err := l.root.readJSON(name, &config); err != nil {
		return nil, err
	}
	e, err := l.static(l.root)
	if err != nil {
		return nil, err
	}
	limit := model2vecTokens
	if config.MaxLength != nil {
		var n *int
		if err := json.Unmarshal(config.MaxLength, &n); err != nil || n != nil && *n < 1 {
			return nil, l.root.errorIn(name, fmt.Errorf("max_length: %.100s, expected null or a whole number from 1 on", config.MaxLength))
		}
		limit = 0
		if n != nil {
			limit = *n
		}
	}
	if l.maxTokens == 0 {
		e.encode.MaxTokens = limit
	}
	var file struct {
		Model struct {
			UnkToken *string `json:"unk_token"`
			UnkID    *int32  `json:"unk_id"` // of Unigram
		} `json:"model"`
	}
	if err := l.root.tokenizerJSON(&file); err != nil {
		return nil, err
	}
	if u := file.Model.UnkToken; u != nil {
		if id, ok := e.tokenizer.ID(*u); ok {
			e.unknown = id
		}
	} else if u := file.Model.UnkID; u != nil {
		e.unknown = *u
	}
	r := &route{encoder: e, normalized: config.Normalize, dimensions: e.Width()}
	return r.ready(), nil
}
