package rows

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTypes(t *testing.T) {
	for values, want := range map[string]Type{
		`null`: TypeNone, `true false null`: TypeBoolean, `1 -2`: TypeInteger, `1 2.5`: TypeFloat, `2.5 1`: TypeFloat, `1e3`: TypeFloat,
		`9223372036854775807`: TypeInteger, `9223372036854775808`: TypeJSON, `0.5 9007199254740993`: TypeJSON, `1e999`: TypeJSON,
		`"a" "b"`: TypeString, `"a" 1`: TypeJSON, `true 1`: TypeJSON, `{}`: TypeJSON, `{} null`: TypeJSON,
		`"2024-05-06T07:08:09Z" "2024-05-06T07:08:09.123456Z"`: TypeInstant,
		`"2024-05-06T07:08:09" null`:                           TypeTime,
		`"2024-05-06T07:08:09Z" "2024-05-06T07:08:09"`:         TypeString,
		`"2024-05-06T07:08:09+02:00"`:                          TypeString, // an instant has no offset
		`"2024-05-06T07:08:09.1234567Z"`:                       TypeString,
		`"2024-13-06T07:08:09Z"`:                               TypeString, `"2024-05-06"`: TypeString, `"2024-05-06T07:08:09Z" "a"`: TypeString,
		`[1] []`: "list of integer", `[1,null,2.5] null`: "list of float", `["a"] [null]`: "list of string", `[1] ["a"]`: TypeJSON,
		`[[1]]`: TypeJSON, `[1] 1`: TypeJSON, `[{}]`: TypeJSON, `[]`: "list of ", `["2024-05-06T07:08:09Z"]`: "list of instant", `[] [true]`: "list of boolean",
	} {
		all := TypeNone
		for _, v := range strings.Fields(values) {
			all = all.with(typeOf(json.RawMessage(v)), json.RawMessage(v))
		}
		assert.Equal(t, want, all, values)
	}
}

// Each value goes into a column of the type of all, and comes back as it was; one that
// the others do not allow is an error.
func TestTypedColumns(t *testing.T) {
	for name, test := range map[string]struct {
		values []string
		typ    string
		bad    string
	}{
		"integers": {[]string{"1", "null", "-9223372036854775808"}, "INT(64,true)", "1.5"},
		"floats":   {[]string{"1.5", "2", "-1e-300"}, "DOUBLE", "9007199254740993"},
		"booleans": {[]string{"true", "false", "null"}, "BOOLEAN", "1"},
		"texts":    {[]string{`"a"`, `""`, `"2024-05-06T07:08:09Z"`, `"\"q\" é"`}, "STRING", "1"},
		"instants": {[]string{`"2024-05-06T07:08:09Z"`, `"0001-01-01T00:00:00.5Z"`}, "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)", `"a"`},
		"times":    {[]string{`"2024-05-06T07:08:09.25"`, `"9999-12-31T23:59:59"`}, "TIMESTAMP(isAdjustedToUTC=false,unit=MICROS)", `"2024-05-06T07:08:09Z"`},
		"lists":    {[]string{`[1,2]`, `[]`, `null`, `[null,3]`}, "INT(64,true)", `["a"]`},
		"texts of": {[]string{`["a",null]`, `[]`, `null`}, "STRING", `"a"`},
		"objects":  {[]string{`{"a":1}`, `null`, `"a"`, `[]`}, "JSON", ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := TypeNone
			for _, v := range test.values {
				all = all.with(typeOf(json.RawMessage(v)), json.RawMessage(v))
			}
			var file strings.Builder
			root := ordered{Group: parquet.Group{"c": all.Node()}, fields: []parquet.Field{field{"c", all.Node()}}}
			w := parquet.NewGenericWriter[any](&file, parquet.NewSchema("s", root))
			for _, v := range test.values {
				values, err := all.values(json.RawMessage(v))
				require.NoError(t, err)
				_, err = w.WriteRows([]parquet.Row{appendKept(nil, 0, 1, [][]parquet.Value{values})})
				require.NoError(t, err)
			}
			require.NoError(t, w.Close())
			f, err := parquet.OpenFile(strings.NewReader(file.String()), int64(file.Len()))
			require.NoError(t, err)
			leaf, _ := listOf(f.Root().Column("c"))
			assert.Equal(t, test.typ, leaf.Type().String())
			// As a column of Parquet that is kept in JSON's form.
			s := &parquetSource{file: f, limit: maxLine, rows: f.NumRows()}
			kept, err := s.newKeptColumn(f.Root().Column("c"), JSON)
			require.NoError(t, err)
			s.kept = []keptColumn{kept}
			for _, want := range test.values {
				_, err := s.Next()
				require.IsType(t, new(BadInput), err, "it has no text")
				v, err := s.kept[0].value()
				require.NoError(t, err)
				assert.JSONEq(t, want, string(v.JSON))
			}
			if test.bad != "" {
				_, err := all.values(json.RawMessage(test.bad))
				require.ErrorContains(t, err, "which the column has elsewhere")
			}
			_, err = s.Next()
			assert.Equal(t, io.EOF, err)
		})
	}
}

// A field of all lines has one type.
func TestFindTypes(t *testing.T) {
	lines := strings.Repeat(`{"text": "a", "n": 1, "s": "x"}`+"\n", 2000) + "oops\n" + `{"text": "a", "n": 2.5, "more": 1}`
	src, err := Read(t.Context(), strings.NewReader(lines), "in", io.NopCloser(nil), Reader{Format: "jsonl", Field: "text", Carry: Carry{Form: Parquet, Keep: []string{"n", "s"}}})
	require.NoError(t, err)
	_, err = src.Columns()
	require.NoError(t, err)
	assert.Equal(t, map[string]Type{"n": TypeFloat, "s": TypeString}, Types(src))
	src, err = Read(t.Context(), strings.NewReader(lines), "in", io.NopCloser(nil), Reader{Format: "jsonl", Field: "text", Carry: Carry{Form: Parquet, Keep: []string{"m"}}})
	require.NoError(t, err)
	_, err = src.Columns()
	require.ErrorContains(t, err, `no column "m" to keep in the first 1024 objects`)
}

// All fields but those to drop are columns, in the order of their names, those of some
// lines alone too. One that shows later is an error of its row.
func TestFindFields(t *testing.T) {
	open := func(lines string, carry Carry) Source {
		carry.Form = Parquet
		src, err := Read(t.Context(), strings.NewReader(lines), "in", io.NopCloser(nil), Reader{Format: "jsonl", Field: "text", Carry: carry})
		require.NoError(t, err)
		return src
	}
	const lines = `{"text": "a", "z": 1, "id": 7, "u": "x"}` + "\n" + `{"b": [true], "text": "b"}` + "\n" + `{"text": "b", "n": null}` + "\n"
	src := open(lines, Carry{Drop: []string{"u"}})
	columns, err := src.Columns()
	require.NoError(t, err)
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	assert.Equal(t, []string{"b", "n", "text", "z"}, names)
	types := Types(src)
	assert.Equal(t, map[string]Type{"b": "list of boolean", "n": TypeNone, "text": TypeString, "z": TypeInteger}, types)

	src = open(lines+`{"text": "c", "new": 1}`, Carry{Drop: []string{"u"}, Types: types})
	for _, want := range []string{"[null null a 1]", "[true null b null]", "[null null b null]"} {
		in, err := src.Next()
		require.NoError(t, err)
		var got []any
		for _, v := range in.Kept {
			if v.Parquet[0] == nil {
				got = append(got, "null")
				continue
			}
			got = append(got, v.Parquet[0][0])
		}
		assert.Equal(t, want, fmt.Sprint(got))
	}
	_, err = src.Next()
	require.ErrorContains(t, err, `column "new": in no line when the columns were found`)

	_, err = open(`{"text": "a", "embedding": 1}`, Carry{Drop: []string{}}).Columns()
	require.ErrorContains(t, err, `column "embedding": the output has one of that name`)
	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, `{"f%d": 1}`+"\n", i)
	}
	_, err = open(many.String(), Carry{Drop: []string{}}).Columns()
	require.ErrorContains(t, err, "in:1001: more than 1000 fields up to here")
}
