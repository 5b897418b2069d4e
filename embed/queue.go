package embed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

const (
	defaultQueueTexts  = 16384   // eight requests of the largest size that OpenAI's endpoint takes
	defaultQueueTokens = 1 << 20 // 4 MiB of ids
)

// passBatches is how many forward batches of each worker a Queue runs together:
// few, as what comes meanwhile waits for the end.
const passBatches = 2

// ErrQueueFull is the error of calls that find too much waiting in a Queue.
var ErrQueueFull = errors.New("the queue is full")

// QueueConfig says how much may wait in a Queue, and who is told what it does.
type QueueConfig struct {
	MaxTexts  int              // waiting inputs, and those of one call; 0 = 16384
	MaxTokens int              // waiting tokens; 0 = 1048576
	Observe   func(QueueEvent) // called after each batch, one at a time, before the next begins; nil = nobody is told
}

// A QueueEvent is one batch of a Queue: inputs that were run together.
type QueueEvent struct {
	Texts, Tokens int
	Compute       time.Duration
}

// QueueStats are the state of a Queue, and what it did.
type QueueStats struct {
	WaitingTexts, WaitingTokens int   // not yet in a batch
	Batches, Texts, Tokens      int64 // that were run, or are being run, all together
}

// A Queue runs the calls of many goroutines together. What comes while a batch
// is under way goes into the next one, so that many calls of one text each take
// about as long as one call of all the texts; when nothing is under way, a text
// is run at once. Calls take turns, an input each, and a batch has few tokens,
// twice Config.BatchTokens for each worker: a long call does not hold up short
// ones for more than a batch. The bits are those of Model.Embed. An idle Queue
// has no goroutine.
type Queue struct {
	model *Model
	cfg   QueueConfig

	mu       sync.Mutex
	calls    []*queued // that have items waiting, in the order of their next turns
	stats    QueueStats
	serving  bool
	closed   bool
	servers  sync.WaitGroup
	stopping chan struct{} // closed when nobody waits any longer for what was accepted
	stop     sync.Once
}

// A queued is a call in a Queue.
type queued struct {
	*call
	waiting []item
	since   time.Time
}

// NewQueue returns a queue of calls to m. A negative bound is 0.
func NewQueue(m *Model, cfg QueueConfig) *Queue {
	if cfg.MaxTexts <= 0 {
		cfg.MaxTexts = defaultQueueTexts
	}
	if cfg.MaxTokens <= 0 {
		cfg.MaxTokens = defaultQueueTokens
	}
	return &Queue{model: m, cfg: cfg, stopping: make(chan struct{})}
}

// Embed is Model.Embed, and returns the same bits. Texts are tokenized in the
// caller's goroutine. Where more inputs or tokens would wait than the queue's
// bounds, the error is ErrQueueFull; when nothing waits, a call may have any
// number of tokens. A call whose ctx ends returns at once, and what it has waiting
// leaves the queue; other calls do not notice. ErrClosed is the error of calls
// after Close of the queue, and of those that the model's Close comes before.
func (q *Queue) Embed(ctx context.Context, inputs []string, opts Options) (*Result, error) {
	return q.embed(ctx, texts(inputs), opts)
}

// EmbedIDs is Model.EmbedIDs in the manner of Embed.
func (q *Queue) EmbedIDs(ctx context.Context, inputs [][]int32, opts Options) (*Result, error) {
	return q.embed(ctx, tokenLists(inputs), opts)
}

// Stats returns the state of q. It is cheap.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// Close refuses new calls, and waits until those that were accepted are done. If
// ctx ends before, they return ErrClosed, and Close returns the error of ctx
// without waiting for the batch under way, which ends within a layer.
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

// embed makes the ids of inputs, and waits for their turns.
func (q *Queue) embed(ctx context.Context, in inputs, opts Options) (*Result, error) {
	if err := q.refusal(in.count(), 0); err != nil { // before the work of tokenizing
		return nil, err
	}
	c, err := q.tokenize(ctx, in, opts)
	if err != nil {
		return nil, err
	}
	w := &queued{call: c, waiting: c.items}
	if err := q.add(w); err != nil {
		q.model.release(c)
		return nil, err
	}
	select {
	case <-c.done:
		defer q.model.release(c)
		return c.outcome()
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.stopping:
		err = ErrClosed
	}
	c.ended.Store(true) // c is not released: it may be in the batch under way
	q.drop(w)
	return nil, err
}

// tokenize returns a call that has the ids of all its inputs.
func (q *Queue) tokenize(ctx context.Context, in inputs, opts Options) (*call, error) {
	m := q.model
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	c, err := m.tokenize(ctx, nil, in, opts)
	if err != nil {
		return nil, err
	}
	if _, err := c.outcome(); err != nil {
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

// refusal returns why q does not take a call of so many inputs and tokens.
func (q *Queue) refusal(texts, tokens int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refuse(texts, tokens)
}

// refuse is refusal where q is locked.
func (q *Queue) refuse(texts, tokens int) error {
	s := &q.stats
	switch {
	case q.closed:
		return ErrClosed
	case s.WaitingTexts+texts > q.cfg.MaxTexts:
		return fmt.Errorf("%w: %d inputs wait, with the call's %d more than %d", ErrQueueFull, s.WaitingTexts, texts, q.cfg.MaxTexts)
	case s.WaitingTexts > 0 && s.WaitingTokens+tokens > q.cfg.MaxTokens:
		return fmt.Errorf("%w: %d tokens wait, with this call's more than %d", ErrQueueFull, s.WaitingTokens, q.cfg.MaxTokens)
	}
	return nil
}

// add puts w at the end, and starts to serve where nobody does.
func (q *Queue) add(w *queued) error {
	tokens := countTokens(w.waiting)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refuse(len(w.waiting), tokens); err != nil {
		return err
	}
	if len(w.waiting) == 0 {
		return nil
	}
	w.since = time.Now()
	q.calls = append(q.calls, w)
	q.stats.WaitingTexts += len(w.waiting)
	q.stats.WaitingTokens += tokens
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
	q.stats.WaitingTexts -= len(w.waiting)
	q.stats.WaitingTokens -= countTokens(w.waiting)
	w.waiting = nil
	q.calls = slices.DeleteFunc(q.calls, func(c *queued) bool { return c == w })
}

// serve runs passes until nothing waits.
func (q *Queue) serve() {
	m := q.model
	team := parallel.NewTeam(m.info.Workers)
	defer team.Close()
	var p pass
	for {
		q.next(&p)
		if len(p.items) == 0 {
			return
		}
		start := time.Now()
		event := QueueEvent{Texts: len(p.items), Tokens: countTokens(p.items)}
		if err := m.enter(); err != nil {
			for _, i := range p.items {
				i.call.fail(err)
				i.call.settle()
			}
		} else {
			p.run(m, team)
			m.leave()
		}
		event.Compute = time.Since(start)
		clear(p.items)
		if q.cfg.Observe != nil {
			q.cfg.Observe(event)
		}
	}
}

// next moves what waits into p, up to a few batches for each worker. All that p
// gets takes the way of the call whose turn it is. Where nothing waits, q is no
// longer served.
func (q *Queue) next(p *pass) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.items = p.items[:0]
	if len(q.calls) == 0 {
		q.serving = false
		return
	}
	room := passBatches * q.model.info.Workers * q.model.batchTokens
	var served, others []*queued
	for _, c := range q.calls {
		if c.sameWay(q.calls[0].request) {
			served = append(served, c)
		} else {
			others = append(others, c)
		}
	}
	tokens, rest := 0, served
	for full := false; !full && len(rest) > 0; {
		turn := rest
		rest = turn[:0]
		for k, c := range turn {
			n := len(c.waiting[0].ids)
			if full = len(p.items) > 0 && tokens+n > room; full {
				// Those who did not get to their turn have the next one.
				rest = append(slices.Clone(turn[k:]), rest...)
				break
			}
			if len(c.waiting) == len(c.items) {
				c.result.Wait = time.Since(c.since)
			}
			p.items = append(p.items, c.waiting[0])
			c.waiting = c.waiting[1:]
			tokens += n
			if len(c.waiting) > 0 {
				rest = append(rest, c)
			}
		}
	}
	q.calls = append(others, rest...)
	s := &q.stats
	s.WaitingTexts -= len(p.items)
	s.WaitingTokens -= tokens
	s.Batches++
	s.Texts += int64(len(p.items))
	s.Tokens += int64(tokens)
}
