package tokenizer

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A pattern finds its matches in a text: the leftmost one, the next after its
// end, and so on. It has one of the two functions.
type pattern struct {
	// next returns the first match that starts at or after text[i]; start is
	// len(text) where there is none. No match is empty.
	next func(text []byte, i int) (start, end int)
	// all returns all matches. Some may be empty.
	all func(text []byte, s *scratch) []span
}

// A finder goes through the matches of a pattern in a text.
type finder struct {
	pattern pattern
	text    []byte
	found   []span
}

func (p pattern) find(text []byte, s *scratch) finder {
	f := finder{pattern: p, text: text}
	if p.all != nil {
		f.found = p.all(text, s)
	}
	return f
}

// next returns the first match that starts at or after i, which is the end of the
// match before, and whether there is one; if not, it is empty and at the text's end.
func (f *finder) next(i int) (start, end int, ok bool) {
	if f.pattern.next != nil {
		start, end = f.pattern.next(f.text, i)
		return start, end, start < end
	}
	if len(f.found) == 0 {
		return len(f.text), len(f.text), false
	}
	m := f.found[0]
	f.found = f.found[1:]
	return m.start, m.end, true
}

// The regular expressions that have a scanner here. Their matches are those of
// Oniguruma 6.9, with which Hugging Face tokenizers 0.23.3 runs them.
const (
	contractions = `'s|'t|'re|'ve|'m|'ll|'d`

	patternGPT2 = contractions + `| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternCLIP = `<\|startoftext\|>|<\|endoftext\|>|` + contractions + `|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`

	// cl100k, with which Llama 3 and Qwen 2 differ from each other in the length of numbers.
	patternWords  = `(?i:` + contractions + `)|[^\r\n\p{L}\p{N}]?\p{L}+|`
	patternRest   = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternLlama3 = patternWords + `\p{N}{1,3}` + patternRest
	patternQwen2  = patternWords + `\p{N}` + patternRest

	patternO200k = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:` + contractions + `)?|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:` + contractions + `)?|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	// The third of DeepSeek 3; the two before it are setPatterns.
	patternDeepSeek = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" +
		`|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternSpaces      = `\s+`
	patternLastSpaces  = `\s+$`
	patternThreeDigits = `[0-9][0-9][0-9]`
)

// scanner returns the scanner of a regular expression, and whether it has one.
func scanner(expression string) (pattern, bool) {
	t := classes()
	switch expression {
	case patternGPT2:
		return everywhere(t.gpt2), true
	case patternCLIP:
		return pattern{next: t.clip}, true
	case patternLlama3:
		return everywhere(func(text []byte, i int) int { return t.cl100k(text, i, 3) }), true
	case patternQwen2:
		return everywhere(func(text []byte, i int) int { return t.cl100k(text, i, 1) }), true
	case patternO200k:
		return everywhere(t.o200k), true
	case patternDeepSeek:
		return pattern{next: t.deepSeek}, true
	case patternSpaces:
		return pattern{next: t.spaces}, true
	case patternLastSpaces:
		return pattern{next: t.lastSpaces}, true
	case patternThreeDigits:
		return pattern{next: threeDigits}, true
	}
	return scanSets(expression)
}

// everywhere is the pattern that matches at each place, as far as end says.
func everywhere(end func(text []byte, i int) int) pattern {
	return pattern{next: func(text []byte, i int) (int, int) {
		if i >= len(text) {
			return len(text), len(text)
		}
		return i, end(text, i)
	}}
}

// gpt2 returns the end of the match of patternGPT2 at text[i].
func (t *classTable) gpt2(text []byte, i int) int {
	if text[i] == '\'' {
		if end := contraction(text, i); end > 0 {
			return end
		}
	}
	word := i
	if text[i] == ' ' {
		word++
	}
	switch class, n := t.at(text, word); {
	case n == 0 || class&space != 0:
		return t.blank(text, i)
	case class&letter != 0:
		return t.run(text, word+n, letter)
	case class&number != 0:
		return t.run(text, word+n, number)
	default:
		return t.others(text, word+n, space|letter|number)
	}
}

// blank returns the end of the match of \s+(?!\S)|\s+ at text[i], which is white
// space: all of it, but for the last character where more text and more than one
// character of white space follow.
func (t *classTable) blank(text []byte, i int) int {
	end := t.run(text, i, space)
	if end == len(text) {
		return end
	}
	if _, n := utf8.DecodeLastRune(text[i:end]); end-n > i {
		return end - n
	}
	return end
}

// contraction returns the end of the contraction at text[i], an apostrophe; 0 if there is none.
func contraction(text []byte, i int) int {
	if i+1 >= len(text) {
		return 0
	}
	switch c := text[i+1]; c {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v', 'l':
		if i+2 < len(text) && (c == 'l' && text[i+2] == 'l' || c != 'l' && text[i+2] == 'e') {
			return i + 3
		}
	}
	return 0
}

// contractionFold is contraction in upper and lower case. U+017F is an s.
func contractionFold(text []byte, i int) int {
	if i+1 >= len(text) {
		return 0
	}
	switch c := text[i+1] | 0x20; c {
	case 's', 't', 'm', 'd':
		return i + 2
	case 'r', 'v', 'l':
		if i+2 < len(text) && (c == 'l' && text[i+2]|0x20 == 'l' || c != 'l' && text[i+2]|0x20 == 'e') {
			return i + 3
		}
	case 0xC5 | 0x20:
		if text[i+1] == 0xC5 && i+2 < len(text) && text[i+2] == 0xBF {
			return i + 3
		}
	}
	return 0
}

// cl100k returns the end of the match of patternLlama3 at text[i], with numbers
// of up to that many digits.
func (t *classTable) cl100k(text []byte, i, digits int) int {
	if text[i] == '\'' {
		if end := contractionFold(text, i); end > 0 {
			return end
		}
	}
	class, n := t.at(text, i)
	switch {
	case class&letter != 0:
		return t.run(text, i+n, letter)
	case class&number != 0:
		return t.numbers(text, i+n, digits-1)
	}
	next, m := t.at(text, i+n)
	if next&letter != 0 && class&newline == 0 {
		return t.run(text, i+n+m, letter)
	}
	return t.symbols(text, i, '\n')
}

// numbers returns the end of up to that many numbers at text[i].
func (t *classTable) numbers(text []byte, i, most int) int {
	for ; most > 0; most-- {
		class, n := t.at(text, i)
		if class&number == 0 {
			break
		}
		i += n
	}
	return i
}

// symbols returns the end of the match of
// " ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+" at text[i], which is neither
// a letter nor a number. The first class of line ends has the character more, too.
func (t *classTable) symbols(text []byte, i int, more byte) int {
	from := i
	if text[i] == ' ' {
		from++
	}
	if class, n := t.at(text, from); n > 0 && class&(space|letter|number) == 0 {
		end := t.others(text, from+n, space|letter|number)
		for end < len(text) && (text[end] == '\r' || text[end] == '\n' || text[end] == more) {
			end++
		}
		return end
	}
	return t.lines(text, i)
}

// lines returns the end of the match of \s*[\r\n]+|\s+(?!\S)|\s+ at text[i], which
// is white space.
func (t *classTable) lines(text []byte, i int) int {
	last, end := 0, i // last is after the last line end
	for end < len(text) {
		class, n := t.at(text, end)
		if class&space == 0 {
			break
		}
		end += n
		if class&newline != 0 {
			last = end
		}
	}
	if last > 0 {
		return last
	}
	return t.blank(text, i)
}

// o200k returns the end of the match of patternO200k at text[i].
func (t *classTable) o200k(text []byte, i int) int {
	class, n := t.at(text, i)
	prefix := i // after the optional first character
	if class&(newline|letter|number) == 0 {
		prefix += n
	}
	for _, word := range [...]func([]byte, int) int{t.lowerWord, t.upperWord} {
		end := word(text, prefix)
		if end == 0 && prefix > i && class&combining != 0 {
			end = word(text, i)
		}
		if end > 0 {
			if end < len(text) && text[end] == '\'' {
				end = max(end, contractionFold(text, end))
			}
			return end
		}
	}
	if class&number != 0 {
		return t.numbers(text, i+n, 2)
	}
	return t.symbols(text, i, '/')
}

// lowerWord returns the end of the match of upper*lower+ at text[i]; 0 for none.
func (t *classTable) lowerWord(text []byte, i int) int {
	end := t.run(text, i, upper)
	if class, n := t.at(text, end); class&lower != 0 {
		return t.run(text, end+n, lower)
	}
	for end > i { // upper* gives characters back until lower+ has one
		r, n := utf8.DecodeLastRune(text[i:end])
		if t.of(r)&lower != 0 {
			return end
		}
		end -= n
	}
	return 0
}

// upperWord returns the end of the match of upper+lower* at text[i]; 0 for none.
func (t *classTable) upperWord(text []byte, i int) int {
	end := t.run(text, i, upper)
	if end == i {
		return 0
	}
	return t.run(text, end, lower)
}

// deepSeek is patternDeepSeek.
func (t *classTable) deepSeek(text []byte, i int) (int, int) {
	for i < len(text) {
		class, n := t.at(text, i)
		next, m := t.at(text, i+n)
		switch {
		case text[i] < utf8.RuneSelf && class&symbol != 0 && isLatin(text, i+1):
			end := i + 2
			for isLatin(text, end) {
				end++
			}
			return i, end
		case class&(newline|letter|symbol) == 0 && next&(letter|combining) != 0:
			return i, t.run(text, i+n+m, letter|combining)
		case class&(letter|combining) != 0:
			return i, t.run(text, i+n, letter|combining)
		case class&symbol != 0 || text[i] == ' ' && next&symbol != 0:
			end := t.run(text, i+n, symbol)
			for end < len(text) && (text[end] == '\r' || text[end] == '\n') {
				end++
			}
			return i, end
		case class&space != 0:
			return i, t.lines(text, i)
		}
		i += n
	}
	return len(text), len(text)
}

// isLatin reports whether text[i] is a letter of ASCII.
func isLatin(text []byte, i int) bool {
	return i < len(text) && 'a' <= text[i]|0x20 && text[i]|0x20 <= 'z'
}

// clip is patternCLIP.
func (t *classTable) clip(text []byte, i int) (int, int) {
	i = t.run(text, i, space)
	if i >= len(text) {
		return len(text), len(text)
	}
	switch text[i] {
	case '<':
		for _, special := range [...]string{"<|startoftext|>", "<|endoftext|>"} {
			if strings.HasPrefix(string(text[i:min(len(text), i+len(special))]), special) {
				return i, i + len(special)
			}
		}
	case '\'':
		if end := contraction(text, i); end > 0 {
			return i, end
		}
	}
	class, n := t.at(text, i)
	switch {
	case class&letter != 0:
		return i, t.run(text, i+n, letter)
	case class&number != 0:
		return i, i + n
	}
	return i, t.others(text, i+n, space|letter|number)
}

// spaces is patternSpaces.
func (t *classTable) spaces(text []byte, i int) (int, int) {
	start := t.others(text, i, space)
	return start, t.run(text, start, space)
}

// lastSpaces is patternLastSpaces: white space up to its last line end, or up to
// the text's end.
func (t *classTable) lastSpaces(text []byte, i int) (int, int) {
	for i < len(text) {
		start, end := t.spaces(text, i)
		if end == len(text) {
			return start, end
		}
		if n := bytes.LastIndexByte(text[start:end], '\n'); n > 0 {
			return start, start + n
		}
		i = end
	}
	return len(text), len(text)
}

// threeDigits is patternThreeDigits.
func threeDigits(text []byte, i int) (int, int) {
	for n := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			n = 0
		} else if n++; n == 3 {
			return i - 2, i + 1
		}
	}
	return len(text), len(text)
}
