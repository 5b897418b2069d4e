package transformer

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// Once a layer is packed, its pages of the file are not in memory any more, and
// those of the token table never were.
func TestOpenGivesMemoryBack(t *testing.T) {
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
		for _, name := range []string{"q", "k", "v", "o"} {
			add(at+"self_attn."+name+"_proj.weight", hidden, hidden)
		}
		add(at+"mlp.gate_proj.weight", inner, hidden)
		add(at+"mlp.up_proj.weight", inner, hidden)
		add(at+"mlp.down_proj.weight", hidden, inner)
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
		"num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": %d, "max_position_embeddings": 64, "rms_norm_eps": 1e-6}`,
		hidden, inner, layers, vocabulary)
	before := residentFiles(t)
	m, err := Open(t.Context(), Config{JSON: []byte(config), Weights: file, Set: kernel.Best()})
	require.NoError(t, err)
	require.Less(t, residentFiles(t)-before, file.Size()/10)
	const packed = 4 * layers * (4*hidden*hidden + 3*hidden*inner)
	require.InEpsilon(t, packed+2*vocabulary*hidden, m.Bytes(), 0.01)
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
