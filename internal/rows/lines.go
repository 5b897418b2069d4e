package rows

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/transform"
)

// maxLine is the most bytes of one line of input.
const maxLine = 64 << 20

// A lineReader reads a stream line by line. A UTF-8 byte order mark at its
// beginning is no part of it.
type lineReader struct {
	name   string
	line   int // number of the line read last, from 1
	buf    *bufio.Reader
	begun  bool   // past a byte order mark
	inside bool   // the piece read last is not the end of its line
	long   []byte // a line that did not fit buf
	limit  int    // bytes of a line
	read   count
	packed packing
	set    charset
	closer io.Closer

	file       File  // where it can be entered anywhere; nil = only at its beginning
	start, end int64 // of its Range
}

// A count is a reader that counts its bytes, and ends with its context.
type count struct {
	ctx         context.Context
	r           io.Reader
	done, total int64
}

func (c *count) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.done += int64(n)
	return n, err
}

// newLineReader reads r, which has size bytes, compressed ones where it is packed,
// or -1 for an unknown number.
func newLineReader(ctx context.Context, r io.Reader, name string, size int64, packed packing, closer io.Closer) (*lineReader, error) {
	l := &lineReader{name: name, limit: maxLine, read: count{ctx: ctx, r: r, total: size}, packed: packed, closer: closer}
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

// decode has l read what its bytes stand for. It is called before the first line.
func (l *lineReader) decode(set charset) {
	if set.decoder == nil {
		return
	}
	if _, err := l.buf.Peek(1); err != io.EOF { // which is nothing in any charset
		l.set = set
		l.buf = bufio.NewReaderSize(transform.NewReader(l.buf, set.decoder.NewDecoder()), 64<<10)
	}
}

// closers are closed together.
type closers [2]io.Closer

func (c closers) Close() error { return errors.Join(c[0].Close(), c[1].Close()) }

// Progress counts the bytes of the file, compressed ones where it is.
func (l *lineReader) Progress() (done, total int64) {
	if l.packed != none || l.set.decoder != nil {
		return l.read.done, l.read.total
	}
	if l.end > 0 {
		return l.offset() - l.start, l.end - l.start
	}
	return l.offset() - l.start, l.read.total - l.start
}

func (l *lineReader) At(line int) string { return location(l.name, line) }
func (l *lineReader) Close() error       { return l.closer.Close() }

// begin passes over a byte order mark.
func (l *lineReader) begin() error {
	l.begun = true
	mark, err := l.buf.Peek(3)
	if err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	switch {
	case bytes.Equal(mark, []byte("\xef\xbb\xbf")):
		_, err = l.buf.Discard(3)
		return err
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		return fmt.Errorf("%s: UTF-16; expected UTF-8 (--input-charset utf-16 reads it)", l.name)
	}
	return nil
}

// piece returns the next line without its end (LF or CR LF), or a part of it
// where it does not fit the buffer: then inside is set. io.EOF comes after the
// last line. The piece is valid until the next call.
func (l *lineReader) piece() ([]byte, error) {
	if !l.begun {
		if err := l.begin(); err != nil {
			return nil, err
		}
	}
	first := l.start == 0 && l.line == 0 // a byte order mark is part of it
	if l.end > 0 && !l.inside && !first && l.offset() >= l.end {
		return nil, io.EOF
	}
	part, err := l.buf.ReadSlice('\n')
	switch full := err == bufio.ErrBufferFull; {
	case err == io.EOF && len(part) == 0 && !l.inside:
		return nil, err
	case err != nil && err != io.EOF && !full:
		return nil, fmt.Errorf("%s: %w", l.name, err)
	case !l.inside:
		l.line++
		fallthrough
	default:
		l.inside = full
	}
	if !l.inside {
		part = bytes.TrimSuffix(part, []byte("\n"))
		return bytes.TrimSuffix(part, []byte("\r")), nil
	}
	if n := len(part) - 1; part[n] == '\r' { // perhaps of the line's end
		return part[:n], l.buf.UnreadByte()
	}
	return part, nil
}

// passLine passes over what is left of the line that the last piece is of.
func (l *lineReader) passLine() error {
	for l.inside {
		if _, err := l.piece(); err != nil {
			return err
		}
	}
	return nil
}

// readLine returns the next line without its end, or io.EOF. The line is valid
// until the next call.
func (l *lineReader) readLine() ([]byte, error) {
	if err := l.passLine(); err != nil { // that was too long
		return nil, err
	}
	line, err := l.piece()
	if l.inside && err == nil {
		line, err = l.readLong(line)
	}
	if err != nil {
		return nil, err
	}
	if len(line) > l.limit {
		return nil, &BadInput{Input{File: l.name, Line: l.line, From: l.start}, fmt.Errorf("line of more than %d bytes", l.limit)}
	}
	return line, nil
}

// readLong reads on from the beginning of a line, to its end or beyond the limit.
func (l *lineReader) readLong(start []byte) ([]byte, error) {
	l.long = append(l.long[:0], start...)
	for l.inside && len(l.long) <= l.limit {
		part, err := l.piece()
		if err != nil {
			return nil, err
		}
		l.long = append(l.long, part...)
	}
	return l.long, nil
}
