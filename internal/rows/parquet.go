package rows

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetSource is the rows of a Parquet file: a column of texts or one of
// lists of token ids, and a column of ids. A row counts as a line.
type parquetSource struct {
	closer           io.Closer
	file             *parquet.File
	name, field      string
	set              charset // of bytes that are no texts by their type
	row, rows        int64   // up to which it is read
	first            int64   // of the Range
	skip             int64   // rows of the row group that is next
	left             int64   // rows of the row group
	group            int     // the next one
	limit            int     // bytes of a row
	room             room    // of the row
	columns          []*column
	text, tokens, id *column // of these; nil where there is none
	kept             []keptColumn
	err              error // of a column that is not as expected
}

// openParquet returns the source of file.
func openParquet(file io.ReaderAt, name string, size int64, how Reader, set charset, closer io.Closer) (_ Source, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	defer recovered(&err)
	if err := checkFooter(file, size); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(file, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	s := &parquetSource{closer: closer, file: f, name: name, field: how.Field, set: set, rows: f.NumRows(), limit: maxLine}
	rows := int64(0)
	for _, group := range f.RowGroups() {
		rows += group.NumRows()
		if group.NumRows() < 0 || rows < 0 {
			return nil, fmt.Errorf("a row group of %d rows", group.NumRows())
		}
	}
	if rows != s.rows {
		return nil, fmt.Errorf("%d rows, its row groups have %d", s.rows, rows)
	}
	s.text = s.newColumn(how.Field, 0, parquet.ByteArray)
	if how.Field != "tokens" {
		s.tokens = s.newColumn("tokens", 1, parquet.Int32, parquet.Int64)
	}
	textErr, id := s.err, cmp.Or(how.ID, "id")
	s.id = s.newColumn(id, 0, parquet.ByteArray, parquet.Int32, parquet.Int64)
	if s.id == nil && how.ID == "" {
		s.err = textErr // what is no id does not count
	}
	if s.err != nil {
		return nil, s.err
	}
	var names []string
	for _, c := range f.Root().Columns() {
		names = append(names, c.Name())
	}
	if s.text == nil && s.tokens == nil {
		return nil, fmt.Errorf("no column %q and no \"tokens\"; there is %s (choose one with --text-field)",
			how.Field, strings.Join(names, ", "))
	}
	if s.id == nil && how.ID != "" {
		return nil, fmt.Errorf("no column %q of ids; there is %s", how.ID, strings.Join(names, ", "))
	}
	chosen, err := how.Carry.choose(names, id)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(names, id); s.id != nil && how.Carry.Form == Parquet && i >= 0 {
		kept, err := s.newKeptColumn(f.Root().Columns()[i], Parquet) // with its type
		if err != nil {
			return nil, err
		}
		kept.Name = "id"
		s.kept = append(s.kept, kept)
	}
	for _, i := range chosen {
		kept, err := s.newKeptColumn(f.Root().Columns()[i], how.Carry.Form)
		if err != nil {
			return nil, err
		}
		s.kept = append(s.kept, kept)
	}
	s.enter(how.Range, how.At)
	return s, nil
}

// enter has s read a Range, from a position in it. What lies in row groups before that is
// not read.
func (s *parquetSource) enter(r Range, at Position) {
	if r.To > 0 {
		s.rows = min(s.rows, r.To)
	}
	s.first = min(r.From, s.rows)
	s.row = min(max(r.From, at.Offset), s.rows)
	s.skip = s.row
	for groups := s.file.RowGroups(); s.group < len(groups) && groups[s.group].NumRows() <= s.skip; s.group++ {
		s.skip -= groups[s.group].NumRows()
	}
}

// recovered turns a panic of the Parquet reader, which a damaged file can
// cause, into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged file: %v", r)
	}
}

func (s *parquetSource) Progress() (done, total int64) { return s.row - s.first, s.rows - s.first }
func (s *parquetSource) Position() (Position, bool)    { return Position{Offset: s.row}, true }
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
	in, err := s.next()
	var bad *BadInput
	if err != nil && !errors.As(err, &bad) {
		err = fmt.Errorf("%s: %w", s.At(int(s.row)), err)
		s.rows = s.row // there is no more
	}
	return in, err
}

// next reads the row of every column.
func (s *parquetSource) next() (in Input, err error) {
	defer recovered(&err)
	for s.left == 0 {
		if err := s.begin(); err != nil {
			return in, err
		}
	}
	for ; s.skip > 0; s.skip-- {
		if err := s.readRow(); err != nil {
			return in, err
		}
	}
	if err := s.readRow(); err != nil {
		return in, err
	}
	in.File, in.Line = s.name, int(s.row)
	if s.room.beyond() {
		return Input{}, &BadInput{in, fmt.Errorf("row of more than %d bytes", s.limit)}
	}
	if err := s.interpret(&in); err != nil {
		return Input{}, &BadInput{in, err}
	}
	return in, nil
}

// readRow reads the row of every column, as it is stored.
func (s *parquetSource) readRow() error {
	s.left--
	s.room.left = s.limit
	for _, c := range s.columns {
		if err := c.read(); err != nil {
			return err
		}
	}
	return nil
}

// begin begins with the next row group.
func (s *parquetSource) begin() error {
	most := int64(maxPages)
	for _, c := range s.columns {
		if err := c.end(); err != nil {
			return err
		}
	}
	for _, c := range s.columns {
		size, err := c.begin(s.file, s.group, most)
		if err != nil {
			return err
		}
		most -= size
	}
	s.left = s.file.RowGroups()[s.group].NumRows()
	s.group++
	return nil
}

// interpret sets what the row has. What is right of it is set with an error, too.
func (s *parquetSource) interpret(in *Input) error {
	if id := s.id.row(); len(id) > 0 {
		switch v := id[0]; {
		case v.Kind() == parquet.ByteArray:
			text, err := s.textOf(s.id.leaf, v.ByteArray())
			if err != nil {
				return fmt.Errorf("column %q: %w", strings.Join(s.id.leaf.Path(), "."), err)
			}
			in.ID = Quote(text)
		case !s.id.unsigned():
			in.ID = json.RawMessage(v.String())
		case v.Kind() == parquet.Int32:
			in.ID = strconv.AppendUint(nil, uint64(v.Uint32()), 10)
		default:
			in.ID = strconv.AppendUint(nil, v.Uint64(), 10)
		}
	}
	for i := range s.kept {
		value, err := s.kept[i].value()
		if err != nil {
			return fmt.Errorf("column %q: %w", value.Name, err)
		}
		in.Kept = append(in.Kept, value)
	}
	text, tokens := s.text.row(), s.tokens.row()
	switch {
	case text != nil && tokens != nil:
		return fmt.Errorf("%q and \"tokens\": expected one of them", s.field)
	case text != nil:
		var err error
		if in.Text, err = s.textOf(s.text.leaf, text[0].ByteArray()); err != nil {
			return err
		}
	case tokens != nil:
		in.IDs = make([]int32, len(tokens))
		for i, v := range tokens {
			id := v.Int64()
			if v.Kind() == parquet.Int32 {
				id = int64(v.Int32())
			}
			if in.IDs[i] = int32(id); int64(in.IDs[i]) != id || v.IsNull() {
				return fmt.Errorf("\"tokens\": %v: expected a token id", v)
			}
		}
	default:
		return fmt.Errorf("no %q and no \"tokens\"", s.field)
	}
	return nil
}

// textOf returns what bytes of a leaf are. A NUL is an error unless the column says that
// it holds texts.
func (s *parquetSource) textOf(leaf *parquet.Column, b []byte) (string, error) {
	if isText(leaf) {
		return string(b), checkUTF8(b)
	}
	return s.set.text(b)
}

// checkTexts returns an error where a column of texts has read a value that is none.
func (c *column) checkTexts() error {
	if !isText(c.leaf) {
		return nil
	}
	for _, v := range c.values {
		if err := checkUTF8(v.ByteArray()); err != nil {
			return err
		}
	}
	return nil
}

// isText reports whether a leaf says that its values are texts.
func isText(leaf *parquet.Column) bool {
	switch logicalType(leaf.Type()).(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return true
	}
	return false
}
