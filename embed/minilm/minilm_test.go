package minilm

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rhumb "github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/tensor"
)

const goldens = "../../testdata/goldens/all-MiniLM-L6-v2"

// golden is what sentence-transformers answers with the float32 weights, less
// the first text: it is empty, an error here.
type golden struct {
	Texts     []string
	IDs       [][]int32
	Prompt    string
	want      [][]float32
	prompt    [][]float32 // of the first texts
	truncated [][]float32 // to 128 components, of the first texts
}

func readGolden(t testing.TB) golden {
	data, err := os.ReadFile(filepath.Join(goldens, "cases.json"))
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(data, &g))
	f, err := tensor.Open(filepath.Join(goldens, "golden.safetensors"))
	require.NoError(t, err)
	defer f.Close()
	for name, rows := range map[string]*[][]float32{"embeddings": &g.want, "prompt": &g.prompt, "trunc_norm_128": &g.truncated} {
		x, ok := f.Tensor(name)
		require.True(t, ok)
		for i := range x.Shape[0] {
			*rows = append(*rows, make([]float32, x.Shape[1]))
			require.NoError(t, x.Float32sAt((*rows)[i], i*x.Shape[1]))
		}
		*rows = (*rows)[1:]
	}
	require.Empty(t, g.Texts[0])
	g.Texts, g.IDs = g.Texts[1:], g.IDs[1:]
	require.NotContains(t, g.Texts, "")
	return g
}

func load(t testing.TB, cfg rhumb.Config) *rhumb.Model {
	m, err := Load(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

func embedTexts(t testing.TB, m *rhumb.Model, texts []string, opts rhumb.Options) []rhumb.Embedding {
	r, err := m.Embed(context.Background(), texts, opts)
	require.NoError(t, err)
	return r.Embeddings
}

func cosine(x, y []float32) float64 {
	dot, a, b := 0.0, 0.0, 0.0
	for j := range x {
		x, y := float64(x[j]), float64(y[j])
		dot, a, b = dot+x*y, a+x*x, b+y*y
	}
	return dot / math.Sqrt(a*b)
}

// requireClose holds each embedding against its row of want, of unit length.
func requireClose(t testing.TB, want [][]float32, got []rhumb.Embedding, leastCosine, mostDifference float64) {
	t.Helper()
	require.Len(t, got, len(want))
	least, most := 1.0, 0.0
	for i, e := range got {
		length := 0.0
		for j, w := range want[i] {
			x := float64(e.Float32[j])
			length += x * x
			most = max(most, math.Abs(x-float64(w)))
		}
		least = min(least, cosine(want[i], e.Float32))
		require.InDelta(t, 1, length, 1e-6)
	}
	t.Logf("least cosine 1-%.1e, largest difference %.1e", 1-least, most)
	require.GreaterOrEqual(t, least, leastCosine)
	require.LessOrEqual(t, most, mostDifference)
}

// Weights in float16 turn the vectors by less than 1e-5 in cosine: each weight
// is off by 2⁻¹² of its size at most, and the errors are not of one sign.
func TestFloat16AgreesWithTheReference(t *testing.T) {
	g, m := readGolden(t), load(t, rhumb.Config{})
	requireClose(t, g.want, embedTexts(t, m, g.Texts, rhumb.Options{}), 0.99999, 1e-3)
	requireClose(t, g.prompt, embedTexts(t, m, g.Texts[:len(g.prompt)], rhumb.Options{Prompt: g.Prompt}), 0.99999, 1e-3)
	requireClose(t, g.truncated, embedTexts(t, m, g.Texts[:len(g.truncated)], rhumb.Options{Dimensions: 128}), 0.99998, 2e-3)
}

// source returns the folder of the published float32 model.
func source(t testing.TB) string {
	shared := os.Getenv("RHUMB_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "models", "all-MiniLM-L6-v2")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("NOT TESTED against the float32 model: no models/all-MiniLM-L6-v2 in %s; RHUMB_SHARED names the folder above models", shared)
	}
	return dir
}

// Six layers of float32 sums in another order than the reference's. Worst seen: 4e-7.
func TestFloat32AgreesWithTheReference(t *testing.T) {
	dir, g := source(t), readGolden(t)
	for _, set := range kernel.Sets() {
		t.Run(set.Name(), func(t *testing.T) {
			m, err := rhumb.Load(t.Context(), dir, rhumb.Config{Kernels: set.Name()})
			require.NoError(t, err)
			defer m.Close()
			n := len(g.Texts)
			if set.Rounds() {
				n = 12 // plain Go is slow, and sse41 has its bits
			}
			few := min(n, len(g.prompt))
			requireClose(t, g.want[:n], embedTexts(t, m, g.Texts[:n], rhumb.Options{}), 0.999999, 1e-5)
			requireClose(t, g.prompt[:few], embedTexts(t, m, g.Texts[:few], rhumb.Options{Prompt: g.Prompt}), 0.999999, 1e-5)
			requireClose(t, g.truncated[:few], embedTexts(t, m, g.Texts[:few], rhumb.Options{Dimensions: 128}), 0.999999, 1e-5)
		})
	}
}

// Products of terms of 8 bits: every text, in cosine, on every set.
func TestBFloat16AgreesWithTheReference(t *testing.T) {
	dir, g := source(t), readGolden(t)
	var want []rhumb.Embedding
	for _, set := range slices.Backward(kernel.Sets()) {
		t.Run(set.Name(), func(t *testing.T) {
			m, err := rhumb.Load(t.Context(), dir, rhumb.Config{Kernels: set.Name(), Precision: rhumb.BFloat16})
			require.NoError(t, err)
			defer m.Close()
			require.Contains(t, m.Info().Arithmetic, "bfloat16")
			n := len(g.Texts)
			if set != kernel.Best() {
				n = 12 // they are slow
			}
			got := embedTexts(t, m, g.Texts[:n], rhumb.Options{})
			requireClose(t, g.want[:n], got, 0.9999, 5e-3)
			if set.Name() == "amx" || set.Rounds() {
				return // sums in an order of its own
			}
			if want == nil {
				want = got
			}
			for i, e := range got {
				require.Equal(t, want[i].Float32, e.Float32) // the same bits on every other set
			}
		})
	}
}

// Int8 keeps the meaning: of the peers that are fast in int8 OpenVINO's static
// quantisation has a mean cosine of 0.9963 and a worst one of 0.9927.
func TestInt8AgreesWithTheReference(t *testing.T) {
	g := readGolden(t)
	for _, set := range kernel.Sets() {
		t.Run(set.Name(), func(t *testing.T) {
			texts, leastMean := g.Texts, 0.9995
			if set != kernel.Best() || set.Name() == "generic" {
				texts, leastMean = texts[:12], 0.999 // it is slow, and these are below the mean
			}
			m := load(t, rhumb.Config{Precision: rhumb.Int8, Kernels: set.Name()})
			sum, least := 0.0, 1.0
			for i, e := range embedTexts(t, m, texts, rhumb.Options{}) {
				c := cosine(g.want[i], e.Float32)
				sum, least = sum+c, min(least, c)
			}
			mean := sum / float64(len(texts))
			t.Logf("cosine to float32: mean %.6f, least %.5f", mean, least)
			require.GreaterOrEqual(t, mean, leastMean)
			require.GreaterOrEqual(t, least, 0.998)
		})
	}
}

// The outliers in the folder are those that the built-in texts give.
func TestOutlierColumnsAreUpToDate(t *testing.T) {
	if kernel.Best().Rounds() {
		t.Skip("NOT TESTED: plain Go rounds otherwise than what made the file")
	}
	data, err := os.ReadFile("model/outlier_columns.json")
	require.NoError(t, err)
	var have map[string][]int
	require.NoError(t, json.Unmarshal(data, &have))
	found, err := rhumb.OutlierColumns(context.Background(), "model", rhumb.Config{})
	require.NoError(t, err)
	require.Equal(t, found, have)
}

func TestTokensAreThoseOfTheReference(t *testing.T) {
	g, m := readGolden(t), load(t, rhumb.Config{})
	byText := embedTexts(t, m, g.Texts, rhumb.Options{})
	byIDs, err := m.EmbedIDs(context.Background(), g.IDs, rhumb.Options{})
	require.NoError(t, err)
	for i, e := range byText {
		require.Equal(t, len(g.IDs[i]), e.Tokens)
		require.Equalf(t, byIDs.Embeddings[i].Float32, e.Float32, "text %d", i)
	}
}

// All SIMD sets give the same bits; generic agrees within 1e-6.
func TestKernelSetsAgree(t *testing.T) {
	g := readGolden(t)
	texts := g.Texts[:24]
	want := embedTexts(t, load(t, rhumb.Config{}), texts, rhumb.Options{})
	for _, set := range kernel.Sets() {
		t.Run(set.Name(), func(t *testing.T) {
			tolerance := 0.0
			if set.Rounds() {
				tolerance = 1e-6 // the promise; a value is some 0.05
			}
			got := embedTexts(t, load(t, rhumb.Config{Kernels: set.Name(), Workers: 1}), texts, rhumb.Options{})
			for i := range want {
				for j, w := range want[i].Float32 {
					require.LessOrEqual(t, math.Abs(float64(got[i].Float32[j])-float64(w)), tolerance)
				}
			}
		})
	}
}

func TestInfo(t *testing.T) {
	i := load(t, rhumb.Config{Workers: 2}).Info()
	assert.Positive(t, i.MemoryBytes)
	i.MemoryBytes, i.Kernels = 0, ""
	assert.Equal(t, rhumb.Info{
		Facts: rhumb.Facts{
			Name: "all-MiniLM-L6-v2", Family: "bert", Layers: 6, Vocabulary: 30522, MaxTokens: 256, Arithmetic: "float32", Workers: 2, Transformers: 4, FileFormat: "safetensors",
		},
		Dimensions: 384, DefaultDimensions: 384, Pooling: []string{"mean"}, Normalized: true,
	}, i)
}

// The weights are used where they lie in the program: loading allocates what
// the layers pack, 42 MB, and some for the tokenizer, but no copy of the file.
func TestLoadDoesNotCopyTheFile(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := load(t, rhumb.Config{})
	runtime.ReadMemStats(&after)
	allocated := int64(after.TotalAlloc - before.TotalAlloc)
	assert.Less(t, allocated, m.Info().MemoryBytes+int64(len(weights))/2)
}

func TestFolder(t *testing.T) {
	require.NoError(t, fstest.TestFS(settings, "model/config.json"))
	f, err := folder{}.Open(weightsName)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	assert.Equal(t, int64(len(weights)), info.Size())
	data, err := fs.ReadFile(folder{}, weightsName)
	require.NoError(t, err)
	assert.Equal(t, len(weights), len(data))
	_, err = folder{}.Open("pytorch_model.bin")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// The model in the program is the published one, rounded: see generate.
func TestWeightsAreThePublishedOnesRounded(t *testing.T) {
	published, err := tensor.Open(filepath.Join(source(t), "model.safetensors"))
	require.NoError(t, err)
	defer published.Close()
	f, err := tensor.Parse([]byte(weights))
	require.NoError(t, err)
	require.Len(t, f.Names(), len(published.Names())-3)
	for _, name := range f.Names() {
		h, _ := f.Tensor(name)
		p, ok := published.Tensor(name)
		require.True(t, ok)
		require.Equal(t, p.Shape, h.Shape)
		got := make([]float32, h.Len())
		require.NoError(t, h.Float32s(got))
		for i, x := range got {
			want := math.Float32frombits(binary.LittleEndian.Uint32(p.Data[4*i:]))
			if d := math.Abs(float64(x) - float64(want)); d > math.Abs(float64(want))*0x1p-11 && d > 0x1p-25 {
				require.Failf(t, "not rounded", "%s: element %d: %v, published %v", name, i, x, want)
			}
		}
	}
}

func BenchmarkEmbed(b *testing.B) {
	g := readGolden(b)
	longest := slices.MaxFunc(g.Texts, func(s, t string) int { return len(s) - len(t) })
	for _, c := range []struct {
		name  string
		texts []string
	}{{"one short", []string{"where does the river end"}}, {"one long", []string{longest}}, {"many", g.Texts}} {
		b.Run(c.name, func(b *testing.B) {
			m := load(b, rhumb.Config{})
			tokens := 0
			for _, e := range embedTexts(b, m, c.texts, rhumb.Options{}) {
				tokens += e.Tokens
			}
			b.ReportAllocs()
			for b.Loop() {
				embedTexts(b, m, c.texts, rhumb.Options{})
			}
			b.ReportMetric(float64(tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
