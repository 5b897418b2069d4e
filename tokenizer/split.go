package tokenizer

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// A behavior says what becomes of the matches of a pattern at which a text is
// split: SplitDelimiterBehavior of Hugging Face tokenizers 0.23.3.
type behavior uint8

const (
	removeMatches behavior = iota
	isolateMatches
	mergeWithPrevious
	mergeWithNext
	contiguous
)

func parseBehavior(v value) (behavior, error) {
	name, err := v.str()
	if err != nil {
		return 0, err
	}
	for b, n := range [...]string{"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"} {
		if n == name {
			return behavior(b), nil
		}
	}
	return 0, v.unsupported("unknown behavior %q", name)
}

// isolated returns the splitter that makes each match and each part between
// matches a word.
func isolated(p pattern) splitter {
	return func(dst []span, text []byte, within span, s *scratch) []span {
		text = text[within.start:within.end]
		f := p.find(text, s)
		for i, ok := 0, true; ok; {
			var start, end int
			start, end, ok = f.next(i)
			if i < start {
				dst = append(dst, span{within.start + i, within.start + start})
			}
			if start < end {
				dst = append(dst, span{within.start + start, within.start + end})
			}
			i = end
		}
		return dst
	}
}

// kept returns the splitter that makes each match a word and drops the rest.
func kept(p pattern) splitter {
	return func(dst []span, text []byte, within span, s *scratch) []span {
		text = text[within.start:within.end]
		f := p.find(text, s)
		for i, ok := 0, true; ok; {
			var start, end int
			start, end, ok = f.next(i)
			if start < end {
				dst = append(dst, span{within.start + start, within.start + end})
			}
			i = end
		}
		return dst
	}
}

// splitBy returns the splitter for a pattern and a behavior. inverted is whether
// the parts between matches are the matches.
func splitBy(p pattern, b behavior, inverted bool) splitter {
	switch {
	case b == isolateMatches:
		return isolated(p)
	case b == removeMatches && inverted:
		return kept(p)
	}
	return func(dst []span, text []byte, within span, s *scratch) []span {
		j := joiner{dst: dst, first: len(dst), behavior: b}
		text = text[within.start:within.end]
		f := p.find(text, s)
		for i, ok := 0, true; ok; {
			var start, end int
			start, end, ok = f.next(i)
			if i < start {
				j.add(span{within.start + i, within.start + start}, inverted)
			}
			if ok {
				j.add(span{within.start + start, within.start + end}, !inverted)
			}
			i = end
		}
		return j.filled()
	}
}

// A joiner appends the matches of a pattern and what is between them to dst,
// and joins them as the behavior says.
type joiner struct {
	dst      []span
	first    int // of dst's elements those of this word begin there
	behavior behavior
	matched  bool // the last part was a match
}

func (j *joiner) add(part span, match bool) {
	last := len(j.dst) - 1
	join := false
	switch j.behavior {
	case removeMatches:
		if match {
			return
		}
	case contiguous:
		join = match == j.matched
	case mergeWithPrevious:
		join = match && !j.matched
	case mergeWithNext: // a match takes what comes after it, unless that is a match
		join = j.matched && !match
	}
	j.matched = match
	if join && last >= j.first {
		j.dst[last].end = part.end
	} else {
		j.dst = append(j.dst, part)
	}
}

// filled returns dst without the words that are empty.
func (j *joiner) filled() []span {
	n := j.first
	for _, w := range j.dst[j.first:] {
		if w.start < w.end {
			j.dst[n] = w
			n++
		}
	}
	return j.dst[:n]
}

// parseSplit reads the pre-tokenizer Split.
func parseSplit(o object) (splitter, error) {
	if err := o.only("type", "pattern", "behavior", "invert"); err != nil {
		return nil, err
	}
	p, err := parsePattern(o.get("pattern"))
	if err != nil {
		return nil, err
	}
	b, err := parseBehavior(o.get("behavior"))
	if err != nil {
		return nil, err
	}
	invert, err := o.get("invert").boolean()
	return splitBy(p, b, invert), err
}

// parsePattern reads {"String": ...} or {"Regex": ...}.
func parsePattern(v value) (pattern, error) {
	o, err := v.object()
	if err != nil {
		return pattern{}, err
	}
	if len(o.keys) != 1 {
		return pattern{}, v.errorf("%d keys, expected String or Regex", len(o.keys))
	}
	text, err := o.get(o.keys[0]).str()
	switch {
	case err != nil:
		return pattern{}, err
	case o.keys[0] == "String" && text != "":
		return literal(text), nil
	case o.keys[0] == "String": // the regular expression that matches between all characters
	case o.keys[0] != "Regex":
		return pattern{}, v.unsupported("unknown key %q", o.keys[0])
	}
	if p, ok := scanner(text); ok {
		return p, nil
	}
	p, err := compile(text)
	if err != nil {
		return p, v.unsupported("regular expression %q: not supported: %v", text, err)
	}
	return p, nil
}

// literal is the pattern that matches s.
func literal(s string) pattern {
	want := []byte(s)
	return pattern{next: func(text []byte, i int) (int, int) {
		if n := bytes.Index(text[i:], want); n >= 0 {
			return i + n, i + n + len(want)
		}
		return len(text), len(text)
	}}
}

// character is the pattern that matches one character of a kind.
func character(is func(rune) bool) pattern {
	return pattern{next: func(text []byte, i int) (int, int) {
		for i < len(text) {
			r, n := rune(text[i]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(text[i:])
			}
			if is(r) {
				return i, i + n
			}
			i += n
		}
		return len(text), len(text)
	}}
}

func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return asciiClass[r] == punctuation
	}
	return inTable(punctuation8, r)
}

func isNumeric(r rune) bool {
	return classes().of(r)&number != 0 || r >= utf8.RuneSelf && inTable(numeric17, r)
}

// splitSpaces splits at white space, which goes, as WhitespaceSplit.
func splitSpaces(dst []span, text []byte, within span, _ *scratch) []span {
	word := within.start
	for i := within.start; i < within.end; {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:within.end])
		}
		if unicode.IsSpace(r) {
			if word < i {
				dst = append(dst, span{word, i})
			}
			word = i + n
		}
		i += n
	}
	if word < within.end {
		dst = append(dst, span{word, within.end})
	}
	return dst
}

// splitWhitespace keeps the matches of \w+|[^\w\s]+, as Whitespace, with the
// regular expressions of Rust.
func splitWhitespace(dst []span, text []byte, within span, _ *scratch) []span {
	kind := func(r rune) uint8 {
		switch {
		case isWord(r):
			return inWord
		case unicode.IsSpace(r):
			return whiteSpace
		}
		return punctuation
	}
	last, word := uint8(whiteSpace), within.start
	for i := within.start; i <= within.end; {
		k, n := uint8(whiteSpace), 1
		if i < within.end {
			var r rune
			r, n = utf8.DecodeRune(text[i:within.end])
			k = kind(r)
		}
		if k != last {
			if last != whiteSpace {
				dst = append(dst, span{word, i})
			}
			last, word = k, i
		}
		i += n
	}
	return dst
}

// splitLength returns the splitter into words of n characters, as FixedLength.
func splitLength(n int) splitter {
	return func(dst []span, text []byte, within span, _ *scratch) []span {
		for i := within.start; i < within.end; {
			start := i
			for count := 0; count < n && i < within.end; count++ {
				_, size := utf8.DecodeRune(text[i:within.end])
				i += size
			}
			dst = append(dst, span{start, i})
		}
		return dst
	}
}
