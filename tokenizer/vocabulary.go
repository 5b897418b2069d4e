package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// A vocabulary is a set of pieces with their ids, made for finding the longest
// piece that a text starts with: an open hash table over FNV-1a, whose value
// for every head of the text comes from one pass. It holds no pointer to a piece:
// the garbage collector would follow hundreds of thousands.
type vocabulary struct {
	text    strings.Builder // the pieces, one after the other
	places  []extent        // by id; empty also where no piece has the id
	slots   []slot          // a power of two of them, at most half in use
	shift   uint            // 64 - log2(len(slots))
	count   int
	longest int // bytes of the longest piece
	empty   int32
}

// An extent is the place of a piece in the text.
type extent struct{ start, size uint32 }

// piece returns the piece of an id below size; "" also where there is none.
func (v *vocabulary) piece(id int32) string {
	p := v.places[id]
	return v.text.String()[p.start:][:p.size]
}

// size returns the highest id + 1.
func (v *vocabulary) size() int { return len(v.places) }

// put appends a piece and returns its place.
func (v *vocabulary) put(piece string) extent {
	start := v.text.Len()
	v.text.WriteString(piece)
	return extent{uint32(start), uint32(len(piece))}
}

// A slot holds a piece's hash and its id + 1; 0 is a free slot.
type slot struct {
	hash uint32
	id   int32
}

const (
	hashSeed  = 14695981039346656037
	hashPrime = 1099511628211
	spread    = 0x9E3779B97F4A7C15 // 2^64 over the golden ratio
)

func hashString(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * hashPrime
	}
	return h
}

// newVocabulary returns an empty vocabulary with room for n pieces.
func newVocabulary(n int) *vocabulary {
	v := &vocabulary{shift: 60, empty: -1, places: make([]extent, 0, n)}
	for 1<<(64-v.shift) < 2*n {
		v.shift--
	}
	v.slots = make([]slot, 1<<(64-v.shift))
	return v
}

// add adds a piece that v has not. It reports whether neither the piece nor the
// id was there before.
func (v *vocabulary) add(piece string, id int32) bool {
	h := hashString(hashSeed, piece)
	i := h * spread >> v.shift
	for s := v.slots[i]; s.id != 0; s = v.slots[i] {
		if s.hash == uint32(h) && v.piece(s.id-1) == piece {
			return false
		}
		i = (i + 1) & uint64(len(v.slots)-1)
	}
	if v.has(id) {
		return false
	}
	for int(id) >= len(v.places) {
		v.places = append(v.places, extent{})
	}
	v.places[id] = v.put(piece)
	if piece == "" {
		v.empty = id
	}
	v.longest = max(v.longest, len(piece))
	if v.count++; 2*v.count > len(v.slots) {
		v.grow()
		v.insert(piece, id)
	} else {
		v.slots[i] = slot{uint32(h), id + 1}
	}
	return true
}

// repeat gives a piece that v has another id, the next, which counts from then on.
func (v *vocabulary) repeat(piece string, id int32) {
	h := hashString(hashSeed, piece)
	i := h * spread >> v.shift
	for v.piece(v.slots[i].id-1) != piece {
		i = (i + 1) & uint64(len(v.slots)-1)
	}
	v.slots[i].id = id + 1
	v.places = append(v.places, v.put(piece))
	v.count++
}

func (v *vocabulary) insert(piece string, id int32) {
	h := hashString(hashSeed, piece)
	i := h * spread >> v.shift
	for v.slots[i].id != 0 {
		i = (i + 1) & uint64(len(v.slots)-1)
	}
	v.slots[i] = slot{uint32(h), id + 1}
}

func (v *vocabulary) grow() {
	old := v.slots
	v.shift--
	v.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.id != 0 {
			v.insert(v.piece(s.id-1), s.id-1)
		}
	}
}

// has reports whether a piece has the id.
func (v *vocabulary) has(id int32) bool {
	return id >= 0 && int(id) < len(v.places) && (v.places[id].size > 0 || id == v.empty)
}

// id returns the id of a piece.
func (v *vocabulary) id(piece string) (int32, bool) { return find(v, piece) }

// find returns the id of a piece.
func find[T string | []byte](v *vocabulary, piece T) (int32, bool) {
	h := uint64(hashSeed)
	for i := range len(piece) {
		h = (h ^ uint64(piece[i])) * hashPrime
	}
	i := h * spread >> v.shift
	for s := v.slots[i]; s.id != 0; s = v.slots[i] {
		if s.hash == uint32(h) && v.piece(s.id-1) == string(piece) {
			return s.id - 1, true
		}
		i = (i + 1) & uint64(len(v.slots)-1)
	}
	return 0, false
}

// longestPrefix returns the id of the longest piece that is prefix followed by
// n ≥ 1 bytes at the head of text, and n; 0, 0 if there is none. h is prefix's
// hash. text is UTF-8, but for a character that is cut at its end. hashes is scratch
// of at least as many elements as text or v's longest piece has bytes.
func (v *vocabulary) longestPrefix(prefix string, h uint64, text []byte, hashes []uint64) (int32, int) {
	n := min(len(text), v.longest-len(prefix))
	if n <= 0 {
		return 0, 0
	}
	hashes = hashes[:n]
	for i, c := range text[:n] {
		h = (h ^ uint64(c)) * hashPrime
		hashes[i] = h
	}
	for ; n > 0; n-- {
		if n < len(text) && !utf8.RuneStart(text[n]) {
			continue
		}
		h := hashes[n-1]
		i := h * spread >> v.shift
		for s := v.slots[i]; s.id != 0; s = v.slots[i] {
			if s.hash == uint32(h) {
				p := v.piece(s.id - 1)
				if len(p) == len(prefix)+n && p[len(prefix):] == string(text[:n]) && p[:len(prefix)] == prefix {
					return s.id - 1, n
				}
			}
			i = (i + 1) & uint64(len(v.slots)-1)
		}
	}
	return 0, 0
}
