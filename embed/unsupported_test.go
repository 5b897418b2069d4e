package embed

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// A folder of what this version does not compute is ErrUnsupported, a damaged one is not,
// and neither is a Config that asks for what there is not.
func TestUnsupported(t *testing.T) {
	type change = func(t *testing.T, f fstest.MapFS)
	put := func(name, content string) change {
		return func(_ *testing.T, f fstest.MapFS) { write(f, name, content) }
	}
	swap := func(name, old, new string) change {
		return func(t *testing.T, f fstest.MapFS) { replace(t, f, name, old, new) }
	}
	set := func(name string, pairs ...string) change {
		return func(t *testing.T, f fstest.MapFS) { edit(t, f, name, pairs...) }
	}
	remove := func(name string) change {
		return func(_ *testing.T, f fstest.MapFS) { delete(f, name) }
	}
	for _, c := range []struct {
		name        string
		change      change
		unsupported bool
	}{
		{"model of another kind", swap("config_sentence_transformers.json", `"SentenceTransformer"`, `"SparseEncoder"`), true},
		{"kind that is not known", swap("config_sentence_transformers.json", `"SentenceTransformer"`, `"BirdEncoder"`), true},
		{"settings of a model of another kind", put("sentence_bert_config.json", `{"transformer_task": "fill-mask"}`), true},
		{"model_type", set("config.json", "model_type", `"bird"`), true},
		{"code of a model", set("config.json", "auto_map", `{"AutoModel": "modeling_bird.BirdModel"}`), true},
		{"code of a tokenizer", put("tokenizer_config.json", `{"auto_map": {"AutoTokenizer": ["tokenization_bird.BirdTokenizer", null]}}`), true},
		{"activation", set("config.json", "hidden_act", `"chirp"`), true},
		{"positions", set("config.json", "position_embedding_type", `"relative_key"`), true},
		{"quantized weights", set("config.json", "quantization_config", `{"quant_method": "gptq"}`), true},
		{"module", put("modules.json", modulesJSON("Transformer", "Pooling", "LSTM")), true},
		{"module that is not known", put("modules.json", modulesJSON("Transformer", "Pooling", "Bird")), true},
		{"first module", put("modules.json", modulesJSON("BoW", "Pooling")), true},
		{"key of a module", set("1_Pooling/config.json", "pooling_mode_min_tokens", `true`), true},
		{"mode of pooling", put("1_Pooling/config.json", `{"embedding_dimension": 20, "pooling_mode": "middle"}`), true},
		{"activation of a module", swap("2_Dense/config.json", "activation.Tanh", "activation.Softplus"), true},
		{"output of the transformer", put("sentence_bert_config.json", `{"module_output_name": "all_layer_embeddings"}`), true},
		{"argument of loading", put("sentence_bert_config.json", `{"config_args": {"rope_theta": 1}}`), true},
		{"step of the tokenizer", swap("tokenizer.json", `"BertPreTokenizer"`, `"BirdPreTokenizer"`), true},
		{"model of the tokenizer", swap("tokenizer.json", "\"type\": \"WordPiece\",\n    \"unk", "\"type\": \"WordBird\",\n    \"unk"), true},
		{"adapter", func(_ *testing.T, f fstest.MapFS) {
			write(f, "adapter_config.json", `{"peft_type": "IA3"}`)
			f["adapter_model.safetensors"] = f["model.safetensors"]
		}, true},

		{"no file", remove("config.json"), false},
		{"no weights", remove("model.safetensors"), false},
		{"no tokenizer", remove("tokenizer.json"), false},
		{"no JSON", put("config.json", `{"model_type": "be`), false},
		{"no JSON of modules", put("modules.json", `[{"idx": }]`), false},
		{"no JSON of a tokenizer", put("tokenizer.json", `{"version"`), false},
		{"value of another type", set("config.json", "hidden_size", `"many"`), false},
		{"value of another type in the family's own keys", set("config.json", "layer_norm_eps", `"small"`), false},
		{"link to nowhere", func(_ *testing.T, f fstest.MapFS) {
			f["modules.json"] = &fstest.MapFile{Data: []byte("blobs/1"), Mode: fs.ModeSymlink}
		}, false},
		{"weights cut short", func(_ *testing.T, f fstest.MapFS) {
			f["model.safetensors"].Data = f["model.safetensors"].Data[:70000]
		}, false},
		{"missing tensor", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			return slices.DeleteFunc(list, func(t tensor.Tensor) bool { return t.Name == "encoder.layer.1.output.dense.weight" })
		}), false},
		{"layers that the file lacks", set("config.json", "num_hidden_layers", `1000`), false},
		{"token that the vocabulary lacks", put("tokenizer_config.json", endingConfig("<|end|>")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := readModel(t, "bert-cls-dense")
			c.change(t, files)
			_, err := LoadFS(t.Context(), files, Config{})
			require.Error(t, err)
			assert.Equal(t, c.unsupported, errors.Is(err, ErrUnsupported), err.Error())
			assert.NotContains(t, err.Error(), ErrUnsupported.Error(), "the message says what it is, not that it is")
		})
	}
	_, err := LoadFS(t.Context(), readModel(t, "bert-cls-dense"), Config{Kernels: "abacus"})
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrUnsupported)
	files := readPlain(t, "bert-cls-dense")
	_, err = LoadFS(t.Context(), files, Config{Pooling: "middle"})
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrUnsupported)
}
