package quality

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/search"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// As in testdata/generate/retrieval.py.
const (
	chunkTokens = 48
	longTokens  = 512 // that a model reads for late chunking, whatever its folder says
	reranked    = 10  // documents of a query
	every       = 18  // of so many queries the first one is reranked
)

// tolerance is how far nDCG@10 may be from the reference's in float32. Where two documents
// of all but equal scores swap places, it moves by at most 0.37 of one query in 359.
const tolerance = 0.001

// nDCG is of one query nDCG@10 where the document wanted is the only relevant one. Of
// equal scores the lower document comes first.
func nDCG(scores []float32, wanted int) float64 {
	place := 1
	for i, s := range scores {
		if s > scores[wanted] || s == scores[wanted] && i < wanted {
			place++
		}
	}
	if place > 10 {
		return 0
	}
	return 1 / math.Log2(1+float64(place))
}

func TestNDCG(t *testing.T) {
	scores := []float32{3, 5, 3, 1, 0, 0, 0, 0, 0, 0, 0}
	for wanted, want := range []float64{1 / math.Log2(3), 1, 1 / math.Log2(4), 1 / math.Log2(5)} {
		assert.InDelta(t, want, nDCG(scores, wanted), 1e-15)
	}
	assert.InDelta(t, 1/math.Log2(11), nDCG(scores, 9), 1e-15)
	assert.Zero(t, nDCG(scores, 10))
}

// mean is that of nDCG over each n-th query.
func (s *set) mean(scores [][]float32, n int) float64 {
	sum, count := 0.0, 0
	for i := 0; i < len(s.queries); i += n {
		sum += nDCG(scores[i], s.wanted[i])
		count++
	}
	return sum / float64(count)
}

// TestQuality prints nDCG@10 of models in the folder RHUMB_QUALITY, and compares it with
// the reference's. What models there are it takes.
func TestQuality(t *testing.T) {
	root := os.Getenv("RHUMB_QUALITY")
	if root == "" {
		t.Skip("RHUMB_QUALITY is no folder of real models; testdata/retrieval/README.md says which")
	}
	text, err := os.ReadFile(filepath.Join(data, "reference.json"))
	require.NoError(t, err)
	var reference map[string]map[string]any
	require.NoError(t, json.Unmarshal(text, &reference))
	s := load(t)
	check := func(method, name string, precision embed.Precision, n int, scores func(*testing.T, string) [][]float32) {
		t.Run(method+"/"+name+"/"+precision.String(), func(t *testing.T) {
			dir := filepath.Join(root, name)
			if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
				t.Skip(err)
			}
			got := s.mean(scores(t, dir), n)
			want, known := reference[method][name].(float64)
			if !known {
				t.Logf("nDCG@10 %.4f; sentence-transformers was not asked", got)
				return
			}
			t.Logf("nDCG@10 %.4f, sentence-transformers in float32 %.4f", got, want)
			if precision == embed.Float32 {
				assert.InDelta(t, want, got, tolerance)
			}
		})
	}
	var nearest [][]float32 // by all-MiniLM-L6-v2
	var words [][]float32   // by splade-tiny
	for _, precision := range []embed.Precision{embed.Float32, embed.BFloat16, embed.Int8} {
		cfg := embed.Config{Precision: precision}
		check("sparse", "splade-tiny", precision, 1, func(t *testing.T, dir string) [][]float32 {
			scores := s.sparse(t, dir, cfg)
			if precision == embed.Float32 {
				words = scores
			}
			return scores
		})
		for _, name := range []string{"all-MiniLM-L6-v2", "all-mpnet-base-v2", "e5-small-v2", "paraphrase-MiniLM-L3-v2"} {
			check("dense", name, precision, 1, func(t *testing.T, dir string) [][]float32 {
				scores := s.dense(t, dir, cfg)
				if name == "all-MiniLM-L6-v2" && precision == embed.Float32 {
					nearest = scores
				}
				return scores
			})
			if name == "all-MiniLM-L6-v2" || name == "e5-small-v2" {
				check("chunks", name, precision, 1, func(t *testing.T, dir string) [][]float32 { return s.chunked(t, dir, cfg) })
				check("late", name, precision, 1, func(t *testing.T, dir string) [][]float32 { return s.late(t, dir, cfg) })
			}
		}
	}
	if nearest == nil {
		t.Skip("all-MiniLM-L6-v2 is missing: nothing is fused or reranked")
	}
	if words != nil {
		t.Logf("dense and sparse fused, MiniLM and splade-tiny: nDCG@10 %.4f", s.mean(fused(nearest, words), 1))
	}
	t.Logf("of the queries that are reranked, MiniLM: nDCG@10 %.4f", s.mean(nearest, every))
	for _, precision := range []embed.Precision{embed.BFloat16, embed.Float32} {
		check("reranked", "qwen-reranker", precision, every, func(t *testing.T, dir string) [][]float32 {
			return s.rerank(t, dir, embed.Config{Precision: precision}, nearest)
		})
	}
}

func loadDense(t *testing.T, dir string, cfg embed.Config) *embed.Model {
	t.Helper()
	m, err := embed.Load(t.Context(), dir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

// vectors returns the embeddings of texts one after the other.
func vectors(t *testing.T, m *embed.Model, texts []string, opts embed.Options) (all []float32) {
	t.Helper()
	result, err := m.Embed(t.Context(), texts, opts)
	require.NoError(t, err)
	for _, e := range result.Embeddings {
		all = append(all, e.Float32...)
	}
	return all
}

// cosines returns of each query the cosine with each of the vectors of d components.
func (s *set) cosines(t *testing.T, m *embed.Model, rows []float32) (all [][]float32) {
	t.Helper()
	d := m.Info().Dimensions
	asked := vectors(t, m, s.queries, embed.Options{PromptName: "query"})
	for q := range slices.Chunk(asked, d) {
		scores := make([]float32, len(rows)/d)
		require.NoError(t, search.Scores(scores, search.Dot, q, rows))
		all = append(all, scores)
	}
	return all
}

func (s *set) dense(t *testing.T, dir string, cfg embed.Config) [][]float32 {
	m := loadDense(t, dir, cfg)
	return s.cosines(t, m, vectors(t, m, s.documents, embed.Options{PromptName: "document"}))
}

// spans returns the chunks of each document.
func (s *set) spans(t *testing.T, m *embed.Model) (all [][]tokenizer.Span) {
	t.Helper()
	for _, text := range s.documents {
		chunks, err := chunk.Split(m.Tokenizer(), text, chunk.Config{MaxTokens: chunkTokens})
		require.NoError(t, err)
		spans := make([]tokenizer.Span, len(chunks))
		for i, c := range chunks {
			spans[i] = tokenizer.Span{Start: c.Start, End: c.End}
		}
		all = append(all, spans)
	}
	return all
}

// best returns of each document the score of its best chunk.
func best(scores [][]float32, spans [][]tokenizer.Span) (all [][]float32) {
	for _, of := range scores {
		var documents []float32
		for _, chunks := range spans {
			documents = append(documents, slices.Max(of[:len(chunks)]))
			of = of[len(chunks):]
		}
		all = append(all, documents)
	}
	return all
}

func (s *set) chunked(t *testing.T, dir string, cfg embed.Config) [][]float32 {
	m := loadDense(t, dir, cfg)
	spans := s.spans(t, m)
	var parts []string
	for i, text := range s.documents {
		for _, c := range spans[i] {
			parts = append(parts, text[c.Start:c.End])
		}
	}
	return best(s.cosines(t, m, vectors(t, m, parts, embed.Options{PromptName: "document"})), spans)
}

func (s *set) late(t *testing.T, dir string, cfg embed.Config) [][]float32 {
	cfg.MaxTokens = longTokens
	m := loadDense(t, dir, cfg)
	spans := s.spans(t, m)
	return best(s.cosines(t, m, vectors(t, m, s.documents, embed.Options{PromptName: "document", Spans: spans})), spans)
}

func (s *set) sparse(t *testing.T, dir string, cfg embed.Config) (all [][]float32) {
	m, err := sparse.Load(t.Context(), dir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	documents, err := m.Embed(t.Context(), s.documents, sparse.Options{PromptName: "document"})
	require.NoError(t, err)
	asked, err := m.Embed(t.Context(), s.queries, sparse.Options{PromptName: "query"})
	require.NoError(t, err)
	var index sparse.Index
	for _, d := range documents {
		_, err := index.Add(d)
		require.NoError(t, err)
	}
	for _, q := range asked {
		scores := make([]float32, len(documents)) // 0 for what has no weight in common with the query
		found, err := index.Search(q, len(documents))
		require.NoError(t, err)
		for _, m := range found {
			scores[m.Row] = m.Score
		}
		all = append(all, scores)
	}
	return all
}

// first returns the n documents with the highest scores.
func first(scores []float32, n int) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return order[:n]
}

// fused joins two orders of all documents by reciprocal rank fusion, the first 100 of each.
func fused(a, b [][]float32) [][]float32 {
	all := make([][]float32, len(a))
	for i := range a {
		all[i] = make([]float32, len(a[i]))
		for _, scores := range [][]float32{a[i], b[i]} {
			for place, document := range first(scores, 100) {
				all[i][document] += 1 / float32(61+place)
			}
		}
	}
	return all
}

// rerank scores the documents nearest to each query that is reranked; the others come after
// them in their order.
func (s *set) rerank(t *testing.T, dir string, cfg embed.Config, nearest [][]float32) [][]float32 {
	m, err := rerank.Load(t.Context(), dir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	all := make([][]float32, len(nearest))
	for i := 0; i < len(s.queries); i += every {
		order := first(nearest[i], len(s.documents))
		texts := make([]string, reranked)
		for j, document := range order[:reranked] {
			texts[j] = s.documents[document]
		}
		scores, err := m.Score(t.Context(), s.queries[i], texts, rerank.Options{})
		require.NoError(t, err)
		all[i] = make([]float32, len(s.documents))
		for place, document := range order {
			all[i][document] = float32(-1000 - place)
		}
		for j, document := range order[:reranked] {
			all[i][document] = scores[j].Value
		}
	}
	return all
}
