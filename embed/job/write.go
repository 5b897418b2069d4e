package job

import (
	"encoding/binary"
	"math"

	"github.com/rhumb-go/rhumb/internal/rows"
)

// A sink writes an output. What it has written counts when the folder commits it.
type sink interface {
	write(results []rows.Result) error
	// finish writes what stands at the end, or at the beginning, once all results
	// are written. After a crash it is called again.
	finish() error
}

// lines writes a record a row, such as a line of JSON. Where the output is compressed, each
// chunk is compressed by itself.
type lines struct {
	out     *log
	layout  *rows.Layout
	records *rows.Records
	packer  *rows.Packer
	buf     []byte
}

// newRecords returns the records of an output. Those of csv have a column of errors in any
// case, as the header comes before it shows whether there are any.
func newRecords(format string, l *rows.Layout, collection string) (*rows.Records, error) {
	if format == "csv" {
		with := *l
		with.Errors = true
		l = &with
	}
	return rows.NewRecords(format, l, collection)
}

func newLines(out *log, l *rows.Layout, records *rows.Records, name string) (*lines, error) {
	p, err := rows.NewPacker(name)
	return &lines{out: out, layout: l, records: records, packer: p}, err
}

// write writes a chunk. A row that the format has no place for is a bad one.
func (s *lines) write(results []rows.Result) error {
	s.buf = s.buf[:0]
	for i := range results {
		r, from := &results[i], len(s.buf)
		err := s.add(r)
		if err == nil {
			continue
		}
		if !s.layout.Errors {
			return &rowError{r, err}
		}
		s.buf = s.buf[:from]
		r.Err, r.Chunks = err, nil
		if err := s.add(r); err != nil {
			return &rowError{r, err}
		}
	}
	if len(s.buf) == 0 {
		return nil // so that there is a record where the output has any bytes
	}
	return s.pack(s.buf)
}

// A rowError is an error of a row that was to be written, without its place.
type rowError struct {
	result *rows.Result
	err    error
}

func (e *rowError) Error() string { return e.err.Error() }
func (e *rowError) Unwrap() error { return e.err }

// add adds the rows of a result to the chunk.
func (s *lines) add(result *rows.Result) (err error) {
	for r := range result.Rows() {
		if r.Err != nil && !s.records.Errors {
			continue
		}
		before := s.records.Between
		if s.out.size == 0 && len(s.buf) == 0 {
			before = s.records.Begin
		}
		if s.buf, err = s.records.Append(append(s.buf, before...), r); err != nil {
			return err
		}
	}
	return nil
}

func (s *lines) pack(block []byte) error {
	packed, err := s.packer.Pack(block)
	if err != nil {
		return err
	}
	_, err = s.out.Write(packed)
	return err
}

// finish writes the end. It makes a compressed file of no rows one that holds nothing.
func (s *lines) finish() error {
	switch {
	case s.out.size == 0:
		return s.pack([]byte(s.records.Begin + s.records.End))
	case s.records.End != "":
		return s.pack([]byte(s.records.End))
	}
	return nil
}

// array writes a NumPy array, and the scales of its rows, where they have them, as another.
type array struct {
	out, scales *log // scales: nil = none
	layout      *rows.Layout
	buf, scale  []byte
}

func (s *array) write(results []rows.Result) (err error) {
	s.buf, s.scale = s.buf[:0], s.scale[:0]
	if s.out.size == 0 { // for finish
		s.buf = append(s.buf, make([]byte, rows.NPYHeader)...)
		s.scale = append(s.scale, make([]byte, rows.NPYHeader)...)
	}
	for i := range results {
		for r := range results[i].Rows() {
			if s.buf, err = s.layout.AppendNPY(s.buf, r); err != nil {
				return err
			}
			s.scale = binary.LittleEndian.AppendUint32(s.scale, math.Float32bits(r.Scale))
		}
	}
	if s.scales != nil {
		if _, err := s.scales.Write(s.scale); err != nil {
			return err
		}
	}
	_, err = s.out.Write(s.buf)
	return err
}

func (s *array) finish() error {
	if s.out.size == 0 {
		if err := s.write(nil); err != nil {
			return err
		}
	}
	n := int((s.out.size - rows.NPYHeader) / int64(s.layout.Bytes()))
	if s.scales != nil {
		s.scales.dirty = true
		if _, err := s.scales.file.WriteAt(rows.ScalesHead(n), 0); err != nil {
			return err
		}
	}
	s.out.dirty = true
	_, err := s.out.file.WriteAt(s.layout.NPYHead(n), 0)
	return err
}
