package job

import (
	"bytes"
	"encoding/binary"
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
// length, until they fill a row group, which then goes into the output: their pages, as they
// are. What the footer has to say about the row groups, at the end, waits in a third file.
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
	chunk              bytes.Buffer
	writer             *parquet.GenericWriter[any] // of chunk
}

// parquetMagic stands at both ends of a Parquet file.
const parquetMagic = "PAR1"

func newTable(f *folder, out *log, l *rows.Layout, most int64) (t *table, err error) {
	staged := *l
	staged.Errors, staged.About = true, nil
	t = &table{Table: rows.NewTable(&staged), layout: l, folder: f, out: out, most: most}
	t.begin()
	if t.spool, err = f.openLog(spoolFile); err != nil {
		return nil, err
	}
	t.groups, err = f.openLog(groupsFile)
	return t, err
}

func (t *table) write(results []rows.Result) error {
	for i := range results {
		for r := range results[i].Rows() {
			if err := t.add(t.Row(r)); err != nil {
				return err
			}
		}
	}
	return t.stage()
}

// add adds a row to the chunk.
func (t *table) add(row parquet.Row) error {
	_, err := t.writer.WriteRows([]parquet.Row{row})
	return err
}

// begin begins a chunk.
func (t *table) begin() {
	t.chunk.Reset()
	t.writer = t.NewWriter(&t.chunk, math.MaxInt64)
}

// stage ends the chunk, and begins the next one.
func (t *table) stage() error {
	if err := t.writer.Close(); err != nil {
		return err
	}
	if err := writeBlock(t.spool, t.chunk.Bytes()); err != nil {
		return err
	}
	t.begin()
	if t.spool.size < t.most {
		return nil
	}
	return t.flush()
}

// flush makes a row group of the spool.
func (t *table) flush() error {
	var chunks []stored
	err := readBlocks(t.spool, func(chunk *io.SectionReader) error {
		from, err := openParquet(chunk)
		if err != nil {
			return err
		}
		for i := range from.Metadata().RowGroups {
			chunks = append(chunks, stored{chunk, &from.Metadata().RowGroups[i]})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t.out.size == 0 {
		if _, err := io.WriteString(t.out, parquetMagic); err != nil {
			return err
		}
	}
	if len(chunks) > 0 {
		group, err := t.join(chunks)
		if err != nil {
			return err
		}
		meta, err := thrift.Marshal(new(thrift.CompactProtocol), group)
		if err != nil {
			return err
		}
		if err := writeBlock(t.groups, meta); err != nil {
			return err
		}
	}
	// The record of before needs the bytes that the next chunk takes the place of.
	t.spool.size, t.folder.urgent = 0, true
	return nil
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
		file, err := openParquet(io.NewSectionReader(bytes.NewReader(empty.Bytes()), 0, int64(empty.Len())))
		if err != nil {
			return err
		}
		t.like = file.Metadata()
	}
	footer := *t.like
	footer.NumRows, footer.RowGroups = 0, nil
	err := readBlocks(t.groups, func(block *io.SectionReader) error {
		meta, err := io.ReadAll(block)
		if err != nil {
			return err
		}
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

func openParquet(data *io.SectionReader) (*parquet.File, error) {
	return parquet.OpenFile(data, data.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
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
func readBlocks(l *log, use func(*io.SectionReader) error) error {
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
		if err := use(io.NewSectionReader(l.file, at, n)); err != nil {
			return err
		}
		at += n
	}
	return nil
}
