package m3

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

const golden = "../../testdata/heads/bge-m3"

const (
	tol      = 5e-5 // two layers of float32 sums, and one more
	tolScore = 1e-4 // of the sum of up to 48 greatest products
)

// texts returns those of the golden.
func texts(t testing.TB) []string {
	data, err := os.ReadFile(filepath.Join(golden, "cases.json"))
	require.NoError(t, err)
	var cases struct{ Texts []string }
	require.NoError(t, json.Unmarshal(data, &cases))
	return cases.Texts
}

func load(t testing.TB, cfg embed.Config) *Model {
	m, err := Load(t.Context(), filepath.Join(golden, "model"), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// Outputs are those of FlagEmbedding, the embedding that of sentence-transformers, on every
// kernel set.
func TestOutputsAreTheReferences(t *testing.T) {
	f, err := tensor.Open(filepath.Join(golden, "golden.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	floats := func(name string) []float32 {
		x, ok := f.Tensor(name)
		require.True(t, ok, name)
		v := make([]float32, x.Len())
		require.NoError(t, x.Float32s(v))
		return v
	}
	integers := func(name string) []int {
		x, ok := f.Tensor(name)
		require.True(t, ok, name)
		v := make([]int, x.Len())
		for i := range v {
			v[i] = int(x.Data[4*i]) | int(x.Data[4*i+1])<<8
		}
		return v
	}
	dense, multi, maxSim := floats("dense"), floats("multi"), floats("maxsim")
	values, indices, starts, rows := floats("sparse_values"), integers("sparse_indices"), integers("sparse_starts"), integers("multi_starts")
	texts := texts(t)
	for _, set := range kernel.Sets() {
		m := load(t, embed.Config{Kernels: set.Name()})
		got, err := m.Embed(t.Context(), texts, Options{})
		require.NoError(t, err)
		worst := 0.0
		near := func(want, got []float32) {
			require.Len(t, got, len(want))
			for k, w := range want {
				d := math.Abs(float64(w) - float64(got[k]))
				worst = max(worst, d)
				require.LessOrEqual(t, d, tol)
			}
		}
		n := m.Info().VectorDimensions
		for i, o := range got {
			near(dense[i*m.Info().Dimensions:(i+1)*m.Info().Dimensions], o.Dense)
			want := indices[starts[i]:starts[i+1]]
			require.Len(t, o.Sparse.Indices, len(want), "text %d", i)
			for k, id := range want {
				require.Equal(t, int32(id), o.Sparse.Indices[k])
			}
			near(values[starts[i]:starts[i+1]], o.Sparse.Values)
			require.Equal(t, rows[i+1]-rows[i], o.Vectors.Rows)
			near(multi[rows[i]*n:rows[i+1]*n], o.Vectors.Data)
			for q := range 3 {
				score, err := multivector.MaxSim(got[q].Vectors, o.Vectors)
				require.NoError(t, err)
				require.InDelta(t, maxSim[q*len(texts)+i], score, tolScore)
			}
		}
		t.Logf("%s: worst difference %.1e", set.Name(), worst)
	}
}

// A text has the same bits alone and with others, on any number of workers and in every
// SIMD set, and the embedding those of package embed.
func TestSameBits(t *testing.T) {
	texts := texts(t)
	var want []Outputs
	for _, set := range kernel.Sets() {
		if set.Name() == "generic" {
			continue // sums in another order
		}
		for _, workers := range []int{1, 3} {
			m := load(t, embed.Config{Kernels: set.Name(), Workers: workers})
			got, err := m.Embed(t.Context(), texts, Options{})
			require.NoError(t, err)
			if want == nil {
				want = got
			}
			require.Equal(t, want, got)
			for i, text := range texts {
				alone, err := m.Embed(t.Context(), []string{text}, Options{})
				require.NoError(t, err)
				require.Equal(t, got[i], alone[0])
			}
			e, err := embed.Load(t.Context(), filepath.Join(golden, "model"), embed.Config{Kernels: set.Name()})
			require.NoError(t, err)
			vectors, err := e.Embed(t.Context(), texts, embed.Options{})
			require.NoError(t, err)
			for i, o := range got {
				require.Equal(t, vectors.Embeddings[i].Float32, o.Dense)
			}
			require.NoError(t, e.Close())
		}
	}
}

// What is no such folder, or asks for what there is not, is an error that says what it is.
func TestErrors(t *testing.T) {
	dir, files := os.DirFS(filepath.Join(golden, "model")), fstest.MapFS{}
	require.NoError(t, fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(dir, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	}))
	try := func(change func(fstest.MapFS), want string) {
		t.Helper()
		changed := fstest.MapFS{}
		for name, f := range files {
			changed[name] = f
		}
		change(changed)
		_, err := LoadFS(t.Context(), changed, embed.Config{})
		assert.ErrorContains(t, err, want)
	}
	try(func(f fstest.MapFS) { delete(f, "sparse_linear.pt") }, "sparse_linear.pt: file does not exist, expected the layer")
	try(func(f fstest.MapFS) { f["sparse_linear.pt"] = f["colbert_linear.pt"] }, "sparse_linear.pt: tensor weight: 36 rows, expected 1")
	try(func(f fstest.MapFS) { f["colbert_linear.pt"] = &fstest.MapFile{Data: []byte("{}")} }, "colbert_linear.pt")
	_, err := Load(t.Context(), "../../testdata/heads/rerank-bert/model", embed.Config{})
	var other *embed.KindError
	require.ErrorAs(t, err, &other)

	m := load(t, embed.Config{})
	for want, o := range map[string]Options{
		"max tokens: 1, expected at least 2": {MaxTokens: 1},
		"truncate: 77, expected":             {Truncate: 77},
		`prompt name: unknown "abc"`:         {PromptName: "abc"},
	} {
		_, err := m.Embed(t.Context(), []string{"a"}, o)
		var fault *embed.OptionError
		require.ErrorAs(t, err, &fault)
		assert.ErrorContains(t, err, want)
	}
	_, err = m.Embed(t.Context(), []string{"a", ""}, Options{})
	assert.ErrorContains(t, err, "input 1: empty text")
	got, err := m.Embed(t.Context(), []string{strings.Repeat("a ", 80)}, Options{MaxTokens: 5})
	require.NoError(t, err)
	assert.Equal(t, 5, got[0].Tokens)
	assert.Equal(t, 4, got[0].Vectors.Rows)
	assert.Positive(t, got[0].Sparse.Truncated)
}
