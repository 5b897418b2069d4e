package search

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// A Match is a row that was found.
type Match struct {
	Row   int     // its number, from 0
	Score float32 // what the metric says of it
}

// Nearest returns the k rows nearest to query, the nearest first, all where there
// are fewer. Of equal scores the lower row is taken first; one that is not a
// number comes last. The search is exact: it scores every row. Errors are
// those of Scores, a k below 1, and Dot or Euclidean over rows of bytes: each has a
// scale of its own, without which their order is another one. Cosine needs none, and
// Rescore takes what Scores says, times the scales.
//
// Many rows are searched on all processors, as runtime.GOMAXPROCS says. What is found does
// not depend on their number.
func Nearest[Q, E Number](m Metric, query []Q, rows []E, k int) ([]Match, error) {
	if k < 1 {
		return nil, fmt.Errorf("k is %d, expected at least 1", k)
	}
	s, err := newScorer(m, query, rows)
	if err != nil {
		return nil, err
	}
	if s.uint8s != nil && (m == Dot || m == Euclidean) {
		return nil, fmt.Errorf("%v over rows of %s, which have scales of their own: expected cosine, or for packed bits hamming or signs", m, elementName(rows))
	}
	t := finder{scorer: &s, k: min(k, s.rows)}
	t.part = max(1, partElements/s.width/block) * block
	parts := (s.rows + t.part - 1) / t.part
	t.found = make([][]Match, min(runtime.GOMAXPROCS(0), max(parts, 1)))
	t.rough = newRough(&s)
	parallel.Once(len(t.found), parts, &t)
	found := t.found[0]
	for _, more := range t.found[1:] {
		found = append(found, more...)
	}
	m.sort(found)
	return found[:min(k, len(found))], nil
}

// partElements is about how many elements of rows are searched at once: some ten to a
// hundred microseconds of work.
const partElements = 1 << 20

// A finder is the task that finds the k nearest rows, part by part.
type finder struct {
	*scorer
	k     int
	part  int       // rows of a part, a multiple of block
	rough *rough    // nil where there is none
	found [][]Match // of each worker a heap with the farthest on top, once it has k
}

// Run searches part i. A worker takes parts in order, so that of equal scores the rows
// before stay.
func (t *finder) Run(worker, i int) {
	found := t.found[worker]
	if found == nil {
		found = make([]Match, 0, t.k)
	}
	var buffer [block]float32
	end := min((i+1)*t.part, t.rows)
	for first := i * t.part; first < end; first += block {
		scores := buffer[:min(block, end-first)]
		if t.rough != nil && len(found) == t.k {
			found = t.keepRough(found, first, len(scores))
			continue
		}
		t.score(scores, first)
		found = t.metric.keep(found, t.k, scores, first)
	}
	t.found[worker] = found
}

// keep returns the heap of the k nearest of those in found and of rows with these
// scores, which come after them; first is the number of the first one.
func (m Metric) keep(found []Match, k int, scores []float32, first int) []Match {
	i := 0
	for ; i < len(scores) && len(found) < k; i++ {
		found = append(found, Match{first + i, scores[i]})
		if len(found) == k {
			for at := k/2 - 1; at >= 0; at-- {
				sink(m, found, at)
			}
		}
	}
	if i == len(scores) {
		return found
	}
	limit := m.nearness(found[0].Score)
	for ; i < len(scores); i++ {
		if n := m.nearness(scores[i]); n > limit { // at equal scores the rows before stay
			found[0] = Match{first + i, scores[i]}
			sink(m, found, 0)
			limit = m.nearness(found[0].Score)
		}
	}
	return found
}

// Rescore gives each match the score that the function returns for its row, say
// from vectors that are stored elsewhere at full precision, and sorts the
// matches by what m says of these scores. It stops at the function's first error.
func Rescore(m Metric, matches []Match, score func(row int) (float32, error)) error {
	for i := range matches {
		s, err := score(matches[i].Row)
		if err != nil {
			return fmt.Errorf("row %d: %w", matches[i].Row, err)
		}
		matches[i].Score = s
	}
	m.sort(matches)
	return nil
}

// sort puts the nearest first, and the lower row of equals.
func (m Metric) sort(matches []Match) {
	slices.SortFunc(matches, func(a, b Match) int { return m.compare(a, b) })
}

// compare is negative if a comes before b.
func (m Metric) compare(a, b Match) int {
	return cmp.Or(cmp.Compare(m.nearness(b.Score), m.nearness(a.Score)), cmp.Compare(a.Row, b.Row))
}

// sink restores the heap below element i, whose value may be too near for its place.
func sink(m Metric, heap []Match, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if right := child + 1; right < len(heap) && m.compare(heap[right], heap[child]) > 0 {
			child = right
		}
		if m.compare(heap[i], heap[child]) >= 0 {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
