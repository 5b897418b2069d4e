package job

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pyarrow 26.0.1 wrote these rows, of columns of many types.
const typesFile = "testdata/pyarrow-26.0.1-types.parquet"

// leafValues returns the values of each leaf of a file, with their levels, by path.
func leafValues(t *testing.T, path string) map[string][]string {
	t.Helper()
	data := read(t, path)
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	paths := file.Schema().Columns()
	values := map[string][]string{}
	for _, group := range file.RowGroups() {
		r := group.Rows()
		defer r.Close()
		for {
			buf := make([]parquet.Row, 1)
			n, err := r.ReadRows(buf)
			if n == 0 {
				require.ErrorContains(t, err, "EOF")
				break
			}
			for _, v := range buf[0] {
				name := strings.Join(paths[v.Column()], ".")
				column, _ := file.Schema().Lookup(paths[v.Column()]...)
				typ := column.Node.Type().String()
				if bits, ok := strings.CutSuffix(typ, ",true)"); ok {
					typ = strings.Replace(bits, "(", "", 1) // INT(32,true) is INT32
				}
				values[name] = append(values[name], fmt.Sprint(typ, " ", v.Kind(), " ", v, " ", v.RepetitionLevel(), " ", v.DefinitionLevel()))
			}
		}
	}
	return values
}

// logicalTypes returns the logical type of each node of a file, by path.
func logicalTypes(t *testing.T, path string) map[string]string {
	t.Helper()
	data := read(t, path)
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	types, elements := map[string]string{}, file.Metadata().Schema
	var add func(at string)
	add = func(at string) {
		e := elements[0]
		elements = elements[1:]
		at += "." + e.Name
		types[at] = fmt.Sprintf("%T %+v of %d", e.LogicalType.Value, e.LogicalType.Value, e.Type.V)
		if i, ok := e.LogicalType.Value.(*format.IntType); ok && i.IsSigned && i.BitWidth >= 32 { // INT(32,true) is INT32
			types[at] = fmt.Sprintf("<nil> <nil> of %d", e.Type.V)
		}
		for range e.NumChildren.V {
			add(at)
		}
	}
	elements = elements[1:] // behind the root
	for len(elements) > 0 {
		add("")
	}
	return types
}

// Whatever Parquet has a logical type for keeps it, alone, in lists, structs and maps,
// and embeddings are lists of fixed length beside it.
func TestKeptLogicalTypes(t *testing.T) {
	const file = "testdata/pyarrow-26.0.1-logical.parquet"
	cfg := Config{Inputs: []string{file}, Output: filepath.Join(t.TempDir(), "out.parquet"), Drop: []string{}}
	_, err := Run(t.Context(), loadModel(t), cfg)
	require.NoError(t, err)
	want, got := logicalTypes(t, file), logicalTypes(t, cfg.Output)
	require.Greater(t, len(want), 60)
	for name := range want {
		assert.Equal(t, want[name], got[name], name)
	}
	values, kept := leafValues(t, file), leafValues(t, cfg.Output)
	require.Greater(t, len(values), 44)
	for name := range values {
		assert.Equal(t, values[name], kept[name], name)
	}
	data := read(t, cfg.Output)
	out, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	_, ok := out.Lookup("ARROW:schema")
	assert.True(t, ok)
}

func TestKeptTypes(t *testing.T) {
	m := loadModel(t)
	dir := t.TempDir()
	cfg := Config{Inputs: []string{typesFile}, Output: filepath.Join(dir, "out.parquet"), Drop: []string{}}
	_, err := Run(t.Context(), m, cfg)
	require.NoError(t, err)
	want, got := leafValues(t, typesFile), leafValues(t, cfg.Output)
	require.Len(t, want, 11)
	for name := range want {
		assert.Equal(t, want[name], got[name], name)
	}

	cfg.Output, cfg.Drop = filepath.Join(dir, "out.jsonl"), []string{"dec", "nest"}
	_, err = Run(t.Context(), m, cfg)
	require.NoError(t, err)
	lines := strings.Split(string(read(t, cfg.Output)), "\n")
	for i, want := range []string{
		`{"index":0,"id":7,"text":"a","ts":"1970-01-01T00:00:00.000001Z","d":"1970-01-02","l":[1.5,null],"cat":"u","u8":1,"b":true,"embedding":`,
		`{"index":1,"id":8,"text":"b b","ts":null,"d":"1970-01-03","l":[],"cat":"v","u8":255,"b":null,"embedding":`,
		`{"index":2,"id":9,"text":"summer","ts":"1970-01-01T00:00:00.000003Z","d":null,"l":null,"cat":"u","u8":null,"b":false,"embedding":`,
	} {
		assert.True(t, strings.HasPrefix(lines[i], want), lines[i])
	}
	for _, name := range []string{"dec", "nest"} {
		cfg.Drop = nil
		cfg.Keep = []string{name}
		_, err = Run(t.Context(), m, cfg)
		require.ErrorContains(t, err, `column "`+name+`": JSON has no form for its type`)
	}
}
