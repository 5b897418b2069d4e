package pipeline

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A gate holds up a queue after each pass until it is told to go on.
type gate struct {
	event chan Event
	next  chan struct{}
}

func newGate() *gate { return &gate{make(chan Event), make(chan struct{})} }

func (g *gate) observe(e Event) {
	g.event <- e
	<-g.next
}

// open lets all that comes pass.
func (g *gate) open() {
	close(g.next)
	go func() {
		for range g.event {
		}
	}()
}

// A reply is what a call in the background returned.
type reply struct {
	rows [][][]float32
	wait time.Duration
	err  error
}

// background runs ids in a goroutine, which has its place in q when background returns.
func background(ctx context.Context, q *Queue, r Request, ids [][]int32) chan reply {
	before := q.Stats().WaitingInputs
	c := make(chan reply, 1)
	go func() {
		l := &lists{Request: r, ids: ids}
		wait, err := q.Run(ctx, l)
		if err != nil {
			c <- reply{err: err}
			return
		}
		c <- reply{l.rows, wait, nil}
	}()
	for q.Stats().WaitingInputs < before+len(ids) && len(c) == 0 {
		runtime.Gosched()
	}
	return c
}

// held returns a queue that is held up at g after a pass of one input of 3 tokens.
func held(t *testing.T, m *Model, way *Way, cfg QueueConfig) (*Queue, *gate) {
	g := newGate()
	cfg.Observe = g.observe
	q := NewQueue(m, cfg)
	go func() {
		_, _ = q.Run(context.Background(), &lists{Request: Request{Way: way}, ids: [][]int32{{2, 9, 3}}})
	}()
	require.Equal(t, 1, (<-g.event).Inputs, "an idle queue runs a lone input at once")
	return q, g
}

// repeat returns n inputs of so many tokens, two at least, of which no two are equal.
func repeat(n, tokens int) [][]int32 {
	all := make([][]int32, n)
	for i := range all {
		all[i] = slices.Repeat([]int32{7}, tokens)
		all[i][0], all[i][1] = int32(i%500), int32(i/500)
	}
	return all
}

// noGoroutines returns once none is left that this package started.
func noGoroutines(t *testing.T) {
	t.Helper()
	buffer := make([]byte, 1<<20)
	for range 1_000_000 {
		stacks := string(buffer[:runtime.Stack(buffer, true)])
		if !strings.Contains(stacks, "pipeline.(*Queue)") && !strings.Contains(stacks, "pipeline.(*stream") && !strings.Contains(stacks, "parallel.(*Team)") {
			return
		}
		runtime.Gosched()
	}
	require.Fail(t, "goroutines are left", string(buffer[:runtime.Stack(buffer, true)]))
}

// A call of many inputs and single ones take turns.
func TestQueueIsFair(t *testing.T) {
	m, way := newModel(t, 1, 20)
	q, g := held(t, m, way, QueueConfig{})
	ctx, r := context.Background(), Request{Way: way}
	large := background(ctx, q, r, repeat(2000, 3))
	other := background(ctx, q, Request{Way: way, Layers: 1}, repeat(100, 3)) // in no pass with the large one
	var single [3]chan reply
	for i := range single {
		single[i] = background(ctx, q, r, repeat(1, 3))
	}
	for range 3 {
		g.next <- struct{}{}
		<-g.event
	}
	for _, c := range single {
		select {
		case r := <-c:
			require.NoError(t, r.err)
		case <-time.After(time.Minute):
			require.Fail(t, "single inputs wait for one pass of another way at most")
		}
	}
	assert.Empty(t, large)
	assert.Empty(t, other)
	g.open()
	require.NoError(t, (<-large).err)
	require.NoError(t, (<-other).err)
	require.NoError(t, q.Close(ctx))
}

// What two calls do not have in common is a reason for passes of their own, or it is not.
func TestSameWay(t *testing.T) {
	m, way := newModel(t, 1, 200)
	for name, c := range map[string]struct {
		other  Request
		passes int
	}{
		"the same":   {Request{Way: way}, 1},
		"skip":       {Request{Way: way, Skip: 2}, 1},
		"layers":     {Request{Way: way, Layers: 1}, 2},
		"other head": {Request{Way: &Way{way.Encoder, allTokens{}}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			q, g := held(t, m, way, QueueConfig{})
			ids := someIDs(5)
			requests := []Request{{Way: way}, c.other}
			var replies []chan reply
			for _, r := range requests {
				replies = append(replies, background(t.Context(), q, r, ids))
			}
			g.open()
			for i, r := range requests {
				got := <-replies[i]
				require.NoError(t, got.err)
				require.Equal(t, run(t, m, r, ids), got.rows)
			}
			require.NoError(t, q.Close(context.Background()))
			assert.EqualValues(t, 1+c.passes, q.Stats().Passes)
		})
	}
}

// A caller that is canceled returns at once, its inputs leave the queue, and the others stay.
func TestQueueCancel(t *testing.T) {
	m, way := newModel(t, 2, DefaultBatchTokens)
	q, g := held(t, m, way, QueueConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	canceled := background(ctx, q, Request{Way: way}, repeat(50, 4))
	ids := someIDs(2)
	other := background(context.Background(), q, Request{Way: way}, ids)
	require.Equal(t, 52, q.Stats().WaitingInputs)
	tokens := q.Stats().WaitingTokens
	cancel()
	require.Equal(t, context.Canceled, (<-canceled).err) // while the queue is held up
	assert.Equal(t, 2, q.Stats().WaitingInputs)
	assert.Equal(t, tokens-200, q.Stats().WaitingTokens)
	g.next <- struct{}{}
	assert.Equal(t, 2, (<-g.event).Inputs)
	g.open()
	got := <-other
	require.NoError(t, got.err)
	assert.Equal(t, run(t, m, Request{Way: way}, ids), got.rows)
	require.NoError(t, q.Close(context.Background()))
	assert.Equal(t, Stats{MaxInputs: DefaultQueueInputs, MaxTokens: DefaultQueueTokens, Passes: 2, Inputs: 3, Tokens: q.Stats().Tokens}, q.Stats())
}

func TestQueueFull(t *testing.T) {
	m, way := newModel(t, 2, DefaultBatchTokens)
	q, g := held(t, m, way, QueueConfig{MaxInputs: 3, MaxTokens: 20})
	ctx, r := context.Background(), Request{Way: way}
	embed := func(ids [][]int32) error {
		_, err := q.Run(ctx, &lists{Request: r, ids: ids})
		return err
	}
	require.ErrorIs(t, embed(repeat(4, 3)), ErrQueueFull)
	long := background(ctx, q, r, repeat(1, 32)) // and nothing waits
	require.Equal(t, 32, q.Stats().WaitingTokens)
	require.True(t, q.Full())
	err := embed(repeat(1, 3))
	require.ErrorIs(t, err, ErrQueueFull)
	assert.EqualError(t, err, "the queue is full: 32 tokens wait, with this call's more than 20")
	require.Equal(t, 32, q.Stats().WaitingTokens)
	assert.EqualError(t, embed(repeat(3, 3)), "the queue is full: 1 inputs wait, with the call's 3 more than 3")
	g.open()
	require.NoError(t, (<-long).err)
	require.NoError(t, embed(repeat(3, 3)))
	require.NoError(t, q.Close(ctx))
}

// Close waits for what was accepted, as long as its context lasts.
func TestQueueClose(t *testing.T) {
	m, way := newModel(t, 2, DefaultBatchTokens)
	q, g := held(t, m, way, QueueConfig{})
	waiting := background(context.Background(), q, Request{Way: way}, repeat(1, 3))
	closed := make(chan error)
	go func() { closed <- q.Close(context.Background()) }()
	for !errors.Is(q.refusal(size{inputs: 1, tokens: 1}), ErrClosed) {
		runtime.Gosched()
	}
	assert.Empty(t, waiting)
	g.open()
	require.NoError(t, (<-waiting).err)
	require.NoError(t, <-closed)
	noGoroutines(t)

	q, g = held(t, m, way, QueueConfig{})
	waiting = background(context.Background(), q, Request{Way: way}, repeat(1, 3))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, context.Canceled, q.Close(ctx))
	require.Equal(t, ErrClosed, (<-waiting).err)
	require.Equal(t, context.Canceled, q.Close(ctx))
	g.open()
	require.NoError(t, q.Close(context.Background()))
	noGoroutines(t)
}

// A call's wait is until its first turn, however many it needs.
func TestQueueWait(t *testing.T) {
	m, way := newModel(t, 1, 8)
	q, g := held(t, m, way, QueueConfig{})
	called := time.Now()
	long := background(context.Background(), q, Request{Way: way}, repeat(20, 4))
	waiting := time.Now()
	for time.Since(waiting) < time.Millisecond { // while the pass before holds it up
		runtime.Gosched()
	}
	least := time.Since(waiting)
	g.next <- struct{}{}
	require.Less(t, (<-g.event).Inputs, 20)
	most := time.Since(called)
	g.open()
	r := <-long
	require.NoError(t, r.err)
	assert.GreaterOrEqual(t, r.wait, least)
	assert.LessOrEqual(t, r.wait, most)
	require.NoError(t, q.Close(context.Background()))
}
