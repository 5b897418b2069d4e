package sparse

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

const goldens = "../../testdata/heads"

// tol is of weights.
const tol = 5e-5 // two layers of float32 sums, and of a sum over up to 48 tokens

// A golden is a folder, texts, and what the reference answers for them.
type golden struct {
	dir   string
	cases struct {
		Texts      []string
		MaxActive  int `json:"max_active"`
		Dimensions int
		IDs        [][]int32 `json:"ids"`
		QueryIDs   [][]int32 `json:"ids_query"`
	}
	answers map[string][]Vector // by the method of SparseEncoder, and "max_active"
}

func readGolden(t testing.TB, name string) *golden {
	g := &golden{dir: filepath.Join(goldens, name, "model"), answers: map[string][]Vector{}}
	data, err := os.ReadFile(filepath.Join(goldens, name, "cases.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g.cases))
	f, err := tensor.Open(filepath.Join(goldens, name, "golden.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	for _, key := range []string{"query", "document", "plain", "max_active"} {
		indices, starts := integers(t, f, key+"_indices"), integers(t, f, key+"_starts")
		x, ok := f.Tensor(key + "_values")
		require.True(t, ok)
		values := make([]float32, x.Len())
		require.NoError(t, x.Float32s(values))
		for i := range g.cases.Texts {
			from, to := starts[i], starts[i+1]
			g.answers[key] = append(g.answers[key], Vector{Indices: indices[from:to], Values: values[from:to]})
		}
	}
	return g
}

// integers returns the elements of a tensor of int32.
func integers(t testing.TB, f *tensor.File, name string) []int32 {
	x, ok := f.Tensor(name)
	require.True(t, ok, name)
	require.Equal(t, tensor.I32, x.DType)
	v := make([]int32, x.Len())
	for i := range v {
		b := x.Data[4*i:]
		v[i] = int32(b[0]) | int32(b[1])<<8 | int32(b[2])<<16 | int32(b[3])<<24
	}
	return v
}

// goldenNames returns those of sparse models.
func goldenNames(t testing.TB) (names []string) {
	found, err := filepath.Glob(filepath.Join(goldens, "sparse-*"))
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

// Vectors are those of SparseEncoder's encode, encode_query and encode_document, on every
// kernel set, and max_active_dims keeps the same weights.
func TestVectorsAreTheReferences(t *testing.T) {
	for _, set := range kernel.Sets() {
		worst := 0.0
		for _, name := range goldenNames(t) {
			t.Run(set.Name()+"/"+name, func(t *testing.T) {
				g := readGolden(t, name)
				m := load(t, g.dir, embed.Config{Kernels: set.Name()})
				require.Equal(t, g.cases.Dimensions, m.Info().Vocabulary)
				for key, options := range map[string]Options{
					"query": {PromptName: "query"}, "document": {PromptName: "document"}, "plain": {}, "max_active": {MaxActive: g.cases.MaxActive},
				} {
					got, err := m.Embed(t.Context(), g.cases.Texts, options)
					require.NoError(t, err)
					for i, want := range g.answers[key] {
						require.Equal(t, want.Indices, got[i].Indices, "%s: text %d", key, i)
						ids := g.cases.IDs
						if key == "query" {
							ids = g.cases.QueryIDs
						}
						require.Equal(t, len(ids[i]), got[i].Tokens, "%s: text %d", key, i)
						for k, w := range want.Values {
							d := math.Abs(float64(w) - float64(got[i].Values[k]))
							worst = max(worst, d)
							assert.LessOrEqual(t, d, tol, "%s: text %d, index %d", key, i, want.Indices[k])
						}
					}
				}
			})
		}
		t.Logf("%s: worst difference %.1e", set.Name(), worst)
	}
}

// A text has the same bits alone and with others, on any number of workers and in every
// SIMD set.
func TestSameBits(t *testing.T) {
	for _, name := range goldenNames(t) {
		g := readGolden(t, name)
		var want map[string][]Vector // by prompt name
		for _, set := range kernel.Sets() {
			if set.Rounds() {
				continue // sums in another order
			}
			for _, workers := range []int{1, 3} {
				m := load(t, g.dir, embed.Config{Kernels: set.Name(), Workers: workers})
				got := map[string][]Vector{}
				for _, prompt := range []string{"query", "document"} {
					all, err := m.Embed(t.Context(), g.cases.Texts, Options{PromptName: prompt})
					require.NoError(t, err)
					got[prompt] = all
					for i, text := range g.cases.Texts {
						alone, err := m.Embed(t.Context(), []string{text}, Options{PromptName: prompt})
						require.NoError(t, err)
						require.Equal(t, all[i], alone[0], "%s: %s %d", name, prompt, i)
					}
				}
				if want == nil {
					want = got
				}
				require.Equal(t, want, got, "%s: %s, %d workers", name, set.Name(), workers)
			}
		}
	}
}
