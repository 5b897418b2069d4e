package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// The sets of code points of regular expressions: classes, escapes and
// properties of Oniguruma 6.9, with its data, Unicode 16.0.

// writeSet writes a class of code points.
func (t *translator) writeSet(set []runeRange) {
	one := func(r rune) {
		if r > 0xFFFF {
			t.out.WriteRune(r)
		} else {
			fmt.Fprintf(&t.out, `\u%04X`, r)
		}
	}
	if len(set) == 1 && set[0].lo == set[0].hi {
		one(set[0].lo)
		return
	}
	if len(set) == 0 {
		t.out.WriteString("(?!)")
		return
	}
	t.out.WriteByte('[')
	for _, r := range set {
		one(r.lo)
		if r.hi > r.lo {
			t.out.WriteByte('-')
			one(r.hi)
		}
	}
	t.out.WriteByte(']')
}

// A context is where a character stands.
type context uint8

const (
	outside context = iota // of a class
	inClass
)

// character reads a character or an escape: a set of code points, or, where set
// is nil, one.
func (t *translator) character(where context) (set []runeRange, r rune, err error) {
	r, n := utf8.DecodeRuneInString(t.rest)
	if r != '\\' {
		t.take(n)
		return nil, r, nil
	}
	if len(t.rest) < 2 {
		return nil, 0, errors.New("it ends in \\")
	}
	c := t.rest[1]
	t.take(2)
	switch {
	case strings.IndexByte("rntfvae", c) >= 0:
		return nil, rune("\r\n\t\f\v\a\x1b"[strings.IndexByte("rntfvae", c)]), nil
	case c < utf8.RuneSelf && asciiClass[c] != inWord:
		return nil, rune(c), nil // punctuation or a space
	case c == 'p' || c == 'P':
		set, err = t.property(c == 'P')
		return set, 0, err
	case c == 'x' || c == 'u':
		r, err = t.hexadecimal(c)
		return nil, r, err
	}
	switch c | 0x20 {
	case 's':
		set = whiteSpaces()
	case 'd':
		set = categorySet("nd")
	case 'h':
		set = slices.Clone(hexDigits)
	case 'w':
		set = wordSet()
		if where == inClass { // in Latin-1 \w has other numbers outside of classes only
			set = without(set, []runeRange{{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}})
		}
	default:
		return nil, 0, fmt.Errorf(`\%c`, c)
	}
	if c&0x20 == 0 {
		set = complement(set)
	}
	return set, 0, t.count(set)
}

// mostRanges bounds the ranges of all classes of an expression: \p{L} has some 650.
const mostRanges = 1 << 17

// count counts the ranges of a class, too many of which are an error.
func (t *translator) count(set []runeRange) error {
	if t.ranges += len(set); t.ranges > mostRanges {
		return fmt.Errorf("classes of more than %d ranges", mostRanges)
	}
	return nil
}

// hexadecimal reads what follows \x or \u: a code point.
func (t *translator) hexadecimal(kind byte) (rune, error) {
	digits, most := "", 4
	switch {
	case kind == 'u' && len(t.rest) >= 4:
		digits = t.take(4)
	case kind == 'x' && strings.HasPrefix(t.rest, "{") && strings.Contains(t.rest, "}"):
		digits, most = t.take(strings.IndexByte(t.rest, '}') + 1)[1:], 8
		digits = digits[:len(digits)-1]
	case kind == 'x' && len(t.rest) >= 2:
		digits = t.take(2)
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || len(digits) > most || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) || len(digits) == 2 && most == 4 && n >= utf8.RuneSelf {
		return 0, fmt.Errorf(`\%c%s`, kind, digits)
	}
	return rune(n), nil
}

// property reads what follows \p or \P: the name of a category, a script or a
// class of POSIX. Case, spaces, - and _ do not count.
func (t *translator) property(negated bool) ([]runeRange, error) {
	end := strings.IndexByte(t.rest, '}')
	if !strings.HasPrefix(t.rest, "{") || end < 0 {
		return nil, errors.New(`\p without {}`)
	}
	name := t.take(end + 1)[1:end]
	bare, not := strings.CutPrefix(name, "^")
	bare = plainName(bare)
	set := categorySet(bare)
	if set == nil {
		set = scriptSet(bare)
	}
	if set == nil && bare != "punct" && bare != "word" { // which are not [[:punct:]] and [[:word:]]
		set = posixSet(bare)
	}
	if set == nil {
		return nil, fmt.Errorf(`\p{%s}`, name)
	}
	if negated != not {
		set = complement(set)
	}
	return set, t.count(set)
}

// plainName returns a name as it is compared.
func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(name))
}

// class reads a class in brackets: parts joined by &&, of which each is a list of
// characters, ranges, escapes and classes.
func (t *translator) class(depth int) (set []runeRange, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	t.take(1)
	negated := strings.HasPrefix(t.rest, "^")
	if negated {
		t.take(1)
	}
	if strings.HasPrefix(t.rest, "]") {
		return nil, errors.New("] inside a class")
	}
	if set, err = t.classPart(depth); err != nil {
		return nil, err
	}
	for strings.HasPrefix(t.rest, "&&") {
		t.take(2)
		part, err := t.classPart(depth)
		if err == nil {
			err = t.count(set)
		}
		if err != nil {
			return nil, err
		}
		set = without(set, complement(part))
	}
	t.take(1)
	if negated {
		set = complement(set)
	}
	return set, nil
}

// classPart reads a part of a class up to && or ].
func (t *translator) classPart(depth int) (set []runeRange, err error) {
	const (
		atStart = iota
		afterCharacter
		afterRange
		afterSet
	)
	for state := atStart; ; {
		var some []runeRange
		switch {
		case t.rest == "":
			return nil, errors.New("unpaired [")
		case t.rest[0] == ']' || strings.HasPrefix(t.rest, "&&"):
			return union(set), nil
		case strings.HasPrefix(t.rest, "[:"):
			some, err = t.posixBracket()
		case t.rest[0] == '[':
			some, err = t.class(depth + 1)
		case t.rest[0] == '-' && !strings.HasPrefix(t.rest, "-]"):
			// It stands for itself where no range can begin: first, or after a range.
			next := append([]byte(t.rest[1:]), "  "...)
			if state == afterSet || strings.IndexByte("-[&", next[0]) >= 0 || state == afterRange && next[1] == '-' {
				err = fmt.Errorf("%.3s inside a class", t.rest)
			}
		}
		if err != nil {
			return nil, err
		}
		if some != nil {
			set, state = append(set, some...), afterSet
			continue
		}
		some, low, err := t.character(inClass)
		if err != nil {
			return nil, err
		}
		if some != nil {
			set, state = append(set, some...), afterSet
			continue
		}
		high := low
		state = afterCharacter
		if len(t.rest) > 1 && t.rest[0] == '-' && t.rest[1] != ']' {
			t.take(1)
			if t.rest[0] == '[' || strings.HasPrefix(t.rest, "&&") {
				return nil, fmt.Errorf("range to %.2s inside a class", t.rest)
			}
			if some, high, err = t.character(inClass); err != nil {
				return nil, err
			}
			if some != nil || high < low {
				return nil, fmt.Errorf("range from %c", low)
			}
			state = afterRange
		}
		set = append(set, runeRange{low, high})
	}
}

// posixBracket reads [:name:] or [:^name:] inside a class.
func (t *translator) posixBracket() ([]runeRange, error) {
	end := strings.Index(t.rest, ":]")
	if end < 2 {
		return nil, errors.New("[: inside a class")
	}
	bracket := t.take(end + 2)
	name, negated := strings.CutPrefix(bracket[2:end], "^")
	set := posixSet(name)
	if set == nil {
		return nil, errors.New(bracket)
	}
	if negated {
		set = complement(set)
	}
	return set, t.count(set)
}

var hexDigits = []runeRange{{'0', '9'}, {'A', 'F'}, {'a', 'f'}}

// posixSet returns the code points of a class of POSIX; nil if there is none of the name.
func posixSet(name string) []runeRange {
	switch name {
	case "alnum":
		return union(slices.Concat(posixSet("alpha"), posixSet("digit")))
	case "alpha":
		return union(slices.Concat(categorySet("l"), categorySet("nl"), furtherSet(otherAlphabetic)))
	case "ascii":
		return []runeRange{{0, utf8.RuneSelf - 1}}
	case "blank":
		return union(append(categorySet("zs"), runeRange{'\t', '\t'}))
	case "cntrl":
		return categorySet("cc")
	case "digit":
		return categorySet("nd")
	case "graph":
		return complement(union(slices.Concat(whiteSpaces(), categorySet("cc"), categorySet("cn"), categorySet("cs"))))
	case "lower":
		return union(slices.Concat(categorySet("ll"), furtherSet(otherLowercase)))
	case "print":
		return union(slices.Concat(posixSet("graph"), categorySet("zs")))
	case "punct":
		return union(slices.Concat(categorySet("p"), categorySet("s")))
	case "space":
		return whiteSpaces()
	case "upper":
		return union(slices.Concat(categorySet("lu"), furtherSet(otherUppercase)))
	case "word":
		return without(wordSet(), []runeRange{{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}})
	case "xdigit":
		return slices.Clone(hexDigits)
	}
	return nil
}

// Classes of furtherRuns, a bit each.
const (
	otherAlphabetic uint8 = 1 << iota // Alphabetic, but neither L nor Nl
	otherLowercase                    // Lowercase, but not Ll
	otherUppercase                    // Uppercase, but not Lu
)

// furtherSet returns the code points that have a class of furtherRuns.
func furtherSet(class uint8) (set []runeRange) {
	for _, run := range unpackRuns(furtherRuns) {
		if run.category&class != 0 {
			set = append(set, run.runeRange)
		}
	}
	return set
}

// plainScripts are the scripts by their plain names.
var plainScripts = sync.OnceValue(func() map[string]uint8 {
	scripts := map[string]uint8{}
	for i, name := range scriptNames {
		scripts[plainName(name)] = uint8(i)
	}
	return scripts
})

// scriptSet returns the code points of a script; nil if there is none of the name.
func scriptSet(name string) (set []runeRange) {
	script, ok := plainScripts()[name]
	if !ok {
		return nil
	}
	for _, run := range unpackRuns(scriptRuns) {
		if run.category == script {
			set = append(set, run.runeRange)
		}
	}
	return set
}

// wordSet returns \w.
func wordSet() []runeRange {
	return union(slices.Concat(alphabetic16, categorySet("l"), categorySet("m"), categorySet("nd"), categorySet("pc")))
}

// foldSet returns a set of ASCII in upper and lower case. U+017F is an s, U+212A a k.
func foldSet(set []runeRange) ([]runeRange, error) {
	folded := slices.Clone(set)
	for _, r := range set {
		if r.hi >= utf8.RuneSelf {
			return nil, fmt.Errorf("%c inside (?i:)", r.hi)
		}
		for c := r.lo; c <= r.hi; c++ {
			low := c | 0x20
			if low < 'a' || low > 'z' {
				continue
			}
			folded = append(folded, runeRange{low, low}, runeRange{low - 0x20, low - 0x20})
			switch low {
			case 'k':
				folded = append(folded, runeRange{0x212A, 0x212A})
			case 's':
				folded = append(folded, runeRange{0x17F, 0x17F})
			}
		}
	}
	return union(folded), nil
}

// categorySet returns the code points of a general category, or of all that
// begin with a letter; nil if there is none of the name, which is in lower case.
func categorySet(name string) (set []runeRange) {
	var in [len(categoryNames)]bool
	for i, n := range categoryNames {
		n = strings.ToLower(n)
		in[i] = n == name || len(name) == 1 && n[:1] == name
	}
	for _, run := range categories() {
		if in[run.category] {
			set = append(set, run.runeRange)
		}
	}
	if set == nil {
		return nil
	}
	return union(set)
}

func whiteSpaces() []runeRange {
	return union(append(categorySet("z"), runeRange{'\t', '\r'}, runeRange{0x85, 0x85}))
}

// union sorts ranges and joins those that touch.
func union(set []runeRange) []runeRange {
	set = slices.Clone(set)
	out := []runeRange{}
	slices.SortFunc(set, func(a, b runeRange) int { return int(a.lo - b.lo) })
	for _, r := range set {
		if n := len(out); n > 0 && r.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, r.hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// without returns set, which is sorted, less the code points of other.
func without(set, other []runeRange) []runeRange {
	return complement(union(slices.Concat(complement(set), other)))
}

// complement returns the code points that are not in set, which is sorted.
func complement(set []runeRange) []runeRange {
	out, next := []runeRange{}, rune(0)
	for _, r := range set {
		if r.lo > next {
			out = append(out, runeRange{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= utf8.MaxRune {
		out = append(out, runeRange{next, utf8.MaxRune})
	}
	return out
}
