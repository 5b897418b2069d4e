package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// compile returns the pattern of a regular expression in the syntax of Oniguruma
// 6.9 (ONIG_SYNTAX_RUBY). It runs on regexp2, in whose syntax classes are written
// out by code point, as the two know different versions of Unicode. What means
// another thing there, or could match nothing, is an error.
func compile(expression string) (pattern, error) {
	t := &translator{rest: expression}
	least, err := t.alternatives(0)
	if err == nil && t.rest != "" {
		err = errors.New("unpaired )")
	}
	if err == nil && least == 0 {
		err = errors.New("it may match nothing")
	}
	if err != nil {
		return pattern{}, err
	}
	re, err := regexp2.Compile(t.out.String(), regexp2.None)
	if err != nil {
		return pattern{}, err
	}
	return pattern{all: func(text []byte) []span {
		var found []span
		runes := []rune(string(text))
		at, offset := 0, 0 // a rune and where it starts
		seek := func(to int) int {
			for ; at < to; at++ {
				offset += utf8.RuneLen(runes[at])
			}
			return offset
		}
		m, err := re.FindRunesMatch(runes)
		for ; err == nil && m != nil; m, err = re.FindNextMatch(m) {
			start := seek(m.Index)
			found = append(found, span{start, seek(m.Index + m.Length)})
		}
		return found // no timeout is set, which would be the only error
	}}, nil
}

// A translator writes a regular expression of Oniguruma for regexp2.
type translator struct {
	rest string
	out  strings.Builder
	fold bool // inside (?i:)
	last rune // the letter before, inside (?i:); 0 for none
}

// alternatives translates up to a closing parenthesis and returns the least
// length of a match.
func (t *translator) alternatives(depth int) (least int, err error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	least = -1
	for {
		n, err := t.sequence(depth)
		if err != nil {
			return 0, err
		}
		if least < 0 || n < least {
			least = n
		}
		if !strings.HasPrefix(t.rest, "|") {
			return least, nil
		}
		t.take(1)
		t.out.WriteByte('|')
		t.last = 0
	}
}

func (t *translator) take(n int) string {
	s := t.rest[:n]
	t.rest = t.rest[n:]
	return s
}

// sequence translates atoms up to | or a closing parenthesis.
func (t *translator) sequence(depth int) (least int, err error) {
	for t.rest != "" && t.rest[0] != '|' && t.rest[0] != ')' {
		before := t.out.String()
		t.out.Reset()
		n, err := t.atom(depth)
		if err != nil {
			return 0, err
		}
		atom := t.out.String()
		t.out.Reset()
		t.out.WriteString(before)
		times, err := t.quantified(atom)
		if err != nil {
			return 0, err
		}
		least += min(n*times, 1<<20)
	}
	return least, nil
}

// quantified writes atom with the quantifier that follows it, and returns the
// least number of times it matches.
func (t *translator) quantified(atom string) (least int, err error) {
	if t.rest == "" || !strings.ContainsRune("?*+{", rune(t.rest[0])) {
		t.out.WriteString(atom)
		return 1, nil
	}
	t.last = 0
	quantifier, braces := "", t.rest[0] == '{'
	if braces {
		end := strings.IndexByte(t.rest, '}')
		if end < 0 {
			return 0, errors.New("unescaped {")
		}
		quantifier = t.take(end + 1)
		low, high, ranged := strings.Cut(quantifier[1:end], ",")
		if least, err = strconv.Atoi(low); err == nil && ranged && high != "" {
			var most int
			if most, err = strconv.Atoi(high); err == nil && most < least {
				err = errors.New("out of order")
			}
		}
		if err != nil || least > 1000 {
			return 0, fmt.Errorf("quantifier %s", quantifier)
		}
	} else {
		if t.rest[0] == '+' {
			least = 1
		}
		quantifier = t.take(1)
	}
	switch {
	case braces && strings.HasPrefix(t.rest, "+"): // not possessive, but repeated
		atom, quantifier = "(?:"+atom+quantifier+")", t.take(1)
	case braces && strings.HasPrefix(t.rest, "?"):
		return 0, fmt.Errorf("? after quantifier %s", quantifier)
	case strings.HasPrefix(t.rest, "?"):
		quantifier += t.take(1)
	case strings.HasPrefix(t.rest, "+"): // possessive
		t.take(1)
		atom, quantifier = "(?>"+atom+quantifier, ")"
	}
	if t.rest != "" && strings.ContainsRune("?*+{", rune(t.rest[0])) {
		return 0, fmt.Errorf("%c after quantifier %s", t.rest[0], quantifier)
	}
	t.out.WriteString(atom + quantifier)
	return least, nil
}

// groups are the groups that are known; those at the end match no text.
var groups = [...]string{"(?:", "(?>", "(?i:", "(?=", "(?!", "(?<=", "(?<!"}

func (t *translator) group(depth int) (least int, err error) {
	fold := t.fold
	open := "("
	if strings.HasPrefix(t.rest, "(?") {
		i := slices.IndexFunc(groups[:], func(g string) bool { return strings.HasPrefix(t.rest, g) })
		if i < 0 {
			return 0, fmt.Errorf("group %.4s", t.rest)
		}
		open = groups[i]
		if i == 2 {
			t.fold = true
		}
	}
	t.take(len(open))
	t.last = 0
	switch open {
	case "(", "(?i:":
		t.out.WriteString("(?:")
	default:
		t.out.WriteString(open)
	}
	least, err = t.alternatives(depth + 1)
	if err != nil {
		return 0, err
	}
	if t.rest == "" {
		return 0, errors.New("unpaired (")
	}
	t.take(1)
	t.out.WriteByte(')')
	t.fold, t.last = fold, 0
	if strings.ContainsAny(open, "=!") {
		least = 0
	}
	return least, nil
}

func (t *translator) atom(depth int) (least int, err error) {
	switch c := t.rest[0]; c {
	case '(':
		return t.group(depth)
	case '[':
		set, err := t.class()
		if err == nil && t.fold {
			set, err = foldSet(set)
		}
		t.last = 0
		t.writeSet(set)
		return 1, err
	case '.':
		t.take(1)
		t.last = 0
		t.out.WriteString("[^\\n]")
		return 1, nil
	case '^', '$', '?', '*', '+', '{', ']', '}':
		return 0, fmt.Errorf("%c", c)
	}
	set, r, err := t.character(outside)
	if err != nil {
		return 0, err
	}
	if set != nil {
		if t.fold {
			return 0, errors.New("class of characters inside (?i:)")
		}
		t.writeSet(set)
		return 1, nil
	}
	return 1, t.literal(r)
}

// literal writes one character.
func (t *translator) literal(r rune) error {
	last := t.last
	t.last = 0
	if !t.fold {
		t.writeSet([]runeRange{{r, r}})
		return nil
	}
	if r >= utf8.RuneSelf {
		return fmt.Errorf("%c inside (?i:)", r)
	}
	low := r | 0x20
	if low < 'a' || low > 'z' {
		t.writeSet([]runeRange{{r, r}})
		return nil
	}
	// ß, ﬀ, ﬁ, ﬂ and ﬆ are one character for two.
	if pair := string(last) + string(low); slices.Contains([]string{"ss", "ff", "fi", "fl", "st"}, pair) {
		return fmt.Errorf("%s inside (?i:)", pair)
	}
	t.last = low
	set, err := foldSet([]runeRange{{low, low}})
	t.writeSet(set)
	return err
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

// character reads a character or an escape: a set of code points, or one.
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
	case strings.IndexByte("rntfv", c) >= 0:
		return nil, rune("\r\n\t\f\v"[strings.IndexByte("rntfv", c)]), nil
	case c < utf8.RuneSelf && asciiClass[c] != inWord:
		return nil, rune(c), nil // punctuation or a space
	case c == 'p' || c == 'P':
		return t.property(c == 'P')
	}
	switch c | 0x20 {
	case 's':
		set = whiteSpaces()
	case 'd':
		set = categorySet("Nd")
	case 'w':
		set = union(slices.Concat(alphabetic16, categorySet("L"), categorySet("M"), categorySet("Nd"), categorySet("Pc")))
		if where == inClass { // in Latin-1 \w has other numbers outside of classes only
			set = without(set, []runeRange{{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}})
		}
	default:
		return nil, 0, fmt.Errorf(`\%c`, c)
	}
	if c&0x20 == 0 {
		set = complement(set)
	}
	return set, 0, nil
}

func (t *translator) property(negated bool) ([]runeRange, rune, error) {
	end := strings.IndexByte(t.rest, '}')
	if !strings.HasPrefix(t.rest, "{") || end < 0 {
		return nil, 0, errors.New(`\p without {}`)
	}
	name := t.take(end + 1)[1:end]
	if strings.HasPrefix(name, "^") {
		name, negated = name[1:], !negated
	}
	set := categorySet(name)
	if set == nil || name == "" {
		return nil, 0, fmt.Errorf(`\p{%s}`, name)
	}
	if negated {
		set = complement(set)
	}
	return set, 0, nil
}

// class reads a class in brackets.
func (t *translator) class() (set []runeRange, err error) {
	t.take(1)
	negated := strings.HasPrefix(t.rest, "^")
	if negated {
		t.take(1)
	}
	for first := true; ; first = false {
		if t.rest == "" {
			return nil, errors.New("unpaired [")
		}
		if t.rest[0] == ']' && !first {
			break
		}
		if strings.HasPrefix(t.rest, "&&") || t.rest[0] == '[' || t.rest[0] == ']' || first && t.rest[0] == '-' {
			return nil, fmt.Errorf("%.2s inside a class", t.rest)
		}
		some, low, err := t.character(inClass)
		if err != nil {
			return nil, err
		}
		if some != nil {
			if strings.HasPrefix(t.rest, "-") && !strings.HasPrefix(t.rest, "-]") {
				return nil, errors.New("- after a class inside a class")
			}
			set = append(set, some...)
			continue
		}
		high := low
		if len(t.rest) > 1 && t.rest[0] == '-' && t.rest[1] != ']' {
			t.take(1)
			if t.rest[0] == '[' {
				return nil, errors.New("class inside a class")
			}
			if some, high, err = t.character(inClass); err != nil {
				return nil, err
			}
			if some != nil || high < low {
				return nil, fmt.Errorf("range from %c", low)
			}
		}
		set = append(set, runeRange{low, high})
	}
	t.take(1)
	if set = union(set); negated {
		set = complement(set)
	}
	if len(set) == 0 {
		return nil, errors.New("class of nothing")
	}
	return set, nil
}

// categorySet returns the code points of a general category, or of all that
// begin with a letter; nil if there is none of the name.
func categorySet(name string) (set []runeRange) {
	for _, run := range categories() {
		if n := categoryNames[run.category]; n == name || len(name) == 1 && n[:1] == name {
			set = append(set, run.runeRange)
		}
	}
	return union(set)
}

func whiteSpaces() []runeRange {
	return union(append(categorySet("Z"), runeRange{'\t', '\r'}, runeRange{0x85, 0x85}))
}

// union sorts ranges and joins those that touch.
func union(set []runeRange) (out []runeRange) {
	set = slices.Clone(set)
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
	return complement(union(append(complement(set), other...)))
}

// complement returns the code points that are not in set, which is sorted.
func complement(set []runeRange) (out []runeRange) {
	next := rune(0)
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
