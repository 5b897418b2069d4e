package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// A span is the part [start, end) of a text, in bytes.
type span struct{ start, end int }

// A splitter appends to dst the words of text[within.start:within.end]. None is empty.
type splitter func(dst []span, text []byte, within span, s *scratch) []span

// A preTokenizer is a step that splits the words it is given, or rewrites them.
type preTokenizer struct {
	split splitter
	// write appends to dst what the characters of a word become, each by itself
	// and none nothing.
	write func(dst, word []byte) []byte
	// prefix returns what write's words get before them; nil for nothing. first
	// says that the word begins where the input does.
	prefix    func(word []byte, first bool) string
	firstOnly bool // asks for first
	byteLevel bool // rewrites bytes as the characters of ByteLevel
}

// preTokenize returns the words of a part of text, which lie in the text that it
// returns. first says that the part begins where the input does.
func (t *Tokenizer) preTokenize(text []byte, part span, first bool, s *scratch) ([]byte, []span) {
	words := append(s.words[0][:0], part)
	other := s.words[1]
	steps := t.preTokenizers
	if s.trace == nil {
		steps = steps[:len(steps)-t.fused]
	}
	s.trace.rewind()
	rewrites := 0
	for i := range steps {
		step := &steps[i]
		if s.err != nil {
			return text, nil
		}
		if step.write != nil {
			buffer := &s.rewritten[rewrites&1]
			s.trace.beginWords(rewrites, text)
			out := (*buffer)[:0]
			for k, w := range words {
				start, prefix := len(out), ""
				if step.prefix != nil {
					prefix = step.prefix(text[w.start:w.end], first && k == 0)
					out = append(out, prefix...)
				}
				if s.trace == nil {
					out = step.write(out, text[w.start:w.end])
				} else {
					s.trace.put(len(prefix), w.start)
					out = s.trace.each(out, w, step.write)
				}
				words[k] = span{start, len(out)}
			}
			s.trace.endWords(rewrites)
			rewrites++
			*buffer = out
			s.grow(len(out) - len(text))
			text = out
			continue
		}
		other = other[:0]
		for k, w := range words {
			if k%wordsBetween == wordsBetween-1 && s.ended() {
				return text, nil
			}
			other = step.split(other, text, w, s)
		}
		first = first && len(other) > 0 && other[0].start == words[0].start
		words, other = other, words
	}
	s.words = [2][]span{words, other}
	if s.err != nil {
		return text, nil
	}
	return text, words
}

// parsePreTokenizer appends the steps of v to steps. null has none.
func parsePreTokenizer(steps []preTokenizer, v value) ([]preTokenizer, error) {
	if v.null() {
		return steps, nil
	}
	o, kind, err := parseStep(v)
	if err != nil {
		return nil, err
	}
	var split splitter
	switch kind {
	case "BertPreTokenizer":
		split, err = splitBERT, o.only("type")
	case "ByteLevel":
		return parseByteLevel(steps, o)
	case "CharDelimiterSplit":
		split, err = parseDelimiter(o)
	case "Digits":
		split, err = parseDigits(o)
	case "FixedLength":
		split, err = parseFixedLength(o)
	case "Metaspace":
		return parseMetaspace(steps, o)
	case "Punctuation":
		split, err = parsePunctuation(o)
	case "Sequence":
		return parseSequence(o, "pretokenizers", steps, parsePreTokenizer)
	case "Split":
		split, err = parseSplit(o)
	case "UnicodeScripts":
		split, err = splitScripts, o.only("type")
	case "Whitespace":
		split, err = splitWhitespace, o.only("type")
	case "WhitespaceSplit":
		split, err = splitSpaces, o.only("type")
	default:
		return nil, v.unsupported("unknown type %q", kind)
	}
	return append(steps, preTokenizer{split: split}), err
}

// parseDelimiter reads CharDelimiterSplit: it splits at one character, which goes.
func parseDelimiter(o object) (splitter, error) {
	if err := o.only("type", "delimiter"); err != nil {
		return nil, err
	}
	v := o.get("delimiter")
	delimiter, err := v.char()
	return splitBy(literal(delimiter), removeMatches, false), err
}

// parseDigits reads Digits: it splits numbers from the rest, or each from each.
func parseDigits(o object) (splitter, error) {
	if err := o.only("type", "individual_digits"); err != nil {
		return nil, err
	}
	each, err := o.get("individual_digits").boolean()
	if each {
		return isolated(character(isNumeric)), err
	}
	return splitBy(character(isNumeric), contiguous, false), err
}

// parseFixedLength reads FixedLength; without length it is 5.
func parseFixedLength(o object) (splitter, error) {
	if err := o.only("type", "length"); err != nil {
		return nil, err
	}
	n := int32(5)
	if v, ok := o.members["length"]; ok {
		var err error
		if n, err = v.natural(); err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, v.errorf("0, expected at least 1")
		}
	}
	return splitLength(int(n)), nil
}

// parsePunctuation reads Punctuation; without behavior it isolates.
func parsePunctuation(o object) (splitter, error) {
	if err := o.only("type", "behavior"); err != nil {
		return nil, err
	}
	b := isolateMatches
	if v, ok := o.members["behavior"]; ok {
		var err error
		if b, err = parseBehavior(v); err != nil {
			return nil, err
		}
	}
	return splitBy(character(isPunctuation), b, false), nil
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
func splitBERT(dst []span, text []byte, within span, _ *scratch) []span {
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
