package transformer

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// A sequence has the same logits alone, in any batch, on any number of workers and in
// every SIMD set.
func TestLogitsSameBits(t *testing.T) {
	t.Parallel()
	team := parallel.NewTeam(3)
	defer team.Close()
	for _, name := range headGoldens(t) {
		g := readHeadGolden(t, name)
		var first tensor.Matrix
		for _, s := range kernel.Sets() {
			if s.Rounds() {
				continue // TestLogits
			}
			m := g.open(t, s, kernel.Float32)
			want := logits(t, m, nil, g.batch)
			if first.Data == nil {
				first = want
			}
			require.Equal(t, first.Data, want.Data, name)
			require.Equal(t, want.Data, logits(t, m, team, g.batch).Data, name)
			for i := range g.batch.Sequences() {
				from, to := g.batch.Starts[i], g.batch.Starts[i+1]
				alone := Batch{IDs: g.batch.IDs[from:to], Starts: []int{0, to - from}}
				require.Equal(t, want.Row(i), logits(t, m, team, alone).Data, "%s: sequence %d", name, i)
			}
		}
	}
}

// Heads are in float32 whatever the layers are in: logits are those of the hidden states.
func TestLogitsOfOtherFormats(t *testing.T) {
	for _, name := range headGoldens(t) {
		g := readHeadGolden(t, name)
		exact := g.open(t, kernel.Best(), kernel.Float32)
		for _, f := range []kernel.Format{kernel.BFloat16, kernel.Int8, kernel.Int4} {
			m := g.open(t, kernel.Best(), f)
			h := forward(t, m, nil, g.batch)
			got, want := tensor.NewMatrix(g.batch.Sequences(), m.Head.Labels()), tensor.NewMatrix(g.batch.Sequences(), m.Head.Labels())
			m.Logits(nil, got, h, g.batch)
			exact.Logits(nil, want, h, g.batch)
			require.Equal(t, want.Data, got.Data, "%s: %v", name, f)
			c := g.config
			c.Format = f
			counted, err := Open(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, m.Bytes(), counted.Bytes(), name)
		}
		c := g.config
		c.Head, c.Set = NoHead, kernel.Best()
		bare, err := Open(t.Context(), c)
		require.NoError(t, err)
		require.Nil(t, bare.Head)
		require.Less(t, bare.Bytes(), exact.Bytes())
		require.Equal(t, bare.Linears, exact.Linears, "a head is not quantized")
	}
}

// value returns the elements of a tensor in float64.
func value(t testing.TB, file *tensor.File, name string) []float64 {
	x, ok := file.Tensor(name)
	require.True(t, ok, name)
	v := make([]float32, x.Len())
	require.NoError(t, x.Float32s(v))
	wide := make([]float64, len(v))
	for i := range v {
		wide[i] = float64(v[i])
	}
	return wide
}

// product returns row i of a weight of so many columns times x.
func product(weight []float64, i int, x []float32) (sum float64) {
	for j, v := range x {
		sum += weight[i*len(x)+j] * float64(v)
	}
	return sum
}

// A language head has the rows of lm_head where the file has it, and of the token
// table where that is said to be the same, under Gemma's cap.
func TestLanguageHead(t *testing.T) {
	ids := []int32{5, 200, 5, 17}
	for _, c := range []struct {
		name, golden string
		changes      map[string]any
		own          bool // a tensor for lm_head
		limit        float64
	}{
		{"tied", "rerank-gemma3", map[string]any{"tie_word_embeddings": nil}, false, 0},
		{"capped", "rerank-gemma3", map[string]any{"final_logit_softcapping": 1.5}, false, 1.5},
		{"not tied", "rerank-llama", nil, true, 0},
		{"tied by the config alone", "rerank-qwen3", map[string]any{"tie_word_embeddings": true}, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := readHeadGolden(t, c.golden)
			const table, own = "model.embed_tokens.weight", "lm_head.weight"
			name := table
			file := g.config.Weights
			if c.own {
				name = own
				file = changed(t, file, func(all map[string]tensor.Tensor) {
					x := all[table]
					row := len(x.Data) / x.Shape[0]
					x.Data = append(append([]byte{}, x.Data[3*row:]...), x.Data[:3*row]...) // another table
					all[own] = x
				})
			}
			weight := value(t, file, name)
			for _, s := range kernel.Sets() {
				m, err := Open(t.Context(), Config{JSON: set(t, g.config.JSON, c.changes), Weights: file, Set: s, Head: LanguageHead, Tokens: ids})
				require.NoError(t, err)
				h := forward(t, m, nil, g.batch)
				got := tensor.NewMatrix(g.batch.Sequences(), len(ids))
				m.Logits(nil, got, h, g.batch)
				for i := range got.Rows {
					for j, id := range ids {
						want := product(weight, int(id), h.Row(g.batch.Starts[i+1]-1))
						if c.limit != 0 {
							want = c.limit * math.Tanh(want/c.limit)
						}
						require.InDelta(t, want, got.Row(i)[j], 2e-6*max(1, math.Abs(want))) // sums of 40 terms
					}
				}
			}
		})
	}
}

// Padding tokens at the end of a sequence are passed over, by their id.
func TestScoreOfPaddingTokens(t *testing.T) {
	g := readHeadGolden(t, "rerank-qwen3")
	const padding, other = 396, 7
	open := func(value any) *Model {
		c := g.config
		c.JSON, c.Set = set(t, c.JSON, map[string]any{"pad_token_id": value}), kernel.Best()
		m, err := Open(t.Context(), c)
		require.NoError(t, err)
		return m
	}
	for _, c := range []struct {
		ids  []int32
		pad  any
		want int
	}{
		{[]int32{5, other, 6}, padding, 2},
		{[]int32{5, other, padding}, padding, 1},
		{[]int32{5, padding, 6, padding, padding}, padding, 2},
		{[]int32{padding, padding}, padding, 0},
		{[]int32{5, other, padding}, nil, 2},
		{[]int32{5, other, padding}, -1, 2},
	} {
		m := open(c.pad)
		b := Batch{IDs: c.ids, Starts: []int{0, len(c.ids)}}
		h := forward(t, m, nil, b)
		got := tensor.NewMatrix(1, 1)
		m.Logits(nil, got, h, b)
		require.InDelta(t, product(value(t, g.config.Weights, "score.weight"), 0, h.Row(c.want)), got.Data[0], 1e-6, "%v", c)
	}
}

// EuroBERT's classifier works on the first token where the config says bos.
func TestClassifierOfTheFirstToken(t *testing.T) {
	g := readHeadGolden(t, "rerank-eurobert")
	c := g.config
	c.JSON, c.Set = set(t, c.JSON, map[string]any{"classifier_pooling": "bos"}), kernel.Best()
	m, err := Open(t.Context(), c)
	require.NoError(t, err)
	h := forward(t, m, nil, g.batch)
	got := logits(t, m, nil, g.batch)
	dense, bias := value(t, c.Weights, "dense.weight"), value(t, c.Weights, "dense.bias")
	out, last := value(t, c.Weights, "classifier.weight"), value(t, c.Weights, "classifier.bias")
	for i := range got.Rows {
		inner := make([]float32, m.Hidden)
		for j := range inner {
			x := product(dense, j, h.Row(g.batch.Starts[i])) + bias[j]
			inner[j] = float32(x / 2 * (1 + math.Erf(x/math.Sqrt2)))
		}
		require.InDelta(t, product(out, 0, inner)+last[0], got.Row(i)[0], 3e-6)
	}
}

// Each change of a folder with a head makes an error that says where, what was found and what was expected.
func TestBadHeads(t *testing.T) {
	drop := func(name string) func(map[string]tensor.Tensor) {
		return func(all map[string]tensor.Tensor) { delete(all, name) }
	}
	rename := func(name, to string) func(map[string]tensor.Tensor) {
		return func(all map[string]tensor.Tensor) { all[to] = all[name]; delete(all, name) }
	}
	none := func(map[string]tensor.Tensor) {}
	labels := func(n int) any {
		names := map[string]string{}
		for i := range n {
			names[fmt.Sprint(i)] = fmt.Sprintf("LABEL_%d", i)
		}
		return names
	}
	for _, c := range []struct {
		name, golden string
		config       map[string]any
		change       func(map[string]tensor.Tensor)
		want         string
	}{
		{"no classifier", "rerank-bert", nil, drop("classifier.weight"), "tensor classifier.weight: missing, expected shape [1 32]"},
		{"no bias", "rerank-bert", nil, drop("classifier.bias"), "tensor classifier.bias: missing, expected shape [1]"},
		{"no pooler", "rerank-bert", nil, drop("bert.pooler.dense.weight"), "tensor bert.pooler.dense.weight: missing, expected shape [32 32]"},
		{"a pooler elsewhere", "rerank-deberta-v2", nil, rename("pooler.dense.weight", "deberta.pooler.dense.weight"), "tensor pooler.dense.weight: missing"},
		{"no norm", "rerank-modernbert-cls", nil, drop("head.norm.weight"), "tensor head.norm.weight: missing"},
		{"a bias too few", "rerank-modernbert-cls", map[string]any{"classifier_bias": true}, none, "tensor head.dense.bias: missing"},
		{"no score", "rerank-qwen3", nil, drop("score.weight"), "tensor score.weight: missing, expected shape [1 36]"},
		{"labels of another number", "classify-bert-nli", map[string]any{"id2label": labels(2)}, none, "tensor classifier.weight: shape [3 40], expected 2 rows, as config.json has id2label of 2"},
		{"labels that are not said", "classify-bert-nli", map[string]any{"id2label": nil, "label2id": nil}, none, "tensor classifier.weight: shape [3 40], expected 2 rows, as config.json has no num_labels, which is 2"},
		{"labels by number", "classify-bert-nli", map[string]any{"id2label": nil, "num_labels": 4}, none, "tensor classifier.weight: shape [3 40], expected 4 rows, as config.json has num_labels 4"},
		{"labels of another type", "rerank-bert", map[string]any{"id2label": []int{1}}, none, "config.json: id2label: found array, expected object"},
		{"classifier of another width", "rerank-bert", nil, rename("bert.pooler.dense.weight", "classifier.weight"), "tensor classifier.weight: shape [32 32], expected 1 rows"},
		{"classifier without rows", "rerank-bert", map[string]any{"id2label": labels(0)}, func(all map[string]tensor.Tensor) { all["classifier.weight"] = zeros(0, 32) }, "tensor classifier.weight: shape [0 32], expected 0 rows"},
		{"unknown pooling", "rerank-modernbert-cls", map[string]any{"classifier_pooling": "max"}, none, `config.json: classifier_pooling: found "max", expected cls or mean`},
		{"unknown pooling of EuroBERT", "rerank-eurobert", map[string]any{"classifier_pooling": "cls"}, none, `config.json: classifier_pooling: found "cls", expected bos, late or mean`},
		{"unknown activation", "rerank-modernbert-cls", map[string]any{"classifier_activation": "softplus"}, none, `config.json: classifier_activation: found "softplus"`},
		{"unknown activation of a pooler", "rerank-deberta-v2", map[string]any{"pooler_hidden_act": "softplus"}, none, `config.json: pooler_hidden_act: found "softplus"`},
		{"pooler of another width", "rerank-deberta-v2", map[string]any{"pooler_hidden_size": 16}, none, "config.json: pooler_hidden_size: found 16, expected hidden_size 32"},
		{"padding of another type", "rerank-llama", map[string]any{"pad_token_id": "x"}, none, "config.json: pad_token_id: found string, expected int32"},
		{"unknown code", "rerank-gte-new", map[string]any{"auto_map": map[string]any{"AutoModelForSequenceClassification": "a/b--modeling.OldForSequenceClassification"}}, none,
			`config.json: auto_map: AutoModelForSequenceClassification: found code that is not known, "a/b--modeling.OldForSequenceClassification", for a new, expected none or modeling.NewForSequenceClassification`},
		{"no lm_head", "logit-qwen3", map[string]any{"tie_word_embeddings": nil}, none, "tensor lm_head.weight: missing, expected shape [387 32]"},
		{"lm_head of another size", "logit-qwen3", nil, func(all map[string]tensor.Tensor) { all["lm_head.weight"] = zeros(386, 32) }, "tensor lm_head.weight: shape [386 32], expected [387 32]"},
		{"cap below 0", "logit-qwen3", map[string]any{"final_logit_softcapping": -1}, none, "config.json: final_logit_softcapping: found -1, expected a positive number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := readHeadGolden(t, c.golden)
			config := g.config
			config.JSON, config.Weights, config.Set = set(t, config.JSON, c.config), changed(t, config.Weights, c.change), kernel.Best()
			_, err := Open(t.Context(), config)
			require.ErrorContains(t, err, c.want)
			config.Head = NoHead
			if _, err := Open(t.Context(), config); c.golden != "rerank-gte-new" {
				assert.NoError(t, err, "without a head")
			}
		})
	}
}

// Families without a head, and heads for other tokens than the vocabulary has.
func TestNoHead(t *testing.T) {
	open := func(dir string, h HeadKind, ids ...int32) error {
		config, file := openFiles(t, dir)
		_, err := Open(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best(), Head: h, Tokens: ids})
		return err
	}
	require.ErrorContains(t, open(modelFolder("t5"), ClassificationHead), `config.json: model_type: found "t5", which has no classification head`)
	require.ErrorContains(t, open(modelFolder("qwen2-both-sides"), ClassificationHead), `config.json: model_type: found "qwen2", which has no classification head`)
	require.ErrorContains(t, open(modelFolder("bert"), LanguageHead, 1), `config.json: model_type: found "bert", which has no language head`)
	require.ErrorContains(t, open(modelFolder("eurobert"), LanguageHead, 1), `config.json: model_type: found "eurobert", which has no language head`)
	qwen := classifiers + "/logit-qwen3/model"
	require.ErrorContains(t, open(qwen, LanguageHead), "tokens of a language head: found none")
	require.ErrorContains(t, open(qwen, LanguageHead, 387), "token 387 of a language head: expected one below vocab_size 387")
	require.ErrorContains(t, open(qwen, LanguageHead, -1), "token -1 of a language head")
}

// The code of a classifier goes by the name of its model's.
func TestCodeOfClassifiers(t *testing.T) {
	g := readHeadGolden(t, "rerank-gte-new")
	for _, code := range []map[string]any{
		{"AutoModelForSequenceClassification": "Alibaba-NLP/new-impl--modeling.NewForSequenceClassification"},
		{"AutoModelForSequenceClassification": "modeling.NewForSequenceClassification", "AutoModel": "modeling.NewModel"},
		{"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"},
	} {
		c := g.config
		c.JSON, c.Set = set(t, c.JSON, map[string]any{"auto_map": code}), kernel.Best()
		_, err := Open(t.Context(), c)
		require.NoError(t, err)
	}
}

// Whatever value a key of config.json has, and where it is missing, there is an error or a head that runs.
func TestOddValuesOfHeads(t *testing.T) {
	t.Parallel()
	longOnly(t)
	keys := []string{"id2label", "num_labels", "pad_token_id", "tie_word_embeddings", "final_logit_softcapping", "classifier_pooling",
		"classifier_activation", "classifier_bias", "pooler_hidden_act", "pooler_hidden_size", "auto_map", "hidden_size", "vocab_size"}
	values := []string{`null`, `-4`, `0`, `1`, `3`, `1e10`, `0.5`, `-1e300`, `1e300`, `true`, `""`, `"x"`, `[]`, `{}`, `[null]`, `{"x": 1}`, `{"AutoModelForSequenceClassification": "--"}`}
	for _, name := range headGoldens(t) {
		g := readHeadGolden(t, name)
		for _, key := range keys {
			for _, value := range values {
				c := g.config
				c.JSON, c.Set = set(t, c.JSON, map[string]any{key: json.RawMessage(value)}), kernel.Best()
				require.NotPanics(t, func() {
					if m, err := Open(t.Context(), c); err == nil {
						logits(t, m, nil, Batch{IDs: []int32{0}, Starts: []int{0, 1}})
					}
				}, "%s: %s: %s", name, key, value)
			}
		}
	}
}
