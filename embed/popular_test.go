package embed

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Folders in the published layout of popular models give sentence-transformers' ids and vectors: those of
// testdata/popular, and of the folder that RHUMB_POPULAR names, which popular.py makes.
func TestPopularFolders(t *testing.T) {
	roots := []string{filepath.Join("..", "testdata", "popular")}
	if more := os.Getenv("RHUMB_POPULAR"); more != "" {
		roots = append(roots, more)
	}
	for _, root := range roots {
		list, err := filepath.Glob(filepath.Join(root, "*", "cases.json"))
		require.NoError(t, err)
		require.NotEmpty(t, list, root)
		for _, file := range list {
			dir := filepath.Dir(file)
			t.Run(filepath.Base(dir), func(t *testing.T) { checkPopular(t, dir) })
		}
	}
}

func checkPopular(t *testing.T, dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var c struct {
		Texts   []string             `json:"texts"`
		Prompts map[string]string    `json:"prompts"`
		IDs     map[string][][]int32 `json:"ids"`
	}
	require.NoError(t, json.Unmarshal(data, &c))
	m, err := Load(t.Context(), filepath.Join(dir, "model"), Config{})
	require.NoError(t, err)
	defer m.Close() //nolint:errcheck // nothing was written
	from, err := filepath.Rel(goldens, dir)
	require.NoError(t, err)
	want := readTensors(t, from, "answers.safetensors")
	for label, ids := range c.IDs {
		prompt := c.Prompts[label]
		for _, r := range []*Result{embedTexts(t, m, c.Texts, Options{Prompt: prompt}), embedIDs(t, m, ids, Options{})} {
			for i, e := range r.Embeddings {
				require.Equal(t, len(ids[i]), e.Tokens, "%s: text %d", label, i)
			}
			requireClose(t, want[label], r, goldenTolerance)
		}
	}
}
