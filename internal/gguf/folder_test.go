package gguf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// tinyBERT returns the values and tensors of a BERT whose tokenizer has a few words.
func tinyBERT() (map[string]any, map[string][]int) {
	values, tensors := bertValues(6, 2)
	values["tokenizer.ggml.model"] = "bert"
	values["tokenizer.ggml.tokens"] = []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁a", "b"}
	values["tokenizer.ggml.token_type"] = []int32{3, 3, 3, 3, 1, 1}
	return values, tensors
}

func TestFiles(t *testing.T) {
	values, tensors := tinyBERT()
	folder, err := Open(build(values, tensors), "model.gguf")
	require.NoError(t, err)
	assert.Equal(t, []string{"1_Pooling/config.json", "config.json", "modules.json", "tokenizer.json", "tokenizer_config.json"}, folder.Names())
	delete(values, "bert.pooling_type")
	folder, err = Open(build(values, tensors), "model.gguf")
	require.NoError(t, err)
	_, err = fs.Stat(folder, "modules.json")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = folder.Open("../x")
	assert.ErrorIs(t, err, fs.ErrInvalid)
}

// What is not known is refused by its name, and is no damage; what is damaged is.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		key   string
		value any // nil = the key is missing
		want  string
		known bool // an error of a damaged file
	}{
		{"architecture", "general.architecture", "mamba", `general.architecture: "mamba", expected one of bert, eurobert`, false},
		{"adapter", "general.type", "adapter", `general.type: "adapter", expected "model"`, false},
		{"part", "split.count", 3, "split.count: one of 3 files", false},
		{"key of the architecture", "bert.attention.clamp_kqv", float32(1), "bert.attention.clamp_kqv: unknown key", false},
		{"key of the tokenizer", "tokenizer.ggml.new", true, "tokenizer.ggml.new: unknown key", false},
		{"causal", "bert.attention.causal", true, "bert.attention.causal: true, expected false", false},
		{"pooling", "bert.pooling_type", 7, "bert.pooling_type: 7, expected 0 to 4", false},
		{"reranker", "bert.pooling_type", 4, "bert.pooling_type: 4, a reranker", false},
		{"tokenizer", "tokenizer.ggml.model", "rwkv", `tokenizer.ggml.model: "rwkv", expected bert, gpt2, t5 or llama`, false},
		{"split", "tokenizer.ggml.model", "gpt2", `tokenizer.ggml.pre: "", expected one that says`, false},
		{"head width", "bert.attention.key_length", 2, "bert.attention.value_length: 1", false},
		{"missing", "bert.block_count", nil, "bert.block_count: missing", true},
		{"type", "bert.block_count", "1", `bert.block_count: string 1, expected a whole number`, true},
		{"layers that differ", "bert.attention.head_count", []int32{1, 2}, "the same for all layers", true},
		{"kinds", "tokenizer.ggml.token_type", []int32{1}, "tokenizer.ggml.token_type: []int32 [1], expected an array of 6 int32", true},
		{"more tokens than rows", "tokenizer.ggml.tokens", []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁a", "b", "c"}, "7 tokens, and token_embd.weight has 6 rows", true},
		{"token twice", "tokenizer.ggml.tokens", []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[SEP]", "b"}, "which token", true},
		{"no UTF-8", "tokenizer.ggml.tokens", []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "\xff", "b"}, "expected UTF-8", true},
		{"special token", "tokenizer.ggml.mask_token_id", 99, "tokenizer.ggml.mask_token_id: 99, and there are 6 tokens", true},
		{"epsilon", "bert.attention.layer_norm_epsilon", nil, "bert.attention.layer_norm_epsilon: missing", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			values, tensors := tinyBERT()
			if values[c.key] = c.value; c.value == nil {
				delete(values, c.key)
			}
			if c.name == "head width" {
				c.key, values["bert.attention.value_length"] = "", 1
			}
			_, err := Open(build(values, tensors), "model.gguf")
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, !c.known, errors.Is(err, unsupported.Err))
		})
	}
}

func TestChoose(t *testing.T) {
	name, err := Choose(fstest.MapFS{"a.gguf": {}, "b.txt": {}})
	require.NoError(t, err)
	assert.Equal(t, "a.gguf", name)
	name, err = Choose(fstest.MapFS{"b.txt": {}})
	require.NoError(t, err)
	assert.Empty(t, name)
	_, err = Choose(fstest.MapFS{"a.gguf": {}, "b.GGUF": {}})
	assert.EqualError(t, err, "several GGUF files, expected the path of one: a.gguf, b.GGUF")
}

// FuzzFolder reads changed files of every architecture as folders: nothing panics, and what is
// read of the tensors lies within the file.
func FuzzFolder(f *testing.F) {
	files, err := filepath.Glob(models + "/*.gguf")
	require.NoError(f, err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data, uint16(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16, with byte) {
		if int(at) < len(data) { // the values, which are at the begin, are what counts
			data = append([]byte(nil), data...)
			data[at] ^= with
		}
		folder, err := Open(fstest.MapFS{"x": {Data: data}}, "x")
		if err != nil {
			return
		}
		for _, dir := range []string{"", "2_Dense", "3_Dense", "x"} {
			file, err := folder.Weights(dir)
			if err != nil {
				continue
			}
			for _, name := range file.Names() {
				x, _ := file.Tensor(name)
				if n := x.Len(); n >= 0 && n < 1<<20 {
					_ = x.Float32s(make([]float32, n))
				}
			}
			_ = file.Close()
		}
	})
}
