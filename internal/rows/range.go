package rows

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// A Range is a part of a file: the rows that begin at From or behind it, and before To.
// It counts in units of Length. Ranges that meet have each row once. The zero Range is all.
type Range struct {
	From, To int64 // To = 0: to the end
}

// A Position is where in a file a source goes on.
type Position struct {
	Offset int64 `json:"offset"`         // bytes, or rows of Parquet
	Line   int   `json:"line,omitempty"` // lines before it, of the Range
}

// Length returns how long a file is, for a Range. Text and jsonl in UTF-8, as they are, count
// in bytes, and Parquet in the rows that its footer tells. All else has no place to begin
// at but the first row: it counts in rows, for which it is read.
func Length(ctx context.Context, name string, how Reader) (n int64, err error) {
	how.Range, how.At = Range{}, Position{}
	src, err := Open(ctx, name, how)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if s, ok := src.(interface{ length() (int64, bool) }); ok {
		if n, ok := s.length(); ok {
			return n, nil
		}
	}
	for {
		_, err := src.Next()
		var bad *BadInput
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil && !errors.As(err, &bad):
			return n, err
		}
		n++
	}
}

func (s *jsonlSource) length() (int64, bool)   { return s.read.total, s.file != nil }
func (s *textSource) length() (int64, bool)    { return s.read.total, s.file != nil }
func (s *parquetSource) length() (int64, bool) { return s.rows, true }

// LinesBefore returns how many lines of a file are before those that a Range has which
// begins at a byte.
func LinesBefore(ctx context.Context, name string, how Reader, from int64) (n int, err error) {
	if from == 0 {
		return 0, nil
	}
	file, err := how.open(ctx, name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r := &count{ctx: ctx, r: io.LimitReader(file, from-1)} // what follows ends one more line
	for buf := make([]byte, 64<<10); ; {
		k, err := r.Read(buf)
		n += bytes.Count(buf[:k], []byte("\n"))
		if err == io.EOF {
			return n + 1, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// enter has l read a Range, from a position in it.
func (l *lineReader) enter(r Range, at Position) error {
	l.start, l.end = r.From, r.To
	if r.From == 0 && at.Offset == 0 {
		return nil
	}
	if err := l.begin(); err != nil && err != io.EOF {
		return err
	}
	if at.Offset > 0 {
		l.line = at.Line
		return l.seek(at.Offset)
	}
	l.line = 0
	if err := l.seek(r.From - 1); err != nil {
		return err
	}
	for {
		switch _, err := l.buf.ReadSlice('\n'); err {
		case bufio.ErrBufferFull:
		case nil, io.EOF:
			return nil
		default:
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
}

// seek has l go on at a byte of its file.
func (l *lineReader) seek(offset int64) error {
	_, err := l.file.Seek(offset, io.SeekStart)
	l.buf.Reset(&l.read)
	l.read.done = offset
	return err
}

// offset returns where in its file l is, in bytes.
func (l *lineReader) offset() int64 { return l.read.done - int64(l.buf.Buffered()) }

// Position is that of Source.
func (l *lineReader) Position() (Position, bool) {
	if l.file == nil || l.inside {
		return Position{}, false
	}
	return Position{l.offset(), l.line}, true
}

// someRows are those of a Range of a source that counts in rows.
type someRows struct {
	Source
	Range
	row int64 // the next one
}

func (s *someRows) Next() (Input, error) {
	var bad *BadInput
	for ; s.row < s.From; s.row++ {
		if _, err := s.Source.Next(); err != nil && !errors.As(err, &bad) {
			return Input{}, err
		}
	}
	if s.To > 0 && s.row >= s.To {
		return Input{}, io.EOF
	}
	s.row++
	return s.Source.Next()
}

func (s *someRows) Position() (Position, bool) { return Position{}, false }

func (s *someRows) Progress() (done, total int64) {
	if s.To == 0 {
		return s.Source.Progress()
	}
	return s.row, s.To
}
