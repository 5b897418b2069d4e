package pipeline

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// serve runs passes until nothing waits.
func (q *Queue) serve() {
	m := q.model
	var under atomic.Pointer[opening] // of the pass under way
	team := parallel.NewYieldingTeam(m.Workers, func() { under.Load().yield() })
	defer team.Close()
	var p pass
	for {
		tokens := q.next(&p)
		if len(p.items) == 0 {
			return
		}
		event := Event{Inputs: len(p.items), Tokens: tokens}
		start := time.Now()
		under.Store(q.open(tokens, m.Workers))
		if err := m.Enter(); err != nil {
			for _, i := range p.items {
				i.call.fail(err)
				i.call.settle()
			}
		} else {
			p.run(m, team)
			m.Leave()
		}
		under.Store(nil)
		event.Compute = time.Since(start)
		clear(p.items)
		q.observe(event)
	}
}

func (q *Queue) observe(e Event) {
	if q.cfg.Observe != nil {
		q.observing.Lock()
		defer q.observing.Unlock()
		q.cfg.Observe(e)
	}
}

// next moves what waits into p, up to a batch for each worker, and returns how many
// tokens that is. Where nothing waits, q is no longer served.
func (q *Queue) next(p *pass) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	tokens := q.take(p, max(2, q.model.Workers)*q.model.BatchTokens, math.MaxInt)
	q.serving = len(p.items) > 0
	return tokens
}

// take moves inputs of at most longest tokens into p, up to room tokens or one input
// that has more, and returns how many tokens that is. All go the way of the call
// whose turn it is, of those that have such an input. q is locked.
func (q *Queue) take(p *pass, room, longest int) (tokens int) {
	p.items = p.items[:0]
	var served, others []*queued
	for _, c := range q.calls {
		if len(c.waiting[0].tokens.IDs) <= longest && (served == nil || c.sameWay(&served[0].Request)) {
			served = append(served, c)
		} else {
			others = append(others, c)
		}
	}
	rest := served
	for full := false; !full && len(rest) > 0; {
		turn := rest
		rest = turn[:0]
		for k, c := range turn {
			n := len(c.waiting[0].tokens.IDs)
			if n > longest {
				others = append(others, c)
				continue
			}
			if full = len(p.items) > 0 && tokens+n > room; full {
				// Those who did not get to their turn have the next one.
				rest = append(slices.Clone(turn[k:]), rest...)
				break
			}
			if len(c.waiting) == len(c.items) {
				c.wait = time.Since(c.since)
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
	if len(p.items) > 0 {
		s := &q.stats
		s.WaitingInputs -= len(p.items)
		s.WaitingTokens -= tokens
		s.Passes++
		s.Inputs += int64(len(p.items))
		s.Tokens += int64(tokens)
	}
	return tokens
}

// An opening lets short inputs into a long pass under way, between the parts of its
// work: each time a worker runs some of them alone, while the others go on.
type opening struct {
	queue   *Queue
	longest int          // tokens of an input that is let in
	workers int          // of the pass
	start   time.Time    // of the pass
	spent   atomic.Int64 // nanoseconds on what was let in
	looked  atomic.Int64 // Queue.arrivals when nothing was found
}

// open returns the opening of a pass of so many tokens over that many workers, nil where
// it is not long: in about the time of two full batches of one worker it is done.
func (q *Queue) open(tokens, workers int) *opening {
	if tokens <= 2*q.model.BatchTokens {
		return nil
	}
	return &opening{queue: q, longest: tokens / 8, workers: workers, start: time.Now()}
}

// yield runs what may be let in, if anything waits.
func (o *opening) yield() {
	if o == nil {
		return
	}
	q := o.queue
	arrivals := q.arrivals.Load()
	if o.looked.Load() == arrivals || 2*o.spent.Load() > int64(time.Since(o.start))*int64(o.workers) {
		return
	}
	if event := o.run(arrivals); event.Inputs > 0 {
		o.spent.Add(int64(event.Compute))
		q.observe(event)
	}
}

// run runs a pass of what may be let in, of all the arrivals so far.
func (o *opening) run(arrivals int64) (event Event) {
	q := o.queue
	if !q.model.tryEnter() {
		return event
	}
	defer q.model.Leave()
	var p pass
	q.mu.Lock()
	event.Tokens = q.take(&p, q.model.BatchTokens, o.longest)
	q.mu.Unlock()
	if event.Inputs = len(p.items); event.Inputs == 0 {
		o.looked.Store(arrivals)
		return event
	}
	start := time.Now()
	p.run(q.model, parallel.NewYieldingTeam(1, q.open(event.Tokens, 1).yield))
	event.Compute = time.Since(start)
	return event
}
