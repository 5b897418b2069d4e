package tokenizer

import (
	"runtime"
	"strings"
	"sync"
)

// merges is the list of merges of a model of type BPE while it is read: "a b", or
// ["a", "b"], by rank.
type merges struct {
	list  value
	pairs []mergePair
	err   error // of what comes after pairs
}

// A mergePair is the pieces of a merge, and then their ids and what it makes.
type mergePair struct {
	a, b                string
	left, right, result int32
}

// read reads the pieces.
func (l *merges) read(list value) {
	l.list = list
	l.pairs = make([]mergePair, 0, len(list.text)/16)
	l.err = list.pairs(func(rank int, first, second value) error {
		a, b, ok := twoPieces(first, second)
		if !ok {
			found := first.short()
			if second.text != "" {
				found = "an array"
			}
			return list.errorf("%s at merge %d, expected two pieces", found, rank)
		}
		l.pairs = append(l.pairs, mergePair{a: a, b: b})
		return nil
	})
}

// resolve gives the merges to m, whose vocabulary is there. Of a pair that is there
// twice the last counts.
func (l *merges) resolve(m *bpe) error {
	parts := runtime.GOMAXPROCS(0)
	errs := make([]error, parts)
	var done sync.WaitGroup
	for k := range parts {
		done.Go(func() { errs[k] = l.find(m, k*len(l.pairs)/parts, (k+1)*len(l.pairs)/parts) })
	}
	done.Wait()
	for _, err := range append(errs, l.err) {
		if err != nil {
			return err
		}
	}
	m.merges = newPairTable(len(l.pairs))
	m.results = make([]int32, 0, len(l.pairs))
	_, m.metaspaces = m.vocab.id(metaspaceChar)
	for _, p := range l.pairs {
		m.addMerge(p.left, p.right, p.result)
	}
	return nil
}

// find finds the ids of the merges from one rank to another.
func (l *merges) find(m *bpe, from, to int) error {
	var joined []byte
	for rank := from; rank < to; rank++ {
		p := &l.pairs[rank]
		var ok bool
		if p.left, ok = m.vocab.id(p.a); !ok {
			return l.list.errorf("%q of merge %d is not in the vocabulary", p.a, rank)
		}
		if p.right, ok = m.vocab.id(p.b); !ok {
			return l.list.errorf("%q of merge %d is not in the vocabulary", p.b, rank)
		}
		if len(p.b) < len(m.prefix) {
			return l.list.errorf("%q of merge %d is shorter than the prefix %q", p.b, rank, m.prefix)
		}
		joined = append(append(joined[:0], p.a...), p.b[len(m.prefix):]...)
		if p.result, ok = find(m.vocab, joined); !ok {
			return l.list.errorf("%q, which merge %d makes, is not in the vocabulary", joined, rank)
		}
	}
	return nil
}

// twoPieces returns the strings of a pair, or of "a b".
func twoPieces(first, second value) (a, b string, ok bool) {
	if first.text[0] != '"' {
		return "", "", false
	}
	a = unquote(first.text)
	if second.text == "" {
		a, b, ok = strings.Cut(a, " ")
		return a, b, ok && !strings.Contains(b, " ")
	}
	if second.text[0] != '"' {
		return "", "", false
	}
	return a, unquote(second.text), true
}
