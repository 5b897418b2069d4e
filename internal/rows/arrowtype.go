package rows

import (
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// An arrowField is a column, of Arrow's Schema.fbs (format version 1.5).
type arrowField struct {
	name     string
	nullable bool
	kind     byte        // of the union Type
	table    []flatField // the fields of that type's table
	zone     string      // of a timestamp, in slot 1 of its table; "" = none
	children []*arrowField
}

// The union Type.
const (
	arrowNull            = 1
	arrowInt             = 2
	arrowFloatingPoint   = 3
	arrowBinary          = 4
	arrowUtf8            = 5
	arrowBool            = 6
	arrowDecimal         = 7
	arrowDate            = 8
	arrowTime            = 9
	arrowTimestamp       = 10
	arrowList            = 12
	arrowStruct          = 13
	arrowFixedSizeBinary = 15
	arrowFixedSizeList   = 16
	arrowMap             = 17
)

func arrowOfType(name string, kind byte, table ...flatField) *arrowField {
	return &arrowField{name: name, kind: kind, table: table}
}

func arrowInteger(name string, bits uint32, signed byte) *arrowField {
	return arrowOfType(name, arrowInt, flatField{slot: 0, size: 4, value: bits}, flatField{slot: 1, size: 1, value: uint32(signed)})
}

func arrowFloat(name string, precision uint32) *arrowField {
	return arrowOfType(name, arrowFloatingPoint, flatField{slot: 0, size: 2, value: precision})
}

// arrowOf returns the field of a column, of the type that Arrow's own readers take it
// for where nothing tells one (Arrow C++ 23, parquet/arrow/schema.cc); nil where it has
// one of the forms of lists that writers of today do not have.
func arrowOf(name string, n parquet.Node) (f *arrowField) {
	switch {
	case n.Repeated():
		return nil
	case n.Leaf():
		f = arrowLeaf(name, n.Type())
	default:
		f = arrowGroup(name, n)
	}
	if f != nil {
		f.nullable = n.Optional()
	}
	return f
}

// arrowGroup returns the field of a column with columns.
func arrowGroup(name string, n parquet.Node) *arrowField {
	fields := n.Fields()
	switch logicalType(n.Type()).(type) {
	case nil:
		f := arrowOfType(name, arrowStruct)
		return f.with(fields)
	case *format.ListType:
		// A repeated group with the element in it.
		if len(fields) != 1 || !fields[0].Repeated() || fields[0].Leaf() || len(fields[0].Fields()) != 1 ||
			fields[0].Name() == "array" || fields[0].Name() == name+"_tuple" {
			return nil
		}
		return arrowOfType(name, arrowList).with(fields[0].Fields())
	case *format.MapType:
		if len(fields) != 1 || !fields[0].Repeated() || fields[0].Leaf() || len(fields[0].Fields()) != 2 {
			return nil
		}
		entries := arrowOfType("entries", arrowStruct).with(fields[0].Fields())
		if entries == nil {
			return nil
		}
		f := arrowOfType(name, arrowMap)
		f.children = []*arrowField{entries}
		return f
	}
	return nil
}

// with returns f with children, nil where one of them has no field.
func (f *arrowField) with(children []parquet.Field) *arrowField {
	for _, c := range children {
		child := arrowOf(c.Name(), c)
		if child == nil {
			return nil
		}
		f.children = append(f.children, child)
	}
	return f
}

// logicalType returns that of t, nil where it has none.
func logicalType(t parquet.Type) any {
	if l := t.LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

// arrowLeaf returns the field of a column of values, nil where there is none.
func arrowLeaf(name string, t parquet.Type) *arrowField {
	switch l := logicalType(t).(type) {
	case *format.NullType:
		return arrowOfType(name, arrowNull)
	case *format.IntType:
		signed := byte(0)
		if l.IsSigned {
			signed = 1
		}
		return arrowInteger(name, uint32(l.BitWidth), signed)
	case *format.StringType, *format.JsonType:
		return arrowOfType(name, arrowUtf8)
	case *format.Float16Type:
		return arrowFloat(name, 0)
	case *format.DecimalType:
		bits := uint32(128)
		if l.Precision > 38 {
			bits = 256
		}
		return arrowOfType(name, arrowDecimal, flatField{slot: 0, size: 4, value: uint32(l.Precision)},
			flatField{slot: 1, size: 4, value: uint32(l.Scale)}, flatField{slot: 2, size: 4, value: bits})
	case *format.DateType:
		return arrowOfType(name, arrowDate, flatField{slot: 0, size: 2, value: 0}) // days
	case *format.TimeType:
		unit, bits := arrowUnit(l.Unit), uint32(64)
		if unit == arrowMillis {
			bits = 32
		}
		return arrowOfType(name, arrowTime, flatField{slot: 0, size: 2, value: unit}, flatField{slot: 1, size: 4, value: bits})
	case *format.TimestampType:
		f := arrowOfType(name, arrowTimestamp, flatField{slot: 0, size: 2, value: arrowUnit(l.Unit)})
		if l.IsAdjustedToUTC {
			f.zone = "UTC"
		}
		return f
	}
	switch t.Kind() {
	case parquet.Boolean:
		return arrowOfType(name, arrowBool)
	case parquet.Int32:
		return arrowInteger(name, 32, 1)
	case parquet.Int64:
		return arrowInteger(name, 64, 1)
	case parquet.Int96:
		return arrowOfType(name, arrowTimestamp, flatField{slot: 0, size: 2, value: arrowNanos})
	case parquet.Float:
		return arrowFloat(name, 1)
	case parquet.Double:
		return arrowFloat(name, 2)
	case parquet.ByteArray:
		return arrowOfType(name, arrowBinary)
	case parquet.FixedLenByteArray:
		return arrowOfType(name, arrowFixedSizeBinary, flatField{slot: 0, size: 4, value: uint32(t.Length())})
	}
	return nil
}

// The enum TimeUnit.
const (
	arrowMillis = 1
	arrowMicros = 2
	arrowNanos  = 3
)

func arrowUnit(u format.TimeUnit) uint32 {
	switch u.Value.(type) {
	case *format.MilliSeconds:
		return arrowMillis
	case *format.MicroSeconds:
		return arrowMicros
	}
	return arrowNanos
}
