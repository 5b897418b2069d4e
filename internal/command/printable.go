package command

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escaped returns s without what a terminal obeys instead of showing it: control
// characters, those that turn the direction of text, and bytes that are not UTF-8
// are written as in a Go string.
func escaped(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, obeyed) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 || obeyed(r) {
			quoted := strconv.QuoteToASCII(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func obeyed(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// lines returns the message of err, which may have several lines, escaped.
func lines(err error) string {
	list := strings.Split(err.Error(), "\n")
	for i := range list {
		list[i] = escaped(list[i])
	}
	return strings.Join(list, "\n")
}

// excerpt returns the beginning of s, at most n characters in one line, escaped.
func excerpt(s string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) && unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s[:min(len(s), utf8.UTFMax*(n+1))])
	if clean = escaped(clean); utf8.RuneCountInString(clean) <= n {
		return clean
	}
	return string([]rune(clean)[:n-1]) + "…"
}
