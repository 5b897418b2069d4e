package transformer

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/parallel"
	"github.com/rhumb-go/rhumb/tensor"
)

const classifiers = "../../testdata/heads"

// A headGolden is what the reference's head answers for a batch.
type headGolden struct {
	config Config // but for the set and the format
	batch  Batch
	logits []float32 // sequences×labels
}

// headGoldens returns the names of the goldens of heads.
func headGoldens(t testing.TB) (names []string) {
	paths, err := filepath.Glob(filepath.Join(classifiers, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		if _, err := os.Stat(filepath.Join(path, "model", "1_Pooling")); err == nil {
			continue // its head is of modules
		}
		name := filepath.Base(path)
		if kind, _, _ := strings.Cut(name, "-"); slices.Contains([]string{"rerank", "classify", "logit"}, kind) {
			names = append(names, name)
		}
	}
	return names
}

func readHeadGolden(t testing.TB, name string) headGolden {
	dir := filepath.Join(classifiers, name)
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var cases struct {
		IDs json.RawMessage `json:"ids"`
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	answers, err := tensor.Open(filepath.Join(dir, "golden.safetensors"))
	require.NoError(t, err)
	defer answers.Close()
	var g headGolden
	g.config.JSON, g.config.Weights = openFiles(t, filepath.Join(dir, "model"))
	g.config.Head = ClassificationHead
	add := func(sequences [][]int32, logits string) {
		for _, ids := range sequences {
			g.batch.Starts = append(g.batch.Starts, len(g.batch.IDs))
			g.batch.IDs = append(g.batch.IDs, ids...)
		}
		x, ok := answers.Tensor(logits)
		require.True(t, ok)
		v := make([]float32, x.Len())
		require.NoError(t, x.Float32s(v))
		g.logits = append(g.logits, v...)
	}
	var queries [][][]int32 // by query and document
	var inputs struct{ Texts, Pairs [][]int32 }
	if json.Unmarshal(cases.IDs, &queries) == nil {
		var all [][]int32
		for _, documents := range queries {
			all = append(all, documents...)
		}
		add(all, "logits")
	} else {
		require.NoError(t, json.Unmarshal(cases.IDs, &inputs))
		add(inputs.Texts, "texts_logits")
		add(inputs.Pairs, "pairs_logits")
	}
	g.batch.Starts = append(g.batch.Starts, len(g.batch.IDs))
	if data, err = os.ReadFile(filepath.Join(dir, "model", "1_LogitScore", "config.json")); err == nil {
		var score struct {
			True  int32  `json:"true_token_id"`
			False *int32 `json:"false_token_id"`
		}
		require.NoError(t, json.Unmarshal(data, &score))
		g.config.Head, g.config.Tokens = LanguageHead, []int32{score.True}
		if score.False != nil {
			g.config.Tokens = append(g.config.Tokens, *score.False)
		}
	}
	return g
}

func (g *headGolden) open(t testing.TB, s *kernel.Set, f kernel.Format) *Model {
	c := g.config
	c.Set, c.Format = s, f
	m, err := Open(t.Context(), c)
	require.NoError(t, err)
	return m
}

// logits runs the model and its head, and takes the second logit of a language head
// from the first, as sentence-transformers' LogitScore does.
func logits(t testing.TB, m *Model, team *parallel.Team, b Batch) tensor.Matrix {
	dst := tensor.NewMatrix(b.Sequences(), m.Head.Labels())
	m.Logits(team, dst, forward(t, m, team, b), b)
	return dst
}

// The logits of each head are the reference's, on every kernel set.
func TestLogits(t *testing.T) {
	t.Parallel()
	for _, name := range headGoldens(t) {
		t.Run(name, func(t *testing.T) {
			g := readHeadGolden(t, name)
			for _, s := range kernel.Sets() {
				got := logits(t, g.open(t, s, kernel.Float32), nil, g.batch)
				worst := 0.0
				at := 0
				for i := range got.Rows {
					row := got.Row(i)
					if g.config.Head == LanguageHead {
						if len(row) == 2 {
							row[0] -= row[1]
						}
						row = row[:1]
					}
					for j, v := range row {
						diff := math.Abs(float64(v)-float64(g.logits[at])) / max(1, math.Abs(float64(g.logits[at])))
						worst = max(worst, diff)
						require.LessOrEqualf(t, diff, tolerance, "%s: sequence %d, label %d: found %v, expected %v", s.Name(), i, j, v, g.logits[at])
						at++
					}
				}
				require.Len(t, g.logits, at)
				t.Logf("%s: worst difference %.1e", s.Name(), worst)
			}
		})
	}
}
