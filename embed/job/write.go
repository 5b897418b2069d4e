package job

import (
	"github.com/rhumb-go/rhumb/internal/rows"
)

// A sink writes an output. What it has written counts when the folder commits it.
type sink interface {
	write(results []rows.Result) error
	// finish writes what stands at the end, or at the beginning, once all results
	// are written. After a crash it is called again.
	finish() error
}

// lines writes a line of JSON a row. Where the output is compressed, each chunk is
// compressed by itself.
type lines struct {
	out    *log
	layout *rows.Layout
	packer *rows.Packer
	buf    []byte
}

func newLines(out *log, l *rows.Layout, name string) (*lines, error) {
	p, err := rows.NewPacker(name)
	return &lines{out: out, layout: l, packer: p}, err
}

func (s *lines) write(results []rows.Result) error {
	s.buf = s.buf[:0]
	for i := range results {
		for r := range results[i].Rows() {
			s.buf = append(s.layout.AppendJSON(s.buf, r), '\n')
		}
	}
	return s.pack(s.buf)
}

func (s *lines) pack(block []byte) error {
	packed, err := s.packer.Pack(block)
	if err != nil {
		return err
	}
	_, err = s.out.Write(packed)
	return err
}

// finish makes a compressed file of no rows one that holds nothing.
func (s *lines) finish() error {
	if s.out.size > 0 {
		return nil
	}
	return s.pack(nil)
}

// array writes a NumPy array.
type array struct {
	out    *log
	layout *rows.Layout
	buf    []byte
}

func (s *array) write(results []rows.Result) (err error) {
	s.buf = s.buf[:0]
	if s.out.size == 0 {
		s.buf = append(s.buf, make([]byte, rows.NPYHeader)...) // for finish
	}
	for i := range results {
		for r := range results[i].Rows() {
			if s.buf, err = s.layout.AppendNPY(s.buf, r); err != nil {
				return err
			}
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
	n := (s.out.size - rows.NPYHeader) / int64(s.layout.Bytes())
	s.out.dirty = true
	_, err := s.out.file.WriteAt(s.layout.NPYHead(int(n)), 0)
	return err
}
