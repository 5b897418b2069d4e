// Package popular has no code: its test opens folders in the published layout of popular models.
package popular

import (
	"archive/zip"
	"encoding/json"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/verify"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// tolerance is of components, scores and weights: two layers of float32 sums, where the
// reference's differ as much between its own batches.
const tolerance = 3e-5

// ids4 are transformers 4.57.6's, of a model's texts by themselves.
type ids4 struct {
	IDs [][]int32 `json:"ids4"`
}

// Folders in the published layout of popular models give what sentence-transformers
// does, or are refused for a reason: those of testdata/popular, and of the folder that
// RHUMB_POPULAR names. testdata/generate/popular.py makes both.
func TestFolders(t *testing.T) {
	roots := []string{filepath.Join("..", "..", "testdata", "popular")}
	if more := os.Getenv("RHUMB_POPULAR"); more != "" {
		roots = append(roots, more)
	}
	for _, root := range roots {
		r, err := zip.OpenReader(filepath.Join(root, "popular.zip"))
		require.NoError(t, err)
		defer r.Close() //nolint:errcheck // nothing was written
		data, err := fs.ReadFile(r, "same.json")
		require.NoError(t, err)
		same := map[string]string{}
		require.NoError(t, json.Unmarshal(data, &same))
		folders := map[string][]string{} // their files
		for _, f := range r.File {
			same[f.Name] = f.Name
		}
		for path := range same {
			if parts := strings.SplitN(path, "/", 3); len(parts) == 3 {
				name := parts[0] + "/" + parts[1]
				folders[name] = append(folders[name], path)
			}
		}
		require.NotEmpty(t, folders, root)
		for _, name := range slices.Sorted(maps.Keys(folders)) {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				for _, path := range folders[name] {
					data, err := fs.ReadFile(r, same[path])
					require.NoError(t, err)
					to := filepath.Join(dir, strings.TrimPrefix(path, name))
					require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
					require.NoError(t, os.WriteFile(to, data, 0o600))
				}
				p, err := verify.Read(os.DirFS(dir))
				require.NoError(t, err)
				checkFour(t, dir, p)
				p.Transformers = 5 // which the reference runs on
				answers, err := p.Answers(t.Context(), embed.Config{})
				for _, a := range answers {
					check(t, a.Name, a.Want.Data, a.Got.Data)
				}
				if p.Refused == "" {
					require.NoError(t, err)
				} else {
					require.Error(t, err)
					require.Contains(t, strings.ToLower(err.Error()), strings.ToLower(p.Refused))
				}
			})
		}
	}
}

// check logs how far got is from want, and fails beyond the tolerance.
func check(t *testing.T, what string, want, got []float32) {
	require.Len(t, got, len(want), what)
	worst := 0.0
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		require.False(t, math.IsNaN(d), "%s: element %d", what, i)
		worst = max(worst, d)
	}
	t.Logf("%s: %.1e", what, worst)
	require.LessOrEqual(t, worst, tolerance, what)
}

// checkFour holds the tokenizer, as the folder's own version of transformers reads it, to the
// ids of 4.57.6, where that version is 4 or none.
func checkFour(t *testing.T, dir string, p *verify.Model) {
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var four ids4
	require.NoError(t, json.Unmarshal(data, &four))
	if four.IDs == nil {
		return
	}
	tok, err := tokenizer.LoadAs(os.DirFS(filepath.Join(dir, "model")), 0)
	require.NoError(t, err)
	if tok.Version() == 5 {
		return
	}
	for i, text := range p.Texts {
		e, err := tok.Encode(text, tokenizer.Options{})
		require.NoError(t, err)
		require.Equal(t, four.IDs[i], e.IDs, "transformers 4's ids of %q", text)
	}
}
