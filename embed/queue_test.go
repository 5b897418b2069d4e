package embed

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/encoding"
)

// A gate holds up a queue after each batch until it is told to go on.
type gate struct {
	event chan QueueEvent
	next  chan struct{}
}

func newGate() *gate { return &gate{make(chan QueueEvent), make(chan struct{})} }

func (g *gate) observe(e QueueEvent) {
	g.event <- e
	<-g.next
}

// open lets all that comes pass.
func (g *gate) open() {
	close(g.next)
	go func() {
		for range g.event {
		}
	}()
}

// A reply is what a call in the background returned.
type reply struct {
	result *Result
	err    error
}

// background embeds inputs in a goroutine, which has its place in q when background returns.
func background(ctx context.Context, q *Queue, inputs []string, opts Options) chan reply {
	before := q.Stats().WaitingTexts
	c := make(chan reply, 1)
	go func() {
		r, err := q.Embed(ctx, inputs, opts)
		c <- reply{r, err}
	}()
	for q.Stats().WaitingTexts < before+len(inputs) && len(c) == 0 {
		runtime.Gosched()
	}
	return c
}

// held returns a queue that is held up at g after a batch of one text.
func held(t *testing.T, m *Model, cfg QueueConfig) (*Queue, *gate) {
	g := newGate()
	cfg.Observe = g.observe
	q := NewQueue(m, cfg)
	go func() { _, _ = q.Embed(context.Background(), []string{"first"}, Options{}) }()
	require.Equal(t, 1, (<-g.event).Texts, "an idle queue runs a lone text at once")
	return q, g
}

// noGoroutines returns once none is left that this package started.
func noGoroutines(t *testing.T) {
	t.Helper()
	buffer := make([]byte, 1<<20)
	for range 1_000_000 {
		stacks := string(buffer[:runtime.Stack(buffer, true)])
		if !strings.Contains(stacks, "pipeline.(*Queue)") && !strings.Contains(stacks, "pipeline.(*stream") && !strings.Contains(stacks, "parallel.(*Team)") {
			return
		}
		runtime.Gosched()
	}
	require.Fail(t, "goroutines are left", string(buffer[:runtime.Stack(buffer, true)]))
}

// Callers at the same time get the bits of calls alone, whatever their options.
func TestQueueSameBits(t *testing.T) {
	for _, workers := range []int{1, 2} {
		m := loadGolden(t, "bert", Config{Workers: workers, BatchTokens: 40})
		c := readCases(t, "bert")
		all := []Options{
			{}, {PromptName: "query"}, {Prompt: "own "}, {Layers: 1}, {Dimensions: 5}, {Unnormalized: true},
			{Formats: everyFormat}, {Formats: []encoding.Format{encoding.Int8}}, {MaxTokens: 6, Truncate: TruncateStart},
		}
		q := NewQueue(m, QueueConfig{})
		var calls sync.WaitGroup
		for k := range 16 {
			calls.Go(func() {
				for i := range 12 {
					opts := all[(k+i)%len(all)]
					from := 1 + (k*7+i*3)%(len(c.Texts)-10)
					n := 1 + (k*i)%9
					want, err := m.Embed(context.Background(), c.Texts[from:from+n], opts)
					assert.NoError(t, err)
					got, err := q.Embed(context.Background(), c.Texts[from:from+n], opts)
					assert.NoError(t, err)
					assert.Equal(t, want.Embeddings, got.Embeddings)
					if opts.Prompt+opts.PromptName == "" && opts.MaxTokens == 0 {
						got, err = q.EmbedIDs(context.Background(), c.IDs[from:from+n], opts)
						assert.NoError(t, err)
						for i := range got.Embeddings {
							assert.Equal(t, want.Embeddings[i].Vector, got.Embeddings[i].Vector)
						}
					}
				}
			})
		}
		calls.Wait()
		require.NoError(t, q.Close(context.Background()))
		assert.Zero(t, q.Stats().WaitingTexts)
		assert.Zero(t, q.Stats().WaitingTokens)
		noGoroutines(t)
	}
}

// Routes and tasks share a queue, and no batch.
func TestQueueOfSeveralWays(t *testing.T) {
	ctx, texts := context.Background(), []string{"a river", "b"}
	_, jina, _ := readJina(t)
	for _, m := range []*Model{loadFiles(t, moduleFiles(t, "router"), Config{}), loadFiles(t, jina, Config{})} {
		names := append(m.Info().Routes, m.Info().Tasks...)
		require.GreaterOrEqual(t, len(names), 2)
		q, g := held(t, m, QueueConfig{})
		var replies []chan reply
		for i := range 3 * len(names) {
			replies = append(replies, background(ctx, q, texts, Options{PromptName: names[i%len(names)]}))
		}
		for range names {
			g.next <- struct{}{}
			assert.Equal(t, 3*len(texts), (<-g.event).Texts, "the calls of one way")
		}
		g.open()
		for i, c := range replies {
			got := <-c
			require.NoError(t, got.err)
			assert.Equal(t, embedTexts(t, m, texts, Options{PromptName: names[i%len(names)]}).Embeddings, got.result.Embeddings)
		}
		require.NoError(t, q.Close(ctx))
	}
}

func TestQueueErrors(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	q := NewQueue(m, QueueConfig{})
	ctx := context.Background()
	r, err := q.Embed(ctx, nil, Options{Dimensions: 3})
	require.NoError(t, err)
	assert.Equal(t, &Result{Embeddings: []Embedding{}, Dimensions: 3}, r)
	_, err = q.Embed(ctx, nil, Options{Dimensions: -1})
	requireOptionError(t, err, "dimensions: -1, expected 1 to 24")
	_, err = q.Embed(ctx, []string{"a", "", ""}, Options{})
	assert.EqualError(t, err, "input 1: empty text")
	_, err = q.EmbedIDs(ctx, [][]int32{{2, 500, 3}}, Options{})
	assert.ErrorContains(t, err, "input 0: token id 500")
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = q.Embed(canceled, []string{"a"}, Options{})
	assert.Equal(t, context.Canceled, err)
	assert.Equal(t, QueueStats{MaxTexts: DefaultQueueTexts, MaxTokens: DefaultQueueTokens}, q.Stats())

	require.NoError(t, q.Close(ctx))
	require.NoError(t, q.Close(ctx))
	_, err = q.Embed(ctx, []string{"a"}, Options{})
	assert.ErrorIs(t, err, ErrClosed)
}

// The first fault of a call is its error, also where batches find it.
func TestQueueNotFinite(t *testing.T) {
	m := notFinite(t, math.NaN())
	q := NewQueue(m, QueueConfig{})
	_, err := q.Embed(context.Background(), []string{"a", "b c"}, Options{})
	var in *InputError
	require.ErrorAs(t, err, &in)
	assert.Equal(t, 0, in.Index)
	require.NoError(t, q.Close(context.Background()))
}

// Calls that are canceled at any moment return, and spoil no other's result.
func TestQueueCancelAnytime(t *testing.T) {
	m := loadGolden(t, "bert", Config{Workers: 2, BatchTokens: 20})
	texts := readCases(t, "bert").Texts[1:]
	want := embedTexts(t, m, texts, Options{})
	q := NewQueue(m, QueueConfig{})
	var calls sync.WaitGroup
	var failed atomic.Int32
	for k := range 8 {
		calls.Go(func() {
			for i := range 60 {
				ctx := context.Context(&alarm{Context: context.Background(), done: make(chan struct{}), left: (k*31 + i*17) % 300})
				r, err := q.Embed(ctx, texts, Options{})
				if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
					failed.Add(1)
				} else {
					assert.Equal(t, want.Embeddings, r.Embeddings)
				}
			}
		})
	}
	calls.Wait()
	t.Logf("%d of 480 calls were canceled", failed.Load())
	assert.Positive(t, failed.Load())
	require.NoError(t, q.Close(context.Background()))
	assert.Zero(t, q.Stats().WaitingTexts)
	noGoroutines(t)
}

// An alarm is a context that is canceled after being asked some number of times.
type alarm struct {
	context.Context
	mu   sync.Mutex
	left int
	done chan struct{}
}

func (a *alarm) Done() <-chan struct{} { return a.done }

func (a *alarm) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left--; a.left == 0 {
		close(a.done)
	}
	if a.left <= 0 {
		return context.Canceled
	}
	return nil
}

func TestQueueFull(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	q, g := held(t, m, QueueConfig{MaxTexts: 3, MaxTokens: 20})
	ctx := context.Background()
	_, err := q.Embed(ctx, slices.Repeat([]string{"a"}, 4), Options{})
	require.ErrorIs(t, err, ErrQueueFull)
	long := background(ctx, q, []string{strings.Repeat("river ", 40)}, Options{}) // 32 tokens, and nothing waits
	require.Equal(t, 32, q.Stats().WaitingTokens)
	require.True(t, q.Full())
	_, err = q.Embed(ctx, []string{"a"}, Options{})
	require.ErrorIs(t, err, ErrQueueFull)
	assert.EqualError(t, err, "the queue is full: 32 tokens wait, with this call's more than 20")
	require.Equal(t, 32, q.Stats().WaitingTokens)
	_, err = q.Embed(ctx, []string{"a", "b", "c"}, Options{})
	assert.EqualError(t, err, "the queue is full: 1 inputs wait, with the call's 3 more than 3")
	g.open()
	require.NoError(t, (<-long).err)
	_, err = q.Embed(ctx, []string{"a", "b", "c"}, Options{})
	require.NoError(t, err)
	require.NoError(t, q.Close(ctx))
}

// The model's Close does not wait for what waits in a queue.
func TestQueueOfAClosedModel(t *testing.T) {
	m, err := LoadFS(t.Context(), readModel(t, "bert"), Config{})
	require.NoError(t, err)
	q, g := held(t, m, QueueConfig{})
	waiting := background(context.Background(), q, []string{"a"}, Options{})
	require.NoError(t, m.Close())
	g.open()
	require.Equal(t, ErrClosed, (<-waiting).err)
	_, err = q.Embed(context.Background(), []string{"a"}, Options{})
	require.Equal(t, ErrClosed, err)
	require.NoError(t, q.Close(context.Background()))
}

// An event says what a batch was.
func TestQueueEvents(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	q, g := held(t, m, QueueConfig{})
	a := background(context.Background(), q, []string{"a"}, Options{})
	b := background(context.Background(), q, []string{"b", "river"}, Options{Dimensions: 3})
	stats := q.Stats()
	g.next <- struct{}{}
	e := <-g.event
	assert.Equal(t, 3, e.Texts)
	assert.Equal(t, stats.WaitingTokens, e.Tokens)
	assert.Positive(t, e.Compute)
	assert.Equal(t, QueueStats{MaxTexts: DefaultQueueTexts, MaxTokens: DefaultQueueTokens, Batches: 2, Texts: 4, Tokens: stats.Tokens + int64(e.Tokens)}, q.Stats())
	g.open()
	for _, c := range []chan reply{a, b} {
		r := <-c
		require.NoError(t, r.err)
		assert.Positive(t, r.result.Wait)
	}
	require.NoError(t, q.Close(context.Background()))
	assert.Zero(t, embedTexts(t, m, []string{"a"}, Options{}).Wait, "there is no queue")
}
