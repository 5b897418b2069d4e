package tensor

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binFiles returns the paths of files in testdata/bin, which PyTorch wrote by
// testdata/generate_bin.py.
func binFiles(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "bin", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

func reference(t testing.TB, name string) map[string]Tensor {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "bin", name))
	require.NoError(t, err)
	f, err := Parse(data)
	require.NoError(t, err)
	return all(t, f)
}

// What PyTorch wrote in every layout and protocol is what it says the values are.
func TestOpenTorch(t *testing.T) {
	want := reference(t, "good.safetensors")
	size := int64(0)
	for _, x := range want {
		size += int64(len(x.Data))
	}
	paths := append(binFiles(t, "good-zip-?.bin"), binFiles(t, "good-legacy-?.bin")...)
	require.Len(t, paths, 8)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := Open(path)
			require.NoError(t, err)
			assert.Equal(t, filepath.Base(path), f.Name())
			assert.IsIncreasing(t, f.Names())
			assert.Equal(t, want, all(t, f))
			assert.Equal(t, size, f.Size())
			assert.Empty(t, f.Metadata())
			require.NoError(t, f.Close())
			assert.Empty(t, f.Names())
		})
	}
}

// As PyTorch 1.6 to 2.0 and before wrote it: _rebuild_tensor, torch.Size, no byteorder.
func TestOpenOldTorch(t *testing.T) {
	want := reference(t, "good.safetensors")
	x := want["transposed"]
	x.Shape = []int{3, 5}
	for _, path := range binFiles(t, "good-old-*.bin") {
		f, err := Open(path)
		require.NoError(t, err, path)
		assert.Equal(t, map[string]Tensor{"float32": want["float32"], "transposed": x}, all(t, f), path)
		require.NoError(t, f.Close())
	}
}

func TestOpenTorchShards(t *testing.T) {
	f, err := Open(filepath.Join("testdata", "bin", "shards.bin.index.json"))
	require.NoError(t, err)
	assert.Equal(t, reference(t, "shards.safetensors"), all(t, f))
	require.NoError(t, f.Close())
}

// Contiguous tensors stay where they are, those that share a storage share it
// here, and only the others are copied.
func TestOpenTorchInPlace(t *testing.T) {
	for _, path := range append(binFiles(t, "good-zip-?.bin"), binFiles(t, "good-legacy-?.bin")...) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		closed := 0
		f, err := OpenFS(inPlaceFS{"m": inPlace{data: data, closed: &closed}}, "m")
		require.NoError(t, err)
		begin := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
		for name, x := range all(t, f) {
			if len(x.Data) == 0 {
				continue
			}
			at := uintptr(unsafe.Pointer(unsafe.SliceData(x.Data)))
			inside := at >= begin && at < begin+uintptr(len(data))
			copied := strings.HasPrefix(name, "transposed") || strings.Contains(",permuted,rows and columns,every second,column,expanded,", ","+name+",")
			assert.Equal(t, !copied, inside, "%s: %s", path, name)
		}
		one, _ := f.Tensor("base")
		two, _ := f.Tensor("base, the same again")
		assert.Same(t, unsafe.SliceData(one.Data), unsafe.SliceData(two.Data))
		rows, _ := f.Tensor("rows")
		assert.Same(t, &one.Data[5*3*4], unsafe.SliceData(rows.Data))
		assert.NoError(t, f.Close())
		assert.Equal(t, 1, closed)
	}
}

// What PyTorch writes of values that are no state dict of dense tensors.
func TestOpenTorchRefused(t *testing.T) {
	wants := map[string]string{
		"bytes":               `pickle: byte 150: opcode GLOBAL: "_codecs.encode": no part of a state dict, and nothing else is loaded or run`,
		"checkpoint":          `data.pkl: key "state_dict": a dict of 1, expected a tensor`,
		"complex128":          `opcode GLOBAL: "torch.ComplexDoubleStorage": no part`,
		"conjugated":          `opcode REDUCE: torch._utils._rebuild_tensor_v2: metadata: a dict of 1, expected none`,
		"epoch":               `pickle: key "epoch": number 3, expected a tensor`,
		"eval":                `opcode GLOBAL: "__builtin__.eval": no part`,
		"getattr":             `opcode STACK_GLOBAL: "builtins.getattr": no part`,
		"huge-number":         `pickle: byte 150: opcode LONG4: no part of a state dict, and nothing else is run`,
		"list":                `pickle: a list of 1, expected a dict of tensors by name`,
		"meta":                `data.pkl: byte 13: opcode GLOBAL: "torch._utils._rebuild_meta_tensor_no_storage": no part`,
		"module":              `opcode GLOBAL: "torch.nn.modules.linear.Linear": no part`,
		"none":                `pickle: key "b": None, expected a tensor`,
		"numbered":            `pickle: key number 0, expected the name of a tensor`,
		"numpy":               `multiarray._reconstruct": no part`,
		"quantized":           `opcode GLOBAL: "torch._utils._rebuild_qtensor": no part`,
		"set":                 `opcode GLOBAL: "__builtin__.set": no part`,
		"sparse":              `opcode GLOBAL: "torch._utils._rebuild_sparse_tensor": no part`,
		"storage":             `pickle: key "a": a storage, expected a tensor`,
		"system":              `data.pkl: byte 13: opcode GLOBAL: "posix.system": no part`,
		"tensor":              `pickle: a tensor, expected a dict of tensors by name`,
		"too-many-dimensions": `argument 2, shape: 65 numbers, expected at most 64`,
		"torchscript":         `a program of TorchScript, expected a state dict`,
	}
	for _, path := range binFiles(t, "bad-*.bin") {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "bad-"), ".bin")
		t.Run(name, func(t *testing.T) {
			require.Contains(t, wants, name)
			_, err := Open(path)
			assert.ErrorContains(t, err, path+": ")
			assert.ErrorContains(t, err, wants[name])
		})
		delete(wants, name)
	}
	assert.Empty(t, wants, "no such files")
}

// Every beginning of a file is an error; so is one byte more, but at the end
// of an archive, which may be followed by anything.
func TestParseTorchTruncated(t *testing.T) {
	for _, name := range []string{"good-zip-2.bin", "good-zip-4.bin", "good-legacy-2.bin", "good-legacy-4.bin"} {
		data, err := os.ReadFile(filepath.Join("testdata", "bin", name))
		require.NoError(t, err)
		for n := range data {
			_, err := Parse(data[:n:n])
			require.Error(t, err, "%s: %d bytes", name, n)
		}
		if strings.Contains(name, "legacy") {
			_, err = Parse(append(data, 0))
			assert.ErrorContains(t, err, "1 bytes after the last storage")
		}
	}
}

// The content of a file says which format it has, and not its name.
func TestParseFormat(t *testing.T) {
	t.Run("header as long as a pickle begins", func(t *testing.T) {
		header := `{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`
		f, err := Parse(file(header+strings.Repeat(" ", 0x280-len(header)), 1)) // the bytes 0x80, 2
		require.NoError(t, err)
		assert.Equal(t, []string{"x"}, f.Names())
	})
	for _, c := range []struct{ name, data, want string }{
		{"header as long as an archive begins", "PK\x03\x04\x00\x00\x00\x00{}", "header: length of 67324752 bytes, the file has 2"},
		{"two bytes of a pickle", "\x80\x02", "magic number: byte 2: no STOP"},
		{"other pickle", "\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00]\x94.", "magic number: a list of 0, expected that of torch.save: a pickle of something else"},
		{"pickle of protocol 0", "(dp0\nS'a'\np1\nI1\ns.", "header: length of"},
		{"archive without its end", "PK\x03\x04" + strings.Repeat("\x00", 100), "zip: not a valid zip file"},
		{"pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n", "a pointer of Git LFS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := OpenFS(fstest.MapFS{"pytorch_model.bin": {Data: []byte(c.data)}}, "pytorch_model.bin")
			assert.ErrorContains(t, err, "pytorch_model.bin: "+c.want)
		})
	}
}

// A record is a file in an archive.
type record struct {
	name, content string
	method        uint16
}

// archive returns a zip archive of records.
func archive(t testing.TB, records []record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, r := range records {
		f, err := w.CreateHeader(&zip.FileHeader{Name: r.name, Method: r.method})
		require.NoError(t, err)
		_, err = f.Write([]byte(r.content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// patch replaces the bytes at an offset of the central directory's entry of a record.
func patch(t *testing.T, data []byte, name string, offset int, value []byte) {
	t.Helper()
	directory := bytes.Index(data, []byte("PK\x01\x02"))
	require.Positive(t, directory)
	at := bytes.Index(data[directory:], []byte(name))
	require.Positive(t, at)
	copy(data[directory+at-46+offset:], value)
}

func TestParseTorchArchive(t *testing.T) {
	pickle := "\x80\x02" + stateDictOps("a", tensorOps(storageOps("0", 4), 0, []int{2, 2}, []int{2, 1}))
	with := func(change func([]record) []record) []byte {
		return archive(t, change([]record{
			{name: "x/data.pkl", content: pickle},
			{name: "x/data/0", content: "0123456789abcdef"},
			{name: "x/version", content: "3\n"},
		}))
	}
	add := func(more ...record) []byte { return with(func(r []record) []record { return append(r, more...) }) }
	set := func(i int, to record) []byte {
		return with(func(r []record) []record { r[i] = to; return r })
	}

	for name, data := range map[string][]byte{
		"plain":           add(),
		"little":          add(record{name: "x/byteorder", content: "little"}),
		"hints":           add(record{name: "x/.format_version", content: "1"}, record{name: "x/.data/serialization_id", content: "1"}),
		"version in data": set(2, record{name: "x/.data/version", content: "4"}),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse(data)
			require.NoError(t, err)
			assert.Equal(t, map[string]Tensor{"a": {Name: "a", DType: F32, Shape: []int{2, 2}, Data: []byte("0123456789abcdef")}}, all(t, f))
		})
	}

	overlap, past, encrypted := add(), add(), add()
	patch(t, overlap, "x/version", 42, []byte{0, 0, 0, 0}) // it lies at the first record
	patch(t, past, "x/data/0", 20, []byte{255, 255, 0, 0, 255, 255, 0, 0})
	patch(t, encrypted, "x/version", 8, []byte{1})
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"no records", append([]byte("PK\x03\x04"), archive(t, nil)...), "version: not in the archive"},
		{"big-endian", add(record{name: "x/byteorder", content: "big"}), `byteorder: "big", expected "little"`},
		{"no version", with(func(r []record) []record { return r[:2] }), "version: not in the archive"},
		{"next version", set(2, record{name: "x/version", content: "11\n"}), `version: "11\n", expected 1 to 10`},
		{"version of words", set(2, record{name: "x/version", content: strings.Repeat("three ", 100)}), `version: "three three three th", expected 1 to 10`},
		{"no pickle", with(func(r []record) []record { return r[1:] }), "data.pkl: not in the archive"},
		{"no storage", with(func(r []record) []record { return []record{r[0], r[2]} }), "data/0: not in the archive"},
		{"short storage", set(1, record{name: "x/data/0", content: "0123456789abcde"}), "data/0: 15 bytes, data.pkl expects 16"},
		{"long storage", set(1, record{name: "x/data/0", content: "0123456789abcdef0"}), "data/0: 17 bytes, data.pkl expects 16"},
		{"storage without a use", add(record{name: "x/data/1", content: "0"}), "data/1: not used by data.pkl"},
		{"file without a use", add(record{name: "x/code.py", content: "0"}), "code.py: not used by data.pkl"},
		{"bytes after the pickle", set(0, record{name: "x/data.pkl", content: pickle + "."}), "1 bytes after the pickle, expected none"},
		{"next protocol", set(0, record{name: "x/data.pkl", content: "\x80\x06}."}), "data.pkl: byte 0: opcode PROTO: protocol 6, expected 2 to 5"},
		{"no protocol", set(0, record{name: "x/data.pkl", content: "}."}), "data.pkl: byte 0: opcode EMPTY_DICT: PROTO is expected first"},
		{"empty pickle", set(0, record{name: "x/data.pkl"}), "data.pkl: byte 0: no STOP"},
		{"two pickles", add(record{name: "x/data.pkl", content: pickle}), `record "x/data.pkl": twice in the archive`},
		{"two folders", add(record{name: "y/data.pkl", content: pickle}), `record "y/data.pkl": expected a file in the folder of the archive`},
		{"no folder", add(record{name: "data.pkl", content: pickle}), `record "data.pkl": expected a file in the folder`},
		{"folder", add(record{name: "x/", content: ""}), `record "x/": expected a file in the folder`},
		{"parent folder", archive(t, []record{{name: "../x/data.pkl", content: pickle}}), `record "../x/data.pkl": expected a file`},
		{"absolute path", archive(t, []record{{name: "/etc/passwd", content: pickle}}), `record "/etc/passwd": expected a file`},
		{"compressed", set(1, record{name: "x/data/0", content: strings.Repeat("0", 1<<20), method: zip.Deflate}), `record "x/data/0": method 8, `},
		{"overlap", overlap, `record "x/`},
		{"past the end", past, `record "x/data/0": 65535 bytes at `},
		{"encrypted", encrypted, `record "x/version": method 0, flags 0x`},
		{"program", add(record{name: "x/constants.pkl", content: "\x80\x02)."}), "a program of TorchScript"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.data)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// legacyFile returns a file of the legacy layout with that pickle and storages of float32.
func legacyFile(system, pickle string, keys string, storages ...string) []byte {
	b := "\x80\x02\x8a\x0a" + string(torchMagic) + ".\x80\x02M\xe9\x03.\x80\x02" + system + ".\x80\x02" + pickle + "\x80\x02" + keys + "."
	for _, s := range storages {
		b += string(binary.LittleEndian.AppendUint64(nil, uint64(len(s)/4))) + s
	}
	return []byte(b)
}

func TestParseTorchLegacy(t *testing.T) {
	pickle := stateDictOps("a", tensorOps(storageOps("0", 4), 0, []int{2, 2}, []int{2, 1}))
	little := "}" + textOps("little_endian") + "\x88s"
	key := "]" + textOps("0") + "a"
	const data = "0123456789abcdef"
	f, err := Parse(legacyFile(little, pickle, key, data))
	require.NoError(t, err)
	assert.Equal(t, map[string]Tensor{"a": {Name: "a", DType: F32, Shape: []int{2, 2}, Data: []byte(data)}}, all(t, f))
	assert.Equal(t, "pytorch", f.Format())

	version := legacyFile(little, pickle, key, data)
	version[18]++
	half := legacyFile(little, pickle, key, data)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"version", version, "protocol version: number 1002, expected 1001"},
		{"big-endian", legacyFile("}"+textOps("little_endian")+"\x89s", pickle, key, data), "system: little_endian: bool false, expected true"},
		{"system of no dict", legacyFile("]", pickle, key, data), "system: a list of 0, expected a dict"},
		{"keys of no list", legacyFile(little, pickle, ")", data), "keys: a tuple of 0, expected a list"},
		{"key of no string", legacyFile(little, pickle, "]K\x00a", data), "keys: number 0, expected each storage of the pickle once"},
		{"key that the pickle lacks", legacyFile(little, pickle, "]"+textOps("1")+"a", data), `keys: string "1", expected each storage`},
		{"key twice", legacyFile(little, pickle, key+textOps("0")+"a", data, data), `keys: string "0", expected each storage`},
		{"no keys", legacyFile(little, pickle, "]"), `storage "0": not in the file`},
		{"no storage", legacyFile(little, pickle, key), `storage "0": the file ends before it`},
		{"short storage", half[:len(half)-1], `storage "0": 16 bytes at byte`},
		{"elements", legacyFile(little, pickle, key, data+data), `storage "0": 8 elements at byte`},
		{"bytes left", legacyFile(little, pickle, key, data, ""), "8 bytes after the last storage, expected none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.data)
			assert.ErrorContains(t, err, c.want)
		})
	}
}
