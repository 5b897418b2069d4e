package rows

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/rhumb-go/rhumb/encoding"
)

// NPYHeader is the size of the header of a NumPy file in bytes, a multiple of 64.
// It leaves room for any number of rows.
const NPYHeader = 128

// npyType returns NumPy's name of the type of a format's elements, little-endian;
// "" where they are no numbers.
func npyType(f encoding.Format) string {
	switch f {
	case encoding.Float:
		return "<f4"
	case encoding.Float16:
		return "<f2"
	case encoding.Int8, encoding.Binary:
		return "|i1"
	case encoding.Uint8, encoding.Ubinary:
		return "|u1"
	}
	return ""
}

// NPYHead returns the beginning of a file in NumPy's format 1.0
// (numpy.lib.format), little-endian and in C order, of so many rows: a row an
// input, a column a dimension, or of packed bits a byte.
func (l *Layout) NPYHead(rows int) []byte {
	kind := npyType(l.Formats[0])
	return npyHead(kind, fmt.Sprintf("%d, %d", rows, l.Bytes()/int(kind[2]-'0')))
}

// ScalesHead returns the beginning of a file in the same format of one float32 a row.
func ScalesHead(rows int) []byte { return npyHead(npyType(encoding.Float), fmt.Sprintf("%d,", rows)) }

func npyHead(kind, shape string) []byte {
	header := "\x93NUMPY\x01\x00" + string([]byte{NPYHeader - 10, 0}) +
		fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, shape)
	return []byte(header + strings.Repeat(" ", NPYHeader-1-len(header)) + "\n")
}

// AppendNPY appends the row of r.
func (l *Layout) AppendNPY(dst []byte, r *Result) ([]byte, error) {
	from := len(dst)
	dst, err := binary.Append(dst, binary.LittleEndian, Elements(&r.Vector, l.Formats[0]))
	if n := len(dst) - from; err == nil && n != l.Bytes() {
		err = fmt.Errorf("row %d: %d bytes, expected %d", r.Index, n, l.Bytes())
	}
	return dst, err
}
