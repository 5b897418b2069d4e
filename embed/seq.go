package embed

import (
	"context"
	"iter"

	"github.com/rhumb-go/rhumb/internal/parallel"
)

// What EmbedSeq computes together, for each worker: several batches of short
// texts, and few enough that their embeddings of 4096 dimensions are some MB.
const (
	seqTexts = 128
	seqBytes = 16 << 10
)

// EmbedSeq returns the embeddings of inputs in their order, as Embed makes them,
// for any number of texts: memory does not grow with it. Some hundred texts are
// computed together, while the next ones are read and tokenized.
//
// A fault of one input is yielded in its place as an *InputError, with an empty
// Embedding, and the sequence goes on; its Index counts from the first input.
// Any other error is yielded last. inputs and the loop over the embeddings run
// in one goroutine; leaving the loop ends the computation too.
func (m *Model) EmbedSeq(ctx context.Context, inputs iter.Seq[string], opts Options) iter.Seq2[Embedding, error] {
	return func(yield func(Embedding, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		s := &stream{model: m, ctx: ctx, opts: opts, yield: yield}
		defer s.wait()
		defer cancel()
		for part := range parts(inputs, m.info.Workers) {
			next, err := s.tokenize(part)
			c := s.wait()
			if err == nil {
				s.start(next)
			}
			if !s.deliver(c) {
				return
			}
			if err != nil {
				yield(Embedding{}, err)
				return
			}
		}
		s.deliver(s.wait())
	}
}

// parts cuts inputs into parts for that many workers. The last may be empty. A
// part is overwritten by the next.
func parts(inputs iter.Seq[string], workers int) iter.Seq[texts] {
	return func(yield func(texts) bool) {
		part, size := make(texts, 0, seqTexts*workers), 0
		for text := range inputs {
			part = append(part, text)
			if size += len(text); len(part) < cap(part) && size < seqBytes*workers {
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

// A stream is an EmbedSeq under way.
type stream struct {
	model *Model
	ctx   context.Context
	opts  Options
	yield func(Embedding, error) bool

	call *call         // that is being computed; nil for none
	done chan struct{} // closed when it is computed

	delivered int // inputs
}

// tokenize returns a call of part that has its ids.
func (s *stream) tokenize(part texts) (*call, error) {
	m := s.model
	if err := m.enter(); err != nil {
		return nil, err
	}
	defer m.leave()
	r, err := part.request(m, s.opts)
	if err != nil {
		return nil, err
	}
	team := parallel.NewTeam(m.info.Workers)
	defer team.Close()
	return m.tokenize(s.ctx, team, part, r), nil
}

// start starts to compute c.
func (s *stream) start(c *call) {
	done := make(chan struct{})
	s.call, s.done = c, done
	go func() {
		defer close(done)
		m := s.model
		if err := m.enter(); err != nil {
			c.fail(err)
			return
		}
		defer m.leave()
		team := parallel.NewTeam(m.info.Workers)
		defer team.Close()
		c.compute(team)
	}()
}

// wait returns the call that was started last once it is computed, nil where
// there is none.
func (s *stream) wait() *call {
	c := s.call
	if c != nil {
		<-s.done
		s.call = nil
	}
	return c
}

// deliver yields the embeddings of c, and reports whether the stream goes on.
func (s *stream) deliver(c *call) bool {
	if c == nil {
		return true
	}
	defer s.model.release(c)
	if c.err != nil {
		s.yield(Embedding{}, c.err)
		return false
	}
	for i, e := range c.result.Embeddings {
		var err error
		if fault, ok := c.faults[i]; ok {
			e, err = Embedding{}, &InputError{s.delivered, fault.Err}
		}
		s.delivered++
		if !s.yield(e, err) {
			return false
		}
	}
	return true
}
