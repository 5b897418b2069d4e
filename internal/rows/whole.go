package rows

import (
	"bytes"
	"fmt"
	"io"
)

// wholeSource gives what there is as one text; nothing where that is empty.
type wholeSource struct{ *lineReader }

// Columns is that of Source: there are none.
func (s *wholeSource) Columns() ([]Column, error) { return nil, nil }

// Next is that of Source.
func (s *wholeSource) Next() (Input, error) {
	text, err := io.ReadAll(io.LimitReader(s.buf, maxLine+1))
	if err != nil {
		return Input{}, fmt.Errorf("%s: %w", s.name, err)
	}
	if len(text) > maxLine {
		return Input{}, fmt.Errorf("%s: over %d bytes, the most of one text", s.name, maxLine)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if len(text) == 0 {
		return Input{}, io.EOF
	}
	in := Input{File: s.name, Line: 1}
	if err := s.set.check(text); err != nil {
		return Input{}, &BadInput{in, err}
	}
	in.Text = string(text)
	return in, nil
}
