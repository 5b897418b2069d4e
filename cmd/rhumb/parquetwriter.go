package main

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/x448/float16"
)

// parquetWriter writes a row an input; each format is one column, a list of
// numbers or base64's string. An embedding that there is not is an empty one.
type parquetWriter struct {
	w      *parquet.GenericWriter[any]
	layout *layout
	row    reflect.Value // a struct with a field for each column
}

func newParquetWriter(w io.Writer, l *layout) *parquetWriter {
	var fields []reflect.StructField
	add := func(name string, of any, options string) {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprint("Column", len(fields)), Type: reflect.TypeOf(of),
			Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s%s"`, name, options)),
		})
	}
	add("index", int64(0), "")
	add("id", new(string), ",optional")
	for i, name := range l.columns() {
		options := ",list"
		if l.formats[i] == encoding.Base64 {
			options = ""
		}
		add(name, parquetValue(&encoding.Vector{}, l.formats[i]), options)
	}
	if l.scale {
		add("scale", float32(0), "")
	}
	add("tokens", int32(0), "")
	add("truncated", int32(0), "")
	add("error", new(string), ",optional")
	row := reflect.New(reflect.StructOf(fields))

	const group = 16 << 20 // bytes of a row group, which is held in memory
	rows := max(1, group/l.bytes())
	return &parquetWriter{
		w:      parquet.NewGenericWriter[any](w, parquet.SchemaOf(row.Interface()), parquet.MaxRowsPerRowGroup(int64(rows))),
		layout: l, row: row.Elem(),
	}
}

// parquetValue returns what a row has of v in a format. Halves are float32 of the
// same value, packed bits and integers have their own type.
func parquetValue(v *encoding.Vector, f encoding.Format) any {
	if e, ok := elements(v, f).([]float16.Float16); ok {
		return quant.FromFloat16(nil, e)
	}
	return elements(v, f)
}

func (p *parquetWriter) write(r *result) error {
	p.row.SetZero()
	column := 0
	set := func(value any) {
		p.row.Field(column).Set(reflect.ValueOf(value))
		column++
	}
	var id, message *string
	if r.in.id != nil {
		text := plain(r.in.id)
		id = &text
	}
	if r.err != nil {
		text := r.err.Error()
		message = &text
	}
	set(int64(r.index))
	set(id)
	for _, f := range p.layout.formats {
		set(parquetValue(&r.Vector, f))
	}
	if p.layout.scale {
		set(r.Scale)
	}
	set(int32(r.Tokens))
	set(int32(r.Truncated))
	set(message)
	_, err := p.w.Write([]any{p.row.Interface()})
	return err
}

func (p *parquetWriter) flush() error { return nil }
func (p *parquetWriter) close() error { return p.w.Close() }
