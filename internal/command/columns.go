package command

import (
	"bufio"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// npyWriter writes one array in NumPy's format.
type npyWriter struct {
	file   io.WriteSeeker
	buf    *bufio.Writer
	layout *rows.Layout
	rows   int
	row    []byte
}

func newNPYWriter(file io.WriteSeeker, l *rows.Layout) (*npyWriter, error) {
	n := &npyWriter{file: file, buf: bufio.NewWriterSize(file, 256<<10), layout: l}
	_, err := n.buf.Write(make([]byte, rows.NPYHeader)) // close writes it, when the rows are known
	return n, err
}

func (n *npyWriter) write(r *rows.Result) (err error) {
	if n.row, err = n.layout.AppendNPY(n.row[:0], r); err != nil {
		return err
	}
	n.rows++
	_, err = n.buf.Write(n.row)
	return err
}

func (n *npyWriter) flush() error { return nil }

func (n *npyWriter) close() error {
	if err := n.buf.Flush(); err != nil {
		return err
	}
	if _, err := n.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := n.file.Write(n.layout.NPYHead(n.rows))
	return err
}

// parquetWriter writes a row an input.
type parquetWriter struct {
	table *rows.Table
	w     *parquet.GenericWriter[any]
}

func newParquetWriter(w io.Writer, l *rows.Layout) *parquetWriter {
	t := rows.NewTable(l)
	// A row group is held in memory until it is written.
	return &parquetWriter{t, t.NewWriter(w, int64(max(1, rows.RowGroup/l.Bytes())))}
}

func (p *parquetWriter) write(r *rows.Result) error {
	_, err := p.w.WriteRows([]parquet.Row{p.table.Row(r)})
	return err
}

func (p *parquetWriter) flush() error { return nil }
func (p *parquetWriter) close() error { return p.w.Close() }
