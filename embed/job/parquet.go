package job

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// table writes a Parquet file. A file of many small row groups would be slow to
// read, so that chunks wait in a spool, each a Parquet file of its own behind its
// length, until they fill a row group, which then goes into the output. What the
// footer has to say about the row groups, at the end, waits in a third file.
//
// Row groups have a column of errors in any case, which is the last: whether the output
// has one shows at the end.
type table struct {
	*rows.Table
	layout             *rows.Layout // of the output, as far as there is no error
	folder             *folder
	out, spool, groups *log
	most               int64                // bytes of the spool from which on it becomes a row group
	like               *format.FileMetaData // the footer but for the row groups; nil = that of the layout
}

// parquetMagic stands at both ends of a Parquet file.
const parquetMagic = "PAR1"

func newTable(f *folder, out *log, l *rows.Layout, most int64) (t *table, err error) {
	staged := *l
	staged.Errors, staged.About = true, nil
	t = &table{Table: rows.NewTable(&staged), layout: l, folder: f, out: out, most: most}
	if t.spool, err = f.openLog(spoolFile); err != nil {
		return nil, err
	}
	t.groups, err = f.openLog(groupsFile)
	return t, err
}

func (t *table) write(results []rows.Result) error {
	var file bytes.Buffer
	w := t.NewWriter(&file, math.MaxInt64)
	for i := range results {
		for r := range results[i].Rows() {
			if _, err := w.WriteRows([]parquet.Row{t.Row(r)}); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return t.stage(&file)
}

// stage takes a chunk of rows.
func (t *table) stage(file *bytes.Buffer) error {
	if err := writeBlock(t.spool, file.Bytes()); err != nil {
		return err
	}
	if t.spool.size < t.most {
		return nil
	}
	return t.flush()
}

// flush makes a row group of the spool.
func (t *table) flush() error {
	var file bytes.Buffer
	w := t.NewWriter(&file, math.MaxInt64)
	err := readBlocks(t.spool, func(chunk []byte) error {
		from, err := openParquet(chunk)
		if err != nil {
			return err
		}
		for _, group := range from.RowGroups() {
			r := group.Rows()
			if err := errors.Join(copyRows(w, r), r.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	whole, err := openParquet(file.Bytes())
	if err != nil {
		return err
	}
	if t.out.size == 0 {
		if _, err := io.WriteString(t.out, parquetMagic); err != nil {
			return err
		}
	}
	for _, group := range whole.Metadata().RowGroups {
		if err := t.append(&group, file.Bytes()); err != nil {
			return err
		}
	}
	// The record of before needs the bytes that the next chunk takes the place of.
	t.spool.size, t.folder.urgent = 0, true
	return nil
}

// copyRows copies all rows of r, which have the columns of w.
func copyRows(w parquet.RowWriter, r parquet.RowReader) error {
	buf := make([]parquet.Row, 64)
	for {
		n, err := r.ReadRows(buf)
		if _, err := w.WriteRows(buf[:n]); err != nil {
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

// append appends a row group of file to the output. The page indexes stay behind:
// a reader does not need them.
func (t *table) append(group *format.RowGroup, file []byte) error {
	begin, end := int64(math.MaxInt64), int64(0)
	for i := range group.Columns {
		m := &group.Columns[i].MetaData
		first := m.DataPageOffset
		if m.DictionaryPageOffset != 0 {
			first = min(first, m.DictionaryPageOffset)
		}
		begin, end = min(begin, first), max(end, first+m.TotalCompressedSize)
	}
	shift := t.out.size - begin
	for i := range group.Columns {
		c := &group.Columns[i]
		m := &c.MetaData
		m.DataPageOffset += shift
		if m.DictionaryPageOffset != 0 {
			m.DictionaryPageOffset += shift
		}
		c.FileOffset = 0 // the metadata is in the footer alone
		c.ColumnIndexOffset, c.ColumnIndexLength, c.OffsetIndexOffset, c.OffsetIndexLength = 0, 0, 0, 0
	}
	group.FileOffset = t.out.size
	if _, err := t.out.Write(file[begin:end]); err != nil {
		return err
	}
	meta, err := thrift.Marshal(new(thrift.CompactProtocol), group)
	if err != nil {
		return err
	}
	return writeBlock(t.groups, meta)
}

func (t *table) finish() error {
	if t.spool.size > 0 {
		if err := t.flush(); err != nil {
			return err
		}
	}
	if t.out.size == 0 {
		if _, err := io.WriteString(t.out, parquetMagic); err != nil {
			return err
		}
	}
	final := *t.layout
	final.Errors = final.Errors || t.folder.state.Failed > 0
	if t.like == nil {
		var empty bytes.Buffer
		if err := rows.NewTable(&final).NewWriter(&empty, math.MaxInt64).Close(); err != nil {
			return err
		}
		file, err := openParquet(empty.Bytes())
		if err != nil {
			return err
		}
		t.like = file.Metadata()
	}
	footer := *t.like
	footer.NumRows, footer.RowGroups = 0, nil
	err := readBlocks(t.groups, func(meta []byte) error {
		var group format.RowGroup
		if err := thrift.Unmarshal(new(thrift.CompactProtocol), meta, &group); err != nil {
			return err
		}
		if !final.Errors {
			withoutLast(&group)
		}
		group.Ordinal = int16(len(footer.RowGroups))
		footer.NumRows += group.NumRows
		footer.RowGroups = append(footer.RowGroups, group)
		return nil
	})
	if err != nil {
		return err
	}
	data, err := thrift.Marshal(new(thrift.CompactProtocol), &footer)
	if err != nil {
		return err
	}
	data = binary.LittleEndian.AppendUint32(data, uint32(len(data)))
	_, err = t.out.Write(append(data, parquetMagic...))
	return err
}

// withoutLast takes the last column from a row group. Its bytes stay in the file, which
// nothing points at.
func withoutLast(group *format.RowGroup) {
	n := len(group.Columns) - 1
	m := &group.Columns[n].MetaData
	group.TotalByteSize -= m.TotalUncompressedSize
	group.TotalCompressedSize -= m.TotalCompressedSize
	group.Columns = group.Columns[:n]
}

func openParquet(data []byte) (*parquet.File, error) {
	return parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// writeBlock appends data behind its length.
func writeBlock(l *log, data []byte) error {
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(data)))
	if _, err := l.Write(size[:]); err != nil {
		return err
	}
	_, err := l.Write(data)
	return err
}

// readBlocks gives each block of l to use.
func readBlocks(l *log, use func([]byte) error) error {
	for at := int64(0); at < l.size; {
		var size [4]byte
		if _, err := l.file.ReadAt(size[:], at); err != nil {
			return err
		}
		at += 4
		n := int64(binary.LittleEndian.Uint32(size[:]))
		if at+n > l.size {
			return fmt.Errorf("%s: a block of %d bytes at %d, of %d", l.file.Name(), n, at, l.size)
		}
		data := make([]byte, n)
		if _, err := l.file.ReadAt(data, at); err != nil {
			return err
		}
		at += n
		if err := use(data); err != nil {
			return err
		}
	}
	return nil
}
