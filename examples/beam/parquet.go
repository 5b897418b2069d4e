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
	info, err := file.Stat()
	if err != nil {
		return err
	}
	defer func() { // a damaged file can make the reader panic
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged file: %v", p)
		}
	}()
	f, err := parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	texts, err := column(f, r.TextField, parquet.ByteArray)
	if err != nil {
		return err
	}
	if texts == nil {
		return fmt.Errorf("no column %q", r.TextField)
	}
	ids, err := column(f, r.IDField, parquet.ByteArray, parquet.Int32, parquet.Int64)
	if err != nil {
		return err
	}
	return r.zip(texts, ids)
}

// zip emits the rows of two columns; ids is nil where there is none.
func (r *rowReader) zip(texts, ids iter.Seq2[parquet.Value, error]) error {
	nextID := func() (parquet.Value, error, bool) { return parquet.NullValue(), nil, true }
	if ids != nil {
		next, stop := iter.Pull2(ids)
		defer stop()
		nextID = next
	}
	number := int64(0)
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
			return fmt.Errorf("column %q: %d rows, expected more", r.IDField, number-1)
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

// column returns the values of a column that is no list, of one of the kinds;
// nil where the file has no column of that name. A value is valid until the next.
func column(f *parquet.File, name string, kinds ...parquet.Kind) (iter.Seq2[parquet.Value, error], error) {
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
		pages := leaf.Pages()
		defer pages.Close()
		var buf [256]parquet.Value
		for {
			page, err := pages.ReadPage()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(parquet.Value{}, err)
				return
			}
			values := page.Values()
			for err != io.EOF {
				var n int
				if n, err = values.ReadValues(buf[:]); err != nil && err != io.EOF {
					yield(parquet.Value{}, err)
					return
				}
				for _, v := range buf[:n] {
					if !yield(v, nil) {
						return
					}
				}
			}
			parquet.Release(page)
		}
	}, nil
}
