package tokenizer

import (
	"math"
	"unicode/utf8"
)

// A setPattern is a regular expression of one set of code points, with a
// quantifier, that another may come before: [a], [a]+, [a]{1,3}, [a]?[b]+.
type setPattern struct {
	head *pageTable // 1 for what may come before; nil for nothing
	body pageTable  // 1 for what is matched
	most int        // at least one is
}

// scanSets returns the scanner of an expression that is a setPattern, and whether
// it is one.
func scanSets(expression string) (pattern, bool) {
	t := &translator{rest: expression}
	set, ok := t.set()
	if !ok {
		return pattern{}, false
	}
	p := &setPattern{}
	if len(t.rest) > 1 && t.rest[0] == '?' && t.rest[1] != '?' && t.rest[1] != '+' {
		t.take(1)
		head := setTable(set)
		if set, ok = t.set(); !ok {
			return pattern{}, false
		}
		p.head = &head
	}
	p.body = setTable(set)
	switch t.rest {
	case "":
		p.most = 1
	case "+", "++":
		p.most = math.MaxInt
	case "{1,2}":
		p.most = 2
	case "{1,3}":
		p.most = 3
	default:
		return pattern{}, false
	}
	return pattern{next: p.next}, true
}

// set reads one set of code points, and reports whether there is one.
func (t *translator) set() ([]runeRange, bool) {
	if t.rest == "" {
		return nil, false
	}
	if _, special := escapes[t.rest[:min(2, len(t.rest))]]; special {
		return nil, false
	}
	switch t.rest[0] {
	case '[':
		set, err := t.class(0)
		return set, err == nil
	case '(', '|', ')', '.', '^', '$', '?', '*', '+', '{':
		return nil, false
	}
	set, r, err := t.character(outside)
	if set == nil {
		set = []runeRange{{r, r}}
	}
	return set, err == nil
}

// setTable returns the table that has 1 for the code points of a set.
func setTable(set []runeRange) pageTable {
	flat := make([]uint8, utf8.MaxRune+1)
	for _, r := range set {
		for c := r.lo; c <= r.hi; c++ {
			flat[c] = 1
		}
	}
	return paged(flat)
}

// next returns the first match at or after text[i].
func (p *setPattern) next(text []byte, i int) (int, int) {
	for i < len(text) {
		r, n := decode(text, i)
		if p.head != nil && p.head.of(r) != 0 {
			if end := p.run(text, i+n); end > i+n {
				return i, end
			}
		}
		if p.body.of(r) != 0 {
			return i, p.run(text, i)
		}
		i += n
	}
	return len(text), len(text)
}

// run returns the end of the body that starts at text[i]; i where there is none.
func (p *setPattern) run(text []byte, i int) int {
	for n := 0; n < p.most && i < len(text); n++ {
		r, size := decode(text, i)
		if p.body.of(r) == 0 {
			break
		}
		i += size
	}
	return i
}

// decode returns the character at text[i], which is not the end, and its length.
func decode(text []byte, i int) (rune, int) {
	if c := text[i]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRune(text[i:])
}
