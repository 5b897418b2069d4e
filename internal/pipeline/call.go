package pipeline

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/internal/transformer"
)

// A call is the state of a Call that is run, by itself, as a part of a Stream or in
// a Queue. It is leased from its model.
type call struct {
	Call
	Request
	model *Model
	ctx   context.Context

	arenas []Tokens // of each worker: what it made, end to end
	items  []item   // of each input, until merge and the call's own pass sort them
	next   []int    // of each input: another one that has its tokens and no item; 0 = no more
	table  []int32  // of merge
	pass   pass     // of the call alone

	mu     sync.Mutex
	err    error  // that ends the call
	faults Faults // of its inputs

	left   atomic.Int64  // in a Queue: items that are not done
	done   chan struct{} // in a Queue: closed with the last item; else nil
	ended  atomic.Bool   // in a Queue that stops: nobody waits for the rest
	wait   time.Duration // in a Queue: until the call's first turn
	tokens int           // in a Queue: of all items
}

// An item is one input of a call on its way.
type item struct {
	call   *call // nil where the input is at fault
	index  int   // of the input
	tokens Tokens
	sum    uint64              // of their ids
	prefix *transformer.Prefix // before tokens, in a pass whose items share it
}

// tokenize returns a call of in that has its tokens. Their faults are in the call.
func (m *Model) tokenize(ctx context.Context, team *parallel.Team, in Call, r Request) *call {
	c, _ := m.calls.Get().(*call)
	if c == nil {
		c = new(call)
	}
	n := in.Count()
	c.arenas = grow(&c.arenas, team.Size())
	c.items = grow(&c.items, n)
	c.ctx, c.model, c.Request, c.Call = ctx, m, r, in
	in.Begin(ctx)
	team.For(n, (*tokenizing)(c))
	c.merge()
	return c
}

// release gives c back with its memory, and nothing else.
func (m *Model) release(c *call) {
	clear(c.items)
	for w := range c.arenas {
		a := &c.arenas[w]
		a.IDs, a.Types = a.IDs[:0], a.Types[:0]
	}
	*c = call{arenas: c.arenas, items: c.items, next: c.next, table: c.table, pass: pass{starts: c.pass.starts}}
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
		c.faults = Faults{}
	}
	c.faults[i] = err
}

// outcome returns what ended the call, or the faults of its inputs.
func (c *call) outcome() error {
	if c.err == nil && len(c.faults) > 0 {
		return c.faults
	}
	return c.err
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

// tokenizing makes the tokens of each input.
type tokenizing call

// Run does input i.
func (t *tokenizing) Run(worker, i int) {
	c := (*call)(t)
	if err := c.ctx.Err(); err != nil {
		c.fail(err)
		return
	}
	before := c.arenas[worker] // where it has to grow, earlier tokens stay in the one before
	arena, err := c.Append(before, i)
	if err == ErrTaken {
		return
	}
	var tokens Tokens
	if err == nil {
		tokens, err = arena.since(before)
	}
	if err == nil {
		err = c.Way.Encoder.Check(tokens)
	}
	if t, ok := c.Way.Encoder.(Transformer); ok && err == nil && c.Way.reads() != nil {
		tokens.IDs = t.ended(tokens.IDs)
	}
	if ended := c.ctx.Err(); err != nil && ended != nil {
		c.fail(ended)
		return
	}
	if err != nil {
		c.fault(i, err)
		return
	}
	arena.Groups, arena.Seen = nil, 0
	c.arenas[worker], c.items[i] = arena, item{c, i, tokens, sum(tokens.IDs), nil}
}

// since returns what t, an input's tokens behind others, has more than those.
func (t Tokens) since(before Tokens) (Tokens, error) {
	n := Tokens{IDs: t.IDs[len(before.IDs):len(t.IDs):len(t.IDs)], Groups: t.Groups, Seen: t.Seen}
	if types := t.Types[len(before.Types):len(t.Types):len(t.Types)]; len(types) > 0 {
		if n.Types = types; len(types) != len(n.IDs) {
			return n, fmt.Errorf("%d token types, expected %d, one for each token", len(types), len(n.IDs))
		}
	}
	return n, nil
}

// compute runs the inputs that have tokens.
func (c *call) compute(team *parallel.Team) {
	c.pass.items = c.items
	c.pass.run(c.model, team)
	c.pass.items = nil
}
