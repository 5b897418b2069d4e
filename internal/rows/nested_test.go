package rows

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A name with dots is first that of a field, then of one in an object or a struct.
func TestNestedFields(t *testing.T) {
	const lines = `{"meta": {"text": "a", "id": 1}}
{"meta.text": "b", "meta": {"text": "no", "id": "two"}}
{"meta": {"deep.er": {"text": "no"}, "text": "c"}}
{"meta": {"text": {"text": "no"}}}
{"meta": "text"}
{"meta": {"text": null}}
`
	src, err := Read(t.Context(), strings.NewReader(lines), "in", io.NopCloser(nil), Reader{Format: "jsonl", Field: "meta.text", ID: "meta.id"})
	require.NoError(t, err)
	for _, want := range []struct{ text, id, err string }{
		{"a", "1", ""}, {"b", `"two"`, ""}, {"c", "", ""},
		{"", "", `"meta.text": expected a string`}, {"", "", `no "meta.text" and no "tokens"`}, {"", "", `"meta.text": expected a string`},
	} {
		in, err := src.Next()
		if want.err != "" {
			require.EqualError(t, err, want.err)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want.text, in.Text)
		assert.Equal(t, want.id, string(in.ID))
	}
	src, err = Read(t.Context(), strings.NewReader(`{"a": {"b.c": {"d": "x"}}}`), "in", io.NopCloser(nil), Reader{Format: "jsonl", Field: "a.b.c.d"})
	require.NoError(t, err)
	in, err := src.Next()
	require.NoError(t, err)
	assert.Equal(t, "x", in.Text)
}

func TestNestedColumns(t *testing.T) {
	type inner struct {
		Text string  `parquet:"text,optional"`
		ID   int64   `parquet:"id"`
		More []int32 `parquet:"more,list"`
	}
	type row struct {
		Meta  *inner `parquet:"meta,optional"`
		Plain string `parquet:"plain.text"`
	}
	path := filepath.Join(t.TempDir(), "in.parquet")
	require.NoError(t, parquet.WriteFile(path, []row{{&inner{"a", 7, nil}, "p"}, {nil, "q"}}))
	open := func(how Reader) (Source, error) {
		how.Format = "parquet"
		return Open(t.Context(), path, how)
	}
	src, err := open(Reader{Field: "meta.text", ID: "meta.id"})
	require.NoError(t, err)
	in, err := src.Next()
	require.NoError(t, err)
	assert.Equal(t, "a", in.Text)
	assert.Equal(t, "7", string(in.ID))
	_, err = src.Next()
	assert.EqualError(t, err, `no "meta.text" and no "tokens"`, "null above it")
	require.NoError(t, src.Close())

	src, err = open(Reader{Field: "plain.text"})
	require.NoError(t, err)
	in, err = src.Next()
	require.NoError(t, err)
	assert.Equal(t, "p", in.Text)
	require.NoError(t, src.Close())

	for name, message := range map[string]string{
		"meta": `column "meta": expected texts, not a struct; in it there is "meta.text"`, "meta.more": `column "meta.more": expected texts`,
		"meta.id": `column "meta.id": expected texts`, "meta.none": `no column "meta.none"`, "meta.more.list.element": "expected texts",
	} {
		_, err := open(Reader{Field: name})
		require.ErrorContains(t, err, message)
	}
	_, err = open(Reader{Field: "plain.text", ID: "meta"})
	require.ErrorContains(t, err, `column "meta": expected texts or integers, not a struct`)
	_, err = open(Reader{Field: "plain.text", ID: "none"})
	require.ErrorContains(t, err, `no column "none" of ids`)
}

// An id by another name is the id, and no column beside it; one that is not there is an error.
func TestIDField(t *testing.T) {
	for name, content := range map[string]string{"in.csv": "doc,text,n\nx,a,1\n", "in.jsonl": `{"doc": "x", "text": "a", "n": "1"}` + "\n"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
		format, err := InputFormat(name)
		require.NoError(t, err)
		src, err := Open(t.Context(), path, Reader{Format: format, Field: "text", ID: "doc", Carry: Carry{Drop: []string{"text"}}})
		require.NoError(t, err)
		in, err := src.Next()
		require.NoError(t, err)
		assert.Equal(t, `"x"`, string(in.ID))
		require.Len(t, in.Kept, 1)
		assert.Equal(t, "n", in.Kept[0].Name)
		require.NoError(t, src.Close())

		src, err = Open(t.Context(), path, Reader{Format: format, Field: "text", ID: "dok"})
		require.NoError(t, err)
		for err == nil {
			_, err = src.Next()
		}
		assert.ErrorContains(t, err, `no column "dok"`)
		require.NoError(t, src.Close())
	}
}
