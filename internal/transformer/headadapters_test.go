package transformer

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// someNumbers returns a tensor with some numbers that are not all alike.
func someNumbers(shape ...int) tensor.Tensor {
	x := zeros(shape...)
	for i := range len(x.Data) / 4 {
		binary.LittleEndian.PutUint32(x.Data[4*i:], math.Float32bits(float32(i*7%11-5)/8))
	}
	return x
}

// adapterOf returns a LoRA adapter of rank 2, scale 2, with the given tensors.
func adapterOf(t testing.TB, targets []string, tensors map[string]tensor.Tensor) (*Adapter, *tensor.File) {
	_, some := openFiles(t, modelFolder("bert"))
	file := changed(t, some, func(all map[string]tensor.Tensor) {
		clear(all)
		for name, x := range tensors {
			all[baseModel+name] = x
		}
	})
	config, err := json.Marshal(map[string]any{"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 2, "lora_alpha": 4,
		"target_modules": targets, "modules_to_save": []string{"classifier", "score"}})
	require.NoError(t, err)
	a, err := OpenAdapter(config, file)
	require.NoError(t, err)
	return a, file
}

// An adapter that keeps a classifier whole brings one to a model that has none, with
// as many labels as its weight has rows; nothing reads it where no head is asked for.
func TestAdapterWithAClassifier(t *testing.T) {
	g := readHeadGolden(t, "rerank-qwen3")
	for _, labels := range []int{1, 3} {
		kept := map[string]tensor.Tensor{"score.weight": someNumbers(labels, 36)}
		a, file := adapterOf(t, nil, kept)
		c := Config{
			JSON: set(t, g.config.JSON, map[string]any{"id2label": nil, "label2id": nil}), Adapter: a, Set: kernel.Best(), Head: ClassificationHead,
			Weights: changed(t, g.config.Weights, func(all map[string]tensor.Tensor) { delete(all, "score.weight") }),
		}
		m, err := Open(t.Context(), c)
		require.NoError(t, err)
		h := forward(t, m, nil, g.batch)
		got := tensor.NewMatrix(g.batch.Sequences(), labels)
		m.Logits(nil, got, h, g.batch)
		weight := value(t, file, baseModel+"score.weight")
		for j := range labels {
			require.InDelta(t, product(weight, j, h.Row(g.batch.Starts[1]-1)), got.Row(0)[j], 1e-5)
		}
		c.Head = NoHead
		_, err = Open(t.Context(), c)
		require.NoError(t, err)
		c.Head, c.Adapter = ClassificationHead, nil
		_, err = Open(t.Context(), c)
		require.ErrorContains(t, err, "tensor score.weight: missing, expected shape [2 36]")
		c.Adapter, _ = adapterOf(t, nil, kept)
		c.JSON = g.config.JSON
		if _, err = Open(t.Context(), c); labels != 1 {
			require.ErrorContains(t, err, "expected 1 rows, as config.json has id2label of 1")
		}
	}
}

// A classifier of two layers comes whole, and in place of the base model's.
func TestAdapterReplacesAClassifier(t *testing.T) {
	g := readHeadGolden(t, "rerank-roberta")
	all := map[string]tensor.Tensor{}
	for name, shape := range map[string][]int{"dense.weight": {40, 40}, "dense.bias": {40}, "out_proj.weight": {1, 40}, "out_proj.bias": {1}} {
		all["classifier."+name] = someNumbers(shape...)
	}
	a, file := adapterOf(t, nil, all)
	c := g.config
	c.Adapter, c.Set = a, kernel.Best()
	m, err := Open(t.Context(), c)
	require.NoError(t, err)
	c.Adapter, c.Weights = nil, changed(t, c.Weights, func(base map[string]tensor.Tensor) {
		for name, x := range all {
			base[name] = x
		}
	})
	want, err := Open(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, logits(t, want, nil, g.batch).Data, logits(t, m, nil, g.batch).Data)
	require.Len(t, file.Names(), 4)
}

// The update of a score, or of lm_head, counts.
func TestAdapterOfAHead(t *testing.T) {
	g := readHeadGolden(t, "rerank-qwen3")
	own := changed(t, g.config.Weights, func(all map[string]tensor.Tensor) { all["lm_head.weight"] = someNumbers(399, 36) })
	for _, c := range []struct {
		kind HeadKind
		name string
		rows int
	}{{ClassificationHead, "score", 1}, {LanguageHead, "lm_head", 399}} {
		a, file := adapterOf(t, []string{c.name}, map[string]tensor.Tensor{c.name + ".lora_A.weight": someNumbers(2, 36), c.name + ".lora_B.weight": someNumbers(c.rows, 2)})
		ids := []int32{0}
		if c.kind == LanguageHead {
			ids = []int32{17, 4}
		}
		config := Config{JSON: g.config.JSON, Weights: own, Adapter: a, Set: kernel.Best(), Head: c.kind, Tokens: ids}
		m, err := Open(t.Context(), config)
		require.NoError(t, err)
		h := forward(t, m, nil, g.batch)
		got := tensor.NewMatrix(g.batch.Sequences(), m.Head.Labels())
		m.Logits(nil, got, h, g.batch)
		weight := value(t, own, c.name+".weight")
		down, up := value(t, file, baseModel+c.name+".lora_A.weight"), value(t, file, baseModel+c.name+".lora_B.weight")
		x := h.Row(g.batch.Starts[1] - 1)
		for j, id := range ids {
			want := product(weight, int(id), x)
			for k := range 2 {
				want += 2 * up[int(id)*2+k] * product(down, k, x)
			}
			require.InDelta(t, want, got.Row(0)[j], 1e-5)
		}
		if c.kind == LanguageHead {
			config.Weights, config.JSON = g.config.Weights, set(t, config.JSON, map[string]any{"tie_word_embeddings": true})
			_, err := Open(t.Context(), config)
			require.ErrorContains(t, err, "tensors of lm_head: found an update, expected none, as the token table stands in for its weight")
		}
	}
}
