package tensor

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const orderedDictOps = "ccollections\nOrderedDict\n)R"

// textOps returns opcodes that push a string.
func textOps(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// intOps returns opcodes that push a number.
func intOps(n int) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func tupleOps(list []int) string {
	s := "("
	for _, n := range list {
		s += intOps(n)
	}
	return s + "t"
}

// storageOps returns opcodes that push a storage of n float32.
func storageOps(key string, n int) string {
	return "(" + textOps("storage") + "ctorch\nFloatStorage\n" + textOps(key) + textOps("cpu") + intOps(n) + "tQ"
}

// tensorOps returns opcodes that push a tensor.
func tensorOps(storage string, offset int, shape, strides []int) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + intOps(offset) + tupleOps(shape) + tupleOps(strides) + "\x89" + orderedDictOps + "tR"
}

// stateDictOps returns opcodes of a dict of that one value, and STOP.
func stateDictOps(name, value string) string {
	return "}" + textOps(name) + value + "s."
}

// parsePickle parses a file with that pickle and one storage of 16 bytes, "0".
func parsePickle(ops string) (*File, error) {
	return Parse(legacyFile("}", ops, "]"+textOps("0")+"a", "0123456789abcdef"))
}

func TestUnpickle(t *testing.T) {
	storage := storageOps("0", 4)
	tensor := tensorOps(storage, 0, []int{4}, []int{1})
	for _, c := range []struct{ name, ops string }{
		{"dict", stateDictOps("a", tensor)},
		{"ordered dict", orderedDictOps + "(" + textOps("a") + tensor + "u."},
		{"memo", "}\x94" + textOps("a") + "q\x01" + tensor + "\x94s."},
		{"memo of four bytes", orderedDictOps + "}" + textOps("_metadata") + textOps("a") + "r\x00\x00\x00\x00sbj\x00\x00\x00\x00" + tensor + "s."},
		{"frame", "\x95\x01\x00\x00\x00\x00\x00\x00\x00" + stateDictOps("a", tensor)},
		{"list that holds itself", orderedDictOps + "}" + textOps("_metadata") + "]\x94h\x00asb" + textOps("a") + tensor + "s."},
		{"dict that holds itself", orderedDictOps + "\x94}" + textOps("_metadata") + "h\x00sb" + textOps("a") + tensor + "s."},
		{"deep lists", orderedDictOps + "}" + textOps("_metadata") + strings.Repeat("]", 100000) + strings.Repeat("a", 99999) + "sb" + textOps("a") + tensor + "s."},
		{"deep tuples", orderedDictOps + "}" + textOps("_metadata") + ")" + strings.Repeat("\x85", 100000) + "sb" + textOps("a") + tensor + "s."},
		{"numbers", orderedDictOps + "}" + textOps("_metadata") + "(J\xff\xff\xff\xffK\xffM\xff\xff\x8a\x00\x8a\x01\x80\x8a\x09123456789G\x3f\xf0\x00\x00\x00\x00\x00\x00\x88\x89Ntsb" + textOps("a") + tensor + "s."},
		{"short strings", "}\x8c\x01a\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93" + tensor[len("ctorch._utils\n_rebuild_tensor_v2\n"):] + "s."},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := parsePickle(c.ops)
			require.NoError(t, err)
			assert.Equal(t, map[string]Tensor{"a": {Name: "a", DType: F32, Shape: []int{4}, Data: []byte("0123456789abcdef")}}, all(t, f))
		})
	}
}

func TestUnpickleHostile(t *testing.T) {
	const huge = 1<<(intBits-1) - 1
	storage := storageOps("0", 4)
	tensor := func(offset int, shape, strides []int) string {
		return stateDictOps("a", tensorOps(storage, offset, shape, strides))
	}
	call := func(name, args string) string { return "ctorch._utils\n" + name + "\n(" + args + "tR." }
	id := func(parts string) string { return "(" + parts + "tQ." }
	noPart := "no part of a state dict, and nothing else is"
	for _, c := range []struct{ name, ops, want string }{
		{"system", "cos\nsystem\n(" + textOps("true") + "tR.", `opcode GLOBAL: "os.system": ` + noPart},
		{"eval", "cbuiltins\neval\n(" + textOps("1") + "tR.", `opcode GLOBAL: "builtins.eval": ` + noPart},
		{"submodule", "\x8c\x05torch\x8c\x19_utils._rebuild_tensor_v2\x93.", `opcode STACK_GLOBAL: "torch._utils._rebuild_tensor_v2": ` + noPart},
		{"space for a dot", "ctorch FloatStorage\n\n.", `"torch FloatStorage.": ` + noPart},
		{"name from the memo", "\x8c\x05posix\x94\x8c\x06system\x94h\x00h\x01\x93.", `"posix.system": ` + noPart},
		{"name of no string", "K\x01K\x02\x93.", "opcode STACK_GLOBAL: number 1 and number 2, expected two strings"},
		{"name without end", "cos", "a name without its end of line"},
		{"name of many bytes", "c" + strings.Repeat("x", 100000) + "\n\n.", `opcode GLOBAL: "xxx`},
		{"INST", "(ios\nsystem\n.", "opcode INST: " + noPart},
		{"OBJ", "(cos\nsystem\no.", `"os.system": ` + noPart},
		{"OBJ of what is allowed", "(ctorch\nSize\no.", "opcode OBJ: " + noPart},
		{"NEWOBJ", "ccollections\nOrderedDict\n)\x81.", "opcode NEWOBJ: " + noPart},
		{"NEWOBJ_EX", "ccollections\nOrderedDict\n)}\x92.", "opcode NEWOBJ_EX: " + noPart},
		{"EXT1", "\x82\x01.", "opcode EXT1: " + noPart},
		{"EXT2", "\x83\x01\x00.", "opcode EXT2: " + noPart},
		{"EXT4", "\x84\x01\x00\x00\x00.", "opcode EXT4: " + noPart},
		{"PERSID", "P0\n.", "opcode PERSID: " + noPart},
		{"DUP", "}2.", "opcode DUP: " + noPart},
		{"POP", "}}0.", "opcode POP: " + noPart},
		{"LONG4", "\x8b\xff\xff\xff\x7f.", "opcode LONG4: " + noPart},
		{"BINUNICODE8", "\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "opcode BINUNICODE8: " + noPart},
		{"BYTEARRAY8", "\x96\xff\xff\xff\xff\xff\xff\xff\xff.", "opcode BYTEARRAY8: " + noPart},
		{"NEXT_BUFFER", "\x97.", "opcode NEXT_BUFFER: " + noPart},
		{"no opcode", "\xff.", "opcode 0xff: " + noPart},
		{"PROTO again", "\x80\x02.", "opcode PROTO: PROTO is expected first, and only there"},

		{"call of a string", textOps("f") + ")R.", `opcode REDUCE: call of string "f", expected a function`},
		{"call of a storage type", "ctorch\nFloatStorage\n)R.", "call of a storage type of F32, expected a function"},
		{"call with a list", "ctorch\nSize\n]R.", "torch.Size: a list of 0, expected a tuple of arguments"},
		{"call of nothing", ")R.", "opcode REDUCE: 1 values since the last mark, expected 2"},
		{"call under a mark", "ctorch\nSize\n()R.", "opcode REDUCE: 1 values since the last mark, expected 2"},
		{"many calls", strings.Repeat("ctorch\nSize\n)\x85R", maxCalls+1) + ".", "more than 131072 calls"},
		{"OrderedDict of items", "ccollections\nOrderedDict\n]\x85R.", "collections.OrderedDict: 1 arguments, expected none"},
		{"Size of a list", "ctorch\nSize\n]\x85R.", "torch.Size: 1 arguments, expected one tuple"},

		{"nothing", ".", "STOP: 0 values since the last mark, expected 1"},
		{"values left", "}}.", "STOP: 1 values and 0 marks left, expected none"},
		{"marks left", "}(.", "STOP: 0 values since the last mark, expected 1"},
		{"no mark", "t.", "opcode TUPLE: no mark"},
		{"tuple of too few", "}\x87.", "opcode TUPLE3: 1 values since the last mark, expected 3"},
		{"append to a tuple", ")}a.", "opcode APPEND: on a tuple of 0, expected a list"},
		{"append to nothing", "}a.", "opcode APPEND: no value since the last mark"},
		{"append to a dict", "}(}e.", "opcode APPENDS: on a dict of 0, expected a list"},
		{"item of a list", "]}}s.", "opcode SETITEM: on a list of 0, expected a dict"},
		{"item of a tensor", tensorOps(storage, 0, nil, nil) + "}}s.", "opcode SETITEM: on a tensor, expected a dict"},
		{"item of a storage", storage + "}}s.", "opcode SETITEM: on a storage, expected a dict"},
		{"key without value", "}(}u.", "opcode SETITEMS: 1 keys and values, expected pairs"},
		{"memo past its end", "h\x00.", "opcode BINGET: memo index 0, the memo has 0"},
		{"memo far past its end", "j\xff\xff\xff\xff.", "opcode LONG_BINGET: memo index 4294967295, the memo has 0"},
		{"memo with a gap", "}r\xff\xff\xff\xff.", "opcode LONG_BINPUT: memo index 4294967295, expected the next, 0"},
		{"memo overwritten", "}q\x00}q\x00.", "opcode BINPUT: memo index 0, expected the next, 1"},
		{"memo of nothing", "\x94.", "opcode MEMOIZE: no value since the last mark"},
		{"frame past the end", "\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "opcode FRAME: 18446744073709551615 bytes, "},
		{"string past the end", "X\xff\xff\xff\xff", "opcode BINUNICODE: 4294967295 bytes, "},
		{"string of no text", "X\x01\x00\x00\x00\xff.", `opcode BINUNICODE: "\xff", expected UTF-8`},
		{"too long", strings.Repeat("]", maxPickle) + ".", "more than 4194304 bytes of pickle"},
		{"string too long", textOps(strings.Repeat("x", maxPickle)) + ".", "more than 4194304 bytes of pickle"},

		{"state of a dict", "}}b.", "opcode BUILD: a dict of 0 on a dict of 0, expected a dict on an OrderedDict"},
		{"state of a tensor", tensorOps(storage, 0, nil, nil) + "}b.", "opcode BUILD: a dict of 0 on a tensor, "},
		{"state of a function", "ctorch\nSize\n}b.", "opcode BUILD: a dict of 0 on torch.Size, "},
		{"state of no dict", orderedDictOps + ")b.", "opcode BUILD: a tuple of 0 on an OrderedDict of 0, "},
		{"other attribute", orderedDictOps + "}" + textOps("__class__") + "Nsb.", `opcode BUILD: attribute string "__class__", expected _metadata`},

		{"id of no tuple", textOps("0") + "Q.", `opcode BINPERSID: string "0", expected ("storage", class, key, device, elements)`},
		{"id of a module", id(textOps("module") + "}NN"), "opcode BINPERSID: a tuple of 4, expected"},
		{"id of something else", id(textOps("module") + "NNNN"), "opcode BINPERSID: a tuple of 5, expected"},
		{"id of too few", id(textOps("storage")), "a tuple of 1, expected"},
		{"id of a view", id(textOps("storage") + "ctorch\nFloatStorage\n" + textOps("0") + textOps("cpu") + "K\x04)"), "a tuple of 6, expected"},
		{"id without class", id(textOps("storage") + textOps("FloatStorage") + textOps("0") + textOps("cpu") + "K\x04"), `class: string "FloatStorage", expected a storage type`},
		{"id of a dtype", id(textOps("storage") + "ctorch\nuint16\n" + textOps("0") + textOps("cpu") + "K\x04"), "class: dtype U16, expected a storage type"},
		{"id with a number", id(textOps("storage") + "ctorch\nFloatStorage\nK\x00" + textOps("cpu") + "K\x04"), "key: number 0, expected a string"},
		{"meta device", id(textOps("storage") + "ctorch\nFloatStorage\n" + textOps("0") + textOps("meta") + "K\x04"), `storage "0": on device meta, which holds no data`},
		{"negative size", storageOps("0", -1) + ".", `storage "0": number -1 elements, expected a whole number from 0 on`},
		{"huge size", storageOps("0", huge) + ".", "more bytes than this system can address"},
		{"two sizes", "(" + storage + storageOps("0", 5) + "t.", `storage "0": 20 bytes, and 16 bytes before`},
		{"size of the file", stateDictOps("a", tensorOps(storageOps("0", 1<<28), 0, []int{1 << 28}, []int{1})), `storage "0": 4 elements at byte`},

		{"tensor of too few", call("_rebuild_tensor_v2", storage), "_rebuild_tensor_v2: 1 arguments, expected 6 or 7"},
		{"tensor of a string", call("_rebuild_tensor", textOps("0")+"K\x00))"), `_rebuild_tensor: argument 0: string "0", expected a storage`},
		{"tensor without dtype", call("_rebuild_tensor_v3", storage+"K\x00))\x89"+orderedDictOps+"K\x00"), "_rebuild_tensor_v3: argument 6: number 0, expected a dtype"},
		{"tensor of four for v3", call("_rebuild_tensor_v3", storage+"K\x00))"), "_rebuild_tensor_v3: 4 arguments, expected 7 or 8"},
		{"parameter of a storage", call("_rebuild_parameter", storage+"\x89"+orderedDictOps), "_rebuild_parameter: argument 0: a storage, expected a tensor"},
		{"parameter of too few", call("_rebuild_parameter", storage), "_rebuild_parameter: 1 arguments, expected 3"},
		{"hooks", call("_rebuild_tensor_v2", storage+"K\x00))\x89}K\x00K\x00s"), "hooks: a dict of 1, expected an empty OrderedDict"},
		{"gradient of no bool", call("_rebuild_tensor_v2", storage+"K\x00))N"+orderedDictOps), "requires_grad: None, expected a bool"},
		{"metadata of no dict", call("_rebuild_tensor_v2", storage+"K\x00))\x89"+orderedDictOps+")"), "metadata: a tuple of 0, expected none"},
		{"negative offset", tensor(-1, nil, nil), "argument 1, offset: number -1, expected a whole number from 0 on"},
		{"negative dimension", tensor(0, []int{-1}, []int{1}), "argument 2, shape: element 0: number -1, expected a whole number"},
		{"negative stride", tensor(3, []int{4}, []int{-1}), "argument 3, strides: element 0: number -1, expected a whole number"},
		{"offset of many bytes", call("_rebuild_tensor", storage+"\x8a\x09123456789))"), "argument 1, offset: a number of 9 bytes, expected"},
		{"fraction", call("_rebuild_tensor", storage+"G\x00\x00\x00\x00\x00\x00\x00\x00))"), "argument 1, offset: number 0, expected a whole number"},
		{"shape of a list", call("_rebuild_tensor", storage+"K\x00])"), "argument 2, shape: a list of 0, expected a tuple"},
		{"strides of another length", tensor(0, []int{4}, []int{1, 1}), "2 strides, expected 1, one for each dimension"},
		{"many dimensions", tensor(0, make([]int, 65), make([]int, 65)), "argument 2, shape: 65 numbers, expected at most 64"},
		{"past the end", tensor(1, []int{4}, []int{1}), `tensor "a": offset 1, shape [4], strides [1]: past the end, the storage has 4 elements of F32`},
		{"offset past the end", tensor(4, nil, nil), "offset 4, shape [], strides []: past the end"},
		{"offset far past the end", tensor(huge, []int{2}, []int{1}), "past the end, the storage has 4 elements of F32"},
		{"strides past the end", tensor(0, []int{2, 2}, []int{3, 1}), "past the end, the storage has 4 elements of F32"},
		{"strides far past the end", tensor(0, []int{3}, []int{huge}), "past the end, the storage has 4 elements of F32"},
		{"strides to past the sum", tensor(3, []int{2, 2, 2}, []int{3, 3, 3}), "past the end, the storage has 4 elements of F32"},
		{"overflow", tensor(0, []int{huge, huge}, []int{1, 1}), "more bytes than this system can address"},
		{"overflow to zero", tensor(0, []int{1 << (intBits / 2), 1 << (intBits / 2)}, []int{1, 1}), "more bytes than this system can address"},
		{"bytes out of nothing", tensor(0, []int{1 << 28}, []int{0}), "tensors that are not contiguous have more bytes than the file"},
		{"key twice", "}(" + textOps("a") + tensorOps(storage, 0, nil, nil) + textOps("a") + tensorOps(storage, 0, nil, nil) + "u.", `duplicate key "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parsePickle(c.ops)
			require.ErrorContains(t, err, c.want)
			assert.Less(t, len(err.Error()), 1000)
		})
	}
}

// Many views of one storage, each a copy of it, are bounded by the file too.
func TestUnpickleCopies(t *testing.T) {
	storage := storageOps("0", 4)
	ops := "}"
	for range 100 {
		name := textOps(strings.Repeat("x", len(ops)/100)) // another each time
		ops += name + tensorOps(storage, 0, []int{2, 2}, []int{1, 2}) + "s"
	}
	f, err := parsePickle(ops + ".")
	require.NoError(t, err)
	x, _ := f.Tensor("")
	assert.Equal(t, "012389ab4567cdef", string(x.Data))

	const wide = 1 << 12
	many := ""
	for i := range 4 {
		many += textOps(strings.Repeat("x", i)) + tensorOps(storageOps("0", wide), 0, []int{wide / 2, 2}, []int{1, wide / 2}) + "s"
	}
	_, err = Parse(legacyFile("}", "}"+many+".", "]"+textOps("0")+"a", strings.Repeat("0123", wide)))
	assert.ErrorContains(t, err, `tensor "x": tensors that are not contiguous have more bytes than the file`)
}

// checkParsed checks what must hold of any file that is read.
func checkParsed(t *testing.T, f *File) {
	size := int64(0)
	for _, x := range all(t, f) {
		n, ok := byteSize(x.DType, x.Shape)
		require.True(t, ok)
		require.Len(t, x.Data, n)
		size += int64(n)
		if d := x.DType; d == F64 || d == F32 || d == F16 || d == BF16 {
			require.NoError(t, x.Float32s(make([]float32, x.Len())))
		}
	}
	require.Equal(t, size, f.Size())
}

func FuzzOpenBin(f *testing.F) {
	for _, path := range binFiles(f, "*.bin") {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if parsed, err := Parse(data); err == nil {
			checkParsed(t, parsed)
		}
	})
}

// The pickle alone, with the storages that those of testdata/bin name.
func FuzzUnpickle(f *testing.F) {
	for _, path := range binFiles(f, "*.bin") {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		if !isTorchZip(data) {
			continue
		}
		if records, err := zipRecords(data); err == nil {
			f.Add(records["data.pkl"])
		}
	}
	f.Add([]byte("\x80\x02" + stateDictOps("a", tensorOps(storageOps("0", 4), 0, []int{2, 2}, []int{1, 2}))))
	f.Fuzz(func(t *testing.T, pickle []byte) {
		u := unpickler{data: pickle, storages: map[string]*storage{}}
		value, err := u.load()
		if err != nil {
			return
		}
		records := []record{{name: "x/data.pkl", content: string(pickle[:u.at])}, {name: "x/version", content: "3"}}
		for key, s := range u.storages {
			if s.size > 1<<16 {
				return
			}
			records = append(records, record{name: "x/data/" + key, content: strings.Repeat("\x3c", s.size)})
			s.data = []byte(strings.Repeat("\x3c", s.size))
		}
		if _, err := stateDict(value, 1<<16); err != nil {
			return
		}
		if parsed, err := Parse(archive(t, records)); err == nil {
			checkParsed(t, parsed)
		}
	})
}
