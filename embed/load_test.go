package embed

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

// Each change of a folder that works makes an error that says where, what was
// found and what was expected.
func TestBadFolders(t *testing.T) {
	remove := func(name string) func(t *testing.T, f fstest.MapFS) {
		return func(t *testing.T, f fstest.MapFS) { delete(f, name) }
	}
	put := func(name, content string) func(t *testing.T, f fstest.MapFS) {
		return func(t *testing.T, f fstest.MapFS) { write(f, name, content) }
	}
	change := func(name, old, new string) func(t *testing.T, f fstest.MapFS) {
		return func(t *testing.T, f fstest.MapFS) { replace(t, f, name, old, new) }
	}
	dense := func(old, new string) func(t *testing.T, f fstest.MapFS) {
		return change("2_Dense/config.json", old, new)
	}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, f fstest.MapFS)
		want   []string
	}{
		{"empty folder", func(t *testing.T, f fstest.MapFS) { clear(f) }, []string{"config.json: file does not exist"}},
		{"no config.json", remove("config.json"), []string{"config.json: file does not exist"}},
		{"config.json is no JSON", put("config.json", `{`), []string{"config.json:"}},
		{"unknown model_type", change("config.json", `"bert"`, `"bird"`), []string{"config.json: model_type", `"bird"`, "bert"}},
		{"no tokenizer.json", remove("tokenizer.json"), []string{"tokenizer.json: file does not exist", "expected"}},
		{"vocab.txt alone", func(t *testing.T, f fstest.MapFS) {
			delete(f, "tokenizer.json")
			write(f, "vocab.txt", "[PAD]\n")
		}, []string{"tokenizer.model: file does not exist: TokenizersBackend needs it (no tokenizer.json, found vocab.txt)"}},
		{"vocab.txt without the unknown token", func(t *testing.T, f fstest.MapFS) {
			slowTokenizer(t, f)
			replace(t, f, "vocab.txt", "[UNK]", "[UNKNOWN]")
		}, []string{`vocab.txt: unk_token: "[UNK]" is not in the vocabulary`}},
		{"special_tokens_map.json is a link to nowhere", func(t *testing.T, f fstest.MapFS) {
			slowTokenizer(t, f)
			f["special_tokens_map.json"] = &fstest.MapFile{Data: []byte("nowhere"), Mode: fs.ModeSymlink}
		}, []string{"special_tokens_map.json: a link to a file that does not exist"}},
		{"tokenizer with an unknown step", change("tokenizer.json", `"BertPreTokenizer"`, `"BirdPreTokenizer"`), []string{"tokenizer.json: pre_tokenizer", `"BirdPreTokenizer"`}},
		{"tokenizer with token types", func(t *testing.T, f fstest.MapFS) {
			file := string(f["tokenizer.json"].Data)
			at := strings.Index(file, `"post_processor"`)
			write(f, "tokenizer.json", file[:at]+`"post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 1}}],
				"pair": null, "special_tokens": {}}, `+file[strings.Index(file, `"decoder"`):])
		}, []string{"tokenizer.json: post_processor: token types [1] of one text, expected 0 for all"}},
		{"tokenizer is no JSON", put("tokenizer.json", `{"version"`), []string{"tokenizer.json"}},

		{"no weights", remove("model.safetensors"), []string{"model.safetensors: file does not exist, expected it or model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json"}},
		{"weights in another format", func(t *testing.T, f fstest.MapFS) {
			delete(f, "model.safetensors")
			write(f, "tf_model.h5", "HDF")
		}, []string{"model.safetensors: file does not exist, found tf_model.h5, expected it or"}},
		{"weights that run something", func(t *testing.T, f fstest.MapFS) {
			delete(f, "model.safetensors")
			write(f, "pytorch_model.bin", "\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")
		}, []string{`pytorch_model.bin: magic number: byte 2: opcode GLOBAL: "posix.system"`}},
		{"truncated weights", func(t *testing.T, f fstest.MapFS) {
			f["model.safetensors"].Data = f["model.safetensors"].Data[:70000]
		}, []string{"model.safetensors: header:", "past the end"}},
		{"no bytes of weights", put("model.safetensors", ""), []string{"model.safetensors: file: 0 bytes"}},
		{"missing tensor", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			return slices.DeleteFunc(list, func(t tensor.Tensor) bool { return t.Name == "encoder.layer.1.output.dense.weight" })
		}), []string{"model.safetensors: tensor encoder.layer.1.output.dense.weight: missing", "[20 26]"}},
		{"misshaped tensor", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			i := slices.IndexFunc(list, func(t tensor.Tensor) bool { return t.Name == "encoder.layer.0.intermediate.dense.weight" })
			list[i].Shape = []int{20, 26}
			return list
		}), []string{"encoder.layer.0.intermediate.dense.weight: shape [20 26], expected [26 20]"}},
		{"unread tensor", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			return append(list, float32Tensor("encoder.layer.0.gate", []float32{1}, 1))
		}), []string{"encoder.layer.0.gate"}},

		{"a key of config.json in capitals", put("config.json", `{"model_type": "bert", "HIDDEN_ACT": "relu"}`), []string{"config.json:", `key "HIDDEN_ACT", expected "hidden_act"`}},
		{"a number of config.json with a fraction", put("config.json", `{"model_type": "bert", "hidden_size": 1.5}`), []string{"config.json: hidden_size: found number 1.5, expected int"}},
		{"an epsilon of 0 in float32", put("config.json", `{"model_type": "bert", "hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2,
			"intermediate_size": 26, "max_position_embeddings": 40, "vocab_size": 420, "layer_norm_eps": 1e-300}`), []string{"config.json: layer_norm_eps: found 1e-300"}},
		{"config.json is a pipe", func(t *testing.T, f fstest.MapFS) { f["config.json"] = &fstest.MapFile{Mode: fs.ModeNamedPipe} }, []string{"config.json:", "expected a regular file"}},
		{"weights are a folder", func(t *testing.T, f fstest.MapFS) { f["model.safetensors"] = &fstest.MapFile{Mode: fs.ModeDir} }, []string{"model.safetensors:", "expected a regular file"}},
		{"empty settings", put("sentence_bert_config.json", ""), []string{"sentence_bert_config.json: an empty file, expected JSON"}},
		{"a key of modules.json in capitals", put("modules.json", strings.Replace(modulesJSON("Transformer", "Pooling"), `"type"`, `"Type"`, 1)), []string{"modules.json:", `key "Type", expected "type"`}},
		{"a number as module path", put("modules.json", `[{"idx": 0, "path": 3}]`), []string{"modules.json:", "found number, expected string"}},

		{"modules.json is no JSON", put("modules.json", `[{"idx": }]`), []string{"modules.json:"}},
		{"modules.json with more", put("modules.json", modulesJSON("Transformer", "Pooling")+"[]"), []string{"modules.json: more after the JSON value"}},
		{"modules.json with a bracket more", put("modules.json", modulesJSON("Transformer", "Pooling")+"]"), []string{"modules.json: more after the JSON value"}},
		{"settings with a brace more", put("sentence_bert_config.json", `{"max_seq_length": 24}}`), []string{"sentence_bert_config.json: more after the JSON value, which ends at byte 22"}},
		{"modules.json is a link to nowhere", func(t *testing.T, f fstest.MapFS) {
			f["modules.json"] = &fstest.MapFile{Data: []byte("blobs/1"), Mode: fs.ModeSymlink}
		}, []string{"modules.json: a link to a file that does not exist"}},
		{"no modules", put("modules.json", `[]`), []string{"modules.json: 0 modules, expected"}},
		{"unknown key of a module", put("modules.json", `[{"idx": 0, "task": "x"}]`), []string{`modules.json: module "" of type "": unknown`}},
		{"unknown module", put("modules.json", modulesJSON("Transformer", "Pooling", "LSTM")), []string{"modules.json: module", "LSTM", "a network over word vectors, expected Pooling, Dense, LayerNorm, Normalize or Dropout"}},
		{"first module", put("modules.json", modulesJSON("Pooling", "Pooling")), []string{"modules.json: module", "Pooling", "expected a Transformer, a StaticEmbedding or a Router as the first"}},
		{"no pooling", put("modules.json", modulesJSON("Transformer")), []string{"modules.json: no Pooling"}},
		{"dropout before pooling", put("modules.json", modulesJSON("Transformer", "Dropout", "Pooling")), []string{"Dropout", "before a Pooling"}},
		{"layer norm before pooling", put("modules.json", modulesJSON("Transformer", "LayerNorm", "Pooling")), []string{"LayerNorm", "before a Pooling"}},
		{"two poolings", put("modules.json", modulesJSON("Transformer", "Pooling", "Pooling")), []string{"a second Pooling"}},
		{"path outside", put("modules.json", strings.Replace(modulesJSON("Transformer", "Pooling"), "1_Pooling", "../1_Pooling", 1)), []string{"modules.json: module", "../1_Pooling", "within the model's folder"}},

		{"pooling without its folder", remove("1_Pooling/config.json"), []string{"1_Pooling/config.json: file does not exist"}},
		{"unknown pooling mode", put("1_Pooling/config.json", `{"embedding_dimension": 20, "pooling_mode": ["cls", "middle"]}`), []string{"1_Pooling/config.json: pooling_mode: unknown mode", `"middle"`, `"lasttoken"`}},
		{"no pooling mode", put("1_Pooling/config.json", `{"embedding_dimension": 20, "pooling_mode": []}`), []string{"1_Pooling/config.json: pooling_mode: [], expected at least one name"}},
		{"pooling mode of another type", put("1_Pooling/config.json", `{"embedding_dimension": 20, "pooling_mode": 1}`), []string{"1_Pooling/config.json: pooling_mode: 1, expected"}},
		{"unknown key of pooling", put("1_Pooling/config.json", `{"embedding_dimension": 20, "pooling_mode_min_tokens": true}`), []string{"1_Pooling/config.json:", `"pooling_mode_min_tokens"`}},
		{"pooling of another width", change("1_Pooling/config.json", `"word_embedding_dimension": 20`, `"word_embedding_dimension": 24`), []string{"1_Pooling/config.json:", "24, expected 20"}},
		{"pooling of no width", put("1_Pooling/config.json", `{}`), []string{"1_Pooling/config.json:", "missing, expected 20"}},

		{"unknown activation", dense("activation.Tanh", "activation.Softplus"), []string{"2_Dense/config.json: activation_function: unknown", "Softplus", "GELU, Identity, LeakyReLU, ReLU, SiLU, Sigmoid, Tanh"}},
		{"dense of another width", dense(`"in_features": 20`, `"in_features": 24`), []string{"2_Dense/config.json: in_features: 24, expected 20"}},
		{"dense to nothing", dense(`"out_features": 40`, `"out_features": 0`), []string{"2_Dense/config.json: out_features: 0, expected"}},
		{"dense with a residual", dense(`"bias": true`, `"bias": true, "use_residual": true`), []string{"2_Dense/model.safetensors: tensor residual.weight: missing, expected shape [40 20]"}},
		{"dense on tokens", dense(`"module_input_name": "sentence_embedding"`, `"module_input_name": "token_embeddings"`), []string{"2_Dense/config.json: module_input_name", `"token_embeddings"`, `"sentence_embedding"`}},
		{"dense without config", remove("2_Dense/config.json"), []string{"2_Dense/config.json: file does not exist"}},
		{"dense without weights", remove("2_Dense/model.safetensors"), []string{"2_Dense/model.safetensors: file does not exist"}},
		{"dense of another shape", dense(`"out_features": 40`, `"out_features": 41`), []string{"2_Dense/model.safetensors: tensor linear.", "expected [41"}},
		{"dense with a tensor too many", changeTensors("2_Dense/model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			return append(list, float32Tensor("residual.weight", []float32{1}, 1))
		}), []string{"2_Dense/model.safetensors: tensor residual.weight: not used"}},
		{"dense without a bias that it has", dense(`"bias": true`, `"bias": false`), []string{"2_Dense/model.safetensors: tensor linear.bias: not used"}},

		{"limit of no tokens", change("sentence_bert_config.json", `24`, `0`), []string{"sentence_bert_config.json: max_seq_length: 0, expected 1 or more"}},
		{"limit below the special tokens", change("sentence_bert_config.json", `24`, `1`), []string{"2 special tokens, and the model reads 1"}},
		{"unknown key of the settings", put("sentence_bert_config.json", `{"stride": 3}`), []string{"sentence_bert_config.json:", `"stride"`}},
		{"settings for another task", put("sentence_bert_config.json", `{"transformer_task": "fill-mask"}`), []string{"sentence_bert_config.json: transformer_task", `"fill-mask"`, `a sparse model, expected an embedding model`}},
		{"settings of another output", put("sentence_bert_config.json", `{"modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}}}`), []string{"sentence_bert_config.json: modality_config", "pooler_output", "last_hidden_state"}},
		{"settings of another modality", put("sentence_bert_config.json", `{"modality_config": {"image": {}}}`), []string{"sentence_bert_config.json: modality_config", `no "text"`}},
		{"settings of many vectors", put("sentence_bert_config.json", `{"query_length": 32}`), []string{"sentence_bert_config.json: query_length"}},
		{"settings with arguments", put("sentence_bert_config.json", `{"config_args": {"rope_theta": 1}}`), []string{"sentence_bert_config.json: config_args", `"rope_theta"`}},
		{"settings of the processor", put("sentence_bert_config.json", `{"processing_kwargs": {"text": {"padding": "max_length"}}}`), []string{"sentence_bert_config.json: processing_kwargs: text"}},
		{"limit of another type", func(t *testing.T, f fstest.MapFS) {
			delete(f, "sentence_bert_config.json")
			write(f, "tokenizer_config.json", `{"model_max_length": 0.5}`)
		}, []string{"tokenizer_config.json: model_max_length: 0.5, expected"}},

		{"code of a tokenizer", put("tokenizer_config.json", `{"auto_map": {"AutoTokenizer": ["tokenization_bird.BirdTokenizer", null]}}`),
			[]string{"tokenizer_config.json: auto_map: AutoTokenizer: found code that is not known", "BirdTokenizer", "expected none or"}},
		{"end token that is not there", put("tokenizer_config.json", endingConfig("<|end|>")), []string{`tokenizer_config.json: eos_token: "<|end|>", which tokenizer.json lacks`}},

		{"sparse model", change("config_sentence_transformers.json", `"SentenceTransformer"`, `"SparseEncoder"`), []string{"config_sentence_transformers.json: model_type", `"SparseEncoder", a sparse model, expected an embedding model`}},
		{"default prompt that is not there", change("config_sentence_transformers.json", `"default_prompt_name": null`, `"default_prompt_name": "q"`), []string{"config_sentence_transformers.json: default_prompt_name", `"q"`}},
		{"cut to nothing", change("config_sentence_transformers.json", `"default_prompt_name": null`, `"truncate_dim": 0`), []string{"config_sentence_transformers.json: truncate_dim: 0, expected 1 or more"}},
		{"Matryoshka beyond the dimensions", change("config.json", `"is_decoder"`, `"matryoshka_dimensions": [10, 41], "is_decoder"`), []string{"config.json: matryoshka_dimensions: 41, expected 1 to 40"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := readModel(t, "bert-cls-dense")
			c.change(t, files)
			_, err := LoadFS(t.Context(), files, Config{})
			require.Error(t, err)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

// endingConfig is the tokenizer_config.json of Alibaba-NLP/gte-Qwen2, as far as it counts.
func endingConfig(end string) string {
	return fmt.Sprintf(`{"model_max_length": 32, "add_eos_token": true, "eos_token": %q, "auto_map": {"AutoTokenizer": [
		"tokenization_qwen.Qwen2Tokenizer", "tokenization_qwen.Qwen2TokenizerFast"]}}`, end)
}

// The code of gte-Qwen2 puts the end token that its tokenizer.json lacks after each
// text: the same as the reference's with a tokenizer.json that has it.
func TestEndTokenByCode(t *testing.T) {
	files, c := readModel(t, "qwen2"), readCases(t, "qwen2")
	var tokenizer map[string]any
	require.NoError(t, json.Unmarshal(files["tokenizer.json"].Data, &tokenizer))
	steps := tokenizer["post_processor"].(map[string]any)["processors"].([]any)
	require.Equal(t, "TemplateProcessing", steps[1].(map[string]any)["type"])
	tokenizer["post_processor"] = steps[0]
	data, err := json.Marshal(tokenizer)
	require.NoError(t, err)
	files["tokenizer.json"] = &fstest.MapFile{Data: data}
	for _, end := range []string{`"<|endoftext|>"`, `{"content": "<|endoftext|>", "special": true}`} {
		write(files, "tokenizer_config.json", strings.Replace(endingConfig("x"), `"x"`, end, 1))
		m := loadFiles(t, files, Config{})
		for i := range c.Texts[1:] {
			ids, _ := tokenized(t, m, c.Texts[i+1], Options{})
			require.Equal(t, c.IDs[i+1], ids)
		}
	}
	// transformers 5.23 leaves add_eos_token out of account where no code reads it.
	write(files, "tokenizer_config.json", `{"add_eos_token": true, "eos_token": "<|endoftext|>"}`)
	require.Zero(t, loadFiles(t, files, Config{}).Tokenizer().SpecialTokens())
}

// changeTensors rewrites a file with other tensors.
func changeTensors(name string, change func([]tensor.Tensor) []tensor.Tensor) func(t *testing.T, f fstest.MapFS) {
	return func(t *testing.T, files fstest.MapFS) {
		f, err := tensor.Parse(files[name].Data)
		require.NoError(t, err)
		var list []tensor.Tensor
		for _, name := range f.Names() {
			x, _ := f.Tensor(name)
			list = append(list, x)
		}
		files[name] = &fstest.MapFile{Data: safetensors(t, change(list)...)}
	}
}

// Each file cut short anywhere is an error, never a panic.
func TestFoldersCutShort(t *testing.T) {
	for name, file := range readModel(t, "bert-cls-dense") {
		for _, part := range []int{0, 1, 2, 3} {
			files := readModel(t, "bert-cls-dense")
			files[name] = &fstest.MapFile{Data: file.Data[:(len(file.Data)-2)*part/3]}
			_, err := LoadFS(t.Context(), files, Config{})
			assert.ErrorContainsf(t, err, filepath.Base(name), "%s, %d thirds", name, part)
		}
	}
}

func TestLoadNamesTheFolder(t *testing.T) {
	_, err := Load(t.Context(), filepath.Join(goldens, "none"), Config{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Load(t.Context(), filepath.Join(goldens, "bert", "cases.json"), Config{})
	assert.ErrorContains(t, err, "cases.json: a file, expected the folder of a model")
	dir := t.TempDir()
	_, err = Load(t.Context(), dir, Config{})
	assert.ErrorContains(t, err, dir+": config.json: ")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{}`), 0o600))
	_, err = Load(t.Context(), dir, Config{})
	assert.ErrorContains(t, err, dir+": tokenizer.json: ")
}

func TestBadConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Workers: -1}, "workers: -1, expected 1 or more"},
		{Config{BatchTokens: -1}, "batch tokens: -1, expected 1 or more"},
		{Config{MaxTokens: -1}, "max tokens: -1, expected 1 or more"},
		{Config{Precision: 200}, "precision: unknown Precision(200), expected float32"},
		{Config{Kernels: "mmx"}, `kernels "mmx": this CPU runs generic`},
	} {
		_, err := LoadFS(t.Context(), readModel(t, "bert"), c.cfg)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestInfo(t *testing.T) {
	m := loadGolden(t, "bert-concat-noprompt", Config{Workers: 3, Kernels: "generic"})
	i := m.Info()
	assert.Positive(t, i.MemoryBytes)
	i.MemoryBytes = 0
	want := Info{
		Facts: Facts{
			Name: "model", Family: "bert", Layers: 2, Vocabulary: 560, MaxTokens: 40, Prompts: map[string]string{"document": "", "query": "search_query: "},
			Arithmetic: "float32", Kernels: "generic", Workers: 3, Transformers: 5, FileFormat: "safetensors",
		},
		Dimensions: 40, DefaultDimensions: 40, Pooling: []string{"max", "mean"}, Similarity: "cosine",
	}
	assert.Equal(t, want, i)
	i.Prompts["query"], i.Pooling[0] = "", ""
	assert.Equal(t, "search_query: ", m.Info().Prompts["query"])
	assert.Equal(t, "max", m.Info().Pooling[0])
	assert.Equal(t, "bird", loadFiles(t, readModel(t, "bert"), Config{Name: "bird"}).Info().Name)
}

// The limit of tokens is the lowest of what the files say.
func TestMaxTokens(t *testing.T) {
	const sentence, tokens = "sentence_bert_config.json", "tokenizer_config.json"
	for _, c := range []struct {
		name  string
		files map[string]string // "" removes
		want  int
	}{
		{"max_seq_length", map[string]string{sentence: `{"max_seq_length": 20}`, tokens: `{"model_max_length": 10}`}, 20},
		{"positions", map[string]string{sentence: `{"max_seq_length": 512}`}, 40},
		{"model_max_length", map[string]string{sentence: `{"max_seq_length": null}`, tokens: `{"model_max_length": 30}`}, 30},
		{"model_max_length without settings", map[string]string{sentence: ``, tokens: `{"model_max_length": 30}`}, 30},
		{"no model_max_length", map[string]string{sentence: ``, tokens: `{"model_max_length": 1000000000000000019884624838656}`}, 40},
		{"nothing", map[string]string{sentence: ``, tokens: ``}, 40},
		{"settings of sentence-transformers 6", map[string]string{tokens: `{"model_max_length": 30}`, sentence: `{"transformer_task": "feature-extraction",
			"modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}, "module_output_name": "token_embeddings"}`}, 30},
		{"settings of another name", map[string]string{sentence: ``, "sentence_xlm-roberta_config.json": `{"max_seq_length": 21, "do_lower_case": false}`}, 21},
		{"the first of two settings", map[string]string{sentence: `{"max_seq_length": 20}`, "sentence_roberta_config.json": `{"max_seq_length": 21}`}, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := readModel(t, "bert")
			for name, content := range c.files {
				if content == "" {
					delete(files, name)
				} else {
					write(files, name, content)
				}
			}
			assert.Equal(t, c.want, loadFiles(t, files, Config{}).Info().MaxTokens)
			// Config's limit counts in place of the folder's, the position table's stays.
			assert.Equal(t, 35, loadFiles(t, files, Config{MaxTokens: 35}).Info().MaxTokens)
			assert.Equal(t, 40, loadFiles(t, files, Config{MaxTokens: math.MaxInt32}).Info().MaxTokens)
		})
	}
}

// Folders that are laid out otherwise and mean the same give the same bits.
func TestSameModelInOtherFolders(t *testing.T) {
	texts := readCases(t, "bert").Texts[1:]
	for _, c := range []struct {
		name, from string
		change     func(files fstest.MapFS)
	}{
		{"type names of sentence-transformers 6", "bert", func(files fstest.MapFS) {
			write(files, "modules.json", `[{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.base.modules.transformer.Transformer"},
				{"idx": 1, "name": "1", "path": "./1_Pooling/", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
				{"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.base.modules.normalize.Normalize", "kwargs": ["task"]}]`)
			write(files, "1_Pooling/config.json", `{"embedding_dimension": 24, "pooling_mode": "mean", "include_prompt": true}`)
		}},
		{"old pooling file", "bert", func(files fstest.MapFS) {
			write(files, "1_Pooling/config.json", `{"word_embedding_dimension": 24}`)
		}},
		{"no modules.json", "bert", func(files fstest.MapFS) { delete(files, "modules.json") }},
		{"dropout, and no folder for normalize", "bert", func(files fstest.MapFS) {
			write(files, "modules.json", modulesJSON("Transformer", "Pooling", "Dropout", "Normalize"))
		}},
		{"transformer in its own folder", "bert", func(files fstest.MapFS) {
			write(files, "modules.json", strings.Replace(modulesJSON("Transformer", "Pooling", "Normalize"), `"path":""`, `"path":"0_Transformer"`, 1))
			for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"} {
				files["0_Transformer/"+name] = files[name]
				delete(files, name)
			}
		}},
		{"two shards", "bert", func(files fstest.MapFS) { shard(t, files, safetensors, "model.safetensors") }},
		{"weights of torch.save", "bert-cls-dense", func(files fstest.MapFS) {
			toStateDict(t, files, "")
			toStateDict(t, files, "2_Dense/")
		}},
		{"two shards of torch.save", "bert", func(files fstest.MapFS) { shard(t, files, stateDict, "pytorch_model.bin") }},
		{"weights in both formats", "bert", func(files fstest.MapFS) { write(files, "pytorch_model.bin", "not read") }},
		{"vocab.txt", "bert", func(files fstest.MapFS) { slowTokenizer(t, files) }},
		{"vocab.txt in a folder of its own", "bert", func(files fstest.MapFS) {
			slowTokenizer(t, files)
			write(files, "modules.json", strings.Replace(modulesJSON("Transformer", "Pooling", "Normalize"), `"path":""`, `"path":"0_Transformer"`, 1))
			for _, name := range []string{"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "sentence_bert_config.json"} {
				files["0_Transformer/"+name] = files[name]
				delete(files, name)
			}
		}},
		{"dense without the name of its activation", "bert-cls-dense", func(files fstest.MapFS) {
			write(files, "2_Dense/config.json", `{"in_features": 20, "out_features": 40}`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := readModel(t, c.from)
			c.change(files)
			want := embedTexts(t, loadGolden(t, c.from, Config{}), texts, Options{})
			assert.Equal(t, want, embedTexts(t, loadFiles(t, files, Config{}), texts, Options{}))
		})
	}
}

// slowTokenizer puts the vocab.txt of a BertTokenizer in the place of tokenizer.json.
func slowTokenizer(t *testing.T, files fstest.MapFS) {
	var file struct {
		Model struct{ Vocab map[string]int }
	}
	require.NoError(t, json.Unmarshal(files["tokenizer.json"].Data, &file))
	lines := make([]string, len(file.Model.Vocab))
	for piece, id := range file.Model.Vocab {
		lines[id] = piece
	}
	delete(files, "tokenizer.json")
	write(files, "vocab.txt", strings.Join(lines, "\n")+"\n")
	replace(t, files, "tokenizer_config.json", "TokenizersBackend", "BertTokenizer")
}

// shard splits model.safetensors in two files that encode writes, with an index for those of that name.
func shard(t *testing.T, files fstest.MapFS, encode func(testing.TB, ...tensor.Tensor) []byte, name string) {
	f, err := tensor.Parse(files["model.safetensors"].Data)
	require.NoError(t, err)
	var parts [2][]tensor.Tensor
	var index []string
	for i, name := range f.Names() {
		x, _ := f.Tensor(name)
		parts[i%2] = append(parts[i%2], x)
		index = append(index, fmt.Sprintf(`%q: "part-%d"`, name, i%2))
	}
	for i, p := range parts {
		files[fmt.Sprintf("part-%d", i)] = &fstest.MapFile{Data: encode(t, p...)}
	}
	delete(files, "model.safetensors")
	write(files, name+".index.json", `{"metadata": {}, "weight_map": {`+strings.Join(index, ", ")+`}}`)
}

// toStateDict replaces the model.safetensors of a folder by a pytorch_model.bin.
func toStateDict(t *testing.T, files fstest.MapFS, dir string) {
	f, err := tensor.Parse(files[dir+"model.safetensors"].Data)
	require.NoError(t, err)
	var list []tensor.Tensor
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		list = append(list, x)
	}
	delete(files, dir+"model.safetensors")
	files[dir+"pytorch_model.bin"] = &fstest.MapFile{Data: stateDict(t, list...)}
}

// stateDict returns what torch.save writes of float32 tensors, but for what
// pickle remembers, in the layout before PyTorch 1.6; package tensor reads
// files of PyTorch itself.
func stateDict(t testing.TB, tensors ...tensor.Tensor) []byte {
	number := func(n int) string {
		return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	text := func(s string) string { return "X" + number(len(s))[1:] + s }
	pickle, keys, data := "\x80\x02}", "\x80\x02]", ""
	for _, x := range tensors {
		require.Equal(t, tensor.F32, x.DType)
		shape, strides := "", ""
		for i, step := len(x.Shape)-1, 1; i >= 0; i-- {
			shape, strides = number(x.Shape[i])+shape, number(step)+strides
			step *= x.Shape[i]
		}
		storage := "(" + text("storage") + "ctorch\nFloatStorage\n" + text(x.Name) + text("cpu") + number(x.Len()) + "NtQ"
		pickle += text(x.Name) + "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + "K\x00(" + shape + "t(" + strides + "t\x89ccollections\nOrderedDict\n)RtRs"
		keys += text(x.Name) + "a"
		data += string(binary.LittleEndian.AppendUint64(nil, uint64(x.Len()))) + string(x.Data)
	}
	const start = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."
	return []byte(start + pickle + "." + keys + "." + data)
}

// Several Dense modules, and a Normalize between them, are applied in order.
func TestModulesInOrder(t *testing.T) {
	identity := `{"in_features": %d, "out_features": %d, "bias": false, "activation_function": "torch.nn.modules.linear.Identity"}`
	files := readModel(t, "bert")
	write(files, "modules.json", modulesJSON("Transformer", "Pooling", "Dense", "Normalize", "Dense", "Normalize"))
	write(files, "2_Dense/config.json", fmt.Sprintf(identity, 24, 2))
	first := make([]float32, 2*24)
	first[0], first[24+1] = 1, 1 // the first two components
	files["2_Dense/model.safetensors"] = &fstest.MapFile{Data: safetensors(t, float32Tensor("linear.weight", first, 2, 24))}
	write(files, "4_Dense/config.json", fmt.Sprintf(identity, 2, 3))
	second := []float32{1, 0, 0, 2, 4, 0}
	files["4_Dense/model.safetensors"] = &fstest.MapFile{Data: safetensors(t, float32Tensor("linear.weight", second, 3, 2))}
	m := loadFiles(t, files, Config{})
	assert.True(t, m.Info().Normalized)
	assert.Equal(t, 3, m.Info().Dimensions)

	pooled := embedTexts(t, loadGolden(t, "bert", Config{}), []string{"a b"}, Options{Unnormalized: true}).Embeddings[0].Float32[:2]
	pipeline.ScaleToUnit(pooled)
	want := []float32{pooled[0], 2 * pooled[1], 4 * pooled[0]}
	got := embedTexts(t, m, []string{"a b"}, Options{Unnormalized: true})
	assert.InDeltaSlice(t, want, got.Embeddings[0].Float32, 1e-6) // float32's last bit
	pipeline.ScaleToUnit(want)
	got = embedTexts(t, m, []string{"a b"}, Options{})
	assert.InDeltaSlice(t, want, got.Embeddings[0].Float32, 1e-6)
}

// do_lower_case reads a text as its lower-case form.
func TestLowerCase(t *testing.T) {
	files := readModel(t, "bert")
	replace(t, files, "tokenizer.json", `"lowercase": true`, `"lowercase": false`)
	cased := loadFiles(t, files, Config{})
	replace(t, files, "sentence_bert_config.json", `"do_lower_case": false`, `"do_lower_case": true`)
	lower := loadFiles(t, files, Config{})
	texts, small := []string{"RIVER Bank"}, []string{"river bank"}
	assert.NotEqual(t, embedTexts(t, cased, small, Options{}), embedTexts(t, cased, texts, Options{}))
	assert.Equal(t, embedTexts(t, cased, small, Options{}), embedTexts(t, lower, texts, Options{}))
}

// An added token that only tokenizer_config.json names is one token; where the model
// has no embedding for it the text is at fault, not the server.
func TestAddedTokenBeside(t *testing.T) {
	files := readModel(t, "bert-cls-dense")
	write(files, "tokenizer_config.json", `{"additional_special_tokens": ["[SEP]", "<q>"]}`)
	m := loadFiles(t, files, Config{})
	id, ok := m.Tokenizer().ID("<q>")
	require.True(t, ok)
	rows := m.Info().Vocabulary
	require.Equal(t, rows, int(id), "the table has no row for it")
	_, err := m.Embed(t.Context(), []string{"a", "a <q> b"}, Options{})
	require.ErrorContains(t, err, fmt.Sprintf("input 1: token id %d, expected 0 to %d", id, rows-1))
}
