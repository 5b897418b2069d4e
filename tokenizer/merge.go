package tokenizer

import "math"

// A pairTable maps pairs of ids to ranks: an open hash table.
type pairTable struct {
	slots []pairSlot // a power of two of them, at most half in use
	shift uint       // 64 - log2(len(slots))
	count int
}

// A pairSlot holds a pair of ids and its rank + 1; 0 is a free slot.
type pairSlot struct {
	left, right int32
	rank        int32
}

func newPairTable(n int) pairTable {
	t := pairTable{shift: 60}
	for 1<<(64-t.shift) < 2*n {
		t.shift--
	}
	t.slots = make([]pairSlot, 1<<(64-t.shift))
	return t
}

func (t *pairTable) slot(left, right int32) *pairSlot {
	h := (uint64(uint32(left))<<32 | uint64(uint32(right))) * spread
	i := (h ^ h>>29) * spread >> t.shift
	for {
		s := &t.slots[i]
		if s.rank == 0 || s.left == left && s.right == right {
			return s
		}
		i = (i + 1) & uint64(len(t.slots)-1)
	}
}

// get returns the rank of a pair; noMerge if it has none.
func (t *pairTable) get(left, right int32) int32 {
	if s := t.slot(left, right); s.rank > 0 {
		return s.rank - 1
	}
	return noMerge
}

func (t *pairTable) put(left, right, rank int32) {
	s := t.slot(left, right)
	if s.rank == 0 {
		if t.count++; 2*t.count > len(t.slots) {
			old := t.slots
			t.shift--
			t.slots = make([]pairSlot, 2*len(old))
			for _, o := range old {
				if o.rank != 0 {
					*t.slot(o.left, o.right) = o
				}
			}
			s = t.slot(left, right)
		}
	}
	*s = pairSlot{left, right, rank + 1}
}

const noMerge = math.MaxInt32

// fewSymbols is how many symbols are merged by looking at all pairs each time.
const fewSymbols = 40

// merge merges the symbols and returns how many are left.
func (m *bpe) merge(symbols []int32, s *scratch) int {
	if len(symbols) > fewSymbols || s.trace != nil && len(symbols) > 0 {
		return m.mergeMany(symbols, s)
	}
	n := len(symbols)
	var ranks [fewSymbols]int32 // of each symbol with the next
	for i := 1; i < n; i++ {
		ranks[i-1] = m.merges.get(symbols[i-1], symbols[i])
	}
	for n > 1 {
		at, least := 0, int32(noMerge)
		for i, r := range ranks[:n-1] {
			if r < least {
				at, least = i, r
			}
		}
		if least == noMerge {
			break
		}
		symbols[at] = m.results[least]
		copy(symbols[at+1:n-1], symbols[at+2:n])
		n--
		copy(ranks[at:n-1], ranks[at+1:n])
		if at > 0 {
			ranks[at-1] = m.merges.get(symbols[at-1], symbols[at])
		}
		if at+1 < n {
			ranks[at] = m.merges.get(symbols[at], symbols[at+1])
		}
	}
	return n
}

// links are the places of the symbols before and after a symbol; -1 for none.
type links struct{ before, after int32 }

// gone marks a symbol that was merged into the one before it.
const gone = -1

// mergeMany is merge with a heap of the pairs, by rank and place.
func (m *bpe) mergeMany(symbols []int32, s *scratch) int {
	s.links, s.heap = s.links[:0], s.heap[:0]
	for i := range symbols {
		s.links = append(s.links, links{int32(i) - 1, int32(i) + 1})
	}
	s.links[len(symbols)-1].after = -1
	for i := range len(symbols) - 1 {
		m.push(s, symbols, int32(i), int32(i)+1)
	}
	for len(s.heap) > 0 && !s.over() {
		top := s.pop()
		rank, at := int32(top>>32), int32(uint32(top))
		if symbols[at] == gone {
			continue
		}
		next := s.links[at].after
		if next < 0 {
			continue
		}
		// The entry may be that of a pair that is no more.
		if r := m.merges.get(symbols[at], symbols[next]); r == noMerge || m.results[r] != m.results[rank] {
			continue
		}
		symbols[at], symbols[next] = m.results[rank], gone
		after := s.links[next].after
		s.links[at].after = after
		if after >= 0 {
			s.links[after].before = at
			m.push(s, symbols, at, after)
		}
		if before := s.links[at].before; before >= 0 {
			m.push(s, symbols, before, at)
		}
	}
	s.trace.merge(symbols)
	n := 0
	for _, id := range symbols {
		if id != gone {
			symbols[n] = id
			n++
		}
	}
	return n
}

// push puts the pair of symbols at two places on the heap, if it can be merged.
func (m *bpe) push(s *scratch, symbols []int32, at, next int32) {
	rank := m.merges.get(symbols[at], symbols[next])
	if rank == noMerge {
		return
	}
	heap := append(s.heap, uint64(rank)<<32|uint64(at))
	i := len(heap) - 1
	for item := heap[i]; i > 0; {
		parent := (i - 1) / 2
		if heap[parent] <= item {
			break
		}
		heap[i], heap[parent] = heap[parent], item
		i = parent
	}
	s.heap = heap
}

// pop takes the least entry from the heap.
func (s *scratch) pop() uint64 {
	heap := s.heap
	top, last := heap[0], heap[len(heap)-1]
	heap = heap[:len(heap)-1]
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(heap) {
			if len(heap) > 0 {
				heap[i] = last
			}
			break
		}
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if heap[child] >= last {
			heap[i] = last
			break
		}
		heap[i] = heap[child]
		i = child
	}
	s.heap = heap
	return top
}

// Sizes of a wordCache: it keeps words of up to cachedBytes bytes and cachedIDs
// ids, cacheSize of them.
const (
	cachedBytes = 24
	cachedIDs   = 8
	cacheSize   = 1 << 12
)

// A wordCache remembers the ids of the last words, each in the one place that
// its hash gives. One goroutine uses it at a time.
type wordCache struct {
	entries []cacheEntry
	off     bool // remembers nothing
}

type cacheEntry struct {
	word      [cachedBytes]byte
	ids       [cachedIDs]int32
	length, n uint8 // of word and ids; length 0 for a free entry
}

func (c *wordCache) entry(word []byte) *cacheEntry {
	h := uint64(hashSeed)
	for _, b := range word {
		h = (h ^ uint64(b)) * hashPrime
	}
	return &c.entries[h*spread>>(64-12)]
}

func (c *wordCache) get(word []byte) ([]int32, bool) {
	if c.entries == nil {
		return nil, false
	}
	e := c.entry(word)
	if int(e.length) != len(word) || string(e.word[:e.length]) != string(word) {
		return nil, false
	}
	return e.ids[:e.n], true
}

func (c *wordCache) put(word []byte, ids []int32) {
	if len(ids) > cachedIDs || len(word) == 0 || c.off {
		return
	}
	if c.entries == nil {
		c.entries = make([]cacheEntry, cacheSize)
	}
	e := c.entry(word)
	e.length, e.n = uint8(len(word)), uint8(len(ids))
	copy(e.word[:], word)
	copy(e.ids[:], ids)
}
