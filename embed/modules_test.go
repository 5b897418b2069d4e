package embed

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/mutate"
)

// moduleCases is testdata/goldens/modules/cases.json.
type moduleCases struct {
	Texts  []string
	Cases  []moduleCase
	Limits []struct {
		Settings       json.RawMessage
		ModelMaxLength float64 `json:"model_max_length"`
		MaxTokens      int     `json:"max_tokens"`
	}
}

type moduleCase struct {
	Name         string
	Transformers []string // where the files of bert/model lie
	Tokenizers   []string // where its tokenizer.json lies
	Requests     []moduleRequest
	Normalized   bool
	MaxTokens    int `json:"max_tokens"`
	Dimensions   int
}

type moduleRequest struct {
	Name        string
	Task        string
	PromptName  string `json:"prompt_name"`
	Prompt      string
	TruncateDim int  `json:"truncate_dim"`
	Normalize   bool `json:"normalize_embeddings"`
	Layers      int
}

func readModuleCases(t testing.TB) moduleCases {
	data, err := os.ReadFile(filepath.Join(goldens, "modules", "cases.json"))
	require.NoError(t, err)
	var c moduleCases
	require.NoError(t, json.Unmarshal(data, &c))
	require.NotEmpty(t, c.Cases)
	return c
}

// files returns the folder of a case.
func (c moduleCase) files(t testing.TB) fstest.MapFS {
	files := fstest.MapFS{}
	bert := readModel(t, "bert")
	for _, dir := range c.Transformers {
		for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"} {
			files[path.Join(dir, name)] = bert[name]
		}
	}
	for _, dir := range c.Tokenizers {
		files[path.Join(dir, "tokenizer.json")] = bert["tokenizer.json"]
	}
	own, err := mutate.Folder(filepath.Join(goldens, "modules", c.Name))
	require.NoError(t, err)
	maps.Copy(files, own)
	return files
}

// moduleFiles returns the folder of a case by its name.
func moduleFiles(t testing.TB, name string) fstest.MapFS {
	for _, c := range readModuleCases(t).Cases {
		if c.Name == name {
			return c.files(t)
		}
	}
	require.Failf(t, "no case", "%s", name)
	return nil
}

// Folders of every module and generation answer as sentence-transformers and
// model2vec do, on every kernel set.
func TestModules(t *testing.T) {
	all, want := readModuleCases(t), readTensors(t, "modules", "answers.safetensors")
	checked := 0
	for _, c := range all.Cases {
		files := c.files(t)
		for _, set := range kernel.Sets() {
			t.Run(c.Name+"/"+set.Name(), func(t *testing.T) {
				m := loadFiles(t, files, Config{Kernels: set.Name(), Workers: 2})
				info := m.Info()
				assert.Equal(t, c.Normalized, info.Normalized)
				assert.Equal(t, c.Dimensions, info.DefaultDimensions)
				assert.Positive(t, info.MemoryBytes)
				if info.Routes == nil {
					assert.Equal(t, c.MaxTokens, info.MaxTokens)
				}
				for _, r := range c.Requests {
					rows := want[c.Name+"."+r.Name]
					require.Len(t, rows, len(all.Texts))
					opts := Options{PromptName: r.PromptName + r.Task, Prompt: r.Prompt, Layers: r.Layers, Unnormalized: !c.Normalized && !r.Normalize}
					var got *Result
					if cut := len(rows[0]); c.Normalized && !r.Normalize && cut < info.Dimensions {
						// Cut after the model's own Normalize, and not brought to unit length again.
						opts.Dimensions = info.Dimensions
						got = cutResult(embedTexts(t, m, all.Texts, opts), cut)
					} else {
						opts.Dimensions = cut
						got = embedTexts(t, m, all.Texts, opts)
					}
					requireClose(t, rows, got, goldenTolerance)
				}
			})
		}
		checked += len(c.Requests)
	}
	names := 0
	for range want {
		names++
	}
	assert.Equal(t, names, checked, "each answer is compared with")
}

// The same text gives the same bits in any company, through every module.
func TestModulesSameBits(t *testing.T) {
	all := readModuleCases(t)
	for _, c := range all.Cases {
		m := loadFiles(t, c.files(t), Config{Workers: 2})
		for _, r := range c.Requests {
			opts := Options{PromptName: r.PromptName + r.Task, Prompt: r.Prompt, Layers: r.Layers}
			together := embedTexts(t, m, all.Texts, opts)
			one := loadFiles(t, c.files(t), Config{Workers: 1, BatchTokens: 1})
			for i, text := range all.Texts {
				alone := embedTexts(t, one, []string{text}, opts)
				require.Equalf(t, together.Embeddings[i], alone.Embeddings[0], "%s.%s, text %d", c.Name, r.Name, i)
			}
		}
	}
}

// The limit of tokens is what the reference reads, but for the position table's.
func TestLimitsOfSettings(t *testing.T) {
	for _, c := range readModuleCases(t).Limits {
		t.Run(fmt.Sprintf("%s %v", c.Settings, c.ModelMaxLength), func(t *testing.T) {
			files := readModel(t, "bert")
			write(files, "sentence_bert_config.json", string(c.Settings))
			write(files, "tokenizer_config.json", fmt.Sprintf(`{"model_max_length": %.0f}`, c.ModelMaxLength))
			assert.Equal(t, c.MaxTokens, loadFiles(t, files, Config{}).Info().MaxTokens)
		})
	}
}

// The first layers alone are those of the model that has no others.
func TestLayers(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	texts := readCases(t, "bert").Texts[1:]
	assert.Equal(t, embedTexts(t, m, texts, Options{}), embedTexts(t, m, texts, Options{Layers: 2}))
	assert.NotEqual(t, embedTexts(t, m, texts, Options{}), embedTexts(t, m, texts, Options{Layers: 1}))
	for _, n := range []int{-1, 3} {
		_, err := m.Embed(context.Background(), texts, Options{Layers: n})
		requireOptionError(t, err, fmt.Sprintf("layers: %d, expected 1 to 2, or 0 for all", n))
	}
	static := loadFiles(t, moduleFiles(t, "static"), Config{})
	_, err := static.Embed(context.Background(), texts, Options{Layers: 1})
	requireOptionError(t, err, "layers: 1, expected 0, as the model has no layers")
}

// Config.Pooling pools the body of a model without modules.json as a Pooling module of
// that mode does, whatever its head.
func TestConfigPooling(t *testing.T) {
	texts := []string{"summer", "a deep river, and the night"}
	for asked, mode := range map[string]string{
		"cls": "cls", "max": "max", "mean": "mean", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
		"weightedmean": "weightedmean", "lasttoken": "lasttoken", "last": "lasttoken",
	} {
		files := readPlain(t, "bert")
		edit(t, files, "config.json", "architectures", `["BertForSequenceClassification"]`, "id2label", `{"0": "LABEL_0"}`)
		got := loadFiles(t, files, Config{Pooling: asked})
		assert.Equal(t, []string{mode}, got.Info().Pooling)
		write(files, "modules.json", modulesJSON("Transformer", "Pooling"))
		write(files, "1_Pooling/config.json", fmt.Sprintf(`{"embedding_dimension": 24, "pooling_mode": %q}`, mode))
		want := loadFiles(t, files, Config{})
		assert.Equal(t, embedTexts(t, want, texts, Options{}), embedTexts(t, got, texts, Options{}), asked)
		_, err := LoadFS(t.Context(), files, Config{Pooling: asked})
		assert.ErrorContains(t, err, "modules.json says how the model pools")
	}
	_, err := LoadFS(t.Context(), readPlain(t, "bert"), Config{Pooling: "first"})
	assert.ErrorContains(t, err, `unknown mode "first"`)
}

// model2vec reads a folder without modules.json whatever model_type says, and so is one that has none.
func TestModel2VecWithoutType(t *testing.T) {
	files := moduleFiles(t, "model2vec-plain")
	embedAll := func() [][]float32 {
		m, err := LoadFS(t.Context(), files, Config{})
		require.NoError(t, err)
		defer m.Close()
		r, err := m.Embed(t.Context(), []string{"some text", "river"}, Options{})
		require.NoError(t, err)
		return [][]float32{r.Embeddings[0].Float32, r.Embeddings[1].Float32}
	}
	want := embedAll()
	replace(t, files, "config.json", `"model_type": "model2vec",
    "architectures": [
        "StaticModel"
    ],`, "")
	assert.Equal(t, want, embedAll())
}
