package gguf

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tokenizers "github.com/rhumb-go/rhumb/tokenizer"
)

// A vocabulary of Gemma's kind, in tables that llama.cpp's set_vocab makes, has the ids of the tokenizer.json that
// transformers makes of the same SentencePiece model. The tables have the runs of spaces that users define with spaces,
// where the model has U+2581: who takes them for pieces as they are finds none in a text. Sentencepiece itself differs
// where a text names special tokens, and there alone.
func TestGemmaIDs(t *testing.T) {
	packed, err := os.ReadFile(models + "/gemma.json.gz")
	require.NoError(t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	var made struct {
		Values map[string]json.RawMessage
		IDs    [][]int32
		Pieces [][]int32
	}
	require.NoError(t, json.NewDecoder(r).Decode(&made))
	values, tensors := gemmaValues()
	for key, raw := range made.Values {
		switch key {
		case "tokenizer.ggml.tokens":
			values[key] = decoded[[]string](t, raw)
		case "tokenizer.ggml.scores":
			values[key] = decoded[[]float32](t, raw)
		case "tokenizer.ggml.token_type":
			values[key] = decoded[[]int32](t, raw)
		case "tokenizer.ggml.model", "tokenizer.ggml.pre":
			values[key] = decoded[string](t, raw)
		case "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.padding_token_id":
			values[key] = decoded[int](t, raw)
		default:
			values[key] = decoded[bool](t, raw)
		}
	}
	tokens := values["tokenizer.ggml.tokens"].([]string)
	require.Contains(t, tokens, "  ")
	tensors["token_embd.weight"] = []int{len(tokens), 1}
	folder, err := Open(build(values, tensors), "model.gguf")
	require.NoError(t, err)
	tok, err := tokenizers.LoadFS(folder)
	require.NoError(t, err)
	count, others := 0, 0
	for i, c := range casesOf(t, "mistral-v1") {
		if c.RawB64 != nil {
			continue
		}
		e, err := tok.Encode(c.Text, tokenizers.Options{})
		require.NoError(t, err)
		require.Equal(t, made.IDs[i], e.IDs, "%.200q", c.Text)
		if count++; made.Pieces[i] == nil {
			continue
		}
		others++
		special := slices.ContainsFunc(e.IDs[1:], func(id int32) bool { return id < 5 }) // <pad> to <mask>
		assert.True(t, special, "%.200q", c.Text)
	}
	assert.Greater(t, count, 390)
	assert.Equal(t, 5, others)
}

func decoded[T any](t *testing.T, raw json.RawMessage) (v T) {
	require.NoError(t, json.Unmarshal(raw, &v))
	return v
}

// gemmaValues returns what a file says of a Gemma of one layer beside its tokenizer, and its tensors.
func gemmaValues() (map[string]any, map[string][]int) {
	return map[string]any{
		"general.architecture": "gemma3", "gemma3.embedding_length": 1, "gemma3.block_count": 1, "gemma3.context_length": 512, "gemma3.feed_forward_length": 1,
		"gemma3.attention.head_count": 1, "gemma3.attention.head_count_kv": 1, "gemma3.attention.key_length": 1, "gemma3.attention.value_length": 1,
		"gemma3.attention.layer_norm_rms_epsilon": float32(1e-6), "gemma3.rope.freq_base": float32(1e6), "gemma3.attention.sliding_window": 512,
	}, map[string][]int{}
}
