package sparse

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/search"
)

// An Index searches vectors by Dot, exactly: for each entry of the vocabulary it has a list
// of the vectors with a weight there, and reads those of the query's entries. It takes 8
// bytes for each weight, and what appending leaves free. The zero Index is empty.
//
// Any number of goroutines may search at the same time; Add waits for them, and they
// for it. An Index must not be copied.
type Index struct {
	mu    sync.RWMutex
	count int
	lists map[int32][]posting // by entry, ascending by row

	sums sync.Pool // of *[rowBlock]float64, for Search
}

// A posting is the weight that a vector has for the entry of its list.
type posting struct {
	row   int32
	value float32
}

// Add adds a vector, whose row is then the number of those before it. v is not kept. Its
// indices must ascend from 0 on, each with a finite value greater than 0, as those of Embed
// do; a vector without any is never found.
func (x *Index) Add(v Vector) (row int, err error) {
	if err := v.check(); err != nil {
		return 0, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.count == math.MaxInt32 {
		return 0, fmt.Errorf("the index is full: %d vectors", x.count)
	}
	if x.lists == nil {
		x.lists = map[int32][]posting{}
	}
	row = x.count
	for i, entry := range v.Indices {
		x.lists[entry] = append(x.lists[entry], posting{int32(row), v.Values[i]})
	}
	x.count++
	return row, nil
}

// Len returns the number of vectors.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.count
}

// Search returns the k vectors that answer query best, the best first, with the bits of
// Dot. Of equal scores the lower row comes first. Vectors with a score of 0, which have no
// weight in common with query, are not found, so that there may be fewer than k. Many
// vectors are searched on all processors, as runtime.GOMAXPROCS says; what is found does not
// depend on their number. Errors are those of Add, of query, and a k below 1.
func (x *Index) Search(query Vector, k int) ([]search.Match, error) {
	if k < 1 {
		return nil, fmt.Errorf("k is %d, expected at least 1", k)
	}
	if err := query.check(); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	var terms []term
	weights := 0
	for i, entry := range query.Indices {
		if list := x.lists[entry]; list != nil {
			terms = append(terms, term{list, float64(query.Values[i])})
			weights += len(list)
		}
	}
	if len(terms) == 0 {
		return nil, nil
	}
	blocks := (x.count + rowBlock - 1) / rowBlock
	workers := min(runtime.GOMAXPROCS(0), blocks, 1+weights/workerWeights)
	s := &searching{index: x, terms: terms, k: min(k, x.count), workers: make([]searcher, workers)}
	parallel.Once(workers, blocks, s)
	var found []search.Match
	for i := range s.workers {
		w := &s.workers[i]
		found = append(found, w.top.found...)
		if w.sums != nil {
			x.sums.Put(w.sums)
		}
	}
	return best(found, s.k), nil
}

// A searching is the task that searches the blocks of an Index.
type searching struct {
	index   *Index
	terms   []term
	k       int
	workers []searcher
}

// A searcher is a worker's part: what it has not read yet, and what it found.
type searcher struct {
	terms []term
	sums  *[rowBlock]float64
	top   top
}

// Run searches block i. A worker takes blocks in order, so that of equal scores the rows
// before stay.
func (s *searching) Run(worker, i int) {
	w, first := &s.workers[worker], i*rowBlock
	if w.sums == nil {
		w.terms, w.top.k = slices.Clone(s.terms), s.k
		if w.sums, _ = s.index.sums.Get().(*[rowBlock]float64); w.sums == nil {
			w.sums = new([rowBlock]float64)
		}
	}
	for j := range w.terms { // over the blocks of others
		t := &w.terms[j]
		n, _ := slices.BinarySearchFunc(t.list, first, func(p posting, row int) int { return cmp.Compare(int(p.row), row) })
		t.list = t.list[n:]
	}
	add(w.sums, w.terms, first)
	w.top.take(w.sums, first)
}

// check returns what is wrong with v.
func (v Vector) check() error {
	if len(v.Indices) != len(v.Values) {
		return fmt.Errorf("%d indices and %d values, expected as many", len(v.Indices), len(v.Values))
	}
	before := int32(-1)
	for i, entry := range v.Indices {
		if entry <= before {
			if entry < 0 {
				return fmt.Errorf("index %d, expected 0 or more", entry)
			}
			return fmt.Errorf("index %d behind %d, expected ascending ones", entry, before)
		}
		if w := v.Values[i]; !(w > 0) || math.IsInf(float64(w), 1) {
			return fmt.Errorf("value %v of index %d, expected a finite number greater than 0", w, entry)
		}
		before = entry
	}
	return nil
}

// rowBlock rows are searched at once: their sums lie in a core's caches while what the
// lists have of them is read.
const rowBlock = 1 << 13

// workerWeights of the lists take a worker some 300 microseconds, many times what it costs
// to wake one.
const workerWeights = 1 << 18

// A term is what is left of the list of one of the query's entries, and the query's weight
// of that.
type term struct {
	list   []posting
	weight float64
}

// add sets sums to the scores of the rows from first on, and takes them off the lists of
// terms. The products of a row, which are exact in float64, are added in the order of their
// entries, as Dot adds them.
func add(sums *[rowBlock]float64, terms []term, first int) {
	clear(sums[:])
	for i := range terms {
		t := &terms[i]
		n := 0
		for _, p := range t.list {
			at := uint(int(p.row) - first)
			if at >= rowBlock {
				break
			}
			sums[at] += t.weight * float64(p.value)
			n++
		}
		t.list = t.list[n:]
	}
}

// A top has the k best of the matches that it took, and some more.
type top struct {
	k     int
	found []search.Match
	least float32 // the score of the k-th best once there were so many; 0 = not known
}

// take takes the rows from first on, which have these sums and are behind those before:
// they are worse at equal scores.
func (t *top) take(sums *[rowBlock]float64, first int) {
	for at, sum := range sums {
		score := float32(sum)
		if score <= t.least {
			continue
		}
		if len(t.found) >= 2*t.k {
			t.found = best(t.found, t.k)
			if t.least = t.found[t.k-1].Score; score <= t.least {
				continue
			}
		}
		t.found = append(t.found, search.Match{Row: first + at, Score: score})
	}
}

// best returns the k best of found, which it sorts.
func best(found []search.Match, k int) []search.Match {
	slices.SortFunc(found, func(a, b search.Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
	})
	return found[:min(k, len(found))]
}
