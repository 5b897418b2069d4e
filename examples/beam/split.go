package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/parquet-go/parquet-go"
)

// partBytes is about how much of a JSONL file one worker reads.
const partBytes = 16 << 20

func init() {
	beam.RegisterType(reflect.TypeOf(Part{}))
	register.DoFn3x1[context.Context, fileio.ReadableFile, func(Part), error](&splitFn{})
	register.Emitter1[Part]()
}

// A Part is what one worker reads of a file, from its first row to its last.
type Part struct {
	File       fileio.ReadableFile
	Begin, End int64 // row groups of Parquet, bytes of JSONL; both 0: all of the file
	Before     int64 // rows of Parquet, lines of JSONL, that are before Begin
}

// splitFn says which parts a file has: each row group of Parquet, and some lines
// of JSONL. What is compressed as a whole, or on a store that is read from front
// to back, is one part.
type splitFn struct{}

// ProcessElement does so for one file.
func (f *splitFn) ProcessElement(ctx context.Context, file fileio.ReadableFile, part func(Part)) error {
	ext, err := extension(file)
	if err != nil {
		return err
	}
	return withFile(ctx, file, func(stream io.Reader) error {
		onDisk, ok := stream.(*os.File)
		if !ok {
			part(Part{File: file})
			return nil
		}
		emit := func(begin, end, before int64) { part(Part{file, begin, end, before}) }
		if ext == ".jsonl" {
			return cutLines(onDisk, partBytes, emit)
		}
		return undamaged(func() error {
			f, err := openParquet(onDisk)
			if err == nil {
				cutGroups(f.RowGroups(), emit)
			}
			return err
		})
	})
}

// extension returns what the name of a file says of it, ".jsonl" or ".parquet".
func extension(file fileio.ReadableFile) (string, error) {
	ext := path.Ext(strings.TrimSuffix(file.Metadata.Path, ".gz"))
	if ext != ".jsonl" && ext != ".parquet" {
		return "", fmt.Errorf("%s: expected a name that ends in .jsonl or .parquet", file.Metadata.Path)
	}
	return ext, nil
}

// withFile opens a file for read. Errors have its name.
func withFile(ctx context.Context, file fileio.ReadableFile, read func(io.Reader) error) error {
	stream, err := file.Open(ctx)
	if err == nil {
		err = errors.Join(read(stream), stream.Close())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file.Metadata.Path, err)
	}
	return nil
}

// cutGroups emits each of some row groups by its number. No row groups are the
// part from 0 to 0, so that the columns of every file are looked at.
func cutGroups(groups []parquet.RowGroup, emit func(begin, end, before int64)) {
	if len(groups) == 0 {
		emit(0, 0, 0)
	}
	before := int64(0)
	for i, g := range groups {
		emit(int64(i), int64(i)+1, before)
		before += g.NumRows()
	}
}

// cutLines emits the bytes of file in parts of at least size, all but the last,
// that end with the end of a line. An empty file is the part from 0 to 0.
func cutLines(file io.Reader, size int64, emit func(begin, end, before int64)) error {
	var buf [1 << 16]byte
	var at, lines int64     // of what was read
	var begin, before int64 // of the part under way
	for {
		n, err := file.Read(buf[:])
		block := buf[:n]
		for at+int64(len(block))-begin >= size {
			last := max(0, begin+size-at-1) // the part has its size with this byte
			end := bytes.IndexByte(block[last:], '\n')
			if end < 0 {
				break
			}
			line := block[:int(last)+end+1]
			at += int64(len(line))
			lines += int64(bytes.Count(line, []byte{'\n'}))
			block = block[len(line):]
			emit(begin, at, before)
			begin, before = at, lines
		}
		at += int64(len(block))
		lines += int64(bytes.Count(block, []byte{'\n'}))
		switch {
		case err == io.EOF:
			if at > begin || at == 0 {
				emit(begin, at, before)
			}
			return nil
		case err != nil:
			return err
		}
	}
}
