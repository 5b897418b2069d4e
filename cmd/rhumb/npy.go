package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/rhumb-go/rhumb/encoding"
)

// npyHeader is the size of the header in bytes, a multiple of 64. It leaves
// room for any number of rows.
const npyHeader = 128

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

// npyWriter writes one array in NumPy's format 1.0 (numpy.lib.format),
// little-endian and in C order: a row an input, a column a dimension, or of packed
// bits a byte.
type npyWriter struct {
	file   io.WriteSeeker
	buf    *bufio.Writer
	format encoding.Format
	rows   int
	width  int // bytes of a row
	row    []byte
}

func newNPYWriter(file io.WriteSeeker, l *layout) (*npyWriter, error) {
	n := &npyWriter{file: file, buf: bufio.NewWriterSize(file, 256<<10), format: l.formats[0]}
	n.width = l.bytes()
	_, err := n.buf.Write(make([]byte, npyHeader)) // close writes it, when the rows are known
	return n, err
}

func (n *npyWriter) write(r *result) (err error) {
	if n.row, err = binary.Append(n.row[:0], binary.LittleEndian, elements(&r.Vector, n.format)); err != nil {
		return err
	}
	if len(n.row) != n.width {
		return fmt.Errorf("row %d: %d bytes, expected %d", n.rows, len(n.row), n.width)
	}
	n.rows++
	_, err = n.buf.Write(n.row)
	return err
}

func (n *npyWriter) flush() error { return nil }

func (n *npyWriter) close() error {
	if err := n.buf.Flush(); err != nil {
		return err
	}
	if _, err := n.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	kind := npyType(n.format)
	header := "\x93NUMPY\x01\x00" + string([]byte{npyHeader - 10, 0}) +
		fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", kind, n.rows, n.width/int(kind[2]-'0'))
	header += strings.Repeat(" ", npyHeader-1-len(header)) + "\n"
	_, err := io.WriteString(n.file, header)
	return err
}
