package rows

import (
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

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
	if err := c.read(); err != nil {
		return nil, err
	}
	return c.list(), nil
}

// read reads the values of the next row as they are stored: at least one.
func (c *column) read() error {
	c.values = c.values[:0]
	for {
		if len(c.unread) == 0 {
			if err := c.fill(); err == io.EOF && len(c.values) > 0 {
				return nil
			} else if err == io.EOF {
				return io.ErrUnexpectedEOF
			} else if err != nil {
				return err
			}
		}
		v := c.unread[0]
		if len(c.values) > 0 && v.RepetitionLevel() == 0 {
			return nil
		}
		c.unread = c.unread[1:]
		c.values = append(c.values, v.Clone())
		if c.leaf.MaxRepetitionLevel() == 0 {
			return nil
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
