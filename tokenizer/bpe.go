package tokenizer

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// A bpe cuts words into characters and merges adjacent symbols, the pair that
// comes first in its list first, as the BPE model of Hugging Face tokenizers
// 0.23.3 (Sennrich et al., arXiv:1508.07909).
type bpe struct {
	vocab   *vocabulary
	merges  pairTable
	results []int32 // id that a merge gives, by rank

	unknown      int32 // -1 for none: unknown characters vanish
	fuse         bool  // adjacent unknown characters give one unknown id
	fallback     bool  // unknown characters become the ids of their bytes
	ignoreMerges bool  // a word that is a piece is not cut
	prefix       string
	suffix       string
	byteIDs      [256]int32 // ids of <0x00> to <0xFF>; -1 where there is none

	// raw says that words are bytes that stand for the characters of ByteLevel;
	// symbols are their ids then, by place in the word; -1 where there is none.
	raw     bool
	symbols [4][256]int32

	metaspaces bool // no merge joins U+2581 to another character before it
}

// Places of a character in a word, indices of bpe.symbols.
const (
	inside = 0
	atHead = 1
	atTail = 2
)

func (m *bpe) vocabulary() *vocabulary { return m.vocab }

// append appends the ids of word, which is not empty.
func (m *bpe) append(dst []int32, word []byte, s *scratch) []int32 {
	if len(word) <= cachedBytes {
		if ids, ok := s.cache.get(word); ok {
			return append(dst, ids...)
		}
	}
	start := len(dst)
	if !m.ignoreMerges {
		dst = m.appendMerged(dst, word, s)
	} else if id, ok := m.whole(word, s); ok {
		dst = append(dst, id)
	} else {
		dst = m.appendMerged(dst, word, s)
	}
	if len(word) <= cachedBytes && s.err == nil {
		s.cache.put(word, dst[start:])
	}
	return dst
}

// whole returns the id of the piece that is all of word.
func (m *bpe) whole(word []byte, s *scratch) (int32, bool) {
	if m.raw && s.trace == nil {
		s.piece = appendByteLevel(s.piece[:0], word)
		word = s.piece
	}
	return find(m.vocab, word)
}

// appendMerged appends the ids of word, once merged. Where U+2581 begins a part
// that nothing joins to what is before it the parts are merged one by one.
func (m *bpe) appendMerged(dst []int32, word []byte, s *scratch) []int32 {
	if !m.metaspaces {
		return m.appendPart(dst, word, s)
	}
	for len(word) > 0 {
		n := metaspaceCut(word)
		part := word[:n]
		word = word[n:]
		if len(part) > cachedBytes {
			dst = m.appendPart(dst, part, s)
			continue
		}
		ids, ok := s.parts.get(part)
		if ok {
			dst = append(dst, ids...)
			continue
		}
		start := len(dst)
		if dst = m.appendPart(dst, part, s); s.err == nil {
			s.parts.put(part, dst[start:])
		}
	}
	return dst
}

// metaspaceCut returns where the second run of text that begins with U+2581 starts.
func metaspaceCut(text []byte) int {
	i := 0
	for i < len(text) && hasMetaspace(text[i:]) {
		i += len(metaspaceChar)
	}
	for i < len(text) && !(text[i] == metaspaceChar[0] && hasMetaspace(text[i:])) {
		i++
	}
	return i
}

const metaspaceChar = "\u2581"

func hasMetaspace(text []byte) bool {
	return len(text) >= 3 && text[0] == metaspaceChar[0] && text[1] == metaspaceChar[1] && text[2] == metaspaceChar[2]
}

// appendPart appends the symbols of the characters of word and merges them.
func (m *bpe) appendPart(dst []int32, word []byte, s *scratch) []int32 {
	start := len(dst)
	if m.raw && s.trace == nil {
		dst = m.appendBytes(dst, word, s)
	} else {
		dst = m.appendCharacters(dst, word, s)
	}
	return dst[:start+m.merge(dst[start:], s)]
}

// appendBytes appends the symbols of the bytes of word.
func (m *bpe) appendBytes(dst []int32, word []byte, s *scratch) []int32 {
	var unknown waiting
	for i, c := range word {
		place := inside
		if i == 0 {
			place |= atHead
		}
		if i == len(word)-1 {
			place |= atTail
		}
		if id := m.symbols[place][c]; id >= 0 {
			if unknown.count > 0 {
				dst = m.appendUnknown(dst, &unknown, s)
			}
			dst = append(dst, id)
		} else {
			unknown.count++
		}
	}
	return m.appendUnknown(dst, &unknown, s)
}

// waiting is the unknown characters of which the id is still to be appended.
type waiting struct{ count, bytes int }

// appendUnknown appends the unknown ids of w and empties it.
func (m *bpe) appendUnknown(dst []int32, w *waiting, s *scratch) []int32 {
	if m.unknown >= 0 && w.count > 0 {
		if m.fuse {
			w.count = 1
		}
		for range w.count {
			dst = append(dst, m.unknown)
		}
		s.trace.symbol(w.bytes) // a trace has one id here
	}
	*w = waiting{}
	return dst
}

// appendCharacters appends the symbols of the characters of word. Of unknown
// ones the last, or all where they are fused, wait for the next known
// character: bytes that stand for others overtake it, as in the reference.
func (m *bpe) appendCharacters(dst []int32, word []byte, s *scratch) []int32 {
	var unknown waiting
	for i := 0; i < len(word); {
		n := 1
		if word[i] >= utf8.RuneSelf {
			_, n = utf8.DecodeRune(word[i:])
		}
		char := word[i : i+n]
		if m.prefix != "" && i > 0 || m.suffix != "" && i+n == len(word) {
			s.piece = s.piece[:0]
			if i > 0 {
				s.piece = append(s.piece, m.prefix...)
			}
			s.piece = append(s.piece, char...)
			if i+n == len(word) {
				s.piece = append(s.piece, m.suffix...)
			}
			char = s.piece
		}
		i += n
		if id, ok := find(m.vocab, char); ok {
			if unknown.count > 0 {
				dst = m.appendUnknown(dst, &unknown, s)
			}
			dst = append(dst, id)
			s.trace.symbol(n)
			continue
		}
		if m.fallback && m.hasBytes(char) {
			for _, c := range char {
				dst = append(dst, m.byteIDs[c])
				s.trace.symbol(1)
			}
			continue
		}
		if unknown.count > 0 && !m.fuse {
			dst = m.appendUnknown(dst, &unknown, s)
		}
		unknown.count++
		unknown.bytes += n
	}
	return m.appendUnknown(dst, &unknown, s)
}

// hasBytes reports whether each byte of char has an id.
func (m *bpe) hasBytes(char []byte) bool {
	for _, c := range char {
		if m.byteIDs[c] < 0 {
			return false
		}
	}
	return true
}

// useBytes makes m read words as bytes, without the last step of ByteLevel.
func (m *bpe) useBytes() {
	m.raw, m.metaspaces = true, false
	for place := range m.symbols {
		for c := range 256 {
			piece := string(byteLevelChars[c])
			if place&atHead == 0 {
				piece = m.prefix + piece
			}
			if place&atTail != 0 {
				piece += m.suffix
			}
			id, ok := m.vocab.id(piece)
			if !ok {
				id = -1
			}
			m.symbols[place][c] = id
		}
	}
}

// parseBPE reads a model of type BPE.
func parseBPE(o object) (*bpe, error) {
	if err := o.only("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
		"fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"); err != nil {
		return nil, err
	}
	m := &bpe{unknown: -1}
	if v := o.get("dropout"); !v.null() {
		if p, err := v.number(); err != nil {
			return nil, err
		} else if p != 0 {
			return nil, v.unsupported("%s, expected 0: ids would be random", v.text)
		}
	}
	for _, flag := range []struct {
		key string
		to  *bool
	}{{"fuse_unk", &m.fuse}, {"byte_fallback", &m.fallback}, {"ignore_merges", &m.ignoreMerges}} {
		if v := o.get(flag.key); !v.null() {
			var err error
			if *flag.to, err = v.boolean(); err != nil {
				return nil, err
			}
		}
	}
	unknown := ""
	for _, text := range []struct {
		key string
		to  *string
	}{{"unk_token", &unknown}, {"continuing_subword_prefix", &m.prefix}, {"end_of_word_suffix", &m.suffix}} {
		if v := o.get(text.key); !v.null() {
			var err error
			if *text.to, err = v.affix(); err != nil {
				return nil, err
			}
		}
	}
	var list merges
	var read sync.WaitGroup
	read.Go(func() { list.read(o.get("merges")) })
	var err error
	m.vocab, err = parseVocabulary(o.get("vocab"))
	read.Wait()
	if err != nil {
		return nil, err
	}
	if v := o.get("unk_token"); !v.null() {
		var ok bool
		if m.unknown, ok = m.vocab.id(unknown); !ok {
			return nil, v.errorf("%q is not in the vocabulary", unknown)
		}
	}
	m.byteIDs = byteFallbackIDs(m.vocab)
	if err := list.resolve(m); err != nil {
		return nil, err
	}
	// Where unknown characters vanish what is around them may join.
	m.metaspaces = m.metaspaces && m.unknown >= 0 && m.prefix == "" && m.suffix == "" &&
		!strings.HasSuffix(unknown, metaspaceChar)
	return m, nil
}

// byteFallbackIDs returns the ids of <0x00> to <0xFF>, -1 where there is none.
func byteFallbackIDs(v *vocabulary) (ids [256]int32) {
	const digits = "0123456789ABCDEF"
	for c := range ids {
		id, ok := v.id("<0x" + string(digits[c>>4]) + string(digits[c&15]) + ">")
		if !ok {
			id = -1
		}
		ids[c] = id
	}
	return ids
}

// addMerge adds the merge of the next rank.
func (m *bpe) addMerge(left, right, result int32) {
	m.merges.put(left, right, int32(len(m.results)))
	m.results = append(m.results, result)
	a, b := m.vocab.piece(left), m.vocab.piece(right)
	if strings.HasPrefix(b, metaspaceChar) && !strings.HasSuffix(a, metaspaceChar) {
		m.metaspaces = false
	}
}
