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
