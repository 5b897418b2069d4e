package sparse

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// files returns those of a golden's folder, with the changes.
func files(t testing.TB, name string, changes map[string]string) fstest.MapFS {
	dir, all := os.DirFS(filepath.Join(goldens, name, "model")), fstest.MapFS{}
	require.NoError(t, fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(dir, path)
		all[path] = &fstest.MapFile{Data: data}
		return err
	}))
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
		{"modules.json", modules("Transformer", "SparseAutoEncoder"), `"sentence_transformers.SparseAutoEncoder": unknown, expected a SpladePooling`},
		{"modules.json", modules("SparseStaticEmbedding"), `"sentence_transformers.SparseStaticEmbedding": unknown, expected an MLMTransformer`},
		{"modules.json", modules("Router"), `"sentence_transformers.Router": unknown, expected an MLMTransformer`},
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
