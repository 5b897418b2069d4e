package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetSource is the rows of a Parquet file: a column of texts or one of
// lists of token ids, and a column of ids. A row counts as a line.
type parquetSource struct {
	file             *os.File
	name, field      string
	row, rows        int64
	text, tokens, id *column // nil where there is none
}

// openParquet returns the source of file, which it closes.
func openParquet(file *os.File, name string, size int64, field string) (_ source, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
		}
	}()
	defer recovered(&err)
	f, err := parquet.OpenFile(file, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	s := &parquetSource{file: file, name: name, field: field, rows: f.NumRows()}
	if s.text, err = newColumn(f, field, 0, parquet.ByteArray); err != nil {
		return nil, err
	}
	if field != "tokens" {
		if s.tokens, err = newColumn(f, "tokens", 1, parquet.Int32, parquet.Int64); err != nil {
			return nil, err
		}
	}
	if s.id, err = newColumn(f, "id", 0, parquet.ByteArray, parquet.Int32, parquet.Int64); err != nil {
		return nil, err
	}
	if s.text == nil && s.tokens == nil {
		var names []string
		for _, c := range f.Root().Columns() {
			names = append(names, c.Name())
		}
		return nil, fmt.Errorf("no column %q and no \"tokens\"; there is %s (choose one with --text-field)",
			field, strings.Join(names, ", "))
	}
	return s, nil
}

// recovered turns a panic of the Parquet reader, which a damaged file can
// cause, into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged file: %v", r)
	}
}

func (s *parquetSource) progress() (done, total int64) { return s.row, s.rows }
func (s *parquetSource) at(line int) string            { return fmt.Sprintf("%s:%d", s.name, line) }
func (s *parquetSource) Close() error                  { return s.file.Close() }

func (s *parquetSource) next() (input, error) {
	if s.row == s.rows {
		return input{}, io.EOF
	}
	s.row++
	in, err := s.read()
	var bad *badInput
	if err != nil && !errors.As(err, &bad) {
		err = fmt.Errorf("%s: %w", s.at(int(s.row)), err)
	}
	return in, err
}

// read reads the row of every column.
func (s *parquetSource) read() (in input, err error) {
	defer recovered(&err)
	in.line = int(s.row)
	id, err := s.id.row()
	if err != nil {
		return in, err
	}
	if len(id) > 0 {
		switch v := id[0]; {
		case v.Kind() == parquet.ByteArray:
			in.id = quote(string(v.ByteArray()))
		case !s.id.unsigned():
			in.id = json.RawMessage(v.String())
		case v.Kind() == parquet.Int32:
			in.id = strconv.AppendUint(nil, uint64(v.Uint32()), 10)
		default:
			in.id = strconv.AppendUint(nil, v.Uint64(), 10)
		}
	}
	text, err := s.text.row()
	if err != nil {
		return in, err
	}
	tokens, err := s.tokens.row()
	if err != nil {
		return in, err
	}
	bad := func(format string, args ...any) error {
		return &badInput{line: in.line, id: in.id, err: fmt.Errorf(format, args...)}
	}
	switch {
	case text != nil && tokens != nil:
		return in, bad("%q and \"tokens\": expected one of them", s.field)
	case text != nil:
		in.text = string(text[0].ByteArray())
	case tokens != nil:
		in.ids = make([]int32, len(tokens))
		for i, v := range tokens {
			id := v.Int64()
			if v.Kind() == parquet.Int32 {
				id = int64(v.Int32())
			}
			if in.ids[i] = int32(id); int64(in.ids[i]) != id || v.IsNull() {
				return in, bad("\"tokens\": %v: expected a token id", v)
			}
		}
	default:
		return in, bad("no %q and no \"tokens\"", s.field)
	}
	return in, nil
}

// A column reads the leaf of a column row by row.
type column struct {
	leaf   *parquet.Column
	listed int // definition level of a value or null in a list
	pages  parquet.Pages
	page   parquet.Page
	reader parquet.ValueReader
	buf    [256]parquet.Value
	unread []parquet.Value
	values []parquet.Value
}

// newColumn returns the column of that name, or nil if there is none. Its leaf
// is of one of the kinds, and in that many lists. A column of ids that is not
// what is expected does not count.
func newColumn(f *parquet.File, name string, lists int, kinds ...parquet.Kind) (*column, error) {
	leaf := f.Root().Column(name)
	if leaf == nil {
		return nil, nil
	}
	c := &column{}
	for !leaf.Leaf() && len(leaf.Columns()) == 1 {
		if leaf.Repeated() {
			c.listed = leaf.MaxDefinitionLevel()
		}
		leaf = leaf.Columns()[0]
	}
	if c.listed == 0 {
		c.listed = leaf.MaxDefinitionLevel()
	}
	if leaf.Leaf() && leaf.MaxRepetitionLevel() == lists && slices.Contains(kinds, leaf.Type().Kind()) {
		c.leaf, c.pages = leaf, leaf.Pages()
		return c, nil
	}
	if name == "id" {
		return nil, nil
	}
	return nil, fmt.Errorf("column %q: expected %s", name, [...]string{"texts", "lists of integers"}[lists])
}

// unsigned reports whether c holds integers without a sign.
func (c *column) unsigned() bool {
	logical := c.leaf.Type().LogicalType()
	if logical == nil {
		return false
	}
	integer, ok := logical.Value.(*format.IntType)
	return ok && !integer.IsSigned
}

// row returns the values of the next row: none and nil for null, none for an
// empty list. They are valid until the next call.
func (c *column) row() ([]parquet.Value, error) {
	if c == nil {
		return nil, nil
	}
	c.values = c.values[:0]
	for {
		if len(c.unread) == 0 {
			if err := c.fill(); err == io.EOF && len(c.values) > 0 {
				return c.list(), nil
			} else if err == io.EOF {
				return nil, io.ErrUnexpectedEOF
			} else if err != nil {
				return nil, err
			}
		}
		v := c.unread[0]
		if len(c.values) > 0 && v.RepetitionLevel() == 0 {
			return c.list(), nil
		}
		c.unread = c.unread[1:]
		c.values = append(c.values, v.Clone())
		if c.leaf.MaxRepetitionLevel() == 0 {
			return c.list(), nil
		}
	}
}

// list returns the values of a row without the mark of an empty list.
func (c *column) list() []parquet.Value {
	first := c.values[0]
	switch {
	case first.DefinitionLevel() >= c.listed:
		return c.values
	case c.leaf.MaxRepetitionLevel() > 0 && first.DefinitionLevel() == c.listed-1:
		return c.values[:0]
	}
	return nil
}

// fill reads more values, at least one.
func (c *column) fill() error {
	for {
		if c.reader != nil {
			n, err := c.reader.ReadValues(c.buf[:])
			if c.unread = c.buf[:n]; n > 0 {
				return nil
			}
			if err != nil && err != io.EOF {
				return err
			}
			parquet.Release(c.page)
			c.reader = nil
		}
		page, err := c.pages.ReadPage()
		if err != nil {
			return err
		}
		c.page, c.reader = page, page.Values()
	}
}
