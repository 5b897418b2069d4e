package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a JSON document, as serde_json does.
const maxDepth = 128

// A value is one JSON value of a checked document: its text, and its place for
// errors, which is a file and a path of keys in it. Vocabularies are hundreds of
// kilobytes long, so values are read in place.
type value struct {
	text string
	file string
	at   string
}

// newValue checks that data is one JSON document (RFC 8259, in UTF-8, without
// unpaired surrogates in escapes) and returns it. file is what its errors start with.
func newValue(data []byte, file string) (value, error) {
	text := string(data)
	if !utf8.ValidString(text) {
		return value{}, fmt.Errorf("%s: not UTF-8", file)
	}
	start := skipSpace(text, 0)
	end, err := skipValue(text, start, 0)
	if err == nil {
		if rest := skipSpace(text, end); rest != len(text) {
			err = fmt.Errorf("byte %d: %q after the document", rest, text[rest])
		}
	}
	if err != nil {
		return value{}, fmt.Errorf("%s: not JSON: %w", file, err)
	}
	return value{text: text[start:end], file: file}, nil
}

func (v value) errorf(format string, args ...any) error {
	place := v.file
	if v.at != "" {
		place += ": " + v.at
	}
	return fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...))
}

// below returns the place of the member key.
func (v value) below(key string) string {
	if v.at == "" {
		return key
	}
	return v.at + "." + key
}

// mismatch is the error of a value of the wrong type.
func (v value) mismatch(expected string) error {
	return v.errorf("%s, expected %s", v.short(), expected)
}

// short returns v, or what it is where it is long.
func (v value) short() string {
	switch {
	case v.text == "":
		return "nothing"
	case v.text[0] == '{':
		return "an object"
	case v.text[0] == '[':
		return "an array"
	case len(v.text) > 40:
		return "a long value"
	}
	return v.text
}

func (v value) null() bool { return v.text == "" || v.text == "null" }

func (v value) str() (string, error) {
	if v.text == "" || v.text[0] != '"' {
		return "", v.mismatch("a string")
	}
	return unquote(v.text), nil
}

// char returns a string of one character.
func (v value) char() (string, error) {
	s, err := v.str()
	if err == nil && utf8.RuneCountInString(s) != 1 {
		err = v.errorf("%q, expected one character", s)
	}
	return s, err
}

func (v value) numeric() bool {
	return v.text != "" && (v.text[0] == '-' || '0' <= v.text[0] && v.text[0] <= '9')
}

// number returns a number.
func (v value) number() (float64, error) {
	if !v.numeric() {
		return 0, v.mismatch("a number")
	}
	f, err := strconv.ParseFloat(v.text, 64)
	if err != nil {
		return 0, v.errorf("%s is out of range", v.text)
	}
	return f, nil
}

func (v value) boolean() (bool, error) {
	if v.text != "true" && v.text != "false" {
		return false, v.mismatch("true or false")
	}
	return v.text == "true", nil
}

// natural returns an integer from 0 to 2147483647.
func (v value) natural() (int32, error) {
	n, err := strconv.ParseUint(v.text, 10, 31)
	if err != nil {
		return 0, v.mismatch("an integer from 0 to 2147483647")
	}
	return int32(n), nil
}

// each calls yield with every key of the object v and its value, in order. The
// values carry v's own place.
func (v value) each(yield func(key string, v value) error) error {
	if v.text == "" || v.text[0] != '{' {
		return v.mismatch("an object")
	}
	i := skipSpace(v.text, 1)
	for v.text[i] != '}' {
		end := valueEnd(v.text, i)
		key := unquote(v.text[i:end])
		i = skipSpace(v.text, skipSpace(v.text, end)+1)
		end = valueEnd(v.text, i)
		if err := yield(key, value{v.text[i:end], v.file, v.at}); err != nil {
			return err
		}
		if i = skipSpace(v.text, end); v.text[i] == ',' {
			i = skipSpace(v.text, i+1)
		}
	}
	return nil
}

// elements calls yield with every element of the array v and its index. The
// values carry v's own place.
func (v value) elements(yield func(i int, v value) error) error {
	if v.text == "" || v.text[0] != '[' {
		return v.mismatch("an array")
	}
	i := skipSpace(v.text, 1)
	for n := 0; v.text[i] != ']'; n++ {
		end := valueEnd(v.text, i)
		if err := yield(n, value{v.text[i:end], v.file, v.at}); err != nil {
			return err
		}
		if i = skipSpace(v.text, end); v.text[i] == ',' {
			i = skipSpace(v.text, i+1)
		}
	}
	return nil
}

// pairs is elements for an array of arrays of two. An element that is something
// else is given as first, and second is nothing.
func (v value) pairs(yield func(i int, first, second value) error) error {
	if v.text == "" || v.text[0] != '[' {
		return v.mismatch("an array")
	}
	s := v.text
	i := skipSpace(s, 1)
	for n := 0; s[i] != ']'; n++ {
		start := i
		var first, second value
		if s[i] == '[' {
			if i = skipSpace(s, i+1); s[i] != ']' {
				end := valueEnd(s, i)
				first = value{s[i:end], v.file, v.at}
				if i = skipSpace(s, end); s[i] == ',' {
					i = skipSpace(s, i+1)
					end = valueEnd(s, i)
					second = value{s[i:end], v.file, v.at}
					i = skipSpace(s, end)
				}
			}
		}
		if second.text == "" || s[i] != ']' {
			i = valueEnd(s, start)
			first, second = value{s[start:i], v.file, v.at}, value{}
		} else {
			i++
		}
		if err := yield(n, first, second); err != nil {
			return err
		}
		if i = skipSpace(s, i); s[i] == ',' {
			i = skipSpace(s, i+1)
		}
	}
	return nil
}

// array returns the elements of v.
func (v value) array() ([]value, error) {
	var elements []value
	err := v.elements(func(i int, element value) error {
		element.at = fmt.Sprintf("%s[%d]", v.at, i)
		elements = append(elements, element)
		return nil
	})
	return elements, err
}

// object returns the members of v by key. A key that occurs twice is an error.
func (v value) object() (object, error) {
	o := object{value: v, members: map[string]value{}}
	err := v.each(func(key string, member value) error {
		if _, twice := o.members[key]; twice {
			return v.errorf("key %q twice", key)
		}
		member.at = v.below(key)
		o.members[key] = member
		o.keys = append(o.keys, key)
		return nil
	})
	return o, err
}

// An object is a JSON object read by key.
type object struct {
	value
	keys    []string
	members map[string]value
}

// only returns an error if o has a key that is not among known.
func (o object) only(known ...string) error {
next:
	for _, key := range o.keys {
		for _, k := range known {
			if key == k {
				continue next
			}
		}
		return o.unsupported("unknown key %q", key)
	}
	return nil
}

// get returns the member of that key; where there is none, an empty value,
// which is null and whose place is the key's.
func (o object) get(key string) value {
	if v, ok := o.members[key]; ok {
		return v
	}
	return value{file: o.file, at: o.below(key)}
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// valueEnd returns the end of the value that starts at s[i], in a checked document.
func valueEnd(s string, i int) int {
	for depth := 0; ; i++ {
		switch s[i] {
		case '"':
			for i++; s[i] != '"'; i++ {
				for s[i] > '\\' { // most letters, and all beyond ASCII
					i++
				}
				if s[i] == '"' {
					break
				}
				if s[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			for i < len(s) && strings.IndexByte(",]} \n\r\t", s[i]) < 0 {
				i++
			}
			return i
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// skipValue returns the end of the value that starts at s[i].
func skipValue(s string, i, depth int) (int, error) {
	if depth > maxDepth {
		return i, fmt.Errorf("byte %d: nested more than %d deep", i, maxDepth)
	}
	if i >= len(s) {
		return i, errors.New("it ends early")
	}
	switch c := s[i]; {
	case c == '"':
		return skipString(s, i)
	case c == '{':
		return skipMembers(s, i, '}', depth)
	case c == '[':
		return skipMembers(s, i, ']', depth)
	case c == '-' || '0' <= c && c <= '9':
		return skipNumber(s, i)
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if strings.HasPrefix(s[i:], word) {
			return i + len(word), nil
		}
	}
	return i, fmt.Errorf("byte %d: %q, expected a value", i, s[i])
}

// skipMembers skips the object or array that starts at s[i] and ends with closing.
func skipMembers(s string, i int, closing byte, depth int) (int, error) {
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == closing {
		return i + 1, nil
	}
	var err error
	for {
		if closing == '}' {
			if i >= len(s) || s[i] != '"' {
				return i, fmt.Errorf("byte %d: expected a key", i)
			}
			if i, err = skipString(s, i); err != nil {
				return i, err
			}
			if i = skipSpace(s, i); i >= len(s) || s[i] != ':' {
				return i, fmt.Errorf("byte %d: expected ':'", i)
			}
			i = skipSpace(s, i+1)
		}
		if i, err = skipValue(s, i, depth+1); err != nil {
			return i, err
		}
		i = skipSpace(s, i)
		switch {
		case i < len(s) && s[i] == closing:
			return i + 1, nil
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		default:
			return i, fmt.Errorf("byte %d: expected ',' or '%c'", i, closing)
		}
	}
}

func skipString(s string, i int) (int, error) {
	for i++; i < len(s); i++ {
		for i < len(s) && s[i] > '\\' { // most letters, and all beyond ASCII
			i++
		}
		if i == len(s) {
			break
		}
		switch c := s[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return i, fmt.Errorf("byte %d: control character in a string", i)
		case c == '\\':
			n := escapeLen(s[i:])
			if n == 0 {
				return i, fmt.Errorf("byte %d: bad escape", i)
			}
			i += n - 1
		}
	}
	return i, errors.New("it ends inside a string")
}

// escapeLen returns the length of the escape that s starts with, 0 if it is none.
// A pair of surrogates is one escape, an unpaired one is none.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 0
	}
	if s[1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, s[1]) < 0 {
			return 0
		}
		return 2
	}
	switch u := hex4(s[2:]); {
	case u < 0 || 0xDC00 <= u && u < 0xE000:
		return 0
	case 0xD800 <= u && u < 0xDC00:
		if len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
			return 0
		}
		if low := hex4(s[8:]); low < 0xDC00 || low >= 0xE000 {
			return 0
		}
		return 12
	}
	return 6
}

// hex4 returns the number that the first four bytes of s spell, -1 if they do not.
func hex4(s string) rune {
	if len(s) < 4 {
		return -1
	}
	var u rune
	for i := range 4 {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			u = u<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			u = u<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return u
}

func skipNumber(s string, i int) (int, error) {
	start := i
	digits := func() bool {
		from := i
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if s[i] == '-' {
		i++
	}
	first := i
	ok := digits() && (s[first] != '0' || i == first+1)
	if ok && i < len(s) && s[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		ok = digits()
	}
	if !ok {
		return i, fmt.Errorf("byte %d: bad number", start)
	}
	return i, nil
}

// unquote returns the string that the checked literal s stands for.
func unquote(s string) string {
	s = s[1 : len(s)-1]
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	out := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		n := escapeLen(s[i:])
		switch n {
		case 2:
			c := s[i+1]
			if k := strings.IndexByte("bfnrt", c); k >= 0 {
				c = "\b\f\n\r\t"[k]
			}
			out = append(out, c)
		case 6:
			out = utf8.AppendRune(out, hex4(s[i+2:]))
		default:
			high, low := hex4(s[i+2:]), hex4(s[i+8:])
			out = utf8.AppendRune(out, 0x10000+(high-0xD800)<<10+(low-0xDC00))
		}
		i += n
	}
	return string(out)
}
