package pipeline

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is let in gets half of a pass's time at most, and of a short pass none.
func TestOpeningShares(t *testing.T) {
	m, way := newModel(t, 2, 8)
	q := NewQueue(m, QueueConfig{})
	assert.Nil(t, q.open(16, 2))
	q.open(16, 2).yield()
	o := q.open(64, 2)
	assert.Equal(t, 8, o.longest)
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
	assert.Equal(t, Stats{Passes: 1, Inputs: 2, Tokens: 6}, q.Stats())
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
