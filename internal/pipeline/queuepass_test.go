package pipeline

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// items returns the items of a call of inputs of so many tokens.
func items(tokens ...int) []item {
	c := new(call)
	for _, n := range tokens {
		c.items = append(c.items, item{call: c, tokens: Tokens{IDs: make([]int32, n)}})
		c.tokens += n
	}
	return c.items
}

// A pass lets in what is small beside it and beside its calls.
func TestOpeningLimits(t *testing.T) {
	m, _ := newModel(t, 2, 8)
	q := NewQueue(m, QueueConfig{})
	limitsOf := func(calls ...[]item) limits { return q.open(slices.Concat(calls...), 2).limits }
	assert.Equal(t, limits{8, 8}, limitsOf(items(64)), "one long input")
	assert.Equal(t, limits{0, 8}, limitsOf(items(16, 16, 16, 16)), "one call of several")
	assert.Equal(t, limits{0, 2}, limitsOf(items(16), items(16), items(16), items(16)), "calls of one each")
	assert.Equal(t, limits{0, 2}, limitsOf(items(16, 16, 16, 16)[:1]), "of a call that has more")
}

// What is let in gets half of a pass's time at most.
func TestOpeningShares(t *testing.T) {
	m, way := newModel(t, 2, 8)
	q := NewQueue(m, QueueConfig{})
	o := q.open(items(64), 2)
	assert.Equal(t, limits{8, 8}, o.limits)
	c, err := q.tokenize(t.Context(), &lists{Request: Request{Way: way}, ids: repeat(2, 3)})
	require.NoError(t, err)
	q.serving = true // by the pass that o is of
	require.NoError(t, q.add(&queued{call: c, waiting: c.items}))
	o.spent.Store(1 << 60)
	o.yield()
	assert.Equal(t, 2, q.Stats().WaitingInputs, "more time went to others than to the pass")
	o.spent.Store(0)
	o.yield()
	<-c.done
	assert.Equal(t, Stats{MaxInputs: DefaultQueueInputs, MaxTokens: DefaultQueueTokens, Passes: 1, Inputs: 2, Tokens: 6}, q.Stats())
	assert.Positive(t, o.spent.Load())
	o.yield()
	assert.Equal(t, q.arrivals.Load(), o.looked.Load())
}

// watched returns a call that says when an input is tokenized, and waits with it.
func watched(way *Way, ids [][]int32, begun chan<- int, ended <-chan struct{}, count *atomic.Int32) *lists {
	return &lists{Request: Request{Way: way}, ids: ids, append: func(i int) error {
		count.Add(1)
		begun <- i
		<-ended
		return nil
	}}
}

// What a full queue does not take is not tokenized, and what it takes is not refused
// once that work is done.
func TestQueueRefusesBeforeTokenizing(t *testing.T) {
	m, way := newModel(t, 2, DefaultBatchTokens)
	q := NewQueue(m, QueueConfig{MaxTokens: 40})
	ctx := context.Background()
	begun, ended := make(chan int), make(chan struct{})
	var count atomic.Int32
	first := make(chan error)
	go func() {
		_, err := q.Run(ctx, watched(way, repeat(20, 6), begun, ended, &count))
		first <- err
	}()
	<-begun
	for range 5 {
		_, err := q.Run(ctx, watched(way, repeat(20, 6), begun, ended, &count))
		assert.EqualError(t, err, "the queue is full: 120 tokens wait, with this call's more than 40")
	}
	assert.EqualValues(t, 1, count.Load())
	assert.Zero(t, q.Stats().WaitingInputs)
	close(ended)
	for i := range 19 {
		assert.Equal(t, i+1, <-begun)
	}
	require.NoError(t, <-first)
	assert.Equal(t, size{}, q.admitted)
	require.NoError(t, q.Close(ctx))
}

// Of long calls one is tokenized at a time, and short ones do not wait for it.
func TestQueueTokenizesLongCallsInTurns(t *testing.T) {
	m, way := newModel(t, 2, DefaultBatchTokens)
	q := NewQueue(m, QueueConfig{})
	begun, ended := make(chan int, 3), make(chan struct{})
	var count atomic.Int32
	replies := make(chan error, 3)
	long := func(ctx context.Context) error {
		l := watched(way, repeat(1, 20), begun, ended, &count)
		l.bytes = longBytes + 1
		_, err := q.Run(ctx, l)
		return err
	}
	for range 3 {
		go func() { replies <- long(context.Background()) }()
	}
	<-begun
	_, err := q.Run(t.Context(), &lists{Request: Request{Way: way}, ids: repeat(1, 3)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, context.Canceled, long(ctx), "a caller that leaves while it waits")
	assert.EqualValues(t, 1, count.Load())
	for range 3 {
		ended <- struct{}{}
		require.NoError(t, <-replies)
	}
	assert.EqualValues(t, 3, count.Load())
	require.NoError(t, q.Close(context.Background()))
}

// A call of one short input that comes while a pass of a long call is under way goes in
// between its parts: of the worker that computes it, or of one that waits for another.
func TestQueueLetsShortCallsIn(t *testing.T) {
	for _, workers := range []int{1, 2} {
		m, way := newModel(t, workers, 20)
		q := NewQueue(m, QueueConfig{})
		var taken atomic.Int32
		before, short := int32(0), make(chan error, 1)
		arrived := func() {
			for q.arrivals.Load() < 2 {
				runtime.Gosched()
			}
		}
		arrive := func() {
			go func() {
				_, err := q.Run(t.Context(), &lists{Request: Request{Way: way}, ids: repeat(1, 3), take: func(int) error {
					before = taken.Load()
					return nil
				}})
				short <- err
			}()
			arrived()
			if workers > 1 { // this one is held up
				require.NoError(t, <-short)
			}
		}
		_, err := q.Run(t.Context(), &lists{Request: Request{Way: way}, ids: repeat(200, 16), take: func(int) error {
			if taken.Add(1) == 1 {
				arrive()
			}
			arrived() // another worker does not end its part and sleep before
			return nil
		}})
		require.NoError(t, err)
		if workers == 1 {
			require.NoError(t, <-short)
		}
		assert.LessOrEqual(t, before, int32(workers), "inputs of the long call that were done before")
		require.NoError(t, q.Close(t.Context()))
	}
}
