package tokenizer

import (
	"slices"
	"unicode/utf8"
)

// shortPiece is how many bytes of a text are looked at from each place for a piece
// that starts there. Longer pieces, which no tokenizer known has, are in a longSet, so
// that the time does not grow with their length.
const shortPiece = 256

// A longSet finds the pieces of more than shortPiece bytes that start at each place of
// a text: an automaton of Aho and Corasick (doi:10.1145/360825.360855) of their
// characters from the last to the first, which reads a text from its end. Its nodes are
// those of a trie. The zero value is the empty set.
type longSet struct {
	trie    trie
	fails   []int32 // of each node, that of the longest text of a node that its own ends with
	shorter []int32 // of each node, the first of those that is a piece; 0 for none
	ids     []int32 // of each node's piece
	sizes   []int32 // of it, in bytes; 0 where the node is none
}

// add adds a piece, or gives it another id. It reports whether it is long: else it is
// not in the set.
func (l *longSet) add(piece string, id int32) bool {
	if len(piece) <= shortPiece {
		return false
	}
	if l.trie.edges == nil {
		l.trie = newTrie(len(piece))
	}
	runes := []rune(piece)
	slices.Reverse(runes)
	l.trie.add(string(runes), id)
	return true
}

// link makes l ready for find.
func (l *longSet) link() {
	n := int(l.trie.nodes)
	if len(l.fails) == n {
		return
	}
	l.fails, l.shorter, l.ids, l.sizes = make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n)
	edges := make([]edge, n) // that leads to each node
	for _, e := range l.trie.edges {
		if e.node != 0 {
			edges[e.node] = e
		}
	}
	depths, lengths := make([]int32, n), make([]int32, n)
	order := make([]int32, n)
	for node := 1; node < n; node++ { // a node comes after the one before it
		e := &edges[node]
		order[node] = int32(node)
		depths[node] = depths[e.from] + 1
		lengths[node] = lengths[e.from] + int32(utf8.RuneLen(e.r))
		if e.id >= 0 {
			l.ids[node], l.sizes[node] = e.id, lengths[node]
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return int(depths[a] - depths[b]) })
	for _, node := range order[1:] {
		e := &edges[node]
		if e.from == 0 {
			continue
		}
		fail := l.step(l.fails[e.from], e.r)
		if l.fails[node], l.shorter[node] = fail, fail; l.sizes[fail] == 0 {
			l.shorter[node] = l.shorter[fail]
		}
	}
}

// step returns the node after r.
func (l *longSet) step(node int32, r rune) int32 {
	for {
		if e := l.trie.child(node, r); e != nil {
			return e.node
		}
		if node == 0 {
			return 0
		}
		node = l.fails[node]
	}
}

// find returns the node of the longest piece that starts at each byte of text, 0 for
// none, in dst's memory; nothing where there is none anywhere.
func (l *longSet) find(dst []int32, text []byte, s *scratch) []int32 {
	if len(l.fails) == 0 || len(text) <= shortPiece {
		return dst[:0]
	}
	return l.scan(dst, text, s)
}

// scan is find where there may be something.
func (l *longSet) scan(dst []int32, text []byte, s *scratch) []int32 {
	dst = slices.Grow(dst[:0], len(text))[:len(text)]
	clear(dst)
	node := int32(0)
	for i := len(text); i > 0 && !s.over(); {
		r, n := utf8.DecodeLastRune(text[:i])
		i -= n
		if node = l.step(node, r); l.sizes[node] > 0 {
			dst[i] = node
		} else {
			dst[i] = l.shorter[node]
		}
	}
	return dst
}

// at returns what find found for byte i.
func at(found []int32, i int) int32 {
	if len(found) == 0 {
		return 0
	}
	return found[i]
}
