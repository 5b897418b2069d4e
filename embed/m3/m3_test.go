package m3

import (
	"encoding/json"
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
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/mutate"
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

// answers returns those of the reference for each text, and its MaxSim of the first three
// as queries with each.
func answers(t testing.TB) (all []Outputs, maxSim [3][]float32) {
	f, err := tensor.Open(filepath.Join(golden, "golden.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	floats := func(name string) tensor.Matrix {
		x, ok := f.Tensor(name)
		require.True(t, ok, name)
		columns := x.Shape[len(x.Shape)-1]
		m := tensor.NewMatrix(x.Len()/columns, columns)
		require.NoError(t, x.Float32s(m.Data))
		return m
	}
	integers := func(name string) []int32 {
		x, ok := f.Tensor(name)
		require.True(t, ok, name)
		v := make([]int32, x.Len())
		for i := range v {
			v[i] = int32(x.Data[4*i]) | int32(x.Data[4*i+1])<<8
		}
		return v
	}
	dense, multi, scores, values := floats("dense"), floats("multi"), floats("maxsim").Data, floats("sparse_values").Data
	indices, starts, rows := integers("sparse_indices"), integers("sparse_starts"), integers("multi_starts")
	for i := range dense.Rows {
		from, to := starts[i], starts[i+1]
		all = append(all, Outputs{
			Dense: dense.Row(i), Sparse: sparse.Vector{Indices: indices[from:to], Values: values[from:to]},
			Vectors: multi.Slice(int(rows[i]), int(rows[i+1])),
		})
	}
	for q := range maxSim {
		maxSim[q] = scores[q*len(all) : (q+1)*len(all)]
	}
	return all, maxSim
}

// near reports how far numbers are from the reference's, at most tol.
func near(t testing.TB, want, got []float32) (worst float64) {
	require.Len(t, got, len(want))
	for k, w := range want {
		d := math.Abs(float64(w) - float64(got[k]))
		worst = max(worst, d)
		require.LessOrEqual(t, d, tol)
	}
	return worst
}

// Outputs are those of FlagEmbedding, the embedding that of sentence-transformers, on every
// kernel set, and the sparse and the multi-vector model of the folder have the same bits.
func TestOutputsAreTheReferences(t *testing.T) {
	texts := texts(t)
	want, maxSim := answers(t)
	require.Len(t, want, len(texts))
	for _, set := range kernel.Sets() {
		cfg := embed.Config{Kernels: set.Name()}
		m := load(t, cfg)
		got, err := m.Embed(t.Context(), texts, Options{})
		require.NoError(t, err)
		worst := 0.0
		for i, o := range got {
			require.Equal(t, want[i].Sparse.Indices, o.Sparse.Indices, "text %d", i)
			require.Equal(t, want[i].Vectors.Rows, o.Vectors.Rows)
			worst = max(worst, near(t, want[i].Dense, o.Dense), near(t, want[i].Sparse.Values, o.Sparse.Values), near(t, want[i].Vectors.Data, o.Vectors.Data))
			for q := range maxSim {
				score, err := multivector.MaxSim(got[q].Vectors, o.Vectors)
				require.NoError(t, err)
				require.InDelta(t, maxSim[q][i], score, tolScore)
			}
		}
		t.Logf("%s: worst difference %.1e", set.Name(), worst)

		weights, err := sparse.Load(t.Context(), filepath.Join(golden, "model"), cfg)
		require.NoError(t, err)
		defer weights.Close() //nolint:errcheck
		vectors, err := weights.Embed(t.Context(), texts, sparse.Options{})
		require.NoError(t, err)
		multi, err := multivector.Load(t.Context(), filepath.Join(golden, "model"), cfg)
		require.NoError(t, err)
		defer multi.Close() //nolint:errcheck
		queries, err := multi.EmbedQueries(t.Context(), texts, multivector.Options{})
		require.NoError(t, err)
		documents, err := multi.EmbedDocuments(t.Context(), texts, multivector.Options{})
		require.NoError(t, err)
		for i, o := range got {
			require.Equal(t, o.Sparse, vectors[i])
			require.Equal(t, o.Vectors, queries[i].Vectors)
			require.Equal(t, o.Vectors, documents[i].Vectors)
		}
		scores, err := multi.Score(t.Context(), texts[0], texts, rerank.Options{})
		require.NoError(t, err)
		for i, s := range scores {
			require.InDelta(t, maxSim[0][i], s.Value, tolScore)
		}
	}
}

// A text has the same bits alone and with others, on any number of workers and in every
// SIMD set, and the embedding those of package embed.
func TestSameBits(t *testing.T) {
	texts := texts(t)
	var want []Outputs
	for _, set := range kernel.Sets() {
		if set.Rounds() {
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
	files, err := mutate.Folder(filepath.Join(golden, "model"))
	require.NoError(t, err)
	try := func(change func(fstest.MapFS), want string) {
		t.Helper()
		changed := fstest.MapFS{}
		for name, f := range files {
			changed[name] = f
		}
		change(changed)
		_, err := LoadFS(t.Context(), changed, embed.Config{})
		assert.ErrorContains(t, err, want)
		_, weightsErr := sparse.LoadFS(t.Context(), changed, embed.Config{})
		_, multiErr := multivector.LoadFS(t.Context(), changed, embed.Config{})
		switch kind := (*embed.KindError)(nil); {
		case changed["sparse_linear.pt"] == nil:
			require.ErrorAs(t, weightsErr, &kind)
			assert.ErrorContains(t, weightsErr, "an embedding model, expected a sparse model")
			assert.NoError(t, multiErr)
		case strings.HasPrefix(want, "sparse_linear.pt"):
			assert.ErrorContains(t, weightsErr, want)
			assert.NoError(t, multiErr)
		case changed["colbert_linear.pt"] == nil:
			require.ErrorAs(t, multiErr, &kind)
			assert.ErrorContains(t, multiErr, "an embedding model, expected a multi-vector model")
			assert.NoError(t, weightsErr)
		default:
			assert.ErrorContains(t, multiErr, want)
			assert.NoError(t, weightsErr)
		}
	}
	try(func(f fstest.MapFS) { delete(f, "sparse_linear.pt") }, "sparse_linear.pt: file does not exist, expected the layer")
	try(func(f fstest.MapFS) { f["sparse_linear.pt"] = f["colbert_linear.pt"] }, "sparse_linear.pt: tensor weight: 36 rows, expected 1")
	try(func(f fstest.MapFS) { delete(f, "colbert_linear.pt") }, "colbert_linear.pt: file does not exist, expected the layer")
	try(func(f fstest.MapFS) { f["colbert_linear.pt"] = &fstest.MapFile{Data: []byte("{}")} }, "colbert_linear.pt")
	_, err = Load(t.Context(), "../../testdata/heads/rerank-bert/model", embed.Config{})
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

// The prompt stays where texts are cut at their start.
func TestPromptOfCutTexts(t *testing.T) {
	m := load(t, embed.Config{})
	o := Options{Prompt: "b c "}
	rest, err := m.Embed(t.Context(), []string{"d e"}, o)
	require.NoError(t, err)
	o.Truncate, o.MaxTokens = embed.TruncateStart, rest[0].Tokens
	cut, err := m.Embed(t.Context(), []string{strings.Repeat("a ", 20) + "d e"}, o)
	require.NoError(t, err)
	assert.Positive(t, cut[0].Truncated)
	assert.Equal(t, rest[0].Dense, cut[0].Dense)
}
