package modelfolder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/strictjson"
	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tokenizer"
)

const (
	tokenizerName       = manifest.Tokenizer
	tokenizerConfigName = "tokenizer_config.json"
)

// readTokenizer reads the tokenizer of a Transformer and the limit of tokens, which that of
// the options replaces.
func (e *Encoder) readTokenizer(s settings, o Options) error {
	f := e.words()
	var err error
	if e.Tokenizer, e.Sum, err = f.loadTokenizer(o.Transformers); err != nil {
		return err
	}
	if e.Lowercase = s.DoLowerCase; s.DoLowerCase {
		e.Tokenizer = e.Tokenizer.Lowercase()
	}
	config, err := f.tokenizerConfig()
	if err != nil {
		return err
	}
	if config.ends() {
		e.End = config.EOSToken.Content
		id, ok := e.Tokenizer.ID(e.End)
		if !ok {
			return f.ErrorIn(tokenizerConfigName, fmt.Errorf("eos_token: %q, which tokenizer.json lacks", e.End))
		}
		e.Tokenizer = e.Tokenizer.EndedBy(id)
	}
	if e.Truncate, err = f.side(config, s, e.Tokenizer); err != nil {
		return err
	}
	e.Types = config.types(e.Model.ModelType)
	limit := config.limit
	switch n := e.Model.MaxPositionEmbeddings; { // as sentence-transformers 6.2, Transformer.__init__
	case s.limited:
		limit = s.limit
	case n != nil && *n > 0: // -1 is none
		limit = Lowest(limit, *n)
	}
	if o.MaxTokens > 0 {
		limit = o.MaxTokens
	}
	e.MaxTokens = limit
	return nil
}

// loadTokenizer reads tokenizer.json or the files that stand in for it as that version of
// transformers does, 0 for the one that the folder names, and returns their sum too.
func (f Folder) loadTokenizer(version int) (*tokenizer.Tokenizer, string, error) {
	kept, _ := f.FS.(*Kept)
	if kept == nil {
		return f.readTokenizerFiles(version)
	}
	known, ok := kept.tokenizers[f.Path]
	if !ok {
		var err error
		if known.tokenizer, known.sum, err = f.readTokenizerFiles(version); err != nil {
			return nil, "", err
		}
		kept.tokenizers[f.Path] = known
	}
	return known.tokenizer, known.sum, nil
}

// readTokenizerFiles is loadTokenizer where nothing is kept.
func (f Folder) readTokenizerFiles(version int) (*tokenizer.Tokenizer, string, error) {
	r := recorder{f, new([]recorded)}
	t, err := tokenizer.LoadAs(r, version)
	if err != nil {
		return nil, "", f.ErrorIn("", err)
	}
	if types := t.AppendTypes(nil, t.SpecialTokens()+1, tokenizer.Options{}); slices.Max(types) > 0 {
		return nil, "", f.ErrorIn(tokenizerName, unsupported.Errorf("post_processor: token types %d of one text, expected 0 for all", types))
	}
	return t, r.sum(t), nil
}

// parseTokenizer reads tokenizer.json alone, and returns its sum too.
func (f Folder) parseTokenizer() (*tokenizer.Tokenizer, string, error) {
	r := recorder{f, new([]recorded)}
	data, err := r.ReadFile(tokenizerName)
	if err != nil {
		return nil, "", f.ErrorIn(tokenizerName, err)
	}
	t, err := tokenizer.Parse(data)
	if err != nil {
		return nil, "", f.ErrorIn("", err)
	}
	return t, r.sum(t), nil
}

// side returns the side of truncation: that of the settings, of
// tokenizer_config.json or of tokenizer.json, in t, the first that there is.
func (f Folder) side(config tokenizerConfig, s settings, t *tokenizer.Tokenizer) (tokenizer.Truncation, error) {
	if s.side != "" {
		return parseSide(s.side)
	}
	if config.TruncationSide != "" {
		return config.side, nil
	}
	_, side, err := f.truncation(t)
	return side, err
}

// Lowest returns the lower of two limits, of which 0 is none.
func Lowest(a, b int) int {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// A tokenizerConfig is what is read of tokenizer_config.json.
type tokenizerConfig struct {
	TokenizerClass       string   `json:"tokenizer_class"`
	ModelMaxLength       *float64 `json:"model_max_length"`
	TruncationSide       string   `json:"truncation_side"`
	DoLowerCase          *bool    `json:"do_lower_case"`
	StripAccents         *bool    `json:"strip_accents"`
	TokenizeChineseChars *bool    `json:"tokenize_chinese_chars"`
	AutoMap              struct {
		AutoTokenizer json.RawMessage `json:"AutoTokenizer"`
	} `json:"auto_map"`
	ModelInputNames []string `json:"model_input_names"`

	AddEOSToken bool  `json:"add_eos_token"`
	EOSToken    token `json:"eos_token"`
	CLSToken    token `json:"cls_token"`
	PadToken    token `json:"pad_token"`
	UnkToken    token `json:"unk_token"`

	limit int                  // of tokens; 0 for none
	side  tokenizer.Truncation // of truncation
}

// A token is its text, or an object with that.
type token struct {
	Content string `json:"content"`
}

func (t *token) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		type plain token
		return json.Unmarshal(data, (*plain)(t))
	}
	return json.Unmarshal(data, &t.Content)
}

// endingTokenizers are the values of AutoTokenizer whose code, published beside
// Alibaba-NLP/gte-Qwen2, puts the end token after each text where add_eos_token
// says so, and nothing else around it. Without that code transformers 5.23 takes
// the special tokens around a text from tokenizer.json alone.
const endingTokenizers = `["tokenization_qwen.Qwen2Tokenizer","tokenization_qwen.Qwen2TokenizerFast"]`

// known reports whether the code that auto_map names is that of endingTokenizers.
func (c *tokenizerConfig) known() bool {
	var code bytes.Buffer
	return json.Compact(&code, c.AutoMap.AutoTokenizer) == nil && code.String() == endingTokenizers
}

// ends reports whether the end token is put after each text.
func (c *tokenizerConfig) ends() bool { return c.known() && c.AddEOSToken }

// typedTokenizers are the classes, and the model types that have one of them, whose
// model_input_names have the types of tokens where tokenizer_config.json does not say
// (transformers 5.23).
var typedTokenizers = []string{
	"BertTokenizer", "DebertaV2Tokenizer", "ElectraTokenizer", "bert", "deberta-v2", "distilbert", "electra", "nomic_bert",
}

// types reports whether the model is fed the types of tokens.
func (c *tokenizerConfig) types(modelType string) bool {
	if c.ModelInputNames != nil {
		return slices.Contains(c.ModelInputNames, "token_type_ids")
	}
	return slices.Contains(typedTokenizers, c.class(modelType))
}

// class returns that of the tokenizer, or the model type where the file does not say.
func (c *tokenizerConfig) class(modelType string) string {
	if class := strings.TrimSuffix(c.TokenizerClass, "Fast"); class != "" {
		return class
	}
	return modelType
}

// tokenizerConfig reads tokenizer_config.json, where there is one.
func (f Folder) tokenizerConfig() (config tokenizerConfig, err error) {
	const name = tokenizerConfigName
	data, err := f.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return config, nil
	}
	if err != nil {
		return config, err
	}
	if err := strictjson.Unmarshal(data, &config); err != nil {
		return config, f.ErrorIn(name, err)
	}
	if code := config.AutoMap.AutoTokenizer; code != nil && !config.known() {
		return config, f.ErrorIn(name, unsupported.Errorf("auto_map: AutoTokenizer: found code that is not known, %s, expected none or %s", code, endingTokenizers))
	}
	if config.side, err = parseSide(config.TruncationSide); err != nil {
		return config, f.ErrorIn(name, fmt.Errorf("truncation_side: %w", err))
	}
	if n := config.ModelMaxLength; n != nil {
		if config.limit, err = wholeLength(*n); err != nil {
			return config, f.ErrorIn(name, fmt.Errorf("model_max_length: %w", err))
		}
	}
	return config, nil
}

// wholeLength returns n as an int, and 0 where it stands for no limit:
// transformers writes 1e30.
func wholeLength(n float64) (int, error) {
	if n >= 1<<31 {
		return 0, nil
	}
	if n < 1 || n != float64(int(n)) {
		return 0, fmt.Errorf("%v, expected a whole number from 1 on", n)
	}
	return int(n), nil
}

// parseSide reads a truncation_side; none is the right one.
func parseSide(side string) (tokenizer.Truncation, error) {
	switch side {
	case "", "right":
		return tokenizer.TruncateEnd, nil
	case "left":
		return tokenizer.TruncateStart, nil
	}
	return 0, fmt.Errorf(`%.100q, expected "left" or "right"`, side)
}

// truncation returns what tokenizer.json says about it, in t: the limit, nil where
// there is none, and the side.
func (f Folder) truncation(t *tokenizer.Tokenizer) (limit *float64, side tokenizer.Truncation, err error) {
	if t.Truncation() == "" {
		return nil, tokenizer.TruncateEnd, nil
	}
	var config *struct {
		Direction string  `json:"direction"`
		MaxLength float64 `json:"max_length"`
	}
	err = strictjson.Unmarshal([]byte(t.Truncation()), &config)
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
		err = f.ErrorIn(tokenizerName, fmt.Errorf("truncation: %w", err))
	}
	return nil, tokenizer.TruncateEnd, err
}
