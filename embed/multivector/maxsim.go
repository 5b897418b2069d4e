package multivector

import (
	"fmt"
	"sync"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

// emptyScore is the score of a document without vectors: below that of any other, as in
// sentence-transformers 6.2.
const emptyScore = -1e9

// MaxSim returns how well a document answers a query, by the vectors of their tokens, a
// row each: the greatest dot product of each row of query with one of document, summed in
// float64 (ColBERT, arXiv:2004.12832, 3.2). Without rows of document it is -1e9. The error
// says that a matrix is none, or that the rows have not as many components.
func MaxSim(query, document tensor.Matrix) (float32, error) {
	s, err := NewScorer(query)
	if err != nil {
		return 0, err
	}
	return s.Score(document)
}

// A Scorer holds a query against many documents. It is read-only: any number of
// goroutines may use it at the same time.
type Scorer struct {
	set    *kernel.Set
	query  *kernel.Panels
	mean   bool
	memory sync.Pool // of *kernel.MaxDots
}

// NewScorer returns what scores documents as MaxSim does with query, of which it keeps
// nothing.
func NewScorer(query tensor.Matrix) (*Scorer, error) { return newScorer(kernel.Best(), query) }

// NewScorer returns what scores documents as Score does with the vectors of a query: on the
// model's kernel set, and divided by their number where Info.MeanMaxSim says so.
func (m *Model) NewScorer(query tensor.Matrix) (*Scorer, error) {
	s, err := newScorer(m.loaded.Set, query)
	if err == nil {
		s.mean = m.loaded.Spec.Multi.Mean
	}
	return s, err
}

func newScorer(set *kernel.Set, query tensor.Matrix) (*Scorer, error) {
	if err := check(query); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if query.Cols < 1 {
		return nil, fmt.Errorf("query: vectors of %d components, expected 1 or more", query.Cols)
	}
	s := &Scorer{set: set, query: set.PackQuery(query)}
	s.memory.New = func() any { return set.NewMaxDots(s.query) }
	return s, nil
}

// check returns an error unless m is a matrix.
func check(m tensor.Matrix) error {
	if m.Rows < 0 || m.Cols < 0 || m.Rows > 0 && (m.Stride < m.Cols || (len(m.Data)-m.Cols)/max(1, m.Stride) < m.Rows-1 || len(m.Data) < m.Cols) {
		return fmt.Errorf("%d rows of %d elements, %d apart, in %d elements, expected a matrix", m.Rows, m.Cols, m.Stride, len(m.Data))
	}
	return nil
}

// Score returns MaxSim of the query and a document.
func (s *Scorer) Score(document tensor.Matrix) (float32, error) {
	err := check(document)
	if err == nil && document.Rows > 0 && document.Cols != s.query.K {
		err = fmt.Errorf("vectors of %d components, expected %d, as those of the query have", document.Cols, s.query.K)
	}
	if err != nil {
		return 0, fmt.Errorf("document: %w", err)
	}
	return s.score(document.Rows, func(m *kernel.MaxDots) { m.Add(document) }), nil
}

// score is Score of a document of so many vectors, which add adds.
func (s *Scorer) score(vectors int, add func(*kernel.MaxDots)) float32 {
	if vectors == 0 {
		return emptyScore
	}
	m := s.memory.Get().(*kernel.MaxDots)
	defer s.memory.Put(m)
	m.Start()
	add(m)
	best := m.Best()
	var sum float64
	for _, x := range best {
		sum += float64(x)
	}
	if s.mean && len(best) > 0 {
		sum /= float64(len(best))
	}
	return float32(sum)
}
