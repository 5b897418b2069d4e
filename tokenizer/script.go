package tokenizer

import (
	"sync"
	"unicode/utf8"
)

// splitScriptTable returns the script of every code point for splitScripts.
var splitScriptTable = sync.OnceValue(func() *pageTable {
	flat := make([]uint8, utf8.MaxRune+1)
	for _, run := range unpackRuns(splitScriptRuns) {
		for c := run.lo; c <= run.hi; c++ {
			flat[c] = run.category
		}
	}
	t := paged(flat)
	return &t
})

// splitScripts splits where the script changes, as UnicodeScripts of Hugging Face
// tokenizers 0.23.3, to which Hiragana and Katakana are Han. The space and what
// has no script go with what is before them; at the start they go.
func splitScripts(dst []span, text []byte, within span, _ *scratch) []span {
	table := splitScriptTable()
	last, word := uint8(0), within.end
	for i := within.start; i < within.end; {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:within.end])
		}
		if script := table.of(r); script != 0 && script != last {
			if last != 0 {
				dst = append(dst, span{word, i})
			}
			last, word = script, i
		}
		i += n
	}
	if word < within.end {
		dst = append(dst, span{word, within.end})
	}
	return dst
}
