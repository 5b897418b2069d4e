package embedhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"unicode/utf8"
)

// ignored is a JSON value that is only checked.
type ignored struct{}

func (*ignored) UnmarshalJSON([]byte) error { return nil }

// checkJSON checks that body is one JSON value in UTF-8.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return fail(codeInvalidJSON, "", "the body is not UTF-8")
	}
	if json.Valid(body) { // in one pass, not two
		return nil
	}
	err := json.Unmarshal(body, new(ignored))
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fail(codeInvalidJSON, "", "byte %d: %s", syntax.Offset, strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return err
}

// A beginning is the first byte of a JSON value.
type beginning byte

func (b *beginning) UnmarshalJSON(value []byte) error {
	*b = beginning(value[0])
	return nil
}

// membersOf returns how the members of a JSON object begin; of what is none, nil.
func membersOf(body []byte) map[string]beginning {
	var members map[string]beginning
	if json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &members) != nil {
		return nil
	}
	return members
}

// parts returns the values of a JSON array, or the members of an object, without
// the space around them. data is valid.
func parts(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		data = bytes.TrimSpace(data)
		data = bytes.TrimSpace(data[1 : len(data)-1])
		for len(data) > 0 {
			n := until(data, ',')
			if !yield(bytes.TrimSpace(data[:n])) {
				return
			}
			data = data[min(n+1, len(data)):]
		}
	}
}

// member returns the name and the value of an object's member.
func member(data []byte) (name string, value []byte) {
	n := until(data, ':')
	return unquote(bytes.TrimSpace(data[:n])), bytes.TrimSpace(data[n+1:])
}

// until returns where the byte end stands in data, outside of strings, arrays and
// objects, or len(data).
func until(data []byte, end byte) int {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == end && depth == 0:
			return i
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
	}
	return len(data)
}

// unquote returns the text of a JSON string, which is valid. Half a surrogate
// pair is U+FFFD.
func unquote(data []byte) string {
	if bytes.IndexByte(data, '\\') < 0 {
		return string(data[1 : len(data)-1])
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		panic("embedhttp: " + err.Error()) // data is valid
	}
	return s
}

// excerpt returns the beginning of a JSON value for a message.
func excerpt(data []byte) string {
	const most = 40
	if len(data) <= most {
		return string(data)
	}
	return strings.ToValidUTF8(string(data[:most]), "") + "…"
}
