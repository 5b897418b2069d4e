package transformer

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Once a layer is packed, its pages of the file are not in memory any more, and
// those of the token table never were. What is allocated to pack it is little beside the model.
func TestOpenGivesMemoryBack(t *testing.T) {
	t.Run("floats", func(t *testing.T) { openBigModel(t, "", nil) })
	t.Run("GPTQ", func(t *testing.T) {
		openBigModel(t, `, "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32}`, func(name string, out, in int) []tensor.Tensor {
			base, groups := strings.TrimSuffix(name, "weight"), in/32
			return []tensor.Tensor{
				{Name: base + "qweight", DType: tensor.I32, Shape: []int{in / 8, out}, Data: make([]byte, in*out/2)},
				{Name: base + "qzeros", DType: tensor.I32, Shape: []int{groups, out / 8}, Data: make([]byte, groups*out/2)},
				{Name: base + "scales", DType: tensor.F16, Shape: []int{groups, out}, Data: make([]byte, 2*groups*out)},
				{Name: base + "g_idx", DType: tensor.I32, Shape: []int{in}, Data: make([]byte, 4*in)},
			}
		})
	})
}

// openBigModel opens a model with the keys in more in its config.json, whose linear layers are the tensors
// that store returns, nil for floats.
func openBigModel(t *testing.T, more string, store func(name string, out, in int) []tensor.Tensor) {
	const hidden, inner, layers, vocabulary = 512, 2048, 6, 20000
	var list []tensor.Tensor
	add := func(name string, shape ...int) {
		size := 2
		for _, d := range shape {
			size *= d
		}
		list = append(list, tensor.Tensor{Name: name, DType: tensor.BF16, Shape: shape, Data: make([]byte, size)})
	}
	add("embed_tokens.weight", vocabulary, hidden)
	add("norm.weight", hidden)
	for i := range layers {
		at := fmt.Sprintf("layers.%d.", i)
		add(at+"input_layernorm.weight", hidden)
		add(at+"post_attention_layernorm.weight", hidden)
		linear := func(name string, out, in int) {
			if name = at + name + "_proj.weight"; store != nil {
				list = append(list, store(name, out, in)...)
			} else {
				add(name, out, in)
			}
		}
		for _, name := range []string{"q", "k", "v", "o"} {
			linear("self_attn."+name, hidden, hidden)
		}
		linear("mlp.gate", inner, hidden)
		linear("mlp.up", inner, hidden)
		linear("mlp.down", hidden, inner)
	}
	path := filepath.Join(t.TempDir(), "model.safetensors")
	out, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, tensor.Write(out, list, nil))
	require.NoError(t, out.Close())
	file, err := tensor.Open(path)
	require.NoError(t, err)
	defer file.Close()
	config := fmt.Sprintf(`{"model_type": "llama", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
		"num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": %d, "max_position_embeddings": 64, "rms_norm_eps": 1e-6%s}`,
		hidden, inner, layers, vocabulary, more)
	before, allocated := residentFiles(t), allocatedBytes()
	m, err := Open(t.Context(), Config{JSON: []byte(config), Weights: file, Set: kernel.Best()})
	require.NoError(t, err)
	require.Less(t, residentFiles(t)-before, file.Size()/10)
	require.Less(t, allocatedBytes()-allocated, m.Bytes()*13/10)
	const packed = 4 * layers * (4*hidden*hidden + 3*hidden*inner)
	require.InEpsilon(t, packed+2*vocabulary*hidden, m.Bytes(), 0.01)
}

// allocatedBytes returns the bytes that the process has allocated, freed ones too.
func allocatedBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

// residentFiles returns the bytes of mapped files that are in the memory of the process.
func residentFiles(t *testing.T) int64 {
	data, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(data), "RssFile:")
	require.True(t, ok)
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}
