package embed

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/tensor"
)

// edit sets the keys of a JSON file that are given in pairs with their values, which are JSON.
func edit(t testing.TB, files fstest.MapFS, name string, pairs ...string) {
	object := map[string]json.RawMessage{}
	if f := files[name]; f != nil {
		require.NoError(t, json.Unmarshal(f.Data, &object))
	}
	for i := 0; i < len(pairs); i += 2 {
		object[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	data, err := json.Marshal(object)
	require.NoError(t, err)
	write(files, name, string(data))
}

// readPlain returns the files of a golden as transformers alone saves them.
func readPlain(t testing.TB, name string) fstest.MapFS {
	files := readModel(t, name)
	for _, file := range []string{"modules.json", "sentence_bert_config.json", manifest.Sentence} {
		delete(files, file)
	}
	return files
}

// requireKind requires that files are those of a model of that kind, which the error says with that.
func requireKind(t testing.TB, files fstest.MapFS, kind, want string) {
	t.Helper()
	_, err := LoadFS(t.Context(), files, Config{})
	var other *KindError
	require.ErrorAs(t, err, &other)
	assert.Equal(t, kind, other.Kind)
	assert.ErrorContains(t, err, want)
	assert.ErrorContains(t, err, kind+", expected ")
}

// Without modules.json a model is of the kind that its architecture says, in each family.
func TestKindsByArchitecture(t *testing.T) {
	for _, family := range families {
		files := readPlain(t, family)
		if files["config.json"] == nil {
			continue
		}
		for _, c := range []struct{ architecture, labels, kind, want string }{
			{"XForSequenceClassification", `{"0": "LABEL_0"}`, "reranker", `config.json: architectures: "XForSequenceClassification" with 1 label, a reranker`},
			{"XForSequenceClassification", `{"0": "a", "1": "b", "2": "c"}`, "classifier", `with 3 labels`},
			{"XForSequenceClassification", `null`, "classifier", `with 2 labels`},
			{"XForNextSentencePrediction", `null`, "classifier", `"XForNextSentencePrediction", a classifier`},
			{"XForTokenClassification", `null`, "token classifier", `"XForTokenClassification"`},
			{"XForQuestionAnswering", `null`, "question answering model", `"XForQuestionAnswering"`},
			{"XForMultipleChoice", `null`, "multiple choice model", `"XForMultipleChoice"`},
			{"HF_ColBERT", `null`, "multi-vector model", `"HF_ColBERT"`},
		} {
			edit(t, files, "config.json", "architectures", `["`+c.architecture+`"]`, "id2label", c.labels)
			requireKind(t, files, c.kind, c.want)
		}
		for _, architectures := range []string{`["XModel"]`, `["XRoFormerModel"]`, `["XForMaskedLM"]`, `["XForCausalLM"]`, `["XForPreTraining"]`, `["XForConditionalGeneration"]`, `[]`, `null`} {
			edit(t, files, "config.json", "architectures", architectures)
			loadFiles(t, files, Config{})
		}
	}
	files := readPlain(t, "bert")
	edit(t, files, "config.json", "architectures", `["XForSequenceClassification"]`, "num_labels", "1", "id2label", `{"0": "a", "1": "b"}`)
	requireKind(t, files, "reranker", "1 label")
	edit(t, files, "config.json", "architectures", `["XForRanking"]`)
	_, err := LoadFS(t.Context(), files, Config{})
	assert.ErrorContains(t, err, `config.json: architectures: "XForRanking", which is not known, expected a model without a head or ForCausalLM`)
	write(files, manifest.Sentence, `{"model_type": "SentenceTransformer"}`) // the folder says what it is
	loadFiles(t, files, Config{})
}

// Every file that says of which kind a model is makes the same error.
func TestKinds(t *testing.T) {
	const settings = "sentence_bert_config.json"
	put := func(name, content string) func(fstest.MapFS) { return func(f fstest.MapFS) { write(f, name, content) } }
	for _, c := range []struct {
		name, kind, want string
		change           func(fstest.MapFS)
	}{
		{"a reranker", "cross-encoder", manifest.Sentence + `: model_type: "CrossEncoder"`, put(manifest.Sentence, `{"model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.linear.Identity"}`)},
		{"a sparse model", "sparse model", `model_type: "SparseEncoder"`, put(manifest.Sentence, `{"model_type": "SparseEncoder", "max_active_dims": 3}`)},
		{"many vectors", "multi-vector model", `model_type: "MultiVectorEncoder"`, put(manifest.Sentence, `{"model_type": "MultiVectorEncoder"}`)},
		{"PyLate's", "multi-vector model", `model_type: "ColBERT"`, put(manifest.Sentence, `{"model_type": "ColBERT", "query_prefix": "[Q] "}`)},
		{"SPLADE", "sparse model", `modules.json: module "0"`, put("modules.json", modulesJSON("MLMTransformer", "SpladePooling"))},
		{"SPLADE's pooling", "sparse model", "SpladePooling", put("modules.json", modulesJSON("Transformer", "SpladePooling"))},
		{"sparse static", "sparse model", "SparseStaticEmbedding", put("modules.json", modulesJSON("SparseStaticEmbedding"))},
		{"a sparse end", "sparse model", "SparseAutoEncoder", put("modules.json", modulesJSON("Transformer", "Pooling", "SparseAutoEncoder"))},
		{"scores", "reranker", "LogitScore", put("modules.json", modulesJSON("Transformer", "LogitScore"))},
		{"a mask of vectors", "multi-vector model", "MultiVectorMask", put("modules.json", modulesJSON("Transformer", "Dense", "MultiVectorMask"))},
		{"no pooling", "multi-vector model", "1_Dense", put("modules.json", strings.ReplaceAll(modulesJSON("Transformer", "Dense"), `"1"`, `"1_Dense"`))},
		{"settings of classes", "cross-encoder", settings + `: transformer_task: "sequence-classification"`, put(settings, `{"transformer_task": "sequence-classification"}`)},
		{"settings of text", "reranker", `"text-generation"`, put(settings, `{"transformer_task": "text-generation"}`)},
		{"settings of tokens", "sparse model", `"fill-mask"`, put(settings, `{"transformer_task": "fill-mask"}`)},
		{"settings of queries", "multi-vector model", "query_length", put(settings, `{"query_length": 32}`)},
		{"Stanford's", "multi-vector model", "artifact.metadata", func(f fstest.MapFS) {
			delete(f, "modules.json")
			delete(f, manifest.Sentence)
			write(f, "artifact.metadata", "{}")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := readModel(t, "bert")
			c.change(files)
			requireKind(t, files, c.kind, c.want)
		})
	}
}

// modules.json of an embedding model goes before the architecture, and the weights
// of its head are passed over.
func TestEmbeddingModelWithHead(t *testing.T) {
	const name = "model.safetensors"
	want := loadGolden(t, "bert-cls-dense", Config{})
	files := readModel(t, "bert-cls-dense")
	edit(t, files, "config.json", "architectures", `["BertForSequenceClassification"]`)
	write(files, "artifact.metadata", "{}")
	changeTensors(name, func(list []tensor.Tensor) []tensor.Tensor {
		return append(list, float32Tensor("classifier.weight", make([]float32, 20), 1, 20), float32Tensor("classifier.bias", []float32{1}, 1))
	})(t, files)
	texts := []string{"one text", "another"}
	require.Equal(t, embedTexts(t, want, texts, Options{}), embedTexts(t, loadFiles(t, files, Config{}), texts, Options{}))
}

// An adapter without modules.json is one of its base model, unless it was trained for another task.
func TestAdapterWithoutModules(t *testing.T) {
	ids, _ := adapterInputs(t, "bert")
	with := func(base string) fstest.MapFS {
		files := adapted(t, "bert", "bert", base)
		for path, f := range readModel(t, "bert") {
			files["base/"+path] = f
		}
		delete(files, manifest.Sentence)
		return files
	}
	files := with("base")
	write(files, "modules.json", modulesJSON("Transformer", "Pooling"))
	write(files, "1_Pooling/config.json", `{"embedding_dimension": 24, "pooling_mode": "mean"}`)
	want := loadFiles(t, files, Config{})
	delete(files, "modules.json")
	delete(files, "1_Pooling/config.json")
	got := loadFiles(t, files, Config{})
	require.Equal(t, embedIDs(t, want, ids, Options{}), embedIDs(t, got, ids, Options{}))

	edit(t, files, manifest.Adapter, "task_type", `"SEQ_CLS"`, "modules_to_save", `["classifier"]`)
	changeTensors(adapterWeights, func(list []tensor.Tensor) []tensor.Tensor {
		return append(list, float32Tensor("base_model.model.classifier.weight", make([]float32, 48), 2, 24))
	})(t, files)
	requireKind(t, files, "classifier", manifest.Adapter+`: task_type: "SEQ_CLS"`)
	write(files, "modules.json", modulesJSON("Transformer", "Pooling"))
	write(files, "1_Pooling/config.json", `{"embedding_dimension": 24, "pooling_mode": "mean"}`)
	require.Equal(t, embedIDs(t, want, ids, Options{}), embedIDs(t, loadFiles(t, files, Config{}), ids, Options{}))

	files = with("base")
	delete(files, "modules.json")
	edit(t, files, "base/config.json", "architectures", `["BertForTokenClassification"]`)
	requireKind(t, files, "token classifier", "with the base model base: base/config.json: architectures")
}

// Texts pass through the chat template of a folder that says so, or of a plain one that has one.
func TestChatTemplates(t *testing.T) {
	const settings, config = "sentence_bert_config.json", "tokenizer_config.json"
	const text = `"text": {"method": "forward", "method_output_name": "last_hidden_state"}`
	const message = `"message": {"method": "forward", "method_output_name": "last_hidden_state", "format": "flat"}`
	for _, c := range []struct {
		name  string
		plain bool
		files map[string]string
		want  string // "" = it loads, and texts do not pass through a template; "chat" = they do
	}{
		{"saved with messages", false, map[string]string{settings: `{"modality_config": {` + text + `, ` + message + `}}`}, config + ": chat_template: expected a text"},
		{"saved with messages alone", false, map[string]string{settings: `{"modality_config": {` + message + `}}`}, settings + `: modality_config: no "text"`},
		{"saved with text alone", false, map[string]string{settings: `{"modality_config": {` + text + `}}`, "chat_template.jinja": "{{ x }}"}, ""},
		{"saved by an older version", false, map[string]string{config: `{"chat_template": "{{ x }}"}`}, ""},
		{"plain", true, map[string]string{"chat_template.jinja": "{{ messages[0].content }}."}, "chat"},
		{"plain, in the tokenizer's config", true, map[string]string{config: `{"chat_template": "{{ messages[0].content }}."}`}, "chat"},
		{"plain, several", true, map[string]string{config: `{"chat_template": [{"name": "default", "template": "{{ messages[0].content[0].text }}."}]}`}, "chat"},
		{"plain, in a folder", true, map[string]string{"additional_chat_templates/tool.jinja": "{{ x }}"}, config + ": chat_template: expected a text"},
		{"plain without", true, map[string]string{config: `{"chat_template": null}`}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := readModel(t, "qwen3")
			if c.plain {
				files = readPlain(t, "qwen3")
			}
			for name, content := range c.files {
				if strings.HasSuffix(name, ".json") {
					var keys map[string]json.RawMessage
					require.NoError(t, json.Unmarshal([]byte(content), &keys))
					for key, value := range keys {
						edit(t, files, name, key, string(value))
					}
					continue
				}
				write(files, name, content)
			}
			m, err := LoadFS(t.Context(), files, Config{})
			if c.want != "" && c.want != "chat" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			defer m.Close() //nolint:errcheck
			require.Equal(t, c.want == "chat", m.route.Encoder.Chat != nil)
			embedTexts(t, m, []string{"a text"}, Options{})
		})
	}
}

// The side of truncation is tokenizer_config.json's, else tokenizer.json's.
func TestTruncationSide(t *testing.T) {
	texts := []string{"first " + strings.Repeat("many words to cut ", 30) + "last"}
	with := func(tokenizer, config string) *Result {
		files := readModel(t, "bert")
		edit(t, files, "tokenizer.json", "truncation", tokenizer)
		edit(t, files, "tokenizer_config.json", "truncation_side", config)
		return embedTexts(t, loadFiles(t, files, Config{}), texts, Options{})
	}
	const toLeft = `{"direction": "Left", "max_length": 16, "strategy": "LongestFirst", "stride": 0}`
	left, right := with("null", `"left"`), with("null", `"right"`)
	require.NotEqual(t, left, right)
	require.Equal(t, left, with(toLeft, "null"))
	require.Equal(t, right, with(toLeft, `"right"`))
	require.Equal(t, left, with(strings.Replace(toLeft, "Left", "Right", 1), `"left"`))
	require.Equal(t, right, with("null", "null"))
}
