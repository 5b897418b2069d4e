package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// DecodeOptions say how ids are spelled; the zero value leaves special tokens out.
type DecodeOptions struct {
	KeepSpecial bool
}

// Decode returns the text of ids, as the decoder of the file joins their
// pieces (Hugging Face tokenizers 0.23.3). An id outside the vocabulary is an error,
// and so is what takes too long or makes the text too much longer.
func (t *Tokenizer) Decode(ids []int32, o DecodeOptions) (string, error) {
	pieces := make([]string, 0, len(ids))
	for i, id := range ids {
		piece, ok := t.Token(id)
		if !ok {
			return "", fmt.Errorf("token %d: id %d is not in the vocabulary", i, id)
		}
		if t.added.special[piece] && !o.KeepSpecial {
			continue
		}
		pieces = append(pieces, piece)
	}
	if t.decoders == nil {
		return strings.Join(pieces, " "), nil
	}
	s := &scratch{}
	size := length(pieces)
	s.begin(size, nil)
	for _, step := range t.decoders {
		pieces = step(pieces, s)
		before := size
		if size = length(pieces); s.grow(size - before) {
			return "", s.err
		}
	}
	return strings.Join(pieces, ""), nil
}

// length returns the bytes of all pieces.
func length(pieces []string) (n int) {
	for _, piece := range pieces {
		n += len(piece)
	}
	return n
}

// A decoder is a step that changes pieces, in place where it can; what is left is the text.
type decoder func(pieces []string, s *scratch) []string

// parseDecoder appends the steps of v to steps. null has none.
func parseDecoder(steps []decoder, v value) ([]decoder, error) {
	if v.null() {
		return steps, nil
	}
	o, kind, err := parseStep(v)
	if err != nil {
		return nil, err
	}
	var step decoder
	switch kind {
	case "BPEDecoder":
		step, err = parseSuffixDecoder(o)
	case "ByteFallback":
		step, err = decodeBytes, o.only("type")
	case "ByteLevel":
		step = decodeByteLevel
		_, err = parseByteLevelKeys(o)
	case "CTC":
		step, err = parseCTC(o)
	case "Fuse":
		step, err = fuse, o.only("type")
	case "Metaspace":
		step, err = parseMetaspaceDecoder(o)
	case "Replace":
		var r replacer
		r, err = parseReplace(o)
		step = func(pieces []string, s *scratch) []string {
			for i, piece := range pieces {
				pieces[i] = string(r.append(nil, []byte(piece), s))
				if s.grow(len(pieces[i]) - len(piece)) {
					break
				}
			}
			return pieces
		}
	case "Sequence":
		steps, err := parseSequence(o, "decoders", steps, parseDecoder)
		if steps == nil {
			steps = []decoder{} // joins without spaces
		}
		return steps, err
	case "Strip":
		step, err = parseStripDecoder(o)
	case "WordPiece":
		step, err = parseWordPieceDecoder(o)
	default:
		err = v.unsupported("unknown type %q", kind)
	}
	return append(steps, step), err
}

// eachPiece is the step that changes each piece by itself.
func eachPiece(change func(i int, piece string) string) decoder {
	return func(pieces []string, _ *scratch) []string {
		for i, piece := range pieces {
			pieces[i] = change(i, piece)
		}
		return pieces
	}
}

func fuse(pieces []string, _ *scratch) []string { return []string{strings.Join(pieces, "")} }

// decodeByteLevel is the decoder ByteLevel: a piece of other characters than its
// own stands for itself.
func decodeByteLevel(pieces []string, _ *scratch) []string {
	var text []byte
next:
	for _, piece := range pieces {
		start := len(text)
		for _, r := range piece {
			if int(r) >= len(byteLevelBytes) || byteLevelBytes[r] < 0 {
				text = append(text[:start], piece...)
				continue next
			}
			text = append(text, byte(byteLevelBytes[r]))
		}
	}
	return []string{string(appendUTF8(nil, string(text)))}
}

// decodeBytes is the decoder ByteFallback: it makes characters of the pieces
// <0x00> to <0xFF>, or a U+FFFD of each where they are not UTF-8.
func decodeBytes(pieces []string, _ *scratch) []string {
	var out []string
	var bytes []byte
	flush := func() {
		if utf8.Valid(bytes) && len(bytes) > 0 {
			out = append(out, string(bytes))
		} else {
			for range bytes {
				out = append(out, "\uFFFD")
			}
		}
		bytes = bytes[:0]
	}
	for _, piece := range pieces {
		if c, ok := byteOf(piece); ok {
			bytes = append(bytes, c)
			continue
		}
		flush()
		out = append(out, piece)
	}
	flush()
	return out
}

// byteOf returns the byte of a piece <0x00> to <0xFF>. A + counts as a digit 0,
// as Rust's from_str_radix has it.
func byteOf(piece string) (byte, bool) {
	if len(piece) != 6 || !strings.HasPrefix(piece, "<0x") || piece[5] != '>' {
		return 0, false
	}
	digits := piece[3:5]
	if digits[0] == '+' {
		digits = digits[1:]
	}
	n, err := strconv.ParseUint(digits, 16, 8)
	return byte(n), err == nil
}

// parseMetaspaceDecoder reads the decoder Metaspace: it writes spaces, but none at
// the head where the pre-tokenizer would put one.
func parseMetaspaceDecoder(o object) (decoder, error) {
	replacement, scheme, err := metaspaceKeys(o)
	return eachPiece(func(i int, piece string) string {
		space := " "
		if i == 0 && scheme != "never" {
			space = ""
		}
		return strings.ReplaceAll(piece, replacement, space)
	}), err
}

// parseSuffixDecoder reads BPEDecoder: it writes spaces for the suffix, but none at
// the end.
func parseSuffixDecoder(o object) (decoder, error) {
	if err := o.only("type", "suffix"); err != nil {
		return nil, err
	}
	suffix, err := o.get("suffix").str()
	return func(pieces []string, _ *scratch) []string {
		for i, piece := range pieces {
			space := " "
			if i == len(pieces)-1 {
				space = ""
			}
			pieces[i] = strings.ReplaceAll(piece, suffix, space)
		}
		return pieces
	}, err
}

// parseStripDecoder reads the decoder Strip: it drops up to start of a character at
// the head of each piece and up to stop at its end.
func parseStripDecoder(o object) (decoder, error) {
	if err := o.only("type", "content", "start", "stop"); err != nil {
		return nil, err
	}
	char, err := o.get("content").char()
	if err != nil {
		return nil, err
	}
	start, err := o.get("start").natural()
	if err != nil {
		return nil, err
	}
	stop, err := o.get("stop").natural()
	return eachPiece(func(_ int, piece string) string {
		for n := start; n > 0 && strings.HasPrefix(piece, char); n-- {
			piece = piece[len(char):]
		}
		for n := stop; n > 0 && strings.HasSuffix(piece, char); n-- {
			piece = piece[:len(piece)-len(char)]
		}
		return piece
	}), err
}

// parseCTC reads the decoder CTC: of equal pieces in a row it keeps one, drops the
// padding, and writes spaces for the word delimiter.
func parseCTC(o object) (decoder, error) {
	if err := o.only("type", "pad_token", "word_delimiter_token", "cleanup"); err != nil {
		return nil, err
	}
	pad, err := o.get("pad_token").str()
	if err != nil {
		return nil, err
	}
	delimiter, err := o.get("word_delimiter_token").str()
	if err != nil {
		return nil, err
	}
	clean, err := o.get("cleanup").boolean()
	return func(pieces []string, _ *scratch) (out []string) {
		for i, piece := range pieces {
			if i > 0 && piece == pieces[i-1] {
				continue
			}
			piece = strings.ReplaceAll(piece, pad, "")
			if clean {
				piece = strings.ReplaceAll(cleanUp(piece), delimiter, " ")
			}
			if piece != "" {
				out = append(out, piece)
			}
		}
		return out
	}, err
}

// parseWordPieceDecoder reads the decoder WordPiece: it puts spaces between words.
func parseWordPieceDecoder(o object) (decoder, error) {
	if err := o.only("type", "prefix", "cleanup"); err != nil {
		return nil, err
	}
	prefix, err := o.get("prefix").str()
	if err != nil {
		return nil, err
	}
	clean, err := o.get("cleanup").boolean()
	return eachPiece(func(i int, piece string) string {
		if rest, ok := strings.CutPrefix(piece, prefix); i > 0 && ok {
			piece = rest
		} else if i > 0 {
			piece = " " + piece
		}
		if clean {
			piece = cleanUp(piece)
		}
		return piece
	}), err
}

// cleanUp makes the replacements of WordPiece's decoder.
func cleanUp(piece string) string {
	for _, c := range cleanups {
		piece = strings.ReplaceAll(piece, c[0], c[1])
	}
	return piece
}

// cleanups are the replacements of WordPiece's decoder in their order; each is
// made within one piece and the space before it.
var cleanups = [...][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
	{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}
