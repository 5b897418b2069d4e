package embedhttp

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rhumb-go/rhumb/embed"
)

// freeTime is how long a request waits for models in use to be free, where it needs
// their memory, or wants them unloaded.
const freeTime = 30 * time.Second

// Why a model is unloaded, for the log.
const (
	whyIdle   = "not used for its time to stay"
	whyRoom   = "another model needs its memory"
	whyAsked  = "a request to unload it"
	whyGone   = "it is not served any more"
	whyClosed = "the service ends"
)

// A loading is a model on its way, for all that wait for it.
type loading struct {
	done chan struct{}
	err  error   // known when done
	wait *waiter // for memory; nil = it has that
}

// A waiter waits for memory.
type waiter struct {
	need int64 // bytes
	done chan struct{}
	err  error // known when done
}

// errAlone is that of loading a model for which nobody waits any more.
var errAlone = errors.New("nobody waits for the model")

// use returns the model of e, loaded. It stays until leave is called. keep is how long
// it stays after that, from now on; nil = as long as the use before said, or else
// SetConfig.KeepAlive.
func (s *Set) use(ctx context.Context, e *entry, keep *time.Duration) (m *Model, leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.users++
	e.stopTimer()
	for {
		if err = s.await(ctx, e, keep); err != errAlone {
			break
		}
		if err = ctx.Err(); err != nil { // else it came as the others left
			break
		}
	}
	if err != nil {
		s.leave(e)
		return nil, nil, err
	}
	return e.model, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leave(e)
	}, nil
}

// await waits until e is loaded, which it begins where it has to.
func (s *Set) await(ctx context.Context, e *entry, keep *time.Duration) (err error) {
	switch {
	case s.closed:
		return embed.ErrClosed
	case e.gone:
		return fail(codeModelNotFound, "model", "%.100q is not served here any more", e.told.Name)
	case e.model == nil && e.loading == nil:
		e.loading = &loading{done: make(chan struct{})}
		e.keep = s.cfg.KeepAlive
		s.busy[e] = true
		go s.load(e, e.loading)
	}
	if keep != nil {
		e.keep = *keep
	}
	l := e.loading
	if l == nil {
		return nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave ends a use of e.
func (s *Set) leave(e *entry) {
	s.turn++
	e.last = s.turn
	if e.users--; e.users > 0 {
		return
	}
	if l := e.loading; l != nil {
		if l.wait != nil {
			s.answer(l.wait, errAlone)
		}
		return
	}
	s.rest(e)
}

// rest decides what becomes of e, which nobody uses.
func (s *Set) rest(e *entry) {
	switch {
	case e.model == nil:
	case s.closed:
		s.unload(e, whyClosed)
	case e.gone:
		s.unload(e, whyGone)
	case e.leave != "":
		s.unload(e, e.leave)
	case e.keep == 0:
		s.unload(e, whyIdle)
	case e.keep > 0:
		var t *time.Timer
		t = time.AfterFunc(e.keep, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if e.timer == t { // it was not stopped too late
				s.unload(e, whyIdle)
			}
		})
		e.timer, e.expiry = t, time.Now().Add(e.keep)
	}
	s.settle() // it may have to go
}

func (e *entry) stopTimer() {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
}

// load loads e for all that wait for l.
func (s *Set) load(e *entry, l *loading) {
	start := time.Now()
	var m *Model
	var end func() error
	var waited time.Duration
	var err error
	for err == nil && m == nil {
		began := time.Now()
		var from *Source
		from, err = s.reserve(e, l)
		waited += time.Since(began)
		if err == nil {
			m, end, err = from.load(s.ctx)
		}
		if err == nil && !s.fits(e, m) { // it is larger than was known
			err = errors.Join(m.queue().Close(s.ctx), end())
			m, end = nil, nil
			s.collect(garbageBytes)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(l.done)
	e.loading, l.err = nil, err
	if err == nil {
		m.Name, m.Aliases = e.source.Name, e.source.Aliases
		e.model, e.end = m, end
		s.cfg.Logger.Info("model loaded", "model", m.Name, "kind", string(m.kind()), "memory_bytes", e.memory,
			milliseconds("load_ms", time.Since(start)-waited), milliseconds("wait_ms", waited))
	} else {
		var f *failure
		if s.closed {
			l.err = embed.ErrClosed
		} else if err != errAlone && !errors.As(err, &f) {
			f = fail(codeModelLoad, "model", "%.100q does not load: the log of the service says why", e.source.Name)
			f.cause, l.err = err, f
			s.cfg.Logger.Error("model does not load", "model", e.source.Name, "error", err)
		}
		s.forget(e)
	}
	if e.users == 0 {
		s.rest(e)
	}
}

// load loads the model that from says.
func (from *Source) load(ctx context.Context) (m *Model, end func() error, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	m = new(Model)
	if *m, end, err = from.Load(ctx); err != nil {
		return nil, nil, err
	}
	if end == nil {
		end = func() error { return nil }
	}
	if err := m.check(); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	m.told = m.kinds()
	return m, end, nil
}

// fits tells s what e is, loaded as m, and reports whether it has the memory for it. If
// it has not, e has none.
func (s *Set) fits(e *entry, m *Model) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.entry = e
	told := *e.told
	told.Info, told.RerankInfo, told.MultiVectorInfo, told.SparseInfo, told.told = m.Info, m.RerankInfo, m.MultiVectorInfo, m.SparseInfo, m.told
	e.told = &told
	memory := m.facts().MemoryBytes
	if most := s.cfg.Memory; most > 0 && memory > e.memory && s.memory-e.memory+memory > most {
		s.memory -= e.memory
		e.memory = 0
		return false
	}
	s.memory += memory - e.memory
	e.memory = memory
	return true
}

// reserve waits until e is unloaded where it is, and until there is memory for it, which
// it has then. It returns what to load.
func (s *Set) reserve(e *entry, l *loading) (*Source, error) {
	s.mu.Lock()
	if e.ending {
		unloaded := e.awaited()
		s.mu.Unlock()
		<-unloaded
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	need := e.told.facts().MemoryBytes
	if most := s.cfg.Memory; most > 0 && need > most {
		return nil, fail(codeModelTooLarge, "model", "%.100q has %d bytes of weights, more than the %d that all models together may have", e.source.Name, need, most)
	}
	w := &waiter{need: need, done: make(chan struct{})}
	l.wait = w
	s.waiting = append(s.waiting, w)
	s.settle()
	timer := time.AfterFunc(freeTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answer(w, fail(codeModelsBusy, "model", "%.100q is not loaded, and the models that are have been in use for %v: try again later", e.source.Name, freeTime))
	})
	s.mu.Unlock()
	<-w.done
	s.mu.Lock()
	timer.Stop()
	l.wait = nil
	if w.err == nil {
		e.memory = need
	}
	from := e.source
	return &from, w.err
}

// answer ends the wait of w, if it has not ended.
func (s *Set) answer(w *waiter, err error) {
	if i := slices.Index(s.waiting, w); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		w.err = err
		close(w.done)
		s.settle() // others may have waited for it
	}
}

// settle gives memory to those that wait for it, in the order in which they came, and
// unloads what nobody uses for them. One that has to wait for models in use is passed
// over until they are free.
func (s *Set) settle() {
	for i := 0; i < len(s.waiting); {
		w := s.waiting[i]
		lacks := s.memory + w.need - s.cfg.Memory
		if s.cfg.Memory == 0 || lacks <= 0 {
			s.memory += w.need
			s.waiting = slices.Delete(s.waiting, i, i+1)
			close(w.done)
			continue
		}
		idle := s.idle()
		has := s.freeing
		for _, e := range idle {
			has += e.memory
		}
		if has < lacks {
			i++
			continue
		}
		for s.freeing < lacks {
			s.unload(idle[0], whyRoom)
			idle = idle[1:]
		}
		return // what becomes free is for w
	}
}

// idle returns the loaded models that nobody uses, the one first that was not used for
// longest.
func (s *Set) idle() []*entry {
	var list []*entry
	for e := range s.busy {
		if e.model != nil && e.users == 0 && e.memory > 0 {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *entry) int { return int(a.last - b.last) })
	return list
}

// An unloading is a model on its way out. It has all that leads to the weights.
type unloading struct {
	queue queue
	end   func() error
}

// unload unloads e, which nobody uses.
func (s *Set) unload(e *entry, why string) {
	u, name := &unloading{e.model.queue(), e.end}, e.model.Name
	e.model, e.end, e.leave, e.ending = nil, nil, "", true
	e.stopTimer()
	s.freeing += e.memory
	go func() {
		start := time.Now()
		err := errors.Join(u.queue.Close(context.Background()), u.end())
		*u = unloading{}
		s.collect(e.memory)
		s.mu.Lock()
		defer s.mu.Unlock()
		e.ending = false
		s.freeing -= e.memory
		s.cfg.Logger.Info("model unloaded", "model", name, "why", why, "memory_bytes", e.memory, milliseconds("unload_ms", time.Since(start)))
		if err != nil {
			s.cfg.Logger.Error("model does not unload", "model", name, "error", err)
		}
		s.forget(e)
	}()
}

// garbageBytes is how much unloaded models leave for the runtime to collect in its own time.
const garbageBytes = 16 << 20

// collect gives the memory of so many bytes of an unloaded model back to the system, with
// that of others before that were too small. By itself the runtime would let as much as is
// in use pile up, which is beyond any bound.
func (s *Set) collect(bytes int64) {
	if n := s.garbage.Add(bytes); n >= garbageBytes {
		s.garbage.Add(-n)
		debug.FreeOSMemory()
	}
}

// forget takes back the memory of e, which is not loaded any more, or did not load.
func (s *Set) forget(e *entry) {
	s.memory -= e.memory
	e.memory, e.leave = 0, ""
	if e.unloaded != nil {
		close(e.unloaded)
		e.unloaded = nil
	}
	if e.loading == nil {
		delete(s.busy, e)
	}
	s.settle()
	s.rested()
}

// rested tells Close when it has nothing to wait for.
func (s *Set) rested() {
	if s.closed && len(s.busy) == 0 {
		s.closing.Do(func() { close(s.quiet) })
	}
}

// awaited returns what is closed when e is unloaded, or its loading ended without a model.
func (e *entry) awaited() chan struct{} {
	if e.unloaded == nil {
		e.unloaded = make(chan struct{})
	}
	return e.unloaded
}

// drop unloads e when nobody uses it, and returns then.
func (s *Set) drop(ctx context.Context, e *entry) error {
	s.mu.Lock()
	if e.model == nil && e.loading == nil && !e.ending {
		s.mu.Unlock()
		return nil
	}
	unloaded := e.awaited()
	if !e.ending {
		e.leave = whyAsked
		if e.model != nil && e.users == 0 {
			s.unload(e, whyAsked)
		}
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, freeTime, errInUse)
	defer cancel()
	select {
	case <-unloaded:
		return nil
	case <-ctx.Done():
	}
	if context.Cause(ctx) == errInUse {
		return fail(codeModelsBusy, "model", "%.100q has been in use for %v: it is unloaded when it is not", e.source.Name, freeTime)
	}
	return ctx.Err()
}

var errInUse = errors.New("the model is in use")
