package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/parquet-go/parquet-go"
)

// parquet reads the columns of texts and of ids. A file without the latter has none.
func (r *rowReader) parquet(stream io.Reader) (err error) {
	file, ok := stream.(*os.File)
	if !ok { // a remote file, or a compressed one: Parquet is not read from front to back
		if file, err = os.CreateTemp("", "rhumb-*.parquet"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
		if _, err := io.Copy(file, stream); err != nil {
			return err
		}
	}
	return undamaged(func() error {
		f, err := openParquet(file)
		if err != nil {
			return err
		}
		groups := f.RowGroups()
		if p := r.part; p.End > 0 {
			if p.End > int64(len(groups)) {
				return fmt.Errorf("%d row groups, expected %d or more: the file has changed", len(groups), p.End)
			}
			groups = groups[p.Begin:p.End]
		}
		texts, err := column(f, groups, r.TextField, parquet.ByteArray)
		if err != nil {
			return err
		}
		if texts == nil {
			return fmt.Errorf("no column %q", r.TextField)
		}
		ids, err := column(f, groups, r.IDField, parquet.ByteArray, parquet.Int32, parquet.Int64)
		if err != nil {
			return err
		}
		return r.zip(texts, ids)
	})
}

// openParquet reads the footer of a file.
func openParquet(file *os.File) (*parquet.File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
}

// undamaged calls read, which a damaged file may cause to panic in the reader of Parquet.
func undamaged(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged file: %v", p)
		}
	}()
	return read()
}

// zip emits the rows of two columns; ids is nil where there is none.
func (r *rowReader) zip(texts, ids iter.Seq2[parquet.Value, error]) error {
	nextID := func() (parquet.Value, error, bool) { return parquet.NullValue(), nil, true }
	if ids != nil {
		next, stop := iter.Pull2(ids)
		defer stop()
		nextID = next
	}
	number := r.part.Before
	for text, err := range texts {
		if err != nil {
			return err
		}
		number++
		value, err, ok := nextID()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("column %q: %d rows, expected more", r.IDField, number-1-r.part.Before)
		}
		id := ""
		switch {
		case value.IsNull():
		case value.Kind() == parquet.ByteArray:
			id = string(value.ByteArray())
		default:
			id = value.String()
		}
		if text.IsNull() {
			r.emit(number, id, "", fmt.Errorf("no %q", r.TextField))
			continue
		}
		r.emit(number, id, string(text.ByteArray()), nil)
	}
	return nil
}

// column returns the values that row groups of f have in a column that is no
// list, of one of the kinds; nil where the file has no column of that name. A
// value is valid until the next.
func column(f *parquet.File, groups []parquet.RowGroup, name string, kinds ...parquet.Kind) (iter.Seq2[parquet.Value, error], error) {
	leaf := f.Root().Column(name)
	if leaf == nil {
		return nil, nil
	}
	known := false
	for _, k := range kinds {
		known = known || leaf.Leaf() && !leaf.Repeated() && leaf.Type().Kind() == k
	}
	if !known {
		return nil, fmt.Errorf("column %q: expected values of type %v", name, kinds)
	}
	return func(yield func(parquet.Value, error) bool) {
		for _, g := range groups {
			if !yieldValues(g.ColumnChunks()[leaf.Index()].Pages(), yield) {
				return
			}
		}
	}, nil
}

// yieldValues yields the values of pages, which it closes, and then an error, if
// there is one. It returns whether to go on.
func yieldValues(pages parquet.Pages, yield func(parquet.Value, error) bool) bool {
	defer pages.Close()
	var buf [256]parquet.Value
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return true
		}
		if err != nil {
			yield(parquet.Value{}, err)
			return false
		}
		values := page.Values()
		for err != io.EOF {
			var n int
			if n, err = values.ReadValues(buf[:]); err != nil && err != io.EOF {
				yield(parquet.Value{}, err)
				return false
			}
			for _, v := range buf[:n] {
				if !yield(v, nil) {
					return false
				}
			}
		}
		parquet.Release(page)
	}
}
