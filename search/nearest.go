package search

import (
	"cmp"
	"fmt"
	"slices"
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
// To search with several goroutines, give each some of the rows, and sort what
// they find.
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
	found := make([]Match, 0, min(k, s.rows)) // a heap with the farthest on top once it is full
	scores := make([]float32, min(block, s.rows))
	for first := 0; first < s.rows; first += block {
		scores = scores[:min(block, s.rows-first)]
		s.score(scores, first)
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
			continue
		}
		limit := m.nearness(found[0].Score)
		for ; i < len(scores); i++ {
			if n := m.nearness(scores[i]); n > limit { // at equal scores the rows before stay
				found[0] = Match{first + i, scores[i]}
				sink(m, found, 0)
				limit = m.nearness(found[0].Score)
			}
		}
	}
	m.sort(found)
	return found, nil
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
