package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// A wordPiece cuts words into the longest pieces of its vocabulary from the
// left, as the WordPiece model of Hugging Face tokenizers 0.23.3.
type wordPiece struct {
	vocab    *vocabulary
	unknown  int32
	prefix   string  // of the pieces that continue a word, "##"
	hash     uint64  // of prefix
	maxChars int     // code points of a word; a longer one is unknown
	long     longSet // of the pieces that continue a word, without prefix
}

func (m *wordPiece) vocabulary() *vocabulary { return m.vocab }

// append appends the ids of word, which is not empty: the unknown id alone if
// some part of it is no piece.
func (m *wordPiece) append(dst []int32, word []byte, s *scratch) []int32 {
	if len(word) > m.maxChars && utf8.RuneCount(word) > m.maxChars {
		return append(dst, m.unknown)
	}
	if len(word) > shortPiece {
		return m.appendLong(dst, word, s)
	}
	start := len(dst)
	id, n := m.vocab.longestPrefix("", hashSeed, word, s.hashes)
	for n > 0 {
		dst = append(dst, id)
		if word = word[n:]; len(word) == 0 {
			return dst
		}
		id, n = m.vocab.longestPrefix(m.prefix, m.hash, word, s.hashes)
	}
	return append(dst[:start], m.unknown)
}

// appendLong is append for a word that may have long pieces.
func (m *wordPiece) appendLong(dst []int32, word []byte, s *scratch) []int32 {
	start := len(dst)
	hashes := s.hashes
	if n := min(len(word), m.vocab.longest); n > len(hashes) { // once a word: all of it counts
		hashes = make([]uint64, n)
	}
	id, n := m.vocab.longestPrefix("", hashSeed, word, hashes)
	long := m.long.find(s.long[2], word, s)
	for s.long[2] = long; n > 0 && !s.over(); {
		dst = append(dst, id)
		if word = word[n:]; len(word) == 0 {
			return dst
		}
		if node := at(long, max(0, len(long)-len(word))); node > 0 {
			id, n = m.long.ids[node], int(m.long.sizes[node])
			continue
		}
		id, n = m.vocab.longestPrefix(m.prefix, m.hash, word[:min(len(word), shortPiece)], s.hashes)
	}
	return append(dst[:start], m.unknown)
}

// trace tells t of the pieces of a word that was cut.
func (m *wordPiece) trace(t *trace, ids []int32) {
	prefix := 0
	for _, id := range ids {
		t.symbol(len(m.vocab.piece(id)) - prefix)
		prefix = len(m.prefix)
	}
}

// parseWordPiece reads a model of type WordPiece.
func parseWordPiece(o object) (*wordPiece, error) {
	if err := o.only("type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"); err != nil {
		return nil, err
	}
	unknown, err := o.get("unk_token").str()
	if err != nil {
		return nil, err
	}
	prefix, err := o.get("continuing_subword_prefix").affix()
	if err != nil {
		return nil, err
	}
	maxChars, err := o.get("max_input_chars_per_word").natural()
	if err != nil {
		return nil, err
	}
	vocab, err := parseVocabulary(o.get("vocab"))
	if err != nil {
		return nil, err
	}
	m := &wordPiece{vocab: vocab, prefix: prefix, hash: hashString(hashSeed, prefix), maxChars: int(maxChars)}
	var ok bool
	if m.unknown, ok = vocab.id(unknown); !ok {
		return nil, o.get("unk_token").errorf("%q is not in the vocabulary", unknown)
	}
	if vocab.longest > shortPiece {
		for id := range int32(vocab.size()) {
			if rest, ok := strings.CutPrefix(vocab.piece(id), prefix); ok {
				m.long.add(rest, id)
			}
		}
		m.long.link()
	}
	return m, nil
}

// affix returns a string that stands before or after pieces. It is written anew for
// each character of a text, so that it may not be long.
func (v value) affix() (string, error) {
	s, err := v.str()
	if err == nil && len(s) > shortPiece {
		err = v.errorf("%d bytes, expected at most %d", len(s), shortPiece)
	}
	return s, err
}

// parseVocabulary reads an object of pieces and their ids.
func parseVocabulary(v value) (*vocabulary, error) {
	// "a":0, is six bytes, and BERT's entries take fifteen.
	vocab := newVocabulary(len(v.text) / 15)
	highest := int32(min(len(v.text)+1<<16, 1<<30)) // holes may not take memory out of proportion
	err := v.each(func(piece string, v value) error {
		id, err := v.natural()
		if err != nil {
			return v.errorf("id of %q: %s, expected an integer from 0 to 2147483647", piece, v.text)
		}
		if id > highest {
			return v.errorf("id %d of %q, expected at most %d in a vocabulary of this size", id, piece, highest)
		}
		if !vocab.add(piece, id) {
			if vocab.has(id) {
				return v.errorf("id %d for both %q and %q", id, vocab.piece(id), piece)
			}
			return v.errorf("%q twice", piece)
		}
		return nil
	})
	return vocab, err
}
