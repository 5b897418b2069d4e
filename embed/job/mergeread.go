package job

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// eachLine gives each line of a file of results to use, with its end and the index shifted,
// and whether it is another row of the inputs than the line before.
func (m *merger) eachLine(name string, shift int, use func(line []byte, another bool) error) (err error) {
	file, err := rows.Unpacked(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var line, shifted []byte
	for r, before, n := bufio.NewReaderSize(file, 64<<10), -1, 1; ; n++ {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		line = line[:0]
		part, err := r.ReadSlice('\n')
		for line = append(line, part...); err == bufio.ErrBufferFull; line = append(line, part...) {
			part, err = r.ReadSlice('\n')
		}
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		index, rest, ok := cutIndex(line)
		if !ok {
			return fmt.Errorf("%s:%d: not the line of a result: %.60q", name, n, line)
		}
		shifted = strconv.AppendInt(append(shifted[:0], `{"index":`...), int64(index+shift), 10)
		shifted = append(shifted, rest...)
		if err := use(shifted, index != before); err != nil {
			return err
		}
		before = index
	}
}

// copyArray appends the rows of an array.
func (m *merger) copyArray(out *log, p *mergedPart) (err error) {
	file, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Seek(rows.NPYHeader, io.SeekStart); err != nil {
		return err
	}
	for buf := make([]byte, 1<<20); ; {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		n, err := file.Read(buf)
		if _, err := out.Write(buf[:n]); err != nil {
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

// tables merges Parquet files. The footer is that of one of them: of one with errors, if
// there is any.
func (m *merger) tables(out *log, rowGroup int64) error {
	var t *table
	var chunk bytes.Buffer
	var shifted parquet.Row
	var w *parquet.GenericWriter[any]
	n := 0 // rows of the inputs in the chunk
	flush := func() error {
		if n == 0 {
			return nil
		}
		n = 0
		if err := w.Close(); err != nil {
			return err
		}
		return t.stage(&chunk)
	}
	merge := func(p *mergedPart) (err error) {
		file, err := rows.OpenTable(p.path, m.layout)
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
					if err := flush(); err != nil {
						return err
					}
				}
				if n == 0 {
					chunk.Reset()
					w = t.NewWriter(&chunk, math.MaxInt64)
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
			_, err := w.WriteRows([]parquet.Row{shifted})
			return err
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
	if err := flush(); err != nil {
		return err
	}
	return t.finish()
}
