package gitignore

import "strings"

// A segment is what a pattern says of one name, or of any number of them.
type segment struct {
	names   bool    // two stars: any number of names
	literal string  // where there are no tokens
	tokens  []token // of the bytes of the name
}

// A token is any number of bytes, or one byte of a set.
type token struct {
	star bool
	set  set
}

// A set has the bytes whose bits are set.
type set [4]uint64

func (s *set) add(b byte)      { s[b>>6] |= 1 << (b & 63) }
func (s *set) has(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

// addRange adds the bytes from low to high.
func (s *set) addRange(low, high byte) {
	for b := int(low); b <= int(high); b++ {
		s.add(byte(b))
	}
}

// parseSegment returns what a pattern's part between slashes means; false for what matches
// nothing.
func parseSegment(part string) (s segment, ok bool) {
	if !strings.ContainsAny(part, `*?[\`) {
		return segment{literal: part}, true
	}
	for i := 0; i < len(part); i++ {
		var t token
		switch part[i] {
		case '*':
			t.star = true
		case '?':
			t.set.addRange(0, 255)
		case '[':
			set, length := parseClass(part[i:])
			if length == 0 {
				return s, false
			}
			t.set = set
			i += length - 1
		case '\\':
			if i++; i == len(part) {
				return s, false
			}
			fallthrough
		default:
			t.set.add(part[i])
		}
		if n := len(s.tokens); t.star && n > 0 && s.tokens[n-1].star {
			continue
		}
		s.tokens = append(s.tokens, t)
	}
	return s, true
}

// classes are the bytes of the names of POSIX, in the locale C.
var classes = map[string]string{
	"alnum": "09AZaz", "alpha": "AZaz", "blank": "  \t\t", "cntrl": "\x00\x1f\x7f\x7f",
	"digit": "09", "graph": "!~", "lower": "az", "print": " ~", "punct": "!/:@[`{~",
	"space": "\t\r  ", "upper": "AZ", "xdigit": "09AFaf",
}

// parseClass returns the set that part begins with, in brackets, and its length; 0 where it
// does not end or names a class that there is not.
func parseClass(part string) (s set, length int) {
	i, negated := 1, false
	if i < len(part) && (part[i] == '!' || part[i] == '^') {
		negated = true
		i++
	}
	var last byte // that a range may begin with; 0 = none
	for first := true; ; first = false {
		if i >= len(part) {
			return s, 0
		}
		b := part[i]
		switch {
		case b == ']' && !first:
			if negated {
				for n := range s {
					s[n] = ^s[n]
				}
			}
			return s, i + 1
		case b == '\\':
			if i++; i == len(part) {
				return s, 0
			}
			last = part[i]
			s.add(last)
		case b == '-' && last != 0 && i+1 < len(part) && part[i+1] != ']':
			if i++; part[i] == '\\' {
				if i++; i == len(part) {
					return s, 0
				}
			}
			s.addRange(last, part[i])
			last = 0
		case b == '[' && strings.HasPrefix(part[i+1:], ":"):
			end := strings.IndexByte(part[i+2:], ']')
			if end < 0 {
				return s, 0
			}
			name, ok := strings.CutSuffix(part[i+2:i+2+end], ":")
			if !ok {
				last = b
				s.add(b)
				break
			}
			ranges, ok := classes[name]
			if !ok {
				return s, 0
			}
			for ; ranges != ""; ranges = ranges[2:] {
				s.addRange(ranges[0], ranges[1])
			}
			i += 2 + end
			last = 0
		default:
			last = b
			s.add(b)
		}
		i++
	}
}

// match reports whether the segment matches the name. Where a byte does not match, the last
// star takes one more.
func (s *segment) match(name string) bool {
	if s.tokens == nil {
		return !s.names && name == s.literal
	}
	t, star, from := 0, -1, 0
	for i := 0; i < len(name); {
		switch {
		case t < len(s.tokens) && s.tokens[t].star:
			star, from = t, i
			t++
		case t < len(s.tokens) && s.tokens[t].set.has(name[i]):
			t++
			i++
		case star >= 0:
			from++
			t, i = star+1, from
		default:
			return false
		}
	}
	for t < len(s.tokens) && s.tokens[t].star {
		t++
	}
	return t == len(s.tokens)
}
