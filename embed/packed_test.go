package embed

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// packedBERT returns the golden of that name as bitsandbytes stores it in 8 bits, and with the
// floats that its codes stand for.
func packedBERT(t *testing.T) (packed, floats fstest.MapFS) {
	packed, floats = readModel(t, "bert"), readModel(t, "bert")
	file, err := tensor.Parse(packed["model.safetensors"].Data)
	require.NoError(t, err)
	var codes, dense []tensor.Tensor
	for _, name := range file.Names() {
		x, _ := file.Tensor(name)
		if len(x.Shape) != 2 || !strings.HasPrefix(name, "encoder.") {
			codes, dense = append(codes, x), append(dense, x)
			continue
		}
		w := make([]float32, x.Len())
		require.NoError(t, x.Float32s(w))
		c := tensor.Tensor{Name: name, DType: tensor.I8, Shape: x.Shape}
		scb := tensor.Tensor{Name: strings.TrimSuffix(name, "weight") + "SCB", DType: tensor.F32, Shape: x.Shape[:1]}
		d := tensor.Tensor{Name: name, DType: tensor.F32, Shape: x.Shape}
		for cols := x.Shape[1]; len(w) > 0; w = w[cols:] {
			var most float32
			for _, v := range w[:cols] {
				most = max(most, v, -v)
			}
			scb.Data = binary.LittleEndian.AppendUint32(scb.Data, math.Float32bits(most))
			for _, v := range w[:cols] {
				q := float32(math.RoundToEven(float64(v) * 127 / float64(most)))
				c.Data = append(c.Data, byte(int8(q)))
				d.Data = binary.LittleEndian.AppendUint32(d.Data, math.Float32bits(float32(q*most)*float32(1/127.0)))
			}
		}
		format := tensor.Tensor{Name: strings.TrimSuffix(name, "weight") + "weight_format", DType: tensor.U8, Shape: []int{}, Data: []byte{0}}
		codes, dense = append(codes, c, scb, format), append(dense, d)
	}
	for _, f := range []struct {
		files   fstest.MapFS
		tensors []tensor.Tensor
	}{{packed, codes}, {floats, dense}} {
		var out bytes.Buffer
		require.NoError(t, tensor.Write(&out, f.tensors, nil))
		write(f.files, "model.safetensors", out.String())
	}
	edit(t, packed, "config.json", "quantization_config", `{"quant_method": "bitsandbytes", "load_in_8bit": true, "bird": 1}`)
	return packed, floats
}

// A folder that another tool quantized gives the vectors of the floats that it stands for,
// in each precision, and says what it is.
func TestPackedFolder(t *testing.T) {
	packed, floats := packedBERT(t)
	ids := [][]int32{{2, 9, 17, 3}, {2, 30, 31, 5, 8, 13, 21, 3}}
	for _, p := range []Precision{Float32, BFloat16, Int8, Int4} {
		var want [][]float32
		for _, files := range []fstest.MapFS{floats, packed} {
			m, err := LoadFS(t.Context(), files, Config{Precision: p})
			require.NoError(t, err)
			r, err := m.EmbedIDs(t.Context(), ids, Options{})
			require.NoError(t, err)
			var got [][]float32
			for _, e := range r.Embeddings {
				got = append(got, e.Float32)
			}
			if want == nil {
				want = got
				assert.Empty(t, m.Info().Stored)
			} else {
				assert.Equal(t, want, got, "%v", p)
				assert.Equal(t, "bitsandbytes, 8 bits", m.Info().Stored)
				assert.Contains(t, m.Info().Ignored, "config.json: quantization_config.bird")
			}
			require.NoError(t, m.Close())
		}
	}

	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, packed))
	_, err := Quantize(context.Background(), dir, filepath.Join(t.TempDir(), "out"), Int4, nil)
	require.ErrorContains(t, err, "config.json: quantization_config: weights are bitsandbytes, 8 bits already, expected floats")

	write(packed, "model.safetensors", strings.Replace(string(packed["model.safetensors"].Data), "layer.1.output.dense.SCB", "layer.1.output.dense.SCA", 1))
	_, err = LoadFS(t.Context(), packed, Config{})
	require.ErrorContains(t, err, "model.safetensors: tensor encoder.layer.1.output.dense.SCB: missing, expected F32 of shape")
}
