package rows

import (
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/rhumb-go/rhumb/encoding"
)

// arrowKey is where Arrow's readers look for the types that a Parquet file's
// columns had in Arrow: Parquet itself has lists of any length alone.
const arrowKey = "ARROW:schema"

// arrow returns the value of arrowKey for a table whose embeddings are lists of
// one length, and false where they are not or where it has a column of a form that
// no writer of today has.
func (t *Table) arrow(l *Layout) (string, bool) {
	if l.Sparse {
		return "", false // lists of any length, which need nothing told
	}
	embeddings := l.Columns()
	var fields []*arrowField
	for _, c := range t.columns {
		if i := slices.Index(embeddings, c.name); i >= 0 && l.Formats[i] != encoding.Base64 {
			element := arrowOf("element", elementNode(l.Formats[i]))
			size := l.Dimensions
			if f := l.Formats[i]; f == encoding.Binary || f == encoding.Ubinary {
				size = (size + 7) / 8
			}
			f := arrowOfType(c.name, arrowFixedSizeList, flatField{slot: 0, size: 4, value: uint32(size)})
			f.children = []*arrowField{element}
			if l.Multi {
				f.name = "element"
				list := arrowOfType(c.name, arrowList)
				f, list.children = list, []*arrowField{f}
			}
			f.nullable = true
			fields = append(fields, f)
			continue
		}
		f := arrowOf(c.name, c.node)
		if f == nil {
			return "", false
		}
		fields = append(fields, f)
	}
	return arrowSchema(fields), true
}

// arrowSchema returns the value of arrowKey: base64 of an encapsulated message
// (Arrow's Message.fbs) with the schema of the fields.
func arrowSchema(fields []*arrowField) string {
	var b flatBuilder
	var offsets []int
	for _, f := range fields {
		offsets = append(offsets, b.field(f))
	}
	list := b.vector(offsets)
	schema := b.table([]flatField{{slot: 1, size: 4, offset: list}})
	message := b.table([]flatField{
		{slot: 0, size: 2, value: 4}, // metadata version V5
		{slot: 1, size: 1, value: 1}, // a Schema
		{slot: 2, size: 4, offset: schema},
	})
	data := b.finish(message)
	whole := binary.LittleEndian.AppendUint32(nil, 0xffffffff)
	whole = binary.LittleEndian.AppendUint32(whole, uint32(len(data)))
	return base64.StdEncoding.EncodeToString(append(whole, data...))
}

// A flatBuilder writes a FlatBuffer from its end to its beginning, as the format
// asks for: what is pointed at lies behind. Offsets count from the end.
type flatBuilder struct {
	reversed []byte // the last byte first
}

// A flatField is a field of a table: a number, or the offset of what it points at.
type flatField struct {
	slot, size int
	value      uint32
	offset     int // 0 for a number
}

// align makes the length, after so many bytes more, a multiple of size.
func (b *flatBuilder) align(size, more int) {
	for (len(b.reversed)+more)%size != 0 {
		b.reversed = append(b.reversed, 0)
	}
}

// put writes the low bytes of a number.
func (b *flatBuilder) put(value uint32, size int) {
	for i := size - 1; i >= 0; i-- {
		b.reversed = append(b.reversed, byte(value>>(8*i)))
	}
}

// pointer writes the distance to what has the offset.
func (b *flatBuilder) pointer(offset int) {
	b.put(uint32(len(b.reversed)+4-offset), 4)
}

func (b *flatBuilder) text(s string) int {
	b.align(4, len(s)+1)
	b.reversed = append(b.reversed, 0)
	for i := len(s) - 1; i >= 0; i-- {
		b.reversed = append(b.reversed, s[i])
	}
	b.put(uint32(len(s)), 4)
	return len(b.reversed)
}

func (b *flatBuilder) vector(offsets []int) int {
	b.align(4, 0)
	for i := len(offsets) - 1; i >= 0; i-- {
		b.pointer(offsets[i])
	}
	b.put(uint32(len(offsets)), 4)
	return len(b.reversed)
}

// table writes a table and, before it, the table of where its fields are.
func (b *flatBuilder) table(fields []flatField) int {
	start := len(b.reversed)
	slots := 0
	at := map[int]int{}
	for _, f := range fields {
		b.align(f.size, f.size)
		if f.offset > 0 {
			b.pointer(f.offset)
		} else {
			b.put(f.value, f.size)
		}
		at[f.slot] = len(b.reversed)
		slots = max(slots, f.slot+1)
	}
	b.align(4, 4)
	size := 4 + 2*slots // of the table of places, which lies right before
	b.put(uint32(size), 4)
	table := len(b.reversed)
	b.align(2, 0)
	for i := slots - 1; i >= 0; i-- {
		place := 0
		if at[i] > 0 {
			place = table - at[i]
		}
		b.put(uint32(place), 2)
	}
	b.put(uint32(table-start), 2)
	b.put(uint32(size), 2)
	return table
}

func (b *flatBuilder) field(f *arrowField) int {
	children := []int{}
	for _, child := range f.children {
		children = append(children, b.field(child))
	}
	list := b.vector(children)
	table := f.table
	if f.zone != "" {
		table = append(slices.Clip(table), flatField{slot: 1, size: 4, offset: b.text(f.zone)})
	}
	kind := b.table(table)
	name := b.text(f.name)
	nullable := uint32(0)
	if f.nullable {
		nullable = 1
	}
	return b.table([]flatField{
		{slot: 0, size: 4, offset: name},
		{slot: 3, size: 4, offset: kind},
		{slot: 5, size: 4, offset: list},
		{slot: 1, size: 1, value: nullable},
		{slot: 2, size: 1, value: uint32(f.kind)},
	})
}

// finish returns the buffer, whose root is the table with the offset.
func (b *flatBuilder) finish(root int) []byte {
	b.align(8, 4)
	b.pointer(root)
	data := make([]byte, len(b.reversed))
	for i, c := range b.reversed {
		data[len(data)-1-i] = c
	}
	return data
}
