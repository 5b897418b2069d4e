package sparse

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/mutate"
)

// files returns those of a golden's folder, with the changes.
func files(t testing.TB, name string, changes map[string]string) fstest.MapFS {
	all, err := mutate.Folder(filepath.Join(goldens, name, "model"))
	require.NoError(t, err)
	for path, content := range changes {
		all[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return all
}

// modules returns a modules.json of these classes, of which the second has a folder.
func modules(classes ...string) string {
	var list []string
	for i, c := range classes {
		path := ""
		if i > 0 {
			path = "1_SpladePooling"
		}
		list = append(list, `{"idx": 0, "name": "m", "path": "`+path+`", "type": "sentence_transformers.`+c+`"}`)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// What makes other vectors, or none, is an error that says what it is.
func TestFolders(t *testing.T) {
	const pooling, sentence = "1_SpladePooling/config.json", "config_sentence_transformers.json"
	for _, c := range []struct{ path, content, want string }{
		{pooling, `{"pooling_strategy": "mean"}`, pooling + `: pooling_strategy: "mean", expected "max" or "sum"`},
		{pooling, `{"activation_function": "gelu"}`, pooling + `: activation_function: "gelu", expected "relu" or "log1p_relu"`},
		{pooling, `{"weights": 1}`, pooling + `: `},
		{pooling, `{"embedding_dimension": 12}`, pooling + `: embedding_dimension, word_embedding_dimension: 12, expected 384`},
		{sentence, `{"model_type": "SparseEncoder", "max_active_dims": 0}`, sentence + `: max_active_dims: 0, expected 1 or more`},
		{sentence, `{"model_type": "CrossEncoder"}`, `a cross-encoder, expected a sparse model; rerank.Load`},
		{sentence, `{"model_type": "SentenceTransformer"}`, `an embedding model, expected a sparse model; embed.Load`},
		{"sentence_bert_config.json", `{}`, `transformer_task: "", expected "fill-mask"`},
		{"modules.json", modules("Transformer", "SparseAutoEncoder"), `transformer_task: "fill-mask", expected a SpladePooling after it`},
		{"modules.json", modules("Transformer", "Pooling"), `"sentence_transformers.Pooling": unknown, expected a SpladePooling`},
		{"modules.json", modules("SparseStaticEmbedding"), `config.json: unknown key "`},
		{"modules.json", modules("Router"), `expected router_config.json`},
		{"modules.json", modules("Transformer", "SpladePooling", "Normalize"), `unknown, expected no module after a SpladePooling`},
		{"modules.json", modules("Transformer"), `expected a SpladePooling after it`},
	} {
		_, err := LoadFS(t.Context(), files(t, "sparse-bert-max", map[string]string{c.path: c.content}), embed.Config{})
		assert.ErrorContains(t, err, c.want, c.content)
	}
	_, err := embed.Load(t.Context(), filepath.Join(goldens, "sparse-bert-max", "model"), embed.Config{})
	var other *embed.KindError
	require.ErrorAs(t, err, &other)
	assert.ErrorContains(t, err, "a sparse model, expected an embedding model; sparse.Load and rhumb embed serve it")
	_, err = Load(t.Context(), filepath.Join(goldens, "rerank-bert", "model"), embed.Config{})
	require.ErrorAs(t, err, &other)
	_, err = Load(t.Context(), filepath.Join(goldens, "sparse-bert-max", "model"), embed.Config{Pooling: "cls"})
	assert.ErrorContains(t, err, `pooling: "cls" given, expected none`)
}

// max_active_dims of the folder stands where a request says nothing.
func TestMaxActiveOfTheFolder(t *testing.T) {
	g := readGolden(t, "sparse-bert-max")
	m, err := LoadFS(t.Context(), files(t, "sparse-bert-max", map[string]string{
		"config_sentence_transformers.json": `{"model_type": "SparseEncoder", "max_active_dims": 4, "prompts": {"query": "the "}}`,
	}), embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	require.Equal(t, 4, g.cases.MaxActive)
	require.Equal(t, 4, m.Info().MaxActive)
	got, err := m.Embed(t.Context(), g.cases.Texts, Options{})
	require.NoError(t, err)
	for i, want := range g.answers["max_active"] {
		require.Equal(t, want.Indices, got[i].Indices)
	}
	all, err := m.Embed(t.Context(), g.cases.Texts, Options{MaxActive: m.Info().Vocabulary})
	require.NoError(t, err)
	for i, want := range g.answers["plain"] {
		require.Equal(t, want.Indices, all[i].Indices)
	}
	named, err := m.Embed(t.Context(), []string{"garden"}, Options{PromptName: "query"})
	require.NoError(t, err)
	given, err := m.Embed(t.Context(), []string{"the garden"}, Options{PromptName: "document"})
	require.NoError(t, err)
	assert.Equal(t, given, named)
}

// Faults of options and of texts say which.
func TestErrors(t *testing.T) {
	m := load(t, filepath.Join(goldens, "sparse-bert-max", "model"), embed.Config{})
	for want, o := range map[string]Options{
		"max active: -1, expected 1 or more":                           {MaxActive: -1},
		"max tokens: 1, expected at least 2":                           {MaxTokens: 1},
		"truncate: 77, expected":                                       {Truncate: 77},
		`prompt: given together with prompt name "query"`:              {Prompt: "a", PromptName: "query"},
		`prompt name: unknown "abc", expected one of: document, query`: {PromptName: "abc"},
	} {
		_, err := m.Embed(t.Context(), []string{"a"}, o)
		var fault *embed.OptionError
		require.ErrorAs(t, err, &fault)
		assert.ErrorContains(t, err, want)
	}
	_, err := m.Embed(t.Context(), []string{"a", ""}, Options{})
	assert.ErrorContains(t, err, "input 1: empty text")
	_, err = m.Embed(t.Context(), []string{strings.Repeat("garden ", 50)}, Options{Truncate: embed.TruncateNone})
	assert.ErrorContains(t, err, "input 0: ")
	got, err := m.Embed(t.Context(), []string{strings.Repeat("garden ", 50)}, Options{MaxTokens: 5})
	require.NoError(t, err)
	assert.Equal(t, 5, got[0].Tokens)
	assert.Positive(t, got[0].Truncated)
}

// The prompt stays where texts are cut at their start, and one that leaves no room is an error.
func TestPromptOfCutTexts(t *testing.T) {
	m := load(t, filepath.Join(goldens, "sparse-bert-max", "model"), embed.Config{})
	const prompt = "the garden of "
	rest, err := m.Embed(t.Context(), []string{"summer day"}, Options{Prompt: prompt})
	require.NoError(t, err)
	o := Options{Prompt: prompt, Truncate: embed.TruncateStart, MaxTokens: rest[0].Tokens}
	cut, err := m.Embed(t.Context(), []string{strings.Repeat("engine ", 20) + "summer day"}, o)
	require.NoError(t, err)
	assert.Positive(t, cut[0].Truncated)
	assert.Equal(t, rest[0].Indices, cut[0].Indices)
	assert.Equal(t, rest[0].Values, cut[0].Values)
	o.MaxTokens = 3
	_, err = m.Embed(t.Context(), []string{"a"}, o)
	var fault *embed.OptionError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, embed.OptionPrompt, fault.Option)
	assert.ErrorContains(t, err, "model reads 3")
}

// Queries of an inference-free model do not run its transformer, and requests take the
// route that their prompt name chooses, else the default one; a queue does too.
func TestRoutes(t *testing.T) {
	const config = "query_0_SparseStaticEmbedding/config.json"
	texts := []string{"the garden of the engine", "water"}
	m, err := LoadFS(t.Context(), files(t, "sparse-inference-free", nil), embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	assert.Equal(t, []string{"document", "query"}, m.Info().Routes)
	assert.Equal(t, "distilbert", m.Info().Family)
	assert.Zero(t, m.loaded.Routes["query"].Encoder.Runs.Operations([]int{9}))
	vectors := map[string][]Vector{}
	queue := NewQueue(m, embed.QueueConfig{})
	for _, name := range []string{"", "query", "document"} {
		vectors[name], err = m.Embed(t.Context(), texts, Options{PromptName: name})
		require.NoError(t, err)
		queued, err := queue.Embed(t.Context(), texts, Options{PromptName: name})
		require.NoError(t, err)
		assert.Equal(t, vectors[name], queued)
	}
	assert.Equal(t, vectors["document"], vectors[""])
	assert.NotEqual(t, vectors["query"], vectors[""])
	require.NoError(t, queue.Close(t.Context()))

	print, err := m.Fingerprint(t.Context())
	require.NoError(t, err)
	const router, module = "router_config.json", `"sentence_transformers.sparse_encoder.modules.sparse_static_embedding.SparseStaticEmbedding"`
	all := files(t, "sparse-inference-free", nil)
	other := func(path string, replace ...string) (*Model, error) {
		changed := strings.NewReplacer(replace...).Replace(string(all[path].Data))
		require.NotEqual(t, string(all[path].Data), changed)
		return LoadFS(t.Context(), files(t, "sparse-inference-free", map[string]string{path: changed}), embed.Config{})
	}
	swapped, err := other(router, `"default_route": "document"`, `"default_route": "query"`)
	require.NoError(t, err)
	defer swapped.Close() //nolint:errcheck
	got, err := swapped.Embed(t.Context(), texts, Options{})
	require.NoError(t, err)
	assert.Equal(t, vectors["query"], got)
	printed, err := swapped.Fingerprint(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, print, printed)
	none, err := other(router, `"default_route": "document"`, `"default_route": null`, `"allow_empty_key": true`, `"allow_empty_key": false`)
	require.NoError(t, err)
	defer none.Close() //nolint:errcheck
	_, err = none.Embed(t.Context(), texts, Options{})
	assert.ErrorContains(t, err, "prompt name: none given, and the model has no default route, expected one of: document, query")

	for _, c := range []struct {
		path, from, to, want string
	}{
		{router, module, `"m.StaticEmbedding"`, `"m.StaticEmbedding": unknown, expected an MLMTransformer, a Transformer for fill-mask or a SparseStaticEmbedding`},
		{router, `"query_0_SparseStaticEmbedding"` + "\n        ]", `"query_0_SparseStaticEmbedding", "document_1_SpladePooling"` + "\n        ]", `expected no module after a SparseStaticEmbedding`},
		{config, `"frozen": true`, `"path": "idf.json"`, config + `: path: "idf.json", expected none, and the weights in model.safetensors`},
		{config, "frozen", "thawed", config + `: `},
		{"query_0_SparseStaticEmbedding/model.safetensors", `"weight"`, `"height"`, `tensors ["height"], expected one, weight`},
	} {
		_, err := other(c.path, c.from, c.to)
		assert.ErrorContains(t, err, c.want)
	}
	weights := all["query_0_SparseStaticEmbedding/model.safetensors"].Data
	for value, want := range map[float32]string{-1: "-1 of token 383", float32(math.NaN()): "NaN of token 383"} {
		changed := binary.LittleEndian.AppendUint32(slices.Clone(weights[:len(weights)-4]), math.Float32bits(value))
		_, err := LoadFS(t.Context(), files(t, "sparse-inference-free", map[string]string{"query_0_SparseStaticEmbedding/model.safetensors": string(changed)}), embed.Config{})
		assert.ErrorContains(t, err, "tensor weight: "+want+", expected finite numbers from 0 on")
	}
}

// A model may be a SparseStaticEmbedding alone, and a Router may have a module in its own
// folder.
func TestStaticAlone(t *testing.T) {
	g, all := readGolden(t, "sparse-inference-free"), fstest.MapFS{}
	for path, f := range files(t, "sparse-inference-free", nil) {
		own := strings.TrimPrefix(path, "query_0_SparseStaticEmbedding/")
		if own != path || path == "config_sentence_transformers.json" {
			all[own] = f
		}
	}
	all["modules.json"] = &fstest.MapFile{Data: []byte(modules("SparseStaticEmbedding"))}
	m, err := LoadFS(t.Context(), all, embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	assert.Nil(t, m.Info().Routes)
	got, err := m.Embed(t.Context(), g.cases.Texts, Options{})
	require.NoError(t, err)
	for i, want := range g.answers["query"] {
		assert.Equal(t, want.Indices, got[i].Indices)
		assert.Equal(t, want.Values, got[i].Values)
	}

	delete(all, "config_sentence_transformers.json") // the modules tell
	all["modules.json"] = &fstest.MapFile{Data: []byte(modules("Router"))}
	all["router_config.json"] = &fstest.MapFile{Data: []byte(`{"types": {"": "x.SparseStaticEmbedding"}, "structure": {"query": [""]}, "parameters": {}}`)}
	m, err = LoadFS(t.Context(), all, embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	routed, err := m.Embed(t.Context(), g.cases.Texts, Options{PromptName: "query"})
	require.NoError(t, err)
	assert.Equal(t, got, routed)
}

// A SparseAutoEncoder keeps k weights where neither the folder nor the request says how many.
func TestAutoEncoder(t *testing.T) {
	const config, weights = "2_SparseAutoEncoder/config.json", "2_SparseAutoEncoder/model.safetensors"
	g, all := readGolden(t, "sparse-csr"), files(t, "sparse-csr", nil)
	change := func(path string, replace ...string) map[string]string {
		changed := strings.NewReplacer(replace...).Replace(string(all[path].Data))
		require.NotEqual(t, string(all[path].Data), changed)
		return map[string]string{path: changed}
	}
	m := load(t, g.dir, embed.Config{})
	require.Equal(t, 160, m.Info().Vocabulary)
	require.Equal(t, 6, m.Info().MaxActive)
	want, err := m.Embed(t.Context(), g.cases.Texts, Options{MaxActive: 3})
	require.NoError(t, err)
	k, err := LoadFS(t.Context(), files(t, "sparse-csr", change(config, `"k": 6`, `"k": 3`)), embed.Config{})
	require.NoError(t, err)
	defer k.Close() //nolint:errcheck
	require.Equal(t, 6, k.Info().MaxActive)
	both := change(config, `"k": 6`, `"k": 3`)
	both["config_sentence_transformers.json"] = `{"model_type": "SparseEncoder"}`
	k, err = LoadFS(t.Context(), files(t, "sparse-csr", both), embed.Config{})
	require.NoError(t, err)
	defer k.Close() //nolint:errcheck
	require.Equal(t, 3, k.Info().MaxActive)
	got, err := k.Embed(t.Context(), g.cases.Texts, Options{})
	require.NoError(t, err)
	require.Equal(t, want, got)
	named, err := LoadFS(t.Context(), files(t, "sparse-csr", change(weights, `"decoder.linear.weight":`, `"encoder.weight"       :`)), embed.Config{})
	require.NoError(t, err)
	defer named.Close() //nolint:errcheck
	got, err = named.Embed(t.Context(), g.cases.Texts, Options{MaxActive: 3})
	require.NoError(t, err)
	require.Equal(t, want, got)

	for want, changes := range map[string]map[string]string{
		config + ": k: 0, expected 1 or more":                  change(config, `"k": 6`, `"k": 0`),
		config + ": hidden_dim: 0, expected 1 or more":         change(config, `"hidden_dim": 160`, `"hidden_dim": 0`),
		config + ": input_dim: 41, expected 40":                change(config, `"input_dim": 40`, `"input_dim": 41`),
		weights + ": tensor pre_bias: missing":                 change(weights, `"pre_bias"`, `"pre_size"`),
		"1_Pooling/config.json: pooling_mode: unknown mode":    change("1_Pooling/config.json", `"mean"`, `"min"`),
		`transformer_task: "fill-mask", expected a SpladePool`: change("sentence_bert_config.json", "feature-extraction", "fill-mask", "last_hidden_state", "logits"),
		"unknown, expected Pooling, Dense, LayerNorm, Normali": change("modules.json", "Pooling", "SparseAutoEncoder"),
	} {
		_, err := LoadFS(t.Context(), files(t, "sparse-csr", changes), embed.Config{})
		assert.ErrorContains(t, err, want)
	}
}

// An embedding model of GTE's with one label for each token is a sparse model too, and
// others are not.
func TestLexical(t *testing.T) {
	g, all := readGolden(t, "sparse-gte-tokens"), files(t, "sparse-gte-tokens", nil)
	require.Greater(t, len(g.answers["plain"][8].Indices), 4)
	dense, err := embed.LoadFS(t.Context(), all, embed.Config{})
	require.NoError(t, err)
	defer dense.Close() //nolint:errcheck
	m := load(t, g.dir, embed.Config{})
	ours, err := m.Fingerprint(t.Context())
	require.NoError(t, err)
	theirs, err := dense.Fingerprint(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, theirs, ours)
	for _, c := range []struct{ path, from, to, want string }{
		{"config.json", "GteForTokenClassification", "GteForMaskedLM", "an embedding model, expected a sparse model; embed.Load"},
		{"config.json", `"0": "LABEL_0"`, `"0": "LABEL_0", "1": "LABEL_1"`, "an embedding model, expected a sparse model; embed.Load"},
		{"tokenizer_config.json", "eos_token", "end_token", `tokenizer_config.json: eos_token: "", expected a token of the tokenizer`},
		{"model.safetensors", `"classifier.bias"`, `"classifier.bios"`, "tensor classifier.bias: shape [], expected [1]"},
	} {
		changed := strings.Replace(string(all[c.path].Data), c.from, c.to, 1)
		require.NotEqual(t, string(all[c.path].Data), changed)
		_, err := LoadFS(t.Context(), files(t, "sparse-gte-tokens", map[string]string{c.path: changed}), embed.Config{})
		assert.ErrorContains(t, err, c.want)
	}
}
