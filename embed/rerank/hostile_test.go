package rerank

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/mutate"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// hostileFolders are of each way to a score.
var hostileFolders = []string{"classify-distilbert-multi-label", "logit-qwen3", "rerank-bert", "rerank-dense-scores", "rerank-eurobert", "rerank-qwen3"}

// survive loads files and scores with them. What that returns does not count, but it must
// not panic.
func survive(files fstest.MapFS) error {
	m, err := LoadFS(context.Background(), files, embed.Config{Workers: 1})
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck
	ctx := context.Background()
	if _, err = m.Classify(ctx, []string{"a short text"}, Options{}); err != nil {
		_, err = m.ClassifyPairs(ctx, [][2]string{{"one", "two"}}, Options{})
	}
	for _, name := range append([]string{""}, slices.Collect(maps.Keys(m.Info().Prompts))...) {
		if _, e := m.Rank(ctx, "a query", []string{"", "unknown ✓ words", strings.Repeat("long ", 100)}, 2, Options{PromptName: name}); e != nil {
			err = e
		}
	}
	return err
}

// places are those of values in the JSON files of a folder, but for the vocabulary.
func places(t testing.TB, files fstest.MapFS, change func(name string, doc *mutate.Document, p mutate.Place)) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".json" || name == "tokenizer.json" {
			continue
		}
		doc, err := mutate.Parse(files[name].Data)
		require.NoError(t, err)
		for _, p := range doc.Places() {
			change(name, doc, p)
		}
	}
}

// Whatever a file has in place of a value, its folder is an error or a model that runs,
// and takes no more memory than the files do.
func TestHostileConfigs(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // packing tiny layers is mostly waiting for other workers
	values := []string{`null`, `-1`, `0`, `3`, `2147483647`, `1e308`, `"x"`, `[]`, `{"0": "a", "7": ""}`}
	for _, folder := range hostileFolders {
		files := readFolder(t, filepath.Join(goldens, folder, "model"))
		require.NoError(t, ignoreKind(survive(files)), folder)
		places(t, files, func(name string, doc *mutate.Document, p mutate.Place) {
			for _, value := range values {
				p.Set(value)
				data, err := doc.JSON()
				require.NoError(t, err)
				changed := maps.Clone(files)
				changed[name] = &fstest.MapFile{Data: data}
				before := allocated()
				require.NotPanics(t, func() { _ = survive(changed) }, "%s/%s: %s: %s", folder, name, p.Path, value)
				require.Less(t, allocated()-before, uint64(128<<20), "%s/%s: %s: %s", folder, name, p.Path, value)
			}
			p.Restore()
		})
	}
}

// ignoreKind returns err unless it says that a model has too many labels to rank.
func ignoreKind(err error) error {
	if _, ok := err.(*embed.KindError); ok {
		return nil
	}
	return err
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// FuzzConfig changes a value in the JSON files of a folder, and its chat template.
func FuzzConfig(f *testing.F) {
	var folders []fstest.MapFS
	for _, name := range hostileFolders {
		folders = append(folders, readFolder(f, filepath.Join(goldens, name, "model")))
	}
	f.Add(byte(1), 30, `{"0": "yes", "1": "no"}`, "{{ messages[0]['content'] }} {{ messages[1].content }}")
	f.Add(byte(2), 5, `"regression"`, "")
	f.Add(byte(3), 40, `"torch.nn.modules.activation.Tanh"`, "{% for m in messages %}{{ m.content }}{% endfor %}")
	f.Fuzz(func(t *testing.T, which byte, place int, value, template string) {
		files := maps.Clone(folders[int(which)%len(folders)])
		if template != "" {
			files["chat_template.jinja"] = &fstest.MapFile{Data: []byte(template)}
		}
		var all []func() // that change a value
		places(t, files, func(name string, doc *mutate.Document, p mutate.Place) {
			all = append(all, func() {
				p.Set(value)
				if data, err := doc.JSON(); err == nil {
					files[name] = &fstest.MapFile{Data: data}
				}
			})
		})
		if json.Valid([]byte(value)) {
			all[int(uint(place)%uint(len(all)))]()
		}
		_ = survive(files)
	})
}

// change returns files whose weights of that name are value.
func change(t testing.TB, files fstest.MapFS, name string, value float32) fstest.MapFS {
	f, err := tensor.OpenFS(files, "model.safetensors")
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	var list []tensor.Tensor
	for _, n := range f.Names() {
		x, _ := f.Tensor(n)
		if x.Data = bytes.Clone(x.Data); n == name {
			for i := range x.Len() {
				copy(x.Data[4*i:], binaryOf(value))
			}
		}
		list = append(list, x)
	}
	changed := maps.Clone(files)
	var data bytes.Buffer
	require.NoError(t, tensor.Write(&data, list, nil))
	changed["model.safetensors"] = &fstest.MapFile{Data: data.Bytes()}
	return changed
}

func binaryOf(x float32) []byte {
	b := math.Float32bits(x)
	return []byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)}
}

// A logit that is no number is no score.
func TestNotFinite(t *testing.T) {
	ctx := context.Background()
	files := readFolder(t, filepath.Join(goldens, "rerank-bert", "model"))
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		m, err := LoadFS(ctx, change(t, files, "classifier.bias", float32(value)), embed.Config{})
		require.NoError(t, err)
		_, err = m.Score(ctx, "a query", []string{"a", "b"}, Options{})
		assert.ErrorIs(t, err, embed.ErrNotFinite)
		var input *embed.InputError
		require.ErrorAs(t, err, &input)
		assert.Equal(t, 0, input.Index)
		_, err = m.ClassifyPairs(ctx, [][2]string{{"a", "b"}}, Options{})
		assert.ErrorIs(t, err, embed.ErrNotFinite)
		require.NoError(t, m.Close())
	}
}

// A token that the model does not have is the fault of the text that has it.
func TestTokenBeyondTheVocabulary(t *testing.T) {
	files := readFolder(t, filepath.Join(goldens, "rerank-bert", "model"))
	text := strings.Replace(string(files["tokenizer.json"].Data), `"vocab": {`, `"vocab": {"beyond": 9999,`, 1)
	text = strings.Replace(text, `"vocab":{`, `"vocab":{"beyond":9999,`, 1)
	require.Contains(t, text, "beyond")
	files["tokenizer.json"] = &fstest.MapFile{Data: []byte(text)}
	m, err := LoadFS(t.Context(), files, embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	_, err = m.Score(context.Background(), "a query", []string{"within", "beyond"}, Options{})
	var input *embed.InputError
	require.ErrorAs(t, err, &input)
	assert.Equal(t, 1, input.Index)
	assert.ErrorContains(t, err, "token id 9999")
}

// Settings that change the numbers and are not known are errors that say where.
func TestUnknownSettings(t *testing.T) {
	for _, c := range []struct{ folder, file, old, new, want string }{
		{"rerank-bert", "config.json", `"0": "LABEL_0"`, `"0": "LABEL_0", "1": "x"`, "classifier.weight"},
		{"logit-qwen3", "1_LogitScore/config.json", `"true_token_id": `, `"true_token_id": 9`, "expected one below vocab_size"},
		{"logit-qwen3", "1_LogitScore/config.json", `"true_token_id": `, `"true_token_id": -`, "1_LogitScore/config.json: true_token_id"},
		{"logit-qwen3", "config_sentence_transformers.json", `activation.Sigmoid`, `activation.Mish`, `activation_fn: unknown "torch.nn.modules.activation.Mish"`},
	} {
		files := readFolder(t, filepath.Join(goldens, c.folder, "model"))
		text := string(files[c.file].Data)
		require.Contains(t, text, c.old)
		files[c.file] = &fstest.MapFile{Data: []byte(strings.Replace(text, c.old, c.new, 1))}
		_, err := LoadFS(t.Context(), files, embed.Config{})
		assert.ErrorContains(t, err, c.want, "%s: %s", c.folder, c.new)
	}
	files := readFolder(t, filepath.Join(goldens, "logit-qwen3", "model"))
	for template, want := range map[string]string{
		"{{ messages[0].content }}":           `drops the message of role "document"`,
		"{% if %}":                            "line 1",
		"{{ raise_exception('only users') }}": "only users",
	} {
		files["chat_template.jinja"] = &fstest.MapFile{Data: []byte(template)}
		_, err := LoadFS(t.Context(), files, embed.Config{})
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "chat template", template)
	}
}

// A tokenizer_config.json may hold the template, or several.
func TestNamedTemplates(t *testing.T) {
	ctx := context.Background()
	files := readFolder(t, filepath.Join(goldens, "logit-qwen3", "model"))
	scores := func() []Score {
		m, err := LoadFS(ctx, files, embed.Config{})
		require.NoError(t, err)
		defer m.Close() //nolint:errcheck
		s, err := m.Score(ctx, "a query", []string{"a document"}, Options{})
		require.NoError(t, err)
		return s
	}
	want := scores()
	template := string(files["chat_template.jinja"].Data)
	delete(files, "chat_template.jinja")
	var config map[string]any
	require.NoError(t, json.Unmarshal(files["tokenizer_config.json"].Data, &config))
	for _, value := range []any{
		template,
		[]map[string]string{{"name": "tool_use", "template": "no"}, {"name": "default", "template": template}},
		[]map[string]string{{"name": "tool_use", "template": "no"}},
		nil,
	} {
		config["chat_template"] = value
		data, err := json.Marshal(config)
		require.NoError(t, err)
		files["tokenizer_config.json"] = &fstest.MapFile{Data: data}
		if list, ok := value.([]map[string]string); value == nil || ok && len(list) == 1 {
			_, err := LoadFS(ctx, files, embed.Config{})
			assert.ErrorContains(t, err, `tokenizer_config.json: chat_template: expected a text, or a list with one of name "default"`)
			continue
		}
		assert.Equal(t, want, scores())
	}
}

// An older folder of a causal model says nothing of messages: the tokenizer makes pairs,
// and the prompt is text.
func TestWithoutMessages(t *testing.T) {
	files := readFolder(t, filepath.Join(goldens, "logit-qwen3", "model"))
	files["sentence_bert_config.json"] = &fstest.MapFile{Data: []byte(`{"max_seq_length": 100}`)}
	m, err := LoadFS(t.Context(), files, embed.Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	c := &call{model: m, scores: true, pairs: [][2]string{{"a query", "a document"}}, options: Options{Prompt: "find: "}}
	want, err := m.tokenizer().EncodePair("find: a query", "a document", tokenizer.Options{})
	require.NoError(t, err)
	assert.Equal(t, want.IDs, tokens(t, c)[0].IDs)
	assert.Equal(t, 100, m.Info().MaxTokens)
	scores, err := m.Score(context.Background(), "a query", []string{"a document", ""}, Options{})
	require.NoError(t, err)
	assert.NotEqual(t, scores[0].Value, scores[1].Value)
}

// A quantized copy gives the scores that a load in as many bits does; one in 4 bits, whose weights are
// rounded better than a load does, those that it gives itself in float32, but for the inputs' 8 bits.
func TestQuantize(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"rerank-bert", "rerank-dense-scores", "rerank-qwen3", "logit-qwen3", "classify-bert-nli"} {
		for _, p := range []embed.Precision{embed.Int8, embed.Int4} {
			dir, out := filepath.Join(goldens, name, "model"), filepath.Join(t.TempDir(), "out")
			_, err := embed.Quantize(ctx, dir, out, p, nil)
			require.NoError(t, err, name)
			g := readGolden(t, name)
			pairs := g.cases.Pairs
			for _, d := range g.cases.Documents {
				pairs = append(pairs, [2]string{g.cases.Queries[0], d})
			}
			var want []Classification
			for k, from := range []string{dir, out} {
				c := embed.Config{Precision: p}
				if p == embed.Int4 && k == 0 {
					from, c.Precision = out, embed.Float32
				}
				m := load(t, from, c)
				got, err := m.ClassifyPairs(ctx, pairs, Options{Raw: true})
				require.NoError(t, err)
				switch {
				case want == nil:
					want = got
				case p == embed.Int8 && m.loaded.Default.Encoder.Transformer.Refines():
					// The copy lacks what rounding took of the weights, which these models refine
					// by: the worst of random weights whose logits have a deviation of 1.
					for i := range want {
						for j := range want[i].Labels {
							assert.InDelta(t, want[i].Labels[j].Score, got[i].Labels[j].Score, 0.4, "%s in %v", name, p)
						}
					}
				case p == embed.Int4:
					// Logits have a deviation of 1; how far off the worst of a few is depends on how weights fell.
					var squares float64
					var n int
					for i := range want {
						for j := range want[i].Labels {
							d := float64(want[i].Labels[j].Score - got[i].Labels[j].Score)
							squares += d * d
							n++
						}
					}
					assert.Less(t, math.Sqrt(squares/float64(n)), 0.1, "%s in %v", name, p)
				default:
					assert.Equal(t, want, got, "%s in %v", name, p)
				}
			}
		}
	}
}
