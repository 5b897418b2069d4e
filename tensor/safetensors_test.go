package tensor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file returns a safetensors file with that header and n bytes of data.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

// written returns what Write writes.
func written(t testing.TB, tensors []Tensor, metadata map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, tensors, metadata))
	return b.Bytes()
}

// all returns the tensors of f by name.
func all(t testing.TB, f *File) map[string]Tensor {
	t.Helper()
	m := map[string]Tensor{}
	for _, name := range f.Names() {
		x, ok := f.Tensor(name)
		require.True(t, ok, name)
		m[name] = x
	}
	return m
}

// What PyTorch and the reference implementation wrote, by testdata/generate.py.
func TestOpenReferenceFile(t *testing.T) {
	f, err := Open(filepath.Join("testdata", "dtypes.safetensors"))
	require.NoError(t, err)
	defer f.Close()

	assert.Equal(t, map[string]string{"format": "pt"}, f.Metadata())
	assert.IsIncreasing(t, f.Names())
	assert.Len(t, f.Names(), 3+2*4+16)

	for name, want := range map[string]Tensor{
		"scalar":           {DType: F32, Shape: []int{}},
		"empty":            {DType: F32, Shape: []int{0, 3}},
		"ключ \"<&>\"\t\\": {DType: I64, Shape: []int{1, 2, 3}},
		"bool":             {DType: BOOL, Shape: []int{16}},
		"uint8":            {DType: U8, Shape: []int{16}},
		"int8":             {DType: I8, Shape: []int{16}},
		"uint16":           {DType: U16, Shape: []int{8}},
		"int16":            {DType: I16, Shape: []int{8}},
		"uint32":           {DType: U32, Shape: []int{4}},
		"int32":            {DType: I32, Shape: []int{4}},
		"uint64":           {DType: U64, Shape: []int{2}},
		"int64":            {DType: I64, Shape: []int{2}},
		"complex64":        {DType: C64, Shape: []int{2}},
		"float8_e4m3fn":    {DType: F8E4M3, Shape: []int{16}},
		"float8_e5m2":      {DType: F8E5M2, Shape: []int{16}},
		"float8_e8m0fnu":   {DType: F8E8M0, Shape: []int{16}},
		"float8_e4m3fnuz":  {DType: F8E4M3FNUZ, Shape: []int{16}},
		"float8_e5m2fnuz":  {DType: F8E5M2FNUZ, Shape: []int{16}},
		"float4_e2m1fn_x2": {DType: F4, Shape: []int{32}},
		"float64":          {DType: F64, Shape: []int{5, 7}},
		"float32":          {DType: F32, Shape: []int{5, 7}},
		"float16":          {DType: F16, Shape: []int{5, 7}},
		"bfloat16":         {DType: BF16, Shape: []int{5, 7}},
	} {
		x, ok := f.Tensor(name)
		require.True(t, ok, name)
		assert.Equal(t, name, x.Name)
		assert.Equal(t, want.DType, x.DType, name)
		assert.Equal(t, want.Shape, x.Shape, name)
		if len(want.Shape) == 1 && name != "bool" { // bytes 0 to 15
			for i, b := range x.Data {
				require.Equal(t, byte(i), b, name)
			}
		}
	}

	for _, name := range []string{"float64", "float32", "float16", "bfloat16"} {
		x, _ := f.Tensor(name)
		reference, _ := f.Tensor(name + ".float32")
		want, got := make([]float32, 35), make([]float32, 35)
		for i := range want { // byte by byte, not by Float32s
			want[i] = floatAt(reference.Data[4*i:])
		}
		require.NoError(t, x.Float32s(got))
		requireSameBits(t, want, got)
	}

	size := int64(0)
	for _, x := range all(t, f) {
		size += int64(len(x.Data))
	}
	assert.Equal(t, size, f.Size())
}

func floatAt(b []byte) float32 {
	bits := binary.LittleEndian.Uint32(b)
	return *(*float32)(unsafe.Pointer(&bits))
}

func TestClose(t *testing.T) {
	f, err := Open(filepath.Join("testdata", "dtypes.safetensors"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	assert.Empty(t, f.Names())
	_, ok := f.Tensor("scalar")
	assert.False(t, ok)
}

// An inPlace is a file whose content is in memory, as embedded files are.
type inPlace struct {
	fs.File
	data   []byte
	closed *int
}

func (f inPlace) Bytes() []byte            { return f.data }
func (f inPlace) Read([]byte) (int, error) { return 0, errors.New("read in place of Bytes") }
func (f inPlace) Close() error             { *f.closed++; return nil }

// An embedded is a file whose content is in the program.
type embedded struct {
	fs.File
	text   string
	closed *int
}

func (f embedded) Embedded() string         { return f.text }
func (f embedded) Read([]byte) (int, error) { return 0, errors.New("read in place of Embedded") }
func (f embedded) Close() error             { *f.closed++; return nil }

type inPlaceFS map[string]fs.File

func (fsys inPlaceFS) Open(name string) (fs.File, error) {
	if f, ok := fsys[name]; ok {
		return f, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (fsys inPlaceFS) Stat(name string) (fs.FileInfo, error) {
	return fstest.MapFS{name: {}}.Stat(name)
}

func TestOpenFS(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "dtypes.safetensors"))
	require.NoError(t, err)
	parsed, err := Parse(data)
	require.NoError(t, err)
	want := all(t, parsed)

	t.Run("read whole", func(t *testing.T) {
		f, err := OpenFS(fstest.MapFS{"a/model.safetensors": {Data: data}}, "a/model.safetensors")
		require.NoError(t, err)
		assert.Equal(t, want, all(t, f))
		assert.NoError(t, f.Close())
	})
	t.Run("mapped", func(t *testing.T) {
		f, err := OpenFS(os.DirFS("."), "testdata/dtypes.safetensors")
		require.NoError(t, err)
		assert.Equal(t, want, all(t, f))
		assert.NoError(t, f.Close())
	})
	t.Run("in place", func(t *testing.T) {
		closed, text := 0, string(data)
		for _, file := range []fs.File{inPlace{data: data, closed: &closed}, embedded{text: text, closed: &closed}} {
			f, err := OpenFS(inPlaceFS{"m": file}, "m")
			require.NoError(t, err)
			assert.Equal(t, want, all(t, f))
			x, _ := f.Tensor("uint64")
			y := want["uint64"]
			if _, ok := file.(inPlace); ok {
				assert.Same(t, unsafe.SliceData(y.Data), unsafe.SliceData(x.Data), "copied")
			}
			for _, name := range f.Names() {
				y, _ := f.Tensor(name)
				f.Release(y)
			}
			assert.Equal(t, want, all(t, f), "in the heap, and released")
			assert.Zero(t, closed)
			assert.NoError(t, f.Close())
			assert.Equal(t, 1, closed)
			closed = 0
		}
	})
	t.Run("in place, not valid", func(t *testing.T) {
		closed := 0
		_, err := OpenFS(inPlaceFS{"m": inPlace{data: data[:100], closed: &closed}}, "m")
		require.ErrorContains(t, err, "m: header: length of")
		assert.Equal(t, 1, closed)
	})
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.safetensors")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	short := filepath.Join(dir, "short.safetensors")
	require.NoError(t, os.WriteFile(short, file("{", 0), 0o600))

	_, err := Open(empty)
	assert.EqualError(t, err, empty+": file: 0 bytes, expected at least 8")
	_, err = Open(short)
	assert.ErrorContains(t, err, short+": header: invalid JSON at byte 1")
	missing := filepath.Join(dir, "missing.safetensors")
	_, err = Open(missing)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, missing+": ")
	_, err = Open("missing.safetensors")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Open(filepath.Join(dir, "missing", "model.safetensors.index.json"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Open(filepath.Dir(dir) + string(filepath.Separator) + filepath.Base(dir))
	assert.ErrorContains(t, err, "expected a regular file")

	_, err = OpenFS(fstest.MapFS{"m": {Mode: fs.ModeNamedPipe}}, "m")
	assert.ErrorContains(t, err, "expected a regular file")
	for _, path := range []string{"", ".", dir + string(filepath.Separator)} {
		_, err = Open(path)
		assert.Error(t, err, path)
	}
	_, err = OpenFS(fstest.MapFS{}, "a/m.safetensors")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "a/m.safetensors: ")
}

// index returns the text of an index.
func index(t *testing.T, shardOf map[string]string) []byte {
	b, err := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 1e3, "x": []any{nil, map[string]any{}}}, "weight_map": shardOf})
	require.NoError(t, err)
	return b
}

func TestShards(t *testing.T) {
	x := func(name string, value byte) Tensor {
		return Tensor{Name: name, DType: U8, Shape: []int{2}, Data: []byte{value, value}}
	}
	one := written(t, []Tensor{x("a", 1), x("c", 2)}, map[string]string{"format": "pt", "shard": "1"})
	two := written(t, []Tensor{x("b", 3)}, map[string]string{"format": "pt", "shard": "2", "other": "yes"})
	const name = "model.safetensors.index.json"
	good := map[string]string{"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}

	check := func(t *testing.T, f *File, err error) {
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "c"}, f.Names())
		assert.Equal(t, map[string]Tensor{"a": x("a", 1), "b": x("b", 3), "c": x("c", 2)}, all(t, f))
		assert.Equal(t, map[string]string{"format": "pt", "shard": "1", "other": "yes"}, f.Metadata())
		assert.Equal(t, int64(6), f.Size())
		dir := path.Dir(f.Name())
		assert.Equal(t, []string{f.Name(), path.Join(dir, "1.safetensors"), path.Join(dir, "2.safetensors")}, f.Files())
		require.NoError(t, f.Close())
		require.NoError(t, f.Close())
	}
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		for n, b := range map[string][]byte{name: index(t, good), "1.safetensors": one, "2.safetensors": two} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, n), b, 0o600))
		}
		f, err := Open(filepath.Join(dir, name))
		check(t, f, err)
	})
	t.Run("fs", func(t *testing.T) {
		f, err := OpenFS(fstest.MapFS{"m/" + name: {Data: index(t, good)}, "m/1.safetensors": {Data: one}, "m/2.safetensors": {Data: two}}, "m/"+name)
		check(t, f, err)
	})

	plain := "expected the name of a file in the same folder"
	for _, c := range []struct {
		name  string
		index string
		want  string
	}{
		{"tensor that the index lacks", `{"weight_map":{"a":"1.safetensors"}}`, `m/1.safetensors: tensor "c": not in the weight_map of m/model.safetensors.index.json`},
		{"tensor in another shard", `{"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"2.safetensors"}}`, `m/1.safetensors: tensor "c": m/model.safetensors.index.json expects it in 2.safetensors`},
		{"tensor in two shards", `{"weight_map":{"a":"1.safetensors","c":"1.safetensors","b":"3.safetensors"}}`, `m/3.safetensors: tensor "a": m/model.safetensors.index.json expects it in 1.safetensors`},
		{"tensor in no shard", `{"weight_map":{"a":"1.safetensors","c":"1.safetensors","d":"1.safetensors"}}`, `m/model.safetensors.index.json: weight_map: tensor "d": not in 1.safetensors`},
		{"missing shard", `{"weight_map":{"a":"4.safetensors"}}`, "m/4.safetensors: file does not exist"},
		{"parent folder", `{"weight_map":{"a":".."}}`, plain},
		{"path", `{"weight_map":{"a":"../1.safetensors"}}`, `weight_map: tensor "a": shard "../1.safetensors", ` + plain},
		{"absolute path", `{"weight_map":{"a":"/etc/passwd"}}`, plain},
		{"Windows path", `{"weight_map":{"a":"..\\1.safetensors"}}`, plain},
		{"drive", `{"weight_map":{"a":"C:1.safetensors"}}`, plain},
		{"zero byte", `{"weight_map":{"a":"1.safetensors\u0000"}}`, plain},
		{"no name", `{"weight_map":{"a":""}}`, plain},
		{"number", `{"weight_map":{"a":1}}`, `weight_map: tensor "a": byte 20: number 1, expected a string`},
		{"duplicate tensor", `{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}`, `weight_map: byte 38: duplicate key "a"`},
		{"duplicate map", `{"weight_map":{"a":"1.safetensors"},"weight_map":{}}`, `duplicate key "weight_map"`},
		{"no map", `{"metadata":{}}`, "weight_map: no tensors"},
		{"empty map", `{"weight_map":{}}`, "weight_map: no tensors"},
		{"list", `[]`, "byte 1: [, expected an object"},
		{"cut off", `{"weight_map":{"a":"1.s`, "invalid JSON"},
		{"cut off in what is not read", `{"metadata":{"a":[`, `"metadata": invalid JSON`},
		{"more", `{"weight_map":{"a":"1.safetensors"}} {}`, "expected the end"},
		{"empty", ``, "m/model.safetensors.index.json: invalid JSON at byte 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := OpenFS(fstest.MapFS{
				"m/" + name:       {Data: []byte(c.index)},
				"m/1.safetensors": {Data: one}, "m/2.safetensors": {Data: two},
				"m/3.safetensors": {Data: written(t, []Tensor{x("a", 1), x("b", 3)}, nil)},
			}, "m/"+name)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.Contains(t, err.Error(), "m/", "no file name")
		})
	}
}

// FuzzIndex opens two files by an index that says anything: each is an error or tensors of them.
func FuzzIndex(f *testing.F) {
	shard := func(name string) []byte {
		return written(f, []Tensor{{Name: name, DType: F32, Shape: []int{1}, Data: make([]byte, 4)}}, nil)
	}
	shards := map[string][]byte{"a.safetensors": shard("a"), "b.safetensors": shard("b")}
	for _, index := range []string{
		`{"metadata":{"total_size":8},"weight_map":{"a":"a.safetensors","b":"b.safetensors"}}`, `{"weight_map":{"a":"b.safetensors"}}`,
		`{"weight_map":{"a":"../a.safetensors","b":"x/../b.safetensors"}}`, `{"weight_map":{"a":"i.index.json","b":""}}`, `{"weight_map":{}}`, `{"weight_map":[]}`, `[`, ``,
	} {
		f.Add([]byte(index))
	}
	f.Fuzz(func(t *testing.T, index []byte) {
		files := fstest.MapFS{"i.index.json": {Data: index}}
		for name, data := range shards {
			files[name] = &fstest.MapFile{Data: data}
		}
		file, err := OpenFS(files, "i.index.json")
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			require.Contains(t, []string{"a", "b"}, name)
		}
		require.NoError(t, file.Close())
	})
}
