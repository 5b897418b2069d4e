package chunk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/clipperhouse/uax29/v2/sentences"
	"github.com/clipperhouse/uax29/v2/words"
)

// A level says what a place between two bytes is a border of. A border of one level is
// one of those below too.
type level uint8

const (
	inside    level = iota // of a code point
	codePoint              // inside a character
	character
	word
	sentence
	paragraph
)

// levels returns the level of the place before each byte of text, and of its end.
func levels(text string) []level {
	l := make([]level, len(text)+1)
	l[0], l[len(text)] = paragraph, paragraph
	for i := range text {
		l[i] = max(l[i], codePoint)
	}
	for it := graphemes.FromString(text); it.Next(); {
		l[it.End()] = max(l[it.End()], character)
	}
	raise := func(at int, to level) {
		if l[at] >= character {
			l[at] = max(l[at], to)
		}
	}
	for it := words.FromString(text); it.Next(); {
		if at := it.End(); beginsWord(text, at) {
			raise(at, word)
		}
	}
	eachStretch(text, func(start, end, next int) {
		for it := sentences.FromString(text[start:end]); it.Next(); {
			if at := start + it.End(); at < end {
				raise(at, sentence)
			}
		}
		if end == next || newline(text[next:]) == 0 {
			raise(next, sentence)
		}
	})
	some, blank := false, false // there was a line with something; the last one has nothing
	for at := 0; at < len(text); {
		line := text[at:]
		if n := strings.IndexAny(line, "\r\n\u2029"); n >= 0 {
			line = line[:n+newline(line[n:])]
		}
		switch nothing := strings.TrimSpace(line) == ""; {
		case nothing:
			l[at] = min(l[at], character) // it belongs to what is before it
			blank = true
		default:
			if some && blank {
				raise(at, paragraph)
			}
			some, blank = true, strings.HasSuffix(line, "\u2029")
		}
		at += len(line)
	}
	l[0], l[len(text)] = paragraph, paragraph
	return l
}

// newline returns the length of the line's or the paragraph's end that s begins with, 0
// where there is none.
func newline(s string) int {
	for _, end := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if strings.HasPrefix(s, end) {
			return len(end)
		}
	}
	return 0
}

// beginsWord reports whether a chunk may begin at a border of words: not with white
// space, nor with punctuation that belongs to what is before it, nor behind an opening mark.
func beginsWord(text string, at int) bool {
	next, _ := utf8.DecodeRuneInString(text[at:])
	last, _ := utf8.DecodeLastRuneInString(text[:at])
	return unicode.IsSpace(last) && !unicode.IsSpace(next) ||
		!unicode.IsSpace(next) && !unicode.IsPunct(next) && !unicode.In(last, unicode.Ps, unicode.Pi)
}

// longRun is how many code points without a letter or a number are looked at as parts of
// a sentence. A longer run ends one. Rule SB8 looks ahead from each mark and blank
// after a full stop, which is quadratic in a run of them.
const longRun = 64

// eachStretch calls f with the parts of a text that have sentences of their own:
// text[start:end], up to the end of a line (rule SB4) or the head of a long run. The next
// stretch begins at next.
func eachStretch(text string, f func(start, end, next int)) {
	start, run := 0, 0
	for i, r := range text {
		if i < start {
			continue
		}
		if run++; unicode.IsLetter(r) || unicode.IsNumber(r) {
			run = 0
		}
		end, next := 0, 0
		if n := newline(text[i:]); n > 0 {
			end, next = i+n, i+n
		} else if run == longRun {
			end = i
			if next = strings.IndexFunc(text[i:], endsRun); next < 0 {
				next = len(text) - i
			}
			next += i
		}
		if next > 0 {
			f(start, end, next)
			start, run = next, 0
		}
	}
	if start < len(text) {
		f(start, len(text), len(text))
	}
}

// endsRun reports whether r ends a long run: a letter, a number or a line's end.
func endsRun(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || newline(string(r)) > 0
}
