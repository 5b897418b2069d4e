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
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/rerank"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// tolerance is of components, scores and weights: two layers of float32 sums, where the
// reference's differ as much between its own batches.
const tolerance = 3e-5

// A popular is what cases.json says, and the reference's answers.
type popular struct {
	Name, Kind     string
	Texts, Queries []string
	Prompts        map[string]string
	IDs            map[string][][]int32
	IDs4           [][]int32 `json:"ids4"` // transformers 4.57.6's, of Texts by themselves
	Pooling        string
	QueryRows      []int  `json:"query_rows"`
	DocumentRows   []int  `json:"document_rows"`
	Refused        string // what the error says
	dir            string
	answers        map[string]tensor.Matrix
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
				p := read(t, dir)
				check := map[string]func(*testing.T, *popular, embed.Config) error{
					"embed": checkEmbed, "rerank": checkRerank, "classify": checkClassify, "sparse": checkSparse, "multivector": checkMultiVector,
				}[p.Kind]
				require.NotNil(t, check, p.Kind)
				checkFour(t, p)
				err := check(t, p, embed.Config{Pooling: p.Pooling, Transformers: 5}) // which the reference runs on
				if p.Refused == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, p.Refused)
				}
			})
		}
	}
}

// read returns what the folder of a model and its answers has.
func read(t *testing.T, root string) *popular {
	p := &popular{dir: filepath.Join(root, "model"), answers: map[string]tensor.Matrix{}}
	data, err := os.ReadFile(filepath.Join(root, "cases.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, p))
	if p.Refused != "" {
		return p
	}
	f, err := tensor.Open(filepath.Join(root, "answers.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // nothing was written
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		m := tensor.NewMatrix(1, x.Len())
		if len(x.Shape) == 2 {
			m = tensor.NewMatrix(x.Shape[0], x.Shape[1])
		}
		require.NoError(t, x.Float32s(m.Data))
		p.answers[name] = m
	}
	return p
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
func checkFour(t *testing.T, p *popular) {
	if p.IDs4 == nil {
		return
	}
	tok, err := tokenizer.LoadAs(os.DirFS(p.dir), 0)
	require.NoError(t, err)
	if tok.Version() == 5 {
		return
	}
	for i, text := range p.Texts {
		e, err := tok.Encode(text, tokenizer.Options{})
		require.NoError(t, err)
		require.Equal(t, p.IDs4[i], e.IDs, "transformers 4's ids of %q", text)
	}
}

// unit reports whether a row is of unit length, as those of a model with Normalize.
func unit(row []float32) bool {
	sum := 0.0
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	return math.Abs(sum-1) < 1e-4
}

func checkEmbed(t *testing.T, p *popular, cfg embed.Config) error {
	m, err := embed.Load(t.Context(), p.dir, cfg)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // nothing was written
	for label, want := range p.answers {
		r, err := m.Embed(t.Context(), p.Texts, embed.Options{Prompt: p.Prompts[label], Unnormalized: !unit(want.Row(0))})
		require.NoError(t, err)
		var got []float32
		for i, e := range r.Embeddings {
			if ids := p.IDs[label]; ids != nil {
				require.Equal(t, len(ids[i]), e.Tokens, "%s: tokens of text %d", label, i)
			}
			got = append(got, e.Float32...)
		}
		check(t, label, want.Data, got)
	}
	return nil
}

func checkRerank(t *testing.T, p *popular, cfg embed.Config) error {
	m, err := rerank.Load(t.Context(), p.dir, cfg)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // nothing was written
	var got []float32
	for _, q := range p.Queries {
		scores, err := m.Score(t.Context(), q, p.Texts, rerank.Options{})
		require.NoError(t, err)
		for _, s := range scores {
			got = append(got, s.Value)
		}
	}
	check(t, "scores", p.answers["scores"].Data, got)
	return nil
}

func checkClassify(t *testing.T, p *popular, cfg embed.Config) error {
	m, err := rerank.Load(t.Context(), p.dir, cfg)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // nothing was written
	var pairs [][2]string
	for _, q := range p.Queries {
		for _, text := range p.Texts {
			pairs = append(pairs, [2]string{q, text})
		}
	}
	var got []float32
	list, err := m.ClassifyPairs(t.Context(), pairs, rerank.Options{})
	require.NoError(t, err)
	for _, c := range list {
		for _, name := range m.Info().Labels {
			for _, l := range c.Labels {
				if l.Name == name {
					got = append(got, l.Score)
				}
			}
		}
	}
	check(t, "labels", p.answers["scores"].Data, got)
	return nil
}

func checkSparse(t *testing.T, p *popular, cfg embed.Config) error {
	m, err := sparse.Load(t.Context(), p.dir, cfg)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // nothing was written
	for name, want := range p.answers {
		vectors, err := m.Embed(t.Context(), p.Texts, sparse.Options{PromptName: name})
		require.NoError(t, err)
		got := make([]float32, len(want.Data))
		for i, v := range vectors {
			for j, at := range v.Indices {
				got[i*want.Cols+int(at)] = v.Values[j]
			}
		}
		check(t, name, want.Data, got)
	}
	return nil
}

func checkMultiVector(t *testing.T, p *popular, cfg embed.Config) error {
	m, err := multivector.Load(t.Context(), p.dir, cfg)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // nothing was written
	var got []float32
	for i, q := range p.Queries {
		e, err := m.EmbedQuery(t.Context(), q, multivector.Options{})
		require.NoError(t, err)
		require.Equal(t, p.QueryRows[i], e.Vectors.Rows, "query %d", i)
		got = append(got, e.Vectors.Data...)
	}
	check(t, "query", p.answers["query"].Data, got)
	list, err := m.EmbedDocuments(t.Context(), p.Texts, multivector.Options{})
	require.NoError(t, err)
	got = nil
	for i, e := range list {
		require.Equal(t, p.DocumentRows[i], e.Vectors.Rows, "document %d", i)
		got = append(got, e.Vectors.Data...)
	}
	check(t, "document", p.answers["document"].Data, got)
	return nil
}
