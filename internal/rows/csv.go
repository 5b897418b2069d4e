package rows

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// maxHeader is the most bytes of the header row of comma-separated values.
const maxHeader = 1 << 20

// csvSource is comma-separated values under a header row, as in RFC 4180, with
// the rules and errors of encoding/csv. Of a record that is too long it keeps
// only where it ends.
type csvSource struct {
	*lineReader
	how      Reader
	header   []string
	text, id int   // columns; id is -1 where there is none
	kept     []int // columns

	state  csvState
	record []byte // the fields of the record that is read, end to end
	ends   []int  // of each field, in record
	size   int    // bytes of the record as it stands in the file
	within bool   // the record goes on
	start  int    // its line
	most   int    // bytes of a record
}

// A csvState is what the reader of a record has before it.
type csvState uint8

const (
	fieldStart csvState = iota
	unquoted
	quoted
	afterQuote // in a quoted field: its end, or the first of two quotes
)

func newCSVSource(l *lineReader, how Reader) *csvSource {
	return &csvSource{lineReader: l, how: how, id: -1}
}

// Columns returns the columns to keep, all of them texts.
func (s *csvSource) Columns() (all []Column, err error) {
	if err := s.readHeader(); err != nil {
		return nil, err
	}
	for _, i := range s.kept {
		c := Column{Name: s.header[i]}
		if s.how.Carry.Form == Parquet {
			c.Node = parquet.Optional(parquet.String())
		}
		all = append(all, c)
	}
	return all, nil
}

// readHeader finds the columns, unless it has.
func (s *csvSource) readHeader() error {
	if s.header != nil {
		return nil
	}
	err := s.readRecord(maxHeader)
	var bad *BadInput
	switch {
	case err == io.EOF:
		return fmt.Errorf("%s: no header row", s.name)
	case errors.As(err, &bad):
		return fmt.Errorf("%s: header row: %w", s.At(bad.Line), err)
	case err != nil:
		return err
	}
	var header []string
	for i := range s.ends {
		if err := s.set.check(s.field(i)); err != nil {
			return fmt.Errorf("%s: name of column %d: %w", s.At(s.start), i+1, err)
		}
		header = append(header, string(s.field(i)))
	}
	s.text = -1
	for i, name := range header {
		if name == s.how.Field && s.text >= 0 {
			return fmt.Errorf("%s:1: column %q: there are two", s.name, name)
		}
		if name == s.how.Field {
			s.text = i
		}
		if name == cmp.Or(s.how.ID, "id") {
			s.id = i
		}
	}
	if s.text < 0 {
		return fmt.Errorf("%s:1: no column %q; there is %s (choose one with --text-field)",
			s.name, s.how.Field, strings.Join(header, ", "))
	}
	if s.how.ID != "" && s.id < 0 {
		return fmt.Errorf("%s:1: no column %q of ids; there is %s", s.name, s.how.ID, strings.Join(header, ", "))
	}
	if s.kept, err = s.how.Carry.choose(header, cmp.Or(s.how.ID, "id")); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.header = header
	return nil
}

// enter has s go on at a position.
func (s *csvSource) enter(at Position) error {
	if err := s.readHeader(); err != nil {
		return err
	}
	s.line = at.Line
	return s.seek(at.Offset)
}

// Position is that of Source.
func (s *csvSource) Position() (Position, bool) {
	at, ok := s.lineReader.Position()
	return at, ok && !s.within
}

func (s *csvSource) Next() (Input, error) {
	if err := s.readHeader(); err != nil {
		return Input{}, err
	}
	if err := s.readRecord(s.limit); err != nil {
		return Input{}, err
	}
	in := Input{File: s.name, Line: s.start}
	bad := func(err error) (Input, error) { return Input{}, &BadInput{in, err} }
	if len(s.ends) != len(s.header) {
		return bad(csv.ErrFieldCount)
	}
	if s.id >= 0 && len(s.field(s.id)) > 0 {
		if err := s.set.check(s.field(s.id)); err != nil {
			return bad(fmt.Errorf("column %q: %w", s.header[s.id], err))
		}
		in.ID = Quote(string(s.field(s.id)))
	}
	if err := s.set.check(s.field(s.text)); err != nil {
		return bad(err)
	}
	in.Text = string(s.field(s.text))
	for _, i := range s.kept {
		value, v := s.field(i), Value{Name: s.header[i]}
		if err := s.set.check(value); err != nil {
			return bad(fmt.Errorf("column %q: %w", v.Name, err))
		}
		if s.how.Carry.Form == Parquet {
			v.Parquet = [][]parquet.Value{{parquet.ByteArrayValue(bytes.Clone(value)).Level(0, 1, 0)}}
		} else {
			v.JSON = Quote(string(value))
		}
		in.Kept = append(in.Kept, v)
	}
	return in, nil
}

// field returns a field of the record, valid until the next is read.
func (s *csvSource) field(i int) []byte {
	from := 0
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.record[from:s.ends[i]]
}

// readRecord reads the next record that is not an empty line, or io.EOF. One of
// more than limit bytes is a *BadInput, and so is one with a quote out of place.
func (s *csvSource) readRecord(limit int) error {
	var bad *BadInput
	for s.within { // a record that was too long
		if err := s.step(); err != nil && !errors.As(err, &bad) {
			return err
		}
	}
	for s.most = limit; ; {
		if err := s.step(); err != nil {
			return err
		}
		if s.size > limit {
			return &BadInput{Input{File: s.name, Line: s.start}, fmt.Errorf("record of more than %d bytes", limit)}
		}
		if !s.within && len(s.ends) > 0 {
			return nil
		}
	}
}

// step reads a piece of a line as part of a record.
func (s *csvSource) step() error {
	part, err := s.piece()
	if err == io.EOF && s.within {
		return s.broken(csv.ErrQuote)
	}
	if err != nil {
		return err
	}
	if !s.within {
		s.state, s.record, s.ends, s.size, s.start = fieldStart, s.record[:0], s.ends[:0], 0, s.line
		if len(part) == 0 && !s.inside {
			return nil
		}
	}
	s.within = true
	s.size += len(part)
	if err := s.scan(part); err != nil {
		if err := s.passLine(); err != nil {
			return err
		}
		return s.broken(err)
	}
	switch {
	case s.inside:
	case s.state == quoted:
		s.size++
		s.put([]byte("\n"))
	default:
		s.endField()
		s.within = false
	}
	return nil
}

// broken ends a record with an error.
func (s *csvSource) broken(err error) error {
	s.within = false
	return &BadInput{Input{File: s.name, Line: s.line}, err}
}

// scan adds a piece of a line to the record.
func (s *csvSource) scan(part []byte) error {
	for len(part) > 0 {
		switch s.state {
		case fieldStart:
			s.state = unquoted
			if part[0] == '"' {
				s.state, part = quoted, part[1:]
			}
		case unquoted:
			i := bytes.IndexAny(part, `,"`)
			if i < 0 {
				s.put(part)
				return nil
			}
			if part[i] == '"' {
				return csv.ErrBareQuote
			}
			s.put(part[:i])
			s.endField()
			part = part[i+1:]
		case quoted:
			i := bytes.IndexByte(part, '"')
			if i < 0 {
				s.put(part)
				return nil
			}
			s.put(part[:i])
			s.state, part = afterQuote, part[i+1:]
		case afterQuote:
			switch part[0] {
			case '"':
				s.put(part[:1])
				s.state = quoted
			case ',':
				s.endField()
			default:
				return csv.ErrQuote
			}
			part = part[1:]
		}
	}
	return nil
}

// put adds bytes to the field, as long as the record is within the limit.
func (s *csvSource) put(part []byte) {
	if s.size <= s.most {
		s.record = append(s.record, part...)
	}
}

// endField ends a field. One behind those of the header shows that there are too many.
func (s *csvSource) endField() {
	if s.header == nil || len(s.ends) <= len(s.header) {
		s.ends = append(s.ends, len(s.record))
	}
	s.state = fieldStart
}
