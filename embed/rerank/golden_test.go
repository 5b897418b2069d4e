package rerank

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/kernel"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tensor"
)

const goldens = "../../testdata/heads"

// tol is of scores, logits and probabilities.
const tol = 3e-5 // the reference differs from itself by 3e-6 between batches of padded rows

// A golden is a folder, inputs, and what the reference answers for them.
type golden struct {
	name, dir string
	cases     struct {
		Queries, Documents, Texts, Labels []string
		Pairs                             [][2]string
		CustomPrompt                      string `json:"custom_prompt"`
		Prompts                           map[string]string
		Activation                        string
		MaxLength                         int             `json:"max_length"`
		IDs                               json.RawMessage `json:"ids"`
		Types                             [][][]int32     `json:"token_type_ids"`
	}
	answers map[string][]float32
}

func readGolden(t testing.TB, name string) *golden {
	g := &golden{name: name, dir: filepath.Join(goldens, name, "model"), answers: map[string][]float32{}}
	data, err := os.ReadFile(filepath.Join(goldens, name, "cases.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g.cases))
	f, err := tensor.Open(filepath.Join(goldens, name, "golden.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck
	for _, key := range f.Names() {
		x, _ := f.Tensor(key)
		g.answers[key] = make([]float32, x.Len())
		require.NoError(t, x.Float32s(g.answers[key]))
	}
	return g
}

// goldenNames returns those that begin with one of the prefixes.
func goldenNames(t testing.TB, prefixes ...string) (names []string) {
	for _, p := range prefixes {
		found, err := filepath.Glob(filepath.Join(goldens, p+"*"))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		for _, f := range found {
			names = append(names, filepath.Base(f))
		}
	}
	return names
}

func load(t testing.TB, dir string, cfg embed.Config) *Model {
	m, err := Load(t.Context(), dir, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// worst returns the greatest difference of values and wanted ones.
func worst(t testing.TB, want, got []float32) (d float64) {
	require.Len(t, got, len(want))
	for i := range want {
		d = max(d, math.Abs(float64(want[i])-float64(got[i])))
	}
	return d
}

// Every way to score gives what CrossEncoder.predict does, on every kernel set.
func TestScoresAreTheReferences(t *testing.T) {
	ctx := context.Background()
	for _, set := range kernel.Sets() {
		all := 0.0
		for _, name := range goldenNames(t, "rerank-", "logit-") {
			t.Run(set.Name()+"/"+name, func(t *testing.T) {
				g := readGolden(t, name)
				m := load(t, g.dir, embed.Config{Kernels: set.Name()})
				require.True(t, m.Reranks())
				assert.Equal(t, g.cases.Activation, m.Info().Activation)
				assert.Equal(t, g.cases.MaxLength, m.Info().MaxTokens)
				for key, want := range g.answers {
					var o Options
					switch prompt, ok := strings.CutPrefix(key, "prompt_"); {
					case ok:
						o.PromptName = prompt
					case key == "prompted":
						o.Prompt = g.cases.CustomPrompt
					case key == "logits":
						o.Raw = true
					default:
						require.Equal(t, "scores", key)
					}
					var got []float32
					for _, q := range g.cases.Queries {
						scores, err := m.Score(ctx, q, g.cases.Documents, o)
						require.NoError(t, err)
						for _, s := range scores {
							got = append(got, s.Value)
						}
					}
					d := worst(t, want, got)
					assert.LessOrEqual(t, d, tol, key)
					all = max(all, d)
				}
			})
		}
		t.Logf("%s: worst difference %.1e", set.Name(), all)
	}
}

// Probabilities and logits are those of transformers' text-classification, of single
// texts and of pairs.
func TestProbabilitiesAreTheReferences(t *testing.T) {
	ctx := context.Background()
	for _, set := range kernel.Sets() {
		all := 0.0
		for _, name := range goldenNames(t, "classify-") {
			t.Run(set.Name()+"/"+name, func(t *testing.T) {
				g := readGolden(t, name)
				m := load(t, g.dir, embed.Config{Kernels: set.Name()})
				require.False(t, m.Reranks())
				assert.Equal(t, g.cases.Labels, m.Info().Labels)
				for key, want := range g.answers {
					o := Options{Raw: strings.HasSuffix(key, "_logits")}
					classify := func() ([]Classification, error) { return m.Classify(ctx, g.cases.Texts, o) }
					if strings.HasPrefix(key, "pairs_") {
						classify = func() ([]Classification, error) { return m.ClassifyPairs(ctx, g.cases.Pairs, o) }
					}
					results, err := classify()
					require.NoError(t, err)
					var got []float32
					for _, r := range results {
						byName := map[string]float32{}
						for i, l := range r.Labels {
							byName[l.Name] = l.Score
							require.True(t, i == 0 || l.Score <= r.Labels[i-1].Score)
						}
						for _, name := range g.cases.Labels {
							got = append(got, byName[name])
						}
					}
					d := worst(t, want, got)
					assert.LessOrEqual(t, d, tol, key)
					all = max(all, d)
				}
			})
		}
		t.Logf("%s: worst difference %.1e", set.Name(), all)
	}
}

// tokens returns what c makes of its inputs.
func tokens(t testing.TB, c *call) []pipeline.Tokens {
	_, err := c.Check()
	require.NoError(t, err)
	c.Begin(context.Background())
	list := make([]pipeline.Tokens, c.Count())
	for i := range list {
		list[i], err = c.Append(pipeline.Tokens{}, i)
		require.NoError(t, err)
	}
	return list
}

// The tokens of pairs and of texts, and their types, are the reference's.
func TestTokensAreTheReferences(t *testing.T) {
	for _, name := range goldenNames(t, "rerank-", "logit-") {
		g := readGolden(t, name)
		m := load(t, g.dir, embed.Config{Workers: 1})
		var ids [][][]int32
		require.NoError(t, json.Unmarshal(g.cases.IDs, &ids))
		assert.Equal(t, g.cases.Types != nil, m.typed, name)
		for i, query := range g.cases.Queries {
			c := &call{model: m, scores: true}
			for _, d := range g.cases.Documents {
				c.pairs = append(c.pairs, [2]string{query, d})
			}
			for j, got := range tokens(t, c) {
				require.Equal(t, ids[i][j], got.IDs, "%s: query %d, document %d", name, i, j)
				if m.typed {
					require.Equal(t, g.cases.Types[i][j], got.Types, "%s: query %d, document %d", name, i, j)
				}
				require.Equal(t, len(got.IDs), c.counts[j].tokens)
			}
		}
	}
	for _, name := range goldenNames(t, "classify-") {
		g := readGolden(t, name)
		m := load(t, g.dir, embed.Config{Workers: 1})
		var ids struct{ Texts, Pairs [][]int32 }
		require.NoError(t, json.Unmarshal(g.cases.IDs, &ids))
		for i, got := range tokens(t, &call{model: m, pairs: g.cases.Pairs}) {
			require.Equal(t, ids.Pairs[i], got.IDs, "%s: pair %d", name, i)
		}
		texts := &call{model: m, single: true}
		for _, text := range g.cases.Texts {
			texts.pairs = append(texts.pairs, [2]string{text})
		}
		for i, got := range tokens(t, texts) {
			require.Equal(t, ids.Texts[i], got.IDs, "%s: text %d", name, i)
		}
	}
}
