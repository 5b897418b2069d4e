package rows

import (
	"encoding/binary"
	"io"
	"reflect"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/x448/float16"
)

// RowGroup is the size of a row group of a Parquet file in bytes, about.
const RowGroup = 16 << 20

// A Table writes results as rows of a Parquet file. Each format of an embedding
// is one column, a list of numbers or base64's string; an embedding that there
// is not is null.
type Table struct {
	Schema  *parquet.Schema
	columns []tableColumn
	options []parquet.WriterOption
	row     parquet.Row
}

// A tableColumn is a column of a table, and what a result has in it.
type tableColumn struct {
	name  string
	node  parquet.Node
	cells func(row parquet.Row, at int, r *Result) parquet.Row // appends them; at: of the column's first leaf
}

// NewTable returns the table of results of that layout.
func NewTable(l *Layout) *Table {
	t := &Table{}
	add := func(name string, node parquet.Node, cells func(parquet.Row, int, *Result) parquet.Row) {
		t.columns = append(t.columns, tableColumn{name, node, cells})
	}
	value := func(name string, node parquet.Node, of func(r *Result) parquet.Value) {
		add(name, node, func(row parquet.Row, at int, r *Result) parquet.Row {
			v := of(r)
			if node.Optional() && !v.IsNull() {
				return append(row, v.Level(0, 1, at))
			}
			return append(row, v.Level(0, 0, at))
		})
	}
	text := parquet.Optional(parquet.String())
	value("index", parquet.Leaf(parquet.Int64Type), func(r *Result) parquet.Value { return parquet.Int64Value(int64(r.Index)) })
	if len(l.Kept) == 0 || l.Kept[0].Name != "id" {
		value("id", text, func(r *Result) parquet.Value {
			if r.ID == nil {
				return parquet.NullValue()
			}
			return parquet.ByteArrayValue([]byte(Plain(r.ID)))
		})
	}
	for i, c := range l.Kept {
		leaves := leavesOf(c.Node)
		add(c.Name, c.Node, func(row parquet.Row, at int, r *Result) parquet.Row {
			var values [][]parquet.Value
			if i < len(r.Kept) {
				values = r.Kept[i].Parquet
			}
			return appendKept(row, at, leaves, values)
		})
	}
	if l.Chunks {
		node := parquet.Optional(parquet.Leaf(parquet.Int64Type)) // an error is of a whole text
		for i, name := range ChunkColumns {
			value(name, node, func(r *Result) parquet.Value {
				if r.Part == nil {
					return parquet.NullValue()
				}
				return parquet.Int64Value(int64([...]int{r.Part.Number, r.Part.Start, r.Part.End}[i]))
			})
		}
	}
	if l.Sparse {
		t.addSparse()
	} else {
		for i, name := range l.Columns() {
			if l.Multi {
				t.addMulti(name, l.Formats[i])
			} else {
				t.addEmbedding(name, l.Formats[i])
			}
		}
	}
	switch {
	case l.Scale && l.Multi:
		t.addScales()
	case l.Scale:
		value("scale", parquet.Leaf(parquet.FloatType), func(r *Result) parquet.Value { return parquet.FloatValue(r.Scale) })
	}
	value("tokens", parquet.Leaf(parquet.Int32Type), func(r *Result) parquet.Value { return parquet.Int32Value(int32(r.Tokens)) })
	value("truncated", parquet.Leaf(parquet.Int32Type), func(r *Result) parquet.Value { return parquet.Int32Value(int32(r.Truncated)) })
	if l.Errors {
		value("error", text, func(r *Result) parquet.Value {
			if r.Err == nil {
				return parquet.NullValue()
			}
			return parquet.ByteArrayValue([]byte(r.Err.Error()))
		})
	}
	root := ordered{Group: parquet.Group{}}
	for _, c := range t.columns {
		root.Group[c.name] = c.node
		root.fields = append(root.fields, field{c.name, c.node})
	}
	t.Schema = parquet.NewSchema("rhumb", root)
	if value, ok := t.arrow(l); ok {
		t.options = append(t.options, parquet.KeyValueMetadata(arrowKey, value))
	}
	if l.About != nil {
		t.options = append(t.options, parquet.KeyValueMetadata(aboutKey, l.About.metadata()))
	}
	t.options = slices.Clip(append(t.options, t.Schema, parquet.Compression(&parquet.Zstd)))
	return t
}

// addEmbedding adds the column of a format.
func (t *Table) addEmbedding(name string, f encoding.Format) {
	t.addValues(name, elementNode(f), f != encoding.Base64, func(dst []parquet.Value, r *Result) []parquet.Value {
		return appendValues(dst, Elements(&r.Vector, f))
	})
}

// addMulti adds the column of a format of several vectors: a list of theirs.
func (t *Table) addMulti(name string, f encoding.Format) {
	node := parquet.Optional(parquet.List(parquet.List(parquet.Compressed(elementNode(f), &parquet.Uncompressed))))
	path := []string{name, "list", "element", "list", "element"}
	t.options = append(t.options, parquet.SkipPageBounds(path...), parquet.SkipPageStatistics(path...))
	t.columns = append(t.columns, tableColumn{name, node, func(row parquet.Row, at int, r *Result) parquet.Row {
		switch {
		case r.Err != nil:
			return append(row, parquet.NullValue().Level(0, 0, at))
		case len(r.Multi) == 0:
			return append(row, parquet.NullValue().Level(0, 1, at))
		}
		for i := range r.Multi {
			before := len(row)
			row = appendValues(row, Elements(&r.Multi[i], f))
			setLevels(row[before:], min(i, 1), 2, 3, at)
		}
		return row
	}})
}

// addScales adds the column of the scales of several vectors.
func (t *Table) addScales() {
	t.addValues("scales", parquet.Leaf(parquet.FloatType), true, func(dst []parquet.Value, r *Result) []parquet.Value {
		for i := range r.Multi {
			dst = append(dst, parquet.FloatValue(r.Multi[i].Scale))
		}
		return dst
	})
}

// addSparse adds the columns of a sparse embedding.
func (t *Table) addSparse() {
	t.addValues(SparseColumns[0], parquet.Leaf(parquet.Int32Type), true, func(dst []parquet.Value, r *Result) []parquet.Value {
		if r.Sparse != nil {
			for _, i := range r.Sparse.Indices {
				dst = append(dst, parquet.Int32Value(i))
			}
		}
		return dst
	})
	t.addValues(SparseColumns[1], parquet.Leaf(parquet.FloatType), true, func(dst []parquet.Value, r *Result) []parquet.Value {
		if r.Sparse != nil {
			dst = appendValues(dst, r.Sparse.Values)
		}
		return dst
	})
}

// addValues adds a column of lists of elements, or of one.
func (t *Table) addValues(name string, element parquet.Node, list bool, appendTo func([]parquet.Value, *Result) []parquet.Value) {
	node, path, defined := element, []string{name}, 0
	if list {
		// Numbers that are spread all over do not get smaller.
		node = parquet.List(parquet.Compressed(element, &parquet.Uncompressed))
		path, defined = append(path, "list", "element"), 1
	}
	node = parquet.Optional(node) // of an error
	defined++
	t.options = append(t.options, parquet.SkipPageBounds(path...), parquet.SkipPageStatistics(path...))
	t.columns = append(t.columns, tableColumn{name, node, func(row parquet.Row, at int, r *Result) parquet.Row {
		if r.Err != nil {
			return append(row, parquet.NullValue().Level(0, 0, at))
		}
		before := len(row)
		row = appendTo(row, r)
		if len(row) == before {
			return append(row, parquet.NullValue().Level(0, defined-1, at))
		}
		setLevels(row[before:], 0, 1, defined, at)
		return row
	}})
}

// setLevels sets the levels of the values of a list in the column at: how the first repeats,
// and the others.
func setLevels(values []parquet.Value, first, others, defined, at int) {
	for i := range values {
		v := &values[i]
		v.SetRepetitionLevel(others)
		v.SetDefinitionLevel(defined)
		v.SetColumnIndex(at)
	}
	if len(values) > 0 {
		values[0].SetRepetitionLevel(first)
	}
}

// elementNode returns the node of an element of a format.
func elementNode(f encoding.Format) parquet.Node {
	switch f {
	case encoding.Float16:
		return parquet.Leaf(half{parquet.FixedLenByteArrayType(2)})
	case encoding.Int8, encoding.Binary:
		return parquet.Int(8)
	case encoding.Uint8, encoding.Ubinary:
		return parquet.Uint(8)
	case encoding.Base64:
		return parquet.String()
	}
	return parquet.Leaf(parquet.FloatType)
}

// appendValues appends the elements of an embedding.
func appendValues(dst []parquet.Value, elements any) []parquet.Value {
	switch e := elements.(type) {
	case []float32:
		for _, x := range e {
			dst = append(dst, parquet.FloatValue(x))
		}
	case []float16.Float16:
		bytes := make([]byte, 0, 2*len(e))
		for i, x := range e {
			bytes = binary.LittleEndian.AppendUint16(bytes, x.Bits())
			dst = append(dst, parquet.FixedLenByteArrayValue(bytes[2*i:2*i+2]))
		}
	case []int8:
		for _, x := range e {
			dst = append(dst, parquet.Int32Value(int32(x)))
		}
	case []uint8:
		for _, x := range e {
			dst = append(dst, parquet.Int32Value(int32(x)))
		}
	case string:
		if e != "" {
			dst = append(dst, parquet.ByteArrayValue([]byte(e)))
		}
	}
	return dst
}

// appendKept appends the values of each leaf of a column that is carried through,
// with the levels that they had; where there are none, nulls.
func appendKept(row parquet.Row, at, leaves int, values [][]parquet.Value) parquet.Row {
	for i := range leaves {
		if i >= len(values) || values[i] == nil {
			row = append(row, parquet.NullValue().Level(0, 0, at+i))
			continue
		}
		for _, v := range values[i] {
			row = append(row, v.Level(v.RepetitionLevel(), v.DefinitionLevel(), at+i))
		}
	}
	return row
}

// leavesOf returns the number of leaves of n.
func leavesOf(n parquet.Node) (count int) {
	if n.Leaf() {
		return 1
	}
	for _, f := range n.Fields() {
		count += leavesOf(f)
	}
	return count
}

// NewWriter returns a writer of the table to w, with row groups of so many rows.
func (t *Table) NewWriter(w io.Writer, group int64) *parquet.GenericWriter[any] {
	return parquet.NewGenericWriter[any](w, append(t.options, parquet.MaxRowsPerRowGroup(group))...)
}

// Row returns the row of r. It is valid until the next call.
func (t *Table) Row(r *Result) parquet.Row {
	t.row = t.row[:0]
	at := 0
	for _, c := range t.columns {
		t.row = c.cells(t.row, at, r)
		at += leavesOf(c.node)
	}
	return t.row
}

// A half is Parquet's logical type FLOAT16 over two bytes, little-endian.
type half struct{ parquet.Type }

var halfType = format.LogicalType{Value: new(format.Float16Type)}

func (half) String() string                   { return "FLOAT16" }
func (half) LogicalType() *format.LogicalType { return &halfType }

// An ordered group has its fields in an order of its own.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func (o ordered) Fields() []parquet.Field { return o.fields }

// A field is a node in a group. Rows are made of values, not of Go structs, so
// that it has no Value.
type field struct {
	name string
	parquet.Node
}

func (f field) Name() string                           { return f.name }
func (f field) Value(base reflect.Value) reflect.Value { return base }
