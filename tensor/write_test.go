package tensor

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The bytes that the reference implementation wrote, from the same tensors in any order.
func TestWriteReferenceFile(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "dtypes.safetensors"))
	require.NoError(t, err)
	f, err := Parse(want)
	require.NoError(t, err)
	var tensors []Tensor
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		tensors = append(tensors, x)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		r.Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
		assert.Equal(t, want, written(t, tensors, map[string]string{"format": "pt"}))
	}
}

// Files as safetensors 0.8.0 writes them, taken down as text.
func TestWrite(t *testing.T) {
	for _, c := range []struct {
		name     string
		tensors  []Tensor
		metadata map[string]string
		want     string
	}{
		{"no tensors", nil, nil, "\x08\x00\x00\x00\x00\x00\x00\x00{}      "},
		{"empty and scalar", []Tensor{
			{Name: "s", DType: F32, Data: []byte("\x00\x00\x80?")},
			{Name: "e", DType: F32, Shape: []int{0, 3}},
		}, nil, "p\x00\x00\x00\x00\x00\x00\x00" + `{"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}` + "    \x00\x00\x80?"},
		{"metadata alone, by key", nil, map[string]string{"b": "<\">", "a": "é"},
			"\x28\x00\x00\x00\x00\x00\x00\x00" + `{"__metadata__":{"a":"é","b":"<\">"}}` + "  "},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, string(written(t, c.tensors, c.metadata)))
		})
	}
}

// Data of every dtype begin at a multiple of the size of their elements.
func TestWriteAligns(t *testing.T) {
	var tensors []Tensor
	for d := BOOL; d.known(); d++ {
		if d.Size() > 0 {
			tensors = append(tensors, Tensor{Name: d.String(), DType: d, Shape: []int{3}, Data: make([]byte, 3*d.Size())})
		}
	}
	data := written(t, tensors, map[string]string{"a": "odd"})
	f, err := Parse(data)
	require.NoError(t, err)
	for name, x := range all(t, f) {
		at := -1
		for i := range data {
			if &data[i] == &x.Data[0] {
				at = i
			}
		}
		require.NotEqual(t, -1, at)
		assert.Zero(t, at%x.DType.Size(), "%s at %d", name, at)
	}
}

func TestWriteDoesNotReorder(t *testing.T) {
	tensors := []Tensor{{Name: "b", DType: U8, Data: []byte{1}}, {Name: "a", DType: F32, Data: make([]byte, 4)}}
	written(t, tensors, nil)
	assert.Equal(t, "b", tensors[0].Name)
}

func TestWriteErrors(t *testing.T) {
	good := Tensor{Name: "x", DType: U8, Shape: []int{2}, Data: make([]byte, 2)}
	change := func(change func(*Tensor)) []Tensor {
		x := good
		change(&x)
		return []Tensor{x}
	}
	for _, c := range []struct {
		name     string
		tensors  []Tensor
		metadata map[string]string
		want     string
	}{
		{"two of a name", []Tensor{good, {Name: "x", DType: F32, Data: make([]byte, 4)}}, nil, `tensor "x": two of that name`},
		{"reserved name", change(func(x *Tensor) { x.Name = "__metadata__" }), nil, `tensor "__metadata__": the name is reserved`},
		{"name not UTF-8", change(func(x *Tensor) { x.Name = "a\xff" }), nil, `tensor "a\xff": the name is not UTF-8`},
		{"zero dtype", change(func(x *Tensor) { x.DType = 0 }), nil, `tensor "x": unknown dtype DType(0)`},
		{"unknown dtype", change(func(x *Tensor) { x.DType = 99 }), nil, `tensor "x": unknown dtype DType(99)`},
		{"too little data", change(func(x *Tensor) { x.Data = x.Data[:1] }), nil, `tensor "x": 1 bytes of data, shape [2] of U8 has 2`},
		{"negative dimension", change(func(x *Tensor) { x.Shape = []int{-1, -2} }), nil, `tensor "x": shape [-1 -2] of U8: no whole number of bytes`},
		{"overflow", change(func(x *Tensor) { x.Shape = []int{1 << 30, 1 << 30, 1 << 30}; x.Data = nil }), nil, `no whole number of bytes`},
		{"many dimensions", change(func(x *Tensor) { x.Shape = make([]int, 65) }), nil, `tensor "x": 65 dimensions, expected at most 64`},
		{"metadata key not UTF-8", nil, map[string]string{"\xff": ""}, `metadata: key "\xff" or its value is not UTF-8`},
		{"metadata value not UTF-8", nil, map[string]string{"a": "\xff"}, `metadata: key "a" or its value is not UTF-8`},
		{"header too long", nil, map[string]string{"a": string(bytes.Repeat([]byte{'a'}, 100_000_000))}, `header: 100000032 bytes, expected at most 100000000`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			assert.ErrorContains(t, Write(&b, c.tensors, c.metadata), c.want)
			assert.Zero(t, b.Len())
		})
	}
}

// A failingWriter takes n bytes.
type failingWriter struct{ n int }

var errFull = errors.New("full")

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteToFailingWriter(t *testing.T) {
	x := []Tensor{{Name: "x", DType: U8, Shape: []int{2}, Data: make([]byte, 2)}}
	n := len(written(t, x, nil))
	assert.NoError(t, Write(&failingWriter{n}, x, nil))
	assert.ErrorIs(t, Write(&failingWriter{n - 1}, x, nil), errFull)
	assert.ErrorIs(t, Write(&failingWriter{7}, x, nil), errFull)
}
