package embed

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/cache"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// cachedModels are folders of models with prompts, routes, adapters, tables and tails.
func cachedModels(t testing.TB) map[string]fstest.MapFS {
	all := map[string]fstest.MapFS{}
	for _, name := range []string{"bert", "bert-noprompt", "bert-f16-prefix", "jina-v3", "qwen3"} {
		all[name] = readModel(t, name)
	}
	for _, name := range []string{"router", "router-text", "static", "model2vec", "truncate-dim", "dense-projection"} {
		all[name] = moduleFiles(t, name)
	}
	return all
}

// someOptions returns options that a request to m may have.
func someOptions(random *rand.Rand, i Info) (o Options) {
	one := func(n int) bool { return random.IntN(n) == 0 }
	if one(2) {
		o.Dimensions = 1 + random.IntN(i.Dimensions)
	}
	if one(3) && i.Layers > 0 {
		o.Layers = 1 + random.IntN(i.Layers)
	}
	o.Unnormalized = one(3)
	for _, f := range []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Uint8, encoding.Binary, encoding.Ubinary} {
		if one(4) {
			o.Formats = append(o.Formats, f)
		}
	}
	o.Truncate = Truncation(random.IntN(4))
	if one(2) {
		o.MaxTokens = 4 + random.IntN(20)
	}
	names := append([]string{"", "query", "document"}, i.Routes...)
	for name := range i.Prompts {
		names = append(names, name)
	}
	slices.Sort(names)
	if o.PromptName = names[random.IntN(len(names))]; one(4) {
		o.Prompt, o.PromptName = "query: ", ""
	}
	return o
}

// Whatever the options, what comes with rows of the cache is what comes without: each bit,
// the counts of tokens, and the errors.
func TestCachedBits(t *testing.T) {
	texts := []string{
		"a", "The food was delicious.", "the food was delicious.", "The food was delicious.", "¿Qué? 東京", "Hello  World",
		strings.Repeat("one two three, four. ", 20), strings.Repeat("one two three, four. ", 21), "query: a", " ",
	}
	rows := cache.NewMemory(1 << 30) // of all models
	for name, files := range cachedModels(t) {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 7))
			plain := loadFiles(t, files, Config{Workers: 2})
			cached := loadFiles(t, files, Config{Workers: 2, BatchTokens: 50, Cache: rows})
			q := NewQueue(cached, QueueConfig{})
			ids := make([][]int32, len(texts))
			for i, text := range texts {
				e, err := plain.Tokenizer().Encode(text, tokenizer.Options{})
				require.NoError(t, err)
				ids[i] = append(e.IDs, 1)
			}
			hits, failed := 0, 0
			for range 60 {
				opts := someOptions(random, plain.Info())
				picked := random.Perm(len(texts))[:1+random.IntN(len(texts))]
				var some []string
				var lists [][]int32
				for _, i := range picked {
					some, lists = append(some, texts[i]), append(lists, ids[i])
				}
				call := func(e Embedder) (*Result, error) { return e.Embed(t.Context(), some, opts) }
				if random.IntN(3) == 0 {
					opts.Prompt, opts.PromptName = "", ""
					call = func(e Embedder) (*Result, error) { return e.EmbedIDs(t.Context(), lists, opts) }
				}
				want, wantErr := call(plain)
				for k, e := range []Embedder{cached, q, cached} {
					got, err := call(e)
					if wantErr != nil {
						failed++
						require.EqualError(t, err, wantErr.Error())
						continue
					}
					require.NoError(t, err)
					if hits += got.Cached; k > 0 {
						require.Equal(t, len(picked), got.Cached, "%+v", opts)
					}
					require.Equal(t, want.Embeddings, got.Embeddings, "%+v", opts)
					require.Equal(t, want.Dimensions, got.Dimensions)
				}
			}
			assert.Positive(t, hits)
			assert.Positive(t, failed)
			opts := Options{Dimensions: 3, Formats: []encoding.Format{encoding.Float}, PromptName: "document"}
			want := embedTexts(t, plain, texts, opts)
			i := 0
			for e, err := range cached.EmbedSeq(t.Context(), slices.Values(texts), opts) {
				require.NoError(t, err)
				require.Equal(t, want.Embeddings[i], e)
				i++
			}
			require.NoError(t, q.Close(t.Context()))
		})
	}
}

// One cache serves models, precisions and kernel sets that make different rows.
func TestCacheOfSeveralModels(t *testing.T) {
	longOnly(t)
	rows := cache.NewMemory(1 << 30)
	texts := []string{"a", "The food was delicious."}
	for range 2 {
		for _, name := range []string{"bert", "bert-noprompt", "roberta"} {
			for _, set := range kernel.Sets() {
				for _, p := range []Precision{Float32, BFloat16, Int8} {
					cfg := Config{Workers: 1, Kernels: set.Name(), Precision: p}
					want := embedTexts(t, loadGolden(t, name, cfg), texts, Options{})
					cfg.Cache = rows
					require.Equal(t, want.Embeddings, embedTexts(t, loadGolden(t, name, cfg), texts, Options{}).Embeddings, "%s, %+v", name, cfg)
				}
			}
		}
	}
	s := rows.Stats()
	assert.GreaterOrEqual(t, s.Hits, s.Misses, "the second time all are there")
}

// Routes and adapters make other rows of the same ids.
func TestCacheOfRoutesAndTasks(t *testing.T) {
	ids := [][]int32{{5, 6, 7}}
	for _, name := range []string{"router", "router-dense", "router-shared", "asym"} {
		plain := loadFiles(t, moduleFiles(t, name), Config{})
		cached := loadFiles(t, moduleFiles(t, name), Config{Cache: cache.NewMemory(1 << 20)})
		require.NotEmpty(t, plain.Info().Routes)
		for _, route := range slices.Repeat(plain.Info().Routes, 2) {
			opts := Options{PromptName: route}
			require.Equal(t, embedIDs(t, plain, ids, opts).Embeddings, embedIDs(t, cached, ids, opts).Embeddings, "%s, %s", name, route)
		}
	}
	_, files, _ := readJina(t)
	plain, cached := loadFiles(t, files, Config{}), loadFiles(t, files, Config{Cache: cache.NewMemory(1 << 20)})
	for range 2 {
		for _, name := range plain.Info().Tasks {
			for _, opts := range []Options{{PromptName: name}, {Prompt: plain.Info().Prompts[name]}} { // the same ids, with an adapter or none
				require.Equal(t, embedTexts(t, plain, []string{"a"}, opts).Embeddings, embedTexts(t, cached, []string{"a"}, opts).Embeddings, "%+v", opts)
			}
		}
	}
}

// Of spans and tokens nothing is kept.
func TestWhatIsNotCached(t *testing.T) {
	rows := cache.NewMemory(1 << 30)
	m := loadGolden(t, "bert", Config{Cache: rows})
	_, err := m.EmbedTokens(t.Context(), []string{"a"}, Options{})
	require.NoError(t, err)
	embedTexts(t, m, []string{"a"}, Options{Spans: [][]tokenizer.Span{{{Start: 0, End: 1}}}})
	require.Zero(t, rows.Stats())
}

// Calls at the same time, of a model and a queue, with a cache that forgets.
func TestCacheAtTheSameTime(t *testing.T) {
	rows := cache.NewMemory(4000)
	m := loadGolden(t, "bert", Config{Workers: 2, Cache: rows})
	q := NewQueue(m, QueueConfig{})
	texts := strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z")
	want := embedTexts(t, loadGolden(t, "bert", Config{}), texts, Options{})
	var wg sync.WaitGroup
	for k := range 6 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(k), 1))
			for range 30 {
				var some []string
				picked := random.Perm(len(texts))[:8]
				for _, i := range picked {
					some = append(some, texts[i])
				}
				got, err := []Embedder{m, q}[k%2].Embed(context.Background(), some, Options{})
				if !assert.NoError(t, err) {
					return
				}
				for j, i := range picked {
					assert.Equal(t, want.Embeddings[i], got.Embeddings[j])
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, q.Close(t.Context()))
}
