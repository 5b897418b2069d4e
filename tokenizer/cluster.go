package tokenizer

import (
	"sync"
	"unicode/utf8"
)

// Classes of code points for extended grapheme clusters (the Unicode Standard
// Annex 29), those of clusterRuns and Hangul syllables. CR and LF are controls;
// flags are plain, as no cluster with one is short.
const (
	plain uint8 = iota
	control
	extending         // Extend
	extendingConjunct // Extend or ZWJ, with Indic_Conjunct_Break=Extend
	linking           // Extend, with Indic_Conjunct_Break=Linker
	spacing           // SpacingMark
	prepending        // Prepend
	pictograph        // Extended_Pictographic
	consonant         // Indic_Conjunct_Break=Consonant
	hangulL
	hangulV
	hangulT
	hangulLV
	hangulLVT
)

const zeroWidthJoiner = 0x200D

// A clusterTable holds the classes.
type clusterTable struct{ pageTable }

var clusters = sync.OnceValue(func() *clusterTable {
	flat := make([]uint8, utf8.MaxRune+1)
	for _, run := range unpackRuns(clusterRuns) {
		for c := run.lo; c <= run.hi; c++ {
			flat[c] = run.category
		}
	}
	for c := 0xAC00; c < 0xAC00+11172; c++ {
		flat[c] = hangulLVT
		if (c-0xAC00)%28 == 0 {
			flat[c] = hangulLV
		}
	}
	return &clusterTable{paged(flat)}
})

func (t *clusterTable) at(text []byte, i int) (class uint8, r rune, n int) {
	r, n = utf8.DecodeRune(text[i:])
	return t.of(r), r, n
}

// end returns the end of the cluster that starts at text[i].
func (t *clusterTable) end(text []byte, i int) int {
	class, r, n := t.at(text, i)
	pictographs := class == pictograph // only a pictograph and Extend so far since it
	conjunct := class == consonant     // only a consonant, links and their extensions since it
	linked := false
	for i += n; i < len(text); i += n {
		last, lastRune := class, r
		class, r, n = t.at(text, i)
		switch {
		case lastRune == '\r' && r == '\n':
			continue
		case last == control || class == control:
			return i
		}
		switch class {
		case extending, extendingConjunct, linking:
			conjunct = conjunct && class != extending
			linked = linked || class == linking
			pictographs = pictographs && lastRune != zeroWidthJoiner
			continue
		case spacing:
			conjunct, pictographs = false, false
			continue
		}
		joined := last == prepending ||
			last == hangulL && (class == hangulL || class == hangulV || class == hangulLV || class == hangulLVT) ||
			(last == hangulLV || last == hangulV) && (class == hangulV || class == hangulT) ||
			(last == hangulLVT || last == hangulT) && class == hangulT ||
			class == pictograph && pictographs && lastRune == zeroWidthJoiner ||
			class == consonant && conjunct && linked
		if !joined {
			return i
		}
		pictographs = class == pictograph
		conjunct, linked = class == consonant, false
	}
	return i
}
