package embed

import (
	"context"
	"slices"
	"sync"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
	"github.com/rhumb-go/rhumb/tensor"
)

const (
	defaultBatchTokens = 256 // activations of so many tokens stay in a core's second cache
	leastBatchTokens   = 32  // below, reading the weights takes longer than computing with them
)

// A call is the state of one Embed or EmbedIDs. It is leased from its model.
type call struct {
	*request
	model  *Model
	ctx    context.Context
	inputs inputs
	result *Result

	arenas [][]int32 // of each worker: the ids that it made, end to end
	ids    [][]int32 // of each input, in an arena
	order  []int     // the inputs, longest first
	starts []int     // batch b is order[starts[b]:starts[b+1]]
	whole  int       // the batches from this one on are run by a worker each

	mu     sync.Mutex
	failed int // the input that err is about, -1 for none
	err    error
}

// lease returns a call for so many inputs and workers.
func (m *Model) lease(inputs, workers int) *call {
	c, _ := m.calls.Get().(*call)
	if c == nil {
		c = new(call)
	}
	grow(&c.arenas, workers)
	c.ids = grow(&c.ids, inputs)
	c.order = grow(&c.order, inputs)
	return c
}

// release gives c back with its memory, and nothing else.
func (m *Model) release(c *call) {
	clear(c.ids)
	for w := range c.arenas {
		c.arenas[w] = c.arenas[w][:0]
	}
	*c = call{arenas: c.arenas, ids: c.ids, order: c.order, starts: c.starts}
	m.calls.Put(c)
}

// fail keeps err, which is about the given input, unless there is one about an
// earlier input. -1 is before all of them.
func (c *call) fail(input int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil || input < c.failed {
		c.failed, c.err = input, err
	}
}

// tokenizing makes the ids of each input.
type tokenizing call

// Run does input i.
func (t *tokenizing) Run(worker, i int) {
	c := (*call)(t)
	if err := c.ctx.Err(); err != nil {
		c.fail(-1, err)
		return
	}
	arena := c.arenas[worker] // where it has to grow, earlier ids stay in the one before
	from := len(arena)
	arena, truncated, err := c.inputs.append(arena, i, c.request)
	ids := arena[from:len(arena):len(arena)]
	if err == nil {
		err = c.route.checkIDs(ids)
	}
	if err != nil {
		c.fail(i, &InputError{i, err})
		return
	}
	c.arenas[worker], c.ids[i] = arena, ids
	c.result.Embeddings[i].Tokens = len(ids)
	c.result.Embeddings[i].Truncated = truncated
}

// cut orders the inputs by length and makes batches of them.
func (c *call) cut(budget, workers int) {
	total := 0
	for i := range c.order {
		c.order[i] = i
		total += len(c.ids[i])
	}
	slices.SortStableFunc(c.order, func(i, j int) int { return len(c.ids[j]) - len(c.ids[i]) })
	c.starts = appendBatches(c.starts[:0], c.order, c.ids, total, batchCount(total, budget, workers), budget)
	c.whole = c.firstWhole(total, workers)
}

// batches returns the number of batches.
func (c *call) batches() int { return len(c.starts) - 1 }

// tokens returns the number of tokens of batch b.
func (c *call) tokens(b int) int {
	n := 0
	for _, i := range c.order[c.starts[b]:c.starts[b+1]] {
		n += len(c.ids[i])
	}
	return n
}

// batchCount returns into how many batches of at most budget tokens to cut total
// tokens: a multiple of the workers, where that does not make them too small.
func batchCount(total, budget, workers int) int {
	n := (total + budget - 1) / budget
	even := (n + workers - 1) / workers * workers
	return max(1, n, min(even, total/leastBatchTokens))
}

// appendBatches cuts order, inputs longest first, into count batches or a few
// more, about even, and appends where each begins, and the end. A batch has at
// most budget tokens, or one input that has more.
func appendBatches(starts, order []int, ids [][]int32, total, count, budget int) []int {
	before, size := 0, 0 // tokens before order[k], and those of them in its batch
	for k, i := range order {
		n := len(ids[i])
		// An input goes to the batch that its middle lies in.
		beyond := int64(2*before+n)*int64(count) > int64(2*total)*int64(len(starts))
		if k == 0 || size+n > budget || beyond {
			starts = append(starts, k)
			size = 0
		}
		before += n
		size += n
	}
	return append(starts, len(order))
}

// firstWhole returns the batch from which on a worker takes whole batches, so
// that activations stay in its core's caches. Those before are so large that
// workers would wait for one: they are split over all workers.
func (c *call) firstWhole(total, workers int) int {
	for b := range c.batches() {
		n := c.tokens(b)
		if n*workers <= total+total/4 {
			return b
		}
		total -= n
	}
	return c.batches()
}

// forwarding runs the batches that a worker takes whole.
type forwarding call

// Run does batch whole+i.
func (f *forwarding) Run(_, i int) { (*call)(f).forward(nil, f.whole+i) }

// forward makes the vectors of batch b.
func (c *call) forward(team *parallel.Team, b int) {
	if err := c.ctx.Err(); err != nil {
		c.fail(-1, err)
		return
	}
	s, _ := c.model.scratch.Get().(*scratch)
	if s == nil {
		s = new(scratch)
	}
	defer c.model.scratch.Put(s)

	inputs := c.order[c.starts[b]:c.starts[b+1]]
	var vectors tensor.Matrix
	if r := c.route; r.table != nil {
		vectors = s.matrix(len(inputs), r.table.width)
		for j, i := range inputs {
			r.table.mean(vectors.Row(j), c.ids[i], s)
		}
	} else {
		batch := s.batch(inputs, c.ids)
		batch.Layers, batch.Task = c.layers, c.task
		hidden := asMatrix(grow(&s.hidden, len(batch.IDs)*r.width()), len(batch.IDs), r.width())
		if err := r.transformer.Forward(c.ctx, team, hidden, batch); err != nil {
			c.fail(-1, err)
			return
		}
		for _, module := range r.tokens {
			hidden = module.apply(s, hidden)
		}
		vectors = s.matrix(len(inputs), len(r.pooling.modes)*hidden.Cols)
		sums := grow(&s.sums, hidden.Cols)
		for j := range inputs {
			r.pooling.apply(vectors.Row(j), hidden.Slice(batch.Starts[j], batch.Starts[j+1]), c.skip, sums)
		}
	}
	for _, module := range c.route.modules {
		vectors = module.apply(s, vectors)
	}
	for j, i := range inputs {
		if err := c.finish(c.result.Embeddings[i].Float32, vectors.Row(j)); err != nil {
			c.fail(i, &InputError{i, err})
		}
	}
}

// scratch is the memory of one batch, leased from its model.
type scratch struct {
	ids      []int32
	starts   []int
	hidden   []float32    // tokens×hidden
	vectors  [2][]float32 // what a module makes, in turns
	turn     int
	residual []float32
	sums     []float64
	rows     kernel.Rows
}

// batch lays the ids of inputs end to end.
func (s *scratch) batch(inputs []int, ids [][]int32) transformer.Batch {
	s.ids, s.starts = s.ids[:0], append(s.starts[:0], 0)
	for _, i := range inputs {
		s.ids = append(s.ids, ids[i]...)
		s.starts = append(s.starts, len(s.ids))
	}
	return transformer.Batch{IDs: s.ids, Starts: s.starts}
}

// matrix returns rows×cols of memory, which the matrix before does not share,
// but the one before that does.
func (s *scratch) matrix(rows, cols int) tensor.Matrix {
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
