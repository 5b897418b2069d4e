package tokenizer

// A trie is a tree of pieces by their characters: an open hash table of its
// edges.
type trie struct {
	edges []edge // a power of two of them, at most two in three in use
	shift uint   // 64 - log2(len(edges))
	nodes int32  // nodes so far, the root among them
}

// An edge leads from one node to another; the root is 0, and an edge to it is free.
type edge struct {
	from int32
	r    rune
	node int32
	id   int32 // of the piece that ends here; -1 for none
}

func newTrie(n int) trie {
	t := trie{shift: 60, nodes: 1}
	for 1<<(64-t.shift) < n {
		t.shift--
	}
	t.edges = make([]edge, 1<<(64-t.shift))
	return t
}

func (t *trie) edge(from int32, r rune) *edge {
	h := (uint64(uint32(from))<<21 ^ uint64(uint32(r))) * spread
	for i := h >> t.shift; ; i = (i + 1) & uint64(len(t.edges)-1) {
		e := &t.edges[i]
		if e.node == 0 || e.from == from && e.r == r {
			return e
		}
	}
}

// child returns the edge from a node along r; nil if there is none.
func (t *trie) child(from int32, r rune) *edge {
	if e := t.edge(from, r); e.node != 0 {
		return e
	}
	return nil
}

// add adds a piece.
func (t *trie) add(piece string, id int32) {
	node := int32(0)
	var last *edge
	for _, r := range piece {
		e := t.edge(node, r)
		if e.node == 0 {
			if 3*int(t.nodes) > 2*len(t.edges) {
				t.grow()
				e = t.edge(node, r)
			}
			*e = edge{node, r, t.nodes, -1}
			t.nodes++
		}
		node, last = e.node, e
	}
	if last != nil {
		last.id = id
	}
}

func (t *trie) grow() {
	old := t.edges
	t.shift--
	t.edges = make([]edge, 2*len(old))
	for _, e := range old {
		if e.node != 0 {
			*t.edge(e.from, e.r) = e
		}
	}
}
