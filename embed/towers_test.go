package embed

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const towers = "../testdata/towers"

// Folders that towers.py makes give the reference's ids and vectors, of the length that they have there.
func TestTowerFolders(t *testing.T) {
	list, err := filepath.Glob(filepath.Join(towers, "*", "cases.json"))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	for _, file := range list {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) { checkTower(t, dir) })
	}
}

func checkTower(t *testing.T, dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var c struct {
		Texts   []string             `json:"texts"`
		Prompts map[string]string    `json:"prompts"`
		IDs     map[string][][]int32 `json:"ids"`
	}
	require.NoError(t, json.Unmarshal(data, &c))
	from, err := filepath.Rel(goldens, dir)
	require.NoError(t, err)
	want := readTensors(t, from, "answers.safetensors")
	for _, p := range []Precision{Float32, BFloat16, Int8} {
		m, err := Load(t.Context(), filepath.Join(dir, "model"), Config{Precision: p})
		require.NoError(t, err)
		defer m.Close() //nolint:errcheck // nothing was written
		for label, ids := range c.IDs {
			for i, text := range c.Texts {
				got, _ := tokenized(t, m, text, Options{Prompt: c.Prompts[label]})
				require.Equal(t, ids[i], got, "%s: %q", label, text)
			}
			o := Options{Unnormalized: !m.Info().Normalized}
			byIDs := embedIDs(t, m, ids, o)
			o.Prompt = c.Prompts[label]
			for _, r := range []*Result{embedTexts(t, m, c.Texts, o), byIDs} {
				if p == Float32 {
					requireClose(t, want[label], r, goldenTolerance)
					continue
				}
				for i, e := range r.Embeddings {
					require.GreaterOrEqual(t, cosine(want[label][i], e.Float32), 0.99, "%v, %s: text %d", p, label, i)
				}
			}
		}
	}
}

// What no text passes is listed, and a text model beside a tower makes embeddings alone, of which the end token has one.
func TestTowersAreListed(t *testing.T) {
	dir := filepath.Join(towers, "clip-vit-b-32", "model")
	m, err := Load(t.Context(), dir, Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // nothing was written
	for _, part := range []string{"vision_model.*", "visual_projection.*", "logit_scale*"} {
		require.Contains(t, m.Info().Ignored, "0_CLIPModel/model.safetensors: "+part)
	}
	require.Equal(t, []string{"lasttoken"}, m.Info().Pooling)
	require.False(t, m.Info().Normalized)
	_, err = m.EmbedIDs(t.Context(), [][]int32{{1, 2}}, Options{})
	require.ErrorContains(t, err, ", which ends a text")
	_, err = Load(t.Context(), filepath.Join(towers, "clip-openai", "model"), Config{Pooling: "mean"})
	require.ErrorContains(t, err, `pooling: "mean" given, and a clip has the vector of a text in its last token`)
	_, err = Load(t.Context(), filepath.Join(towers, "clip-openai", "model"), Config{Pooling: "last"})
	require.NoError(t, err)
}
