package gguf

import (
	"context"
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

const models = "../../testdata/gguf"

func integers(t testing.TB, file *tensor.File, name string) []int64 {
	x, ok := file.Tensor(name)
	require.True(t, ok, name)
	v := make([]int64, x.Len())
	for i := range v {
		v[i] = int64(binary.LittleEndian.Uint64(x.Data[8*i:]))
	}
	return v
}

// Models of every architecture, made by llama.cpp's convert_hf_to_gguf.py, have the last
// hidden states that transformers computes of the weights that were converted.
func TestLastHiddenStates(t *testing.T) {
	// Those of testdata/variants, of which there are no others.
	variants := map[string]string{
		"jina-bert-v2": "jinabert-geglu", "jina-bert-v2-normed": "jinabert-normed-geglu", "nomic-bert": "nomic-swiglu", "nomic-bert-moe": "nomic-moe",
	}
	files, err := filepath.Glob(models + "/*.gguf")
	require.NoError(t, err)
	require.Len(t, files, 16)
	set := kernel.Best()
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".gguf")
		path := models + "/" + name + ".safetensors"
		if variant := variants[name]; variant != "" {
			path = "../../testdata/variants/" + variant + "/golden.safetensors"
		}
		if name == "bert" { // embed tests it as a whole
			continue
		}
		t.Run(name, func(t *testing.T) {
			folder, err := Open(os.DirFS(models), name+".gguf")
			require.NoError(t, err)
			config, err := fs.ReadFile(folder, "config.json")
			require.NoError(t, err)
			weights, err := folder.Weights("")
			require.NoError(t, err)
			defer weights.Close()
			m, err := transformer.Open(t.Context(), transformer.Config{JSON: config, Weights: weights, Set: set})
			require.NoError(t, err, string(config))

			golden, err := tensor.Open(path)
			require.NoError(t, err)
			defer golden.Close()
			var b transformer.Batch
			for _, id := range integers(t, golden, "input_ids") {
				b.IDs = append(b.IDs, int32(id))
			}
			for _, start := range integers(t, golden, "starts") {
				b.Starts = append(b.Starts, int(start))
			}
			states, _ := golden.Tensor("last_hidden_state")
			want := make([]float32, states.Len())
			require.NoError(t, states.Float32s(want))
			if name == "nomic-bert-moe" {
				copy(want, unbiased(t, "../../testdata/variants/nomic-moe", b))
			}
			got := tensor.NewMatrix(len(b.IDs), m.Hidden)
			require.NoError(t, m.Forward(context.Background(), nil, got, b))
			worst, lowest := 0.0, 1.0
			for i := range b.IDs {
				dot, a, c := 0.0, 0.0, 0.0
				for j, v := range got.Row(i) {
					x, y := float64(v), float64(want[i*m.Hidden+j])
					worst = max(worst, math.Abs(x-y))
					dot, a, c = dot+x*y, a+x*x, c+y*y
				}
				lowest = min(lowest, dot/math.Sqrt(a*c))
			}
			t.Logf("worst difference %.1e, lowest cosine 1-%.1e", worst, 1-lowest)
			if name == "nomic-bert-moe" { // its weights are rounded to float16 in the file alone
				assert.GreaterOrEqual(t, lowest, 1-1e-5)
				return
			}
			assert.LessOrEqual(t, worst, 3e-5) // as of the families' own goldens
		})
	}
}

// unbiased returns what the model in dir makes of b without the bias that its experts share, which
// GGUF files lack. The golden holds the model with it.
func unbiased(t testing.TB, dir string, b transformer.Batch) []float32 {
	config, err := os.ReadFile(dir + "/config.json")
	require.NoError(t, err)
	file, err := tensor.Open(dir + "/model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	var tensors []tensor.Tensor
	for _, x := range file.Stored() {
		if strings.HasSuffix(x.Name, "experts.bias") {
			x = tensor.FromFloat32s(x.Name, x.Shape, make([]float32, x.Len()))
		}
		tensors = append(tensors, x)
	}
	file.Replace(tensors)
	m, err := transformer.Open(t.Context(), transformer.Config{JSON: config, Weights: file, Set: kernel.Best()})
	require.NoError(t, err)
	h := tensor.NewMatrix(len(b.IDs), m.Hidden)
	require.NoError(t, m.Forward(context.Background(), nil, h, b))
	return h.Data
}
