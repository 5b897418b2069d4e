package pipeline

import (
	"cmp"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

// A Scratch is the memory of one batch, leased from its model.
type Scratch struct {
	audience audience // the items of the batch
	ids      []int32
	types    []int32
	starts   []int
	skip     []int
	groups   [][][]int32
	seen     []int
	read     []int
	hidden   []float32    // tokens×width
	vectors  [2][]float32 // what a module makes, in turns
	turn     int
	residual []float32
	sums     []float64
	rows     kernel.Rows

	together    []float32 // rows of several heads
	groupStarts []int     // of the rows of each item's groups
	group       []float32 // a group's hidden states
	same        []float32 // an item's rows, for another input
}

// batch lays the tokens of items, one at least, end to end.
func (s *Scratch) batch(items []item) Batch {
	s.ids, s.types, s.starts, s.skip, s.groups = s.ids[:0], s.types[:0], append(s.starts[:0], 0), s.skip[:0], s.groups[:0]
	s.seen, s.read = s.seen[:0], s.read[:0]
	lead := items[0].call // the others take the same way
	reads, hides := lead.Way.reads(), false
	for _, i := range items {
		if i.tokens.Types != nil {
			s.types = append(zeros(s.types, len(s.ids)), i.tokens.Types...)
		}
		if reads != nil {
			s.read = append(s.read, len(s.ids)+reads.token(i.tokens.IDs, i.call.Skip))
		}
		s.ids = append(s.ids, i.tokens.IDs...)
		s.starts = append(s.starts, len(s.ids))
		s.skip = append(s.skip, i.call.Skip)
		s.groups = append(s.groups, i.tokens.Groups)
		s.seen = append(s.seen, cmp.Or(i.tokens.Seen, len(i.tokens.IDs)))
		hides = hides || i.tokens.Seen > 0
	}
	b := Batch{transformer.Batch{IDs: s.ids, Starts: s.starts, Layers: lead.Layers, Task: lead.Task, Prefix: items[0].prefix}, s.skip, s.groups}
	if reads != nil {
		b.Read = s.read
	}
	if hides {
		b.Seen = s.seen
	}
	if len(s.types) > 0 {
		s.types = zeros(s.types, len(s.ids))
		b.Types = s.types
	}
	return b
}

// zeros returns types with zeros behind them, n elements.
func zeros(types []int32, n int) []int32 {
	return append(types, make([]int32, n-len(types))...)
}

// matrix returns rows×cols of memory, which the matrix before does not share,
// but the one before that does.
func (s *Scratch) matrix(rows, cols int) tensor.Matrix {
	s.turn = 1 - s.turn
	return asMatrix(grow(&s.vectors[s.turn], rows*cols), rows, cols)
}

// asMatrix returns data, of rows·cols elements, as a matrix.
func asMatrix(data []float32, rows, cols int) tensor.Matrix {
	return tensor.Matrix{Rows: rows, Cols: cols, Stride: cols, Data: data}
}

// grow returns n elements of *buffer, which it replaces where it has fewer.
func grow[T any](buffer *[]T, n int) []T {
	if cap(*buffer) < n {
		*buffer = make([]T, n)
	}
	return (*buffer)[:n]
}
