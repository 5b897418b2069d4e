package embed

import (
	"context"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
)

// The same text gives the same bits: alone or in any batch, with any number of
// workers and any size of batches, on every SIMD set.
func TestSameBits(t *testing.T) {
	if !kernel.Best().Rounds() {
		longOnly(t) // the sets that a CPU with more features runs, too
	}
	for _, name := range families {
		c := readCases(t, name)
		texts, opts := c.Texts[1:], Options{PromptName: "query"}
		if c.tooLong("query") {
			opts = Options{}
		}
		for _, p := range Precisions() {
			// Of each by itself, so that its models go when it ends.
			t.Run(name+" in "+p.String(), func(t *testing.T) {
				t.Parallel()
				if p == Float32 {
					sameBits(t, name, p, texts, opts, []int{1, 2, 3}, []int{1, 50, 0}, []int{1, 2, 7, 64})
					return
				}
				// Which load more slowly, and compute in the same way.
				sameBits(t, name, p, texts, opts, []int{3}, []int{50}, []int{1, 7})
			})
		}
	}
}

func sameBits(t *testing.T, name string, p Precision, texts []string, opts Options, workers, budgets, sizes []int) {
	wants := map[bool][]Embedding{} // of AMX, which sums bfloat16s in an order of its own, and of the others
	for _, set := range slices.Backward(kernel.Sets()) {
		if set.Rounds() && set != kernel.Best() {
			continue // agrees within a bound: TestGenericAgrees
		}
		own := p != Float32 && set.Name() == "amx"
		if _, ok := wants[own]; !ok {
			wants[own] = embedTexts(t, loadGolden(t, name, Config{Precision: p, Kernels: set.Name()}), texts, opts).Embeddings
		}
		want := wants[own]
		for _, workers := range workers {
			for _, budget := range budgets {
				m := loadGolden(t, name, Config{Precision: p, Kernels: set.Name(), Workers: workers, BatchTokens: budget})
				for _, size := range sizes {
					var got []Embedding
					for part := range slices.Chunk(texts, size) {
						got = append(got, embedTexts(t, m, part, opts).Embeddings...)
					}
					require.Equalf(t, want, got, "%s in %v on %s: %d workers, %d texts at once, batches of %d tokens", name, p, set.Name(), workers, size, budget)
				}
			}
		}
	}
}

// Texts with a long prompt, which causal models run once for all, have the bits that each
// has alone.
func TestSameBitsWithALongPrompt(t *testing.T) {
	texts, opts := []string{"a", "a short text", "other words", "one", "two", "three 3"}, Options{Prompt: strings.Repeat("to ", 11)}
	for _, name := range []string{"qwen3", "qwen2", "llama", "mistral", "bert"} {
		for _, p := range Precisions() {
			m := loadGolden(t, name, Config{Precision: p, Workers: 2})
			all := embedTexts(t, m, texts, opts).Embeddings
			for i, text := range texts {
				require.Equal(t, embedTexts(t, m, []string{text}, opts).Embeddings[0], all[i], "%s in %v: %s", name, p, text)
			}
		}
	}
}

// The generic set agrees within 1e-6, on vectors of unit length.
func TestGenericAgrees(t *testing.T) {
	for _, name := range families {
		texts := readCases(t, name).Texts[1:]
		want := embedTexts(t, loadGolden(t, name, Config{}), texts, Options{})
		got := embedTexts(t, loadGolden(t, name, Config{Kernels: "generic"}), texts, Options{})
		rows := make([][]float32, len(texts))
		for i, e := range want.Embeddings {
			rows[i] = e.Float32
		}
		requireClose(t, rows, got, 3e-6) // components of 0.2 each, where the promise is for some 0.05
	}
}

// A canceled call ends with its context's error.
func TestCancel(t *testing.T) {
	m := loadGolden(t, "bert", Config{Workers: 2, BatchTokens: 20})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := m.Embed(ctx, []string{"a"}, Options{})
	assert.Equal(t, context.Canceled, err)
	_, err = m.EmbedIDs(ctx, [][]int32{{2, 3}}, Options{})
	assert.Equal(t, context.Canceled, err)
	// It comes before the errors of inputs.
	_, err = m.Embed(ctx, []string{""}, Options{})
	assert.Equal(t, context.Canceled, err)

	// Each count of questions is another place to stop at.
	texts := readCases(t, "bert").Texts[1:]
	for after := range 2000 {
		stop := &countdown{Context: context.Background(), left: after}
		_, err := m.Embed(stop, texts, Options{})
		if err == nil {
			require.Greater(t, after, len(texts), "looked at between texts, batches and layers")
			return
		}
		require.Equal(t, context.DeadlineExceeded, err)
	}
	require.Fail(t, "never finished")
}

// A countdown is a context that ends after being asked some number of times.
type countdown struct {
	context.Context
	mu   sync.Mutex
	left int
}

func (c *countdown) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return context.DeadlineExceeded
	}
	c.left--
	return nil
}

// Calls at the same time do not disturb one another, and Close waits for them.
func TestConcurrentCalls(t *testing.T) {
	m, err := LoadFS(t.Context(), readModel(t, "bert-cls-dense"), Config{Workers: 2, BatchTokens: 30})
	require.NoError(t, err)
	texts := readCases(t, "bert-cls-dense").Texts[1:]
	want := embedTexts(t, m, texts, Options{}).Embeddings
	var calls sync.WaitGroup
	for k := range 8 {
		calls.Go(func() {
			for i := range 20 {
				from := (k*7 + i*3) % len(texts)
				to := min(len(texts), from+1+i%9)
				r, err := m.Embed(context.Background(), texts[from:to], Options{})
				if assert.NoError(t, err) {
					assert.Equal(t, want[from:to], r.Embeddings)
				}
				_, err = m.Embed(context.Background(), []string{"a", ""}, Options{})
				assert.Error(t, err)
			}
		})
	}
	calls.Wait()

	var late sync.WaitGroup
	for range 4 {
		late.Go(func() {
			r, err := m.Embed(context.Background(), texts, Options{})
			if err == nil {
				assert.Equal(t, want, r.Embeddings)
			} else {
				assert.Equal(t, ErrClosed, err)
			}
		})
	}
	assert.NoError(t, m.Close())
	late.Wait()
	assert.NoError(t, m.Close())
	_, err = m.Embed(context.Background(), texts, Options{})
	assert.Equal(t, ErrClosed, err)
}

// A call allocates the result (3), its request with the inputs, and its team of
// workers, however many inputs there are. A pool that the collector emptied in
// between adds a few.
func TestAllocations(t *testing.T) {
	skipUnderRace(t)
	const bound = 12
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	texts := readCases(t, "bert").Texts[1:]
	many := slices.Repeat(texts, 5)
	for _, workers := range []int{1, 2} {
		m := loadGolden(t, "bert", Config{Workers: workers})
		for _, inputs := range [][]string{texts[:1], texts, many} {
			run := func() {
				_, err := m.Embed(context.Background(), inputs, Options{})
				require.NoError(t, err)
			}
			for range 5 {
				run() // fills the pools
			}
			got := testing.AllocsPerRun(20, run)
			t.Logf("%d workers, %d texts: %v allocations", workers, len(inputs), got)
			assert.LessOrEqual(t, got, float64(bound))
		}
	}
}

// Memory beyond the result and the ids does not grow with the number of texts.
func TestMemoryIsBounded(t *testing.T) {
	skipUnderRace(t)
	m := loadGolden(t, "bert", Config{Workers: 2})
	bytesFor := func(n int) uint64 {
		texts := slices.Repeat([]string{strings.Repeat("river ", 20)}, n)
		embedTexts(t, m, texts[:n/10], Options{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		embedTexts(t, m, texts, Options{})
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	const (
		n        = 20000
		itemSize = 112 // of internal/pipeline
		equal    = 24  // the next input that is equal, and places in the table that finds it
	)
	// The result: 24 components and an Embedding. The ids: up to 32 of 4 bytes,
	// in arenas that double; and the item.
	each := 24*4 + int(reflect.TypeFor[Embedding]().Size()) + 3*32*4 + itemSize + equal
	assert.Less(t, bytesFor(n), uint64(n*each+8<<20))
}

func BenchmarkEmbed(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"texts=1", 1}, {"texts=39", 39}} {
		b.Run(c.name, func(b *testing.B) {
			m := loadGolden(b, "bert-noprompt", Config{})
			texts := readCases(b, "bert-noprompt").Texts[1 : 1+c.n]
			tokens := 0
			b.ReportAllocs()
			for b.Loop() {
				r, err := m.Embed(context.Background(), texts, Options{})
				if err != nil {
					b.Fatal(err)
				}
				tokens = 0
				for _, e := range r.Embeddings {
					tokens += e.Tokens
				}
			}
			b.ReportMetric(float64(tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
