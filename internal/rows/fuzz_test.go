package rows

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allocated returns the bytes that were allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// readAll reads a file in a format and a packing, in each form that columns are
// carried in. Whatever it holds, it ends, in little memory, and gives texts.
func readAll(t *testing.T, content []byte, format string, p packing) {
	before := allocated()
	name := filepath.Join(t.TempDir(), "in."+format+string(p))
	require.NoError(t, os.WriteFile(name, content, 0o666))
	for _, carry := range []Carry{{}, {Drop: []string{}}, {Drop: []string{}, Form: Parquet}} {
		s, err := Open(t.Context(), name, Reader{Format: format, Field: "text", Carry: carry})
		if err != nil {
			continue
		}
		_, _ = s.Columns()
		for rows := 0; rows < 10_000; rows++ {
			in, err := s.Next()
			if err == nil {
				assert.True(t, utf8.ValidString(in.Text) && utf8.Valid(in.ID))
				continue
			}
			if _, bad := err.(*BadInput); !bad {
				break
			}
		}
		assert.NoError(t, s.Close())
	}
	assert.Less(t, allocated()-before, uint64(1<<30), "bytes allocated")
}

// pack returns content packed.
func pack(f *testing.F, content []byte, p packing) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch p {
	case none:
		return content
	case gz:
		w = gzip.NewWriter(&b)
	case zst:
		var err error
		w, err = zstd.NewWriter(&b)
		require.NoError(f, err)
	}
	_, err := w.Write(content)
	require.NoError(f, err)
	require.NoError(f, w.Close())
	return b.Bytes()
}

var packings = []packing{none, gz, zst}

func FuzzLines(f *testing.F) {
	for which, p := range packings {
		for i, content := range []string{
			"one\ntwo\r\n\ncaf\xe9\n", "\xef\xbb\xbfone", "\xff\xfea\x00", "c\x00a\x00",
			"\"one\"\n[1,2]\n{\"text\": \"a\", \"id\": 7, \"url\": null}\n{\"tokens\": [1]}\n", "{\"text\": \"a\xff\"}\n7\n",
			"id,text,url\n1,a,\n2,\"b\nc\",\"\"\"\"\n", "text\na\"b\n\"c\n",
		} {
			format := []byte{0, 0, 0, 0, 1, 1, 2, 2}[i]
			f.Add(pack(f, []byte(content), p), format, byte(which))
		}
	}
	// Its member ends in corrupt data, which Close is not to say once more.
	f.Add([]byte("\x1f\x8b\b\x00\x00\tn\x88\x00\xff\x00\x04\x00\xfb\xa8\x87\xaf\x8d\xf6\xf8i\xffc\x00a\x00\x03\x00\x17\xdd1t\x04\x00\x00\x00"), byte(0), byte(1))
	f.Fuzz(func(t *testing.T, content []byte, format, which byte) {
		readAll(t, content, []string{"text", "jsonl", "csv"}[format%3], packings[int(which)%len(packings)])
	})
}

func FuzzParquet(f *testing.F) {
	type row struct {
		Text   *string   `parquet:"text,optional"`
		Tokens []int32   `parquet:"tokens,list"`
		ID     int64     `parquet:"id"`
		Note   string    `parquet:"note,dict"`
		Bytes  []byte    `parquet:"bytes"`
		Floats []float64 `parquet:"floats"`
		Delta  string    `parquet:"delta,delta"`
		Yes    bool      `parquet:"yes"`
	}
	text := "one"
	rows := []row{{Text: &text, ID: 1, Note: "a", Floats: []float64{1, 2}, Delta: "aa"}, {Tokens: []int32{1, 2}, Note: "a", Delta: "ab", Yes: true}, {Bytes: []byte("\xff")}}
	for _, version := range []int{1, 2} {
		for _, codec := range []parquet.WriterOption{
			parquet.Compression(&parquet.Uncompressed), parquet.Compression(&parquet.Snappy), parquet.Compression(&parquet.Gzip),
			parquet.Compression(&parquet.Zstd), parquet.Compression(&parquet.Lz4Raw), parquet.Compression(&parquet.Brotli),
		} {
			var file bytes.Buffer
			require.NoError(f, parquet.Write(&file, rows, codec, parquet.DataPageVersion(version)))
			f.Add(file.Bytes())
		}
	}
	value := sized("a")
	for _, file := range []pageFile{
		{pages: [][]byte{page(f, dataPage(format.Plain, 1), value)}},
		{optional: true, pages: [][]byte{page(f, dataPage(format.Plain, 1), append(sized("\x02\x01"), value...))}},
		{first: 1, pages: [][]byte{page(f, dictionaryPage(1), value), page(f, dataPage(format.RLEDictionary, 1), []byte{0, 2, 0})}},
		{pages: [][]byte{page(f, dataPage(format.DeltaLengthByteArray, 1), append(deltas(1, 1), 'a'))}},
		{pages: [][]byte{page(f, dataPage(format.DeltaByteArray, 1), append(append(deltas(0, 1), deltas(1, 1)...), 'a'))}},
	} {
		file.rows = 1
		f.Add(file.bytes(f))
	}
	f.Fuzz(func(t *testing.T, content []byte) { readAll(t, content, "parquet", none) })
}

// FuzzAbout reads what made a file of the file itself, or of the record beside it.
func FuzzAbout(f *testing.F) {
	about := About{Model: "tiny", Fingerprint: "f", Prompt: "query: ", Dimensions: 16, Encodings: []string{"float"}, Rows: 1}
	var file bytes.Buffer
	require.NoError(f, parquet.Write(&file, []struct{ N int }{{1}}, parquet.KeyValueMetadata(aboutKey, about.metadata())))
	f.Add(file.Bytes(), []byte{})
	for _, record := range []string{`{"layout":{"about":{"model":"tiny","rows":-1}},"rows":1,"size":3}`, `{"layout":{"about":null},"size":3}`, `{`, `null`, ``} {
		f.Add([]byte("[1]"), []byte(record))
	}
	f.Fuzz(func(t *testing.T, content, record []byte) {
		before := allocated()
		name := filepath.Join(t.TempDir(), "out.npy")
		require.NoError(t, os.WriteFile(name, content, 0o666))
		require.NoError(t, os.WriteFile(JobRecord(name), record, 0o666))
		_, err := ReadAbout(name)
		if err != nil {
			assert.ErrorContains(t, err, name)
		}
		assert.Less(t, allocated()-before, uint64(1<<30), "bytes allocated")
	})
}
