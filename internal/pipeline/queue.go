package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of a queue where QueueConfig has none.
const (
	DefaultQueueInputs = 16384   // eight requests of the largest size that OpenAI's endpoint takes
	DefaultQueueTokens = 1 << 20 // 4 MiB of ids
)

// longBytes is what a call has at most to be tokenized whatever else is: a millisecond
// or a few.
const longBytes = 64 << 10

// ErrQueueFull is the error of calls that find too much waiting in a Queue.
var ErrQueueFull = errors.New("the queue is full")

// QueueConfig says how much may wait in a Queue, and who is told what it does.
type QueueConfig struct {
	MaxInputs int         // waiting inputs, and those of one call; 0 = DefaultQueueInputs
	MaxTokens int         // waiting tokens; 0 = DefaultQueueTokens
	Observe   func(Event) // called after each pass, one at a time, before the next begins; nil = nobody is told
}

// An Event is one pass of a Queue.
type Event struct {
	Inputs, Tokens int
	Compute        time.Duration // with that of short passes that were let in between
}

// Stats are the state of a Queue, and what it did.
type Stats struct {
	WaitingInputs, WaitingTokens int   // not yet in a pass
	MaxInputs, MaxTokens         int   // the bounds of those
	Passes, Inputs, Tokens       int64 // that were run, or are being run, all together
}

// A Queue runs the calls of many goroutines together. What comes while a pass
// is under way goes into the next one, so that many calls of one input each take
// about as long as one call of all the inputs; when nothing is under way, an input
// is run at once. Calls take turns, an input each, those of a client, as WithClient has
// it, as if they were one; and a pass has few tokens,
// Model.BatchTokens for each worker and twice that for one. Calls that are small beside
// a pass under way, an eighth of it and of one of its calls at most, do not wait for its
// end: they are let in between the parts of its work, in up to half of its time, as are
// inputs of any call where the pass has one that is longer than two batches. An idle Queue
// has no goroutine.
type Queue struct {
	model *Model
	cfg   QueueConfig

	mu       sync.Mutex
	calls    []*queued // that have items waiting, in the order of their next turns
	stats    Stats
	admitted size           // of calls that are being tokenized
	clients  map[string]int // the calls of each that are here
	serving  bool
	closed   bool
	servers  sync.WaitGroup
	stopping chan struct{} // closed when nobody waits any longer for what was accepted
	stop     sync.Once

	long      chan struct{} // has an element for each long call that is being tokenized
	arrivals  atomic.Int64  // calls that ever waited
	observing sync.Mutex    // held while Observe runs
}

// A size says how much the inputs of a call are, and whose.
type size struct {
	inputs, tokens int
	client         string
}

// A queued is a call in a Queue.
type queued struct {
	*call
	client  string // whose it is; "" = nobody else's calls
	waiting []item
	since   time.Time
}

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *Model, cfg QueueConfig) *Queue {
	if cfg.MaxInputs <= 0 {
		cfg.MaxInputs = DefaultQueueInputs
	}
	if cfg.MaxTokens <= 0 {
		cfg.MaxTokens = DefaultQueueTokens
	}
	return &Queue{
		model: m, cfg: cfg, stats: Stats{MaxInputs: cfg.MaxInputs, MaxTokens: cfg.MaxTokens}, stopping: make(chan struct{}), clients: map[string]int{},
		long: make(chan struct{}, max(1, m.Workers/2)),
	}
}

// Stats returns the state of q. It is cheap.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// Full reports whether so much waits in q that it takes no call, of whatever size.
func (q *Queue) Full() bool {
	s := q.Stats()
	return s.WaitingInputs >= q.cfg.MaxInputs || s.WaitingTokens >= q.cfg.MaxTokens
}

// Close refuses new calls, and waits until those that were accepted are done. If
// ctx ends before, they return ErrClosed, and Close returns the error of ctx
// without waiting for the pass under way, which ends within a layer.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.servers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		q.stop.Do(func() { close(q.stopping) })
		return ctx.Err()
	}
}

// Run is Model.Run, and its rows have the same bits. Inputs are tokenized in the
// caller's goroutine; of calls with more than 64 KiB of text one at a time is, or one
// for two workers. Where more inputs or tokens would wait than the queue's bounds, the
// error is ErrQueueFull; when nothing waits, a call may have any number of tokens. That
// is decided by Inputs.Size, before Begin. The only call of a client, as WithClient has
// it, is not refused for what waits of others. A call whose ctx ends returns at once, and
// what it has waiting leaves the queue; other calls do not notice. ErrClosed is the
// error of calls after Close of the queue, and of those that the model's Close comes
// before. The wait is that from the end of tokenization to the pass of the call's
// first turn.
func (q *Queue) Run(ctx context.Context, in Call) (wait time.Duration, err error) {
	client := clientOf(ctx)
	q.enter(client, 1)
	defer q.enter(client, -1)
	if err := q.refusal(size{inputs: in.Count(), client: client}); err != nil { // before any work
		return 0, err
	}
	c, err := q.tokenize(ctx, in)
	if err != nil {
		return 0, err
	}
	w := &queued{call: c, waiting: c.items, client: client}
	if err := q.add(w); err != nil {
		q.model.release(c)
		return 0, err
	}
	select {
	case <-c.done:
		defer q.model.release(c)
		return c.wait, c.outcome()
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.stopping:
		err = ErrClosed
	}
	c.ended.Store(true) // c is not released: it may be in the pass under way
	q.drop(w)
	return 0, err
}

// tokenize returns a call that has the tokens of all its inputs, if q has room for it.
func (q *Queue) tokenize(ctx context.Context, in Call) (*call, error) {
	m := q.model
	if err := m.Enter(); err != nil {
		return nil, err
	}
	defer m.Leave()
	r, err := in.Check()
	if err != nil {
		return nil, err
	}
	tokens, bytes := in.Size()
	s := size{in.Count(), tokens, clientOf(ctx)}
	if err := q.admit(s); err != nil {
		return nil, err
	}
	defer q.tokenized(s)
	if bytes > longBytes {
		select {
		case q.long <- struct{}{}:
			defer func() { <-q.long }()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.stopping:
			return nil, ErrClosed
		}
	}
	c := m.tokenize(ctx, nil, in, r)
	if err := c.outcome(); err != nil {
		m.release(c)
		return nil, err
	}
	c.done = make(chan struct{})
	c.left.Store(int64(len(c.items)))
	if len(c.items) == 0 {
		close(c.done)
	}
	return c, nil
}

// enter counts the calls of client that are here.
func (q *Queue) enter(client string, calls int) {
	if client == "" {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.clients[client] += calls; q.clients[client] == 0 {
		delete(q.clients, client)
	}
}

// refusal returns why q does not take a call of that size.
func (q *Queue) refusal(s size) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refuse(s)
}

// admit counts a call of that size as one that is being tokenized, or returns why q
// does not take it.
func (q *Queue) admit(s size) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refuse(s); err != nil {
		return err
	}
	q.admitted.inputs += s.inputs
	q.admitted.tokens += s.tokens
	return nil
}

// tokenized takes back what admit counted.
func (q *Queue) tokenized(s size) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.admitted.inputs -= s.inputs
	q.admitted.tokens -= s.tokens
}

// refuse is refusal where q is locked. The only call of a client is taken whatever waits
// of others.
func (q *Queue) refuse(s size) error {
	inputs, tokens := q.stats.WaitingInputs+q.admitted.inputs, q.stats.WaitingTokens+q.admitted.tokens
	if q.clients[s.client] == 1 {
		inputs, tokens = 0, 0
	}
	switch {
	case q.closed:
		return ErrClosed
	case inputs+s.inputs > q.cfg.MaxInputs:
		return fmt.Errorf("%w: %d inputs wait, with the call's %d more than %d", ErrQueueFull, inputs, s.inputs, q.cfg.MaxInputs)
	case inputs > 0 && tokens+s.tokens > q.cfg.MaxTokens:
		return fmt.Errorf("%w: %d tokens wait, with this call's more than %d", ErrQueueFull, tokens, q.cfg.MaxTokens)
	}
	return nil
}

// add puts w at the end, and starts to serve where nobody does.
func (q *Queue) add(w *queued) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if len(w.waiting) == 0 {
		return nil
	}
	w.since = time.Now()
	w.tokens = countTokens(w.waiting)
	q.calls = append(q.calls, w)
	q.stats.WaitingInputs += len(w.waiting)
	q.stats.WaitingTokens += w.tokens
	q.arrivals.Add(1)
	if !q.serving {
		q.serving = true
		q.servers.Go(q.serve)
	}
	return nil
}

// drop takes what w has waiting out of q.
func (q *Queue) drop(w *queued) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.WaitingInputs -= len(w.waiting)
	q.stats.WaitingTokens -= countTokens(w.waiting)
	w.waiting = nil
	q.calls = slices.DeleteFunc(q.calls, func(c *queued) bool { return c == w })
}
