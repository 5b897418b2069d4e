package tokenizer

import (
	"errors"
	"math"
	"strconv"
	"sync"
	"unicode/utf8"
)

// A unigram cuts words into the pieces whose scores have the highest sum, as the
// Unigram model of Hugging Face tokenizers 0.23.3 (Kudo, arXiv:1804.10959;
// Viterbi's algorithm over the ends of pieces).
type unigram struct {
	vocab    *vocabulary
	trie     trie
	scores   []float64 // by id
	unknown  int32     // -1 for none: a text that needs it is an error
	penalty  float64   // score of a character that is no piece
	fallback bool      // what is unknown becomes the ids of its bytes
	byteIDs  [256]int32
	long     longSet // the pieces that are not in trie
}

// A pathEnd is the best way to cut a word up to some byte.
type pathEnd struct {
	score float64
	start int32 // of the last piece; -1 where no piece ends
	id    int32
}

func (m *unigram) vocabulary() *vocabulary { return m.vocab }

// append appends the ids of word, which is not empty.
func (m *unigram) append(dst []int32, word []byte, s *scratch) []int32 {
	if len(word) > cachedBytes {
		return m.appendBest(dst, word, s)
	}
	if ids, ok := s.cache.get(word); ok {
		return append(dst, ids...)
	}
	start := len(dst)
	dst = m.appendBest(dst, word, s)
	if s.err == nil {
		s.cache.put(word, dst[start:])
	}
	return dst
}

func (m *unigram) appendBest(dst []int32, word []byte, s *scratch) []int32 {
	s.ends = s.ends[:0]
	for range len(word) + 1 {
		s.ends = append(s.ends, pathEnd{start: -1})
	}
	var long []int32
	if len(word) > shortPiece {
		long = m.long.find(s.long[2], word, s)
		s.long[2] = long
	}
	for i, turn := 0, 1; i < len(word); turn++ {
		if turn%charactersBetween == 0 && s.ended() {
			return dst
		}
		if !m.extend(s.ends, word, i) {
			s.fail(errNoUnknown)
			return dst
		}
		if len(long) > 0 {
			m.extendLong(s.ends, long[i], i)
		}
		if word[i] < utf8.RuneSelf {
			i++
		} else {
			_, n := utf8.DecodeRune(word[i:])
			i += n
		}
	}
	// Mark the ends of the pieces from the right, then append from the left.
	start := len(dst)
	for end := int32(len(word)); end > 0; {
		dst = append(dst, end)
		end = s.ends[end].start
	}
	s.cuts = append(s.cuts[:0], dst[start:]...)
	dst = dst[:start]
	from := int32(0)
	for k := len(s.cuts) - 1; k >= 0; k-- {
		end := s.cuts[k]
		id := s.ends[end].id
		if id != m.unknown {
			s.trace.piece(from, end, 1)
			dst, from = append(dst, id), end
			continue
		}
		if k == 0 || s.ends[s.cuts[k-1]].id != m.unknown { // else it is fused with the next
			before := len(dst)
			dst = m.appendUnknown(dst, word[from:end])
			s.trace.piece(from, end, len(dst)-before)
			from = end
		}
	}
	return dst
}

// extendLong offers the long pieces that start at word[i], of which node is the longest.
func (m *unigram) extendLong(ends []pathEnd, node int32, i int) {
	for ; node > 0; node = m.long.shorter[node] {
		id := m.long.ids[node]
		offer(&ends[i+int(m.long.sizes[node])], m.scores[id]+ends[i].score, i, id)
	}
}

// errNoUnknown is the error of a text that needs an unknown id where there is none.
var errNoUnknown = errors.New("a character that is no piece, and the model has no unk_id")

// extend offers each piece that starts at word[i] to the place where it ends, and
// reports whether it did without an unknown id that there is not.
func (m *unigram) extend(ends []pathEnd, word []byte, i int) bool {
	base := ends[i].score
	node, single := int32(0), false
	for j, first := i, true; j < len(word); first = false {
		r, n := rune(word[j]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(word[j:])
		}
		j += n
		next := m.trie.child(node, r)
		if next == nil {
			return !first || m.offerUnknown(&ends[j], base, i)
		}
		if next.id >= 0 {
			offer(&ends[j], m.scores[next.id]+base, i, next.id)
			single = single || first
		}
		if first && !single && !m.offerUnknown(&ends[j], base, i) {
			return false
		}
		node = next.node
	}
	return true
}

// offerUnknown offers the unknown id for a character. It reports whether there is
// one, or something better there.
func (m *unigram) offerUnknown(end *pathEnd, base float64, start int) bool {
	offer(end, base+m.penalty, start, m.unknown)
	return m.unknown >= 0 || end.id >= 0
}

func offer(end *pathEnd, score float64, start int, id int32) {
	if end.start < 0 || score > end.score {
		*end = pathEnd{score, int32(start), id}
	}
}

// appendUnknown appends the id of a part that was cut into unknown characters.
func (m *unigram) appendUnknown(dst []int32, part []byte) []int32 {
	if id, ok := find(m.vocab, part); ok {
		return append(dst, id)
	}
	if m.fallback {
		known := true
		for _, c := range part {
			known = known && m.byteIDs[c] >= 0
		}
		if known {
			for _, c := range part {
				dst = append(dst, m.byteIDs[c])
			}
			return dst
		}
	}
	return append(dst, m.unknown)
}

// unknownPenalty is how far below the lowest score an unknown character is.
const unknownPenalty = 10

// parseUnigram reads a model of type Unigram.
func parseUnigram(o object) (*unigram, error) {
	if err := o.only("type", "unk_id", "vocab", "byte_fallback"); err != nil {
		return nil, err
	}
	m := &unigram{penalty: math.Inf(1)}
	list := o.get("vocab")
	pieces := make([]string, 0, len(list.text)/24)
	err := list.pairs(func(i int, first, second value) error {
		if second.text == "" {
			return list.errorf("%s at piece %d, expected a piece and its score", first.short(), i)
		}
		piece, err := first.str()
		if err != nil {
			return err
		}
		score, err := second.score()
		pieces = append(pieces, piece)
		m.scores = append(m.scores, score)
		m.penalty = min(m.penalty, score)
		return err
	})
	if err != nil {
		return nil, err
	}
	var trieMade sync.WaitGroup
	trieMade.Go(func() {
		m.trie = newTrie(len(list.text) / 12)
		for i, piece := range pieces {
			m.addPiece(piece, int32(i))
		}
		m.long.link()
	})
	m.vocab = newVocabulary(len(pieces))
	for i, piece := range pieces {
		if !m.vocab.add(piece, int32(i)) {
			m.vocab.repeat(piece, int32(i))
		}
	}
	trieMade.Wait()
	m.penalty -= unknownPenalty
	m.unknown = -1
	if v := o.get("unk_id"); !v.null() {
		if m.unknown, err = v.natural(); err != nil {
			return nil, err
		}
		if int(m.unknown) >= len(m.scores) {
			return nil, v.errorf("%d, expected an id below %d", m.unknown, len(m.scores))
		}
	}
	if v := o.get("byte_fallback"); !v.null() {
		if m.fallback, err = v.boolean(); err != nil {
			return nil, err
		}
	}
	m.byteIDs = byteFallbackIDs(m.vocab)
	return m, nil
}

// add adds the next piece. It reports whether it was new.
func (m *unigram) add(piece string, score float64) bool {
	id := int32(len(m.scores))
	if !m.vocab.add(piece, id) {
		return false
	}
	m.addPiece(piece, id)
	m.scores = append(m.scores, score)
	m.penalty = min(m.penalty, score)
	return true
}

// addPiece makes a piece known to extend, or to long.
func (m *unigram) addPiece(piece string, id int32) {
	if !m.long.add(piece, id) {
		m.trie.add(piece, id)
	}
}

// score returns a number as serde_json 1.0 reads it, without its feature
// float_roundtrip: the digits that fit into 64 bits, times or over a power of
// ten, which is not always the nearest number. Ties hang on it.
func (v value) score() (float64, error) {
	if !v.numeric() {
		return 0, v.mismatch("a number")
	}
	text := v.text
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	digits, exponent := uint64(0), 0
	i, point, full := 0, false, false
	for ; i < len(text) && text[i] != 'e' && text[i] != 'E'; i++ {
		if text[i] == '.' {
			point = true
			continue
		}
		d := uint64(text[i] - '0')
		if full = full || digits > (math.MaxUint64-d)/10; full {
			if !point {
				exponent++
			}
			continue
		}
		digits = digits*10 + d
		if point {
			exponent--
		}
	}
	if i < len(text) {
		e, err := strconv.Atoi(text[i+1:])
		if err != nil {
			return 0, v.errorf("%s is out of range", v.text)
		}
		exponent += e
	}
	f := float64(digits)
	for ; exponent < -308 && f != 0; exponent += 308 {
		f /= 1e308
	}
	power, err := powerOfTen(max(exponent, -exponent))
	if exponent < 0 {
		f /= power
	} else if f *= power; err != nil || math.IsInf(f, 0) {
		return 0, v.errorf("%s is out of range", v.text)
	}
	if negative {
		f = -f
	}
	return f, nil
}

// powerOfTen returns the number nearest to 10^n.
func powerOfTen(n int) (float64, error) {
	if n <= 22 { // a float64 has it
		return math.Pow10(n), nil
	}
	return strconv.ParseFloat("1e"+strconv.Itoa(n), 64)
}
