package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/manifest"
)

// settings are those of the Transformer module, as sentence-transformers up to
// 5.3 wrote them and as 5.4 and later do.
type settings struct {
	MaxSeqLength *int `json:"max_seq_length"`
	DoLowerCase  bool `json:"do_lower_case"`

	ModelArgs       map[string]any `json:"model_args"`
	TokenizerArgs   map[string]any `json:"tokenizer_args"`
	ConfigArgs      map[string]any `json:"config_args"`
	ModelKwargs     map[string]any `json:"model_kwargs"` // the names from 5.4 on
	ProcessorKwargs map[string]any `json:"processor_kwargs"`
	ConfigKwargs    map[string]any `json:"config_kwargs"`

	TransformerTask  string                     `json:"transformer_task"`
	ModuleOutputName string                     `json:"module_output_name"`
	ModalityConfig   map[string]json.RawMessage `json:"modality_config"`
	ProcessingKwargs map[string]map[string]any  `json:"processing_kwargs"`
	UnpadInputs      any                        `json:"unpad_inputs"` // how the reference computes, not what
	QueryLength      any                        `json:"query_length"`
	DocumentLength   any                        `json:"document_length"`
	QueryExpansion   any                        `json:"query_expansion"`

	limited bool   // there is a limit in place of the tokenizer's
	limit   int    // of tokens; 0 for none
	side    string // truncation_side in place of the tokenizer's; "" for the tokenizer's
}

// harmless are the arguments of loading that do not change an embedding. The
// type of the reference's weights is among them: ours is Config.Precision.
var harmless = []string{
	"add_pooling_layer", "attn_implementation", "cache_dir", "clean_up_tokenization_spaces", "device_map", "dtype", "low_cpu_mem_usage",
	"output_attentions", "output_hidden_states", "padding_side", "revision", "token", "torch_dtype", "trust_remote_code", "use_cache",
	"use_fast", "use_safetensors",
}

// check returns an error unless all that is in s is known, and sets its limit
// and its side.
func (s *settings) check() error {
	if n := s.MaxSeqLength; n != nil {
		if *n < 1 {
			return fmt.Errorf("max_seq_length: %d, expected 1 or more", *n)
		}
		s.limited, s.limit = true, *n
	}
	for _, args := range []struct { // what sets the limit of a call after what sets the tokenizer's
		key    string
		values map[string]any
		set    func(key string, value any) (bool, error)
	}{
		{"model_args", s.ModelArgs, nil}, {"model_kwargs", s.ModelKwargs, nil},
		{"tokenizer_args", s.TokenizerArgs, s.setTokenizer}, {"processor_kwargs", s.ProcessorKwargs, s.setTokenizer},
		{"config_args", s.ConfigArgs, nil}, {"config_kwargs", s.ConfigKwargs, nil},
		{"processing_kwargs: text", s.ProcessingKwargs["text"], s.setProcessing},
	} {
		for key, value := range args.values {
			known := value == nil || slices.Contains(harmless, key)
			if !known && args.set != nil {
				var err error
				if known, err = args.set(key, value); err != nil {
					return fmt.Errorf("%s: %s: %w", args.key, key, err)
				}
			}
			if !known {
				return fmt.Errorf("%s: unknown %q", args.key, key)
			}
		}
	}
	for key, values := range s.ProcessingKwargs {
		if len(values) > 0 && key != "text" {
			return fmt.Errorf("processing_kwargs: %s: %v, expected none", key, values)
		}
	}
	if kind, ok := transformerTaskKinds[s.TransformerTask]; ok {
		return kindError(kind, `"feature-extraction"`, "transformer_task: %q", s.TransformerTask)
	}
	if _, ok := s.ModalityConfig["message"]; ok {
		return fmt.Errorf("modality_config: message: %w", errTemplate)
	}
	if s.ModalityConfig != nil {
		text, ok := s.ModalityConfig["text"]
		var how struct {
			Method string `json:"method"`
			Output any    `json:"method_output_name"`
		}
		if !ok {
			return errors.New(`modality_config: no "text"`)
		}
		if err := json.Unmarshal(text, &how); err != nil || how.Method != "forward" || how.Output != "last_hidden_state" {
			return fmt.Errorf(`modality_config: text: %s, expected method "forward" with output "last_hidden_state"`, text)
		}
	}
	switch {
	case s.TransformerTask != "" && s.TransformerTask != "feature-extraction":
		return fmt.Errorf(`transformer_task: %q, expected "feature-extraction"`, s.TransformerTask)
	case s.ModuleOutputName != "" && s.ModuleOutputName != "token_embeddings":
		return fmt.Errorf(`module_output_name: %q, expected "token_embeddings"`, s.ModuleOutputName)
	case s.QueryLength != nil || s.DocumentLength != nil || s.QueryExpansion != nil:
		return kindError(kindMultiVector, "none", "query_length, document_length, query_expansion: found one of them")
	}
	return nil
}

// setTokenizer takes an argument of the tokenizer's loading, if it is known.
func (s *settings) setTokenizer(key string, value any) (known bool, err error) {
	switch key {
	case "model_max_length":
		return true, s.setLimit(value)
	case "truncation_side":
		side, _ := value.(string)
		if _, err := parseSide(side); err != nil || side == "" {
			return true, fmt.Errorf(`%v, expected "left" or "right"`, value)
		}
		s.side = side
		return true, nil
	}
	return false, nil
}

// setProcessing takes an argument of the tokenizer's calls, if it is known.
func (s *settings) setProcessing(key string, value any) (known bool, err error) {
	switch key {
	case "max_length":
		return true, s.setLimit(value)
	case "padding":
		return value == true || value == "longest", nil
	case "truncation":
		return value == true || value == "longest_first", nil
	}
	return false, nil
}

func (s *settings) setLimit(value any) (err error) {
	n, ok := value.(float64)
	if !ok {
		return fmt.Errorf("%v, expected a number", value)
	}
	s.limited = true
	s.limit, err = wholeLength(n)
	return err
}

// settings reads those of the Transformer module in f.
func (f folder) settings() (settings, error) {
	for _, name := range manifest.Settings {
		var s settings
		found, err := f.readJSON(name, &s)
		if err == nil && found {
			err = f.errorIn(name, s.check())
		}
		if err != nil || found {
			return s, err
		}
	}
	return settings{}, nil
}
