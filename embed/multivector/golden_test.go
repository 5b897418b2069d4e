package multivector

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
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

const goldens = "../../testdata/heads"

const (
	tol      = 5e-5 // of components: two or three layers of float32 sums, and unit length of a projection of 16 to 24
	tolScore = 1e-4 // of the sum of up to 60 greatest products
)

// A golden is a folder, texts, and what the reference answers for them.
type golden struct {
	name, dir string
	cases     struct {
		Queries, Documents []string
		QueryTokens        []tokens `json:"query_tokens"`
		DocumentTokens     []tokens `json:"document_tokens"`
		Dim                int
	}
	queries, documents []tensor.Matrix
	maxSim             tensor.Matrix // queries×documents
}

// tokens are what a text was read as.
type tokens struct {
	IDs    []int32
	Scored []int
}

func readGolden(t testing.TB, name string) *golden {
	g := &golden{name: name, dir: filepath.Join(goldens, name, "model")}
	data, err := os.ReadFile(filepath.Join(goldens, name, "cases.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g.cases))
	f, err := tensor.Open(filepath.Join(goldens, name, "golden.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	g.queries, g.documents = matrices(t, f, "query"), matrices(t, f, "document")
	g.maxSim = matrix(t, f, "maxsim")
	return g
}

func matrix(t testing.TB, f *tensor.File, name string) tensor.Matrix {
	x, ok := f.Tensor(name)
	require.True(t, ok, name)
	m := tensor.NewMatrix(x.Shape[0], x.Shape[1])
	require.NoError(t, x.Float32s(m.Data))
	return m
}

// matrices returns those that lie one behind the other.
func matrices(t testing.TB, f *tensor.File, name string) (list []tensor.Matrix) {
	all := matrix(t, f, name)
	x, ok := f.Tensor(name + "_starts")
	require.True(t, ok)
	require.Equal(t, tensor.I32, x.DType)
	at := func(i int) int { return int(x.Data[4*i]) | int(x.Data[4*i+1])<<8 }
	for i := range x.Len() - 1 {
		list = append(list, all.Slice(at(i), at(i+1)))
	}
	return list
}

// goldenNames returns those of multi-vector models.
func goldenNames(t testing.TB) (names []string) {
	found, err := filepath.Glob(filepath.Join(goldens, "mv-*"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, f := range found {
		names = append(names, filepath.Base(f))
	}
	return names
}

func load(t testing.TB, dir string, cfg embed.Config) *Model {
	m, err := Load(t.Context(), dir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// Vectors are those of MultiVectorEncoder's encode_query and encode_document, and MaxSim
// that of its similarity, on every kernel set.
func TestVectorsAreTheReferences(t *testing.T) {
	for _, set := range kernel.Sets() {
		worst, worstScore := 0.0, 0.0
		for _, name := range goldenNames(t) {
			t.Run(set.Name()+"/"+name, func(t *testing.T) {
				g := readGolden(t, name)
				m := load(t, g.dir, embed.Config{Kernels: set.Name()})
				require.Equal(t, g.cases.Dim, m.Info().Dimensions)
				queries, err := m.EmbedQueries(t.Context(), g.cases.Queries, Options{})
				require.NoError(t, err)
				documents, err := m.EmbedDocuments(t.Context(), g.cases.Documents, Options{})
				require.NoError(t, err)
				pools := m.sides[document].grouping != nil
				for i, want := range g.queries {
					require.Equal(t, len(g.cases.QueryTokens[i].IDs), queries[i].Tokens, "query %d", i)
					worst = max(worst, requireNear(t, want, queries[i].Vectors, false))
				}
				for i, want := range g.documents {
					require.Equal(t, len(g.cases.DocumentTokens[i].IDs), documents[i].Tokens, "document %d", i)
					worst = max(worst, requireNear(t, want, documents[i].Vectors, pools))
				}
				for i := range queries {
					scorer, err := newScorer(m.loaded.Set, queries[i].Vectors)
					require.NoError(t, err)
					for j := range documents {
						score, err := scorer.Score(documents[j].Vectors)
						require.NoError(t, err)
						d := math.Abs(float64(score) - float64(g.maxSim.Row(i)[j]))
						worstScore = max(worstScore, d)
						assert.LessOrEqual(t, d, tolScore, "query %d, document %d", i, j)
					}
				}
			})
		}
		t.Logf("%s: worst difference %.1e, of MaxSim %.1e", set.Name(), worst, worstScore)
	}
}

// requireNear requires that the rows of got are those of want, or where they are a set in
// any order, and returns the greatest difference.
func requireNear(t testing.TB, want, got tensor.Matrix, set bool) (worst float64) {
	t.Helper()
	require.Equal(t, []int{want.Rows, want.Cols}, []int{got.Rows, got.Cols})
	left := make([]int, got.Rows)
	for i := range left {
		left[i] = i
	}
	for i := range want.Rows {
		best, at := math.Inf(1), 0
		for k, j := range left {
			if !set && k > 0 {
				break
			}
			if d := difference(want.Row(i), got.Row(j)); d < best {
				best, at = d, k
			}
		}
		left = slices.Delete(left, at, at+1)
		require.LessOrEqual(t, best, tol, "row %d", i)
		worst = max(worst, best)
	}
	return worst
}

func difference(a, b []float32) (worst float64) {
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	return worst
}

// A text has the same bits alone and with others, on any number of workers and in every
// SIMD set.
func TestSameBits(t *testing.T) {
	for _, name := range goldenNames(t) {
		g := readGolden(t, name)
		var want [2][]Embedding
		for _, set := range kernel.Sets() {
			if set.Rounds() {
				continue // sums in another order
			}
			for _, workers := range []int{1, 3} {
				m := load(t, g.dir, embed.Config{Kernels: set.Name(), Workers: workers})
				q, err := m.EmbedQueries(t.Context(), g.cases.Queries, Options{})
				require.NoError(t, err)
				d, err := m.EmbedDocuments(t.Context(), g.cases.Documents, Options{})
				require.NoError(t, err)
				if want[0] == nil {
					want = [2][]Embedding{q, d}
				}
				require.Equal(t, want, [2][]Embedding{q, d}, "%s: %s, %d workers", name, set.Name(), workers)
				for i, text := range g.cases.Queries {
					alone, err := m.EmbedQuery(t.Context(), text, Options{})
					require.NoError(t, err)
					require.Equal(t, q[i], alone, "%s: query %d", name, i)
				}
				for i, text := range g.cases.Documents {
					alone, err := m.EmbedDocuments(t.Context(), []string{text}, Options{})
					require.NoError(t, err)
					require.Equal(t, d[i], alone[0], "%s: document %d", name, i)
				}
			}
		}
	}
}
