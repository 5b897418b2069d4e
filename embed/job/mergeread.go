package job

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// eachLine gives each record of a file of results, jsonl or csv, to use, with its end and the
// index shifted, and whether it is another row of the inputs than the record before.
func (m *merger) eachLine(name, format string, shift int, use func(line []byte, another bool) error) (err error) {
	file, err := m.unpacked(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r := bufio.NewReaderSize(file, 64<<10)
	if format == "csv" {
		header, err := appendRecord(nil, r, format)
		switch {
		case err != nil:
			return fmt.Errorf("%s: header row: %w", name, err)
		case m.header != nil && !bytes.Equal(header, m.header):
			return fmt.Errorf("%s: its columns are not those of %s: %.100q, expected %.100q", name, m.parts[0].path, header, m.header)
		}
		m.header = header
	}
	var line, shifted []byte
	for before, n := -1, 1; ; n++ {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		line, err = appendRecord(line[:0], r, format)
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		head, index, rest, ok := cutIndex(line, format)
		if !ok {
			return fmt.Errorf("%s:%d: not the line of a result: %.60q", name, n, line)
		}
		shifted = append(shifted[:0], head...)
		shifted = strconv.AppendInt(shifted, int64(index+shift), 10)
		shifted = append(shifted, rest...)
		if err := use(shifted, index != before); err != nil {
			return err
		}
		before = index
	}
}

// appendRecord appends the next line of r with its end; of csv the next record, which goes on
// over the ends of lines in quotes. What ends without one has io.EOF.
func appendRecord(b []byte, r *bufio.Reader, format string) ([]byte, error) {
	for quotes := 0; ; {
		part, err := r.ReadSlice('\n')
		b = append(b, part...)
		if format == "csv" {
			quotes += bytes.Count(part, []byte(`"`))
		}
		if err == nil && quotes%2 == 0 || err != nil && err != bufio.ErrBufferFull {
			return b, err
		}
	}
}

// cutIndex returns the index of a record, and what is before and behind it.
func cutIndex(line []byte, format string) (head string, index int, rest []byte, ok bool) {
	if format == "jsonl" {
		head = `{"index":`
	}
	rest, ok = bytes.CutPrefix(line, []byte(head))
	digits := 0
	for digits < len(rest) && digits < 18 && rest[digits] >= '0' && rest[digits] <= '9' {
		index = 10*index + int(rest[digits]-'0')
		digits++
	}
	return head, index, rest[digits:], ok && digits > 0 && digits < len(rest)
}

// unpacked opens a file of results, decompressed.
func (m *merger) unpacked(name string) (io.ReadCloser, error) {
	file, err := m.cfg.open(m.ctx, name)
	if err != nil {
		return nil, err
	}
	return rows.Unpacked(file, name)
}

// copyArray appends the rows of an array, a file of that size.
func (m *merger) copyArray(out *log, name string, size int64) (err error) {
	file, err := m.cfg.open(m.ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info, err := file.Stat(); err != nil {
		return err
	} else if info.Size() != size {
		return fmt.Errorf("%s: %d bytes, the job wrote %d", name, info.Size(), size)
	}
	if _, err := file.Seek(rows.NPYHeader, io.SeekStart); err != nil {
		return err
	}
	return m.copy(file, func(part []byte) error {
		_, err := out.Write(part)
		return err
	})
}

// copy gives all that r has to use, part by part.
func (m *merger) copy(r io.Reader, use func(part []byte) error) error {
	for buf := make([]byte, 1<<20); ; {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if err := use(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// copyRecords appends the records of a file for a store: all but what stands before the
// first and behind the last.
func (m *merger) copyRecords(to *lines, name string) (err error) {
	file, err := m.unpacked(name)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	begin, end := to.records.Begin, to.records.End
	head := make([]byte, len(begin))
	if _, err := io.ReadFull(file, head); err != nil || string(head) != begin {
		return fmt.Errorf("begins with %q, expected %q", head, begin)
	}
	var held []byte // what may be the end
	first := true
	err = m.copy(file, func(part []byte) error {
		held = append(held, part...)
		n := len(held) - len(end)
		if n <= 0 {
			return nil
		}
		switch {
		case to.out.size == 0 && len(to.buf) == 0:
			to.buf = append(to.buf, begin...)
		case first:
			to.buf = append(to.buf, to.records.Between...)
		}
		first = false
		to.buf = append(to.buf, held[:n]...)
		held = held[:copy(held, held[n:])]
		if len(to.buf) < chunkBytes {
			return nil
		}
		err := to.pack(to.buf)
		to.buf = to.buf[:0]
		return err
	})
	if err == nil && string(held) != end {
		err = fmt.Errorf("ends with %q, expected %q", held, end)
	}
	return err
}

// tables merges Parquet files. The footer is that of one of them: of one with errors, if
// there is any.
func (m *merger) tables(out *log, rowGroup int64) error {
	var t *table
	var shifted parquet.Row
	n := 0 // rows of the inputs in the chunk
	merge := func(p *mergedPart) (err error) {
		opened, err := m.cfg.open(m.ctx, p.path)
		if err != nil {
			return err
		}
		file, err := rows.OpenTable(opened, p.path, m.layout)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if t == nil {
			m.layout.Kept, m.layout.Errors = file.Kept, false
			if t, err = newTable(m.folder, out, m.layout, rowGroup); err != nil {
				return err
			}
		}
		if t.like == nil || file.Errors && !m.layout.Errors {
			t.like, m.layout.Errors = file.Metadata(), file.Errors
		}
		errorsAt := len(t.Schema.Columns()) - 1
		if leaves := len(file.Schema().Columns()); file.Errors && leaves != errorsAt+1 || !file.Errors && leaves != errorsAt {
			return fmt.Errorf("%s: its columns are not those of %s", p.path, m.parts[0].path)
		}
		count, before := 0, int64(-1)
		err = file.Each(func(row parquet.Row) error {
			index := row[0].Int64()
			if index != before {
				if err := m.ctx.Err(); err != nil {
					return err
				}
				if n == m.chunk {
					n = 0
					if err := t.stage(); err != nil {
						return err
					}
				}
				before = index
				count++
				n++
			}
			shifted = append(shifted[:0], row...)
			shifted[0] = parquet.Int64Value(index+int64(p.shift)).Level(0, 0, 0)
			if !file.Errors {
				shifted = append(shifted, parquet.NullValue().Level(0, 0, errorsAt))
			}
			return t.add(shifted)
		})
		if err != nil {
			return err
		}
		return p.checkRows(count)
	}
	for i := range m.parts {
		if err := merge(&m.parts[i]); err != nil {
			return err
		}
	}
	if n > 0 {
		if err := t.stage(); err != nil {
			return err
		}
	}
	return t.finish()
}
