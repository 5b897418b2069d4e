package command

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
)

// formatNames are all values of --encoding, with NumPy's type of each, and the bytes of one of 24 dimensions.
var formatNames = []struct {
	name, dtype string
	bytes       int
}{
	{"float", "<f4", 96}, {"float16", "<f2", 48}, {"int8", "|i1", 24}, {"uint8", "|u1", 24},
	{"binary", "|i1", 3}, {"ubinary", "|u1", 3}, {"base64", "", 128},
}

// encoded returns what the library makes of sentences: for each, the numbers of
// each format by name, or base64's string, and the scale.
func encoded(t *testing.T, ranges *quant.Ranges) (values []map[string]any, scales []float64) {
	t.Helper()
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	all := []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Uint8, encoding.Binary, encoding.Ubinary, encoding.Base64}
	r, err := m.Embed(t.Context(), sentences, embed.Options{Formats: all, Ranges: ranges})
	require.NoError(t, err)
	for _, e := range r.Embeddings {
		values = append(values, map[string]any{
			"float": numbers(e.Float32), "float16": numbers(quant.FromFloat16(nil, e.Float16)),
			"int8": numbers(e.Int8), "uint8": numbers(e.Uint8), "binary": numbers(e.Binary), "ubinary": numbers(e.Ubinary),
			"base64": e.Base64,
		})
		scales = append(scales, float64(e.Scale))
	}
	return values, scales
}

func numbers[E float32 | int8 | uint8 | int32](v []E) []any {
	list := []any{}
	for _, x := range v {
		list = append(list, float64(x))
	}
	return list
}

// rounded makes float32 of the numbers of value, which may be a list.
func rounded(value any) any {
	if list, ok := value.([]any); ok {
		for i, x := range list {
			list[i] = float64(float32(x.(float64)))
		}
	}
	return value
}

func TestEncodings(t *testing.T) {
	want, scales := encoded(t, nil)
	for _, f := range formatNames {
		for _, to := range []string{"json", "jsonl", "csv", "parquet", "npy"} {
			if f.dtype == "" && to == "npy" {
				continue
			}
			t.Run(f.name+" in "+to, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out."+to)
				code, stdout, stderr := rhumb(t, strings.Join(sentences, "\n"), "embed", "--model", tiny, "--encoding", f.name, "--output", out)
				if to == "npy" && (f.name == "int8" || f.name == "uint8") {
					require.Equal(t, 2, code)
					require.Contains(t, stderr, "embeddings as "+f.name+", each at a scale of its own: npy has no place for that")
					require.NoFileExists(t, out)
					return
				}
				require.Zero(t, code, stderr)
				assert.Empty(t, stdout+stderr)
				data, err := os.ReadFile(out)
				require.NoError(t, err)
				if to == "npy" {
					checkNPY(t, data, f.dtype, f.bytes)
					for i := range want {
						assert.Equal(t, want[i][f.name], npyRow(t, data[128+f.bytes*i:][:f.bytes], f.dtype))
					}
					return
				}
				rows := records(t, to, data)
				require.Len(t, rows, len(want))
				for i, r := range rows {
					assert.Equal(t, want[i][f.name], rounded(r["embedding"]))
					if f.name == "int8" || f.name == "uint8" {
						assert.Equal(t, scales[i], rounded([]any{r["scale"]}).([]any)[0])
					} else {
						assert.NotContains(t, r, "scale")
					}
				}
			})
		}
	}
}

// checkNPY checks the header of 3 rows of so many bytes, byte for byte that of numpy.save (NumPy 2.4).
func checkNPY(t *testing.T, data []byte, dtype string, width int) {
	t.Helper()
	header := fmt.Sprintf("\x93NUMPY\x01\x00\x76\x00{'descr': '%s', 'fortran_order': False, 'shape': (3, %d), }", dtype, width/int(dtype[2]-'0'))
	require.Equal(t, header+strings.Repeat(" ", 127-len(header))+"\n", string(data[:128]))
	require.Len(t, data, 128+3*width)
}

func npyRow(t *testing.T, row []byte, dtype string) any {
	t.Helper()
	read := func(v any) { require.NoError(t, binary.Read(bytes.NewReader(row), binary.LittleEndian, v)) }
	switch dtype {
	case "<f4":
		v := make([]float32, len(row)/4)
		read(v)
		return numbers(v)
	case "<f2":
		v := make([]float16.Float16, len(row)/2)
		read(v)
		return numbers(quant.FromFloat16(nil, v))
	case "|i1":
		v := make([]int8, len(row))
		read(v)
		return numbers(v)
	}
	return numbers(row)
}

// records returns the rows of an output file by column. A cell is a number, a list or a string.
func records(t *testing.T, format string, data []byte) (rows []map[string]any) {
	t.Helper()
	switch format {
	case "json":
		require.NoError(t, json.Unmarshal(data, &rows))
	case "jsonl":
		for line := range bytes.Lines(data) {
			var r map[string]any
			require.NoError(t, json.Unmarshal(line, &r))
			rows = append(rows, r)
		}
	case "csv":
		lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		require.NoError(t, err)
		for _, line := range lines[1:] {
			r := map[string]any{}
			for i, cell := range line {
				var value any = cell
				if number, err := strconv.ParseFloat(cell, 64); err == nil {
					value = number
				} else if strings.HasPrefix(cell, "[") {
					require.NoError(t, json.Unmarshal([]byte(cell), &value))
				}
				r[lines[0][i]] = value
			}
			rows = append(rows, r)
		}
	case "parquet":
		file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		reader := parquet.NewGenericReader[any](file, file.Schema())
		defer reader.Close()
		buf := make([]parquet.Row, 10)
		n, _ := reader.ReadRows(buf)
		leaves := file.Schema().Columns()
		for _, row := range buf[:n] {
			r := map[string]any{}
			for _, v := range row {
				name := leaves[v.Column()][0]
				cell := parquetCell(file, v)
				if len(leaves[v.Column()]) > 1 {
					list, _ := r[name].([]any)
					cell = append(list, cell)
				}
				r[name] = cell
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// parquetCell returns a value as its column's logical type says.
func parquetCell(file *parquet.File, v parquet.Value) any {
	switch v.Kind() {
	case parquet.Float:
		return float64(v.Float())
	case parquet.Int32:
		return float64(v.Int32())
	case parquet.Int64:
		return float64(v.Int64())
	case parquet.ByteArray:
		return string(v.ByteArray())
	case parquet.FixedLenByteArray:
		half := float16.Frombits(binary.LittleEndian.Uint16(v.ByteArray()))
		return float64(half.Float32())
	}
	return nil
}

func TestSeveralEncodings(t *testing.T) {
	want, scales := encoded(t, nil)
	const list = "int8,float,base64,ubinary"
	for _, to := range []string{"json", "jsonl", "csv", "parquet"} {
		t.Run(to, func(t *testing.T) {
			code, stdout, stderr := rhumb(t, strings.Join(sentences, "\n"), "embed", "--model", tiny, "--encoding", list, "--output-format", to)
			require.Zero(t, code, stderr)
			rows := records(t, to, []byte(stdout))
			require.Len(t, rows, len(want))
			for i, r := range rows {
				embeddings, ok := r["embedding"].(map[string]any)
				assert.Equal(t, strings.HasPrefix(to, "json"), ok, "an object in JSON, columns elsewhere")
				for name := range strings.SplitSeq(list, ",") {
					got := embeddings[name]
					if !ok {
						got = r["embedding_"+name]
					}
					assert.Equal(t, want[i][name], rounded(got), name)
				}
				assert.Len(t, embeddings, map[bool]int{true: 4}[ok])
				assert.Equal(t, scales[i], rounded([]any{r["scale"]}).([]any)[0])
			}
		})
	}
	code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--encoding", "float", "--encoding", "int8", "summer")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, `"embedding":{"float":[`)
	assert.Contains(t, stdout, `],"int8":[`)
}

func TestEncodingTable(t *testing.T) {
	want, _ := encoded(t, nil)
	for _, f := range formatNames {
		code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--encoding", f.name, "--output-format", "table", sentences[0])
		require.Zero(t, code, stderr)
		lines := strings.Split(strings.TrimRight(stdout, "\n"), "\n")
		require.Len(t, lines, 2)
		fields := strings.Fields(lines[1])
		switch values := want[0][f.name].(type) {
		case string:
			assert.Equal(t, values[:40], fields[3][:40])
		case []any:
			shown, err := strconv.ParseFloat(fields[4], 64)
			require.NoError(t, err)
			assert.InDelta(t, values[1], shown, 1e-6, f.name)
		}
		assert.Equal(t, f.name == "float", fields[2] == "1.0000", "the norm of float alone")
		assert.Equal(t, f.name != "float", strings.Contains(lines[0], "dimensions, "+f.name))
		before, _, _ := strings.Cut(lines[1], " "+sentences[0])
		assert.Equal(t, strings.Index(lines[0], " text"), utf8.RuneCountInString(before), "columns stand below their names")
	}
}

func TestRanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ranges.json")
	code, _, stderr := rhumb(t, strings.Join(sentences, "\n"), "calibrate", "--model", tiny, "--output", file)
	require.Zero(t, code, stderr)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	ranges, err := quant.ReadRanges(bytes.NewReader(data))
	require.NoError(t, err)
	want, _ := encoded(t, ranges)

	code, stdout, stderr := rhumb(t, strings.Join(sentences, "\n"), "embed", "--model", tiny, "--encoding", "int8,uint8", "--ranges", file)
	require.Zero(t, code, stderr)
	for i, r := range records(t, "jsonl", []byte(stdout)) {
		got := r["embedding"].(map[string]any)
		assert.Equal(t, want[i]["int8"], got["int8"])
		assert.Equal(t, want[i]["uint8"], got["uint8"])
		assert.NotContains(t, r, "scale", "ranges have no scale")
	}
	for _, test := range []struct{ message, args string }{
		{"24 dimensions", "--dimensions 8"},
		{"not normalized", "--no-normalize"},
		{"no-file.json", "--ranges no-file.json"},
		{"fingerprint", "--ranges " + write(t, "other.json", strings.Replace(string(data), ranges.Fingerprint, "other", 1))},
		{"ranges.json: ", "--ranges " + write(t, "ranges.json", `{"min": [0], "max": [1], "dimensions": 2, "normalized": true}`)},
		{"in.json: ", "--ranges " + write(t, "in.json", "oops")},
	} {
		args := append([]string{"embed", "--model", tiny, "--encoding", "int8", "--ranges", file}, strings.Fields(test.args)...)
		code, stdout, stderr := rhumb(t, "", append(args, "summer")...)
		assert.Equal(t, 1, code, test.args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.message)
	}

	dir := t.TempDir() // the model's own ranges
	require.NoError(t, os.CopyFS(dir, os.DirFS(tiny)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, quant.RangesFile), data, 0o666))
	code, own, stderr := rhumb(t, strings.Join(sentences, "\n"), "embed", "--model", dir, "--encoding", "int8,uint8")
	require.Zero(t, code, stderr)
	assert.Equal(t, stdout, own)
}

func TestLayers(t *testing.T) {
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	r, err := m.Embed(t.Context(), sentences, embed.Options{Layers: 1})
	require.NoError(t, err)
	code, stdout, stderr := rhumb(t, strings.Join(sentences, "\n"), "embed", "--model", tiny, "--layers", "1")
	require.Zero(t, code, stderr)
	for i, row := range parseLines(t, stdout) {
		assert.Equal(t, r.Embeddings[i].Float32, row.Embedding)
		assert.NotEqual(t, library(t, sentences[i])[0].Float32, row.Embedding)
	}
}

// base64 is over the bytes of float32, the lowest first.
func TestBase64(t *testing.T) {
	code, stdout, stderr := rhumb(t, "", "embed", "--model", tiny, "--encoding", "float,base64", "summer")
	require.Zero(t, code, stderr)
	var r struct {
		Embedding struct {
			Float  []float32
			Base64 string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	data, err := base64.StdEncoding.DecodeString(r.Embedding.Base64)
	require.NoError(t, err)
	v := make([]float32, 24)
	require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, v))
	assert.Equal(t, r.Embedding.Float, v)
}

func TestSkipEncodings(t *testing.T) {
	for _, to := range []string{"jsonl", "csv", "parquet"} {
		code, stdout, _ := rhumb(t, "summer\n\nriver\n", "embed", "--model", tiny, "--encoding", "int8,base64", "--keep-blank", "--on-error", "skip", "--output-format", to)
		assert.Equal(t, 1, code)
		rows := records(t, to, []byte(stdout))
		require.Len(t, rows, 3)
		assert.Equal(t, "empty text", rows[1]["error"])
		assert.Empty(t, rows[1]["scale"])
		assert.NotEmpty(t, rows[0]["scale"])
		assert.NotEmpty(t, rows[2]["scale"])
	}
}
