package transformer

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

const (
	goldens  = "../../testdata/goldens"
	variants = "../../testdata/variants"
)

// folders returns the goldens of tiny models: all that have a folder model, and
// all variants, which are such a folder.
func folders(t testing.TB) (names []string) {
	for _, pattern := range []string{filepath.Join(goldens, "*", "model"), filepath.Join(variants, "*", "config.json")} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			names = append(names, filepath.Base(filepath.Dir(path)))
		}
	}
	return names
}

// modelFolder returns the folder with the config.json of a golden.
func modelFolder(name string) string {
	if dir := filepath.Join(variants, name); exists(dir) {
		return dir
	}
	if dir := filepath.Join(adapters, name, "model"); exists(dir) {
		return dir
	}
	return filepath.Join(goldens, name, "model")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// open returns the model of a golden folder.
func open(t testing.TB, name string, s *kernel.Set) *Model {
	return openAs(t, name, s, kernel.Float32)
}

// openAs is open with products in format f.
func openAs(t testing.TB, name string, s *kernel.Set, f kernel.Format) *Model {
	m, err := openIn(t, name, s, f, nil)
	require.NoError(t, err)
	return m
}

// openIn is openAs with outliers.
func openIn(t testing.TB, name string, s *kernel.Set, f kernel.Format, o Outliers) (*Model, error) {
	dir := modelFolder(name)
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	weights := "model.safetensors"
	if !exists(filepath.Join(dir, weights)) {
		weights += ".index.json"
	}
	file, err := tensor.Open(filepath.Join(dir, weights))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	return Open(t.Context(), Config{JSON: config, Weights: file, Set: s, Format: f, Outliers: o})
}

// A golden is what the reference answers for a batch.
type golden struct {
	batch  Batch
	hidden [][]float32 // of each token
}

func readGolden(t testing.TB, name string) golden {
	path := filepath.Join(goldens, name, "golden.safetensors")
	if variant := filepath.Join(variants, name, "golden.safetensors"); exists(variant) {
		path = variant
	}
	return readGoldenFile(t, path, "last_hidden_state")
}

// readGoldenFile reads the batch and the named hidden states.
func readGoldenFile(t testing.TB, path, states string) golden {
	file, err := tensor.Open(path)
	require.NoError(t, err)
	defer file.Close()
	ids := integers(t, file, "input_ids")
	h, ok := file.Tensor(states)
	require.True(t, ok)
	all := make([]float32, h.Len())
	require.NoError(t, h.Float32s(all))
	width := h.Shape[len(h.Shape)-1]
	var g golden
	if len(h.Shape) == 2 { // a variant's: sequences end to end
		for i, id := range ids {
			g.batch.IDs = append(g.batch.IDs, int32(id))
			g.hidden = append(g.hidden, all[i*width:(i+1)*width])
		}
		for _, start := range integers(t, file, "starts") {
			g.batch.Starts = append(g.batch.Starts, int(start))
		}
		return g
	}
	mask := integers(t, file, "attention_mask")
	rows, cols := h.Shape[0], h.Shape[1]
	for i := range rows {
		g.batch.Starts = append(g.batch.Starts, len(g.batch.IDs))
		for j := i * cols; j < (i+1)*cols; j++ {
			if mask[j] != 0 {
				g.batch.IDs = append(g.batch.IDs, int32(ids[j]))
				g.hidden = append(g.hidden, all[j*width:(j+1)*width])
			}
		}
	}
	g.batch.Starts = append(g.batch.Starts, len(g.batch.IDs))
	return g
}

func integers(t testing.TB, file *tensor.File, name string) []int64 {
	x, ok := file.Tensor(name)
	require.True(t, ok, name)
	require.Equal(t, tensor.I64, x.DType)
	v := make([]int64, x.Len())
	for i := range v {
		v[i] = int64(binary.LittleEndian.Uint64(x.Data[8*i:]))
	}
	return v
}

func forward(t testing.TB, m *Model, team *parallel.Team, b Batch) tensor.Matrix {
	dst := tensor.NewMatrix(len(b.IDs), m.Hidden)
	require.NoError(t, m.Forward(context.Background(), team, dst, b))
	return dst
}

// The reference differs from itself, padded or not, by up to 1.7e-5 over these models.
const tolerance = 3e-5

// within returns what s may differ by from another computation of the model, where
// others may by limit. T5 does not scale its scores, and what their rounding
// becomes is large: the reference's float32 is up to 3.1e-5 off its float64. The
// generic set, which rounds in other places, is held to a multiple of that.
func within(name string, s *kernel.Set, limit float64) float64 {
	if name == "t5" && s.Rounds() {
		return 3 * 3.1e-5
	}
	return limit
}

func TestLastHiddenStates(t *testing.T) {
	t.Parallel()
	for _, name := range folders(t) {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, name)
			for _, s := range kernel.Sets() {
				h := forward(t, open(t, name, s), nil, g.batch)
				worst := 0.0
				for i, want := range g.hidden {
					for j, v := range h.Row(i) {
						worst = max(worst, math.Abs(float64(v)-float64(want[j])))
						require.InDeltaf(t, want[j], v, within(name, s, tolerance), "%s: token %d, component %d", s.Name(), i, j)
					}
				}
				t.Logf("%s: worst difference %.1e", s.Name(), worst)
			}
		})
	}
}

// In bfloat16, of 8 bits, hidden states keep their direction. The worst token of
// each model is 1-6.4e-4 or closer in cosine, but for two: qwen2-gqa 1-1.6e-3, and
// T5 1-5.8e-3, whose scores are not scaled and so large that rounding moves them.
func TestBFloat16HiddenStates(t *testing.T) {
	t.Parallel()
	bounds := map[string]float64{"qwen2-gqa": 4e-3, "t5": 1.2e-2}
	for _, name := range folders(t) {
		bound := bounds[name]
		if bound == 0 {
			bound = 1.3e-3
		}
		g := readGolden(t, name)
		for _, s := range kernel.Sets() {
			h := forward(t, openAs(t, name, s, kernel.BFloat16), nil, g.batch)
			for i, want := range g.hidden {
				dot, a, b := 0.0, 0.0, 0.0
				for j, v := range h.Row(i) {
					x, y := float64(v), float64(want[j])
					dot, a, b = dot+x*y, a+x*x, b+y*y
				}
				require.GreaterOrEqualf(t, dot/math.Sqrt(a*b), 1-bound, "%s %s: token %d", name, s.Name(), i)
			}
		}
	}
}

// A sequence has the same bits alone, in any batch, on any number of workers,
// and in every SIMD set; generic is close. In bfloat16, AMX sums in an order of its own.
func TestSameBits(t *testing.T) {
	t.Parallel()
	for _, name := range folders(t) {
		teams := []int{1, 2, 3}
		if exists(filepath.Join(variants, name)) || testing.Short() {
			teams = []int{3} // some are long, and an emulated CPU is slow
		}
		sameBits(t, name, kernel.Float32, teams)
		sameBits(t, name, kernel.BFloat16, teams[len(teams)-1:])
	}
}

func sameBits(t *testing.T, name string, f kernel.Format, teams []int) {
	g := readGolden(t, name)
	wants := map[bool]tensor.Matrix{} // of AMX, and of the others
	for _, s := range slices.Backward(kernel.Sets()) {
		generic := s.Rounds() && kernel.Best() != s
		if generic && (f != kernel.Float32 || testing.Short()) {
			continue // TestBFloat16HiddenStates, and the same plain Go as on other CPUs
		}
		m := openAs(t, name, s, f)
		own := f != kernel.Float32 && s.Name() == "amx"
		if _, ok := wants[own]; !ok {
			wants[own] = forward(t, m, nil, g.batch)
		}
		want := wants[own]
		for _, workers := range teams {
			team := parallel.NewTeam(workers)
			check := func(first, last int) {
				from := g.batch.Starts[first]
				b := Batch{IDs: g.batch.IDs[from:g.batch.Starts[last]]}
				for _, start := range g.batch.Starts[first : last+1] {
					b.Starts = append(b.Starts, start-from)
				}
				got := forward(t, m, team, b)
				if generic {
					// Few layers of sums of at most 244 terms: some units in the last place.
					for i, v := range want.Slice(from, from+got.Rows).Data {
						limit := within(name, s, 1e-5) * max(1, math.Abs(float64(v)))
						require.InDelta(t, v, got.Data[i], limit, name)
					}
					return
				}
				require.Equalf(t, want.Slice(from, from+got.Rows).Data, got.Data, "%s %s %v: sequences %d to %d, %d workers", name, s.Name(), f, first, last, workers)
			}
			n := g.batch.Sequences()
			for i := range n {
				check(i, i+1)
			}
			check(0, 2)
			check(1, n)
			check(0, n)
			team.Close()
		}
	}
}

func TestForwardStopsWhenCanceled(t *testing.T) {
	g := readGolden(t, "bert")
	m := open(t, "bert", kernel.Best())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, m.Forward(ctx, nil, tensor.NewMatrix(len(g.batch.IDs), m.Hidden), g.batch), context.Canceled)
}

// longOnly leaves out, where -short asks for it, a test of what is the same on every CPU.
func longOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short, and it does not depend on the CPU")
	}
}
