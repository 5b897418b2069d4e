package tokenizer

import (
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A normalForm is one of the normalizers NFC, NFD, NFKC and NFKD (the Unicode
// Standard Annex 15, with the data of Unicode 9.0: unicode.go says why).
type normalForm struct {
	form       norm.Form // of Unicode 15.0: text that has it has the form of 9.0, too, but for new characters
	compatible bool
	composed   bool
}

var normalForms = map[string]normalForm{
	"NFC":  {form: norm.NFC, composed: true},
	"NFD":  {form: norm.NFD},
	"NFKC": {form: norm.NFKC, composed: true, compatible: true},
	"NFKD": {form: norm.NFKD, compatible: true},
}

func (normalForm) lowers() bool { return false }

func (f normalForm) append(dst, text []byte, s *scratch) []byte {
	// What is in the form by newer data is in it by older data: characters that
	// got a decomposition would not be there, those that got a class do no more
	// than divide runs of marks into shorter ones, which are in order.
	done := f.form.QuickSpan(text)
	if done == len(text) {
		s.trace.keep(0, done)
		return append(dst, text...)
	}
	// Start anew at a character of ASCII: the one before it composes with nothing after it.
	for done > 0 && (done >= len(text) || text[done-1] >= utf8.RuneSelf || text[done] >= utf8.RuneSelf) {
		done--
	}
	dst = append(dst, text[:done]...)
	s.trace.keep(0, done)
	s.marks = s.marks[:0]
	var buf [maxCompatible]mark
	turn := 0
	for i := done; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		i += n
		if turn++; turn%charactersBetween == 0 && s.ended() {
			return dst
		}
		if r < utf8.RuneSelf {
			dst = f.flush(dst, s)
			s.marks = append(s.marks, mark{r: r})
			continue
		}
		for k, m := range f.decompose(buf[:0], r) {
			m.change = int8(min(k, 1))
			if m.class == 0 && (!f.composed || !joinsBefore(m.r)) {
				dst = f.flush(dst, s)
			}
			s.marks = append(s.marks, m)
		}
	}
	return f.flush(dst, s)
}

// flush appends the waiting characters in canonical order, composed if f says so.
func (f normalForm) flush(dst []byte, s *scratch) []byte {
	marks := s.marks
	for i := 0; i < len(marks); { // sort the runs between starters
		end := i + 1
		if marks[i].class != 0 {
			for end < len(marks) && marks[end].class != 0 {
				end++
			}
			sortMarks(marks[i:end])
		}
		i = end
	}
	if f.composed && len(marks) > 1 {
		marks = compose(marks)
	}
	for _, m := range marks {
		dst = utf8.AppendRune(dst, m.r)
	}
	if s.trace != nil {
		s.trace.marks(marks)
	}
	s.marks = s.marks[:0]
	return dst
}

// compose composes marks in place: each character with the last starter before
// it, unless one between them has the same or a higher class.
func compose(marks []mark) []mark {
	out, starter := marks[:0], -1
	for _, m := range marks {
		if starter >= 0 {
			last := out[len(out)-1]
			adjacent := len(out)-1 == starter
			if adjacent || last.class != 0 && last.class < m.class {
				if r := composed(out[starter].r, m.r); r != 0 {
					out[starter].r = r
					out[starter].change += m.change - 1
					continue
				}
			}
		}
		out = append(out, m)
		if m.class == 0 {
			starter = len(out) - 1
		}
	}
	return out
}

// composed returns the primary composite of two characters; 0 if there is none.
func composed(a, b rune) rune {
	const l, v, t, s = 0x1100, 0x1161, 0x11A7, 0xAC00
	switch {
	case l <= a && a < l+19 && v <= b && b < v+21:
		return s + (a-l)*588 + (b-v)*28
	case s <= a && a < s+11172 && (a-s)%28 == 0 && t < b && b < t+28:
		return a + b - t
	}
	return compositions().pairs[[2]rune{a, b}]
}

// joinsBefore reports whether r, of class 0, composes with a character before it.
func joinsBefore(r rune) bool {
	return 0x1161 <= r && r < 0x11C3 || compositions().seconds[r]
}

type compositionTable struct {
	pairs   map[[2]rune]rune
	seconds map[rune]bool // second characters of class 0
}

// compositions returns the primary composites of Unicode 9.0 but for Hangul: the
// characters that are their own form C and decompose into two or more.
var compositions = sync.OnceValue(func() compositionTable {
	t := compositionTable{map[[2]rune]rune{}, map[rune]bool{}}
	for r := rune(0xC0); r < 0x11FFF; r++ {
		if 0x3400 <= r && r < 0xF900 || inTable(after9, r) {
			continue
		}
		text := string(r)
		d := norm.NFD.PropertiesString(text).Decomposition()
		if d == nil || !norm.NFC.IsNormalString(text) || norm.NFC.String(string(d)) != text {
			continue
		}
		second, n := utf8.DecodeLastRune(d)
		if n == len(d) {
			continue
		}
		first := norm.NFC.String(string(d[:len(d)-n]))
		if utf8.RuneCountInString(first) != 1 {
			continue
		}
		a, _ := utf8.DecodeRuneInString(first)
		t.pairs[[2]rune{a, second}] = r
		if norm.NFD.PropertiesString(string(second)).CCC() == 0 {
			t.seconds[second] = true
		}
	}
	return t
})

// maxCompatible is the most code points of a compatibility decomposition (U+FDFA).
const maxCompatible = 18

// decompose appends the decomposition of r, before reordering.
func (f normalForm) decompose(dst []mark, r rune) []mark {
	if !f.compatible || 0x3400 <= r && r < 0xA000 || 0xAC00 <= r && r < 0xE000 || inTable(compatible10, r) {
		return decompose(dst, r)
	}
	var buf [utf8.UTFMax]byte
	d := norm.NFKD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition()
	if d == nil || inTable(after9, r) {
		return decompose(dst, r)
	}
	for len(d) > 0 {
		r, n := utf8.DecodeRune(d)
		dst = append(dst, mark{r: r, class: norm.NFD.Properties(d).CCC()})
		d = d[n:]
	}
	return dst
}
