package tokenizer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// compile returns the pattern of a regular expression in the syntax of Oniguruma
// 6.9 (ONIG_SYNTAX_RUBY). It runs on regexp2, in whose syntax classes are written
// out by code point, as the two know different versions of Unicode. What means
// another thing there is an error. An empty match at the end of a match is none,
// as the crate onig 6.5 has it.
func compile(expression string) (pattern, error) {
	if n := len(expression); n > mostExpression {
		return pattern{}, fmt.Errorf("%d bytes, expected at most %d", n, mostExpression)
	}
	t := &translator{rest: expression}
	_, err := t.alternatives(0)
	if err == nil && t.rest != "" {
		err = errors.New("unpaired )")
	}
	if err != nil {
		return pattern{}, err
	}
	re, err := regexp2.Compile(t.out.String(), regexp2.None)
	if err != nil {
		return pattern{}, err
	}
	re.MatchTimeout = matchPatience
	return pattern{all: (&expressionRun{re, expression}).all}, nil
}

// Bounds of a regular expression, in bytes: as it is written, and translated.
const (
	mostExpression = 1 << 14
	mostTranslated = 1 << 21
)

// An expressionRun finds the matches of a regular expression.
type expressionRun struct {
	re         *regexp2.Regexp
	expression string
}

// all is that of a pattern.
func (e *expressionRun) all(text []byte, s *scratch) (found []span) {
	started := time.Now()
	before := s.matching
	runes := []rune(string(text))
	at, offset := 0, 0 // a rune and where it starts
	seek := func(to int) int {
		for ; at < to; at++ {
			offset += utf8.RuneLen(runes[at])
		}
		return offset
	}
	var last *regexp2.Match
	for n := 0; ; n++ {
		if n%matchesBetween == 0 {
			s.matching = before + time.Since(started)
			if s.matched(e.expression) {
				return nil
			}
		}
		m, err := e.after(last, runes)
		if err != nil { // it took longer than matchPatience
			n = -1
			continue
		}
		if last = m; m == nil {
			break
		}
		start := seek(m.Index)
		end := seek(m.Index + m.Length)
		if n := len(found); start < end || n == 0 || found[n-1].end < start {
			found = append(found, span{start, end})
		}
	}
	s.matching = before + time.Since(started)
	return found
}

// matchesBetween is how many matches are looked for before the time is looked at.
const matchesBetween = 256

// after returns the match after last, the first where that is nil.
func (e *expressionRun) after(last *regexp2.Match, runes []rune) (*regexp2.Match, error) {
	if last == nil {
		return e.re.FindRunesMatch(runes)
	}
	return e.re.FindNextMatch(last)
}

// A translator writes a regular expression of Oniguruma for regexp2.
type translator struct {
	rest string
	out  bytes.Buffer

	ranges int  // of the classes so far
	fold   bool // inside (?i:)
	last   rune // the letter before, inside (?i:); 0 for none

	behind bool // inside a look-behind, which regexp2 matches from its end
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
		start := t.out.Len()
		n, err := t.atom(depth)
		if err != nil {
			return 0, err
		}
		if t.out.Len() > mostTranslated {
			return 0, fmt.Errorf("its classes take more than %d bytes", mostTranslated)
		}
		times, err := t.quantified(start, n)
		if err != nil {
			return 0, err
		}
		least += min(n*times, 1<<20)
	}
	return least, nil
}

// quantified writes the quantifier that follows the atom, of a least length, that
// starts at a place of what is written, and returns the least number of times it
// matches.
func (t *translator) quantified(start, length int) (least int, err error) {
	if t.rest == "" || !strings.ContainsRune("?*+{", rune(t.rest[0])) {
		return 1, nil
	}
	if length == 0 {
		return 0, fmt.Errorf("%c after what may match nothing", t.rest[0])
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
		t.wrap(start, "(?:", quantifier+")")
		quantifier = t.take(1)
	case braces && strings.HasPrefix(t.rest, "?"):
		return 0, fmt.Errorf("? after quantifier %s", quantifier)
	case strings.HasPrefix(t.rest, "?"):
		quantifier += t.take(1)
	case strings.HasPrefix(t.rest, "+"): // possessive
		t.take(1)
		if t.behind {
			return 0, fmt.Errorf("quantifier %s+ inside a look-behind", quantifier)
		}
		t.wrap(start, "(?>", quantifier)
		quantifier = ")"
	}
	if t.rest != "" && strings.ContainsRune("?*+{", rune(t.rest[0])) {
		return 0, fmt.Errorf("%c after quantifier %s", t.rest[0], quantifier)
	}
	t.out.WriteString(quantifier)
	return least, nil
}

// wrap puts before and after around what is written from start on.
func (t *translator) wrap(start int, before, after string) {
	atom := string(t.out.Bytes()[start:])
	t.out.Truncate(start)
	t.out.WriteString(before + atom + after)
}

// groups are the groups that are known; those at the end match no text.
var groups = [...]string{"(?:", "(?>", "(?i:", "(?=", "(?!", "(?<=", "(?<!"}

func (t *translator) group(depth int) (least int, err error) {
	fold, behind := t.fold, t.behind
	if strings.HasPrefix(t.rest, "(?i)") { // to the end of the group that it is in
		t.take(4)
		t.fold, t.last = true, 0
		t.out.WriteString("(?:")
		least, err = t.alternatives(depth + 1)
		t.out.WriteByte(')')
		t.fold, t.last = fold, 0
		return least, err
	}
	open := "("
	if strings.HasPrefix(t.rest, "(?") {
		i := slices.IndexFunc(groups[:], func(g string) bool { return strings.HasPrefix(t.rest, g) })
		if i < 0 {
			return 0, fmt.Errorf("group %.4s", t.rest)
		}
		open = groups[i]
		switch {
		case i == 2:
			t.fold = true
		case i == 1 && t.behind:
			return 0, errors.New("(?> inside a look-behind")
		case i > 4:
			t.behind = true
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
	t.fold, t.behind, t.last = fold, behind, 0
	if strings.ContainsAny(open, "=!") {
		least = 0
	}
	return least, nil
}

// escapes are the escapes that stand for more than a set of code points, and what
// they are in regexp2. ^ and $ are those of lines; there is no line after the last \n.
var escapes = map[string]string{
	"^": `(?:\A|(?<=\n)(?!\z))`, "$": `(?=\n|\z)`, `\A`: `\A`, `\z`: `\z`, `\Z`: `\Z`,
	`\N`: `[^\n]`, `\O`: `[\s\S]`, `\R`: `(?>\r\n|[\n-\r\u0085\u2028\u2029])`,
}

func (t *translator) atom(depth int) (least int, err error) {
	c := t.rest[:1]
	if c == `\` && len(t.rest) > 1 {
		c = t.rest[:2]
	}
	if c == `\R` && t.behind {
		return 0, errors.New(`\R inside a look-behind`)
	}
	if text, ok := escapes[c]; ok {
		t.take(len(c))
		t.last = 0
		t.out.WriteString(text)
		if strings.Contains(`\N\O\R`, c) {
			return 1, nil
		}
		return 0, nil
	}
	switch c {
	case "(":
		return t.group(depth)
	case "[":
		set, err := t.class(depth)
		if err == nil && t.fold {
			set, err = foldSet(set)
		}
		t.last = 0
		t.writeSet(set)
		return 1, err
	case ".":
		t.take(1)
		t.last = 0
		t.out.WriteString("[^\\n]")
		return 1, nil
	case `\b`, `\B`:
		t.take(2)
		t.last = 0
		t.boundary(c)
		return 0, nil
	case "?", "*", "+", "{":
		return 0, errors.New(c)
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

// boundary writes \b or \B.
func (t *translator) boundary(which string) {
	sides := [...]string{"(?<=", "(?!", "(?<!", "(?="}
	if which == `\B` {
		sides = [...]string{"(?<=", "(?=", "(?<!", "(?!"}
	}
	for i, side := range sides {
		t.out.WriteString([...]string{"(?:", "", "|", ""}[i] + side)
		t.writeSet(wordSet())
		t.out.WriteByte(')')
	}
	t.out.WriteByte(')')
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
