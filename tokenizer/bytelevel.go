package tokenizer

import "unicode/utf8"

// byteLevelChars holds the character that ByteLevel writes for each byte: itself
// where it is printable in Latin-1, else one from U+0100 on, in order
// (bytes_to_unicode of GPT-2's encoder.py).
var byteLevelChars = func() (chars [256]rune) {
	next := rune(0x100)
	for c := range chars {
		if '!' <= c && c <= '~' || 0xA1 <= c && c <= 0xFF && c != 0xAD {
			chars[c] = rune(c)
		} else {
			chars[c] = next
			next++
		}
	}
	return chars
}()

// byteLevelBytes holds the byte that each character below U+0144 stands for; -1 for none.
var byteLevelBytes = func() (bytes [0x144]int16) {
	for i := range bytes {
		bytes[i] = -1
	}
	for c, r := range byteLevelChars {
		bytes[r] = int16(c)
	}
	return bytes
}()

// appendByteLevel appends the characters of the bytes of text.
func appendByteLevel(dst, text []byte) []byte {
	for _, c := range text {
		dst = utf8.AppendRune(dst, byteLevelChars[c])
	}
	return dst
}

// byteLevel is the normalizer ByteLevel of Hugging Face tokenizers 0.23.3.
type byteLevel struct{}

func (byteLevel) lowers() bool { return false }

func (byteLevel) append(dst, text []byte, _ *scratch) []byte { return appendByteLevel(dst, text) }

// parseByteLevel appends the steps of the pre-tokenizer ByteLevel: it puts a space
// before words that begin with none, splits them as GPT-2 does, and writes
// characters for bytes.
func parseByteLevel(steps []preTokenizer, o object) ([]preTokenizer, error) {
	k, err := parseByteLevelKeys(o)
	if err != nil {
		return nil, err
	}
	if k.space {
		steps = append(steps, preTokenizer{prefix: missingSpace, write: appendWord})
	}
	if k.regex {
		steps = append(steps, preTokenizer{split: isolated(everywhere(classes().gpt2))})
	}
	return append(steps, preTokenizer{write: appendByteLevel, byteLevel: true}), nil
}

// byteLevelKeys are the keys that ByteLevel has as a pre-tokenizer, which adds
// spaces and splits, as a post-processor, which trims, and as a decoder.
type byteLevelKeys struct{ space, trim, regex bool }

func parseByteLevelKeys(o object) (k byteLevelKeys, err error) {
	if err = o.only("type", "add_prefix_space", "trim_offsets", "use_regex"); err != nil {
		return k, err
	}
	if k.space, err = o.get("add_prefix_space").boolean(); err != nil {
		return k, err
	}
	if k.trim, err = o.get("trim_offsets").boolean(); err != nil {
		return k, err
	}
	k.regex = true
	if _, ok := o.members["use_regex"]; ok {
		k.regex, err = o.get("use_regex").boolean()
	}
	return k, err
}

// missingSpace returns the space that a word does not begin with.
func missingSpace(word []byte, _ bool) string {
	if word[0] == ' ' {
		return ""
	}
	return " "
}

func appendWord(dst, word []byte) []byte { return append(dst, word...) }
