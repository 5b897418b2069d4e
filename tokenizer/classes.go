package tokenizer

import (
	"encoding/base64"
	"sync"
	"unicode/utf8"
)

// Classes of code points that regular expressions ask for, a bit each. The data
// is Unicode 16.0, that of Oniguruma in Hugging Face tokenizers 0.23.3.
const (
	letter    uint8 = 1 << iota // \p{L}
	number                      // \p{N}
	space                       // \s
	combining                   // \p{M}
	upper                       // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
	lower                       // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
	symbol                      // [\p{P}\p{S}]
	newline                     // [\r\n]
)

// categoryClasses holds the classes of each general category.
var categoryClasses = map[string]uint8{
	"Lu": letter | upper, "Ll": letter | lower, "Lt": letter | upper,
	"Lm": letter | upper | lower, "Lo": letter | upper | lower,
	"Mn": combining | upper | lower, "Mc": combining | upper | lower, "Me": combining | upper | lower,
	"Nd": number, "Nl": number, "No": number,
	"Pc": symbol, "Pd": symbol, "Ps": symbol, "Pe": symbol, "Pi": symbol, "Pf": symbol, "Po": symbol,
	"Sm": symbol, "Sc": symbol, "Sk": symbol, "So": symbol,
	"Zs": space, "Zl": space, "Zp": space,
}

// A categoryRun is code points of one general category.
type categoryRun struct {
	runeRange
	category uint8 // index into categoryNames
}

// categories returns the runs of categoryRuns.
var categories = sync.OnceValue(func() []categoryRun { return unpackRuns(categoryRuns) })

// unpackRuns reads runs of a category and a length in base 128, in base 64.
func unpackRuns(text string) (runs []categoryRun) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	for c, i := rune(0), 0; i < len(packed); {
		category, length := packed[i], rune(0)
		for shift := 0; ; shift += 7 {
			i++
			length |= rune(packed[i]&0x7F) << shift
			if packed[i] < 0x80 {
				break
			}
		}
		i++
		runs = append(runs, categoryRun{runeRange{c, c + length - 1}, category})
		c += length
	}
	return runs
}

// A pageTable is a table of all code points, in pages of 256, of which equal ones
// are one.
type pageTable struct {
	index [(utf8.MaxRune + 1) >> 8]uint16
	pages [][256]uint8
}

// of returns the entry of r.
func (t *pageTable) of(r rune) uint8 { return t.pages[t.index[r>>8]][r&0xFF] }

// paged cuts a table of all code points into pages.
func paged(flat []uint8) (t pageTable) {
	seen := map[[256]uint8]uint16{}
	for i := range t.index {
		page := [256]uint8(flat[i<<8:])
		n, ok := seen[page]
		if !ok {
			n = uint16(len(t.pages))
			seen[page] = n
			t.pages = append(t.pages, page)
		}
		t.index[i] = n
	}
	return t
}

// A classTable holds the classes of all code points.
type classTable struct {
	ascii [utf8.RuneSelf]uint8
	pageTable
}

// classes returns the table of the classes.
var classes = sync.OnceValue(func() *classTable {
	flat := make([]uint8, utf8.MaxRune+1)
	for _, run := range categories() {
		if class := categoryClasses[categoryNames[run.category]]; class != 0 {
			for c := run.lo; c <= run.hi; c++ {
				flat[c] = class
			}
		}
	}
	for c := '\t'; c <= '\r'; c++ {
		flat[c] = space
	}
	flat[0x85] = space
	flat['\n'] |= newline
	flat['\r'] |= newline
	t := &classTable{pageTable: paged(flat)}
	copy(t.ascii[:], flat)
	return t
})

// of returns the classes of r.
func (t *classTable) of(r rune) uint8 {
	if r < utf8.RuneSelf {
		return t.ascii[r]
	}
	return t.pageTable.of(r)
}

// at returns the classes of the character at text[i] and its length; 0, 0 at the end.
func (t *classTable) at(text []byte, i int) (uint8, int) {
	if i >= len(text) {
		return 0, 0
	}
	if c := text[i]; c < utf8.RuneSelf {
		return t.ascii[c], 1
	}
	r, n := utf8.DecodeRune(text[i:])
	return t.pageTable.of(r), n
}

// run returns the end of the characters from text[i] on that have one of the classes.
func (t *classTable) run(text []byte, i int, class uint8) int {
	for i < len(text) {
		c, n := t.at(text, i)
		if c&class == 0 {
			break
		}
		i += n
	}
	return i
}

// others returns the end of the characters from text[i] on that have none of the classes.
func (t *classTable) others(text []byte, i int, class uint8) int {
	for i < len(text) {
		c, n := t.at(text, i)
		if c&class != 0 {
			break
		}
		i += n
	}
	return i
}
