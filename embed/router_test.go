package embed

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A badFolder is a change of a case's folder, and what its error says.
type badFolder struct {
	name, from string
	change     func(t *testing.T, f fstest.MapFS)
	want       []string
}

func (b badFolder) run(t *testing.T) {
	files := moduleFiles(t, b.from)
	b.change(t, files)
	_, err := LoadFS(t.Context(), files, Config{})
	require.Error(t, err)
	for _, want := range b.want {
		assert.ErrorContains(t, err, want)
	}
}

func changeFile(name, old, new string) func(t *testing.T, f fstest.MapFS) {
	return func(t *testing.T, f fstest.MapFS) { replace(t, f, name, old, new) }
}

func putFile(name, content string) func(t *testing.T, f fstest.MapFS) {
	return func(t *testing.T, f fstest.MapFS) { write(f, name, content) }
}

func removeFile(name string) func(t *testing.T, f fstest.MapFS) {
	return func(t *testing.T, f fstest.MapFS) {
		require.Contains(t, f, name)
		delete(f, name)
	}
}

func TestBadRouters(t *testing.T) {
	const router = "router_config.json"
	parameters := func(json string) func(t *testing.T, f fstest.MapFS) {
		return func(t *testing.T, f fstest.MapFS) {
			before, _, ok := strings.Cut(string(f[router].Data), `"parameters"`)
			require.True(t, ok)
			write(f, router, before+`"parameters": `+json+`}`)
		}
	}
	for _, b := range []badFolder{
		{"no file", "router", removeFile(router), []string{"router_config.json: file does not exist"}},
		{"a model's config.json", "router", func(t *testing.T, f fstest.MapFS) {
			delete(f, router)
			write(f, "config.json", `{"model_type": "bert"}`)
		}, []string{"config.json:", "config.json: structure: missing", "expected router_config.json"}},
		{"no JSON", "router", putFile(router, `{"types"`), []string{router}},
		{"unknown key", "router", changeFile(router, `"types"`, `"kinds"`), []string{router, "which types lacks"}},
		{"unknown parameter", "router", parameters(`{"route": "query"}`), []string{router, `"parameters.route"`}},
		{"nothing", "router", putFile(router, `{}`), []string{router + ": structure: expected"}},
		{"empty structure", "router", putFile(router, `{"types": {}, "structure": {}, "parameters": {}}`), []string{router + ": structure: expected"}},
		{"structure of another type", "router", putFile(router, `{"types": {}, "structure": ["query"], "parameters": {}}`), []string{router + ": structure: expected"}},
		{"a route without modules", "router", putFile(router, `{"types": {}, "structure": {"query": [], "document": []}}`), []string{"Normalize", "expected a Transformer, a StaticEmbedding or a Router"}},
		{"no modules at all", "router-shared", putFile(router, `{"types": {}, "structure": {"query": []}}`), []string{"a route without modules"}},
		{"a module without a type", "router", changeFile(router, `"query_0_StaticEmbedding"
        ]`, `"query_1_StaticEmbedding"
        ]`), []string{router + `: structure: query: "query_1_StaticEmbedding", which types lacks`}},
		{"a module outside", "router", changeFile(router, `"query_0_StaticEmbedding"`, `"../query_0_StaticEmbedding"`), []string{router, "../query_0_StaticEmbedding", "within the router's"}},
		{"a module in the router's own folder", "router", changeFile(router, `"query_0_StaticEmbedding"`, `"."`), []string{router, "within the router's"}},
		{"unknown default", "router", parameters(`{"default_route": "both"}`), []string{router + `: default_route: "both", which structure lacks`}},
		{"mapping to nothing", "router", parameters(`{"route_mappings": {"('query', 'text')": "both"}}`), []string{router + `: route_mappings: ('query', 'text'): "both", which structure lacks`}},
		{"mapping of no pair", "router", parameters(`{"route_mappings": {"query": "query"}}`), []string{router + `: route_mappings: key "query", expected a pair`}},
		{"mapping of code", "router", parameters(`{"route_mappings": {"('query', open('x'))": "query"}}`), []string{"expected a pair"}},
		{"a router within a router", "router", changeFile(router, "sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding", "x.Router"), []string{router, "x.Router", "expected a Transformer"}},
		{"unknown module", "router", changeFile(router, "modules.pooling.Pooling", "modules.pooling.Splitting"), []string{router + ": module", "Splitting", "unknown, expected Pooling"}},
		{"a sparse module", "router", changeFile(router, "modules.static_embedding.StaticEmbedding", "SparseStaticEmbedding"), []string{router + ": module", "a sparse model"}},
		{"routes of other dimensions", "router-dense", func(t *testing.T, f fstest.MapFS) {
			replace(t, f, "2_Router/query_0_Dense/config.json", `"out_features": 10`, `"out_features": 3`)
			f["2_Router/query_0_Dense/model.safetensors"] = &fstest.MapFile{Data: safetensors(t,
				float32Tensor("linear.weight", make([]float32, 3*24), 3, 24), float32Tensor("linear.bias", make([]float32, 3), 3))}
		}, []string{`route "query": 3 dimensions, expected 10`}},
		{"no task through two routers", "router-dense", func(t *testing.T, f fstest.MapFS) {
			replace(t, f, "modules.json", `"idx": 3`, `"idx": 4`)
			replace(t, f, "modules.json", "sentence_transformers.base.modules.normalize.Normalize", "sentence_transformers.models.Asym.Asym")
			write(f, "3_Normalize/config.json", `{"types": {}, "structure": {"other": []}, "parameters": {"allow_empty_key": false}}`)
			replace(t, f, "2_Router/router_config.json", `"default_route": "document"`, `"default_route": null`)
			replace(t, f, "2_Router/router_config.json", `"allow_empty_key": true`, `"allow_empty_key": false`)
		}, []string{"no task has a route through all Routers"}},
	} {
		t.Run(b.name, b.run)
	}
}

// A prompt name chooses the route; what is no route's name takes the default one.
func TestRoutes(t *testing.T) {
	texts := []string{"river garden"}
	vector := func(m *Model, opts Options) []float32 { return embedTexts(t, m, texts, opts).Embeddings[0].Float32 }
	m := loadFiles(t, moduleFiles(t, "router"), Config{})
	assert.Equal(t, []string{"document", "query"}, m.Info().Routes)
	assert.Equal(t, "bert", m.Info().Family)
	assert.Equal(t, []string{"mean"}, m.Info().Pooling)
	assert.Positive(t, m.Operations([]int{8}))
	assert.Equal(t, vector(m, Options{Prompt: "passage, "}), vector(m, Options{PromptName: "document"}))
	assert.NotEqual(t, vector(m, Options{Prompt: "river search: "}), vector(m, Options{PromptName: "query"}))

	// Token ids are of the route's tokenizer: the query's has no special tokens.
	ids, _, err := m.loaded.Routes["query"].Encoder.Tokenizer.Append(nil, "river search: river garden", m.loaded.Routes["query"].Encoder.Options())
	require.NoError(t, err)
	assert.Equal(t, vector(m, Options{PromptName: "query"}), embedIDs(t, m, [][]int32{ids}, Options{PromptName: "query"}).Embeddings[0].Float32)
	_, err = m.EmbedIDs(context.Background(), [][]int32{ids}, Options{PromptName: "s2s"})
	requireOptionError(t, err, `prompt name: "s2s" given with token ids, which have no prompt`)
	_, err = m.Embed(context.Background(), texts, Options{PromptName: "s2s"})
	requireOptionError(t, err, `prompt name: unknown "s2s", expected one of: document, query`)
	_, err = m.Embed(context.Background(), texts, Options{PromptName: "query", Layers: 1})
	requireOptionError(t, err, "layers: 1, expected 0, as the model has no layers")

	files := moduleFiles(t, "router-none")
	write(files, "config_sentence_transformers.json", `{"prompts": {"s2s": "river "}}`)
	none := loadFiles(t, files, Config{})
	_, err = none.Embed(context.Background(), texts, Options{})
	requireOptionError(t, err, "prompt name: none given, and the model has no default route, expected one of: document, query")
	_, err = none.Embed(context.Background(), texts, Options{PromptName: "s2s"})
	requireOptionError(t, err, `prompt name: "s2s", which is no route of the model, expected one of: document, query`)

	asym := loadFiles(t, moduleFiles(t, "asym"), Config{})
	assert.Equal(t, []string{"doc", "query"}, asym.Info().Routes)
	files = moduleFiles(t, "asym")
	write(files, "config_sentence_transformers.json", `{"prompts": {"query": "river ", "s2s": "garden "}}`)
	asym = loadFiles(t, files, Config{})
	assert.Equal(t, vector(asym, Options{PromptName: "doc"}), vector(asym, Options{PromptName: "document"}))
	assert.Equal(t, vector(asym, Options{PromptName: "query"}), vector(asym, Options{Prompt: "river "}), "the first route is the default")
	assert.Equal(t, vector(asym, Options{PromptName: "s2s"}), vector(asym, Options{Prompt: "garden "}))
	replace(t, files, "2_Asym/config.json", `"doc"`, `"answer"`)
	answer := loadFiles(t, files, Config{})
	_, err = answer.Embed(context.Background(), texts, Options{PromptName: "document"})
	requireOptionError(t, err, `prompt name: "document", which is no route of the model, expected one of: answer, query`)
	assert.Equal(t, vector(asym, Options{PromptName: "doc"}), vector(answer, Options{PromptName: "answer"}))
}

// Modules that routes have in common are loaded once.
func TestSharedModules(t *testing.T) {
	shared := loadFiles(t, moduleFiles(t, "router-shared"), Config{})
	assert.Equal(t, loadGolden(t, "bert", Config{}).Info().MemoryBytes, shared.Info().MemoryBytes)
	assert.Len(t, shared.loaded.Files, 1)
	dense := loadFiles(t, moduleFiles(t, "router-dense"), Config{})
	query, document := dense.loaded.Routes["query"], dense.loaded.Routes["document"]
	assert.Same(t, query.Encoder, document.Encoder)
	assert.NotSame(t, query.Spec.Modules[0], document.Spec.Modules[0])
	assert.Same(t, dense.route, document)
}

// Each file of a folder cut short anywhere is an error, never a panic.
func TestModulesCutShort(t *testing.T) {
	for _, c := range []string{"router", "router-mappings", "asym", "dense-row", "static-limit-left", "model2vec-mapping", "model2vec-plain-mapping"} {
		for name, file := range moduleFiles(t, c) {
			if len(file.Data) == 0 || strings.Contains(name, "Dropout") { // which is not read
				continue
			}
			if c == "model2vec-mapping" && name == "config.json" {
				continue // not read beside modules.json
			}
			for part := range 4 {
				files := moduleFiles(t, c)
				files[name] = &fstest.MapFile{Data: file.Data[:(len(file.Data)-2)*part/3]}
				_, err := LoadFS(t.Context(), files, Config{})
				assert.ErrorContainsf(t, err, filepath.Base(name), "%s: %s, %d thirds", c, name, part)
			}
		}
	}
}

func TestBadModules(t *testing.T) {
	const dense = "2_Dense/config.json"
	for _, b := range []badFolder{
		{"activation outside torch", "dense-residual", changeFile(dense, "torch.nn.modules.activation.GELU", "transformers.activations.GELU"), []string{dense + `: activation_function: unknown "transformers.activations.GELU", expected one of torch.nn`}},
		{"no activation", "dense-residual", changeFile(dense, `"torch.nn.modules.activation.GELU"`, "null"), []string{dense + ": activation_function: null"}},
		{"a residual that is not there", "dense-projection", changeTensors("2_Dense/model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			return list[:1]
		}), []string{"2_Dense/model.safetensors: tensor residual.weight: missing, expected shape [40 24]"}},
		{"a residual of another shape", "dense-projection", changeTensors("2_Dense/model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[1].Shape = []int{24, 40}
			return list
		}), []string{"2_Dense/model.safetensors: tensor residual.weight: shape [24 40], expected [40 24]"}},
		{"a residual that is not asked for", "dense-projection", changeFile(dense, `"use_residual": true`, `"use_residual": false`), []string{"tensor residual.weight: not used"}},
		{"a vector's dense before pooling", "dense-tokens", changeFile("1_Dense/config.json", "token_embeddings", "sentence_embedding"), []string{`1_Dense/config.json: module_input_name, module_output_name: found "sentence_embedding", expected "token_embeddings"`}},
		{"a token's dense after pooling", "dense-tokens", changeFile("5_Dense/config.json", "sentence_embedding", "token_embeddings"), []string{`5_Dense/config.json: module_input_name, module_output_name: found "token_embeddings", expected "sentence_embedding"`}},
		{"dense from tokens to the vector", "dense-tokens", changeFile("1_Dense/config.json", `"module_output_name": "token_embeddings"`, `"module_output_name": "sentence_embedding"`), []string{"1_Dense/config.json: module_input_name"}},
		{"a vector's normalize before pooling", "dense-tokens", putFile("2_Normalize/config.json", "{}"), []string{`2_Normalize/config.json: module_input_name, module_output_name: found "sentence_embedding"`}},
		{"unknown key of normalize", "dense-tokens", putFile("6_Normalize/config.json", `{"p": 1}`), []string{"6_Normalize/config.json:", `"p"`}},
		{"pooling of the width before dense", "dense-tokens", changeFile("4_Pooling/config.json", `"embedding_dimension": 16`, `"embedding_dimension": 24`), []string{"4_Pooling/config.json:", "24, expected 16"}},

		{"layer norm without config", "dense-row", removeFile("3_LayerNorm/config.json"), []string{"3_LayerNorm/config.json: file does not exist"}},
		{"layer norm of another width", "dense-row", changeFile("3_LayerNorm/config.json", "33", "32"), []string{"3_LayerNorm/config.json: dimension: 32, expected 33"}},
		{"unknown key of layer norm", "dense-row", changeFile("3_LayerNorm/config.json", "33", `33, "eps": 1`), []string{"3_LayerNorm/config.json:", `"eps"`}},
		{"layer norm without weights", "dense-row", removeFile("3_LayerNorm/model.safetensors"), []string{"3_LayerNorm/model.safetensors: file does not exist"}},
		{"layer norm without a bias", "dense-row", changeTensors("3_LayerNorm/model.safetensors", func(list []tensor.Tensor) []tensor.Tensor { return list[1:] }), []string{"3_LayerNorm/model.safetensors: tensor norm.bias: missing"}},

		{"pooling after a table", "static", func(t *testing.T, f fstest.MapFS) {
			write(f, "modules.json", modulesJSON("StaticEmbedding", "Pooling"))
		}, []string{"modules.json: module", "Pooling", "after a StaticEmbedding"}},
		{"table without a tokenizer", "static", removeFile("tokenizer.json"), []string{"tokenizer.json: file does not exist"}},
		{"table without rows", "static", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[0].Name = "weight"
			return list
		}), []string{"model.safetensors: tensor embedding.weight or embeddings: missing"}},
		{"table of one dimension", "static", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[0].Shape = []int{8000}
			return list
		}), []string{"model.safetensors: tensor embedding.weight: shape [8000], expected tokens×dimensions"}},
		{"table of no rows", "static", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[0].Shape, list[0].Data = []int{0, 16}, nil
			return list
		}), []string{"shape [0 16], expected tokens×dimensions"}},
		{"table of indices", "static", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[0].DType = tensor.I32
			return list
		}), []string{"model.safetensors: tensor embedding.weight", "I32"}},
		{"table with a tensor too many", "static", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			return append(list, float32Tensor("weights", make([]float32, 500), 500))
		}), []string{"model.safetensors: tensor weights: not used"}},
		{"mapping beyond the rows", "model2vec-mapping", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[1].Data = append([]byte{40}, list[1].Data[1:]...)
			return list
		}), []string{"model.safetensors: tensor mapping: row 40 of token 0, expected 0 to 39"}},
		{"mapping of numbers with a fraction", "model2vec-mapping", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[1].DType = tensor.F64
			return list
		}), []string{"model.safetensors: tensor mapping: F64 of shape [500], expected I64 or I32"}},
		{"weights of other tokens", "model2vec-mapping", changeTensors("model.safetensors", func(list []tensor.Tensor) []tensor.Tensor {
			list[2] = float32Tensor("weights", make([]float32, 40), 40)
			return list
		}), []string{"model.safetensors: tensor weights: 40 elements, expected 500"}},
		{"limit of model2vec", "model2vec-plain", changeFile("config.json", `"max_length": 512`, `"max_length": 0.5`), []string{"config.json: max_length: 0.5, expected"}},
		{"truncation to nothing", "static-limit-left", changeFile("tokenizer.json", `"max_length": 6`, `"max_length": 0`), []string{"tokenizer.json: truncation: max_length: 0"}},
		{"truncation in the middle", "static-limit-left", changeFile("tokenizer.json", `"direction": "Left"`, `"direction": "Middle"`), []string{"tokenizer.json: truncation: direction", `"Middle"`}},

		{"side of truncation", "left", changeFile("tokenizer_config.json", `"left"`, `"middle"`), []string{"tokenizer_config.json: truncation_side", `"middle"`}},
		{"limit of the tokenizer's arguments", "left", putFile("sentence_bert_config.json", `{"tokenizer_args": {"model_max_length": "many"}}`), []string{"sentence_bert_config.json: tokenizer_args: model_max_length: many, expected a number"}},
		{"limit with a fraction", "left", putFile("sentence_bert_config.json", `{"processor_kwargs": {"model_max_length": 1.5}}`), []string{"sentence_bert_config.json: processor_kwargs: model_max_length: 1.5, expected a whole number"}},
		{"tokenizer that adds an end", "left", putFile("sentence_bert_config.json", `{"tokenizer_args": {"add_eos_token": true}}`), []string{`sentence_bert_config.json: tokenizer_args: unknown "add_eos_token"`}},
		{"padding to a length", "left", putFile("sentence_bert_config.json", `{"processing_kwargs": {"text": {"padding": "max_length"}}}`), []string{`processing_kwargs: text: unknown "padding"`}},
		{"a chat template's arguments", "left", putFile("sentence_bert_config.json", `{"processing_kwargs": {"chat_template": {"x": 1}}}`), []string{"processing_kwargs: chat_template"}},
		{"cut of config.json to nothing", "left", func(t *testing.T, f fstest.MapFS) {
			replace(t, f, "config.json", `"is_decoder"`, `"truncate_dim": 0, "is_decoder"`)
		}, []string{"config.json: truncate_dim: 0, expected 1 or more"}},
	} {
		t.Run(b.name, b.run)
	}
}

// Modules of other kinds of models say of which.
func TestOtherKinds(t *testing.T) {
	for class, kind := range map[string]string{
		"BoW": "a bag of words", "CNN": "a network over word vectors", "WordEmbeddings": "a model of word vectors", "WeightedLayerPooling": "pooling over all layers",
	} {
		files := moduleFiles(t, "left")
		write(files, "modules.json", modulesJSON("Transformer", "Pooling", class))
		_, err := LoadFS(t.Context(), files, Config{})
		assert.ErrorContains(t, err, class+`": `+kind+", expected Pooling, Dense")
		write(files, "modules.json", modulesJSON(class, "Pooling"))
		_, err = LoadFS(t.Context(), files, Config{})
		assert.ErrorContains(t, err, class+`": `+kind+", expected a Transformer, a StaticEmbedding or a Router")
	}
}

// truncate_dim of config.json counts where the model says nothing else.
func TestTruncateDimOfConfig(t *testing.T) {
	files := moduleFiles(t, "dense-residual")
	replace(t, files, "config.json", `"is_decoder"`, `"truncate_dim": 7, "is_decoder"`)
	assert.Equal(t, 7, loadFiles(t, files, Config{}).Info().DefaultDimensions)
	replace(t, files, "config_sentence_transformers.json", `"default_prompt_name"`, `"truncate_dim": 9, "default_prompt_name"`)
	assert.Equal(t, 9, loadFiles(t, files, Config{}).Info().DefaultDimensions)
}

// A Reading is that of the request's route: its tokenizer gives a text the tokens that the
// model reads.
func TestReadingOfRoutes(t *testing.T) {
	m := loadFiles(t, moduleFiles(t, "router"), Config{})
	const text = "The river is deep."
	var tokenizers []*tokenizer.Tokenizer
	for _, name := range []string{"query", "document"} {
		r, err := m.Reading(Options{PromptName: name})
		require.NoError(t, err)
		made, err := m.Embed(t.Context(), []string{text}, Options{PromptName: name})
		require.NoError(t, err)
		e, err := r.Tokenizer.Encode(r.Prompt+text, tokenizer.Options{MaxTokens: r.MaxTokens})
		require.NoError(t, err)
		assert.Len(t, e.IDs, made.Embeddings[0].Tokens, name)
		tokenizers = append(tokenizers, r.Tokenizer)
	}
	assert.NotSame(t, tokenizers[0], tokenizers[1])
	r, err := m.Reading(Options{PromptName: "document", MaxTokens: 9})
	require.NoError(t, err)
	assert.Equal(t, 9, r.MaxTokens)
	_, err = m.Reading(Options{PromptName: "nobody"})
	assert.ErrorAs(t, err, new(*OptionError))
}
