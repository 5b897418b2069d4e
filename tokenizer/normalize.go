package tokenizer

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// A normalizer appends its form of text, which is UTF-8, to dst.
type normalizer interface {
	append(dst, text []byte, s *scratch) []byte
	// lowers reports whether no upper case is left.
	lowers() bool
}

// parseNormalizer appends the steps of v to steps. null has none.
func parseNormalizer(steps []normalizer, v value) ([]normalizer, error) {
	if v.null() {
		return steps, nil
	}
	o, kind, err := parseStep(v)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BertNormalizer":
		b, err := parseBERTNormalizer(o)
		return append(steps, b), err
	case "Lowercase":
		return append(steps, lowercase{}), o.only("type")
	case "ByteLevel":
		return append(steps, byteLevel{}), o.only("type")
	case "NFC", "NFD", "NFKC", "NFKD":
		return append(steps, normalForms[kind]), o.only("type")
	case "Nmt":
		return append(steps, nmt{}), o.only("type")
	case "Precompiled":
		p, err := parsePrecompiled(o)
		return append(steps, p), err
	case "Prepend":
		if err := o.only("type", "prepend"); err != nil {
			return nil, err
		}
		s, err := o.get("prepend").str()
		return append(steps, prepend(s)), err
	case "Replace":
		r, err := parseReplace(o)
		return append(steps, r), err
	case "Sequence":
		return parseSequence(o, "normalizers", steps, parseNormalizer)
	case "Strip":
		s, err := parseStrip(o)
		return append(steps, s), err
	case "StripAccents":
		return append(steps, stripAccents{}), o.only("type")
	}
	return nil, v.unsupported("unknown type %q", kind)
}

// normalize returns text after all steps. The result lies in s or is text; it is nil
// where the work has ended.
func (t *Tokenizer) normalize(text []byte, s *scratch) []byte {
	if s.trace != nil {
		return s.trace.normalize(t.normalizers, text, s)
	}
	return normalize(t.normalizers, text, s)
}

// normalize returns what the steps make of text, in the memory of s; nil where s ended.
func normalize(steps []normalizer, text []byte, s *scratch) []byte {
	for i, step := range steps {
		out := &s.normal[i&1]
		*out = step.append((*out)[:0], text, s)
		if s.grow(len(*out)-len(text)) || i%8 == 7 && s.ended() {
			return nil
		}
		text = *out
	}
	return text
}

// lowercase maps each code point to its lower case, without regard to context,
// as the step Lowercase of Hugging Face tokenizers 0.23.3.
type lowercase struct{}

func (lowercase) lowers() bool { return true }

func (lowercase) append(dst, text []byte, _ *scratch) []byte {
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:])
		}
		dst = appendLower(dst, r)
		i += n
	}
	return dst
}

// A bertNormalizer is the step BertNormalizer of Hugging Face tokenizers 0.23.3:
// clean drops control characters and turns white space into spaces, chinese
// puts spaces around ideographs, strip decomposes and drops nonspacing marks,
// lower maps to lower case; in this order.
type bertNormalizer struct {
	clean, chinese, strip, lower bool

	ascii [utf8.RuneSelf]byte // what a character becomes; dropped for nothing
}

const dropped = utf8.RuneSelf

func (b *bertNormalizer) lowers() bool { return b.lower }

func parseBERTNormalizer(o object) (*bertNormalizer, error) {
	if err := o.only("type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"); err != nil {
		return nil, err
	}
	b := &bertNormalizer{}
	var err error
	if b.clean, err = o.get("clean_text").boolean(); err != nil {
		return nil, err
	}
	if b.chinese, err = o.get("handle_chinese_chars").boolean(); err != nil {
		return nil, err
	}
	if b.lower, err = o.get("lowercase").boolean(); err != nil {
		return nil, err
	}
	b.strip = b.lower
	if v := o.get("strip_accents"); !v.null() {
		if b.strip, err = v.boolean(); err != nil {
			return nil, err
		}
	}
	b.fill()
	return b, nil
}

// appendParts appends b's steps as the reference does them one after the other:
// the last two, which come after a normal form, do what they do to each character
// by itself.
func (b *bertNormalizer) appendParts(steps []normalizer) []normalizer {
	if !b.strip {
		return append(steps, b)
	}
	clean := &bertNormalizer{clean: b.clean, chinese: b.chinese}
	clean.fill()
	strip := &bertNormalizer{strip: true, lower: b.lower}
	strip.fill()
	return append(steps, clean, normalForms["NFD"], strip)
}

// fill computes the table from the four switches.
func (b *bertNormalizer) fill() {
	for c := range b.ascii {
		to := byte(c)
		switch {
		case b.clean && (c == '\t' || c == '\n' || c == '\r'):
			to = ' '
		case b.clean && unicode.IsControl(rune(c)):
			to = dropped
		case b.lower:
			to = byte(unicode.ToLower(rune(c)))
		}
		b.ascii[c] = to
	}
}

func (b *bertNormalizer) append(dst, text []byte, s *scratch) []byte {
	dst = slices.Grow(dst, len(text))
	s.marks = s.marks[:0]
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c = b.ascii[c]; c != dropped {
				if len(s.marks) > 0 {
					dst = b.flush(dst, s)
				}
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		i += n
		if b.clean {
			if inTable(controls, r) {
				continue
			}
			if unicode.IsSpace(r) {
				r = ' '
			}
		}
		if b.chinese && isChinese(r) {
			dst = append(b.flush(dst, s), ' ')
			dst = b.appendRune(dst, r, s)
			dst = append(b.flush(dst, s), ' ')
			continue
		}
		dst = b.appendRune(dst, r, s)
	}
	return b.flush(dst, s)
}

// appendRune appends r, or its decomposition without the nonspacing marks.
// Marks that stay wait in s.marks for the canonical order.
func (b *bertNormalizer) appendRune(dst []byte, r rune, s *scratch) []byte {
	if !b.strip {
		return b.appendLower(dst, r)
	}
	var buf [maxDecomposition]mark
	for _, m := range decompose(buf[:0], r) {
		switch {
		case m.class == 0:
			dst = b.flush(dst, s)
			if !inTable(marks8, m.r) {
				dst = b.appendLower(dst, m.r)
			}
		case !inTable(marks8, m.r):
			s.marks = append(s.marks, m)
		}
	}
	return dst
}

// flush appends the waiting marks.
func (b *bertNormalizer) flush(dst []byte, s *scratch) []byte {
	if len(s.marks) == 0 {
		return dst
	}
	sortMarks(s.marks)
	for _, m := range s.marks {
		dst = b.appendLower(dst, m.r)
	}
	s.marks = s.marks[:0]
	return dst
}

func (b *bertNormalizer) appendLower(dst []byte, r rune) []byte {
	if b.lower {
		return appendLower(dst, r)
	}
	return utf8.AppendRune(dst, r)
}
