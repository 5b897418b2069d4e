package rows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Reader says how inputs are read.
type Reader struct {
	Format  string // "text", a text a line; "whole", all of it one text; "jsonl", "csv" or "parquet"
	Field   string // the name of the field or column that holds the text, or of one in it, in jsonl and Parquet, behind a dot
	ID      string // the same of what holds the id; "" = "id", where there is one
	Charset string // what the bytes of text, jsonl and csv stand for, and of Parquet's columns that are no texts by their type; "" = UTF-8
	Pairs   bool   // a list of two strings in jsonl is a pair of texts
	Blank   bool   // of "text": lines of white space alone are inputs, too
	Carry   Carry

	Range Range    // of a file: what is read of it
	At    Position // in the Range, which a source of the same file has told: where it begins; zero = at the Range's beginning

	Open func(ctx context.Context, name string) (File, error) // opens what is no file of the system's; nil = os.Open
}

// A File can be read from any place on: an *os.File, or what else has a size. Of what Stat
// returns, Size and Mode count.
type File interface {
	fs.File
	io.ReaderAt
	io.Seeker
}

// ErrFormat is the error of a name that does not tell a format.
var ErrFormat = errors.New("the name does not tell the format")

// InputFormat returns the format that the name of a file tells. The error is ErrFormat.
func InputFormat(name string) (string, error) {
	base, _ := compression(name)
	switch ext := strings.ToLower(filepath.Ext(base)); ext {
	case "", ".txt", ".text", ".md":
		return "text", nil
	case ".jsonl", ".ndjson":
		return "jsonl", nil
	case ".csv", ".parquet":
		return ext[1:], nil
	}
	return "", fmt.Errorf("%s: %w", name, ErrFormat)
}

// Open returns the source of a file. Where its name ends with .gz or .zst, it is
// decompressed.
func Open(ctx context.Context, name string, how Reader) (Source, error) {
	file, err := how.open(ctx, name)
	if err != nil {
		return nil, err
	}
	return Read(ctx, file, name, file, how)
}

func (how *Reader) open(ctx context.Context, name string) (File, error) {
	if how.Open != nil {
		return how.Open(ctx, name)
	}
	return os.Open(name)
}

// Read is Open for what r has, under a name for messages. The source closes
// closer, and so does an error.
func Read(ctx context.Context, r io.Reader, name string, closer io.Closer, how Reader) (_ Source, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closer.Close())
		}
	}()
	file, size := File(nil), int64(-1)
	if f, ok := r.(File); ok {
		info, err := f.Stat()
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			return nil, fmt.Errorf("%s: a folder; expected a file", name)
		case info.Mode().IsRegular():
			file, size = f, info.Size()
		}
	}
	_, packed := compression(name)
	set, err := findCharset(how.Charset)
	if err != nil {
		return nil, err
	}
	if how.Format == "parquet" {
		if file == nil || packed != none {
			return nil, fmt.Errorf("%s: parquet is read from a file as it is, not from a pipe and not compressed as a whole", name)
		}
		return openParquet(file, name, size, how, set, closer)
	}
	if size < 0 {
		r = &pipe{ctx: ctx, r: r}
	}
	lines, err := newLineReader(ctx, r, name, size, packed, closer)
	if err != nil {
		return nil, err
	}
	lines.decode(set)
	if packed == none && set.decoder == nil {
		lines.file = file
	}
	if lines.file == nil && how.At != (Position{}) {
		return nil, fmt.Errorf("%s: can be read from its beginning alone", name)
	}
	var src Source
	switch how.Format {
	case "jsonl":
		s := newJSONLSource(lines, how)
		if lines.file != nil {
			return s, s.enter(how.Range, how.At)
		}
		src = s
	case "csv":
		s := newCSVSource(lines, how)
		if how.At.Offset > 0 {
			return s, s.enter(how.At)
		}
		src = s
	case "text":
		s := &textSource{lines, how.Carry, how.Blank}
		if lines.file != nil {
			return s, s.lineReader.enter(how.Range, how.At)
		}
		src = s
	case "whole":
		src = &wholeSource{lines}
	default:
		return nil, fmt.Errorf("%s: input format %q, expected text, jsonl, csv or parquet", name, how.Format)
	}
	if how.Range != (Range{}) {
		src = &someRows{Source: src, Range: how.Range}
	}
	return src, nil
}

// Arguments returns the source of the texts of a command line.
func Arguments(texts []string) Source { return &arguments{texts: texts} }

type arguments struct {
	texts []string
	n     int
}

func (s *arguments) Next() (Input, error) {
	if s.n == len(s.texts) {
		return Input{}, io.EOF
	}
	s.n++
	in := Input{Line: s.n}
	if err := CheckText(s.texts[s.n-1]); err != nil {
		return Input{}, &BadInput{in, err}
	}
	in.Text = s.texts[s.n-1]
	return in, nil
}

func (s *arguments) Columns() ([]Column, error)    { return nil, nil }
func (s *arguments) Progress() (done, total int64) { return int64(s.n), int64(len(s.texts)) }
func (s *arguments) Position() (Position, bool)    { return Position{}, false }
func (s *arguments) At(line int) string            { return fmt.Sprintf("argument %d", line) }
func (s *arguments) Close() error                  { return nil }

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
