package embed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/tensor"
)

// The sizes of the models whose loading is measured: what a process has beside the weights
// does not count beside them.
const (
	bigHidden, bigInner, bigVocabulary = 512, 1536, 2000
)

// A storage is a way in which a folder has its weights.
type storage struct {
	name   string
	layers int
	config string                                            // further keys of config.json
	linear func(name string, rows, cols int) []tensor.Tensor // of a linear layer
	write  func(t *testing.T, dir string, list []tensor.Tensor)
}

// pattern returns size bytes, each two of which are a number in BF16 and in F16 that is not
// large, and each one in F8_E4M3.
func pattern(size int) []byte {
	data := make([]byte, size)
	x := uint32(1)
	for i := 0; i+1 < min(size, 1<<16); i += 2 {
		x = x*1664525 + 1013904223
		binary.LittleEndian.PutUint16(data[i:], uint16(x>>16)&0x83bf|0x3c00)
	}
	for n := 1 << 16; n < size; n *= 2 {
		copy(data[n:], data[:n])
	}
	return data
}

// patternOf returns a tensor of a pattern.
func patternOf(name string, dtype tensor.DType, shape ...int) tensor.Tensor {
	size := dtype.Size()
	for _, n := range shape {
		size *= n
	}
	return tensor.Tensor{Name: name, DType: dtype, Shape: shape, Data: pattern(size)}
}

// plainLinear returns a layer with a weight of dtype.
func plainLinear(dtype tensor.DType) func(string, int, int) []tensor.Tensor {
	return func(name string, rows, cols int) []tensor.Tensor {
		return []tensor.Tensor{patternOf(name+".weight", dtype, rows, cols)}
	}
}

func quantizedBy(method, keys string) string {
	return fmt.Sprintf(`, "quantization_config": {"quant_method": %q, %s}`, method, keys)
}

// compressed returns what compressed-tensors says of a storage.
func compressed(format, weights string) string {
	return quantizedBy("compressed-tensors", fmt.Sprintf(`"format": %q, "quantization_status": "compressed", "ignore": ["lm_head"],
		"config_groups": {"group_0": {"targets": ["Linear"], "weights": {%s, "symmetric": true, "dynamic": false}}}`, format, weights))
}

// storages are those that are measured.
var storages = []storage{
	{"float32", 4, "", plainLinear(tensor.F32), writeSafetensors},
	{"float16", 8, "", plainLinear(tensor.F16), writeSafetensors},
	{"bfloat16", 8, "", plainLinear(tensor.BF16), writeSafetensors},
	{"pickle", 4, "", plainLinear(tensor.F32), func(t *testing.T, dir string, list []tensor.Tensor) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), stateDict(t, list...), 0o600))
	}},
	{"adapter", 8, "", plainLinear(tensor.BF16), writeAdapter},
	{"GGUF Q8_0", 12, "", plainLinear(tensor.F32), writeGGUF(tensor.Q8_0, tensor.Q8_0)},
	{"GGUF Q4_K_M", 12, "", plainLinear(tensor.F32), writeGGUF(tensor.Q4_K, tensor.Q6_K)},
	{"compressed int4", 12, compressed("pack-quantized", `"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128`), func(name string, rows, cols int) []tensor.Tensor {
		shape := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(rows)), uint64(cols))
		return []tensor.Tensor{
			patternOf(name+".weight_packed", tensor.I32, rows, cols/8), patternOf(name+".weight_scale", tensor.BF16, rows, cols/128),
			{Name: name + ".weight_shape", DType: tensor.I64, Shape: []int{2}, Data: shape},
		}
	}, writeSafetensors},
	{"compressed FP8", 12, compressed("float-quantized", `"num_bits": 8, "type": "float", "strategy": "channel"`), func(name string, rows, cols int) []tensor.Tensor {
		return []tensor.Tensor{patternOf(name+".weight", tensor.F8E4M3, rows, cols), patternOf(name+".weight_scale", tensor.BF16, rows, 1)}
	}, writeSafetensors},
	{"GPTQ", 12, quantizedBy("gptq", `"bits": 4, "group_size": 128, "desc_act": false, "checkpoint_format": "gptq"`), func(name string, rows, cols int) []tensor.Tensor {
		order := make([]byte, 4*cols)
		for i := range cols {
			binary.LittleEndian.PutUint32(order[4*i:], uint32(i/128))
		}
		return []tensor.Tensor{
			patternOf(name+".qweight", tensor.I32, cols/8, rows), patternOf(name+".qzeros", tensor.I32, cols/128, rows/8),
			patternOf(name+".scales", tensor.F16, cols/128, rows), {Name: name + ".g_idx", DType: tensor.I32, Shape: []int{cols}, Data: order},
		}
	}, writeSafetensors},
	{"AWQ", 12, quantizedBy("awq", `"bits": 4, "group_size": 128, "zero_point": true, "version": "gemm"`), func(name string, rows, cols int) []tensor.Tensor {
		return []tensor.Tensor{
			patternOf(name+".qweight", tensor.I32, cols, rows/8), patternOf(name+".qzeros", tensor.I32, cols/128, rows/8),
			patternOf(name+".scales", tensor.F16, cols/128, rows),
		}
	}, writeSafetensors},
	{"bitsandbytes int8", 12, quantizedBy("bitsandbytes", `"load_in_8bit": true`), func(name string, rows, cols int) []tensor.Tensor {
		return []tensor.Tensor{
			patternOf(name+".weight", tensor.I8, rows, cols), patternOf(name+".SCB", tensor.F32, rows),
			{Name: name + ".weight_format", DType: tensor.U8, Data: []byte{0}},
		}
	}, writeSafetensors},
	{"bitsandbytes nf4", 12, quantizedBy("bitsandbytes", `"load_in_4bit": true, "bnb_4bit_quant_type": "nf4"`), func(name string, rows, cols int) []tensor.Tensor {
		state := fmt.Sprintf(`{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [%d, %d]}`, rows, cols)
		return []tensor.Tensor{
			patternOf(name+".weight", tensor.U8, rows*cols/2, 1), patternOf(name+".weight.absmax", tensor.F32, rows*cols/64),
			patternOf(name+".weight.quant_map", tensor.F32, 16),
			{Name: name + ".weight.quant_state.bitsandbytes__nf4", DType: tensor.U8, Shape: []int{len(state)}, Data: []byte(state)},
		}
	}, writeSafetensors},
}

// tensors returns those of a llama.
func (s *storage) tensors() []tensor.Tensor {
	table := tensor.BF16
	if s.name == "pickle" { // of stateDict
		table = tensor.F32
	}
	list := []tensor.Tensor{patternOf("embed_tokens.weight", table, bigVocabulary, bigHidden), patternOf("norm.weight", table, bigHidden)}
	for i := range s.layers {
		at := fmt.Sprintf("layers.%d.", i)
		list = append(list, patternOf(at+"input_layernorm.weight", table, bigHidden), patternOf(at+"post_attention_layernorm.weight", table, bigHidden))
		for _, l := range bigLinears {
			list = append(list, s.linear(at+l.name, l.rows, l.cols)...)
		}
	}
	return list
}

var bigLinears = []struct {
	name, short string // of transformers, and of GGUF
	rows, cols  int
}{
	{"self_attn.q_proj", "attn_q", bigHidden, bigHidden}, {"self_attn.k_proj", "attn_k", bigHidden, bigHidden},
	{"self_attn.v_proj", "attn_v", bigHidden, bigHidden}, {"self_attn.o_proj", "attn_output", bigHidden, bigHidden},
	{"mlp.gate_proj", "ffn_gate", bigInner, bigHidden}, {"mlp.up_proj", "ffn_up", bigInner, bigHidden}, {"mlp.down_proj", "ffn_down", bigHidden, bigInner},
}

// folder writes the folder of a model.
func (s *storage) folder(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join(goldens, "llama", "model", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	config := fmt.Sprintf(`{"model_type": "llama", "architectures": ["LlamaModel"], "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
		"num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": %d, "max_position_embeddings": 512, "rms_norm_eps": 1e-6%s}`,
		bigHidden, bigInner, s.layers, bigVocabulary, s.config)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600))
	s.write(t, dir, s.tensors())
	return dir
}

func writeSafetensors(t *testing.T, dir string, list []tensor.Tensor) {
	saveTensors(t, filepath.Join(dir, "model.safetensors"), list)
}

func saveTensors(t *testing.T, path string, list []tensor.Tensor) {
	out, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, tensor.Write(out, list, nil))
	require.NoError(t, out.Close())
}

// writeAdapter writes an adapter of all linear layers too.
func writeAdapter(t *testing.T, dir string, list []tensor.Tensor) {
	writeSafetensors(t, dir, list)
	const rank = 16
	var adapter []tensor.Tensor
	for _, x := range list {
		if name, ok := strings.CutSuffix(x.Name, "_proj.weight"); ok {
			name = "base_model.model." + name + "_proj."
			adapter = append(adapter, patternOf(name+"lora_A.weight", tensor.F32, rank, x.Shape[1]), patternOf(name+"lora_B.weight", tensor.F32, x.Shape[0], rank))
		}
	}
	saveTensors(t, filepath.Join(dir, "adapter_model.safetensors"), adapter)
	config := fmt.Sprintf(`{"peft_type": "LORA", "r": %d, "lora_alpha": 16, "target_modules": "all-linear"}`, rank)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(config), 0o600))
}

// A ggufHead is the beginning of a GGUF file.
type ggufHead struct{ bytes.Buffer }

func (h *ggufHead) put(values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			h.put(uint64(len(v)))
			h.WriteString(v)
		case []string:
			for _, s := range v {
				h.put(s)
			}
		default:
			if err := binary.Write(h, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
	}
}

// writeGGUF writes one file of layers in a type of blocks, of which down and v are in another.
func writeGGUF(most, some tensor.DType) func(t *testing.T, dir string, list []tensor.Tensor) {
	types := map[tensor.DType]struct {
		id           uint32
		bytes, block int
	}{tensor.F32: {0, 4, 1}, tensor.Q8_0: {8, 34, 32}, tensor.Q4_K: {12, 144, 256}, tensor.Q6_K: {14, 210, 256}}
	return func(t *testing.T, dir string, list []tensor.Tensor) {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		for _, name := range names {
			require.NoError(t, os.Remove(name))
		}
		tokens, scores, kinds := make([]string, bigVocabulary), make([]float32, bigVocabulary), make([]int32, bigVocabulary)
		for i := range tokens {
			tokens[i], scores[i], kinds[i] = fmt.Sprintf("w%d", i), float32(-i), 1
		}
		copy(tokens, []string{"<unk>", "<s>", "</s>"})
		copy(kinds, []int32{2, 3, 3})
		const number, float, text, array = uint32(4), uint32(6), uint32(8), uint32(9)
		values := []any{
			"general.architecture", text, "llama", "llama.block_count", number, uint32(len(list) / 9), "llama.context_length", number, uint32(512),
			"llama.embedding_length", number, uint32(bigHidden), "llama.feed_forward_length", number, uint32(bigInner),
			"llama.attention.head_count", number, uint32(8), "llama.attention.head_count_kv", number, uint32(8), "llama.rope.freq_base", float, float32(10000),
			"llama.attention.layer_norm_rms_epsilon", float, float32(1e-6), "llama.vocab_size", number, uint32(bigVocabulary), "llama.rope.dimension_count", number, uint32(bigHidden / 8),
			"tokenizer.ggml.model", text, "llama", "tokenizer.ggml.pre", text, "default", "tokenizer.ggml.tokens", array, text, uint64(bigVocabulary), tokens,
			"tokenizer.ggml.token_type", array, uint32(5), uint64(bigVocabulary), kinds, "tokenizer.ggml.scores", array, float, uint64(bigVocabulary), scores,
			"tokenizer.ggml.bos_token_id", number, uint32(1), "tokenizer.ggml.eos_token_id", number, uint32(2), "llama.pooling_type", number, uint32(1),
		}
		const keys = 19
		var head ggufHead
		head.WriteString("GGUF")
		head.put(uint32(3), uint64(len(list)), uint64(keys))
		head.put(values...)
		var data bytes.Buffer
		for _, x := range list {
			dtype, name := tensor.F32, ggufName(x.Name)
			if len(x.Shape) == 2 {
				if dtype = most; strings.Contains(name, "ffn_down") || strings.Contains(name, "attn_v") {
					dtype = some
				}
			}
			head.put(name, uint32(len(x.Shape)))
			elements := 1
			for i := len(x.Shape) - 1; i >= 0; i-- {
				head.put(uint64(x.Shape[i]))
				elements *= x.Shape[i]
			}
			kind := types[dtype]
			head.put(kind.id, uint64(data.Len()))
			data.Write(pattern(elements / kind.block * kind.bytes))
			data.Write(make([]byte, (32-data.Len()%32)%32))
		}
		head.Write(make([]byte, (32-head.Len()%32)%32))
		head.Write(data.Bytes())
		require.NoError(t, os.WriteFile(filepath.Join(dir, "model.gguf"), head.Bytes(), 0o600))
	}
}

// ggufName returns the name in GGUF of a tensor of a llama.
func ggufName(name string) string {
	if name == "norm.weight" {
		return "output_norm.weight"
	}
	for _, l := range bigLinears {
		name = strings.Replace(name, l.name, l.short, 1)
	}
	return strings.NewReplacer("layers.", "blk.", "embed_tokens", "token_embd", "input_layernorm", "attn_norm", "post_attention_layernorm", "ffn_norm").Replace(name)
}

// sizeOf returns the bytes of all files in dir.
func sizeOf(t *testing.T, dir string) (size int64) {
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	}))
	return size
}

// memoryOf returns a line of /proc/self/status, in bytes.
func memoryOf(t *testing.T, key string) int64 {
	data, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(data), key+":")
	require.True(t, ok)
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}

// The process of TestLoadTakesLittleMemory that loads a folder and says what it took.
func TestLoadOnce(t *testing.T) {
	dir, name := os.Getenv("RHUMB_TEST_LOAD"), os.Getenv("RHUMB_TEST_PRECISION")
	if dir == "" {
		t.Skip("of TestLoadTakesLittleMemory")
	}
	precision, err := ParsePrecision(name)
	require.NoError(t, err)
	warm, err := Load(t.Context(), filepath.Join(goldens, "llama", "model"), Config{Precision: precision})
	require.NoError(t, err)
	require.NoError(t, warm.Close())
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		fmt.Println("peak unknown")
		return
	}
	before := memoryOf(t, "VmRSS")
	m, err := Load(t.Context(), dir, Config{Precision: precision})
	require.NoError(t, err)
	fmt.Println("peak", memoryOf(t, "VmHWM")-before, m.Info().MemoryBytes)
	runtime.KeepAlive(m)
}

// calibrated are the storages whose loading in Int8 is measured: that takes a while.
var calibrated = []string{"float32", "float16", "GPTQ", "bitsandbytes nf4"}

// Loading takes no more than 1.3 of the larger of the files and what stays in memory,
// whatever the folder has its weights in and whatever they are turned into.
func TestLoadTakesLittleMemory(t *testing.T) {
	skipUnderRace(t)
	if testing.Short() {
		t.Skip("loads large models")
	}
	for i := range storages {
		s := &storages[i]
		dir := s.folder(t)
		file := sizeOf(t, dir)
		for _, p := range Precisions() {
			if p == Int8 && !slices.Contains(calibrated, s.name) {
				continue
			}
			t.Run(s.name+"/"+p.String(), func(t *testing.T) {
				cmd := exec.Command(os.Args[0], "-test.run=^TestLoadOnce$")
				cmd.Env = append(os.Environ(), "RHUMB_TEST_LOAD="+dir, "RHUMB_TEST_PRECISION="+p.String())
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
				var peak, final int64
				if strings.HasPrefix(string(out), "peak unknown") {
					t.Skip("the system does not tell the most memory that a process had")
				}
				_, err = fmt.Sscanf(string(out), "peak %d %d", &peak, &final)
				require.NoError(t, err, "%s", out)
				most, allowed := max(file, final), max(file, final)*13/10
				t.Logf("file %d MB, final %d MB, peak %d MB: %.2f", file>>20, final>>20, peak>>20, float64(peak)/float64(most))
				require.Less(t, peak, allowed)
			})
		}
		require.NoError(t, os.RemoveAll(dir))
	}
}
