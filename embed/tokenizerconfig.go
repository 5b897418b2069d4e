package embed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A tokenizerConfig is what embed reads of tokenizer_config.json.
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
	AddEOSToken bool  `json:"add_eos_token"`
	EOSToken    token `json:"eos_token"`

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

// tokenizerConfig reads tokenizer_config.json, where there is one.
func (f folder) tokenizerConfig() (config tokenizerConfig, err error) {
	const name = "tokenizer_config.json"
	data, err := f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return config, nil
	}
	if err != nil {
		return config, err
	}
	if err := transformer.Unmarshal(data, &config); err != nil {
		return config, f.errorIn(name, err)
	}
	if code := config.AutoMap.AutoTokenizer; code != nil && !config.known() {
		return config, f.errorIn(name, fmt.Errorf("auto_map: AutoTokenizer: found code that is not known, %s, expected none or %s", code, endingTokenizers))
	}
	if config.side, err = parseSide(config.TruncationSide); err != nil {
		return config, f.errorIn(name, fmt.Errorf("truncation_side: %w", err))
	}
	if n := config.ModelMaxLength; n != nil {
		if config.limit, err = wholeLength(*n); err != nil {
			return config, f.errorIn(name, fmt.Errorf("model_max_length: %w", err))
		}
	}
	return config, nil
}

// bertTokenizers are the classes, and the model types that have no other, whose
// normalizer transformers makes of tokenizer_config.json, not of tokenizer.json:
// BertTokenizer and those that are made of it.
var bertTokenizers = []string{
	"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MPNetTokenizer",
	"bert", "distilbert", "electra", "mpnet", "nomic_bert",
}

// checkNormalizer returns an error where tokenizer.json and tokenizer_config.json
// do not agree on a BERT normalizer: its reader would have to know which of
// the two made the model.
func (f folder) checkNormalizer(config tokenizerConfig, modelType string) error {
	class := strings.TrimSuffix(config.TokenizerClass, "Fast")
	if class == "" {
		class = modelType
	}
	if !slices.Contains(bertTokenizers, class) {
		return nil
	}
	var file struct {
		Normalizer struct {
			Type               string `json:"type"`
			Lowercase          bool   `json:"lowercase"`
			StripAccents       *bool  `json:"strip_accents"`
			HandleChineseChars bool   `json:"handle_chinese_chars"`
		} `json:"normalizer"`
	}
	if err := f.tokenizerJSON(&file); errors.Is(err, fs.ErrNotExist) {
		return nil // then tokenizer_config.json alone says it
	} else if err != nil {
		return err
	}
	n := &file.Normalizer
	if n.Type != "BertNormalizer" {
		return nil
	}
	or := func(value *bool, missing bool) bool {
		if value == nil {
			return missing
		}
		return *value
	}
	lower := or(config.DoLowerCase, true)
	for _, c := range []struct {
		key, name   string
		want, found bool
	}{
		{"do_lower_case", "lowercase", lower, n.Lowercase},
		{"strip_accents", "strip_accents", or(config.StripAccents, lower), or(n.StripAccents, n.Lowercase)},
		{"tokenize_chinese_chars", "handle_chinese_chars", or(config.TokenizeChineseChars, true), n.HandleChineseChars},
	} {
		if c.want != c.found {
			return f.errorIn("tokenizer.json", fmt.Errorf("normalizer: %s: %t, and tokenizer_config.json has %s %t for a %s, expected them to agree",
				c.name, c.found, c.key, c.want, class))
		}
	}
	return nil
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
