package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// A span is the part [start, end) of a text, in bytes.
type span struct{ start, end int }

// A preTokenizer appends to dst the words of text[within.start:within.end].
type preTokenizer func(dst []span, text []byte, within span) []span

// parsePreTokenizer appends the steps of v to steps. null has none.
func parsePreTokenizer(steps []preTokenizer, v value) ([]preTokenizer, error) {
	if v.null() {
		return steps, nil
	}
	o, kind, err := parseStep(v)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BertPreTokenizer":
		return append(steps, splitBERT), o.only("type")
	case "Sequence":
		return parseSequence(o, "pretokenizers", steps, parsePreTokenizer)
	}
	return nil, v.errorf("unknown type %q", kind)
}

// Classes of characters of the BERT pre-tokenizer.
const (
	inWord = iota
	whiteSpace
	punctuation
	multibyte // only in asciiClass: the character needs classBERT
)

// asciiClass holds the class of each byte.
var asciiClass = func() (class [256]uint8) {
	for c := range class {
		switch {
		case c >= utf8.RuneSelf:
			class[c] = multibyte
		case unicode.IsSpace(rune(c)):
			class[c] = whiteSpace
		case unicode.IsPunct(rune(c)) || unicode.IsSymbol(rune(c)):
			class[c] = punctuation
		}
	}
	return class
}()

// classBERT returns the class of a character beyond ASCII.
func classBERT(r rune) uint8 {
	switch {
	case unicode.IsSpace(r):
		return whiteSpace
	case inTable(punctuation8, r):
		return punctuation
	}
	return inWord
}

// splitBERT splits at white space, which goes, and around each punctuation
// character, as BertPreTokenizer of Hugging Face tokenizers 0.23.3.
func splitBERT(dst []span, text []byte, within span) []span {
	word := within.start // where the current word starts
	for i := within.start; i < within.end; {
		class, n := asciiClass[text[i]], 1
		if class == inWord {
			i++
			continue
		}
		if class == multibyte {
			var r rune
			r, n = utf8.DecodeRune(text[i:within.end])
			if class = classBERT(r); class == inWord {
				i += n
				continue
			}
		}
		if word < i {
			dst = append(dst, span{word, i})
		}
		if class == punctuation {
			dst = append(dst, span{i, i + n})
		}
		i += n
		word = i
	}
	if word < within.end {
		dst = append(dst, span{word, within.end})
	}
	return dst
}
