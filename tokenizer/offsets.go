package tokenizer

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// A Span is the part text[Start:End] of a text, in bytes.
type Span struct{ Start, End int }

// EncodeOffsets is Encode that says where in text each token is, as the offsets
// of Hugging Face tokenizers 0.23.3 do, which count code points where these count
// bytes. A span is empty, and 0, 0, for the special tokens around the text.
// Tokens of bytes that are parts of a character all have the span of the
// character. White space before or after a token may belong to its span or not,
// as the tokenizer's post-processor says. Bytes that are not UTF-8 are characters
// of as many bytes as one U+FFFD stands for.
func (t *Tokenizer) EncodeOffsets(text string, o Options) (Encoding, error) {
	s := t.tracing.Get().(*scratch)
	s.trace.tokens = s.trace.tokens[:0]
	ids, truncated, err := t.append(s.ids[:0], text, o, s)
	s.ids = ids
	e := Encoding{Truncated: truncated}
	if err == nil {
		e.IDs, e.Types = slices.Clone(ids), t.types(len(ids), o)
		for _, trim := range t.frame.trims {
			trim.apply(s.trace.tokens, s.text, trim.joined && !o.NoSpecial)
		}
		head, _ := t.frame.single.around(o)
		e.Offsets = make([]Span, len(ids))
		s.trace.spans(e.Offsets[len(head):], text, s.text)
	}
	t.tracing.Put(s)
	return e, err
}

// spans writes the spans of the tokens in text, of which appendUTF8 made read.
func (t *trace) spans(dst []Span, text string, read []byte) {
	dst = dst[:len(t.tokens)]
	for i, token := range t.tokens {
		dst[i] = Span{min(token.start, len(read)), min(token.end, len(read))}
	}
	if len(read) != len(text) || !utf8.ValidString(text) {
		inBytesOf(text, dst)
	}
}

// inBytesOf makes the spans, which lie in what appendUTF8 makes of text, ones of
// text.
func inBytesOf(text string, spans []Span) {
	var places []int // in text, of each byte
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			n = subpartLen(text[i:])
		}
		for range utf8.RuneLen(r) {
			places = append(places, i)
		}
		i += n
	}
	places = append(places, len(text))
	for i, at := range spans {
		spans[i] = Span{places[at.Start], places[at.End]}
	}
}

// A trim takes the white space at the ends of pieces out of their spans, as
// process_offsets of the reference's ByteLevel: as many characters of the input as
// the piece has of white space.
type trim struct {
	keepSpace  bool    // a single one at the head of the first token, or at the input's start, is the pre-tokenizer's
	joined     bool    // the first token is a special one
	pairJoined [2]bool // likewise with the texts of a pair
}

// trims returns what a post-processor with these keys does.
func (k byteLevelKeys) trims() []trim {
	if !k.trim {
		return nil
	}
	return []trim{{keepSpace: k.space}}
}

// apply trims the spans of the tokens of text; joined says that a special one is before them.
func (t trim) apply(tokens []tracedToken, text []byte, joined bool) {
	for i := range tokens {
		token := &tokens[i]
		lead := token.lead
		if lead == 1 && t.keepSpace && (i == 0 && !joined || token.start == 0) {
			lead = 0
		}
		for ; lead > 0 && token.start < token.end; lead-- {
			_, n := utf8.DecodeRune(text[token.start:])
			token.start += n
		}
		end, trail := token.end, token.trail
		for ; trail > 0 && end > 0; trail-- {
			_, n := utf8.DecodeLastRune(text[:end])
			end -= n
		}
		if trail == 0 {
			token.end = max(end, token.start)
		}
	}
}

// leading returns how many characters of white space, or of ByteLevel's for the
// space, piece begins with.
func leading(piece string) int {
	n := 0
	for _, r := range piece {
		if r != byteLevelSpace && !unicode.IsSpace(r) {
			break
		}
		n++
	}
	return n
}

// trailing returns how many of them it ends with.
func trailing(piece string) int {
	n := 0
	for len(piece) > 0 {
		r, size := utf8.DecodeLastRuneInString(piece)
		if r != byteLevelSpace && !unicode.IsSpace(r) {
			break
		}
		piece = piece[:len(piece)-size]
		n++
	}
	return n
}

const byteLevelSpace = '\u0120'
