package embedhttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhumb-go/rhumb/embed"
)

// DefaultKeepAlive is the KeepAlive of a zero SetConfig, as of Ollama's server.
const DefaultKeepAlive = 5 * time.Minute

// SetConfig says how long the models of a Set stay. The zero value of a field is its default.
type SetConfig struct {
	// Memory is how many bytes the models have at most together that are loaded, or
	// are being loaded or closed: of their weights, as MemoryBytes of their Infos tells
	// it, those that stay in their files included; tokenizers and what calls need come
	// on top. 0 = no limit.
	Memory int64

	// KeepAlive is how long a model stays that no request uses; 0 = DefaultKeepAlive,
	// below 0 = until another one needs its memory. A nanosecond is as good as none.
	KeepAlive time.Duration

	Logger *slog.Logger // of a line for each model that is loaded or unloaded; nil = none
}

// A Source is a model of a Set.
type Source struct {
	// Model has the names, no queue, and of the Infos the one that says what kind of
	// model it is, as the Inspect functions tell it. Where it has none, the kind and the
	// memory are known once the model is loaded.
	Model

	// Load returns the model with its queue, and what closes it after its queue, which
	// the Set closes; nil = nothing. It is called by one goroutine at a time. The names are those above.
	// ctx ends when the Set is closed.
	Load func(ctx context.Context) (m Model, end func() error, err error)
}

// A Set is models that come and go. One is loaded when a request needs it, by as many
// as want it once, and unloaded when none has used it for a time; or sooner, the one
// that was not used for longest first, where another one needs its memory. One that is
// in use stays. It may be used by any number of goroutines at the same time.
type Set struct {
	cfg SetConfig
	ctx context.Context // of loading, until Close
	end context.CancelFunc

	garbage atomic.Int64 // bytes of unloaded models since they were collected

	mu      sync.Mutex
	taken   map[string]bool   // names of models that are not of the Set
	list    []*entry          // in the order of Replace
	names   map[string]*entry // of list, and aliases
	busy    map[*entry]bool   // that are loading, loaded or unloading, those that Replace left out too
	memory  int64             // of all busy ones, in bytes
	freeing int64             // of those that are unloading
	waiting []*waiter         // for memory, in the order in which they came
	turn    int64             // the last use
	closed  bool
	quiet   chan struct{} // closed when closed, and nothing is busy
	closing sync.Once     // of quiet
}

// An entry is a model of a Set. Its fields are the Set's to lock.
type entry struct {
	set    *Set
	source Source
	told   *Model // what is known of it while it is not loaded; not changed, but replaced

	model    *Model // nil = not loaded
	end      func() error
	memory   int64         // that it has of the Set's, in bytes
	loading  *loading      // nil = it is not
	ending   bool          // it is unloading
	unloaded chan struct{} // closed when it is unloaded, or its loading ended without a model; nil = nobody asks

	users  int // requests, those included that wait for it
	last   int64
	keep   time.Duration
	timer  *time.Timer
	expiry time.Time // the timer's
	leave  string    // why it is unloaded as soon as nobody uses it; "" = it is not
	gone   bool      // it is not served any more
}

// NewSet returns a set of the models of sources.
func NewSet(cfg SetConfig, sources []Source) (*Set, error) {
	if cfg.Memory < 0 {
		return nil, fmt.Errorf("embedhttp: memory of %d bytes, expected none below 0", cfg.Memory)
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = DefaultKeepAlive
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{cfg: cfg, busy: map[*entry]bool{}, quiet: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s, s.Replace(sources)
}

// Replace makes sources the models of s. One whose name was there before stays loaded
// where it is, and is loaded from its new source the next time. Those that are there no
// longer are unloaded when the requests are answered that use them. An error is of names
// or sources that are no good, and changes nothing.
func (s *Set) Replace(sources []Source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return embed.ErrClosed
	}
	told := make([]*Model, len(sources))
	seen := map[string]bool{}
	for i, from := range sources {
		m := from.Model
		if err := m.checkSource(); err != nil {
			return fmt.Errorf("embedhttp: model %q: %w", m.Name, err)
		}
		if from.Load == nil {
			return fmt.Errorf("embedhttp: model %q: no Load", m.Name)
		}
		for _, name := range m.allNames() {
			if err := checkName(name); err != nil {
				return err
			}
			if seen[name] || s.taken[name] {
				return fmt.Errorf("embedhttp: two models are called %q", name)
			}
			seen[name] = true
		}
		told[i] = &m
	}
	list, names := make([]*entry, len(sources)), map[string]*entry{}
	for i, from := range sources {
		e := s.names[from.Name]
		if e == nil || e.told.Name != from.Name { // which may have been an alias
			e = &entry{set: s}
		}
		told[i].entry = e
		e.source, e.told = from, told[i]
		if e.model != nil {
			m := *e.model
			m.Aliases = from.Aliases
			e.model = &m
		}
		list[i] = e
		for _, name := range from.allNames() {
			names[name] = e
		}
	}
	for _, e := range s.list {
		if slices.Contains(list, e) {
			continue
		}
		e.gone = true
		if e.model != nil && e.users == 0 {
			s.unload(e, whyGone)
		}
	}
	s.list, s.names = list, names
	return nil
}

// checkSource checks that m is what is known of a model before it is loaded, and finds
// its kind in that.
func (m *Model) checkSource() error {
	if m.queue() != nil {
		return errors.New("a queue, expected none before it is loaded")
	}
	m.told = nil
	for _, one := range []struct {
		kind kind
		info any
	}{{embedding, m.Info}, {sparseKind, m.SparseInfo}, {multiKind, m.MultiVectorInfo}, {reranker, m.RerankInfo}} {
		if !reflect.ValueOf(one.info).IsZero() {
			m.told = append(m.told, one.kind)
		}
	}
	switch n := len(m.told); {
	case n > 1 && !slices.Equal(m.told, []kind{embedding, sparseKind, multiKind}):
		return fmt.Errorf("an Info of a model that is %s, and one of a model that is %s, expected one", m.told[0], m.told[1])
	case n == 1 && m.told[0] == reranker && len(m.RerankInfo.Labels) > 1:
		m.told[0] = classifier
	}
	return nil
}

// Close refuses requests, and unloads the models when those are answered that use them.
// If ctx ends before, their queues drop what they have, as they do when they are closed
// with it, and Close returns its error at once.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.end()
		for _, w := range slices.Clone(s.waiting) {
			s.answer(w, embed.ErrClosed)
		}
		for e := range s.busy {
			if e.model != nil && e.users == 0 {
				s.unload(e, whyClosed)
			}
		}
		s.rested()
	}
	s.mu.Unlock()
	select {
	case <-s.quiet:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.busy {
		if e.model != nil {
			_ = e.model.queue().Close(ctx) // which is over
		}
	}
	return ctx.Err()
}

// keepOff makes names those of models that are not of s.
func (s *Set) keepOff(names map[string]*Model) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = map[string]bool{}
	for name := range names {
		if s.names[name] != nil {
			return fmt.Errorf("embedhttp: two models are called %q", name)
		}
		s.taken[name] = true
	}
	return nil
}

// find returns the model of that name, loaded or not; nil = there is none. It is not
// used, and may be unloaded at any time: what it says stays true.
func (s *Set) find(name string) *Model {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.names[name]; e != nil {
		return e.known()
	}
	return nil
}

// all returns all models, as find does.
func (s *Set) all() []*Model {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Model, len(s.list))
	for i, e := range s.list {
		list[i] = e.known()
	}
	return list
}

// now is find for e.
func (e *entry) now() *Model {
	e.set.mu.Lock()
	defer e.set.mu.Unlock()
	return e.known()
}

func (e *entry) known() *Model {
	if e.model != nil {
		return e.model
	}
	return e.told
}

// expires returns when e is unloaded if nobody uses it any more; zero = never.
func (e *entry) expires() time.Time {
	e.set.mu.Lock()
	defer e.set.mu.Unlock()
	switch {
	case e.timer != nil:
		return e.expiry
	case e.keep < 0:
		return time.Time{}
	}
	return time.Now().Add(e.keep)
}
