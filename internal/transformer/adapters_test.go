package transformer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/weight"
	"github.com/rhumb-go/rhumb/tensor"
)

const adapters = "../../testdata/adapters"

// bases are the golden folders that the adapters of PEFT are for.
var bases = map[string]string{"bert": "bert", "qwen3": "qwen3-bf16-sharded", "t5": "t5", "deberta-v2": "deberta-v2",
	"nomic-bert": "nomic-bert", "gte": "gte", "jina-v3": "jina-v3"}

// openFiles returns the config.json and the weights of a model's folder.
func openFiles(t testing.TB, dir string) ([]byte, *tensor.File) {
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	weights := "model.safetensors"
	if _, err := os.Stat(filepath.Join(dir, weights)); err != nil {
		weights += ".index.json"
	}
	file, err := tensor.Open(filepath.Join(dir, weights))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	return config, file
}

func openAdapted(t testing.TB, name string, s *kernel.Set) *Model {
	dir := filepath.Join(adapters, name)
	data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	require.NoError(t, err)
	file, err := tensor.Open(filepath.Join(dir, "adapter_model.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	a, err := OpenAdapter(data, file)
	require.NoError(t, err)
	require.Equal(t, "../../goldens/"+bases[name]+"/model", a.Base)
	config, weights := openFiles(t, filepath.Join(goldens, bases[name], "model"))
	m, err := Open(t.Context(), Config{JSON: config, Weights: weights, Adapter: a, Set: s})
	require.NoError(t, err)
	return m
}

// near requires h to be close to the reference, and returns the worst difference.
func near(t *testing.T, h tensor.Matrix, g golden, limit float64) (worst float64) {
	for i, want := range g.hidden {
		for j, v := range h.Row(i) {
			worst = max(worst, math.Abs(float64(v)-float64(want[j])))
			require.InDeltaf(t, want[j], v, limit, "token %d, component %d", i, j)
		}
	}
	return worst
}

func TestMergedAdapters(t *testing.T) {
	for name, base := range bases {
		t.Run(name, func(t *testing.T) {
			limit := tolerance
			if name == "t5" {
				limit = 9.9e-5 // T5 does not scale its scores: the reference's float32 is so far off its float64
			}
			g := readGoldenFile(t, filepath.Join(adapters, name, "golden.safetensors"), "last_hidden_state")
			plain := forward(t, open(t, base, kernel.Best()), nil, g.batch)
			var first tensor.Matrix
			for _, s := range kernel.Sets() {
				h := forward(t, openAdapted(t, name, s), nil, g.batch)
				t.Logf("%s: worst difference %.1e", s.Name(), near(t, h, g, limit))
				require.NotEqual(t, plain.Data, h.Data)
				if s.Rounds() {
					continue
				}
				if first.Data == nil {
					first = h
				}
				require.Equal(t, first.Data, h.Data, s.Name())
			}
		})
	}
}

func openJina(t testing.TB, s *kernel.Set) *Model {
	config, file := openFiles(t, filepath.Join(adapters, "jina-v3-lora", "model"))
	m, err := Open(t.Context(), Config{JSON: config, Weights: file, Set: s})
	require.NoError(t, err)
	return m
}

func jinaGolden(t testing.TB, task int) golden {
	name := "last_hidden_state_none"
	if task > 0 {
		name = fmt.Sprintf("last_hidden_state_%d", task-1)
	}
	g := readGoldenFile(t, filepath.Join(adapters, "jina-v3-lora", "golden.safetensors"), name)
	g.batch.Task = task
	return g
}

func TestTasks(t *testing.T) {
	for _, s := range kernel.Sets() {
		m := openJina(t, s)
		require.Len(t, m.Tasks, 5)
		require.Equal(t, "retrieval.query", m.Tasks[0].Name)
		require.Equal(t, "text-matching", m.Tasks[4].Name)
		for task := range len(m.Tasks) + 1 {
			g := jinaGolden(t, task)
			// Hidden states of size 3, and updates of the size of the weights.
			t.Logf("%s: task %d: worst difference %.1e", s.Name(), task, near(t, forward(t, m, nil, g.batch), g, tolerance))
		}
	}
}

// A sequence has the same bits alone, in any batch, on any number of workers and
// in every SIMD set, and what a pass does for one task leaves no trace in the next.
func TestTasksSameBits(t *testing.T) {
	for task := range 6 {
		b := jinaGolden(t, task).batch
		want := forward(t, openJina(t, kernel.Best()), nil, b)
		for _, s := range kernel.Sets() {
			if s.Rounds() {
				continue
			}
			m := openJina(t, s)
			team := parallel.NewTeam(3)
			other := b
			other.Task = (task + 1) % 6
			forward(t, m, team, other)
			require.Equal(t, want.Data, forward(t, m, team, b).Data)
			for i := range b.Sequences() {
				from, to := b.Starts[i], b.Starts[i+1]
				one := Batch{IDs: b.IDs[from:to], Starts: []int{0, to - from}, Task: task}
				require.Equal(t, want.Slice(from, to).Data, forward(t, m, nil, one).Data)
			}
			team.Close()
		}
	}
}

// linearsOf returns the layers of the attention and the MLP of l, nil where a part is not there.
func linearsOf(l *Layer) []*Linear {
	all := []*Linear{l.Attention.QKV, l.Attention.Output, l.MLP.Up, l.MLP.Down}
	if e := l.MLP.Experts; e != nil {
		all = append(all, e.Router)
		for i := range e.MLPs {
			all = append(all, e.MLPs[i].Up, e.MLPs[i].Down)
		}
	}
	return all
}

// What a model says about its memory is what was allocated for it, in sum, and
// the same without packing.
func TestBytes(t *testing.T) {
	check := func(t *testing.T, dir string) {
		config, file := openFiles(t, dir)
		m, err := Open(t.Context(), Config{JSON: config, Weights: file, Set: kernel.Best()})
		require.NoError(t, err)
		counted, err := Open(t.Context(), Config{JSON: config, Weights: file})
		require.NoError(t, err)
		require.Equal(t, m.Bytes(), counted.Bytes())

		var linears int64
		seen := map[*Linear]bool{}
		for i := range m.Layers {
			l := &m.Layers[i]
			all := linearsOf(l)
			if c := l.Short; c != nil {
				all = append(all, c.In, c.Out)
			}
			if e := l.PerLayer; e != nil {
				all = append(all, e.Signal, e.Gate, e.Out)
			}
			for _, w := range all {
				if w != nil && !seen[w] {
					seen[w] = true
					linears += w.Bytes()
				}
			}
		}
		for i := range m.Layers {
			if d := m.Layers[i].Attention.Disentangled; d != nil {
				linears += 4 * int64(len(d.Keys.Data)+len(d.Queries.Data))
			}
			if c := m.Layers[i].Beside; c != nil {
				for _, w := range c.Groups {
					linears += w.Bytes()
				}
			}
		}
		if p := m.Embeddings.Projection; p != nil {
			linears += p.Bytes()
		}
		tables := int64(len(m.Embeddings.Tokens.tensor.Data))
		require.GreaterOrEqual(t, m.Bytes(), linears+tables)
		// The rest are vectors, other tables, and what adapters add.
		require.LessOrEqual(t, m.Bytes()-linears-tables, 5*file.Size())
	}
	for _, name := range folders(t) {
		t.Run(name, func(t *testing.T) { check(t, modelFolder(name)) })
	}
	t.Run("jina-v3-lora", func(t *testing.T) { check(t, filepath.Join(adapters, "jina-v3-lora", "model")) })
}

// changed returns a safetensors file in memory, with what change does to the tensors of another.
func changed(t testing.TB, from *tensor.File, change func(map[string]tensor.Tensor)) *tensor.File {
	tensors := map[string]tensor.Tensor{}
	for _, name := range from.Names() {
		tensors[name], _ = from.Tensor(name)
	}
	change(tensors)
	var list []tensor.Tensor
	for name, x := range tensors {
		x.Name = name
		list = append(list, x)
	}
	path := filepath.Join(t.TempDir(), "changed.safetensors")
	var out strings.Builder
	require.NoError(t, tensor.Write(&out, list, nil))
	require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o600))
	f, err := tensor.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// set changes values of the JSON object in data; a nil value removes the key.
func set(t testing.TB, data []byte, values map[string]any) []byte {
	var all map[string]any
	require.NoError(t, json.Unmarshal(data, &all))
	for k, v := range values {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	data, err := json.Marshal(all)
	require.NoError(t, err)
	return data
}

func zeros(shape ...int) tensor.Tensor {
	n := 4
	for _, d := range shape {
		n *= d
	}
	return tensor.Tensor{DType: tensor.F32, Shape: shape, Data: make([]byte, n)}
}

// A tensor of an adapter takes the place of a quantized weight, and of its outliers.
func TestAdapterReplacesQuantizedWeight(t *testing.T) {
	const name = "encoder.layer.0.output.dense.weight"
	config, base := openFiles(t, filepath.Join(goldens, "bert", "model"))
	stored, ok := base.Tensor(name)
	require.True(t, ok)
	row := make([]float32, stored.Shape[1])
	m := weight.NewMatrix(weight.Int8, stored.Shape[0], stored.Shape[1], 3, 5)
	for i := range m.Rows {
		require.NoError(t, stored.Float32sAt(row, i*m.Cols))
		require.NoError(t, m.QuantizeRow(i, row))
	}
	quantized := changed(t, base, func(all map[string]tensor.Tensor) {
		codes, scales := m.Tensors(name)
		for _, x := range append(m.OutlierTensors(name), codes, scales) {
			all[x.Name] = x
		}
	})
	dir := filepath.Join(adapters, "bert")
	data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	require.NoError(t, err)
	original, err := tensor.Open(filepath.Join(dir, "adapter_model.safetensors"))
	require.NoError(t, err)
	defer original.Close()
	file := changed(t, original, func(all map[string]tensor.Tensor) {
		all["base_model.model."+name] = zeros(stored.Shape...)
	})
	g := readGolden(t, "bert")
	var want tensor.Matrix
	for _, base := range []struct {
		config []byte
		file   *tensor.File
	}{{config, base}, {set(t, config, map[string]any{"quantization_config": weight.Int8}), quantized}} {
		a, err := OpenAdapter(data, file)
		require.NoError(t, err)
		m, err := Open(t.Context(), Config{JSON: base.config, Weights: base.file, Adapter: a, Set: kernel.Best()})
		require.NoError(t, err)
		h := forward(t, m, nil, g.batch)
		if want.Data == nil {
			want = h
		}
		require.Equal(t, want.Data, h.Data)
	}
}

func TestBadAdapters(t *testing.T) {
	none := func(map[string]tensor.Tensor) {}
	const query = "base_model.model.encoder.layer.0.attention.self.query."
	put := func(name string, x tensor.Tensor) func(map[string]tensor.Tensor) {
		return func(all map[string]tensor.Tensor) { all[name] = x }
	}
	for _, c := range []struct {
		what   string
		config map[string]any
		change func(map[string]tensor.Tensor)
		want   []string
	}{
		{"IA3", map[string]any{"peft_type": "IA3"}, none, []string{`adapter_config.json: peft_type: found "IA3", expected "LORA"`}},
		{"no type", map[string]any{"peft_type": nil}, none, []string{`peft_type: found ""`}},
		{"DoRA", map[string]any{"use_dora": true}, none, []string{"use_dora: found true, expected none"}},
		{"a bias", map[string]any{"bias": "all"}, none, []string{`bias: found "all", expected "none"`}},
		{"a bias of LoRA", map[string]any{"lora_bias": true}, none, []string{"lora_bias: found true"}},
		{"an unknown key", map[string]any{"quantum": "yes"}, none, []string{"quantum: found yes, expected none"}},
		{"copied layers", map[string]any{"layer_replication": []any{[]int{0, 1}}}, none, []string{"layer_replication"}},
		{"PiSSA", map[string]any{"init_lora_weights": "pissa"}, none, []string{"init_lora_weights: found pissa"}},
		{"parameters", map[string]any{"target_parameters": []string{"x"}}, none, []string{"target_parameters: found [x]"}},
		{"trained tokens", map[string]any{"trainable_token_indices": []int{3}}, none, []string{"trainable_token_indices"}},
		{"no rank", map[string]any{"r": 0}, none, []string{"r: found 0, expected a positive"}},
		{"a huge rank", map[string]any{"r": 1 << 30}, none, []string{"changed.safetensors: tensor " + query + "lora_A.weight: shape [4 24], expected [1073741824 24]"}},
		{"a rank in words", map[string]any{"r": "four"}, none, []string{"adapter_config.json: r: found string, expected int"}},
		{"another rank", map[string]any{"r": 8}, none, []string{"shape [4 24], expected [8 24]"}},
		{"a half rank", map[string]any{"rank_pattern": map[string]any{"dense": 2.5}}, none, []string{"rank_pattern: dense: found 2.5"}},
		{"a pattern that is none", map[string]any{"rank_pattern": map[string]any{"a(": 2}}, none, []string{"adapter_config.json", "a("}},
		{"patterns in a list", map[string]any{"alpha_pattern": []int{1}}, none, []string{"adapter_config.json", "expected an object"}},
		{"a pattern of words", map[string]any{"alpha_pattern": map[string]any{"dense": "x"}}, none, []string{"dense: expected a number above 0"}},
		{"no alpha", map[string]any{"lora_alpha": 0}, none, []string{"lora_alpha: found 0"}},
		{"other targets", map[string]any{"target_modules": []string{"key"}}, none, []string{`target_modules: found ["key"], and tensors of embeddings.word_embeddings in the file`}},
		{"targets by number", map[string]any{"target_modules": 3}, none, []string{"target_modules: found 3, expected a list of names or an expression"}},
		{"targets that are no expression", map[string]any{"target_modules": "a("}, none, []string{"adapter_config.json: target_modules", "a("}},
		{"A alone", nil, func(all map[string]tensor.Tensor) { delete(all, query+"lora_B.weight") }, []string{"tensors of encoder.layer.0.attention.self.query: found one half of an update"}},
		{"A of another width", nil, put(query+"lora_A.weight", zeros(4, 25)), []string{"tensor " + query + "lora_A.weight: shape [4 25], expected [4 24]"}},
		{"B of another width", nil, put(query+"lora_B.weight", zeros(23, 4)), []string{"tensor " + query + "lora_B.weight: shape [23 4], expected [24 4]"}},
		{"A of integers", nil, put(query+"lora_A.weight", tensor.Tensor{DType: tensor.I32, Shape: []int{4, 24}, Data: make([]byte, 4*4*24)}), []string{query + "lora_A.weight: dtype I32"}},
		{"a table of another size", nil, put("base_model.model.embeddings.word_embeddings.lora_embedding_A", zeros(4, 7)), []string{"lora_embedding_A: shape [4 7], expected [4 500]"}},
		{"a layer that is not there", nil, func(all map[string]tensor.Tensor) {
			all["base_model.model.encoder.layer.9.attention.self.query.lora_A.weight"] = zeros(4, 24)
			all["base_model.model.encoder.layer.9.attention.self.query.lora_B.weight"] = zeros(24, 4)
		}, []string{"changed.safetensors: tensor base_model.model.encoder.layer.9.attention.self.query.lora_A.weight: fits no weight of the base model", "lora_B.weight"}},
		{"a magnitude", nil, put(query+"lora_magnitude_vector", zeros(24)), []string{query + "lora_magnitude_vector: unknown"}},
		{"a whole tensor that fits nothing", nil, put("base_model.model.scores.weight", zeros(2, 24)), []string{"base_model.model.scores.weight: fits no weight"}},
		{"a head inside a layer", nil, put("base_model.model.encoder.layer.0.classifier.weight", zeros(2, 24)), []string{"base_model.model.encoder.layer.0.classifier.weight: fits no weight"}},
		{"a whole tensor of another shape", nil, put("base_model.model.embeddings.LayerNorm.weight", zeros(9)), []string{"changed.safetensors: tensor base_model.model.embeddings.LayerNorm.weight: shape [9], expected [24]"}},
		{"two for one layer", nil, func(all map[string]tensor.Tensor) {
			for name, x := range all {
				if rest, ok := strings.CutPrefix(name, query); ok {
					delete(all, name)
					all["base_model.model.one.encoder.layer.0.attention.self.query."+rest] = x
					all["base_model.model.two.encoder.layer.0.attention.self.query."+rest] = x
				}
			}
		}, []string{"found both for encoder.layer.0.attention.self.query"}},
		{"one tensor alone", nil, func(all map[string]tensor.Tensor) {
			clear(all)
			all["base_model.model.x.query.lora_A.weight"] = zeros(1)
		}, []string{"tensors of x.query: found one half of an update"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := filepath.Join(adapters, "bert")
			data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
			require.NoError(t, err)
			original, err := tensor.Open(filepath.Join(dir, "adapter_model.safetensors"))
			require.NoError(t, err)
			defer original.Close()
			a, err := OpenAdapter(set(t, data, c.config), changed(t, original, c.change))
			if err == nil {
				config, weights := openFiles(t, filepath.Join(goldens, "bert", "model"))
				_, err = Open(t.Context(), Config{JSON: config, Weights: weights, Adapter: a, Set: kernel.Best()})
			}
			require.Error(t, err)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestBadTasks(t *testing.T) {
	none := func(map[string]tensor.Tensor) {}
	const qkv = "roberta.encoder.layers.0.mixer.Wqkv.parametrizations.weight."
	for _, c := range []struct {
		what   string
		config map[string]any
		change func(map[string]tensor.Tensor)
		want   string
	}{
		{"one task less", map[string]any{"lora_adaptations": []string{"a", "b"}}, none, "lora_A: shape [5 500 4], expected [2 500 4]"},
		{"no tasks", map[string]any{"lora_adaptations": nil}, none, "lora_adaptations: found none"},
		{"a task twice", map[string]any{"lora_adaptations": []string{"a", "a"}}, none, "expected names that differ"},
		{"tasks by number", map[string]any{"lora_adaptations": 5}, none, "lora_adaptations: found number, expected list"},
		{"another rank", map[string]any{"lora_rank": 1 << 30}, none, "expected [5 500 1073741824]"},
		{"no rank", map[string]any{"lora_rank": 0}, none, "lora_rank: found 0"},
		{"no alpha", map[string]any{"lora_alpha": -1}, none, "lora_alpha: found -1"},
		{"adapters to be made", map[string]any{"load_trained_adapters": false}, none, "load_trained_adapters: found false"},
		{"absolute positions", map[string]any{"position_embedding_type": "absolute"}, none, `position_embedding_type: found "absolute", expected "rotary"`},
		{"a base of 0", map[string]any{"rotary_emb_base": 0}, none, "rotary_emb_base: found 0"},
		{"no A", nil, func(all map[string]tensor.Tensor) { delete(all, qkv+"0.lora_A") }, "tensor " + qkv + "0.lora_A: missing, expected shape [5 4 24]"},
		{"no B", nil, func(all map[string]tensor.Tensor) { delete(all, qkv+"0.lora_B") }, "tensor " + qkv + "0.lora_B: missing"},
		{"no weight", nil, func(all map[string]tensor.Tensor) { delete(all, qkv+"original") }, "mixer.Wqkv.weight: missing"},
		{"integers", nil, func(all map[string]tensor.Tensor) {
			all[qkv+"0.lora_B"] = tensor.Tensor{DType: tensor.I32, Shape: []int{5, 72, 4}, Data: make([]byte, 4*5*72*4)}
		}, "0.lora_B: dtype I32"},
		{"another tensor", nil, func(all map[string]tensor.Tensor) { all[qkv+"1.lora_B"] = zeros(5, 72, 4) }, qkv + "1.lora_B: not used by this model"},
	} {
		t.Run(c.what, func(t *testing.T) {
			config, file := openFiles(t, filepath.Join(adapters, "jina-v3-lora", "model"))
			_, err := Open(t.Context(), Config{JSON: set(t, config, c.config), Weights: changed(t, file, c.change), Set: kernel.Best()})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// The first pattern of the file that matches counts, as in PEFT.
func TestPatterns(t *testing.T) {
	var p patterns
	require.NoError(t, json.Unmarshal([]byte(`{"dense": 2, "output.dense": 4, "layer\\.\\d": 8}`), &p))
	for name, want := range map[string]float64{
		"layer.0.output.dense": 2, "dense": 2, "dense.x": 16, "condense": 16, "layer.3": 8, "a.layer.3": 8, "layer.33": 16,
	} {
		require.Equal(t, want, p.of(name, 16), name)
	}
	c := peftConfig{R: 4, LoraAlpha: 6, RankPattern: p}
	rank, scale := c.scale("x")
	require.Equal(t, 4, rank)
	require.Equal(t, float32(1.5), scale)
	c.UseRSLoRA = true
	rank, scale = c.scale("layer.1")
	require.Equal(t, 8, rank)
	require.Equal(t, float32(6/math.Sqrt(8)), scale)
}

// A row of a low-rank update is what float64 makes of it.
func TestLowRankRows(t *testing.T) {
	u := &lowRank{a: tensor.NewMatrix(3, 5), b: tensor.NewMatrix(7, 3), scale: 0.75}
	for i := range u.a.Data {
		u.a.Data[i] = float32(math.Sin(float64(i + 1)))
	}
	for i := range u.b.Data {
		u.b.Data[i] = float32(math.Cos(float64(i + 1)))
	}
	for _, s := range kernel.Sets() {
		all, one := tensor.NewMatrix(4, 5), tensor.NewMatrix(4, 5)
		for i := range all.Data {
			all.Data[i], one.Data[i] = float32(i), float32(i)
		}
		u.add(s, all, 2, make([]float32, 5))
		for i := range 4 {
			u.addRow(one.Row(i), 2+i)
			for j := range 5 {
				want := float64(i*5 + j)
				for k := range 3 {
					want += 0.75 * float64(u.b.Data[(2+i)*3+k]) * float64(u.a.Data[k*5+j])
				}
				require.InDelta(t, want, all.Row(i)[j], 2e-6)
				require.InDelta(t, want, one.Row(i)[j], 1e-6)
			}
		}
	}
}
