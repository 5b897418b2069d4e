package transformer

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// maskedConfig returns the config of a golden with a masked-language-model head.
func maskedConfig(t testing.TB, name string) Config {
	c := Config{Set: kernel.Best(), Head: MaskedHead}
	c.JSON, c.Weights = openFiles(t, filepath.Join(classifiers, name, "model"))
	return c
}

// someBatch has sequences of several lengths.
func someBatch() Batch {
	b := Batch{Starts: []int{0}}
	for _, n := range []int{7, 1, 24, 3} {
		for range n {
			b.IDs = append(b.IDs, int32(5+len(b.IDs)*37%370))
		}
		b.Starts = append(b.Starts, len(b.IDs))
	}
	return b
}

// Weights are those of the logits of each token in float64, whatever the format of the
// layers, for a sum and for the greatest, on any number of workers.
func TestExpand(t *testing.T) {
	team := parallel.NewTeam(3)
	defer team.Close()
	const prefix = "cls.predictions."
	for _, f := range []kernel.Format{kernel.Float32, kernel.BFloat16, kernel.Int8} {
		c := maskedConfig(t, "sparse-untied") // its activation is ReLU
		c.Format = f
		m, err := Open(t.Context(), c)
		require.NoError(t, err)
		b := someBatch()
		states := forward(t, m, nil, b)
		tensors := map[string][]float64{}
		for _, name := range []string{"transform.dense.weight", "transform.dense.bias", "transform.LayerNorm.weight", "transform.LayerNorm.bias", "decoder.weight", "decoder.bias"} {
			tensors[name] = value(t, c.Weights, prefix+name)
		}
		for _, e := range []Expansion{{}, {Sum: true}, {Twice: true}, {Sum: true, Twice: true}} {
			got := tensor.NewMatrix(b.Sequences(), m.Embeddings.Tokens.Rows)
			m.Expand(nil, got, states, b, e)
			shared := tensor.NewMatrix(got.Rows, got.Cols)
			m.Expand(team, shared, states, b, e)
			require.Equal(t, got.Data, shared.Data)
			for i := range got.Rows {
				want := make([]float64, got.Cols)
				for j := b.Starts[i]; j < b.Starts[i+1]; j++ {
					expandInFloat64(want, tensors, states.Row(j), e)
				}
				for k, w := range want {
					require.InDelta(t, w, got.Row(i)[k], 1e-4, "%v %+v: sequence %d, entry %d", f, e, i, k) // 24 tokens of 32-term float32 sums
				}
			}
		}
	}
}

// expandInFloat64 adds the weights of the token with hidden state x to dst.
func expandInFloat64(dst []float64, tensors map[string][]float64, x []float32, e Expansion) {
	inner := make([]float32, len(x))
	mean, variance := 0.0, 0.0
	for i := range x {
		inner[i] = float32(max(0, product(tensors["transform.dense.weight"], i, x)+tensors["transform.dense.bias"][i]))
		mean += float64(inner[i]) / float64(len(x))
	}
	for _, v := range inner {
		variance += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	for i, v := range inner {
		inner[i] = float32((float64(v)-mean)/math.Sqrt(variance+1e-12)*tensors["transform.LayerNorm.weight"][i] + tensors["transform.LayerNorm.bias"][i])
	}
	for k := range dst {
		w := math.Log1p(max(0, product(tensors["decoder.weight"], k, inner)+tensors["decoder.bias"][k]))
		if e.Twice {
			w = math.Log1p(w)
		}
		if e.Sum {
			dst[k] += w
		} else {
			dst[k] = max(dst[k], w)
		}
	}
}

// A vocabulary of several layers, the last of which is not whole, is cut where it should
// be: its entries have the bits that they have in a vocabulary of one.
func TestExpandVocabularies(t *testing.T) {
	c := maskedConfig(t, "sparse-bert-max")
	const hidden, small = 32, 384
	m, err := Open(t.Context(), c)
	require.NoError(t, err)
	b := someBatch()
	want := tensor.NewMatrix(b.Sequences(), small)
	m.Expand(nil, want, forward(t, m, nil, b), b, Expansion{})
	const table, bias, times = "bert.embeddings.word_embeddings.weight", "cls.predictions.bias", 3
	c.JSON = set(t, c.JSON, map[string]any{"vocab_size": times * small})
	c.Weights = changed(t, c.Weights, func(all map[string]tensor.Tensor) {
		for name, cols := range map[string][]int{table: {times * small, hidden}, bias: {times * small}} {
			x := all[name]
			x.Data, x.Shape = append(append(append([]byte{}, x.Data...), x.Data...), x.Data...), cols
			all[name] = x
		}
	})
	large, err := Open(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, large.Head.Vocabulary, 3)
	got := tensor.NewMatrix(b.Sequences(), times*small)
	large.Expand(nil, got, forward(t, large, nil, b), b, Expansion{})
	for i := range got.Rows {
		for k := range times {
			require.Equal(t, want.Row(i), got.Row(i)[k*small:(k+1)*small])
		}
	}
	c.Set = nil
	counted, err := Open(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, large.Bytes(), counted.Bytes())
}

// A decoder that should be there and is not, one of code that is not known, and a family
// without the head are errors; a NaN is passed on.
func TestMaskedHeadErrors(t *testing.T) {
	open := func(name string, config map[string]any, change func(map[string]tensor.Tensor)) error {
		c := maskedConfig(t, name)
		c.JSON, c.Weights = set(t, c.JSON, config), changed(t, c.Weights, change)
		_, err := Open(t.Context(), c)
		return err
	}
	none := func(map[string]tensor.Tensor) {}
	assert.ErrorContains(t, open("sparse-bert-max", map[string]any{"tie_word_embeddings": false}, none),
		"tensor cls.predictions.decoder.weight: missing, expected shape [384 32]")
	assert.ErrorContains(t, open("sparse-untied", nil, func(all map[string]tensor.Tensor) { delete(all, "cls.predictions.decoder.bias") }),
		"tensor cls.predictions.decoder.bias: missing, expected shape [384]")
	assert.ErrorContains(t, open("sparse-bert-max", nil, func(all map[string]tensor.Tensor) { delete(all, "cls.predictions.bias") }), "tensor cls.predictions.bias: missing")
	assert.ErrorContains(t, open("sparse-bert-max", map[string]any{"auto_map": map[string]any{"AutoModelForMaskedLM": "own.OwnForMaskedLM"}}, none),
		`auto_map: AutoModelForMaskedLM: found code that is not known, "own.OwnForMaskedLM"`)
	c := Config{Set: kernel.Best(), Head: MaskedHead}
	c.JSON, c.Weights = openFiles(t, modelFolder("qwen3"))
	_, err := Open(t.Context(), c)
	assert.ErrorContains(t, err, `model_type: found "qwen3", which has no masked-language-model head`)

	for _, e := range []Expansion{{}, {Sum: true}} {
		m, err := Open(t.Context(), maskedConfig(t, "sparse-bert-max"))
		require.NoError(t, err)
		b := someBatch()
		states := forward(t, m, nil, b)
		states.Row(9)[3] = float32(math.NaN())
		got := tensor.NewMatrix(b.Sequences(), 384)
		m.Expand(nil, got, states, b, e)
		assert.True(t, math.IsNaN(float64(got.Row(2)[5])))
		assert.False(t, math.IsNaN(float64(got.Row(0)[5])))
	}
}

// The names of code that is published beside weights give the same: Alibaba's for GTE, and
// Nomic's, whose layers of the head have biases where those of MLPs have.
func TestMaskedHeadsOfPublishedCode(t *testing.T) {
	expand := func(c Config) []float32 {
		m, err := Open(t.Context(), c)
		require.NoError(t, err)
		b := someBatch()
		got := tensor.NewMatrix(b.Sequences(), m.Embeddings.Tokens.Rows)
		m.Expand(nil, got, forward(t, m, nil, b), b, Expansion{})
		return got.Data
	}
	gte := maskedConfig(t, "sparse-gte")
	gte.JSON = set(t, gte.JSON, map[string]any{"hidden_act": "gelu"}) // transformers' head has no other
	want := expand(gte)
	gte.JSON = set(t, gte.JSON, map[string]any{"model_type": "new", "auto_map": map[string]any{
		"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel", "AutoModelForMaskedLM": "Alibaba-NLP/new-impl--modeling.NewForMaskedLM",
	}})
	gte.Weights = changed(t, gte.Weights, func(all map[string]tensor.Tensor) {
		for _, name := range slices.Collect(maps.Keys(all)) {
			if own, ok := strings.CutPrefix(name, "gte."); ok {
				x := all[name]
				delete(all, name)
				x.Name = "new." + own
				all[x.Name] = x
			}
		}
	})
	require.Equal(t, want, expand(gte))

	nomic := maskedConfig(t, "sparse-nomic-bert-untied")
	biases := []string{"cls.predictions.transform.dense.bias", "cls.predictions.decoder.bias"}
	nomic.Weights = changed(t, nomic.Weights, func(all map[string]tensor.Tensor) {
		for _, name := range biases {
			x := all[name]
			x.Data = make([]byte, len(x.Data))
			all[name] = x
		}
	})
	want = expand(nomic)
	nomic.Weights = changed(t, nomic.Weights, func(all map[string]tensor.Tensor) {
		for _, name := range biases {
			delete(all, name)
		}
	})
	_, err := Open(t.Context(), nomic)
	require.ErrorContains(t, err, "tensor cls.predictions.transform.dense.bias: missing")
	nomic.JSON = []byte(`{"model_type": "nomic_bert", "n_embd": 32, "n_head": 2, "n_inner": 64, "n_layer": 1, "n_positions": 96, "layer_norm_epsilon": 1e-12, "vocab_size": 372,
		"type_vocab_size": 2, "activation_function": "swiglu", "rotary_emb_base": 500, "tie_word_embeddings": false,
		"qkv_proj_bias": false, "mlp_fc1_bias": false, "mlp_fc2_bias": false}`)
	require.Equal(t, want, expand(nomic))
}

// The sum of weights by the product of factors is that of logarithms, however large or
// small they are.
func TestFactors(t *testing.T) {
	logits := [][]float32{
		{0, -1, 1e-40, 1e-9, 3, math.MaxFloat32, float32(math.Inf(1)), float32(math.NaN())},
		{-2, 2, 1e-12, 1e-8, 0.1, 1e37, 1, 1},
	}
	for _, e := range []Expansion{{Sum: true}, {Sum: true, Twice: true}} {
		want := make([]float64, len(logits[0]))
		m := foldMemory{factors: make([]float64, len(want)), sums: make([]float64, len(want))}
		m.add(e, []float32{9, 9, 9, 9, 9, 9, 9, 9}, true) // another sequence's
		for i := range 100 {
			row := logits[i%2]
			m.add(e, row, i == 0)
			for k, v := range row {
				w := math.Log1p(max(0, float64(v)))
				if e.Twice {
					w = math.Log1p(w)
				}
				want[k] += w
			}
		}
		got := make([]float32, len(want))
		(&foldTask{expansion: e}).end(got, &m)
		for k, w := range want {
			if math.IsNaN(w) || math.IsInf(w, 0) {
				require.Equal(t, float32(w) != float32(w), got[k] != got[k])
				require.Equal(t, math.IsInf(w, 0), math.IsInf(float64(got[k]), 0))
				continue
			}
			require.InEpsilon(t, 1+w, 1+float64(got[k]), 1e-6, "%d", k) // a float32's
			if w > 0 {
				require.InEpsilon(t, max(w, 1e-45), float64(got[k]), 1e-6, "%d", k)
			}
		}
	}
}

// A sequence has the same weights alone and in a batch of several blocks of rows, where it
// may lie in two.
func TestExpandBlocks(t *testing.T) {
	m, err := Open(t.Context(), maskedConfig(t, "sparse-bert-max"))
	require.NoError(t, err)
	b := Batch{Starts: []int{0}}
	for i := range 20 {
		for range 17 + i%5 {
			b.IDs = append(b.IDs, int32(5+len(b.IDs)*37%370))
		}
		b.Starts = append(b.Starts, len(b.IDs))
	}
	require.Greater(t, len(b.IDs), 2*kernel.BlockRows)
	team := parallel.NewTeam(2)
	defer team.Close()
	states := forward(t, m, nil, b)
	for _, e := range []Expansion{{}, {Sum: true}, {Sum: true, Twice: true}} {
		all := tensor.NewMatrix(b.Sequences(), m.Embeddings.Tokens.Rows)
		m.Expand(team, all, states, b, e)
		for i := range all.Rows {
			from, to := b.Starts[i], b.Starts[i+1]
			alone := tensor.NewMatrix(1, all.Cols)
			m.Expand(nil, alone, states.Slice(from, to), Batch{IDs: b.IDs[from:to], Starts: []int{0, to - from}}, e)
			require.Equal(t, alone.Row(0), all.Row(i), "%+v: sequence %d", e, i)
		}
	}
}
