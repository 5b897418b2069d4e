package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseValid(t *testing.T) {
	for _, c := range []struct {
		name   string
		header string
		data   int
		names  []string
	}{
		{"no tensors", `{}`, 0, nil},
		{"white space", "{ \"a\" :\n{\"shape\":[ ], \"data_offsets\": [0 , 1],\"dtype\":\"U8\"} }\r\n\t  ", 1, []string{"a"}},
		{"no order", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 3, []string{"a", "b"}},
		{"empty tensors anywhere", `{"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"c":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]}}`, 4, []string{"a", "b", "c"}},
		{"empty name", `{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, []string{""}},
		{"escapes", `{"\u00e9\ud83d\ude00\\u\"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, []string{"é😀\\u\""}},
		{"metadata last", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"":""}}`, 1, []string{"a"}},
		{"not aligned", `{"a":{"dtype":"F16","shape":[1],"data_offsets":[1,3]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}`, 3, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Parse(file(c.header, c.data))
			require.NoError(t, err)
			assert.Equal(t, c.names, f.Names())
			assert.Equal(t, int64(c.data), f.Size())
		})
	}
}

func TestParseHostile(t *testing.T) {
	// with returns a header of one tensor "x" with these values.
	with := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"x":{"dtype":%s,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets)
	}
	// layout returns a header of tensors of bytes, named a, b, c.
	layout := func(offsets ...int) string {
		var b strings.Builder
		for i := 0; i < len(offsets); i += 2 {
			fmt.Fprintf(&b, `,"%c":{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]}`,
				'a'+i/2, offsets[i+1]-offsets[i], offsets[i], offsets[i+1])
		}
		return "{" + b.String()[1:] + "}"
	}
	for _, c := range []struct {
		name   string
		header string
		data   int
		want   string
	}{
		{"no header", ``, 0, `header: 0 bytes, expected '{'`},
		{"list", `[]`, 0, `header: starts with '[', expected '{'`},
		{"space first", ` {}`, 0, `header: starts with ' ', expected '{'`},
		{"not UTF-8", "{\"a\xff\":1}", 0, `header: byte 3: 0xff, expected UTF-8`},
		{"not UTF-8 after the end", "{}\x80", 0, `header: byte 2: 0x80, expected UTF-8`},
		{"half a pair", `{"\ud800":1}`, 0, `header: byte 2: \ud800 without its pair`},
		{"half a pair before text", `{"\ud800\u0041":1}`, 0, `header: byte 2: \ud800 without its pair`},
		{"second half of a pair", `{"a\udc00":1}`, 0, `header: byte 3: \udc00 without its pair`},
		{"cut off", `{"a"`, 0, `header: tensor "a": invalid JSON at byte 4: unexpected EOF`},
		{"comma at the end", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}`, 1, `header: invalid JSON at byte 5`},
		{"comma in a list", with(`"U8"`, `[1,]`, `[0,1]`), 1, `tensor "x": shape: invalid JSON`},
		{"no colon", `{"a" 1}`, 0, `header: tensor "a": invalid JSON at byte 5`},
		{"key of no string", `{1:2}`, 0, `header: invalid JSON at byte`},
		{"comment", `{/**/}`, 0, `header: invalid JSON at byte`},
		{"zero byte after the end", "{}\x00", 0, `header: invalid JSON at byte`},
		{"two objects", `{}{}`, 0, `header: byte 3: {, expected the end`},
		{"deep", strings.Repeat(`{"a":`, 100000), 0, `tensor "a": unknown key "a"`},
		{"duplicate tensor", `{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0, `header: byte 56: duplicate key "x"`},
		{"duplicate tensor, escaped", `{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0078":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0, `duplicate key "x"`},
		{"duplicate key of a tensor", `{"x":{"dtype":"U8","shape":[0],"dtype":"F32","data_offsets":[0,0]}}`, 0, `header: tensor "x": byte 38: duplicate key "dtype"`},
		{"duplicate metadata", `{"__metadata__":{},"__metadata__":{}}`, 0, `duplicate key "__metadata__"`},
		{"duplicate key of metadata", `{"__metadata__":{"a":"","a":""}}`, 0, `header: __metadata__: byte 27: duplicate key "a"`},
		{"metadata of numbers", `{"__metadata__":{"a":1}}`, 0, `header: __metadata__: key "a": byte 22: number 1, expected a string`},
		{"metadata of objects", `{"__metadata__":{"a":{}}}`, 0, `header: __metadata__: key "a": byte 22: {, expected a string`},
		{"metadata null", `{"__metadata__":null}`, 0, `header: __metadata__: byte 20: null, expected an object`},
		{"metadata string", `{"__metadata__":"pt"}`, 0, `header: __metadata__: byte 20: string "pt", expected an object`},
		{"entry of no object", `{"x":true}`, 0, `header: tensor "x": byte 9: true, expected an object`},
		{"unknown key", `{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"crc":1}}`, 0, `header: tensor "x": unknown key "crc"`},
		{"no dtype", `{"x":{"shape":[0],"data_offsets":[0,0]}}`, 0, `header: tensor "x": no key "dtype"`},
		{"no shape", `{"x":{"dtype":"U8","data_offsets":[0,1]}}`, 1, `header: tensor "x": no key "shape"`},
		{"no offsets", `{"x":{"dtype":"U8","shape":[0]}}`, 0, `header: tensor "x": no key "data_offsets"`},
		{"unknown dtype", with(`"F128"`, `[1]`, `[0,16]`), 16, `header: tensor "x": dtype: unknown dtype "F128"`},
		{"dtype in lower case", with(`"f32"`, `[1]`, `[0,4]`), 4, `header: tensor "x": dtype: unknown dtype "f32"`},
		{"dtype of no string", with(`32`, `[1]`, `[0,4]`), 4, `header: tensor "x": dtype: byte 16: number 32, expected a string`},
		{"shape of no list", with(`"U8"`, `1`, `[0,1]`), 1, `header: tensor "x": shape: byte 28: number 1, expected an array`},
		{"negative dimension", with(`"U8"`, `[2,-1]`, `[0,0]`), 0, `header: tensor "x": shape: element 1: byte 32: number -1, expected a whole number from 0 to`},
		{"negative zero", with(`"U8"`, `[-0]`, `[0,0]`), 0, `shape: element 0: byte 30: number -0, expected a whole number`},
		{"fraction", with(`"U8"`, `[1.5]`, `[0,1]`), 1, `shape: element 0: byte 31: number 1.5, expected a whole number`},
		{"whole fraction", with(`"U8"`, `[1.0]`, `[0,1]`), 1, `shape: element 0: byte 31: number 1.0, expected a whole number`},
		{"exponent", with(`"U8"`, `[1e0]`, `[0,1]`), 1, `number 1e0, expected a whole number`},
		{"string dimension", with(`"U8"`, `["1"]`, `[0,1]`), 1, `string "1", expected a whole number`},
		{"null dimension", with(`"U8"`, `[null]`, `[0,1]`), 1, `null, expected a whole number`},
		{"list in a shape", with(`"U8"`, `[[1]]`, `[0,1]`), 1, `shape: element 0: byte 29: [, expected a whole number`},
		{"huge dimension", with(`"U8"`, `[9223372036854775808]`, `[0,1]`), 1, `number 9223372036854775808, expected a whole number`},
		{"dimension of many digits", with(`"U8"`, `[1`+strings.Repeat("0", 5000)+`]`, `[0,1]`), 1, `number 1000`},
		{"many dimensions", with(`"U8"`, `[1`+strings.Repeat(",1", 64)+`]`, `[0,1]`), 1, `shape: byte 157: more than 64 numbers`},
		{"overflow", with(`"U8"`, `[2147483647,2147483647,2147483647]`, `[0,0]`), 0, `header: tensor "x": shape [2147483647 2147483647 2147483647] of U8: no whole number of bytes`},
		{"overflow to zero", with(`"F32"`, `[1073741824,1073741824,16]`, `[0,0]`), 0, `shape [1073741824 1073741824 16] of F32: no whole number of bytes`},
		{"overflow beside a zero", with(`"F32"`, `[1073741824,1073741824,16,0]`, `[0,0]`), 0, `of F32: no whole number of bytes`},
		{"half a byte", with(`"F4"`, `[3]`, `[0,1]`), 1, `shape [3] of F4: no whole number of bytes`},
		{"too few bytes", with(`"F32"`, `[2,2]`, `[0,12]`), 12, `header: tensor "x": data_offsets [0, 12]: 12 bytes, shape [2 2] of F32 has 16`},
		{"too many bytes", with(`"F32"`, `[]`, `[0,8]`), 8, `data_offsets [0, 8]: 8 bytes, shape [] of F32 has 4`},
		{"reversed", with(`"U8"`, `[4]`, `[4,0]`), 4, `header: tensor "x": data_offsets [4, 0]: the end lies before the begin`},
		{"one offset", with(`"U8"`, `[1]`, `[1]`), 1, `header: tensor "x": data_offsets: byte 49: 1 numbers, expected 2`},
		{"three offsets", with(`"U8"`, `[1]`, `[0,1,2]`), 1, `data_offsets: byte 52: more than 2 numbers`},
		{"negative offset", with(`"U8"`, `[1]`, `[-1,0]`), 1, `data_offsets: element 0: byte 49: number -1, expected a whole number`},
		{"huge offset", with(`"U8"`, `[1]`, `[18446744073709551615,0]`), 1, `data_offsets: element 0`},
		{"largest offsets", with(`"U8"`, `[1]`, `[9223372036854775806,9223372036854775807]`), 1, `tensor "x": data_offsets [9223372036854775806, 9223372036854775807]: gap after the header, expected to begin at 0`},
		{"starts late", layout(1, 4), 4, `header: tensor "a": data_offsets [1, 4]: gap after the header, expected to begin at 0`},
		{"gap", layout(0, 2, 3, 4), 4, `header: tensor "b": data_offsets [3, 4]: gap after tensor "a", expected to begin at 2`},
		{"overlap", layout(0, 3, 2, 4), 4, `header: tensor "b": data_offsets [2, 4]: overlap tensor "a", which ends at 3`},
		{"the same bytes twice", layout(0, 4, 0, 4), 4, `header: tensor "b": data_offsets [0, 4]: overlap tensor "a"`},
		{"inside another", layout(0, 4, 1, 2), 4, `header: tensor "b": data_offsets [1, 2]: overlap tensor "a"`},
		{"empty inside another", layout(0, 4, 2, 2), 4, `header: tensor "b": data_offsets [2, 2]: overlap tensor "a"`},
		{"past the end", layout(0, 2, 2, 5), 4, `header: tensor "b": data_offsets [2, 5]: past the end, the file has 4 bytes of data`},
		{"bytes left", layout(0, 2, 2, 3), 4, `header: 4 bytes of data, tensor "b" ends at 3`},
		{"bytes and no tensors", `{}`, 1, `header: 1 bytes of data, the header ends at 0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(file(c.header, c.data))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.Less(t, len(err.Error()), 1000)
		})
	}
}

func TestParseLength(t *testing.T) {
	length := func(n uint64, rest string) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, n), rest...)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nil", nil, "file: 0 bytes, expected at least 8"},
		{"7 bytes", make([]byte, 7), "file: 7 bytes, expected at least 8"},
		{"length alone", length(2, ""), "header: length of 2 bytes, the file has 0 after its length"},
		{"past the end", length(3, "{}"), "header: length of 3 bytes, the file has 2 after its length"},
		{"most", length(math.MaxUint64, "{}"), "header: length of 18446744073709551615 bytes, expected at most 100000000"},
		{"too long", length(100_000_001, "{}"), "header: length of 100000001 bytes, expected at most 100000000"},
		{"longest", length(100_000_000, "{}"), "header: length of 100000000 bytes, the file has 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.data)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// Every beginning of a file is an error; so is one byte more.
func TestParseTruncated(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "dtypes.safetensors"))
	require.NoError(t, err)
	for n := range data {
		_, err := Parse(data[:n:n])
		require.Error(t, err, n)
	}
	_, err = Parse(append(data, 0))
	require.Error(t, err)
}

func FuzzParse(f *testing.F) {
	reference, err := os.ReadFile(filepath.Join("testdata", "dtypes.safetensors"))
	require.NoError(f, err)
	f.Add(reference)
	f.Add(file(`{}`, 0))
	f.Add(file(`{"__metadata__":{"a":"b"},"x":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}  `, 8))
	f.Add(file(`{"x":{"dtype":"F32","shape":[0,1073741824],"data_offsets":[0,0]},"\ud83d\ude00":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1))
	f.Add(file(`{"x":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}`, 7))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := Parse(data)
		if err != nil {
			return
		}
		// What is valid covers its data, converts, and comes back from Write.
		var tensors []Tensor
		size := 0
		for _, x := range all(t, parsed) {
			tensors = append(tensors, x)
			size += len(x.Data)
			if d := x.DType; d == F64 || d == F32 || d == F16 || d == BF16 {
				require.NoError(t, x.Float32s(make([]float32, x.Len())))
			}
		}
		require.Equal(t, parsed.Size(), int64(size))
		again, err := Parse(written(t, tensors, parsed.Metadata()))
		require.NoError(t, err)
		require.Equal(t, all(t, parsed), all(t, again))
		require.True(t, len(parsed.Metadata()) == 0 || assert.ObjectsAreEqual(parsed.Metadata(), again.Metadata()))
	})
}
