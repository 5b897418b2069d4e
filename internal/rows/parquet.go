package rows

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
)

// parquetSource is the rows of a Parquet file: a column of texts or one of
// lists of token ids, and a column of ids. A row counts as a line.
type parquetSource struct {
	closer           io.Closer
	name, field      string
	row, rows        int64
	text, tokens, id *column // nil where there is none
	kept             []keptColumn
}

// openParquet returns the source of file.
func openParquet(file *os.File, name string, size int64, how Reader, closer io.Closer) (_ Source, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	defer recovered(&err)
	field := how.Field
	f, err := parquet.OpenFile(file, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	s := &parquetSource{closer: closer, name: name, field: field, rows: f.NumRows()}
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
	var names []string
	for _, c := range f.Root().Columns() {
		names = append(names, c.Name())
	}
	if s.text == nil && s.tokens == nil {
		return nil, fmt.Errorf("no column %q and no \"tokens\"; there is %s (choose one with --text-field)",
			field, strings.Join(names, ", "))
	}
	chosen, err := how.Carry.choose(names)
	if err != nil {
		return nil, err
	}
	if s.id != nil && how.Carry.Form == Parquet {
		chosen = append([]int{slices.Index(names, "id")}, chosen...) // with its type
	}
	for _, i := range chosen {
		kept, err := newKeptColumn(f.Root().Columns()[i], how.Carry.Form)
		if err != nil {
			return nil, err
		}
		s.kept = append(s.kept, kept)
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

func (s *parquetSource) Progress() (done, total int64) { return s.row, s.rows }
func (s *parquetSource) At(line int) string            { return location(s.name, line) }
func (s *parquetSource) Close() error                  { return s.closer.Close() }

func (s *parquetSource) Columns() (all []Column, err error) {
	for _, k := range s.kept {
		all = append(all, k.Column)
	}
	return all, nil
}

func (s *parquetSource) Next() (Input, error) {
	if s.row == s.rows {
		return Input{}, io.EOF
	}
	s.row++
	in, err := s.read()
	var bad *BadInput
	if err != nil && !errors.As(err, &bad) {
		err = fmt.Errorf("%s: %w", s.At(int(s.row)), err)
	}
	return in, err
}

// read reads the row of every column.
func (s *parquetSource) read() (in Input, err error) {
	defer recovered(&err)
	in.File, in.Line = s.name, int(s.row)
	for i := range s.kept {
		value, err := s.kept[i].value()
		if err != nil {
			return in, err
		}
		in.Kept = append(in.Kept, value)
	}
	id, err := s.id.row()
	if err != nil {
		return in, err
	}
	if len(id) > 0 {
		switch v := id[0]; {
		case v.Kind() == parquet.ByteArray:
			in.ID = Quote(string(v.ByteArray()))
		case !s.id.unsigned():
			in.ID = json.RawMessage(v.String())
		case v.Kind() == parquet.Int32:
			in.ID = strconv.AppendUint(nil, uint64(v.Uint32()), 10)
		default:
			in.ID = strconv.AppendUint(nil, v.Uint64(), 10)
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
		return &BadInput{in, fmt.Errorf(format, args...)}
	}
	switch {
	case text != nil && tokens != nil:
		return in, bad("%q and \"tokens\": expected one of them", s.field)
	case text != nil:
		in.Text = string(text[0].ByteArray())
	case tokens != nil:
		in.IDs = make([]int32, len(tokens))
		for i, v := range tokens {
			id := v.Int64()
			if v.Kind() == parquet.Int32 {
				id = int64(v.Int32())
			}
			if in.IDs[i] = int32(id); int64(in.IDs[i]) != id || v.IsNull() {
				return in, bad("\"tokens\": %v: expected a token id", v)
			}
		}
	default:
		return in, bad("no %q and no \"tokens\"", s.field)
	}
	return in, nil
}
