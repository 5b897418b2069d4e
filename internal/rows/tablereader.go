package rows

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// A TableReader reads a file that a Table wrote.
type TableReader struct {
	*parquet.File
	Kept   []Column // carried through, with that of the ids
	Errors bool     // there is a column of errors, the last
	file   File
	name   string
}

// OpenTable returns the rows of a file that a Table of l has written, whose Kept does not
// count. They close the file, and so does an error.
func OpenTable(file File, name string, l *Layout) (_ *TableReader, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, errors.Join(err, file.Close()))
		}
	}()
	defer recovered(&err)
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkFooter(file, info.Size()); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	t := &TableReader{File: f, file: file, name: name}
	all := f.Root().Columns()
	own := append(l.Taken(), l.Columns()...)
	end := slices.IndexFunc(all, func(c *parquet.Column) bool { return slices.Contains(own, c.Name()) })
	if end < 2 || all[0].Name() != "index" || all[0].Type().Kind() != parquet.Int64 || all[1].Name() != "id" {
		return nil, errors.New("its columns are not those of a job's output")
	}
	halves := halvesOf(f)
	for _, c := range all[1:end] {
		t.Kept = append(t.Kept, Column{c.Name(), bare{c, halves}})
	}
	t.Errors = all[len(all)-1].Name() == "error"
	return t, nil
}

// Each gives all rows to use, each until it returns.
func (t *TableReader) Each(use func(parquet.Row) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", t.name, err)
		}
	}()
	defer recovered(&err)
	buf := make([]parquet.Row, 64)
	each := func(r parquet.Rows) error {
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				if err := use(row); err != nil {
					return err
				}
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	for _, group := range t.RowGroups() {
		r := group.Rows()
		if err := errors.Join(each(r), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the file.
func (t *TableReader) Close() error { return t.file.Close() }
