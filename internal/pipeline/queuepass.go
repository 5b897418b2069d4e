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
		if err := m.Enter(); err != nil {
			for _, i := range p.items {
				i.call.fail(err)
				i.call.settle()
			}
		} else {
			q.run(&p, team, &under)
			m.Leave()
		}
		event.Compute = time.Since(start)
		clear(p.items)
		q.observe(event)
	}
}

// run runs p: what could be let in by itself, before the rest. What is let in
// meanwhile has its opening from under.
func (q *Queue) run(p *pass, team *parallel.Team, under *atomic.Pointer[opening]) {
	o := q.open(p.items, q.model.Workers)
	all := p.items
	few := 0
	for k, i := range all {
		if i.call.tokens <= o.call {
			all[few], all[k] = all[k], all[few]
			few++
		}
	}
	if few > 0 {
		p.items = all[:few]
		p.run(q.model, team)
	}
	if p.items = all[few:]; len(p.items) > 0 {
		o.start = time.Now()
		under.Store(o)
		p.run(q.model, team)
		under.Store(nil)
	}
	p.items = all
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
	tokens := q.take(p, max(2, q.model.Workers)*q.model.BatchTokens, all)
	q.serving = len(p.items) > 0
	return tokens
}

// take moves inputs that fit into p, up to room tokens or one input that has more, and
// returns how many tokens that is. All go the way of the call whose turn it is, of those
// that have such an input. q is locked.
func (q *Queue) take(p *pass, room int, fits limits) (tokens int) {
	p.items = p.items[:0]
	var others []*queued
	var clients [][]*queued // the calls of each that are served
	places := map[string]int{}
	for _, c := range q.calls {
		switch k, known := places[c.client]; {
		case !fits.admit(c) || len(clients) > 0 && !c.sameWay(&clients[0][0].Request):
			others = append(others, c)
		case known:
			clients[k] = append(clients[k], c)
		default:
			if c.client != "" {
				places[c.client] = len(clients)
			}
			clients = append(clients, []*queued{c})
		}
	}
	for full := false; !full && len(clients) > 0; {
		turn := clients
		clients = turn[:0]
		for k, calls := range turn {
			c := calls[0]
			n := len(c.waiting[0].tokens.IDs)
			if full = len(p.items) > 0 && tokens+n > room; full {
				// Those who did not get to their turn have the next one.
				clients = append(slices.Clone(turn[k:]), clients...)
				break
			}
			if len(c.waiting) == len(c.items) {
				c.wait = time.Since(c.since)
			}
			p.items = append(p.items, c.waiting[0])
			c.waiting = c.waiting[1:]
			tokens += n
			calls = calls[1:]
			if len(c.waiting) > 0 && fits.admit(c) {
				calls = append(calls, c)
			} else if len(c.waiting) > 0 {
				others = append(others, c)
			}
			if len(calls) > 0 {
				clients = append(clients, calls)
			}
		}
	}
	q.calls = append(others, slices.Concat(clients...)...)
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

// Limits are what an input has at most that goes into a pass: it is of that many tokens,
// or its call is.
type limits struct{ input, call int }

// all are the limits of nothing.
var all = limits{input: math.MaxInt}

// admit reports whether the next input of c is within l.
func (l limits) admit(c *queued) bool {
	return len(c.waiting[0].tokens.IDs) <= l.input || c.tokens <= l.call
}

// has reports whether a call waits whose next input is within l.
func (q *Queue) has(l limits) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.calls, l.admit)
}

// An opening lets others into a pass under way, between the parts of its work: each
// time a worker runs some of them alone, while the others go on.
type opening struct {
	limits
	queue   *Queue
	workers int          // of the pass
	start   time.Time    // of the pass
	spent   atomic.Int64 // nanoseconds on what was let in
	looked  atomic.Int64 // Queue.arrivals when nothing was found
}

// open returns the opening of a pass of items over so many workers. A pass has been cut
// for calls that take turns, but one of a call of many inputs keeps those waiting that
// have few: such calls are let in whole, up to an eighth of the pass and of its largest
// call. A pass of small calls has a limit below their own size: these go together, in the
// next one. Into one that has an input longer than two batches come inputs of any call.
func (q *Queue) open(items []item, workers int) *opening {
	tokens, longest, largest := countTokens(items), 0, 0
	for _, i := range items {
		longest = max(longest, len(i.tokens.IDs))
		largest = max(largest, i.call.tokens)
	}
	o := &opening{queue: q, workers: workers, start: time.Now()}
	o.call = min(tokens, largest) / 8
	if longest > 2*q.model.BatchTokens {
		o.input = tokens / 8
	}
	return o
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
	if !q.has(o.limits) {
		o.looked.Store(arrivals)
		return event
	}
	if !q.model.tryEnter() {
		return event
	}
	defer q.model.Leave()
	var p pass
	q.mu.Lock()
	event.Tokens = q.take(&p, q.model.BatchTokens, o.limits)
	q.mu.Unlock()
	if event.Inputs = len(p.items); event.Inputs == 0 {
		o.looked.Store(arrivals)
		return event
	}
	start := time.Now()
	p.run(q.model, parallel.NewYieldingTeam(1, q.open(p.items, 1).yield))
	event.Compute = time.Since(start)
	return event
}
