package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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

// newLineReader reads r, which has size bytes, or -1 for an unknown number.
func newLineReader(r io.Reader, name string, size int64, closer io.Closer) *lineReader {
	l := &lineReader{name: name, limit: maxLine, read: count{r: r, total: size}, closer: closer}
	l.buf = bufio.NewReaderSize(&l.read, 64<<10)
	return l
}

func (l *lineReader) progress() (done, total int64) {
	return l.read.done - int64(l.buf.Buffered()), l.read.total
}

func (l *lineReader) at(line int) string { return fmt.Sprintf("%s:%d", l.name, line) }
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
		return nil, &badInput{line: l.line, err: fmt.Errorf("line of more than %d bytes", l.limit)}
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

// csvSource is comma-separated values under a header row, as in RFC 4180.
type csvSource struct {
	*lineReader
	rows     *csv.Reader
	field    string
	text, id int // columns; id is -1 where there is none
}

func newCSVSource(l *lineReader, field string) *csvSource {
	rows := csv.NewReader(l.buf)
	rows.ReuseRecord = true
	return &csvSource{lineReader: l, rows: rows, field: field, id: -1}
}

// readHeader finds the columns.
func (s *csvSource) readHeader() error {
	if err := s.begin(); err != nil {
		return err
	}
	header, err := s.rows.Read()
	if err == io.EOF {
		return fmt.Errorf("%s: no header row", s.name)
	}
	if err != nil {
		return s.located(err)
	}
	s.text = -1
	for i, name := range header {
		switch name {
		case s.field:
			s.text = i
		case "id":
			s.id = i
		}
	}
	if s.text < 0 {
		return fmt.Errorf("%s:1: no column %q; there is %s (choose one with --text-field)",
			s.name, s.field, strings.Join(header, ", "))
	}
	return nil
}

func (s *csvSource) next() (input, error) {
	if s.line == 0 {
		if err := s.readHeader(); err != nil {
			return input{}, err
		}
		s.line = 1
	}
	row, err := s.rows.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return input{}, &badInput{line: bad.Line, err: bad.Err}
	case err == io.EOF:
		return input{}, err
	case err != nil:
		return input{}, s.located(err)
	}
	line, _ := s.rows.FieldPos(0)
	in := input{line: line, text: row[s.text]}
	if s.id >= 0 && row[s.id] != "" {
		in.id = quote(row[s.id])
	}
	return in, nil
}

func (s *csvSource) located(err error) error {
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", s.at(bad.Line), bad.Err)
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// quote returns s as a JSON string.
func quote(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// A pipe reads r until ctx is done, even while r has nothing to give.
type pipe struct {
	ctx  context.Context
	r    io.Reader
	rest []byte
	err  error
}

func (p *pipe) Read(dst []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p.rest) == 0 && p.err == nil {
		type block struct {
			data []byte
			err  error
		}
		blocks := make(chan block, 1) // where nobody waits any more, the goroutine ends all the same
		go func() {
			data := make([]byte, 64<<10)
			n, err := p.r.Read(data)
			blocks <- block{data[:n], err}
		}()
		select {
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		case b := <-blocks:
			p.rest, p.err = b.data, b.err
		}
	}
	n := copy(dst, p.rest)
	p.rest = p.rest[n:]
	if n == 0 {
		return 0, p.err
	}
	return n, nil
}
