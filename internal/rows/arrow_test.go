package rows

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A flatTable reads a table of a FlatBuffer.
type flatTable struct {
	data []byte
	at   int
}

func (f flatTable) u32(at int) int { return int(binary.LittleEndian.Uint32(f.data[at:])) }

// place returns where the field of a slot is, 0 where there is none.
func (f flatTable) place(slot int) int {
	places := f.at - int(int32(f.u32(f.at)))
	if 4+2*slot >= int(binary.LittleEndian.Uint16(f.data[places:])) {
		return 0
	}
	if at := int(binary.LittleEndian.Uint16(f.data[places+4+2*slot:])); at > 0 {
		return f.at + at
	}
	return 0
}

func (f flatTable) number(slot, size int) (n uint32) {
	if at := f.place(slot); at > 0 {
		for i := range size {
			n |= uint32(f.data[at+i]) << (8 * i)
		}
	}
	return n
}

// numberOr is number for a field that is left out where it has its default.
func (f flatTable) numberOr(slot, size int, otherwise uint32) uint32 {
	if f.place(slot) == 0 {
		return otherwise
	}
	return f.number(slot, size)
}

func (f flatTable) table(slot int) flatTable {
	at := f.place(slot)
	return flatTable{f.data, at + f.u32(at)}
}

func (f flatTable) list(slot int) (all []flatTable) {
	at := f.place(slot)
	if at == 0 {
		return nil
	}
	at += f.u32(at)
	for i := range f.u32(at) {
		place := at + 4 + 4*i
		all = append(all, flatTable{f.data, place + f.u32(place)})
	}
	return all
}

func (f flatTable) text(slot int) string {
	at := f.table(slot).at
	return string(f.data[at+4:][:f.u32(at)])
}

// field describes a Field of Arrow's Schema.fbs.
func (f flatTable) field() string {
	kind, t := f.number(2, 1), f.table(3)
	s := fmt.Sprintf("%s nullable %d type %d", f.text(0), f.number(1, 1), kind)
	switch kind {
	case arrowInt:
		s += fmt.Sprintf(" of %d bits, signed %d", t.number(0, 4), t.number(1, 1))
	case arrowFloatingPoint:
		s += fmt.Sprintf(" of precision %d", t.number(0, 2))
	case arrowFixedSizeList, arrowFixedSizeBinary:
		s += fmt.Sprintf(" of %d", t.number(0, 4))
	case arrowDecimal:
		s += fmt.Sprintf(" of %d digits, %d after the point, %d bits", t.number(0, 4), t.number(1, 4), t.numberOr(2, 4, 128))
	case arrowDate:
		s += fmt.Sprintf(" in unit %d", t.numberOr(0, 2, 1))
	case arrowTime:
		s += fmt.Sprintf(" in unit %d, %d bits", t.numberOr(0, 2, 1), t.numberOr(1, 4, 32))
	case arrowTimestamp:
		s += fmt.Sprintf(" in unit %d", t.number(0, 2))
		if t.place(1) > 0 {
			s += " of " + t.text(1)
		}
	}
	for _, child := range f.list(5) {
		s += " (" + child.field() + ")"
	}
	return s
}

// schemaFields describes the fields of an encapsulated message.
func schemaFields(t *testing.T, text string) (all []string) {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	require.Equal(t, uint32(0xffffffff), binary.LittleEndian.Uint32(data))
	require.EqualValues(t, len(data)-8, binary.LittleEndian.Uint32(data[4:]))
	require.Zero(t, len(data)%8)
	data = data[8:]
	message := flatTable{data, int(binary.LittleEndian.Uint32(data))}
	require.EqualValues(t, 4, message.number(0, 2), "version V5")
	require.EqualValues(t, 1, message.number(1, 1), "a schema")
	for _, f := range message.table(2).list(1) {
		all = append(all, f.field())
	}
	return all
}

// The schema says what pyarrow's serialization of the same one says.
func TestArrowSchema(t *testing.T) {
	golden, err := os.ReadFile("testdata/pyarrow-26.0.1-schema.base64")
	require.NoError(t, err)
	l := &Layout{Dimensions: 24, Scale: true, Errors: true, Formats: []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Ubinary}}
	half := parquet.Leaf(half{parquet.FixedLenByteArrayType(2)})
	some := parquet.Optional
	l.Kept = []Column{
		{"flag", some(parquet.Leaf(parquet.BooleanType))},
		{"d", parquet.Leaf(parquet.DoubleType)}, {"u", parquet.Uint(16)},
		{"when", some(parquet.TimestampAdjusted(parquet.Millisecond, false))}, {"whenz", some(parquet.Timestamp(parquet.Microsecond))},
		{"nanos", some(parquet.TimestampAdjusted(parquet.Nanosecond, false))}, {"old", some(parquet.Leaf(parquet.Int96Type))},
		{"day", some(parquet.Date())}, {"t32", some(parquet.Time(parquet.Millisecond))}, {"t64", some(parquet.Time(parquet.Microsecond))},
		{"price", some(parquet.Decimal(2, 9, parquet.Int32Type))}, {"big", some(parquet.Decimal(3, 50, parquet.FixedLenByteArrayType(21)))},
		{"raw", some(parquet.Leaf(parquet.ByteArrayType))}, {"four", some(parquet.Leaf(parquet.FixedLenByteArrayType(4)))},
		{"half", some(half)}, {"json", some(parquet.JSON())},
		{"tags", some(parquet.List(some(parquet.String())))}, {"deep", some(parquet.List(some(parquet.List(some(parquet.Int(8))))))},
		{"meta", some(parquet.Group{"a": some(parquet.Date()), "b": some(parquet.List(some(half)))})},
		{"map", some(parquet.Map(parquet.String(), some(parquet.Int(16))))},
	}
	schema, ok := NewTable(l).arrow(l)
	require.True(t, ok)
	want := schemaFields(t, string(golden))
	require.Len(t, want, 30)
	assert.Equal(t, want, schemaFields(t, schema))

	l.Kept[0].Node = parquet.Repeated(parquet.String())
	_, ok = NewTable(l).arrow(l)
	assert.False(t, ok, "a list as no writer of today has it")
}
