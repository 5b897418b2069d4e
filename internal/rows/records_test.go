package rows

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/encoding"
)

// file returns the file that results make in a format.
func file(t *testing.T, format string, l *Layout, collection string, results ...Result) string {
	t.Helper()
	records, err := NewRecords(format, l, collection)
	require.NoError(t, err)
	b, before := []byte(nil), records.Begin
	for i := range results {
		for r := range results[i].Rows() {
			b, err = records.Append(append(b, before...), r)
			require.NoError(t, err)
			before = records.Between
		}
	}
	if len(results) == 0 {
		b = append(b, before...)
	}
	return string(b) + records.End
}

// halves returns numbers that are halves already.
func halves(numbers ...float32) (all []float16.Float16) {
	for _, x := range numbers {
		all = append(all, float16.Fromfloat32(x))
	}
	return all
}

// What COPY TO of PostgreSQL 15 with pgvector 0.8.6 writes of a table with these values.
func TestPgvector(t *testing.T) {
	note := json.RawMessage(`"tab\tback\\slash\nnew ü"`)
	all := []Result{
		{Input: Input{ID: json.RawMessage(`"a"`), Kept: []Value{{Name: "note", JSON: note}}}, Embedding: Embedding{Vector: encoding.Vector{
			Float32: []float32{1, -0.5, 0.25}, Float16: halves(1, -2, 65504), Ubinary: []uint8{0xb3, 0xa0}, Binary: []int8{0x33, 0x20},
		}, Sparse: &Sparse{Indices: []int32{0, 29}, Values: []float32{0.5, -2}}}},
		{Input: Input{ID: json.RawMessage(`"b"`), Kept: []Value{{Name: "note", JSON: json.RawMessage("null")}}}, Embedding: Embedding{Vector: encoding.Vector{
			Float32: []float32{0, 0, 1e-8}, Float16: halves(0, 0, 1), Ubinary: []uint8{0, 0x20}, Binary: []int8{-128, 0x20 - 128},
		}, Sparse: &Sparse{Indices: []int32{1}, Values: []float32{1}}}},
	}
	note2 := []Column{{Name: "note"}}
	dense := &Layout{Dimensions: 3, Formats: []encoding.Format{encoding.Float, encoding.Float16}, Kept: note2}
	assert.Equal(t, "a\ttab\\tback\\\\slash\\nnew ü\t[1,-0.5,0.25]\t[1,-2,65504]\nb\t\\N\t[0,0,1e-8]\t[0,0,1]\n", file(t, "pgvector", dense, "", all...))
	assert.Equal(t, "5047434f50590aff0d0a0000000000000000000004000000016100000015746162096261636b5c736c6173680a6e657720c3bc00000010000300003f800000bf0000003e8000000000000a000300003c00c0007bff00040000000162ffffffff00000010000300000000000000000000322bcc770000000a00030000000000003c00ffff",
		hex.EncodeToString([]byte(file(t, "pgvector-binary", dense, "", all...))))
	for _, f := range []encoding.Format{encoding.Ubinary, encoding.Binary} {
		bits := &Layout{Dimensions: 11, Formats: []encoding.Format{f}, Kept: note2}
		assert.Equal(t, "a\ttab\\tback\\\\slash\\nnew ü\t10110011101\nb\t\\N\t00000000001\n", file(t, "pgvector", bits, "", all...))
		assert.Equal(t, "5047434f50590aff0d0a0000000000000000000003000000016100000015746162096261636b5c736c6173680a6e657720c3bc000000060000000bb3a000030000000162ffffffff000000060000000b0020ffff",
			hex.EncodeToString([]byte(file(t, "pgvector-binary", bits, "", all...))))
	}
	for i := range all {
		all[i].Kept = nil
	}
	weights := &Layout{Sparse: true, Vocabulary: 30, Formats: []encoding.Format{encoding.Float}}
	assert.Equal(t, "a\t{1:0.5,30:-2}/30\nb\t{2:1}/30\n", file(t, "pgvector", weights, "", all...))
	assert.Equal(t, "5047434f50590aff0d0a000000000000000000000200000001610000001c0000001e0000000200000000000000000000001d3f000000c000000000020000000162000000140000001e0000000100000000000000013f800000ffff",
		hex.EncodeToString([]byte(file(t, "pgvector-binary", weights, "", all...))))

	chunked := Result{Index: 7, Input: Input{Text: "one two"}, Chunks: []Chunk{{0, 3, all[0].Embedding}, {4, 7, all[1].Embedding}}}
	assert.Equal(t, "7\t0\t0\t3\t[1,-0.5,0.25]\n7\t1\t4\t7\t[0,0,1e-8]\n",
		file(t, "pgvector", &Layout{Dimensions: 3, Formats: dense.Formats[:1], Chunks: true}, "", chunked))
}

func TestStores(t *testing.T) {
	row := Result{Index: 4, Input: Input{ID: json.RawMessage(`"d0"`), Kept: []Value{{Name: "n", JSON: json.RawMessage(`{"a":null}`)}}}}
	row.Vector = encoding.Vector{Float32: []float32{1, -0.5, 0, 0, 0, 0, 0, 0}, Int8: []int8{127, -64, 0, 0, 0, 0, 0, 0}, Uint8: []uint8{255, 64, 128, 128, 128, 128, 128, 128}, Binary: []int8{0}, Ubinary: []uint8{128}, Scale: 0.5}
	row.Multi = []encoding.Vector{{Float32: []float32{1}}, {Float32: []float32{2}}}
	row.Sparse = &Sparse{Indices: []int32{3, 20}, Values: []float32{0.5, 2}, Pieces: []string{"a", "b"}}
	bare := row
	bare.ID, bare.Kept = nil, nil
	number := row
	number.ID = json.RawMessage("18446744073709551615")
	taken := row
	taken.ID = json.RawMessage(`"6BA7B810-9dad-11d1-80b4-00c04fd430c8"`)
	chunked := bare
	chunked.Text, chunked.Chunks = "one", []Chunk{{0, 3, row.Embedding}}

	float := Layout{Dimensions: 8, Formats: []encoding.Format{encoding.Float}}
	formats := func(f ...encoding.Format) *Layout { return &Layout{Dimensions: 8, Formats: f} }
	scaled := *formats(encoding.Int8)
	scaled.Scale = true
	sparse, multi := float, float
	sparse.Sparse, multi.Multi = true, true
	const vector = "[1,-0.5,0,0,0,0,0,0]"
	// d0 as Python has it: uuid.uuid5(uuid.NAMESPACE_DNS, "d0"), and so "4" and "4:0".
	const d0, four, chunk = "8e7468aa-205a-5bd4-8a81-0fd0ac13fa2d", "6ed955c6-506a-5343-9be4-2c0afae02eef", "1cf63498-4921-5942-98df-32aaab0fbc9b"
	for _, test := range []struct {
		format string
		layout *Layout
		into   string
		row    Result
		want   string
	}{
		{"elasticsearch", &float, "docs", row, `{"index":{"_index":"docs","_id":"d0"}}` + "\n" + `{"id":"d0","n":{"a":null},"embedding":` + vector + "}\n"},
		{"elasticsearch", &float, "", bare, `{"index":{"_id":"4"}}` + "\n" + `{"embedding":` + vector + "}\n"},
		{"elasticsearch", &float, "", chunked, `{"index":{"_id":"4:0"}}` + "\n" + `{"chunk":0,"start":0,"end":3,"embedding":` + vector + "}\n"},
		{"elasticsearch", &scaled, "", bare, `{"index":{"_id":"4"}}` + "\n" + `{"scale":0.5,"embedding":[127,-64,0,0,0,0,0,0]}` + "\n"},
		{"elasticsearch", formats(encoding.Binary, encoding.Ubinary), "", bare, `{"index":{"_id":"4"}}` + "\n" + `{"embedding_binary":[0],"embedding_ubinary":"80"}` + "\n"},
		{"elasticsearch", &sparse, "", bare, `{"index":{"_id":"4"}}` + "\n" + `{"embedding":{"3":0.5,"20":2}}` + "\n"},
		{"qdrant", &float, "", row, `{"id":"` + d0 + `","vector":` + vector + `,"payload":{"id":"d0","n":{"a":null}}}` + "\n"},
		{"qdrant", &float, "", bare, `{"id":4,"vector":` + vector + `,"payload":{}}` + "\n"},
		{"qdrant", &float, "", number, `{"id":18446744073709551615,"vector":` + vector + `,"payload":{"id":18446744073709551615,"n":{"a":null}}}` + "\n"},
		{"qdrant", &float, "", chunked, `{"id":"` + chunk + `","vector":` + vector + `,"payload":{"chunk":0,"start":0,"end":3}}` + "\n"},
		{"qdrant", formats(encoding.Float, encoding.Uint8), "", bare, `{"id":4,"vector":{"float":` + vector + `,"uint8":[255,64,128,128,128,128,128,128]},"payload":{}}` + "\n"},
		{"qdrant", &sparse, "", bare, `{"id":4,"vector":{"sparse":{"indices":[3,20],"values":[0.5,2]}},"payload":{}}` + "\n"},
		{"qdrant", &multi, "", bare, `{"id":4,"vector":[[1],[2]],"payload":{}}` + "\n"},
		{"weaviate", &float, "Docs", row, `{"class":"Docs","id":"` + d0 + `","vector":` + vector + `,"properties":{"source_id":"d0","n":{"a":null}}}` + "\n"},
		{"weaviate", &float, "Docs", taken, `{"class":"Docs","id":"6BA7B810-9dad-11d1-80b4-00c04fd430c8","vector":` + vector + `,"properties":{"source_id":"6BA7B810-9dad-11d1-80b4-00c04fd430c8","n":{"a":null}}}` + "\n"},
		{"weaviate", &float, "Docs", bare, `{"class":"Docs","id":"` + four + `","vector":` + vector + `,"properties":{}}` + "\n"},
		{"milvus", &float, "", row, "[\n" + `{"id":"d0","n":{"a":null},"embedding":` + vector + "}\n]\n"},
		{"milvus", formats(encoding.Float, encoding.Ubinary), "", bare, "[\n" + `{"id":4,"embedding_float":` + vector + `,"embedding_ubinary":[128]}` + "\n]\n"},
		{"milvus", &float, "", chunked, "[\n" + `{"id":"4:0","chunk":0,"start":0,"end":3,"embedding":` + vector + "}\n]\n"},
		{"milvus", &sparse, "", bare, "[\n" + `{"id":4,"embedding":{"indices":[3,20],"values":[0.5,2]}}` + "\n]\n"},
	} {
		got := file(t, test.format, test.layout, test.into, test.row)
		assert.Equal(t, test.want, got)
		for line := range strings.Lines(strings.Trim(got, "[]\n")) {
			assert.True(t, json.Valid([]byte(line)), line)
		}
	}
	two := file(t, "milvus", &float, "", bare, row)
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(two), &list))
	assert.Len(t, list, 2)
	require.NoError(t, json.Unmarshal([]byte(file(t, "milvus", &float, "")), &list))
	assert.Empty(t, list)
}

func TestStoreMistakes(t *testing.T) {
	formats := func(dimensions int, f ...encoding.Format) *Layout { return &Layout{Dimensions: dimensions, Formats: f} }
	sparse := &Layout{Sparse: true, Formats: []encoding.Format{encoding.Float}}
	for _, test := range []struct {
		format string
		layout *Layout
		into   string
		want   string
	}{
		{"xml", formats(8, encoding.Float), "", `output format "xml", expected jsonl, csv, npy, parquet or one of: elasticsearch`},
		{"pgvector", formats(16001, encoding.Float), "", "pgvector: 16001 dimensions, a vector or halfvec has 16000 at most"},
		{"pgvector-binary", formats(16001, encoding.Float16), "", "16000 at most"},
		{"pgvector", formats(8, encoding.Int8), "", "pgvector: no place for embeddings as int8, expected float, float16, binary, ubinary"},
		{"pgvector", formats(8, encoding.Float), "docs", `collection "docs": the records of pgvector name none`},
		{"pgvector", &Layout{Multi: true, Formats: []encoding.Format{encoding.Float}}, "", "no place for the vectors of a multi-vector model"},
		{"elasticsearch", formats(12, encoding.Binary), "", "elasticsearch: bits of 12 dimensions, expected a multiple of 8"},
		{"elasticsearch", formats(8, encoding.Base64), "", "no place for embeddings as base64"},
		{"milvus", formats(12, encoding.Ubinary), "", "a multiple of 8"},
		{"milvus", formats(8, encoding.Binary), "", "no place for embeddings as binary"},
		{"qdrant", formats(8, encoding.Int8), "", "no place for embeddings as int8, expected float, float16, uint8"},
		{"weaviate", formats(8, encoding.Float), "", "weaviate: no collection"},
		{"weaviate", formats(8, encoding.Float), "docs", `collection "docs", expected letters`},
		{"weaviate", formats(8, encoding.Float, encoding.Float16), "Docs", "2 formats"},
		{"weaviate", sparse, "Docs", "no place for sparse embeddings"},
	} {
		_, err := NewRecords(test.format, test.layout, test.into)
		assert.ErrorContains(t, err, test.want)
	}
	for _, test := range []struct{ format, name, value, want string }{
		{"pgvector", "note", `"a\u0000b"`, "a zero byte"},
		{"pgvector-binary", "other", `1`, `column "other" is not among those of the first input: ["note"]`},
		{"weaviate", "no name", `1`, `column "no name": no name of a property`},
		{"elasticsearch", "note", `1`, "id of 513 bytes"},
	} {
		l := formats(1, encoding.Float)
		l.Kept = []Column{{Name: "note"}}
		into := map[string]string{"weaviate": "Docs"}[test.format]
		records, err := NewRecords(test.format, l, into)
		require.NoError(t, err)
		r := Result{Input: Input{ID: Quote(strings.Repeat("x", 513)), Kept: []Value{{Name: test.name, JSON: json.RawMessage(test.value)}}}}
		r.Float32 = []float32{1}
		_, err = records.Append(nil, &r)
		assert.ErrorContains(t, err, test.want)
	}
	many := Result{Embedding: Embedding{Sparse: &Sparse{Indices: make([]int32, 16001), Values: make([]float32, 16001)}}}
	many.Sparse.Values[0] = math.MaxFloat32
	records, err := NewRecords("pgvector", sparse, "")
	require.NoError(t, err)
	_, err = records.Append(nil, &many)
	assert.ErrorContains(t, err, "16001 weights, a sparsevec has 16000 at most")
}

func TestCSV(t *testing.T) {
	kept := func(v string) []Value {
		return []Value{{Name: "b", JSON: json.RawMessage(v)}, {Name: "a", JSON: json.RawMessage(`"x,\n\"y\""`)}}
	}
	l := &Layout{Dimensions: 2, Formats: []encoding.Format{encoding.Float, encoding.Int8}, Chunks: true, Scale: true, Errors: true, Kept: []Column{{Name: "a"}, {Name: "b"}}}
	vector := encoding.Vector{Float32: []float32{1, -0.5}, Int8: []int8{127, -64}, Scale: 0.25}
	assert.Equal(t, `index,id,chunk,start,end,a,b,embedding_float,embedding_int8,scale,tokens,truncated,error
3,id,0,0,2,"x,
""y""",[1],"[1,-0.5]","[127,-64]",0.25,5,1,
3,id,1,2,3,"x,
""y""",[1],"[1,-0.5]","[127,-64]",0.25,4,0,
4,7,,,,"x,
""y""",,,,,,,"bad, so"
`, file(t, "csv", l, "",
		Result{Index: 3, Input: Input{Text: "abc", ID: json.RawMessage(`"id"`), Kept: kept("[1]")}, Chunks: []Chunk{
			{0, 2, Embedding{Vector: vector, Tokens: 5, Truncated: 1}}, {2, 3, Embedding{Vector: vector, Tokens: 4}},
		}},
		Result{Index: 4, Input: Input{ID: json.RawMessage("7"), Kept: kept("null")}, Err: errors.New("bad, so")}))
	sparse := &Layout{Formats: []encoding.Format{encoding.Float}, Sparse: true}
	assert.Equal(t, "index,id,indices,values,tokens,truncated\n0,,\"[1,9]\",\"[0.5,2]\",3,0\n",
		file(t, "csv", sparse, "", Result{Embedding: Embedding{Sparse: &Sparse{Indices: []int32{1, 9}, Values: []float32{0.5, 2}}, Tokens: 3}}))

	records, err := NewRecords("csv", l, "")
	require.NoError(t, err)
	_, err = records.Append(nil, &Result{Input: Input{Kept: []Value{{Name: "c"}}}})
	assert.EqualError(t, err, `column "c" is not among those of the first input: ["a" "b"]`)
	_, err = NewRecords("csv", &Layout{Multi: true}, "")
	assert.ErrorContains(t, err, "csv has no place for the vectors of a multi-vector model")
}
