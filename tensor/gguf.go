package tensor

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// isGGUF reports whether data begin as a GGUF file. As the length of a header of
// safetensors the same bytes are more than one may have.
func isGGUF(data []byte) bool { return bytes.HasPrefix(data, []byte("GGUF")) }

// ggufTypes are the types of tensors in GGUF, enum ggml_type, that are read.
var ggufTypes = map[uint32]DType{
	0: F32, 1: F16, 2: Q4_0, 3: Q4_1, 6: Q5_0, 7: Q5_1, 8: Q8_0, 12: Q4_K, 13: Q5_K, 14: Q6_K,
	24: I8, 25: I16, 26: I32, 27: I64, 28: F64, 30: BF16,
}

// otherGGUFTypes are the names of those that are not.
var otherGGUFTypes = map[uint32]string{
	9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
	21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
}

// A TypeError says that a tensor of a GGUF file is of a type that is not read, though the
// file is well-formed.
type TypeError struct {
	Tensor string
	Type   string // such as "IQ4_NL"
}

// Error returns a message such as `tensor "blk.0.ffn_up.weight": type IQ4_NL, expected …`.
func (e *TypeError) Error() string {
	return fmt.Sprintf("tensor %.200q: type %s, expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K", e.Tensor, e.Type)
}

const (
	ggufDimensions = 4  // of one tensor, as in ggml
	ggufAlignment  = 32 // of data, where general.alignment does not say
)

// A ggufReader reads a GGUF file from its begin on.
type ggufReader struct {
	data []byte
	at   int
}

// parseGGUF returns the tensors of a GGUF file and its values, see File.Values: versions 2
// and 3, little-endian, as docs/gguf.md of ggml describes them. Shapes are in the order of
// Tensor, outermost first, which GGUF has the other way around. Two values or tensors of
// one name are an error, and so are tensors that overlap or lie past the end.
func parseGGUF(data []byte) ([]Tensor, map[string]any, error) {
	r := &ggufReader{data: data, at: 4}
	version, err := r.uint32()
	switch {
	case err != nil:
		return nil, nil, err
	case version&0xffff == 0:
		return nil, nil, fmt.Errorf("version: %#08x, expected a little-endian file", version)
	case version != 2 && version != 3:
		return nil, nil, fmt.Errorf("version: %d, expected 2 or 3", version)
	}
	var counts [2]uint64 // of tensors and values
	for i := range counts {
		if counts[i], err = r.uint64(); err != nil {
			return nil, nil, err
		}
	}
	values := map[string]any{}
	for i := range counts[1] {
		key, err := r.string()
		if err != nil {
			return nil, nil, fmt.Errorf("key %d of %d: %w", i, counts[1], err)
		}
		if _, twice := values[key]; twice {
			return nil, nil, fmt.Errorf("key %.200q: two of that name", key)
		}
		if values[key], err = r.value(); err != nil {
			return nil, nil, fmt.Errorf("key %.200q: %w", key, err)
		}
	}
	alignment := uint64(ggufAlignment)
	if v, ok := values["general.alignment"]; ok {
		n, ok := v.(uint32)
		if !ok || n == 0 || n&(n-1) != 0 || n > 1<<20 {
			return nil, nil, fmt.Errorf("general.alignment: %v, expected a power of 2 up to %d as uint32", v, 1<<20)
		}
		alignment = uint64(n)
	}
	tensors, err := r.tensors(counts[0], alignment)
	return tensors, values, err
}

// left returns how many bytes are not read yet.
func (r *ggufReader) left() int { return len(r.data) - r.at }

// take returns the next n bytes.
func (r *ggufReader) take(n uint64) ([]byte, error) {
	if n > uint64(r.left()) {
		return nil, fmt.Errorf("byte %d: %d bytes, the file has %d more", r.at, n, r.left())
	}
	b := r.data[r.at : r.at+int(n) : r.at+int(n)]
	r.at += int(n)
	return b, nil
}

func (r *ggufReader) uint32() (uint32, error) {
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (r *ggufReader) uint64() (uint64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (r *ggufReader) string() (string, error) {
	n, err := r.uint64()
	if err != nil {
		return "", err
	}
	b, err := r.take(n)
	return string(b), err
}

// The types of values, enum gguf_type: of numbers and booleans with their bytes.
const (
	ggufBool   = 7
	ggufString = 8
	ggufArray  = 9
)

var ggufSizes = map[uint32]uint64{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, ggufBool: 1, 10: 8, 11: 8, 12: 8}

// value returns the next value with its type before it.
func (r *ggufReader) value() (any, error) {
	kind, err := r.uint32()
	if err != nil {
		return nil, err
	}
	switch kind {
	case ggufString:
		return r.string()
	case ggufArray:
		return r.array()
	}
	size, ok := ggufSizes[kind]
	if !ok {
		return nil, fmt.Errorf("byte %d: type %d, expected 0 to 12", r.at-4, kind)
	}
	b, err := r.take(size)
	if err != nil {
		return nil, err
	}
	return ggufNumber(kind, b)
}

// ggufNumber returns the number, or the boolean, of that type in b.
func ggufNumber(kind uint32, b []byte) (any, error) {
	switch kind {
	case 0:
		return b[0], nil
	case 1:
		return int8(b[0]), nil
	case 2:
		return binary.LittleEndian.Uint16(b), nil
	case 3:
		return int16(binary.LittleEndian.Uint16(b)), nil
	case 4:
		return binary.LittleEndian.Uint32(b), nil
	case 5:
		return int32(binary.LittleEndian.Uint32(b)), nil
	case 6:
		return math.Float32frombits(binary.LittleEndian.Uint32(b)), nil
	case ggufBool:
		if b[0] > 1 {
			return nil, fmt.Errorf("%d, expected 0 or 1 of a boolean", b[0])
		}
		return b[0] == 1, nil
	case 10:
		return binary.LittleEndian.Uint64(b), nil
	case 11:
		return int64(binary.LittleEndian.Uint64(b)), nil
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
}

// array returns an array: []string, []uint8, []int8, []uint32, []int32 or []float32, and
// []any of the other numbers and booleans.
func (r *ggufReader) array() (any, error) {
	kind, err := r.uint32()
	if err != nil {
		return nil, err
	}
	n, err := r.uint64()
	if err != nil {
		return nil, err
	}
	if kind == ggufString {
		if n > uint64(r.left())/8 { // each has its length
			return nil, fmt.Errorf("byte %d: %d strings, the file has %d more bytes", r.at, n, r.left())
		}
		list := make([]string, n)
		for i := range list {
			if list[i], err = r.string(); err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
		}
		return list, nil
	}
	size, ok := ggufSizes[kind]
	if !ok {
		return nil, fmt.Errorf("byte %d: an array of type %d, expected one of numbers, booleans or strings", r.at-12, kind)
	}
	if n > uint64(r.left())/size {
		return nil, fmt.Errorf("byte %d: %d elements of %d bytes, the file has %d more", r.at, n, size, r.left())
	}
	b, err := r.take(n * size)
	if err != nil {
		return nil, err
	}
	switch kind {
	case 0:
		return bytes.Clone(b), nil
	case 1:
		return ggufNumbers[int8](kind, b, 1)
	case 4:
		return ggufNumbers[uint32](kind, b, 4)
	case 5:
		return ggufNumbers[int32](kind, b, 4)
	case 6:
		return ggufNumbers[float32](kind, b, 4)
	}
	return ggufNumbers[any](kind, b, int(size))
}

// ggufNumbers returns the numbers of that type, of so many bytes each, in b.
func ggufNumbers[T any](kind uint32, b []byte, size int) ([]T, error) {
	list := make([]T, len(b)/size)
	for i := range list {
		v, err := ggufNumber(kind, b[i*size:])
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		list[i] = v.(T)
	}
	return list, nil
}

// tensors returns the n tensors that the next bytes describe, whose data follow.
func (r *ggufReader) tensors(n, alignment uint64) ([]Tensor, error) {
	const least = 8 + 4 + 4 + 8 // bytes that describe one
	if n > uint64(r.left())/least {
		return nil, fmt.Errorf("byte %d: %d tensors, the file has %d more bytes", r.at, n, r.left())
	}
	type placed struct {
		Tensor
		begin, size uint64
	}
	list := make([]placed, n)
	names := make(map[string]struct{}, n)
	for i := range list {
		t := &list[i]
		var err error
		if t.Tensor, t.begin, err = r.describe(); err != nil {
			return nil, fmt.Errorf("tensor %d of %d: %w", i, n, err)
		}
		if _, twice := names[t.Name]; twice {
			return nil, fmt.Errorf("tensor %.200q: two of that name", t.Name)
		}
		names[t.Name] = struct{}{}
		size, ok := byteSize(t.DType, t.Shape)
		if !ok {
			return nil, fmt.Errorf("tensor %.200q: shape %v of %v: no whole number of blocks and bytes", t.Name, t.Shape, t.DType)
		}
		if t.size = uint64(size); t.begin%alignment != 0 {
			return nil, fmt.Errorf("tensor %.200q: offset %d, expected a multiple of %d", t.Name, t.begin, alignment)
		}
	}
	start := (uint64(r.at) + alignment - 1) / alignment * alignment
	if start > uint64(len(r.data)) {
		start = uint64(len(r.data)) // there are no data
	}
	payload := r.data[start:]
	slices.SortFunc(list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.size, b.size), cmp.Compare(a.Name, b.Name))
	})
	covered, tensors := uint64(0), make([]Tensor, n)
	for i, t := range list {
		switch {
		case t.begin > uint64(len(payload)) || t.size > uint64(len(payload))-t.begin:
			return nil, fmt.Errorf("tensor %.200q: %d bytes at offset %d: past the end, the file has %d bytes of data", t.Name, t.size, t.begin, len(payload))
		case t.begin < covered:
			return nil, fmt.Errorf("tensor %.200q: offset %d: within the tensor before it, which ends at %d", t.Name, t.begin, covered)
		}
		covered = t.begin + t.size
		t.Data = payload[t.begin:covered:covered]
		tensors[i] = t.Tensor
	}
	return tensors, nil
}

// describe returns the next tensor, without its data, and their offset.
func (r *ggufReader) describe() (t Tensor, offset uint64, err error) {
	if t.Name, err = r.string(); err != nil {
		return t, 0, err
	}
	dimensions, err := r.uint32()
	if err != nil {
		return t, 0, err
	}
	if dimensions > ggufDimensions {
		return t, 0, fmt.Errorf("%.200q: %d dimensions, expected at most %d", t.Name, dimensions, ggufDimensions)
	}
	t.Shape = make([]int, dimensions)
	for i := range t.Shape {
		n, err := r.uint64()
		if err != nil {
			return t, 0, err
		}
		if n > math.MaxInt {
			return t, 0, fmt.Errorf("%.200q: dimension of %d elements", t.Name, n)
		}
		t.Shape[len(t.Shape)-1-i] = int(n)
	}
	kind, err := r.uint32()
	if err != nil {
		return t, 0, err
	}
	var ok bool
	if t.DType, ok = ggufTypes[kind]; !ok {
		if name, known := otherGGUFTypes[kind]; known {
			return t, 0, &TypeError{t.Name, name}
		}
		return t, 0, &TypeError{t.Name, fmt.Sprint(kind)}
	}
	offset, err = r.uint64()
	return t, offset, err
}
