package rows

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// csvSource is comma-separated values under a header row, as in RFC 4180.
type csvSource struct {
	*lineReader
	rows     *csv.Reader
	how      Reader
	header   []string
	text, id int   // columns; id is -1 where there is none
	kept     []int // columns
}

func newCSVSource(l *lineReader, how Reader) *csvSource {
	rows := csv.NewReader(l.buf)
	rows.ReuseRecord = true
	return &csvSource{lineReader: l, rows: rows, how: how, id: -1}
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
		case s.how.Field:
			s.text = i
		case "id":
			s.id = i
		}
	}
	if s.text < 0 {
		return fmt.Errorf("%s:1: no column %q; there is %s (choose one with --text-field)",
			s.name, s.how.Field, strings.Join(header, ", "))
	}
	s.header, s.line = slices.Clone(header), 1
	if s.kept, err = s.how.Carry.choose(s.header); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

func (s *csvSource) Next() (Input, error) {
	if err := s.readHeader(); err != nil {
		return Input{}, err
	}
	row, err := s.rows.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return Input{}, &BadInput{Input{File: s.name, Line: bad.Line}, bad.Err}
	case err == io.EOF:
		return Input{}, err
	case err != nil:
		return Input{}, s.located(err)
	}
	line, _ := s.rows.FieldPos(0)
	in := Input{File: s.name, Line: line, Text: row[s.text]}
	if s.id >= 0 && row[s.id] != "" {
		in.ID = Quote(row[s.id])
	}
	for _, i := range s.kept {
		v := Value{Name: s.header[i]}
		if s.how.Carry.Form == Parquet {
			v.Parquet = [][]parquet.Value{{parquet.ByteArrayValue([]byte(strings.ToValidUTF8(row[i], "\ufffd"))).Level(0, 1, 0)}}
		} else {
			v.JSON = Quote(row[i])
		}
		in.Kept = append(in.Kept, v)
	}
	return in, nil
}

func (s *csvSource) located(err error) error {
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", s.At(bad.Line), bad.Err)
	}
	return fmt.Errorf("%s: %w", s.name, err)
}
