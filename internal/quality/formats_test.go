package quality

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/search"
)

// A pair is two sentences of the STS benchmark, and how alike people find them, 0 to 5.
type pair struct {
	first, second string
	people        float64
}

// readPairs reads a CSV file, compressed or not.
func readPairs(t *testing.T, path string) (pairs []pair) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // nothing was written
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(f)
		require.NoError(t, err)
	}
	all, err := csv.NewReader(r).ReadAll()
	require.NoError(t, err)
	for _, row := range all {
		people, err := strconv.ParseFloat(row[2], 64)
		require.NoError(t, err)
		pairs = append(pairs, pair{row[0], row[1], people})
	}
	return pairs
}

// ranks returns the place of each value among all, from 1; equal ones share the mean of theirs.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	places := make([]float64, len(values))
	for from, to := 0, 0; from < len(order); from = to {
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			places[i] = float64(from+to+1) / 2
		}
	}
	return places
}

// spearman is Spearman's correlation.
func spearman(a, b []float64) float64 {
	a, b = ranks(a), ranks(b)
	mean := float64(len(a)+1) / 2
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		x, y := a[i]-mean, b[i]-mean
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// By hand: ranks 1, 2.5, 2.5, 4 and 2, 1, 3, 4.
func TestSpearman(t *testing.T) {
	assert.Equal(t, []float64{1, 2.5, 2.5, 4}, ranks([]float64{-1, 5, 5, 9}))
	assert.InDelta(t, 3/math.Sqrt(4.5*5), spearman([]float64{-1, 5, 5, 9}, []float64{2, 1, 3, 8}), 1e-12)
}

// forms are vectors of d components in each of the formats.
type forms struct {
	d, n   int
	float  []float32
	half   []float16.Float16
	own    []int8 // at each vector's own scale
	ranged []int8 // by calibrated ranges
	bits   []uint8
}

func makeForms(t *testing.T, m *embed.Model, texts []string, prompt string) *forms {
	t.Helper()
	r, err := m.Embed(t.Context(), texts, embed.Options{PromptName: prompt, Formats: []encoding.Format{encoding.Float, encoding.Float16, encoding.Int8, encoding.Ubinary}})
	require.NoError(t, err)
	f := &forms{d: r.Dimensions, n: len(texts)}
	for _, e := range r.Embeddings {
		f.float, f.half, f.own, f.bits = append(f.float, e.Float32...), append(f.half, e.Float16...), append(f.own, e.Int8...), append(f.bits, e.Ubinary...)
	}
	return f
}

// rangeAll makes the vectors of some forms int8 in the ranges of those of the first.
func rangeAll(t *testing.T, of *forms, all ...*forms) {
	t.Helper()
	ranges, err := quant.Calibrate(slices.Chunk(of.float, of.d))
	require.NoError(t, err)
	for _, f := range all {
		for v := range slices.Chunk(f.float, f.d) {
			f.ranged, err = quant.AppendRanged(f.ranged, v, ranges)
			require.NoError(t, err)
		}
	}
}

// cut returns the first components of each vector, at unit length again where they are compared.
func (f *forms) cut(d int) []float32 {
	var rows []float32
	for v := range slices.Chunk(f.float, f.d) {
		rows = append(rows, v[:d]...)
	}
	return rows
}

// formatNames are what is compared, as formats.json has it; "int8 own" it has not.
var formatNames = []string{"float", "float16", "int8 own", "int8", "ubinary", "1/2", "1/4"}

// scorer returns how alike vector i of a and each of the n from vector j of b on are, in a format.
func scorer(t *testing.T, name string, a, b *forms) func(i, j, n int) []float32 {
	switch name {
	case "float16":
		return scoring(t, search.Cosine, a.half, b.half, a.d)
	case "int8 own":
		return scoring(t, search.Cosine, a.own, b.own, a.d)
	case "int8":
		return scoring(t, search.Cosine, a.ranged, b.ranged, a.d)
	case "ubinary":
		of := scoring(t, search.Hamming, a.bits, b.bits, (a.d+7)/8)
		return func(i, j, n int) []float32 {
			scores := of(i, j, n)
			for k := range scores {
				scores[k] = -scores[k]
			}
			return scores
		}
	case "1/2", "1/4":
		d := a.d / int(name[2]-'0')
		return scoring(t, search.Cosine, a.cut(d), b.cut(d), d)
	}
	return scoring(t, search.Cosine, a.float, b.float, a.d)
}

func scoring[E search.Number](t *testing.T, m search.Metric, a, b []E, width int) func(i, j, n int) []float32 {
	return func(i, j, n int) []float32 {
		scores := make([]float32, n)
		require.NoError(t, search.Scores(scores, m, a[i*width:(i+1)*width], b[j*width:(j+n)*width]))
		return scores
	}
}

// figures are nDCG@10 and Spearman's correlation of one model by format.
type figures struct{ retrieval, sts map[string]float64 }

func (s *set) figures(t *testing.T, m *embed.Model, pairs []pair, names []string) figures {
	out := figures{map[string]float64{}, map[string]float64{}}
	asked, documents := makeForms(t, m, s.queries, "query"), makeForms(t, m, s.documents, "document")
	rangeAll(t, documents, documents, asked)
	var a, b *forms
	var people []float64
	if pairs != nil {
		var first, second []string
		for _, p := range pairs {
			first, second, people = append(first, p.first), append(second, p.second), append(people, p.people)
		}
		a, b = makeForms(t, m, first, "query"), makeForms(t, m, second, "query")
		both := &forms{d: a.d, float: slices.Concat(a.float, b.float)}
		rangeAll(t, both, a, b)
	}
	for _, name := range names {
		of := scorer(t, name, asked, documents)
		var all [][]float32
		for i := range s.queries {
			all = append(all, of(i, 0, documents.n))
		}
		out.retrieval[name] = s.mean(all, 1)
		if pairs == nil {
			continue
		}
		of = scorer(t, name, a, b)
		var alike []float64
		for i := range pairs {
			alike = append(alike, float64(of(i, i, 1)[0]))
		}
		out.sts[name] = spearman(people, alike)
	}
	return out
}

// sparseFigures are those of the SPLADE model in dir.
func (s *set) sparseFigures(t *testing.T, dir string, cfg embed.Config, pairs []pair) figures {
	out := figures{map[string]float64{"float": s.mean(s.sparse(t, dir, cfg), 1)}, map[string]float64{}}
	m, err := sparse.Load(t.Context(), dir, cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, m.Close()) }()
	var people, alike []float64
	for _, p := range pairs {
		v, err := m.Embed(t.Context(), []string{p.first, p.second}, sparse.Options{PromptName: "query"})
		require.NoError(t, err)
		people = append(people, p.people)
		alike = append(alike, float64(sparse.Dot(v[0], v[1]))/math.Sqrt(float64(sparse.Dot(v[0], v[0]))*float64(sparse.Dot(v[1], v[1]))))
	}
	if pairs != nil {
		out.sts["float"] = spearman(people, alike)
	}
	return out
}

// TestFormats prints of the models in the folder RHUMB_QUALITY the rows of docs/quality.md, for the retrieval set and,
// where RHUMB_STS is its file, the STS benchmark; and compares them with sentence-transformers'. RHUMB_QUALITY_MODEL
// names one of the models.
func TestFormats(t *testing.T) {
	root := os.Getenv("RHUMB_QUALITY")
	if root == "" {
		t.Skip("RHUMB_QUALITY is no folder of real models; testdata/retrieval/README.md says which")
	}
	var pairs []pair
	if path := os.Getenv("RHUMB_STS"); path != "" {
		pairs = readPairs(t, path)
	}
	text, err := os.ReadFile(filepath.Join(data, "formats.json"))
	require.NoError(t, err)
	var reference struct {
		Pairs          int
		Retrieval, STS map[string]map[string]float64
	}
	require.NoError(t, json.Unmarshal(text, &reference))
	s := load(t)
	for _, name := range []string{"wordllama-256", "paraphrase-MiniLM-L3-v2", "all-MiniLM-L6-v2", "splade-tiny", "e5-small-v2", "multilingual-e5-small", "all-mpnet-base-v2"} {
		dir := filepath.Join(root, name)
		if _, err := os.Stat(dir); err != nil || os.Getenv("RHUMB_QUALITY_MODEL") != "" && os.Getenv("RHUMB_QUALITY_MODEL") != name {
			continue
		}
		for _, precision := range embed.Precisions() {
			t.Run(name+"/"+precision.String(), func(t *testing.T) {
				if name == "wordllama-256" && precision != embed.Float32 {
					t.Skip("a table is the same in each precision")
				}
				from, names := dir, formatNames[:1]
				if precision == embed.Int4 { // a copy, whose weights are rounded so that their errors make up for each other
					from = filepath.Join(t.TempDir(), name)
					_, err := embed.Quantize(t.Context(), dir, from, embed.Int4, nil)
					require.NoError(t, err)
				}
				if precision == embed.Float32 {
					names = formatNames
				}
				var got figures
				if name == "splade-tiny" {
					names = names[:1]
					got = s.sparseFigures(t, from, embed.Config{Precision: precision}, pairs)
				} else {
					got = s.figures(t, loadDense(t, from, embed.Config{Precision: precision}), pairs, names)
				}
				for _, format := range names {
					hold(t, "nDCG@10", name, precision, format, got.retrieval, reference.Retrieval)
					if len(pairs) == reference.Pairs {
						hold(t, "Spearman", name, precision, format, got.sts, reference.STS)
					}
				}
			})
		}
	}
}

// hold logs a figure, and holds it to the reference's in float32. In fewer bits a component that is all but on the
// border of two numbers falls on either side, and documents that are all but equal swap places.
func hold(t *testing.T, what, name string, precision embed.Precision, format string, got map[string]float64, reference map[string]map[string]float64) {
	t.Helper()
	want, known := reference[name][format]
	if !known {
		t.Logf("| %s | %s | %v | %s | %.4f | |", name, what, precision, format, got[format])
		return
	}
	t.Logf("| %s | %s | %v | %s | %.4f | %.4f |", name, what, precision, format, got[format], want)
	if precision == embed.Float32 {
		limit := tolerance
		switch format {
		case "float16":
			limit = 0.002
		case "ubinary", "int8":
			limit = 0.005
		}
		assert.InDelta(t, want, got[format], limit, "%s %s", what, format)
	}
}
