package pipeline

import (
	"context"
	"iter"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// What a Stream computes together, for each worker: several batches of short
// texts, and few enough that their embeddings of 4096 dimensions are some MB.
const (
	streamTexts = 128
	streamBytes = 16 << 10
)

// Stream runs texts without end: it cuts them into parts of some hundred, makes a
// call of each, one at least, and yields the calls in order once they are done,
// while the next one is read, tokenized and run. A part's memory is that of a later
// one once that is read. The error is nil or Faults; any other comes last. texts and the loop
// over the calls run in one goroutine; leaving the loop ends the computation too.
func Stream[C Call](ctx context.Context, m *Model, texts iter.Seq[string], newCall func(part []string) C) iter.Seq2[C, error] {
	return func(yield func(C, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		s := &stream[C]{model: m, ctx: ctx, yield: yield}
		defer s.wait()
		defer cancel()
		for part := range parts(texts, m.Workers) {
			in := newCall(part)
			next, err := s.tokenize(in)
			c := s.wait()
			if err == nil {
				s.start(next)
			}
			if !s.deliver(c) {
				return
			}
			if err != nil {
				yield(in, err)
				return
			}
		}
		s.deliver(s.wait())
	}
}

// parts cuts texts into parts for that many workers. The last may be empty. A
// part is overwritten by the next.
func parts(texts iter.Seq[string], workers int) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		part, size := make([]string, 0, streamTexts*workers), 0
		for text := range texts {
			part = append(part, text)
			if size += len(text); len(part) < cap(part) && size < streamBytes*workers {
				continue
			}
			if !yield(part) {
				return
			}
			clear(part)
			part, size = part[:0], 0
		}
		yield(part)
	}
}

// A stream is a Stream under way.
type stream[C Call] struct {
	model *Model
	ctx   context.Context
	yield func(C, error) bool

	call *call         // that is being computed; nil for none
	done chan struct{} // closed when it is computed
}

// tokenize returns a call of in that has its tokens.
func (s *stream[C]) tokenize(in C) (*call, error) {
	m := s.model
	if err := m.Enter(); err != nil {
		return nil, err
	}
	defer m.Leave()
	r, err := in.Check()
	if err != nil {
		return nil, err
	}
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	return m.tokenize(s.ctx, team, in, r), nil
}

// start starts to compute c.
func (s *stream[C]) start(c *call) {
	done := make(chan struct{})
	s.call, s.done = c, done
	go func() {
		defer close(done)
		m := s.model
		if err := m.Enter(); err != nil {
			c.fail(err)
			return
		}
		defer m.Leave()
		team := parallel.NewTeam(m.Workers)
		defer team.Close()
		c.compute(team)
	}()
}

// wait returns the call that was started last once it is computed, nil where
// there is none.
func (s *stream[C]) wait() *call {
	c := s.call
	if c != nil {
		<-s.done
		s.call = nil
	}
	return c
}

// deliver yields c, and reports whether the stream goes on.
func (s *stream[C]) deliver(c *call) bool {
	if c == nil {
		return true
	}
	in, ended, err := c.Call.(C), c.err != nil, c.outcome()
	s.model.release(c)
	return s.yield(in, err) && !ended
}
