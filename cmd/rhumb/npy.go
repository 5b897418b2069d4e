package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// npyHeader is the size of the header in bytes, a multiple of 64. It leaves
// room for any number of rows.
const npyHeader = 128

// npyWriter writes one float32 array, rows×dimensions, in NumPy's format 1.0
// (numpy.lib.format), little-endian and in C order.
type npyWriter struct {
	file       io.WriteSeeker
	buf        *bufio.Writer
	rows       int
	dimensions int
	row        []byte
}

func newNPYWriter(file io.WriteSeeker, dimensions int) (*npyWriter, error) {
	n := &npyWriter{file: file, buf: bufio.NewWriterSize(file, 256<<10), dimensions: dimensions}
	_, err := n.buf.Write(make([]byte, npyHeader)) // close writes it, when the rows are known
	return n, err
}

func (n *npyWriter) write(r *result) error {
	if len(r.Float32) != n.dimensions {
		return fmt.Errorf("row %d: %d dimensions, expected %d", n.rows, len(r.Float32), n.dimensions)
	}
	n.row = n.row[:0]
	for _, v := range r.Float32 {
		n.row = binary.LittleEndian.AppendUint32(n.row, math.Float32bits(v))
	}
	n.rows++
	_, err := n.buf.Write(n.row)
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
	header := "\x93NUMPY\x01\x00" + string([]byte{npyHeader - 10, 0}) +
		fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", n.rows, n.dimensions)
	header += strings.Repeat(" ", npyHeader-1-len(header)) + "\n"
	_, err := io.WriteString(n.file, header)
	return err
}
