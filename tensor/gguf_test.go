package tensor

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every type gives the bits that gguf-py gives.
func TestGGUFBlocks(t *testing.T) {
	f, err := Open("testdata/gguf/blocks.gguf")
	require.NoError(t, err)
	defer f.Close()
	want, err := Open("testdata/gguf/blocks.safetensors")
	require.NoError(t, err)
	defer want.Close()
	require.Equal(t, want.Names(), f.Names())
	for _, name := range f.Names() {
		t.Run(name, func(t *testing.T) {
			x, _ := f.Tensor(name)
			w, _ := want.Tensor(name)
			require.Equal(t, w.Shape, x.Shape)
			assert.Equal(t, name, x.DType.String())
			got, expected := make([]float32, x.Len()), make([]float32, w.Len())
			require.NoError(t, x.Float32s(got))
			require.NoError(t, w.Float32s(expected))
			for i := range got {
				require.Equal(t, math.Float32bits(expected[i]), math.Float32bits(got[i]), "element %d", i)
			}
			part := make([]float32, 5)
			for at := 0; at+5 <= len(got); at += 3 { // across the borders of blocks
				require.NoError(t, x.Float32sAt(part, at))
				require.Equal(t, expected[at:at+5], part, "at %d", at)
			}
			row := x.Rows("row", 1, 3)
			require.Equal(t, []int{2, x.Shape[1]}, row.Shape)
			require.NoError(t, row.Float32sAt(part, 1))
			assert.Equal(t, expected[x.Shape[1]+1:][:5], part)
			assert.Error(t, x.Float32sAt(part, len(got)-4))
			assert.Error(t, x.Float32sAt(part, -1))
			x.Data = x.Data[:len(x.Data)-1]
			assert.Error(t, x.Float32sAt(nil, 0))
		})
	}
}

func TestGGUFValues(t *testing.T) {
	f, err := Open("testdata/gguf/values.gguf")
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, "gguf", f.Format())
	v := f.Values()
	for key, want := range map[string]any{
		"general.architecture": "test", "general.alignment": uint32(64),
		"own.uint8": uint8(200), "own.int8": int8(-100), "own.uint16": uint16(60000), "own.int16": int16(-30000),
		"own.uint32": uint32(4000000000), "own.int32": int32(-2000000000), "own.uint64": uint64(1 << 63), "own.int64": int64(-1 << 62),
		"own.float32": float32(0.1), "own.float64": 0.1, "own.bool": true, "own.string": "wörter",
		"own.strings": []string{"", "a", "▁b"}, "own.floats": []float32{0.5, -1}, "own.ints": []int32{1, -2}, "own.bools": []any{true, false},
		"own.bytes": []uint8{0, 255},
	} {
		assert.Equal(t, want, v[key], key)
	}
	x, ok := f.Tensor("x")
	require.True(t, ok)
	assert.Equal(t, []int{2, 3}, x.Shape)
	y, _ := f.Tensor("y")
	assert.Equal(t, I8, y.DType)
	assert.EqualValues(t, 24+4, f.Size())
}

func TestReplace(t *testing.T) {
	f, err := Open("testdata/gguf/values.gguf")
	require.NoError(t, err)
	defer f.Close()
	x, _ := f.Tensor("x")
	double := Made("double", x.Shape, []Tensor{x}, func(dst []float32, offset int) error {
		err := x.Float32sAt(dst, offset)
		for i := range dst {
			dst[i] *= 2
		}
		return err
	})
	f.Replace([]Tensor{double, FromFloat32s("own", []int{2}, []float32{1, 2})})
	assert.Equal(t, []string{"double", "own"}, f.Names())
	d, _ := f.Tensor("double")
	got := make([]float32, 6)
	require.NoError(t, d.Float32s(got))
	assert.Equal(t, []float32{0, 2, 4, 6, 8, 10}, got)
	assert.Error(t, d.Float32sAt(got, 1))
	f.Release(d)
	var names []string
	for _, s := range f.Stored() {
		names = append(names, s.Name)
	}
	assert.Equal(t, []string{"x", "y"}, names)
	assert.Error(t, Write(&bytes.Buffer{}, []Tensor{d}, nil), "there are no data")
}

// A ggufBuilder writes a GGUF file.
type ggufBuilder struct{ bytes.Buffer }

func (b *ggufBuilder) numbers(values ...any) *ggufBuilder {
	for _, v := range values {
		if s, ok := v.(string); ok {
			b.numbers(uint64(len(s)))
			b.WriteString(s)
			continue
		}
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

// ggufHead returns the begin of a file with so many tensors and values.
func ggufHead(tensors, values uint64) *ggufBuilder {
	b := &ggufBuilder{}
	b.WriteString("GGUF")
	return b.numbers(uint32(3), tensors, values)
}

func TestGGUFErrors(t *testing.T) {
	tensorAt := func(name string, kind uint32, columns, offset uint64) []any {
		return []any{name, uint32(1), columns, kind, offset}
	}
	padded := func(b *ggufBuilder, size int) []byte {
		data := b.Bytes()
		return append(data, make([]byte, (32-len(data)%32)%32+size)...)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"short", []byte("GGUF"), "byte 4: 4 bytes, the file has 0 more"},
		{"version 1", (&ggufBuilder{*bytes.NewBufferString("GGUF")}).numbers(uint32(1)).Bytes(), "version: 1, expected 2 or 3"},
		{"big-endian", []byte("GGUF\x00\x00\x00\x03"), "expected a little-endian file"},
		{"tensors that are not there", ggufHead(1<<60, 0).Bytes(), "tensors, the file has 0 more bytes"},
		{"keys that are not there", ggufHead(0, 1<<60).Bytes(), "key 0 of 1152921504606846976: byte 24: 8 bytes, the file has 0 more"},
		{"key that ends early", ggufHead(0, 1).numbers(uint64(1 << 63)).Bytes(), "9223372036854775808 bytes, the file has 0 more"},
		{"unknown type of value", ggufHead(0, 1).numbers("a", uint32(13)).Bytes(), `key "a": byte 33: type 13, expected 0 to 12`},
		{"key twice", ggufHead(0, 2).numbers("a", uint32(0), uint8(1), "a").Bytes(), `key "a": two of that name`},
		{"no boolean", ggufHead(0, 1).numbers("a", uint32(7), uint8(2)).Bytes(), `key "a": 2, expected 0 or 1`},
		{"array of arrays", ggufHead(0, 1).numbers("a", uint32(9), uint32(9), uint64(1)).Bytes(), "an array of type 9, expected one of numbers"},
		{"array that is not there", ggufHead(0, 1).numbers("a", uint32(9), uint32(4), uint64(1<<62)).Bytes(), "4611686018427387904 elements of 4 bytes"},
		{"strings that are not there", ggufHead(0, 1).numbers("a", uint32(9), uint32(8), uint64(1<<62)).Bytes(), "4611686018427387904 strings"},
		{"alignment", ggufHead(0, 1).numbers("general.alignment", uint32(4), uint32(24)).Bytes(), "general.alignment: 24, expected a power of 2"},
		{"alignment 0", ggufHead(0, 1).numbers("general.alignment", uint32(4), uint32(0)).Bytes(), "general.alignment: 0"},
		{"dimensions", ggufHead(1, 0).numbers("a", uint32(5), make([]byte, 64)).Bytes(), `"a": 5 dimensions, expected at most 4`},
		{"type", ggufHead(1, 0).numbers(tensorAt("a", 20, 32, 0)...).Bytes(), `tensor "a": type IQ4_NL, expected one of`},
		{"type without a name", ggufHead(1, 0).numbers(tensorAt("a", 99, 32, 0)...).Bytes(), `tensor "a": type 99`},
		{"part of a block", ggufHead(1, 0).numbers(tensorAt("a", 8, 33, 0)...).Bytes(), `shape [33] of Q8_0: no whole number of blocks`},
		{"no row", ggufHead(1, 0).numbers("a", uint32(0), uint32(8), uint64(0)).Bytes(), `shape [] of Q8_0`},
		{"huge", ggufHead(1, 0).numbers("a", uint32(3), uint64(1<<30), uint64(1<<30), uint64(1<<30), uint32(0), uint64(0)).Bytes(), "no whole number of blocks and bytes"},
		{"offset", padded(ggufHead(1, 0).numbers(tensorAt("a", 0, 1, 4)...), 64), "offset 4, expected a multiple of 32"},
		{"past the end", padded(ggufHead(1, 0).numbers(tensorAt("a", 0, 9, 32)...), 64), "36 bytes at offset 32: past the end, the file has 64 bytes"},
		{"offset past the end", padded(ggufHead(1, 0).numbers(tensorAt("a", 0, 1, 1<<63)...), 64), "past the end"},
		{"no data", ggufHead(1, 0).numbers(tensorAt("a", 0, 1, 0)...).Bytes(), "the file has 0 bytes of data"},
		{"overlap", padded(ggufHead(2, 0).numbers(append(tensorAt("a", 0, 9, 0), tensorAt("b", 0, 1, 32)...)...), 64), `tensor "b": offset 32: within the tensor before it, which ends at 36`},
		{"tensor twice", padded(ggufHead(2, 0).numbers(append(tensorAt("a", 0, 1, 0), tensorAt("a", 0, 1, 32)...)...), 64), `tensor "a": two of that name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.data)
			assert.ErrorContains(t, err, c.want)
		})
	}
	var other *TypeError
	_, err := Parse(ggufHead(1, 0).numbers(tensorAt("a", 20, 32, 0)...).Bytes())
	assert.ErrorAs(t, err, &other)
}

// FuzzGGUF changes GGUF files: nothing panics, and what is read lies within the file.
func FuzzGGUF(f *testing.F) {
	for _, name := range []string{"testdata/gguf/values.gguf", "testdata/gguf/blocks.gguf"} {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add(ggufHead(1, 0).numbers("a", uint32(2), uint64(32), uint64(0), uint32(8), uint64(0), make([]byte, 64)).Bytes())
	f.Add(ggufHead(0, 1).numbers("a", uint32(9), uint32(8), uint64(3), "x", "", "y").Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		for _, x := range file.Stored() {
			n := x.Len()
			if n > 1<<16 {
				n = 1 << 16
			}
			if x.Float32sAt(nil, 0) == nil {
				require.NoError(t, x.Float32sAt(make([]float32, n), 0))
			}
		}
	})
}
