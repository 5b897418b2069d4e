package verify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// npy is what numpy 2.4 writes of an array: the header ends at a multiple of 64.
func npy(kind, order, shape, data string) string {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", kind, order, shape)
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head + data
}

func TestReadVectors(t *testing.T) {
	want := [][]float32{{1, -2}, {0.5, 0}}
	for name, file := range map[string]string{
		"float16":         npy("<f2", "False", "(2, 2)", "\x00\x3c\x00\xc0\x00\x38\x00\x00"),
		"float32":         npy("<f4", "False", "(2, 2)", "\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f\x00\x00\x00\x00"),
		"float64":         npy("<f8", "False", "(2, 2)", "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\xe0\x3f\x00\x00\x00\x00\x00\x00\x00\x00"),
		"lists":           "[1, -2]\n\n[0.5, 0]",
		"rhumb's objects": "{\"index\":0,\"embedding\":[1,-2],\"tokens\":3}\n{\"index\":1,\"embedding\":[0.5,0]}\n",
	} {
		got, err := ReadVectors(strings.NewReader(file))
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	for file, want := range map[string]string{
		"[1, 2]\n{}":   `line 2: expected a list of numbers`,
		"[1, 2]\n[1, ": "line 2: ",
		npy("<f4", "False", "(2, 2)", "\x00\x00"):          "row 0 of 2: unexpected EOF",
		npy("<f4", "True", "(2, 2)", ""):                   "fortran_order: True",
		npy("<i8", "False", "(2, 2)", ""):                  `numbers are "<i8", expected <f2, <f4 or <f8`,
		npy("<f4", "False", "(2,)", ""):                    "expected an array of two dimensions",
		npy("<f4", "False", "(999999999999, 999999)", ""):  "shape (999999999999, 999999), expected one number",
		npy("<f4", "False", "(999999999999, 0)", ""):       "shape (999999999999, 0), expected one number",
		"\x93NUMPY\x01\x00":                                "header: ",
		"\x93NUMPY\x02\x00\xff\xff\xff\x7f{'descr': '<f4'": "header of 2147483647 bytes",
	} {
		_, err := ReadVectors(strings.NewReader(file))
		require.ErrorContains(t, err, want)
	}
}

func TestReadTokens(t *testing.T) {
	ids, hidden, err := ReadTokens(strings.NewReader("[1, 2]\n{\"input_ids\": [3]}\n{\"tokens\": [4, 5]}"))
	require.NoError(t, err)
	assert.Equal(t, [][]int32{{1, 2}, {3}, {4, 5}}, ids)
	assert.Nil(t, hidden)
	ids, hidden, err = ReadTokens(strings.NewReader("{\"hidden\": [[1, 2], [3, 4]]}"))
	require.NoError(t, err)
	assert.Nil(t, ids)
	assert.Equal(t, [][][]float32{{{1, 2}, {3, 4}}}, hidden)
	for file, want := range map[string]string{
		"":                             "empty: expected a line for each text",
		"{}":                           "line 1: expected a list of ids",
		"[1]\n{\"hidden\": [[1]]}":     "row 2: no ids, which other rows have",
		"{\"ids\": [1]}\n[1, \"a\"]\n": "line 2: ",
		"{\"ids\": [1], \"hidden\": [[1]]}\n[1]\n": "row 2: no hidden, which other rows have",
	} {
		_, _, err := ReadTokens(strings.NewReader(file))
		require.ErrorContains(t, err, want)
	}
}

// No file panics, or takes more memory than it has itself.
func FuzzReadVectors(f *testing.F) {
	f.Add([]byte(npy("<f4", "False", "(1, 1)", "\x00\x00\x80\x3f")))
	f.Add([]byte(npy("<f2", "False", "(1, 99999)", "")))
	f.Add([]byte("[1]\n{\"embedding\": [2]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = ReadVectors(bytes.NewReader(data))
		_, _, _ = ReadTokens(bytes.NewReader(data))
	})
}
