// Package pipeline runs the inputs of calls through a model: tokens become
// batches, batches hidden states, and these the rows of each input. What the
// inputs are, and what becomes of their rows, is its callers': packages with
// models of one kind each, which give Calls.
//
// The words: a Call is the inputs that one caller gives. An item is an input on
// its way, with its tokens. A Way is what items go through: an Encoder and a
// Head. A Request is the Way of a call's inputs and what else they must have in
// common to go together. A pass is items of one call, or in a Queue of several,
// that go together; it is cut into batches, which are what an Encoder runs at
// once.
//
// An item's rows have the same bits whatever is in its pass and its batch.
package pipeline

import (
	"context"
	"errors"
	"sync"

	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

// DefaultBatchTokens is a good Model.BatchTokens: activations of so many tokens
// stay in a core's second cache.
const DefaultBatchTokens = 256

// ErrClosed is the error of calls on a closed Model or Queue.
var ErrClosed = errors.New("the model is closed, or its queue")

// A Model is what the calls on one model share. The fields are set before the
// first call.
type Model struct {
	Workers     int            // goroutines of one call, the caller included; at least 1
	BatchTokens int            // of one batch, but for an input that has more; at least 1
	Files       []*tensor.File // of the weights in use, which Close closes

	calls    sync.Pool // of *call
	scratch  sync.Pool // of *Scratch
	prefixes sync.Pool // of *transformer.Prefix

	mu     sync.RWMutex // read-locked during calls
	closed bool
}

// Run runs the inputs of in. Its error is that of in.Check, ErrClosed, that of
// ctx, which is looked at between layers and between batches, or Faults. It
// allocates its team of workers, and nothing for each input.
func (m *Model) Run(ctx context.Context, in Call) error {
	if err := m.Enter(); err != nil {
		return err
	}
	defer m.Leave()
	r, err := in.Check()
	if err != nil {
		return err
	}
	team := parallel.NewTeam(m.Workers)
	defer team.Close()
	c := m.tokenize(ctx, team, in, r)
	defer m.release(c)
	if err := c.outcome(); err != nil {
		return err
	}
	c.compute(team)
	return c.outcome()
}

// Close waits for the calls under way and closes Files. Later calls return
// ErrClosed. A second Close does nothing.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	var errs []error
	for _, f := range m.Files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Enter keeps the model from being closed until Leave, or returns ErrClosed. Who
// has entered may not enter again: where Close waits, that would wait for it.
func (m *Model) Enter() error {
	m.mu.RLock()
	if m.closed {
		m.mu.RUnlock()
		return ErrClosed
	}
	return nil
}

// tryEnter is Enter where the model may be entered already: it says no where Close waits.
func (m *Model) tryEnter() bool {
	if !m.mu.TryRLock() {
		return false
	}
	closed := m.closed
	if closed {
		m.mu.RUnlock()
	}
	return !closed
}

// Leave ends what Enter began.
func (m *Model) Leave() { m.mu.RUnlock() }

// Guard is Guard of the model's files, those that read adds included.
func (m *Model) Guard(read func() error) error {
	return Guard(func() []*tensor.File { return m.Files }, read)
}
