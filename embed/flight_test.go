package embed

import (
	"context"
	"crypto/sha256"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/cache"
)

// A watched cache calls functions before it does what a Memory does.
type watched struct {
	*cache.Memory
	get, put func()
}

func (w *watched) Get(key [sha256.Size]byte, row []float32) bool {
	w.get()
	return w.Memory.Get(key, row)
}

func (w *watched) Put(key [sha256.Size]byte, row []float32) {
	w.put()
	w.Memory.Put(key, row)
}

// waiting returns how many inputs of calls wait for others.
func waiting(m *Model) (n int) {
	m.cache.mu.Lock()
	defer m.cache.mu.Unlock()
	for _, f := range m.cache.flights {
		n += f.waiting
	}
	return n
}

// until waits for what other goroutines are about to do.
func until(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}

// What calls of a model and of a queue want at the same time is computed once, also where
// each wants more, and counts as a hit of the others.
func TestSameMissesAreComputedOnce(t *testing.T) {
	const calls = 6
	var m *Model
	var puts atomic.Int64
	rows := &watched{Memory: cache.NewMemory(1 << 30), get: func() {}}
	var once sync.Once
	rows.put = func() {
		puts.Add(1)
		once.Do(func() { until(func() bool { return waiting(m) == 2*(calls-1) }) }) // for the text of all
	}
	m = loadGolden(t, "bert", Config{Workers: 2, Cache: rows})
	own := []string{"a", "b", "c", "d", "e", "f"}
	want := embedTexts(t, loadGolden(t, "bert", Config{}), append(own, "summer"), Options{})
	q := NewQueue(m, QueueConfig{})
	var wg sync.WaitGroup
	var cached atomic.Int64
	for k := range calls {
		wg.Go(func() {
			got, err := []Embedder{m, q}[k%2].Embed(context.Background(), []string{"summer", own[k], "summer"}, Options{})
			if assert.NoError(t, err) {
				assert.Equal(t, []Embedding{want.Embeddings[calls], want.Embeddings[k], want.Embeddings[calls]}, got.Embeddings)
				cached.Add(int64(got.Cached))
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, calls+2, puts.Load(), "one for each text, and for an input that is the same in its call")
	assert.EqualValues(t, 2*(calls-1), cached.Load())
	assert.EqualValues(t, 2*(calls-1), rows.Stats().Hits)
	assert.Empty(t, m.cache.flights)
	require.NoError(t, q.Close(t.Context()))
}

// Where the call that was to compute a row ends before, one that waits for it does; a wait
// ends with its own context.
func TestFlightWithoutARow(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var gets atomic.Int64
	rows := &watched{Memory: cache.NewMemory(1 << 30), put: func() {}}
	rows.get = func() {
		if gets.Add(1) == 1 {
			close(entered)
			<-release
		}
	}
	m := loadGolden(t, "bert", Config{Cache: rows})
	want := embedTexts(t, loadGolden(t, "bert", Config{}), []string{"summer"}, Options{})
	first, cancel := context.WithCancel(t.Context())
	second, give := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := m.Embed(first, []string{"summer"}, Options{})
		assert.ErrorIs(t, err, context.Canceled)
	})
	<-entered
	wg.Go(func() {
		_, err := m.Embed(second, []string{"summer"}, Options{})
		assert.ErrorIs(t, err, context.Canceled)
	})
	wg.Go(func() {
		got, err := m.Embed(t.Context(), []string{"summer"}, Options{})
		if assert.NoError(t, err) {
			assert.Equal(t, want.Embeddings, got.Embeddings)
			assert.Zero(t, got.Cached)
		}
	})
	until(func() bool { return waiting(m) == 2 })
	give()
	cancel()
	close(release)
	wg.Wait()
	assert.Empty(t, m.cache.flights)
}
