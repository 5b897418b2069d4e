package packed

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/internal/unsupported"
	"github.com/rhumb-go/rhumb/tensor"
)

// folders holds tiny models that other tools quantized. What their weights are worth as
// a whole is tested in internal/transformer.
const folders = "../../testdata/quantized"

// read returns the quantization_config and the tensors of a folder.
func read(t testing.TB, name string) ([]byte, map[string]tensor.Tensor) {
	data, err := os.ReadFile(filepath.Join(folders, name, "config.json"))
	require.NoError(t, err)
	var config struct {
		Quantization json.RawMessage `json:"quantization_config"`
	}
	require.NoError(t, json.Unmarshal(data, &config))
	data, err = os.ReadFile(filepath.Join(folders, name, "model.safetensors"))
	require.NoError(t, err)
	file, err := tensor.Parse(data)
	require.NoError(t, err)
	tensors := map[string]tensor.Tensor{}
	for _, n := range file.Names() {
		tensors[n], _ = file.Tensor(n)
	}
	return config.Quantization, tensors
}

// fileOf returns a file with the tensors.
func fileOf(t testing.TB, tensors map[string]tensor.Tensor) *tensor.File {
	var list []tensor.Tensor
	for name, x := range tensors {
		x.Name = name
		list = append(list, x)
	}
	var out bytes.Buffer
	require.NoError(t, tensor.Write(&out, list, nil))
	file, err := tensor.Parse(out.Bytes())
	require.NoError(t, err)
	return file
}

// layers are a quantized layer of each folder, rows×columns.
var layers = map[string]struct {
	weight     string
	rows, cols int
}{
	"awq":                        {"layers.0.mlp.up_proj.weight", 64, 32},
	"bitsandbytes-fp4":           {"layers.0.self_attn.k_proj.weight", 32, 64},
	"bitsandbytes-int8":          {"encoder.layer.0.output.dense.weight", 32, 64},
	"bitsandbytes-nf4":           {"layers.0.self_attn.k_proj.weight", 32, 64},
	"compressed-fp8-block":       {"layers.0.mlp.up_proj.weight", 64, 32},
	"compressed-int4":            {"layers.0.mlp.up_proj.weight", 64, 32},
	"compressed-int4-asymmetric": {"layers.0.mlp.up_proj.weight", 64, 32},
	"compressed-int8-group":      {"layers.0.mlp.up_proj.weight", 64, 32},
	"compressed-two-groups":      {"layers.0.self_attn.k_proj.weight", 32, 32},
	"fp8-blocks":                 {"layers.0.mlp.up_proj.weight", 64, 32},
	"fp8-tensor":                 {"layers.0.mlp.up_proj.weight", 64, 32},
	"gptq-act-order":             {"layers.0.mlp.up_proj.weight", 64, 32},
	"gptq-v2":                    {"encoder.layer.0.output.dense.weight", 32, 64},
}

// Any rows are what they are among all, and each tensor of the layer is read.
func TestRows(t *testing.T) {
	for name, l := range layers {
		t.Run(name, func(t *testing.T) {
			config, tensors := read(t, name)
			f, err := Parse(config)
			require.NoError(t, err)
			w, used, err := f.Weight(fileOf(t, tensors), l.weight, l.rows, l.cols)
			require.NoError(t, err)
			require.NotNil(t, w)
			of := 0
			for n := range tensors {
				if strings.HasPrefix(n, strings.TrimSuffix(l.weight, "weight")) && !strings.HasSuffix(n, "bias") {
					of++
				}
			}
			assert.Len(t, used, of)
			all, some := tensor.NewMatrix(l.rows, l.cols), tensor.NewMatrix(5, l.cols)
			w.Read(all, 0)
			w.Read(some, 7)
			for i := range some.Rows {
				require.Equal(t, all.Row(7+i), some.Row(i))
			}
		})
	}
}

// Blocks of 4 bits go on from one row to the next.
func TestBlocksAcrossRows(t *testing.T) {
	const rows, cols, block = 3, 10, 8
	codes := make([]byte, rows*cols/2)
	for i := range codes {
		codes[i] = byte(37 * i)
	}
	var levels, scales [16]float32
	for i := range levels {
		levels[i], scales[i] = float32(i)-7.5, float32(i+1)
	}
	state := []byte(`{"quant_type": "nf4", "blocksize": 8, "dtype": "float32", "shape": [3, 10]}`)
	f, err := Parse([]byte(`{"quant_method": "bitsandbytes", "load_in_4bit": true}`))
	require.NoError(t, err)
	w, _, err := f.Weight(fileOf(t, map[string]tensor.Tensor{
		"a.weight":                               {DType: tensor.U8, Shape: []int{len(codes), 1}, Data: codes},
		"a.weight.absmax":                        {DType: tensor.F32, Shape: []int{4}, Data: bytesOf(scales[:4])},
		"a.weight.quant_map":                     {DType: tensor.F32, Shape: []int{16}, Data: bytesOf(levels[:])},
		"a.weight.quant_state.bitsandbytes__nf4": {DType: tensor.U8, Shape: []int{len(state)}, Data: state},
	}), "a.weight", rows, cols)
	require.NoError(t, err)
	m := tensor.NewMatrix(rows, cols)
	w.Read(m, 0)
	for i := range rows * cols {
		code := codes[i/2] >> 4
		if i%2 == 1 {
			code = codes[i/2] & 15
		}
		require.InDelta(t, levels[code]*scales[i/block], m.Row(i / cols)[i%cols], 0, "element %d", i)
	}
}

func bytesOf(x []float32) (data []byte) {
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}

// A bias of GPTQ that is 0 counts as read, since layers without one have it in old files; another one is the model's.
func TestZeroBias(t *testing.T) {
	config, tensors := read(t, "gptq-act-order")
	f, err := Parse(config)
	require.NoError(t, err)
	l := layers["gptq-act-order"]
	for value, want := range map[byte]int{0: 5, 1: 4} {
		tensors["layers.0.mlp.up_proj.bias"] = tensor.Tensor{DType: tensor.F16, Shape: []int{64}, Data: bytes.Repeat([]byte{value}, 128)}
		_, used, err := f.Weight(fileOf(t, tensors), l.weight, l.rows, l.cols)
		require.NoError(t, err)
		assert.Len(t, used, want)
	}
}

// The numbers of arXiv:2209.05433, table 1.
func TestE4M3(t *testing.T) {
	for code, want := range map[int]float64{0: 0, 1: 1.0 / 512, 7: 7.0 / 512, 8: 1.0 / 64, 0x38: 1, 0x7e: 448, 0xfe: -448, 0xb9: -1.125} {
		require.InDelta(t, want, e4m3[code], 0, "%#x", code)
	}
	require.True(t, math.IsNaN(float64(e4m3[0x7f])) && math.IsNaN(float64(e4m3[0xff])))
}

// Damaged layers are errors that name the tensor and what was expected.
func TestBadLayers(t *testing.T) {
	drop := func(name string) func(map[string]tensor.Tensor) {
		return func(all map[string]tensor.Tensor) { delete(all, name) }
	}
	change := func(name string, f func(x *tensor.Tensor)) func(map[string]tensor.Tensor) {
		return func(all map[string]tensor.Tensor) {
			x := all[name]
			x.Data = bytes.Clone(x.Data)
			f(&x)
			all[name] = x
		}
	}
	reshaped := func(name string, shape ...int) func(map[string]tensor.Tensor) {
		return change(name, func(x *tensor.Tensor) { x.Shape = shape })
	}
	const up, dense = "layers.0.mlp.up_proj.", "encoder.layer.0.output.dense."
	for _, c := range []struct {
		folder, what string
		change       func(map[string]tensor.Tensor)
		want         string
	}{
		{"gptq-act-order", "no scales", drop(up + "scales"), "tensor " + up + "scales: missing, expected F32, F16, BF16 of shape [2 64] for a weight of 64x32"},
		{"gptq-act-order", "no zero points", drop(up + "qzeros"), "tensor " + up + "qzeros: missing, expected I32 of shape [2 8]"},
		{"gptq-act-order", "no groups", drop(up + "g_idx"), "tensor " + up + "g_idx: missing, expected I32 of shape [32]"},
		{"gptq-act-order", "group that is not there", change(up+"g_idx", func(x *tensor.Tensor) { x.Data[4] = 2 }), "g_idx: group 2 of column 1, expected 0 to 1"},
		{"gptq-act-order", "group below 0", change(up+"g_idx", func(x *tensor.Tensor) { x.Data[3] = 0x80 }), "g_idx: group -2147483"},
		{"gptq-act-order", "codes of another shape", reshaped(up+"qweight", 64, 4), "qweight: I32 of shape [64 4], expected I32 of shape [4 64]"},
		{"awq", "scales of another shape", reshaped(up+"scales", 64, 2), "scales: F16 of shape [64 2], expected F32, F16, BF16 of shape [2 64]"},
		{"awq", "zero points of another dtype", change(up+"qzeros", func(x *tensor.Tensor) { x.DType = tensor.F32 }), "qzeros: F32 of shape [2 8], expected I32"},
		{"compressed-int4", "no scales", drop(up + "weight_scale"), "weight_scale: missing, expected F32, F16, BF16 of shape [64 2]"},
		{"compressed-int4", "another shape", change(up+"weight_shape", func(x *tensor.Tensor) { x.Data[0]++ }), "weight_shape: another shape than 64x32"},
		{"compressed-int4-asymmetric", "no zero points", drop(up + "weight_zero_point"), "weight_zero_point: missing, expected I32 of shape [8 4]"},
		{"compressed-int8-group", "no scales", drop(up + "weight_scale"), "weight_scale: missing, expected F32, F16, BF16 of shape [64 2]"},
		{"compressed-fp8-block", "scales of rows", reshaped(up+"weight_scale", 2, 3), "weight_scale: BF16 of shape [2 3], expected F32, F16, BF16 of shape [3 2]"},
		{"bitsandbytes-int8", "no scales", drop(dense + "SCB"), "SCB: missing, expected F32 of shape [32]"},
		{"bitsandbytes-int8", "layout of a GPU", change(dense+"weight_format", func(x *tensor.Tensor) { x.Data[0] = 2 }), "weight_format: layout 2, that of a GPU, expected 0, rows"},
		{"fp8-blocks", "no scales", drop(up + "weight_scale_inv"), "weight_scale_inv: missing, expected F32, F16, BF16 of shape [4 4]"},
		{"fp8-tensor", "scales of rows", reshaped(up+"weight_scale", 1, 1), "weight_scale: F32 of shape [1 1], expected F32, F16, BF16 of shape []"},
	} {
		t.Run(c.folder+", "+c.what, func(t *testing.T) {
			config, tensors := read(t, c.folder)
			f, err := Parse(config)
			require.NoError(t, err)
			c.change(tensors)
			l := layers[c.folder]
			_, _, err = f.Weight(fileOf(t, tensors), l.weight, l.rows, l.cols)
			require.ErrorContains(t, err, c.want)
		})
	}
	for _, c := range []struct {
		folder, state, want string
	}{
		{"bitsandbytes-nf4", `{"quant_type": "nf4", "blocksize": 0, "dtype": "bfloat16", "shape": [32, 64]}`, "blocksize: found 0, expected 1 to"},
		{"bitsandbytes-nf4", `{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [64, 32], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.5}`, "shape: found [64 32], expected [32 64]"},
		{"bitsandbytes-nf4", `{"quant_type": "nf4", "blocksize": 64, "dtype": "float8", "shape": [32, 64]}`, `dtype: found "float8", expected "float32"`},
		{"bitsandbytes-nf4", `{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [32, 64]}`, "nested_blocksize: found 0"},
		{"bitsandbytes-fp4", `{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [32, 64]}`, `quant_type: found "nf4", expected "fp4"`},
		{"bitsandbytes-fp4", `{"quant_type": "fp4", "blocksize": 128, "dtype": "float16", "shape": [32, 64]}`, "weight.absmax: F32 of shape [32], expected F32 of shape [16]"},
		{"bitsandbytes-fp4", `{`, "quant_state.bitsandbytes__fp4: "},
	} {
		t.Run(c.folder+" "+c.want, func(t *testing.T) {
			config, tensors := read(t, c.folder)
			f, err := Parse(config)
			require.NoError(t, err)
			l := layers[c.folder]
			name := l.weight + ".quant_state.bitsandbytes__" + strings.TrimPrefix(c.folder, "bitsandbytes-")
			tensors[name] = tensor.Tensor{DType: tensor.U8, Shape: []int{len(c.state)}, Data: []byte(c.state)}
			_, _, err = f.Weight(fileOf(t, tensors), l.weight, l.rows, l.cols)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// What is not read is refused by its name.
func TestRefused(t *testing.T) {
	group := func(weights string) string {
		return `{"quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed", "config_groups": {"a": {"targets": ["Linear"], "weights": ` + weights + `}}}`
	}
	for _, c := range []struct{ config, want string }{
		{`{"quant_method": "hqq"}`, `quant_method: found "hqq", expected one of awq, bitsandbytes, compressed-tensors, fp8, gptq, rhumb`},
		{`{"quant_method": "gptq", "bits": 3}`, "bits: found 3, expected 2 or 4 or 8"},
		{`{"quant_method": "gptq", "bits": 4, "group_size": 0}`, "group_size: found 0, expected 1 to"},
		{`{"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}`, `checkpoint_format: found "marlin", expected "gptq" or "gptq_v2"`},
		{`{"quant_method": "gptq", "bits": 4, "dynamic": {"+:.*up": {"bits": 8}}}`, `dynamic: found "+:.*up"`},
		{`{"quant_method": "gptq", "bits": 4, "adapter": {"path": "x"}}`, "adapter: found map[path:x], expected none"},
		{`{"quant_method": "awq", "bits": 4, "version": "gemv"}`, `version: found "gemv", expected "gemm"`},
		{`{"quant_method": "awq", "bits": 4, "backend": "llm-awq"}`, `backend: found "llm-awq"`},
		{`{"quant_method": "awq", "bits": 4, "zero_point": false}`, "zero_point: found false, expected true"},
		{`{"quant_method": "bitsandbytes"}`, "load_in_8bit, load_in_4bit: found false and false, expected one of them"},
		{`{"quant_method": "fp8", "fmt": "e5m2"}`, `fmt: found "e5m2", expected "e4m3"`},
		{`{"quant_method": "fp8", "scale_fmt": "ue8m0"}`, `scale_fmt: found "ue8m0", expected "float"`},
		{`{"quant_method": "fp8", "weight_block_size": [128]}`, "weight_block_size: found [128], expected two sizes"},
		{`{"quant_method": "fp8", "weight_block_size": [128, -1]}`, "weight_block_size: found -1, expected 1 to"},
		{`{"quant_method": "compressed-tensors", "quantization_status": "frozen"}`, `quantization_status: found "frozen", expected "compressed"`},
		{`{"quant_method": "compressed-tensors", "quantization_status": "compressed", "config_groups": {}}`, "config_groups: found none"},
		{strings.Replace(group(`{"num_bits": 4, "group_size": 32}`), "pack-quantized", "nvfp4-pack-quantized", 1), `config_groups: a: format: found "nvfp4-pack-quantized", expected "int-quantized"`},
		{strings.Replace(group(`{"num_bits": 4, "group_size": 32}`), `"config`, `"transform_config": {"x": 1}, "config`, 1), "transform_config: found map[x:1], expected none"},
		{strings.Replace(group(`{"num_bits": 4, "group_size": 32}`), `"config`, `"sparsity_config": {"format": "sparse-24-bitmask"}, "config`, 1), `sparsity_config: format: found "sparse-24-bitmask", expected dense`},
		{strings.Replace(group(`{"num_bits": 4, "group_size": 32}`), `"config`, `"kv_cache_scheme": {"num_bits": 8}, "config`, 1), "kv_cache_scheme: found map[num_bits:8], expected none"},
		{group(`null`), "config_groups: a: weights: found none"},
		{group(`{"num_bits": 3, "group_size": 32}`), "weights: num_bits: found 3, expected 2 or 4 or 8"},
		{group(`{"num_bits": 4, "strategy": "tensor_group", "group_size": 16}`), `weights: strategy: found "tensor_group"`},
		{group(`{"num_bits": 4, "strategy": "group"}`), "weights: group_size: found 0"},
		{group(`{"num_bits": 4, "group_size": 32, "actorder": "group"}`), "weights: actorder: found group, expected none"},
		{group(`{"num_bits": 4, "group_size": 32, "bird": 1}`), `weights: unknown key "bird"`},
	} {
		_, err := Parse([]byte(c.config))
		require.ErrorContains(t, err, c.want, c.config)
		assert.True(t, errors.Is(err, unsupported.Err), c.config)
	}
	f, err := Parse([]byte(`{"quant_method": "gptq", "bits": 4, "sym": true, "dynamic": {"-:.*up": {}}, "bird": {"x": 1}}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"bird"}, f.Ignored())
}

// FuzzConfig reads a layer of each folder by the quantization_config at hand.
func FuzzConfig(f *testing.F) {
	files := map[string]*tensor.File{}
	for name := range layers {
		config, tensors := read(f, name)
		files[name] = fileOf(f, tensors)
		f.Add([]byte(config))
	}
	f.Add([]byte(`{"quant_method": "gptq", "bits": 4, "group_size": 1073741824, "desc_act": true, "dynamic": {"-": null}}`))
	f.Add([]byte(`{"quant_method": "compressed-tensors", "quantization_status": "compressed", "format": "naive-quantized", "config_groups": {"a": {"targets": ["re:("], "weights": {"strategy": "block", "block_structure": [1, 1]}}, "b": {"targets": [], "weights": {}}}}`))
	f.Fuzz(func(t *testing.T, config []byte) {
		format, err := Parse(config)
		if err != nil {
			return
		}
		for name, l := range layers {
			if w, _, err := format.Weight(files[name], l.weight, l.rows, l.cols); err == nil && w != nil {
				w.Read(tensor.NewMatrix(l.rows, l.cols), 0)
			}
		}
	})
}

// Numbers of 16 bits are those of package float16, at each power of two and around all borders.
func TestRoundF16(t *testing.T) {
	for high := range uint32(1 << 16) {
		for _, low := range []uint32{0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x2fff, 0x3000, 0x3001, 0xefff, 0xf000, 0xf001, 0xffff} {
			v := math.Float32frombits(high<<16 | low)
			if v != v {
				continue
			}
			x := []float32{v}
			rounds[tensor.F16](x)
			require.Equal(t, math.Float32bits(float16.Fromfloat32(v).Float32()), math.Float32bits(x[0]), "%x%04x", high, low)
		}
	}
}
