package rows

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A column reads the leaf of a column row by row.
type column struct {
	leaf   *parquet.Column
	listed int // definition level of a value or null in a list
	room   *room
	pages  parquet.Pages // of a row group
	page   parquet.Page
	reader parquet.ValueReader
	buf    [256]parquet.Value
	unread []parquet.Value
	values []parquet.Value
}

// A room is what a row may still take, in bytes.
type room struct{ left int }

// valueBytes is what a value of a list takes besides its bytes.
const valueBytes = 24

// take takes n bytes, as long as there are so many.
func (r *room) take(n int) bool {
	r.left = max(-1, r.left-n)
	return !r.beyond()
}

// beyond reports whether the row takes more than there is.
func (r *room) beyond() bool { return r.left < 0 }

// newColumn returns the column of that name, or nil if there is none or, with an error,
// if it is not what is expected: its leaf is of one of the kinds, and in that many lists.
func (s *parquetSource) newColumn(name string, lists int, kinds ...parquet.Kind) *column {
	c := columnOf(s.file.Root(), name)
	if c == nil {
		return nil
	}
	leaf, listed := listOf(c)
	if leaf == nil || leaf.MaxRepetitionLevel() != lists || !slices.Contains(kinds, leaf.Type().Kind()) {
		want := [...]string{"texts", "lists of integers"}[lists]
		if slices.Contains(kinds, parquet.Int32) && lists == 0 {
			want = "texts or integers"
		}
		s.err = fmt.Errorf("column %q: expected %s", name, want)
		if parts := c.Columns(); lists == 0 && !c.Leaf() && len(parts) > 0 && logicalType(c.Type()) == nil {
			s.err = fmt.Errorf("column %q: expected %s, not a struct; in it there is %q", name, want, name+"."+parts[0].Name())
		}
		return nil
	}
	return s.addLeaf(leaf, listed)
}

// columnOf returns the column of that name in a struct or, where there is none, the one
// that the name leads to: behind a dot one of the struct before it. nil = none.
func columnOf(c *parquet.Column, name string) *parquet.Column {
	if found := c.Column(name); found != nil {
		return found
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if outer := c.Column(name[:i]); outer != nil && !outer.Leaf() {
			if found := columnOf(outer, name[i+1:]); found != nil {
				return found
			}
		}
	}
	return nil
}

// addLeaf returns the column that reads a leaf, a new one if there is none.
func (s *parquetSource) addLeaf(leaf *parquet.Column, listed int) *column {
	for _, c := range s.columns {
		if c.leaf == leaf {
			return c
		}
	}
	c := &column{leaf: leaf, listed: listed, room: &s.room}
	s.columns = append(s.columns, c)
	return c
}

// listOf returns the leaf of a column of values, or of one of lists of values, and
// the definition level of what is in it; nil where the column is of another form.
func listOf(c *parquet.Column) (leaf *parquet.Column, listed int) {
	if c.Leaf() {
		return c, c.MaxDefinitionLevel()
	}
	_, list := logicalType(c.Type()).(*format.ListType)
	if !list || c.Repeated() || len(c.Columns()) != 1 {
		return nil, 0
	}
	repeated := c.Columns()[0]
	listed = repeated.MaxDefinitionLevel()
	if repeated.Leaf() {
		return repeated, listed
	}
	// The element is a group itself, in the old forms that the format's description lists.
	old := repeated.Name() == "array" || repeated.Name() == c.Name()+"_tuple"
	if old || !repeated.Repeated() || len(repeated.Columns()) != 1 || !repeated.Columns()[0].Leaf() || repeated.Columns()[0].Repeated() {
		return nil, 0
	}
	return repeated.Columns()[0], listed
}

// begin begins with a row group, of whose pages the largest may take most bytes.
// It returns how many they do.
func (c *column) begin(file *parquet.File, group int, most int64) (int64, error) {
	size, err := checkChunk(file, c.leaf, &file.Metadata().RowGroups[group].Columns[c.leaf.Index()].MetaData, most)
	if err == nil {
		c.pages = file.RowGroups()[group].ColumnChunks()[c.leaf.Index()].Pages()
		return size, nil
	}
	return 0, fmt.Errorf("row group %d: column %q: %w", group, strings.Join(c.leaf.Path(), "."), err)
}

// end ends a row group, which must have no more rows.
func (c *column) end() error {
	if c.pages == nil {
		return nil
	}
	if len(c.unread) == 0 {
		if err := c.fill(); err != nil && err != io.EOF {
			return err
		}
	}
	if len(c.unread) > 0 {
		return fmt.Errorf("column %q: more rows than its row group", strings.Join(c.leaf.Path(), "."))
	}
	return c.pages.Close()
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

// read reads the values of the next row as they are stored: at least one, unless
// the row takes more room than there is.
func (c *column) read() error {
	c.values = c.values[:0]
	for n := 0; ; n++ {
		if len(c.unread) == 0 {
			if err := c.fill(); err == io.EOF && n > 0 {
				break
			} else if err != nil {
				return unexpected(err)
			}
		}
		v := c.unread[0]
		if n > 0 && v.RepetitionLevel() == 0 {
			break
		}
		c.unread = c.unread[1:]
		size := 0
		if kind := v.Kind(); kind == parquet.ByteArray || kind == parquet.FixedLenByteArray {
			size = len(v.ByteArray())
		}
		if n > 0 {
			size += valueBytes
		}
		if c.room.take(size) {
			c.values = append(c.values, v.Clone())
		}
		if c.leaf.MaxRepetitionLevel() == 0 {
			break
		}
	}
	return nil
}

// row returns the values of the row that was read: none and nil for null, none
// for an empty list. They are valid until the next is read.
func (c *column) row() []parquet.Value {
	if c == nil {
		return nil
	}
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
