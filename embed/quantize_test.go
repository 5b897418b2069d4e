package embed

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/manifest"
	"github.com/rhumb-go/rhumb/tensor"
)

// quantized returns a quantized copy of the model in dir.
func quantized(t testing.TB, dir string, p Precision) string {
	out := filepath.Join(t.TempDir(), "out")
	_, err := Quantize(context.Background(), dir, out+string(filepath.Separator), p, nil)
	require.NoError(t, err)
	return out
}

// embedIn loads dir and embeds the ids.
func embedIn(t testing.TB, dir string, p Precision, ids [][]int32) *Result {
	m, err := Load(t.Context(), dir, Config{Precision: p, Name: "model"})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck
	return embedIDs(t, m, ids, Options{})
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// A copy in 8 bits has the codes that a load makes of the original: the
// same bits come out, without another search for outliers. One in 4 bits computes with its own. At any precision a copy is close to the original, as far as
// its scheme allows: the tiny models' weights have 8 bits within 1 % and 4 within 9 %.
func TestQuantizedGoldens(t *testing.T) {
	for _, name := range []string{"bert-cls-dense", "qwen3-bf16-sharded", "gte", "deberta-v2", "modules/router"} {
		t.Run(name, func(t *testing.T) {
			var files fstest.MapFS
			if module, ok := strings.CutPrefix(name, "modules/"); ok {
				files = moduleFiles(t, module)
			} else {
				files = readModel(t, name)
			}
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, files))
			ids := [][]int32{{2, 9, 17, 3}, {2, 30, 31, 5, 8, 13, 21, 3}}
			exact := embedIn(t, dir, Float32, ids)
			int4 := quantized(t, dir, Int4)
			for i, e := range embedIn(t, int4, Float32, ids).Embeddings { // inputs in 8 bits are the difference
				assert.Greater(t, cosine(embedIn(t, int4, Int4, ids).Embeddings[i].Float32, e.Float32), 0.999)
			}
			int8 := quantized(t, dir, Int8)
			assert.Equal(t, embedIn(t, dir, Int8, ids), embedIn(t, int8, Int8, ids))
			outliers, err := filepath.Glob(filepath.Join(int8, "*", manifest.Outliers))
			require.NoError(t, err)
			if _, err := os.Stat(filepath.Join(int8, manifest.Outliers)); err != nil {
				assert.NotEmpty(t, outliers)
			}
			copies := map[string]float64{int4: 0.9, int8: 0.999}
			for out, least := range copies {
				for i, e := range embedIn(t, out, Float32, ids).Embeddings {
					assert.Greater(t, cosine(exact.Embeddings[i].Float32, e.Float32), least, out)
				}
			}
			want, err := Inspect(t.Context(), dir, Config{Name: "model"})
			require.NoError(t, err)
			got, err := Inspect(t.Context(), int4, Config{Name: "model"})
			require.NoError(t, err)
			prints := map[string]bool{}
			for _, dir := range []string{dir, int4, int8} {
				print, err := Fingerprint(t.Context(), dir, Config{})
				require.NoError(t, err)
				prints[print] = true
			}
			assert.Len(t, prints, 3)
			assert.Equal(t, "int4", got.Stored)
			want.Stored = got.Stored
			assert.Equal(t, want, got)
		})
	}
}

// Layers in 8 bits of a copy in 4 are of attention, and few; of causal models, any, and a quarter of the weights at the most.
func TestFinerThanInt4(t *testing.T) {
	for name, most := range map[string]float64{"bert": 0.065, "modernbert": 0.065, "qwen3": 0.25, "llama-gqa": 0.25} {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, readModel(t, name)))
		data, err := os.ReadFile(filepath.Join(quantized(t, dir, Int4), "model.safetensors"))
		require.NoError(t, err)
		file, err := tensor.Parse(data)
		require.NoError(t, err)
		var finer, all float64
		for _, layer := range file.Names() {
			if _, ok := file.Tensor(layer + "_scale"); !ok {
				continue
			}
			w, _ := file.Tensor(layer)
			weights := float64(w.Len())
			if w.DType == tensor.I8 {
				finer += weights
				assert.True(t, most > 0.1 || strings.Contains(layer, "att"), layer)
			} else {
				weights *= 2
			}
			all += weights
		}
		assert.LessOrEqual(t, finer, most*all, name)
		assert.Equal(t, most > 0.1, finer > 0.1*all, name)
	}
}

// In 4 bits, too, the same input gives the same bits: in any company, with any
// number of workers, on every SIMD set.
func TestInt4IsDeterministic(t *testing.T) {
	ids := [][]int32{{2, 9, 17, 3}, {2, 30, 31, 5, 8, 13, 21, 3}, {2, 3}, {2, 40, 41, 42, 43, 44, 3}}
	for _, name := range []string{"bert-cls-dense", "qwen3"} {
		var want *Result
		set := ""
		for _, s := range kernel.Sets() {
			if s.Rounds() && s != kernel.Best() {
				continue // close
			}
			for _, workers := range []int{1, 3} {
				m := loadGolden(t, name, Config{Precision: Int4, Kernels: s.Name(), Workers: workers})
				got := embedIDs(t, m, ids, Options{})
				if want == nil || s.Name() == "amx" && set != "amx" { // whose bfloat16s of attention are summed in another order
					want, set = got, s.Name()
				}
				assert.Equal(t, want, got, "%s, %s, %d workers", name, s.Name(), workers)
				for i := range ids {
					assert.Equal(t, want.Embeddings[i], embedIDs(t, m, ids[i:i+1], Options{}).Embeddings[0], "%s, input %d alone", name, i)
				}
			}
		}
		generic := embedIDs(t, loadGolden(t, name, Config{Precision: Int4, Kernels: "generic"}), ids, Options{})
		for i := range ids {
			// An input of a layer that rounds to another of 255 steps changes what follows.
			assert.Greater(t, cosine(want.Embeddings[i].Float32, generic.Embeddings[i].Float32), 0.999, name)
		}
	}
}

// A mixture of experts keeps its router and what is packed by columns as floats;
// the others of its linear layers are codes and scales.
func TestQuantizedTensors(t *testing.T) {
	for _, tt := range []struct {
		dir         string
		codes       []string
		left        []string
		dtype       tensor.DType
		precision   Precision
		scalesDType tensor.DType
	}{
		{"nomic-moe", []string{"encoder.layers.0.attn.Wqkv.weight", "encoder.layers.1.mlp.experts.mlp.w1"},
			[]string{"embeddings.word_embeddings.weight", "encoder.layers.1.mlp.router.layer.weight", "encoder.layers.1.mlp.experts.mlp.w2"}, tensor.U8, Int4, tensor.BF16},
		{"nomic-moe", []string{"encoder.layers.0.attn.Wqkv.weight"}, []string{"emb_ln.weight"}, tensor.I8, Int8, tensor.F32},
	} {
		dir := filepath.Join(goldens, "..", "variants", tt.dir)
		before, err := tensor.Open(filepath.Join(dir, "model.safetensors"))
		require.NoError(t, err)
		folder := t.TempDir() // with a tokenizer: the variants have none
		files := readModel(t, "nomic-bert")
		delete(files, "modules.json") // whose pooling is of another width
		write(files, manifest.Tokenizer, `{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
			"post_processor": null, "decoder": null, "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "the": 1, "a": 2, ".": 3}}}`) // the variants have few tokens
		require.NoError(t, os.CopyFS(folder, files))
		for _, name := range []string{"model.safetensors", "config.json"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o644))
		}
		after, err := tensor.Open(filepath.Join(quantized(t, folder, tt.precision), "model.safetensors"))
		require.NoError(t, err)
		for _, name := range tt.codes {
			codes, ok := after.Tensor(name)
			require.True(t, ok, name)
			was, _ := before.Tensor(name)
			assert.Equal(t, tt.dtype, codes.DType)
			want := []int{was.Shape[0], was.Shape[1]}
			if tt.precision == Int4 {
				want[1] = (was.Shape[1] + 31) / 32 * 16
			}
			assert.Equal(t, want, codes.Shape)
			scales, ok := after.Tensor(name + "_scale")
			require.True(t, ok, name)
			assert.Equal(t, tt.scalesDType, scales.DType)
		}
		for _, name := range tt.left {
			want, ok := before.Tensor(name)
			require.True(t, ok, name)
			got, _ := after.Tensor(name)
			assert.Equal(t, want, got)
		}
		require.NoError(t, before.Close())
		require.NoError(t, after.Close())
	}
}

// What a copy loses is measured where its model is: not of a classifier, whose head has the answer.
func TestQuantizedLoss(t *testing.T) {
	for _, p := range []Precision{Int8, Int4} {
		made, err := Quantize(t.Context(), filepath.Join(goldens, "bert", "model"), filepath.Join(t.TempDir(), "out"), p, nil)
		require.NoError(t, err)
		require.Greater(t, made.Loss.Texts, 30)
		require.Positive(t, made.Loss.Mean)
		require.Greater(t, made.Loss.Worst, made.Loss.Mean)
		require.Less(t, made.Loss.Worst, 0.2)
	}
}

// A loss is over what docs/int8.md and docs/quantization.md say where its mean is, or its worst.
func TestLossOver(t *testing.T) {
	for _, tt := range []struct {
		mean, worst float64
		precision   Precision
		over        bool
	}{
		{4e-4, 1e-3, Int8, false}, {6e-4, 1e-3, Int8, true}, {4e-4, 3e-3, Int8, true},
		{9e-3, 2e-2, Int4, false}, {2e-2, 2e-2, Int4, true}, {9e-3, 4e-2, Int4, true}, {1, 1, Float32, false}, {1, 1, BFloat16, false},
	} {
		assert.Equal(t, tt.over, Loss{Texts: 1, Mean: tt.mean, Worst: tt.worst}.Over(tt.precision), "%+v", tt)
	}
}

// What cannot be copied is an error that names it, and leaves nothing behind.
func TestQuantizeErrors(t *testing.T) {
	bert := filepath.Join(goldens, "bert", "model")
	ready := quantized(t, bert, Int8)
	infinite := t.TempDir()
	require.NoError(t, os.CopyFS(infinite, readModel(t, "bert")))
	changeTensor(t, filepath.Join(infinite, "model.safetensors"), "encoder.layer.1.output.dense.weight", func(data []byte) {
		copy(data[4*5:], []byte{0, 0, 0x80, 0x7f})
	})
	static := t.TempDir()
	require.NoError(t, os.CopyFS(static, moduleFiles(t, "static")))
	for _, tt := range []struct {
		name, dir, want string
		precision       Precision
	}{
		{"quantized already", ready, "config.json: quantization_config: weights are int8 already, expected floats", Int4},
		{"no linear layers", static, "no transformer, expected linear layers", Int4},
		{"infinite", infinite, "model.safetensors: tensor encoder.layer.1.output.dense.weight: row 0: component 5 is +Inf", Int8},
		{"infinite, 4 bits", infinite, "model.safetensors: tensor encoder.layer.1.output.dense.weight: row 0: component 5 is +Inf", Int4},
		{"floats", bert, "precision: float32, expected int8 or int4", Float32},
		{"unknown precision", bert, "precision: Precision(9), expected int8 or int4", 9},
		{"no folder", filepath.Join(bert, "none"), filepath.Join(bert, "none") + ": no such file", Int4},
		{"an id", "org/none", "stat org/none: no such file or directory; expected the folder of a model: of an id at the Hugging Face hub, hub.Resolve returns it, and rhumb models lists it", Int4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parent := t.TempDir()
			_, err := Quantize(context.Background(), tt.dir, filepath.Join(parent, "out"), tt.precision, nil)
			require.ErrorContains(t, err, tt.want)
			left, err := os.ReadDir(parent)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
	t.Run("exists", func(t *testing.T) {
		_, err := Quantize(context.Background(), bert, ready, Int4, nil)
		require.ErrorContains(t, err, "exists, expected a new folder")
	})
	t.Run("interrupted", func(t *testing.T) {
		parent := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Quantize(ctx, bert, filepath.Join(parent, "out"), Int4, func(int64, int64) { cancel() })
		require.ErrorIs(t, err, context.Canceled)
		left, err := os.ReadDir(parent)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}

// changeTensor changes the bytes of one tensor of a safetensors file.
func changeTensor(t testing.TB, file, name string, change func(data []byte)) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	f, err := tensor.Parse(data)
	require.NoError(t, err)
	x, ok := f.Tensor(name)
	require.True(t, ok, "%s has no %s", file, name)
	change(x.Data) // which aliases data
	require.NoError(t, os.WriteFile(file, data, 0o644))
}

// Codes and scales that do not fit the model, or each other, are errors.
func TestBadQuantizedFolders(t *testing.T) {
	const weight = "encoder.layer.0.output.dense.weight"
	for _, tt := range []struct {
		name string
		edit func(t *testing.T, dir string)
		want string
	}{
		{"another scheme", func(t *testing.T, dir string) {
			editConfig(t, dir, `{"quant_method": "rhumb", "version": 1, "scheme": "int8"}`)
		},
			"tensor encoder.layer.0.attention.self.query.weight: U8 of shape"},
		{"another method", func(t *testing.T, dir string) { editConfig(t, dir, `{"quant_method": "gptq"}`) },
			"config.json: quantization_config: bits: found 0, expected 2 or 4 or 8"},
		{"said to be floats", func(t *testing.T, dir string) { editConfig(t, dir, `null`) }, "tensor encoder.layer.0.attention.self.query.weight: shape ["},
		{"without codes", func(t *testing.T, dir string) { dropTensor(t, dir, weight) }, "tensor " + weight + ": missing, and there is " + weight + "_scale"},
		{"without scales", func(t *testing.T, dir string) { dropTensor(t, dir, weight+"_scale") }, "tensor " + weight + ": shape"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := quantized(t, filepath.Join(goldens, "bert", "model"), Int4)
			tt.edit(t, dir)
			_, err := Load(t.Context(), dir, Config{})
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func editConfig(t testing.TB, dir, quantization string) {
	file := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &object))
	object["quantization_config"] = json.RawMessage(quantization)
	data, err = json.Marshal(object)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o644))
}

func dropTensor(t testing.TB, dir, name string) {
	file := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	f, err := tensor.Parse(data)
	require.NoError(t, err)
	var left []tensor.Tensor
	for _, n := range f.Names() {
		if x, _ := f.Tensor(n); n != name {
			left = append(left, x)
		}
	}
	require.NoError(t, os.WriteFile(file, safetensors(t, left...), 0o644))
}
