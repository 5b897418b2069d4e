package embedhttp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

// fakes are sources of models that are all the tiny one, and count what becomes of them.
type fakes struct {
	t       testing.TB
	model   *embed.Model
	mu      sync.Mutex
	loads   map[string]int
	loaded  map[string]bool
	memory  int64 // of those, in bytes
	most    int64
	ended   []string // in order
	before  func(ctx context.Context, name string) error
	unknown bool // sources do not say what they are
}

func newFakes(t testing.TB) *fakes {
	return &fakes{t: t, model: tiny(t), loads: map[string]int{}, loaded: map[string]bool{}}
}

// source returns a model of so many bytes.
func (f *fakes) source(name string, memory int64, aliases ...string) Source {
	info := f.model.Info()
	info.MemoryBytes = memory
	s := Source{Model: Model{Name: name, Aliases: aliases, Info: info}, Load: func(ctx context.Context) (Model, func() error, error) {
		f.mu.Lock()
		f.loads[name]++
		f.mu.Unlock()
		if f.before != nil {
			if err := f.before(ctx, name); err != nil {
				return Model{}, nil, err
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		assert.False(f.t, f.loaded[name], "%s is loaded twice", name)
		f.loaded[name] = true
		f.memory += memory
		f.most = max(f.most, f.memory)
		return Model{Queue: embed.NewQueue(f.model, embed.QueueConfig{}), Info: info}, func() error {
			f.mu.Lock()
			defer f.mu.Unlock()
			assert.True(f.t, f.loaded[name], "%s is closed once", name)
			f.loaded[name] = false
			f.memory -= memory
			f.ended = append(f.ended, name)
			return nil
		}, nil
	}}
	if f.unknown {
		s.Info = embed.Info{}
	}
	return s
}

func (f *fakes) isLoaded(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loaded[name]
}

// take uses the model of that name in s, which has to be there.
func take(t testing.TB, s *Set, name string, keep ...time.Duration) (leave func()) {
	t.Helper()
	var k *time.Duration
	if len(keep) > 0 {
		k = &keep[0]
	}
	m, leave, err := s.use(context.Background(), s.find(name).entry, k)
	require.NoError(t, err)
	require.Equal(t, name, m.Name)
	require.NotNil(t, m.Queue)
	return leave
}

func newSet(t testing.TB, cfg SetConfig, sources ...Source) *Set {
	s, err := NewSet(cfg, sources)
	require.NoError(t, err)
	return s
}

// Models of 1, 2 … bytes that are called a, b …
func (f *fakes) sources(memory ...int64) (list []Source) {
	for i, n := range memory {
		list = append(list, f.source(string(rune('a'+i)), n))
	}
	return list
}

func closeSet(t testing.TB, s *Set) { require.NoError(t, s.Close(context.Background())) }

func TestSetLoadsOnce(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		f.before = func(_ context.Context, name string) error {
			if name == "a" {
				<-gate
			}
			return nil
		}
		s := newSet(t, SetConfig{}, f.sources(1, 1)...)
		gone, leaves := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, _, err := s.use(gone, s.find("a").entry, nil)
			first <- err
		}()
		synctest.Wait()
		leaves()
		assert.ErrorIs(t, <-first, context.Canceled, "who begins the loading may leave")
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { take(t, s, "a")() })
		}
		synctest.Wait()
		take(t, s, "b")() // which does not wait for a
		close(gate)
		group.Wait()
		assert.Equal(t, map[string]int{"a": 1, "b": 1}, f.loads)

		// One that everybody has left is loaded all the same.
		gate = make(chan struct{})
		require.NoError(t, s.drop(t.Context(), s.find("a").entry))
		gone, leaves = context.WithCancel(t.Context())
		go func() {
			_, _, err := s.use(gone, s.find("a").entry, nil)
			first <- err
		}()
		synctest.Wait()
		leaves()
		assert.Error(t, <-first)
		close(gate)
		synctest.Wait()
		assert.True(t, f.isLoaded("a"))
		take(t, s, "a")()
		assert.Equal(t, 2, f.loads["a"])
		closeSet(t, s)
	})
}

func TestSetKeepAlive(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, SetConfig{}, f.source("a", 1))
		stays := func(d time.Duration) {
			t.Helper()
			time.Sleep(d - time.Nanosecond)
			synctest.Wait()
			require.True(t, f.isLoaded("a"))
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.False(t, f.isLoaded("a"))
		}
		take(t, s, "a")()
		stays(DefaultKeepAlive)

		leave := take(t, s, "a")
		take(t, s, "a")()
		time.Sleep(time.Hour)
		require.True(t, f.isLoaded("a"), "it is in use")
		leave()
		time.Sleep(DefaultKeepAlive / 2)
		take(t, s, "a")()
		stays(DefaultKeepAlive)

		take(t, s, "a", time.Minute)()
		stays(time.Minute)
		take(t, s, "a", time.Hour)()
		take(t, s, "a")() // which says nothing else
		stays(time.Hour)
		take(t, s, "a")()
		stays(DefaultKeepAlive)
		take(t, s, "a", 0)()
		synctest.Wait()
		require.False(t, f.isLoaded("a"))
		take(t, s, "a", -1)()
		time.Sleep(10000 * time.Hour)
		require.True(t, f.isLoaded("a"))
		take(t, s, "a", 0)()
		synctest.Wait()
		require.False(t, f.isLoaded("a"))
		closeSet(t, s)

		s = newSet(t, SetConfig{KeepAlive: 1}, f.source("a", 1))
		take(t, s, "a")()
		stays(1)
		closeSet(t, s)
	})
}

func TestSetMemory(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, SetConfig{Memory: 3}, f.sources(1, 1, 1, 1, 2, 4)...)
		for _, name := range []string{"a", "b", "c", "a", "d", "a"} {
			take(t, s, name)()
		}
		assert.Equal(t, []string{"b"}, f.ended, "the one that was not used for longest")
		a := take(t, s, "a")
		take(t, s, "e")()
		assert.ElementsMatch(t, []string{"b", "c", "d"}, f.ended, "what is in use stays")

		// e has to wait for a, and does not hold up b.
		take(t, s, "b")() // for which e goes
		e := make(chan error, 1)
		var leaveE func()
		b := take(t, s, "b")
		go func() {
			_, leave, err := s.use(context.Background(), s.find("e").entry, nil)
			leaveE = leave
			e <- err
		}()
		synctest.Wait()
		take(t, s, "c")()
		b()
		require.NoError(t, <-e)
		assert.True(t, f.isLoaded("a"))
		assert.False(t, f.isLoaded("b"))

		// The wait has a bound, and a model that can never be loaded none.
		start := time.Now()
		_, _, err := s.use(context.Background(), s.find("b").entry, nil)
		assert.Equal(t, freeTime, time.Since(start))
		assert.Equal(t, codeModelsBusy, asFailure(err).code)
		_, _, err = s.use(context.Background(), s.find("f").entry, nil)
		assert.Equal(t, codeModelTooLarge, asFailure(err).code)
		assert.Equal(t, `model: "f" has 4 bytes of weights, more than the 3 that all models together may have`, err.Error())
		assert.Zero(t, f.loads["f"])

		// Who leaves waits no longer, and nobody else does for it.
		gone, leaves := context.WithCancel(t.Context())
		go leaves()
		_, _, err = s.use(gone, s.find("b").entry, nil)
		assert.ErrorIs(t, err, context.Canceled)
		leaveE()
		a()
		take(t, s, "b")()
		assert.EqualValues(t, 3, f.most)
		closeSet(t, s)
		assert.Zero(t, f.memory)
	})
}

// Of what sources do not tell, memory counts once it is known.
func TestSetUnknown(t *testing.T) {
	f := newFakes(t)
	f.unknown = true
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, SetConfig{Memory: 3}, f.sources(2, 2, 4)...)
		assert.Equal(t, kind(""), s.find("a").kind())
		take(t, s, "a")()
		assert.Equal(t, embedding, s.find("a").kind())
		take(t, s, "b")()
		assert.Equal(t, []string{"b", "a"}, f.ended, "b was larger than was known")
		assert.Equal(t, embedding, s.find("a").kind(), "what is known stays")
		_, _, err := s.use(context.Background(), s.find("c").entry, nil)
		assert.Equal(t, codeModelTooLarge, asFailure(err).code)
		closeSet(t, s)
	})
}

// The memory of what is unloaded is free before it counts as free.
func TestSetCollects(t *testing.T) {
	f := newFakes(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nobody else does it
	source, collected := f.source("a", garbageBytes), make(chan struct{})
	load := source.Load
	source.Load = func(ctx context.Context) (Model, func() error, error) {
		weights := make([]byte, garbageBytes)
		runtime.AddCleanup(&weights[0], func(c chan struct{}) { close(c) }, collected)
		m, end, err := load(ctx)
		return m, func() error {
			weights[0]++
			return end()
		}, err
	}
	h, s, _ := servedSet(t, SetConfig{}, []Source{source}, nil)
	assert.Equal(t, 200, send(h, "POST", "/v1/embeddings", `{"model":"a","input":"b"}`).Code)
	require.NoError(t, s.drop(t.Context(), s.find("a").entry))
	select {
	case <-collected:
	case <-time.After(10 * time.Second):
		t.Error("not collected")
	}
	closeSet(t, s)
}

func TestSetErrors(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		fault := errors.New("config.json: no good")
		f.before = func(context.Context, string) error { return fault }
		s := newSet(t, SetConfig{Memory: 1}, f.sources(1, 1)...)
		for range 2 {
			_, _, err := s.use(t.Context(), s.find("a").entry, nil)
			assert.ErrorIs(t, err, fault)
			assert.Equal(t, codeModelLoad, asFailure(err).code)
			assert.NotContains(t, err.Error(), "config.json")
		}
		assert.Equal(t, 2, f.loads["a"])
		f.before = func(context.Context, string) error { panic("nil") }
		_, _, err := s.use(t.Context(), s.find("a").entry, nil)
		assert.ErrorContains(t, errors.Unwrap(err), "panic: nil")
		f.before = nil
		take(t, s, "b")() // nothing keeps its memory
		take(t, s, "a")()
		closeSet(t, s)
		_, _, err = s.use(t.Context(), s.find("a").entry, nil)
		assert.ErrorIs(t, err, embed.ErrClosed)
		assert.ErrorIs(t, s.Replace(nil), embed.ErrClosed)
	})
	queue := f.source("a", 1)
	queue.Queue = embed.NewQueue(f.model, embed.QueueConfig{})
	both := f.source("a", 1)
	both.SparseInfo.Layers = 1
	for want, sources := range map[string][]Source{
		`embedhttp: two models are called "b"`:                        {f.source("a", 1, "b"), f.source("b", 1)},
		`embedhttp: model name "", expected 1 to 500 characters`:      {f.source("", 1)},
		`embedhttp: model "a": no Load`:                               {{Model: Model{Name: "a"}}},
		`embedhttp: model "a": a queue, expected none before`:         {queue},
		`model "a": an Info of a model that is embedding, and one of`: {both},
	} {
		_, err := NewSet(SetConfig{}, sources)
		assert.ErrorContains(t, err, want)
	}
	_, err := NewSet(SetConfig{Memory: -1}, nil)
	assert.ErrorContains(t, err, "memory of -1 bytes")
}

func TestSetReplace(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, SetConfig{}, f.sources(1, 1, 1)...)
		leaveA := take(t, s, "a")
		take(t, s, "b")()
		take(t, s, "c")()
		a := s.find("a").entry
		require.Error(t, s.Replace([]Source{f.source("x", 1), f.source("x", 1)}))
		require.NotNil(t, s.find("a"), "an error changes nothing")
		require.NoError(t, s.Replace([]Source{f.source("c", 1, "third"), f.source("d", 1)}))
		synctest.Wait()
		assert.Equal(t, []string{"b"}, f.ended)
		assert.Nil(t, s.find("a"))
		_, _, err := s.use(t.Context(), a, nil)
		assert.Equal(t, codeModelNotFound, asFailure(err).code)
		assert.NotNil(t, s.find("third").Queue, "it is still loaded")
		take(t, s, "c")()
		assert.Equal(t, 1, f.loads["c"])
		leaveA()
		synctest.Wait()
		assert.Equal(t, []string{"b", "a"}, f.ended)
		require.NoError(t, s.Replace([]Source{f.source("a", 1), f.source("third", 1)}))
		take(t, s, "a")()
		take(t, s, "third")()
		synctest.Wait()
		assert.Equal(t, []string{"b", "a", "c"}, f.ended)
		closeSet(t, s)
	})
}

func TestSetClose(t *testing.T) {
	f := newFakes(t)
	synctest.Test(t, func(t *testing.T) {
		f.before = func(ctx context.Context, name string) error {
			if name == "c" {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		s := newSet(t, SetConfig{Memory: 3}, f.sources(1, 1, 1, 2)...)
		leave := take(t, s, "a")
		take(t, s, "b", -1)()
		waits := make(chan error, 2)
		for _, name := range []string{"c", "d"} { // which loads, and which waits for memory
			go func() {
				_, _, err := s.use(context.Background(), s.find(name).entry, nil)
				waits <- err
			}()
			synctest.Wait()
		}
		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, s.Close(over), context.DeadlineExceeded)
		assert.ErrorIs(t, <-waits, embed.ErrClosed)
		assert.ErrorIs(t, <-waits, embed.ErrClosed)
		_, err := s.find("a").Queue.Embed(t.Context(), []string{"a"}, embed.Options{})
		assert.ErrorIs(t, err, embed.ErrClosed)
		time.AfterFunc(time.Second, leave)
		closeSet(t, s)
		assert.Zero(t, f.memory)
	})
}

// Uses, keep-alives, requests that leave, unloads and new lists in any order: what is in
// use is loaded, memory is never beyond its bound, and nothing is left.
func TestSetRandom(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := newFakes(t)
			synctest.Test(t, func(t *testing.T) {
				f.before = func(context.Context, string) error {
					time.Sleep(time.Millisecond)
					return nil
				}
				sources := f.sources(1, 1, 2, 1, 3, 1, 2, 1)
				s := newSet(t, SetConfig{Memory: 4, KeepAlive: 3 * time.Millisecond}, sources...)
				var group sync.WaitGroup
				var served atomic.Int64
				for worker := range uint64(8) {
					group.Go(func() {
						r := rand.New(rand.NewPCG(seed, worker))
						for range 200 {
							m := s.find(sources[r.IntN(len(sources))].Name)
							if m == nil {
								continue
							}
							ctx, cancel := context.WithCancel(t.Context())
							var keep *time.Duration
							switch r.IntN(10) {
							case 0:
								time.AfterFunc(time.Duration(r.IntN(3e6)), cancel)
							case 1:
								keep = new(time.Duration)
							case 2:
								_ = s.drop(ctx, m.entry)
							case 3:
								if worker == 0 {
									require.NoError(t, s.Replace(sources[r.IntN(3):]))
								}
							}
							loaded, leave, err := s.use(ctx, m.entry, keep)
							if err == nil {
								served.Add(1)
								require.Equal(t, m.Name, loaded.Name)
								require.True(t, f.isLoaded(m.Name))
								time.Sleep(time.Duration(r.IntN(2e6)))
								require.True(t, f.isLoaded(m.Name), "in use")
								leave()
							} else if ctx.Err() == nil {
								require.Equal(t, codeModelNotFound, asFailure(err).code, err)
							}
							cancel()
						}
					})
				}
				group.Wait()
				closeSet(t, s)
				assert.Greater(t, served.Load(), int64(1000))
				assert.LessOrEqual(t, f.most, int64(4))
				assert.Zero(t, f.memory)
				assert.Zero(t, s.memory)
				assert.Zero(t, s.freeing)
			})
		})
	}
}
