package rerank

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
)

func loadGolden(t testing.TB, name string, cfg embed.Config) (*Model, *golden) {
	g := readGolden(t, name)
	return load(t, g.dir, cfg), g
}

// A score has the same bits alone, in any batch, by any number of workers and in a queue.
func TestScoresHaveTheSameBits(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"rerank-bert", "rerank-dense-scores", "rerank-qwen3", "rerank-eurobert", "logit-qwen3", "logit-qwen2-true-only"} {
		var want [][]Score
		for _, cfg := range []embed.Config{{Workers: 1}, {Workers: 3}, {Workers: 2, BatchTokens: 1}} {
			m, g := loadGolden(t, name, cfg)
			q := NewQueue(m, embed.QueueConfig{})
			var callers sync.WaitGroup
			for i, query := range g.cases.Queries {
				all, err := m.Score(ctx, query, g.cases.Documents, Options{})
				require.NoError(t, err)
				if len(want) <= i {
					want = append(want, nil)
					for _, d := range g.cases.Documents {
						one, err := m.Score(ctx, query, []string{d}, Options{})
						require.NoError(t, err)
						want[i] = append(want[i], one...)
					}
				}
				wanted := want[i]
				require.Equal(t, wanted, all, "%s: query %d, %+v", name, i, cfg)
				callers.Go(func() {
					queued, err := q.Score(ctx, query, g.cases.Documents, Options{})
					assert.NoError(t, err)
					assert.Equal(t, wanted, queued, "%s: query %d, %+v, queue", name, i, cfg)
				})
			}
			callers.Wait()
			texts := q.Stats().Texts // pairs of one call that are cut to the same tokens are one
			assert.True(t, texts > 0 && texts <= int64(len(want)*len(g.cases.Documents)), "%d", texts)
			assert.False(t, q.Full())
			require.NoError(t, q.Close(ctx))
			_, err := q.Score(ctx, "a", []string{"b"}, Options{})
			assert.ErrorIs(t, err, embed.ErrClosed)
		}
	}
}

// Rank orders scores, Pairs are Score of each, and a queue's methods are the model's.
func TestRankAndPairs(t *testing.T) {
	ctx := context.Background()
	m, g := loadGolden(t, "rerank-bert", embed.Config{})
	q := NewQueue(m, embed.QueueConfig{})
	query, documents := g.cases.Queries[0], append(g.cases.Documents, g.cases.Documents...)
	scores, err := m.Score(ctx, query, documents, Options{})
	require.NoError(t, err)
	all, err := m.Rank(ctx, query, documents, 0, Options{})
	require.NoError(t, err)
	require.Len(t, all, len(documents))
	for i, r := range all {
		assert.Equal(t, scores[r.Index], r.Score)
		if i > 0 {
			before := all[i-1]
			assert.True(t, before.Value > r.Value || before.Value == r.Value && before.Index < r.Index, "%d", i)
		}
	}
	for _, top := range []int{1, 5, len(documents) + 1} {
		for _, rank := range []func(context.Context, string, []string, int, Options) ([]Ranked, error){m.Rank, q.Rank} {
			some, err := rank(ctx, query, documents, top, Options{})
			require.NoError(t, err)
			assert.Equal(t, all[:min(top, len(all))], some)
		}
	}
	var pairs [][2]string
	for _, d := range documents {
		pairs = append(pairs, [2]string{query, d})
	}
	for _, score := range []func(context.Context, [][2]string, Options) ([]Score, error){m.Pairs, q.Pairs} {
		got, err := score(ctx, pairs, Options{})
		require.NoError(t, err)
		assert.Equal(t, scores, got)
	}
	none, err := m.Rank(ctx, query, nil, 3, Options{})
	assert.NoError(t, err)
	assert.Empty(t, none)
	// A reranker classifies too: its one label is true by so much.
	labels, err := m.ClassifyPairs(ctx, pairs[2:3], Options{})
	require.NoError(t, err)
	assert.Equal(t, []Label{{"LABEL_0", scores[2].Value}}, labels[0].Labels)

	c, gc := loadGolden(t, "classify-bert-nli", embed.Config{})
	cq := NewQueue(c, embed.QueueConfig{})
	want, err := c.Classify(ctx, gc.cases.Texts, Options{})
	require.NoError(t, err)
	got, err := cq.Classify(ctx, gc.cases.Texts, Options{})
	require.NoError(t, err)
	assert.Equal(t, want, got)
	want, err = c.ClassifyPairs(ctx, gc.cases.Pairs, Options{})
	require.NoError(t, err)
	got, err = cq.ClassifyPairs(ctx, gc.cases.Pairs, Options{})
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// What is cut is counted, and a limit of the caller's holds.
func TestTruncation(t *testing.T) {
	ctx := context.Background()
	long := strings.Repeat("a long document ", 50)
	for _, name := range []string{"rerank-bert", "rerank-roberta", "logit-qwen3"} {
		m, _ := loadGolden(t, name, embed.Config{})
		limit := m.Info().MaxTokens
		whole, err := m.Score(ctx, "a query", []string{"short", long}, Options{})
		require.NoError(t, err)
		assert.Zero(t, whole[0].Truncated)
		assert.Equal(t, limit, whole[1].Tokens)
		assert.Positive(t, whole[1].Truncated)
		low, err := m.Score(ctx, "a query", []string{long}, Options{MaxTokens: limit - 3})
		require.NoError(t, err)
		assert.Equal(t, whole[1].Tokens-3, low[0].Tokens)
		assert.Equal(t, whole[1].Truncated+3, low[0].Truncated)
		same, err := m.Score(ctx, "a query", []string{long}, Options{MaxTokens: math.MaxInt})
		require.NoError(t, err)
		assert.Equal(t, whole[1:], same)
		_, err = m.Score(ctx, "a query", []string{"short", long}, Options{Truncate: embed.TruncateNone})
		var fault *embed.InputError
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, 1, fault.Index)
		at, err := m.Score(ctx, "a query", []string{long + "end"}, Options{Truncate: embed.TruncateStart})
		if m.template != nil {
			assert.ErrorContains(t, err, "truncate: ")
			continue
		}
		require.NoError(t, err)
		assert.NotEqual(t, whole[1].Value, at[0].Value)
	}
}

// What callers may get wrong is a typed error.
func TestErrors(t *testing.T) {
	ctx := context.Background()
	m, _ := loadGolden(t, "logit-qwen3", embed.Config{})
	plain, _ := loadGolden(t, "rerank-bert", embed.Config{})
	classifier, _ := loadGolden(t, "classify-bert-nli", embed.Config{})
	one := []string{"a document"}
	for _, c := range []struct {
		name   string
		model  *Model
		query  string
		o      Options
		option embed.Option
		want   string
	}{
		{"empty query", plain, "", Options{}, "query", "empty"},
		{"prompt and name", m, "q", Options{Prompt: "p", PromptName: "query"}, "prompt", "one of the two"},
		{"unknown name", m, "q", Options{PromptName: "x"}, "prompt name", "expected one of: document, fact, query"},
		{"no names", plain, "q", Options{PromptName: "x"}, "prompt name", "expected one of: document, query"},
		{"truncate", plain, "q", Options{Truncate: 9}, "truncate", "9, expected"},
		{"negative limit", plain, "q", Options{MaxTokens: -1}, "max tokens", "expected at least 3"},
		{"limit below the special tokens", plain, "q", Options{MaxTokens: 2}, "max tokens", "expected at least 3"},
		{"limit below the template's tail", m, "q", Options{MaxTokens: 1}, "max tokens", "expected at least"},
	} {
		_, err := c.model.Score(ctx, c.query, one, c.o)
		var option *embed.OptionError
		if assert.ErrorAs(t, err, &option, c.name) {
			assert.Equal(t, c.option, option.Option, c.name)
			assert.ErrorContains(t, err, c.want, c.name)
		}
	}
	// "query" is no prompt where the model has none for it, as in package embed.
	bare, err := plain.Score(ctx, "q", one, Options{})
	require.NoError(t, err)
	named, err := plain.Score(ctx, "q", one, Options{PromptName: "query"})
	require.NoError(t, err)
	assert.Equal(t, bare, named)
	var input *embed.InputError
	_, err = plain.Pairs(ctx, [][2]string{{"a", "b"}, {"", "b"}}, Options{})
	require.ErrorAs(t, err, &input)
	assert.Equal(t, 1, input.Index)
	_, err = classifier.Classify(ctx, []string{""}, Options{})
	require.ErrorAs(t, err, &input)
	var kind *embed.KindError
	_, err = classifier.Score(ctx, "q", one, Options{})
	require.ErrorAs(t, err, &kind)
	assert.Equal(t, "classifier", kind.Kind)
	_, err = m.Classify(ctx, one, Options{})
	require.ErrorAs(t, err, &kind)

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = plain.Score(canceled, "q", one, Options{})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = NewQueue(plain, embed.QueueConfig{MaxTexts: 1}).Score(ctx, "q", []string{"a", "b"}, Options{})
	assert.ErrorIs(t, err, embed.ErrQueueFull)
	closed, err := Load(ctx, filepath.Join(goldens, "rerank-bert", "model"), embed.Config{})
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	require.NoError(t, closed.Close())
	_, err = closed.Score(ctx, "q", one, Options{})
	assert.ErrorIs(t, err, embed.ErrClosed)
	_, err = closed.Fingerprint(ctx)
	assert.ErrorIs(t, err, embed.ErrClosed)
}

// Inspect and Fingerprint say what the loaded model does; what makes other scores has
// another fingerprint.
func TestInspectAndFingerprint(t *testing.T) {
	ctx := context.Background()
	seen := map[string]string{}
	for _, name := range goldenNames(t, "rerank-", "classify-", "logit-") {
		m, g := loadGolden(t, name, embed.Config{})
		info, err := Inspect(ctx, g.dir, embed.Config{})
		require.NoError(t, err)
		assert.Equal(t, m.Info(), info)
		print, err := m.Fingerprint(ctx)
		require.NoError(t, err)
		other, err := Fingerprint(ctx, g.dir, embed.Config{})
		require.NoError(t, err)
		assert.Equal(t, print, other)
		assert.Empty(t, seen[print], name)
		seen[print] = name
		info.Labels[0] = "changed"
		assert.NotEqual(t, "changed", m.Info().Labels[0])
	}
}

// Softmax and sigmoid are those of float64, whatever the logits are.
func TestProbabilities(t *testing.T) {
	x := []float32{-1000, 1000, 0, -20, 88}
	sigmoid(x)
	assert.Equal(t, []float32{0, 1, 0.5, float32(1 / (1 + math.Exp(20))), 1}, x)
	y := []float32{3.4e38, -3.4e38, 3.4e38}
	softmax(y)
	assert.Equal(t, []float32{0.5, 0, 0.5}, y)
	scores := []Score{{Value: 1}, {Value: 2}, {Value: 1}, {Value: 2}}
	var order []int
	for _, r := range Order(scores, 3) {
		order = append(order, r.Index)
	}
	assert.True(t, slices.Equal([]int{1, 3, 0}, order))
}
