package chattemplate

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	eof kind = iota
	data
	outputBegin // {{
	outputEnd
	blockBegin // {%
	blockEnd
	name
	text
	integer
	float
	operator
)

var kindNames = [...]string{"the end", "text", "{{", "}}", "{%", "%}", "a name", "a string", "an integer", "a float", "an operator"}

type token struct {
	kind  kind
	value string // text: its characters; data: what is printed
	line  int
}

func (t token) String() string {
	switch t.kind {
	case name, operator, integer, float:
		return strconv.Quote(t.value)
	}
	return kindNames[t.kind]
}

// A lexer cuts a template into tokens as jinja2 3.1's lexer does with
// trim_blocks and lstrip_blocks on and keep_trailing_newline off.
type lexer struct {
	src    string
	pos    int
	line   int
	tokens []token
}

func lex(src string) ([]token, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(src, "\n"), line: 1}
	for l.pos < len(l.src) {
		if err := l.root(); err != nil {
			return nil, at(l.line, err)
		}
	}
	l.add(eof, "")
	return l.tokens, nil
}

func (l *lexer) add(k kind, value string) {
	l.tokens = append(l.tokens, token{k, value, l.line})
}

// advance moves to the byte to, counting the lines passed.
func (l *lexer) advance(to int) {
	l.line += strings.Count(l.src[l.pos:to], "\n")
	l.pos = to
}

// root reads text up to the next tag, and that tag.
func (l *lexer) root() error {
	begin := len(l.src)
	for i := l.pos; i+1 < len(l.src); i++ {
		if l.src[i] == '{' && strings.IndexByte("{%#", l.src[i+1]) >= 0 {
			begin = i
			break
		}
	}
	if begin == len(l.src) {
		l.add(data, l.src[l.pos:])
		l.advance(begin)
		return nil
	}
	start := begin + 2 // of what the tag holds
	sign := signAt(l.src, start)
	if sign != 0 {
		start++
	}
	what := l.src[begin+1]
	if t := l.strip(l.src[l.pos:begin], sign, what == '{'); t != "" {
		l.add(data, t)
	}
	l.advance(begin)
	switch what {
	case '#':
		i := strings.Index(l.src[start:], "#}")
		if i < 0 {
			return fmt.Errorf("a comment without its end, #}")
		}
		end := start + i
		last := byte(0)
		if i > 0 {
			last = l.src[end-1]
		}
		l.advance(l.afterBlock(end+2, last))
		return nil
	case '%':
		if end, ok := rawTag(l.src, start, "raw"); ok {
			l.advance(end)
			return l.raw()
		}
		l.add(blockBegin, "")
		l.advance(start)
		return l.tag(blockEnd)
	}
	l.add(outputBegin, "")
	l.advance(start)
	return l.tag(outputEnd)
}

func signAt(src string, i int) byte {
	if i < len(src) && (src[i] == '-' || src[i] == '+') {
		return src[i]
	}
	return 0
}

// strip takes from the text before a tag what its sign or lstrip_blocks takes.
func (l *lexer) strip(t string, sign byte, output bool) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(t, isSpace)
	case sign == '+' || output:
		return t
	}
	lineStart := strings.LastIndexByte(t, '\n') + 1
	atLineStart := lineStart > 0 || l.pos == 0 || l.src[l.pos-1] == '\n'
	if atLineStart && strings.TrimLeftFunc(t[lineStart:], isSpace) == "" {
		return t[:lineStart]
	}
	return t
}

// afterBlock returns where the text goes on after a block or a comment that
// ends before the byte end with the sign last.
func (l *lexer) afterBlock(end int, last byte) int {
	switch {
	case last == '-':
		return skipSpace(l.src, end)
	case last != '+' && end < len(l.src) && l.src[end] == '\n':
		return end + 1
	}
	return end
}

// rawTag reads the rest of a tag that holds word alone and returns its end.
// The end of endraw takes a newline, that of raw does not.
func rawTag(src string, i int, word string) (int, bool) {
	i = skipSpace(src, i)
	if !strings.HasPrefix(src[i:], word) {
		return 0, false
	}
	i = skipSpace(src, i+len(word))
	switch rest := src[i:]; {
	case strings.HasPrefix(rest, "-%}"):
		return skipSpace(src, i+3), true
	case strings.HasPrefix(rest, "%}"):
		if word == "endraw" && strings.HasPrefix(rest, "%}\n") {
			return i + 3, true
		}
		return i + 2, true
	case word == "endraw" && strings.HasPrefix(rest, "+%}"):
		return i + 3, true
	}
	return 0, false
}

func (l *lexer) raw() error {
	for i := l.pos; ; i += 2 {
		j := strings.Index(l.src[i:], "{%")
		if j < 0 {
			return fmt.Errorf("raw without endraw")
		}
		i += j
		sign := signAt(l.src, i+2)
		start := i + 2
		if sign != 0 {
			start++
		}
		if end, ok := rawTag(l.src, start, "endraw"); ok {
			if t := l.strip(l.src[l.pos:i], sign, false); t != "" {
				l.add(data, t)
			}
			l.advance(end)
			return nil
		}
	}
}

var operators = []string{"//", "**", "==", "!=", "<=", ">=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", "<", ">", "=", ".", ":", "|", ",", ";"}

// tag reads the tokens of a tag up to its end.
func (l *lexer) tag(end kind) error {
	closing := "%}"
	if end == outputEnd {
		closing = "}}"
	}
	var open []byte
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		if len(open) == 0 {
			signed := len(rest) > 2 && rest[1:3] == closing
			switch {
			case signed && rest[0] == '-', signed && rest[0] == '+' && end == blockEnd:
				l.add(end, "")
				l.advance(l.afterBlock(l.pos+3, rest[0]))
				return nil
			case strings.HasPrefix(rest, closing):
				l.add(end, "")
				next := l.pos + 2
				if end == blockEnd {
					next = l.afterBlock(next, 0)
				}
				l.advance(next)
				return nil
			}
		}
		r, _ := utf8.DecodeRuneInString(rest)
		switch {
		case isSpace(r):
			l.advance(skipSpace(l.src, l.pos))
		case r >= '0' && r <= '9':
			l.number()
		case r == '_' || unicode.IsLetter(r):
			n := strings.IndexFunc(rest, func(r rune) bool {
				return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
			})
			if n < 0 {
				n = len(rest)
			}
			l.add(name, rest[:n])
			l.advance(l.pos + n)
		case r == '"' || r == '\'':
			if err := l.quoted(); err != nil {
				return err
			}
		default:
			op := ""
			for _, o := range operators {
				if strings.HasPrefix(rest, o) {
					op = o
					break
				}
			}
			switch op {
			case "":
				return fmt.Errorf("unexpected character %q", r)
			case "(", "[", "{":
				open = append(open, map[string]byte{"(": ')', "[": ']', "{": '}'}[op])
			case ")", "]", "}":
				if len(open) == 0 || open[len(open)-1] != op[0] {
					return fmt.Errorf("unexpected %q", op)
				}
				open = open[:len(open)-1]
			}
			l.add(operator, op)
			l.advance(l.pos + len(op))
		}
	}
	return fmt.Errorf("a tag without its end, %s", closing)
}

func (l *lexer) number() {
	digits := func(i int) int {
		for i < len(l.src) && (l.src[i] >= '0' && l.src[i] <= '9' || l.src[i] == '_') {
			i++
		}
		return i
	}
	isDigit := func(i int) bool { return i < len(l.src) && l.src[i] >= '0' && l.src[i] <= '9' }
	end, k := digits(l.pos), integer
	if end == l.pos+1 && l.src[l.pos] == '0' && end < len(l.src) && strings.IndexByte("bBoOxX", l.src[end]) >= 0 {
		for end++; end < len(l.src) && (isDigit(end) || l.src[end] == '_' || strings.IndexByte("abcdefABCDEF", l.src[end]) >= 0); {
			end++
		}
	} else if l.pos == 0 || l.src[l.pos-1] != '.' {
		if end < len(l.src) && l.src[end] == '.' && isDigit(end+1) {
			end, k = digits(end+1), float
		}
		if end < len(l.src) && (l.src[end] == 'e' || l.src[end] == 'E') {
			exp := end + 1
			if signAt(l.src, exp) != 0 {
				exp++
			}
			if isDigit(exp) {
				end, k = digits(exp), float
			}
		}
	}
	l.add(k, strings.ReplaceAll(l.src[l.pos:end], "_", ""))
	l.advance(end)
}

// quoted reads a string with Python's escapes; \N is not read.
func (l *lexer) quoted() error {
	quote := l.src[l.pos]
	var b strings.Builder
	for i := l.pos + 1; i < len(l.src); i++ {
		c := l.src[i]
		switch {
		case c == quote:
			l.add(text, b.String())
			l.advance(i + 1)
			return nil
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		if i++; i == len(l.src) {
			break
		}
		c = l.src[i]
		if j := strings.IndexByte("\\'\"abfnrtv", c); j >= 0 {
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[j])
			continue
		}
		digits, base := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], 16
		if c >= '0' && c <= '7' {
			i, base = i-1, 8
			for digits < 3 && i+1+digits < len(l.src) && l.src[i+1+digits] >= '0' && l.src[i+1+digits] <= '7' {
				digits++
			}
		}
		switch {
		case c == '\n':
		case c == 'N':
			return fmt.Errorf(`a character by its name, \N, is not read`)
		case digits == 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			if i+1+digits > len(l.src) {
				return fmt.Errorf("a string without its end")
			}
			n, err := strconv.ParseUint(l.src[i+1:i+1+digits], base, 32)
			if err != nil || !utf8.ValidRune(rune(n)) {
				return fmt.Errorf("unknown escape \\%c%s in a string", c, strconv.Quote(l.src[i+1:i+1+digits]))
			}
			b.WriteRune(rune(n))
			i += digits
		}
	}
	return fmt.Errorf("a string without its end")
}

func skipSpace(s string, i int) int {
	rest := strings.TrimLeftFunc(s[i:], isSpace)
	return len(s) - len(rest)
}

// isSpace is Python's str.isspace of one character.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}
