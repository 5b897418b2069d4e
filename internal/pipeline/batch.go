package pipeline

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// leastBatchTokens is the tokens below which reading the weights takes longer than
// computing with them.
const leastBatchTokens = 32

// A pass runs items through the model in batches: those of one call, or of
// several whose Requests let them go together.
type pass struct {
	model  *Model
	team   *parallel.Team
	items  []item // longest first once they are cut
	starts []int  // batch b is items[starts[b]:starts[b+1]]
	whole  int    // the batches from this one on are run by a worker each
}

// run gives the rows of p.items to their calls.
func (p *pass) run(m *Model, team *parallel.Team) {
	p.model, p.team = m, team
	if prefix := p.share(team); prefix != nil {
		defer m.prefixes.Put(prefix)
	}
	p.cut(m.BatchTokens, team.Size())
	for b := range p.whole { // batches that the workers share
		p.forward(team, b)
	}
	team.ForLong(p.batches()-p.whole, (*forwarding)(p)) // and those of one worker each
}

// cut orders the items by length and makes batches of them.
func (p *pass) cut(budget, workers int) {
	total := countTokens(p.items)
	slices.SortStableFunc(p.items, func(a, b item) int { return len(b.tokens.IDs) - len(a.tokens.IDs) })
	p.starts = appendBatches(p.starts[:0], p.items, total, batchCount(total, budget, workers), budget)
	p.whole = p.firstWhole(total, workers)
}

// batches returns the number of batches.
func (p *pass) batches() int { return len(p.starts) - 1 }

// batch returns the items of batch b.
func (p *pass) batch(b int) []item { return p.items[p.starts[b]:p.starts[b+1]] }

// countTokens returns the tokens of items.
func countTokens(items []item) (n int) {
	for _, i := range items {
		n += len(i.tokens.IDs)
	}
	return n
}

// batchCount returns into how many batches of at most budget tokens to cut total
// tokens: a multiple of the workers, where that does not make them too small.
func batchCount(total, budget, workers int) int {
	n := (total + budget - 1) / budget
	even := (n + workers - 1) / workers * workers
	return max(1, n, min(even, total/leastBatchTokens))
}

// appendBatches cuts items, longest first, into count batches or a few
// more, about even, and appends where each begins, and the end. A batch has at
// most budget tokens, or one item that has more.
func appendBatches(starts []int, items []item, total, count, budget int) []int {
	before, size := 0, 0 // tokens before items[k], and those of them in its batch
	for k, i := range items {
		n := len(i.tokens.IDs)
		// An item goes to the batch that its middle lies in.
		beyond := int64(2*before+n)*int64(count) > int64(2*total)*int64(len(starts))
		if k == 0 || size+n > budget || beyond {
			starts = append(starts, k)
			size = 0
		}
		before += n
		size += n
	}
	return append(starts, len(items))
}

// firstWhole returns the batch from which on a worker takes whole batches, so
// that activations stay in its core's caches. Those before are so large that
// workers would wait for one: they are split over all workers.
func (p *pass) firstWhole(total, workers int) int {
	for b := range p.batches() {
		n := countTokens(p.batch(b))
		if n*workers <= total+total/4 {
			return b
		}
		total -= n
	}
	return p.batches()
}

// forwarding runs the batches that a worker takes whole.
type forwarding pass

// Run does batch whole+i.
func (f *forwarding) Run(worker, i int) { (*pass)(f).forward(f.team.Alone(worker), f.whole+i) }

// forward runs the items of batch b, but for those that nobody waits for.
func (p *pass) forward(team *parallel.Team, b int) {
	s, _ := p.model.scratch.Get().(*Scratch)
	if s == nil {
		s = new(Scratch)
	}
	defer p.model.scratch.Put(s)

	items := s.audience.items[:0]
	for _, i := range p.batch(b) {
		if err := i.call.over(); err != nil {
			i.call.fail(err)
		} else {
			items = append(items, i)
		}
	}
	s.audience = audience{context.Background(), items}
	if len(items) > 0 {
		s.survive(team, items)
	}
	clear(items)
	clear(s.groups)
	for _, i := range p.batch(b) {
		i.call.settle()
	}
}

// survive runs forward. Weights that changed meanwhile, and a panic, which is a bug
// or comes of weights that were cut, fail the calls of items.
func (s *Scratch) survive(team *parallel.Team, items []item) {
	files := items[0].call.model.Files
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			failAll(items, fault(files, parallel.Recovered(r)))
		}
	}()
	s.forward(team, items, files)
}

// failAll fails the calls of items.
func failAll(items []item, err error) {
	for _, i := range items {
		i.call.fail(err)
	}
}

// forward runs items, one at least, which s.audience has too. Rows that come of weights in
// files which have changed are nobody's.
func (s *Scratch) forward(team *parallel.Team, items []item, files []*tensor.File) {
	batch, way := s.batch(items), items[0].call.Way
	hidden, err := way.Encoder.Forward(&s.audience, team, s, batch)
	if err != nil {
		failAll(items, err)
		return
	}
	rows, starts := way.Head.Apply(s, team, Hidden{batch, hidden})
	if err := changed(files); err != nil {
		failAll(items, err)
		return
	}
	for j, i := range items {
		from, to := j, j+1
		if starts != nil {
			from, to = starts[j], starts[j+1]
		}
		s.take(i, rows.Slice(from, to))
	}
}

// An audience is the context of a batch, which ends when nobody waits for any
// of its items.
type audience struct {
	context.Context
	items []item
}

// Err returns the last item's reason.
func (a *audience) Err() (err error) {
	for _, i := range a.items {
		if err = i.call.over(); err == nil {
			return nil
		}
	}
	return err
}
