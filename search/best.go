package search

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// Best returns the k of n rows, 0 to n-1, with the highest scores, the highest first, all
// where there are fewer: a search whose rows are no vectors, such as documents of several by
// MaxSim. Of equal scores the lower row comes first; one that is not a number comes last. Errors are
// a k below 1, and the one of score of the lowest row that has one.
//
// score is called on as many goroutines as runtime.GOMAXPROCS says. What is found does not
// depend on their number.
func Best(n, k int, score func(row int) (float32, error)) ([]Match, error) {
	if k < 1 {
		return nil, fmt.Errorf("k is %d, expected at least 1", k)
	}
	n = max(n, 0)
	parts := (n + bestPart - 1) / bestPart
	b := &bestOf{score: score, matches: make([]Match, n), errs: make([]error, parts)}
	parallel.Once(runtime.GOMAXPROCS(0), parts, b)
	if err := cmp.Or(b.errs...); err != nil {
		return nil, err
	}
	Dot.sort(b.matches)
	return slices.Clip(b.matches[:min(k, n)]), nil
}

// bestPart rows are scored one after the other.
const bestPart = 16

// bestOf is the task that scores rows, part by part.
type bestOf struct {
	score   func(row int) (float32, error)
	matches []Match
	errs    []error // of each part, that of its first row that has one
}

// Run scores part i.
func (b *bestOf) Run(_, i int) {
	for row := i * bestPart; row < min((i+1)*bestPart, len(b.matches)); row++ {
		s, err := b.score(row)
		if err != nil {
			b.errs[i] = err
			return
		}
		b.matches[row] = Match{row, s}
	}
}
