package modelfolder

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/internal/unsupported"
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
	lengths                                     // of a multi-vector model

	file    string // that they are in; "" for none
	limited bool   // there is a limit in place of the tokenizer's
	limit   int    // of tokens; 0 for none
	side    string // truncation_side in place of the tokenizer's; "" for the tokenizer's

	passed []string // arguments that are harmless
}

// harmless are the arguments of loading that do not change an embedding. The
// type of the reference's weights is among them: ours is Config.Precision.
var harmless = []string{
	"add_pooling_layer", "attn_implementation", "cache_dir", "clean_up_tokenization_spaces", "code_revision", "device_map", "dtype",
	"force_download", "gradient_checkpointing", "local_files_only", "low_cpu_mem_usage", "max_memory", "offload_folder", "output_attentions",
	"output_hidden_states", "padding_side", "return_dict", "revision", "token", "torch_dtype", "trust_remote_code", "unpad_inputs",
	"use_auth_token", "use_cache", "use_fast", "use_flash_attn", "use_memory_efficient_attention", "use_safetensors",
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
			if value == nil || slices.Contains(harmless, key) {
				s.passed = append(s.passed, args.key+"."+key)
				continue
			}
			known := false
			if args.set != nil {
				var err error
				if known, err = args.set(key, value); err != nil {
					return fmt.Errorf("%s: %s: %w", args.key, key, err)
				}
			}
			if !known {
				return unsupported.Errorf("%s: unknown %q", args.key, key)
			}
		}
	}
	for key, values := range s.ProcessingKwargs {
		if len(values) > 0 && key != "text" && (key != "chat_template" || s.ModalityConfig[message] == nil) {
			return unsupported.Errorf("processing_kwargs: %s: %v, expected none", key, values)
		}
	}
	return nil
}

// checkTask returns an error unless a Transformer module with these settings does in a
// model of that kind, of that model_type, what it would do here.
func (s *settings) checkTask(kind Kind, modelType string) error {
	method := "forward"
	expected := taskSettings{"feature-extraction", "token_embeddings", "last_hidden_state"}
	if towers[modelType] {
		method = "get_text_features"
		expected.feature, expected.result = string(sentenceFeature), "pooler_output"
	}
	if kind == SparseModel {
		if s.TransformerTask == fillMask {
			expected = taskSettings{fillMask, "token_embeddings", "logits"}
		}
	} else if kind == Reranker {
		if t, ok := crossTasks[s.TransformerTask]; ok {
			expected = t
		}
	} else if found, ok := transformerTaskKinds[s.TransformerTask]; ok {
		return kindError(found, kind, "transformer_task: %q", s.TransformerTask)
	}
	if s.ModalityConfig != nil {
		modality := "text"
		how, ok := s.ModalityConfig[modality]
		if !ok { // without it the reference takes no texts, whatever else there is
			return unsupported.Errorf(`modality_config: no "text"`)
		}
		if chat := s.ModalityConfig[message]; chat != nil && kind != Reranker { // texts pass through it
			modality, how = message, chat
		}
		var call struct {
			Method string `json:"method"`
			Output any    `json:"method_output_name"`
		}
		if err := json.Unmarshal(how, &call); err != nil || call.Method != method || call.Output != expected.result {
			return unsupported.Errorf(`modality_config: %s: %s, expected method %q with output %q`, modality, how, method, expected.result)
		}
		if modality == message && s.expands() {
			return unsupported.Errorf("query_expansion: found beside modality_config: message, expected one of the two")
		}
	}
	switch {
	case s.TransformerTask != "" && s.TransformerTask != expected.task:
		return unsupported.Errorf(`transformer_task: %q, expected %q`, s.TransformerTask, expected.task)
	case s.ModuleOutputName != "" && s.ModuleOutputName != expected.feature:
		return unsupported.Errorf(`module_output_name: %q, expected %q`, s.ModuleOutputName, expected.feature)
	case kind != MultiVector && (s.QueryLength != nil || s.DocumentLength != nil || s.expands()):
		return kindError(MultiVector, kind, "query_length, document_length, query_expansion: found one of them")
	}
	return nil
}

// taskSettings are what a Transformer module says of its task in modules that go together.
type taskSettings struct {
	task    string // transformer_task
	feature string // module_output_name
	result  string // method_output_name of modality_config
}

// fillMask is the task of the transformer of a sparse model.
const fillMask = "fill-mask"

// The tasks of cross-encoders beside that of embedding models.
var crossTasks = map[string]taskSettings{
	"sequence-classification": {"sequence-classification", "scores", "logits"},
	"text-generation":         {"text-generation", "causal_logits", "logits"},
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
func (f Folder) settings() (settings, error) {
	for _, name := range manifest.Settings {
		var s settings
		found, err := f.ReadJSON(name, &s)
		if err == nil && found {
			s.file = name
			err = f.ErrorIn(name, s.check())
			slices.Sort(s.passed)
			for _, key := range s.passed {
				f.ignored.Add(f, name, key)
			}
		}
		if err != nil || found {
			return s, err
		}
	}
	return settings{}, nil
}
