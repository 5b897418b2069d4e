package embed

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/rhumb-go/rhumb/internal/pipeline"
)

// A flight is a row that a call finds in the cache or computes, and that others wait for
// which want the same at that time.
type flight struct {
	owner   *recall
	waiting int
	done    chan struct{} // closed when it has ended
	row     []float32     // nil where it ended without one: whoever waits looks for itself
}

// A wait is an input whose row another call is about to have.
type wait struct {
	input int
	on    *flight
}

// join reports whether the call of c is to see to the row of input i, which has that key: if
// not, another one does, and c waits for it when its own rows are there.
func (c *recall) join(i int, key [sha256.Size]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flights[key]
	if f == nil {
		c.flights[key] = &flight{owner: c, done: make(chan struct{})}
		c.mine = append(c.mine, key)
		return true
	}
	if f.owner == c {
		return true // inputs of one call that are the same are one
	}
	f.waiting++
	c.waits = append(c.waits, wait{i, f})
	return false
}

// land ends the flights of c under these keys, with a row where there is one.
func (c *recall) land(row []float32, keys ...[sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		f := c.flights[key]
		if f == nil || f.owner != c {
			continue
		}
		delete(c.flights, key)
		if f.waiting > 0 {
			f.row = slices.Clone(row)
		}
		close(f.done)
	}
}

// await takes the rows that c waits for, and returns the inputs that got none. c has no
// flights any more, so that calls which wait for each other's all end.
func (c *recall) await(ctx context.Context, r *request) (left []int, err error) {
	for _, w := range c.waits {
		select {
		case <-w.on.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if w.on.row == nil {
			left = append(left, w.input)
			continue
		}
		row := make([]float32, len(w.on.row))
		if !c.Get(c.keys[w.input], row) { // which counts it
			copy(row, w.on.row)
		}
		if err := r.take(&r.result.Embeddings[w.input].Vector, row); err != nil {
			return nil, &InputError{w.input, err}
		}
		c.found.Add(1)
	}
	return left, nil
}

// A batch is a call of inputs that become embeddings.
type batch interface {
	pipeline.Call
	base() *request
	part(inputs []int) batch // a call of some of them, as they are asked for here
}

func (r *request) base() *request { return r }

func (t *texts) part(inputs []int) batch { return t.model.texts(pick(t.inputs, inputs), t.options) }

func (t *tokenLists) part(inputs []int) batch {
	return t.model.tokenLists(pick(t.inputs, inputs), t.options)
}

func pick[E any](all []E, numbers []int) []E {
	some := make([]E, len(numbers))
	for j, i := range numbers {
		some[j] = all[i]
	}
	return some
}

// embed returns what c becomes by run. Rows that another call is computing for the same cache
// are waited for, once those of c are there.
func (m *Model) embed(ctx context.Context, c batch, run func(context.Context, pipeline.Call) (time.Duration, error)) (*Result, error) {
	r := c.base()
	r.joins = true
	waited, err := run(ctx, c)
	recall := r.recall
	if recall != nil {
		recall.land(nil, recall.mine...)
	}
	result, err := r.outcome(err)
	if err != nil {
		return nil, err
	}
	result.Wait = waited
	if recall == nil || len(recall.waits) == 0 {
		return result, nil
	}
	left, err := recall.await(ctx, r)
	if err != nil {
		return nil, err
	}
	result.Cached = int(recall.found.Load())
	if len(left) == 0 {
		return result, nil
	}
	more, err := m.embed(ctx, c.part(left), run)
	if fault := (*InputError)(nil); errors.As(err, &fault) {
		return nil, &InputError{left[fault.Index], fault.Err}
	}
	if err != nil {
		return nil, err
	}
	for j, i := range left {
		result.Embeddings[i] = more.Embeddings[j]
	}
	result.Cached += more.Cached
	return result, nil
}
