package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine is the most bytes of one line of input.
const maxLine = 64 << 20

// A lineReader reads a stream line by line. A UTF-8 byte order mark at its
// beginning is no part of it.
type lineReader struct {
	name   string
	line   int // number of the line read last, from 1
	buf    *bufio.Reader
	long   []byte // a line that did not fit buf
	limit  int    // bytes of a line
	read   count
	packed packing
	closer io.Closer
}

// A count is a reader that counts its bytes.
type count struct {
	r           io.Reader
	done, total int64
}

func (c *count) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	return n, err
}

// newLineReader reads r, which has size bytes, compressed ones where it is packed,
// or -1 for an unknown number.
func newLineReader(r io.Reader, name string, size int64, packed packing, closer io.Closer) (*lineReader, error) {
	l := &lineReader{name: name, limit: maxLine, read: count{r: r, total: size}, packed: packed, closer: closer}
	r = &l.read
	if packed != none {
		// Read ahead in large blocks, for files that are read from afar.
		unpacked, err := packed.unpack(bufio.NewReaderSize(r, 64<<10))
		if err == io.EOF {
			err = errors.New("empty, expected " + packed.String())
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r, l.closer = unpacked, closers{unpacked, closer}
	}
	l.buf = bufio.NewReaderSize(r, 64<<10)
	return l, nil
}

// closers are closed together.
type closers [2]io.Closer

func (c closers) Close() error { return errors.Join(c[0].Close(), c[1].Close()) }

// Progress counts the bytes of the file, compressed ones where it is.
func (l *lineReader) Progress() (done, total int64) {
	if l.packed != none {
		return l.read.done, l.read.total
	}
	return l.read.done - int64(l.buf.Buffered()), l.read.total
}

func (l *lineReader) At(line int) string { return location(l.name, line) }
func (l *lineReader) Close() error       { return l.closer.Close() }

// begin passes over a byte order mark.
func (l *lineReader) begin() error {
	mark, err := l.buf.Peek(3)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.Equal(mark, []byte("\xef\xbb\xbf")):
		_, err = l.buf.Discard(3)
		return err
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		return fmt.Errorf("%s: UTF-16; expected UTF-8", l.name)
	}
	return nil
}

// readLine returns the next line without its end (LF or CR LF), or io.EOF. The
// line is valid until the next call.
func (l *lineReader) readLine() ([]byte, error) {
	if l.line == 0 {
		if err := l.begin(); err != nil {
			return nil, err
		}
	}
	line, err := l.buf.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line, err = l.readLong(line)
	}
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	if err != nil {
		if err == io.EOF {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	l.line++
	if len(line) > l.limit {
		return nil, &BadInput{Input{File: l.name, Line: l.line}, fmt.Errorf("line of more than %d bytes", l.limit)}
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// readLong reads on to the end of a line that does not fit the buffer. Beyond
// the limit it reads on, but keeps no more.
func (l *lineReader) readLong(start []byte) ([]byte, error) {
	l.long = append(l.long[:0], start...)
	for {
		part, err := l.buf.ReadSlice('\n')
		if len(l.long) <= l.limit {
			l.long = append(l.long, part...)
		}
		if err != bufio.ErrBufferFull {
			return l.long, err
		}
	}
}
