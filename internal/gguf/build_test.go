package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing/fstest"
)

// A builder writes GGUF files.
type builder struct{ bytes.Buffer }

func (b *builder) put(values ...any) {
	for _, v := range values {
		if s, ok := v.(string); ok {
			b.put(uint64(len(s)))
			b.WriteString(s)
		} else if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
}

// value writes a value with its type.
func (b *builder) value(v any) {
	switch v := v.(type) {
	case uint32:
		b.put(uint32(4), v)
	case int:
		b.put(uint32(4), uint32(v))
	case float32:
		b.put(uint32(6), v)
	case bool:
		b.put(uint32(7), v)
	case string:
		b.put(uint32(8), v)
	case []string:
		b.put(uint32(9), uint32(8), uint64(len(v)))
		for _, s := range v {
			b.put(s)
		}
	case []int32:
		b.put(uint32(9), uint32(5), uint64(len(v)), v)
	case []float32:
		b.put(uint32(9), uint32(6), uint64(len(v)), v)
	case []uint8:
		b.put(uint32(9), uint32(0), uint64(len(v)), v)
	case []bool:
		b.put(uint32(9), uint32(7), uint64(len(v)), v)
	default:
		panic(fmt.Sprintf("%T", v))
	}
}

// build returns a file system with model.gguf of these values and of tensors of zeros in F16,
// with these shapes, outermost first.
func build(values map[string]any, tensors map[string][]int) fstest.MapFS {
	var b builder
	b.WriteString("GGUF")
	b.put(uint32(3), uint64(len(tensors)), uint64(len(values)))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		b.put(key)
		b.value(values[key])
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		shape := tensors[name]
		b.put(name, uint32(len(shape)))
		n := 2
		for _, d := range slices.Backward(shape) {
			b.put(uint64(d))
			n *= d
		}
		b.put(uint32(1), uint64(size))
		size += (n + 31) / 32 * 32
	}
	b.Write(make([]byte, (32-b.Len()%32)%32+size))
	return fstest.MapFS{"model.gguf": {Data: b.Bytes()}}
}

// bertValues returns what a file says of a BERT of one layer beside its tokenizer, and its
// tensors, with so many rows of the table of tokens.
func bertValues(rows, types int) (map[string]any, map[string][]int) {
	values := map[string]any{
		"general.architecture": "bert", "bert.embedding_length": 1, "bert.block_count": 1, "bert.context_length": 512, "bert.feed_forward_length": 1,
		"bert.attention.head_count": 1, "bert.attention.layer_norm_epsilon": float32(1e-12), "bert.attention.causal": false, "bert.pooling_type": 1,
	}
	return values, map[string][]int{"token_embd.weight": {rows, 1}, "position_embd.weight": {512, 1}, "token_types.weight": {types, 1}}
}
