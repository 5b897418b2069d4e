// Package tokenizer turns text into the ids of a model's vocabulary and back, by
// the pipeline of a tokenizer.json: added tokens are cut out, the rest is
// normalized, split into words, and each word is cut into pieces by the model;
// the post-processor puts special tokens around the whole. One file a stage.
//
//	tokens, err := tokenizer.Load("path/to/tokenizer.json")
//	…
//	encoding, err := tokens.Encode("a text", tokenizer.Options{})
//	fmt.Println(encoding.IDs)
//
// The ids are those of Hugging Face tokenizers 0.23.3.
package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"unicode/utf8"
)

// A Tokenizer is a tokenizer.json in memory. It does not change, and any number
// of goroutines may use it at once.
type Tokenizer struct {
	added         addedTokens
	normalizers   []normalizer
	indexed       []normalizer // those in whose text added tokens are found; mostly normalizers
	preTokenizers []preTokenizer
	fused         int // of preTokenizers so many at the end are done by the model
	model         model
	vocab         *vocabulary
	frame         frame
	decoders      []decoder  // nil joins pieces with spaces
	truncation    string     // see Truncation
	version       int        // see Version
	reading       []string   // see Reading
	fault         error      // of Lowercase: Encode returns it
	pool          *sync.Pool // of *scratch
	tracing       *sync.Pool // of *scratch with a trace
}

// scratch is the memory of one Append.
type scratch struct {
	text   []byte
	normal [2][]byte // the normalized text; steps write to one and the other in turn
	marks  []mark
	words  [2][]span // the words, likewise
	hashes []uint64  // of the heads of a piece

	rewritten [2][]byte // what pre-tokenizers made of the text, likewise
	piece     []byte
	cache     wordCache // of words
	parts     wordCache // of parts of words
	heap      []uint64
	links     []links
	ends      []pathEnd
	cuts      []int32
	long      [3][]int32 // found in the text, in its normalized form, and in a word
	ids       []int32    // of a text, where the caller's are no place for them
	bounds

	trace *trace // nil where no one asks for spans
}

// A model appends the ids of a word, which is not empty, to dst.
type model interface {
	append(dst []int32, word []byte, s *scratch) []int32
	vocabulary() *vocabulary
}

// Truncation says which tokens of a text go when there are too many.
type Truncation uint8

const (
	TruncateEnd   Truncation = iota // the last ones
	TruncateStart                   // the first ones after Options.Prefix
	TruncateNone                    // none: Encode returns a TooLongError
)

// Options say how a text is encoded. The zero value adds special tokens and has
// no limit.
type Options struct {
	NoSpecial bool       // without the special tokens of the post-processor
	MaxTokens int        // the limit, special tokens included; 0 for none
	Truncate  Truncation // what to drop over the limit; special tokens stay
	Prefix    int        // tokens at the head of the text, a prompt's, that TruncateStart drops last

	Done <-chan struct{} // where it is closed, Encode soon ends with an error; nil for never
}

// An Encoding is a text in tokens.
type Encoding struct {
	IDs       []int32
	Types     []int32 // token types of the ids; of one text nil where all are 0
	Truncated int     // tokens dropped
	Offsets   []Span  // where in its text each token is; only EncodeOffsets and EncodePairOffsets fill it
	Texts     []int8  // which text of a pair each token is of: 0, 1, or -1 for special tokens; as Offsets
}

// A TooLongError says that a text has more tokens than the limit and may not be
// truncated.
type TooLongError struct {
	Tokens int // special tokens included
	Limit  int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("%d tokens, model reads %d", e.Tokens, e.Limit)
}

// Encode returns the tokens of text. Bytes that are not UTF-8 are read as one
// U+FFFD for each maximal part of a character (the Unicode Standard, section 3.9,
// "U+FFFD Substitution of Maximal Subparts"). The error is a *TooLongError, says
// what is wrong with o, that o.Done is closed, that text has a character for which a
// Unigram model without an unknown id has nothing, or that the tokenizer's regular
// expressions take too long for it or its steps add too much to it.
func (t *Tokenizer) Encode(text string, o Options) (Encoding, error) {
	ids, truncated, err := t.Append(nil, text, o)
	return Encoding{IDs: ids, Types: t.types(len(ids), o), Truncated: truncated}, err
}

// Append is Encode that appends to dst: it returns the extended slice and the
// number of tokens dropped, and allocates nothing where dst has room. On an
// error it returns dst as it was.
func (t *Tokenizer) Append(dst []int32, text string, o Options) ([]int32, int, error) {
	s := t.pool.Get().(*scratch)
	dst, truncated, err := t.append(dst, text, o, s)
	t.pool.Put(s)
	return dst, truncated, err
}

// append is Append with the given memory.
func (t *Tokenizer) append(dst []int32, text string, o Options, s *scratch) ([]int32, int, error) {
	head, tail := t.frame.single.around(o)
	special := len(head) + len(tail)
	if err := o.check(special); err != nil {
		return dst, 0, err
	}
	before := len(dst)
	dst = append(dst, head...)
	start := len(dst)
	s.text = appendUTF8(s.text[:0], text)
	s.begin(len(s.text), o.Done)
	if t.fault != nil {
		return dst[:before], 0, t.fault
	}
	dst = t.appendTokens(dst, s)
	if s.err != nil {
		return dst[:before], 0, s.err
	}

	truncated := 0
	if tokens := len(dst) - start; o.MaxTokens > 0 && tokens > o.MaxTokens-special {
		keep := o.MaxTokens - special
		truncated = tokens - keep
		from := keep // the first token that goes
		switch o.Truncate {
		case TruncateNone:
			return dst[:before], 0, &TooLongError{Tokens: tokens + special, Limit: o.MaxTokens}
		case TruncateStart:
			from = min(o.Prefix, keep)
		}
		dst = slices.Delete(dst, start+from, start+from+truncated)
		s.trace.drop(from, truncated)
	}
	return append(dst, tail...), truncated, nil
}

// check returns what is wrong with o where there are so many special tokens.
func (o Options) check(special int) error {
	switch {
	case o.MaxTokens < 0 || o.MaxTokens > 0 && o.MaxTokens < special:
		return fmt.Errorf("limit of %d tokens, expected at least %d", o.MaxTokens, special)
	case o.Prefix < 0:
		return fmt.Errorf("prefix of %d tokens, expected at least 0", o.Prefix)
	case o.Truncate > TruncateNone:
		return fmt.Errorf("truncation %d, expected at most %d", o.Truncate, TruncateNone)
	}
	return nil
}

// Count returns how many tokens text has, special tokens included unless
// o.NoSpecial; nothing else of o counts but Done, so that they may be more than
// o.MaxTokens. It allocates nothing. Where Encode has an error about the text they
// are those before it.
func (t *Tokenizer) Count(text string, o Options) int {
	s := t.pool.Get().(*scratch)
	s.text = appendUTF8(s.text[:0], text)
	s.begin(len(s.text), o.Done)
	s.ids = t.appendTokens(s.ids[:0], s)
	n := len(s.ids)
	t.pool.Put(s)
	head, tail := t.frame.single.around(o)
	return n + len(head) + len(tail)
}

// appendTokens appends the tokens of s.text.
func (t *Tokenizer) appendTokens(dst []int32, s *scratch) []int32 {
	text := s.text
	exact := t.added.exact
	s.long[0] = exact.long.find(s.long[0], text, s)
	for from, done := 0, 0; ; {
		m := exact.find(text, from, done, s.long[0], s)
		if done < m.start {
			s.trace.start(text, span{done, m.start})
			dst = t.appendPlain(dst, text[done:m.start], done == 0, s)
		}
		if m.id < 0 || s.err != nil {
			return dst
		}
		dst = append(dst, m.id)
		s.trace.exactToken(m.span, text)
		from, done = m.next, m.end
	}
}

// appendPlain appends the tokens of a text in which no token was found before
// normalization. first says that it begins where the input does.
func (t *Tokenizer) appendPlain(dst []int32, text []byte, first bool, s *scratch) []int32 {
	if text = t.normalize(text, s); s.err != nil {
		return dst
	}
	normal := t.added.normal
	s.long[1] = normal.long.find(s.long[1], text, s)
	for from, done := 0, 0; ; {
		m := normal.find(text, from, done, s.long[1], s)
		if done < m.start {
			dst = t.appendWords(dst, text, span{done, m.start}, first && done == 0, s)
		}
		if m.id < 0 || s.err != nil {
			return dst
		}
		dst = append(dst, m.id)
		s.trace.normalToken(m.span, text)
		from, done = m.next, m.end
	}
}

// appendWords splits a part of the normalized text and appends the tokens of
// each word.
func (t *Tokenizer) appendWords(dst []int32, text []byte, part span, first bool, s *scratch) []int32 {
	text, words := t.preTokenize(text, part, first, s)
	if s.trace != nil {
		return s.trace.appendWords(dst, t.model, text, words, s)
	}
	for k, w := range words {
		if k%wordsBetween == wordsBetween-1 && s.ended() {
			return dst
		}
		dst = t.model.append(dst, text[w.start:w.end], s)
	}
	return dst
}

// appendUTF8 appends text with U+FFFD for each maximal part of a character that
// is not UTF-8.
func appendUTF8(dst []byte, text string) []byte {
	if utf8.ValidString(text) {
		return append(dst, text...)
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			n = subpartLen(text[i:])
		}
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// subpartLen returns the length of the maximal part of a character that s, which
// starts with an error, begins with: as many bytes as some character begins
// with, or one (table 3-7 of the Unicode Standard).
func subpartLen(s string) int {
	low, high, length := byte(0x80), byte(0xBF), 0
	switch c := s[0]; {
	case 0xC2 <= c && c <= 0xDF:
		length = 2
	case 0xE0 <= c && c <= 0xEF:
		length = 3
		switch c {
		case 0xE0:
			low = 0xA0
		case 0xED:
			high = 0x9F
		}
	case 0xF0 <= c && c <= 0xF4:
		length = 4
		switch c {
		case 0xF0:
			low = 0x90
		case 0xF4:
			high = 0x8F
		}
	}
	n := 1
	for n < length && n < len(s) && low <= s[n] && s[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}

// SpecialTokens returns how many special tokens a text gets.
func (t *Tokenizer) SpecialTokens() int { return t.frame.single.special() }

// Frame returns the special tokens before and after a text.
func (t *Tokenizer) Frame() (head, tail []int32) {
	return slices.Clone(t.frame.single.head.ids), slices.Clone(t.frame.single.tail.ids)
}

// EndedBy returns a tokenizer like t, but for the special tokens around a text, or each
// of a pair: id comes after it, and nothing before it.
func (t *Tokenizer) EndedBy(id int32) *Tokenizer {
	ended := *t
	ended.frame = bareFrame()
	ended.frame.surround(nil, nil, []int32{id})
	return &ended
}

// Token returns the piece that has the id: of an added token the form in which it is found in
// a text, which may be a normalized one.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if piece, ok := t.added.shown[id]; ok {
		return piece, true
	}
	if piece, ok := t.added.pieces[id]; ok {
		return piece, true
	}
	if !t.vocab.has(id) {
		return "", false
	}
	return t.vocab.piece(id), true
}

// Truncation returns the section truncation of tokenizer.json, "" where there is none.
// Encode goes by its Options alone.
func (t *Tokenizer) Truncation() string { return t.truncation }

// Version returns the major version of transformers as which LoadFS or LoadAs read the
// folder, 4 or 5; 0 where t is of one file.
func (t *Tokenizer) Version() int { return t.version }

// ID returns the id of a piece.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if i, ok := t.added.places[token]; ok {
		return t.added.tokens[i].id, true
	}
	return t.vocab.id(token)
}

// Special reports whether the id is that of a special token among the added tokens.
func (t *Tokenizer) Special(id int32) bool { return t.added.special[t.added.pieces[id]] }

// VocabSize returns the highest id + 1: the rows that a model's embedding table
// has at least.
func (t *Tokenizer) VocabSize() int {
	size := t.vocab.size()
	for id := range t.added.pieces {
		size = max(size, int(id)+1)
	}
	return size
}

func (t *Tokenizer) has(id int32) bool {
	_, ok := t.Token(id)
	return ok
}

// Lowercase returns a tokenizer that lower-cases text before t's normalizer
// does its work: sentence-transformers' do_lower_case. It is t where t's
// normalizer lower-cases already. Of added tokens that are matched in the
// normalized text and differ only in case the first is matched.
func (t *Tokenizer) Lowercase() *Tokenizer {
	for _, step := range t.normalizers {
		if step.lowers() {
			return t
		}
	}
	lower := *t
	lower.normalizers = append([]normalizer{lowercase{}}, t.normalizers...)
	lower.indexed = lower.normalizers
	_ = lower.prepare(value{}) // or lower.fault
	return &lower
}

// Literal returns a tokenizer like t that finds piece, of the vocabulary or the added
// tokens, in a text as it is spelled, before the text is normalized, and takes it for a
// special token. It is t where that has no such piece.
func (t *Tokenizer) Literal(piece string) *Tokenizer {
	if _, ok := t.ID(piece); !ok || piece == "" {
		return t
	}
	literal := *t
	a := &literal.added
	a.tokens = slices.Clone(a.tokens)
	a.places, a.pieces, a.special = maps.Clone(a.places), maps.Clone(a.pieces), maps.Clone(a.special)
	a.add(addedToken{content: piece, special: true}, t.vocab)
	_ = literal.prepare(value{}) // or literal.fault
	return &literal
}

// Unframed returns a tokenizer that adds no special tokens.
func (t *Tokenizer) Unframed() *Tokenizer {
	plain := *t
	plain.frame = bareFrame()
	return &plain
}
