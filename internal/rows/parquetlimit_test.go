package rows

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	require.NoError(t, err)
	return data
}

// A pageFile is a Parquet file of one column, "text", with pages as they are given.
type pageFile struct {
	rows     int64
	codec    format.CompressionCodec
	optional bool
	pages    [][]byte // header and data
	first    int      // page of data
}

func page(t testing.TB, header format.PageHeader, data []byte) []byte {
	t.Helper()
	if header.CompressedPageSize == 0 {
		header.CompressedPageSize = int32(len(data))
	}
	if header.UncompressedPageSize == 0 {
		header.UncompressedPageSize = int32(len(data))
	}
	return append(marshal(t, &header), data...)
}

func dataPage(encoding format.Encoding, values int32) format.PageHeader {
	return format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(format.DataPageHeader{
		NumValues: values, Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})}
}

func dictionaryPage(values int32) format.PageHeader {
	return format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: values})}
}

// bytes returns the file.
func (f *pageFile) bytes(t testing.TB) []byte {
	t.Helper()
	file := []byte("PAR1")
	offset := int64(0)
	for i, p := range f.pages {
		if i == f.first {
			offset = int64(len(file))
		}
		file = append(file, p...)
	}
	repetition := format.Required
	if f.optional {
		repetition = format.Optional
	}
	chunk := format.ColumnMetaData{
		Type: format.ByteArray, Encoding: []format.Encoding{format.Plain}, PathInSchema: []string{"text"}, Codec: f.codec,
		NumValues: f.rows, TotalCompressedSize: int64(len(file) - 4), TotalUncompressedSize: int64(len(file) - 4), DataPageOffset: offset,
	}
	if f.first > 0 {
		chunk.DictionaryPageOffset = 4
	}
	return closeFile(t, file, &format.FileMetaData{
		Version: 1, NumRows: f.rows,
		Schema: []format.SchemaElement{
			{Name: "root", NumChildren: thrift.New[int32](1)},
			{Name: "text", Type: thrift.New(format.ByteArray), RepetitionType: thrift.New(repetition)},
		},
		RowGroups: []format.RowGroup{{NumRows: f.rows, Columns: []format.ColumnChunk{{MetaData: chunk}}}},
	})
}

func closeFile(t testing.TB, file []byte, footer *format.FileMetaData) []byte {
	t.Helper()
	return rawFooter(file, marshal(t, footer))
}

func rawFooter(file, footer []byte) []byte {
	file = append(bytes.Clone(file), footer...)
	return append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), "PAR1"...)
}

// open returns the source of a file with that content.
func open(t testing.TB, name string, content []byte, how Reader) (Source, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o666))
	return Open(t.Context(), path, how)
}

// rest reads all rows: the texts, and the errors of bad ones. The last error is
// nil at the end.
func rest(s Source) (texts []string, bad []error, err error) {
	for {
		in, err := s.Next()
		if err == io.EOF {
			return texts, bad, nil
		}
		if b, ok := err.(*BadInput); ok {
			bad = append(bad, b.Err)
			continue
		}
		if err != nil {
			return texts, bad, err
		}
		texts = append(texts, in.Text)
	}
}

func uvarints(values ...uint64) (b []byte) {
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// sized is data behind its length.
func sized(data string) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data...)
}

// deltas is DELTA_BINARY_PACKED of so many integers that are all alike.
func deltas(value int64, n int) []byte {
	b := binary.AppendVarint(uvarints(128, 4, uint64(n)), value)
	for left := n - 1; left > 0; left -= 128 {
		b = append(b, 0, 0, 0, 0, 0) // least delta, widths
	}
	return b
}

// What a Parquet file announces beyond what it has is an error before it is
// allocated, and so is what becomes too much.
func TestParquetBombs(t *testing.T) {
	const much = 1<<31 - 1
	text := sized("a")
	zst, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	zeros := zst.EncodeAll(make([]byte, maxPages+1000), nil)
	sizes := func(packed, unpacked int32) format.PageHeader {
		h := dataPage(format.Plain, 1)
		h.CompressedPageSize, h.UncompressedPageSize = packed, unpacked
		return h
	}
	runs := bytes.Repeat(uvarints(2*(1<<24-1), 0), 1000) // of 16 million values each
	index := append([]byte{1}, runs...)
	v2 := format.PageHeader{Type: format.DataPageV2, DataPageHeaderV2: thrift.New(format.DataPageHeaderV2{
		NumValues: 1, NumRows: 1, DefinitionLevelsByteLength: int32(len(runs)),
	})}
	// The second value and all others share 1 MB with the one before.
	shared := append(append(append(binary.AppendVarint(uvarints(128, 4, 1001), 0), binary.AppendVarint(nil, 0)...), 32, 0, 0, 0), []byte{0, 0, 16, 0}...)
	shared = append(append(deltas(1<<20, 1000), deltas(0, 1000)...), shared...)
	long := make([]byte, 0, 1<<20)
	for name, test := range map[string]struct {
		file  pageFile
		error string
	}{
		"sizes":                {pageFile{pages: [][]byte{page(t, sizes(much, much), text)}}, "2147483647 bytes, its column has 5 left"},
		"size unpacked":        {pageFile{codec: format.Snappy, pages: [][]byte{page(t, sizes(5, much), text)}}, "5 bytes, uncompressed 2147483647, expected at most"},
		"negative size":        {pageFile{pages: [][]byte{page(t, sizes(-5, 5), text)}}, "-5 bytes"},
		"values":               {pageFile{pages: [][]byte{page(t, dataPage(format.Plain, much), text)}}, "2147483647 values, expected at most"},
		"values of dictionary": {pageFile{first: 1, pages: [][]byte{page(t, dictionaryPage(much), text), page(t, dataPage(format.RLEDictionary, 1), []byte{0, 2, 0})}}, "2147483647 values, expected at most"},
		"levels":               {pageFile{optional: true, pages: [][]byte{page(t, dataPage(format.Plain, 1), append(sized(string(runs)), text...))}}, "values in runs, expected at most"},
		"levels of version 2":  {pageFile{optional: true, pages: [][]byte{page(t, v2, append(bytes.Clone(runs), text...))}}, "values in runs, expected at most"},
		"indexes":              {pageFile{first: 1, pages: [][]byte{page(t, dictionaryPage(1), text), page(t, dataPage(format.RLEDictionary, 1), index)}}, "values in runs, expected at most"},
		"deltas":               {pageFile{pages: [][]byte{page(t, dataPage(format.DeltaLengthByteArray, 1), append(uvarints(128, 4, much, 0), text...))}}, "2147483647 deltas"},
		"lengths":              {pageFile{pages: [][]byte{page(t, dataPage(format.DeltaLengthByteArray, 1000), deltas(1<<20, 1000))}}, "a length of 1048576 bytes"},
		"shared prefixes":      {pageFile{pages: [][]byte{page(t, dataPage(format.DeltaByteArray, 1000), append(shared, long...))}}, "a length of 1048576 bytes"},
		"Zstandard":            {pageFile{codec: format.Zstd, pages: [][]byte{page(t, sizes(0, 5), zeros)}}, "more than 335544320 bytes"},
		"Snappy":               {pageFile{codec: format.Snappy, pages: [][]byte{page(t, sizes(0, 5), append(uvarints(1<<31-1), text...))}}, "2147483647 bytes, expected at most"},
		"Snappy of no length":  {pageFile{codec: format.Snappy, pages: [][]byte{page(t, sizes(0, 5), append(uvarints(1<<40), text...))}}, "snappy: s2: corrupt input"},
		"LZ4":                  {pageFile{codec: format.Lz4Raw, pages: [][]byte{page(t, sizes(0, 5), []byte("\xff\xff\xff\xff\xff"))}}, "page at "},
		"LZO":                  {pageFile{codec: format.LZO, pages: [][]byte{page(t, sizes(0, 5), text)}}, "LZO"},
	} {
		t.Run(name, func(t *testing.T) {
			test.file.rows = 1
			file := test.file.bytes(t)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := open(t, "in.parquet", file, Reader{Format: "parquet", Field: "text"})
			if err == nil {
				_, _, err = rest(s)
				require.NoError(t, s.Close())
			}
			runtime.ReadMemStats(&after)
			assert.ErrorContains(t, err, test.error)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
		})
	}
}

func TestParquetFooterBombs(t *testing.T) {
	magic := []byte("PAR1")
	list := append([]byte{0x29, 0xfc}, uvarints(1<<31-1)...) // field 2: structures
	for name, test := range map[string]struct {
		file  []byte
		error string
	}{
		"size":            {append(bytes.Clone(magic), "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xffPAR1"...), "footer of 4294967295 bytes"},
		"list":            {rawFooter(magic, list), "footer: unexpected EOF"},
		"structures":      {rawFooter(magic, append(append([]byte{0x29, 0xfc}, uvarints(1<<20)...), make([]byte, 1<<20+1)...)), "a list of 1048576 elements is too long"},
		"depth":           {rawFooter(magic, bytes.Repeat([]byte{0x1c}, 1<<20)), "nested too deep"},
		"lists in lists":  {rawFooter(magic, append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 1<<20)...)), "nested too deep"},
		"string":          {rawFooter(magic, append([]byte{0x68}, uvarints(1<<31-1)...)), "footer: unexpected EOF"},
		"rows":            {closeFile(t, magic, &format.FileMetaData{NumRows: 1 << 62, Schema: []format.SchemaElement{{Name: "root"}}}), "rows"},
		"too short":       {magic, "4 bytes, expected a Parquet file"},
		"not of its type": {[]byte("text\none\ntwo\nthree\n"), "invalid magic"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := open(t, "in.parquet", test.file, Reader{Format: "parquet", Field: "text"})
			runtime.ReadMemStats(&after)
			assert.ErrorContains(t, err, test.error)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
		})
	}
}

// A row is bad where it is too long, or is no text, and the next one is read as
// it would be.
func TestParquetBadRows(t *testing.T) {
	type row struct {
		Text []byte `parquet:"text,snappy"`
		Note string `parquet:"note,snappy"`
		Raw  []byte `parquet:"raw"`
	}
	long := strings.Repeat("x", 501)
	var file bytes.Buffer
	require.NoError(t, parquet.Write(&file, []row{
		{Text: []byte("first")},
		{Text: []byte(long + long)},
		{Text: []byte("second"), Note: "kept", Raw: []byte("raw")},
		{Text: []byte("caf\xe9")},
		{Text: []byte("c\x00a\x00f\x00")},
		{Text: []byte("third"), Note: "caf\xe9"},
		{Text: []byte("fourth"), Raw: []byte("caf\xe9")},
		{Text: []byte(long), Note: long},
		{Text: []byte("fifth")},
	}))
	for _, test := range []struct {
		carry Carry
		texts []string
		bad   []string
	}{
		{Carry{}, []string{"first", "second", "third", "fourth", long, "fifth"}, []string{"row of more than 1000 bytes", "not UTF-8: byte 4 is 0xe9", "not UTF-8: byte 2 is 0x00, as in UTF-16"}},
		{Carry{Keep: []string{"note", "raw"}}, []string{"first", "second", "fifth"}, []string{
			"row of more than 1000 bytes", "not UTF-8: byte 4 is 0xe9", "not UTF-8: byte 2 is 0x00, as in UTF-16",
			`column "note": not UTF-8: byte 4 is 0xe9; JSON has no form for it`, `column "raw": not UTF-8: byte 4 is 0xe9; JSON has no form for it`, "row of more than 1000 bytes",
		}},
		{Carry{Keep: []string{"note", "raw"}, Form: Parquet}, []string{"first", "second", "fourth", "fifth"}, []string{
			"row of more than 1000 bytes", "not UTF-8: byte 4 is 0xe9", "not UTF-8: byte 2 is 0x00, as in UTF-16",
			`column "note": not UTF-8: byte 4 is 0xe9`, "row of more than 1000 bytes",
		}},
	} {
		s, err := open(t, "in.parquet", file.Bytes(), Reader{Format: "parquet", Field: "text", Carry: test.carry})
		require.NoError(t, err)
		s.(*parquetSource).limit = 1000
		texts, bad, err := rest(s)
		require.NoError(t, err)
		assert.Equal(t, test.texts, texts)
		var messages []string
		for _, err := range bad {
			messages = append(messages, err.Error())
		}
		assert.Equal(t, test.bad, messages)
		require.NoError(t, s.Close())
	}
}

// Texts are a column of values, token ids one of lists of values. A structure
// around them, though it has but one field, is neither.
func TestParquetForms(t *testing.T) {
	type inner struct {
		X string `parquet:"x"`
	}
	type numbers struct {
		X []int32 `parquet:"x,list"`
	}
	write := func(rows any) []byte {
		var file bytes.Buffer
		w := parquet.NewWriter(&file)
		require.NoError(t, w.Write(rows))
		require.NoError(t, w.Close())
		return file.Bytes()
	}
	for name, test := range map[string]struct {
		file  []byte
		keep  []string
		error string
	}{
		"a structure": {write(struct {
			Text inner `parquet:"text"`
		}{}), nil, `column "text": expected texts`},
		"a structure with a list": {write(struct {
			Tokens numbers `parquet:"tokens"`
		}{}), nil, `column "tokens": expected lists of integers`},
		"a list of structures": {write(struct {
			Tokens []inner `parquet:"tokens,list"`
		}{}), nil, `column "tokens": expected lists of integers`},
		"a structure that is kept": {write(struct {
			Text string `parquet:"text"`
			Kept inner  `parquet:"kept"`
		}{}), []string{"kept"}, `column "kept": JSON has no form for its type`},
		"a list": {write(struct {
			Tokens []int32 `parquet:"tokens,list"`
		}{[]int32{1}}), nil, ""},
		"repeated": {write(struct {
			Tokens []int64 `parquet:"tokens"`
		}{[]int64{1}}), nil, ""},
	} {
		s, err := open(t, "in.parquet", test.file, Reader{Format: "parquet", Field: "text", Carry: Carry{Keep: test.keep}})
		if test.error != "" {
			assert.ErrorContains(t, err, test.error, name)
			continue
		}
		require.NoError(t, err, name)
		in, err := s.Next()
		require.NoError(t, err, name)
		assert.Equal(t, []int32{1}, in.IDs, name)
		require.NoError(t, s.Close())
	}
}
