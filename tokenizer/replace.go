package tokenizer

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// The normalizers that change or drop characters, as those of the same names of
// Hugging Face tokenizers 0.23.3.

// A replacer replaces each match of a pattern: Replace.
type replacer struct {
	pattern pattern
	content string
	from    byte // the only byte of the pattern, where it is a string of one
	single  bool
}

func parseReplace(o object) (r replacer, err error) {
	if err := o.only("type", "pattern", "content"); err != nil {
		return r, err
	}
	if r.content, err = o.get("content").str(); err != nil {
		return r, err
	}
	if r.pattern, err = parsePattern(o.get("pattern")); err != nil {
		return r, err
	}
	if p, err := o.get("pattern").object(); err == nil && p.keys[0] == "String" {
		s, _ := p.get("String").str()
		if len(s) == 1 {
			r.from, r.single = s[0], true
		}
	}
	return r, nil
}

func (replacer) lowers() bool { return false }

func (r replacer) append(dst, text []byte, s *scratch) []byte {
	if r.single && s.trace == nil {
		for {
			i := bytes.IndexByte(text, r.from)
			if i < 0 {
				return append(dst, text...)
			}
			dst = append(append(dst, text[:i]...), r.content...)
			text = text[i+1:]
			if s.grows(len(dst)) {
				return dst
			}
		}
	}
	if len(text) == 0 { // in which nothing is found, not even nothing
		return dst
	}
	f := r.pattern.find(text, s)
	for i, ok := 0, true; ok; {
		var start, end int
		start, end, ok = f.next(i)
		dst = append(dst, text[i:start]...)
		s.trace.keep(i, start)
		if ok {
			dst = append(dst, r.content...)
			s.trace.put(len(r.content), end-1)
		}
		if s.grows(len(dst)-len(text)) || s.over() {
			return dst
		}
		i = end
	}
	return dst
}

// prepend puts a string before a text that is not empty: Prepend.
type prepend string

func (prepend) lowers() bool { return false }

func (p prepend) append(dst, text []byte, s *scratch) []byte {
	if len(text) > 0 {
		dst = append(dst, p...)
		s.trace.prepend(len(p), len(text))
	}
	return append(dst, text...)
}

// strip drops white space at the ends: Strip.
type strip struct{ left, right bool }

func parseStrip(o object) (s strip, err error) {
	if err := o.only("type", "strip_left", "strip_right"); err != nil {
		return s, err
	}
	if s.left, err = o.get("strip_left").boolean(); err != nil {
		return s, err
	}
	s.right, err = o.get("strip_right").boolean()
	return s, err
}

func (strip) lowers() bool { return false }

func (p strip) append(dst, text []byte, s *scratch) []byte {
	start, end := 0, len(text)
	if p.left {
		start = end - len(bytes.TrimLeftFunc(text, unicode.IsSpace))
	}
	if p.right {
		end = start + len(bytes.TrimRightFunc(text[start:], unicode.IsSpace))
	}
	s.trace.keep(start, end)
	return append(dst, text[start:end]...)
}

// stripAccents drops the combining marks of Unicode 9.0: StripAccents.
type stripAccents struct{}

func (stripAccents) lowers() bool { return false }

func (stripAccents) append(dst, text []byte, _ *scratch) []byte {
	table := classes()
	for i := 0; i < len(text); {
		class, n := table.at(text, i)
		if n > 1 {
			// U+1CF2 and U+1CF3 were marks up to Unicode 11.0.
			if r, _ := utf8.DecodeRune(text[i:]); class&combining != 0 && !inTable(newMarks, r) || r == 0x1CF2 || r == 0x1CF3 {
				i += n
				continue
			}
		}
		dst = append(dst, text[i:i+n]...)
		i += n
	}
	return dst
}

// nmt drops control characters and writes spaces for other white space: Nmt.
type nmt struct{}

func (nmt) lowers() bool { return false }

func (nmt) append(dst, text []byte, _ *scratch) []byte {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case 0x01 <= r && r <= 0x08, r == 0x0B, 0x0E <= r && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200B <= r && r <= 0x200F,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
			dst = append(dst, ' ')
		default:
			dst = append(dst, text[i:i+n]...)
		}
		i += n
	}
	return dst
}
