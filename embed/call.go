package embed

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// A call is the state of one Embed or EmbedIDs, of a part of an EmbedSeq, or of
// a call in a Queue. It is leased from its model.
type call struct {
	*request
	model  *Model
	ctx    context.Context
	inputs inputs
	result *Result

	arenas [][]int32 // of each worker: the ids that it made, end to end
	items  []item    // of each input, until the call's own pass sorts them
	pass   pass      // of the call alone

	mu     sync.Mutex
	err    error               // that ends the call
	faults map[int]*InputError // of its inputs

	left  atomic.Int64  // in a Queue: items that are not done
	done  chan struct{} // in a Queue: closed with the last item; else nil
	ended atomic.Bool   // in a Queue that stops: nobody waits for the rest
}

// An item is one input of a call on its way to its embedding.
type item struct {
	call  *call // nil where the input is at fault
	index int   // of the input
	ids   []int32
}

// tokenize returns a call of inputs that has their ids. Their faults are in the call.
func (m *Model) tokenize(ctx context.Context, team *parallel.Team, in inputs, r *request) *call {
	c, _ := m.calls.Get().(*call)
	if c == nil {
		c = new(call)
	}
	c.arenas = grow(&c.arenas, team.Size())
	c.items = grow(&c.items, in.count())
	c.ctx, c.model, c.request, c.inputs = ctx, m, r, in
	r.encode.Done = ctx.Done()
	c.result = newResult(in.count(), r)
	team.For(in.count(), (*tokenizing)(c))
	return c
}

// release gives c back with its memory, and nothing else.
func (m *Model) release(c *call) {
	clear(c.items)
	for w := range c.arenas {
		c.arenas[w] = c.arenas[w][:0]
	}
	*c = call{arenas: c.arenas, items: c.items, pass: pass{starts: c.pass.starts}}
	m.calls.Put(c)
}

// fail ends the call with err, unless it has ended with another.
func (c *call) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// fault keeps err, a fault of input i.
func (c *call) fault(i int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults == nil {
		c.faults = map[int]*InputError{}
	}
	c.faults[i] = &InputError{i, err}
}

// outcome returns the result, or what ended the call, or the first input's fault.
func (c *call) outcome() (*Result, error) {
	if c.err != nil {
		return nil, c.err
	}
	if len(c.faults) > 0 {
		return nil, c.faults[slices.Min(slices.Collect(maps.Keys(c.faults)))]
	}
	return c.result, nil
}

// over returns why nobody waits for the call anymore, nil while somebody does.
func (c *call) over() error {
	if c.ended.Load() {
		return ErrClosed
	}
	return c.ctx.Err()
}

// settle counts one item as done. After the last one a Queue's call is its
// caller's again.
func (c *call) settle() {
	if c.done != nil && c.left.Add(-1) == 0 {
		close(c.done)
	}
}

// tokenizing makes the ids of each input.
type tokenizing call

// Run does input i.
func (t *tokenizing) Run(worker, i int) {
	c := (*call)(t)
	if err := c.ctx.Err(); err != nil {
		c.fail(err)
		return
	}
	arena := c.arenas[worker] // where it has to grow, earlier ids stay in the one before
	from := len(arena)
	arena, truncated, err := c.inputs.append(arena, i, c.request)
	ids := arena[from:len(arena):len(arena)]
	if err == nil {
		err = c.route.checkIDs(ids)
	}
	if ended := c.ctx.Err(); err != nil && ended != nil {
		c.fail(ended)
		return
	}
	if err != nil {
		c.fault(i, err)
		return
	}
	c.arenas[worker], c.items[i] = arena, item{c, i, ids}
	c.result.Embeddings[i].Tokens = len(ids)
	c.result.Embeddings[i].Truncated = truncated
}

// compute makes the embeddings of the inputs that have ids.
func (c *call) compute(team *parallel.Team) {
	c.pass.items = slices.DeleteFunc(c.items, func(i item) bool { return i.call == nil })
	c.pass.run(c.model, team)
	c.pass.items = nil
}
