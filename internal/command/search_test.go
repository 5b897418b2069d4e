package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/rows"
)

// found is a line of search's output.
type found struct {
	Index   int
	Query   string
	Matches []struct {
		Index int
		ID    json.RawMessage
		Score float64
		Text  string
	}
}

// cosine64 returns the cosine of a and b in float64.
func cosine64(a, b []float32) float64 {
	dot, x, y := 0.0, 0.0, 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		x += float64(a[i]) * float64(a[i])
		y += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(x*y)
}

// prompted returns what the library makes of texts with a prompt of that name.
func prompted(t *testing.T, name string, texts ...string) [][]float32 {
	t.Helper()
	m, err := embed.Load(t.Context(), tiny, embed.Config{})
	require.NoError(t, err)
	defer m.Close()
	r, err := m.Embed(t.Context(), texts, embed.Options{PromptName: name})
	require.NoError(t, err)
	var vectors [][]float32
	for _, e := range r.Embeddings {
		vectors = append(vectors, e.Float32)
	}
	return vectors
}

func TestSearch(t *testing.T) {
	words := strings.Fields("summer winter river deep night day house the of and a to")
	random := rand.New(rand.NewPCG(1, 2))
	var lines []string
	for i := range 200 {
		var line []string
		for range 1 + random.IntN(8) {
			line = append(line, words[random.IntN(len(words))])
		}
		lines = append(lines, fmt.Sprint(i, " ", strings.Join(line, " ")))
	}
	corpus := write(t, "corpus.txt", strings.Join(lines, "\n")+"\n")
	queries := []string{"a deep river", "night"}
	questions, documents := prompted(t, "query", queries...), prompted(t, "document", lines...)
	const top = 15 // of which binary chooses among all 200
	for name, tolerance := range map[string]float64{
		"float": 3e-7, // of a cosine of float32, printed as float32
		"int8":  0.01, // √24·½/127 of the largest component, which is about half the length
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"search", "--model", tiny, "--corpus", corpus, "--top", fmt.Sprint(top), "--encoding", name}, queries...)
			code, stdout, stderr := rhumb(t, "", args...)
			require.Zero(t, code, stderr)
			assert.Regexp(t, `^rhumb: 1 input over the limit: \d+ tokens dropped .*\n$`, stderr)
			var n int
			for line := range strings.Lines(stdout) {
				var f found
				require.NoError(t, json.Unmarshal([]byte(line), &f))
				assert.Equal(t, n, f.Index)
				assert.Equal(t, queries[n], f.Query)
				require.Len(t, f.Matches, top)
				var cosines []float64
				for _, d := range documents {
					cosines = append(cosines, cosine64(questions[n], d))
				}
				best := slices.Clone(cosines)
				slices.SortFunc(best, func(a, b float64) int { return cmp.Compare(b, a) })
				seen := map[int]bool{}
				for i, m := range f.Matches {
					assert.False(t, seen[m.Index])
					seen[m.Index] = true
					assert.Equal(t, lines[m.Index], m.Text)
					assert.InDelta(t, cosines[m.Index], m.Score, tolerance)
					assert.InDelta(t, best[i], m.Score, tolerance, "the best %d", i+1)
				}
				n++
			}
			assert.Len(t, queries, n)
			if name == "int8" {
				args[slices.Index(args, "int8")] = "binary"
				code, binary, stderr := rhumb(t, "", args...)
				require.Zero(t, code, stderr)
				assert.Equal(t, stdout, binary, "where the bits choose among all, 8 bits order")
			}
		})
	}
	t.Run("table", func(t *testing.T) {
		code, stdout, stderr := rhumb(t, "", "search", "--model", tiny, "--corpus", corpus, "--top", "3", "--output-format", "table", queries[0])
		require.Zero(t, code, stderr)
		printed := strings.Split(strings.TrimSpace(stdout), "\n")
		require.Len(t, printed, 4)
		assert.Equal(t, queries[0], printed[0])
		assert.Regexp(t, `^ +\d\.\d{4} +\d+  \d+ `, printed[1])
	})
}

// The bits choose some of the lines, and 8 bits among those.
func TestSearchBits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	vector := func() []float32 {
		v := make([]float32, 30)
		for i := range v {
			v[i] = float32(random.NormFloat64())
		}
		return v
	}
	x := &index{encoding: "binary"}
	var all [][]float32
	for range 500 {
		all = append(all, vector())
		require.NoError(t, x.add([]rows.Result{{Embedding: embedding(all[len(all)-1])}}))
	}
	signs := func(v []float32) (set uint32) {
		for i, c := range v {
			if c > 0 {
				set |= 1 << i
			}
		}
		return set
	}
	for range 20 {
		query := vector()
		var rows []int
		for i := range all {
			rows = append(rows, i)
		}
		slices.SortStableFunc(rows, func(a, b int) int {
			far := func(i int) int { return bits.OnesCount32(signs(query) ^ signs(all[i])) }
			return cmp.Compare(far(a), far(b))
		})
		chosen := rows[:5*candidates]
		asked := embedding(query)
		got, err := x.search(t.Context(), &asked, 5)
		require.NoError(t, err)
		require.Len(t, got, 5)
		for i, m := range got {
			assert.Contains(t, chosen, m.Row)
			assert.InDelta(t, cosine64(query, all[m.Row]), m.Score, 0.01)
			nearer := 0
			for _, row := range chosen {
				if cosine64(query, all[row]) > float64(m.Score)+0.01 {
					nearer++
				}
			}
			assert.LessOrEqual(t, nearer, i)
		}
	}
}

func embedding(v []float32) (e rows.Embedding) {
	e.Float32 = v
	return e
}

func TestSearchInputs(t *testing.T) {
	for format, path := range inputs(t) {
		code, stdout, stderr := rhumb(t, "", "search", "--model", tiny, "--corpus", path, sentences[1])
		require.Zero(t, code, stderr)
		var f found
		require.NoError(t, json.Unmarshal([]byte(stdout), &f))
		require.Len(t, f.Matches, len(sentences), "all there are, of the 10 by default")
		for _, m := range f.Matches {
			assert.Equal(t, sentences[m.Index], m.Text)
			if format == "text" {
				assert.Nil(t, m.ID)
			} else {
				assert.Equal(t, fmt.Sprintf(`"no%d"`, m.Index), string(m.ID))
			}
		}
	}
	code, stdout, _ := rhumb(t, "summer\n", "search", "--model", tiny, "--corpus", "-", "a", "b")
	assert.Zero(t, code)
	assert.Equal(t, 2, strings.Count(stdout, `"text":"summer"`))
	for _, encoding := range []string{"float", "int8", "binary"} {
		code, stdout, _ = rhumb(t, "", "search", "--model", tiny, "--corpus", "-", "--encoding", encoding, "a")
		assert.Zero(t, code)
		assert.Equal(t, `{"index":0,"query":"a","matches":[]}`+"\n", stdout)
	}
	lists := filepath.Join(t.TempDir(), "in.parquet")
	type tokens struct {
		Tokens []int32 `parquet:"tokens,list"`
	}
	require.NoError(t, parquet.WriteFile(lists, []tokens{{[]int32{2, 3}}}))
	for _, test := range []struct {
		code    int
		message string
		args    []string
	}{
		{1, "in.parquet:1: token ids; expected a text", []string{"--corpus", lists, "a"}},
		{1, "in.txt:2: ", []string{"--corpus", write(t, "in.txt", "a\n\n"), "--keep-blank", "a"}},
		{1, "query 2: empty text", []string{"--corpus", "-", "a", ""}},
		{1, "no-file.txt", []string{"--corpus", "no-file.txt", "a"}},
		{2, `--corpus: missing`, []string{"a"}},
		{2, "0 arguments, expected --corpus FILE QUERY…", []string{"--corpus", "-"}},
		{2, "--top 0", []string{"--corpus", "-", "--top", "0", "a"}},
		{2, "there is float, int8, binary", []string{"--corpus", "-", "--encoding", "uint8", "a"}},
		{2, "unknown flag", []string{"--corpus", "-", "--prompt", "p", "a"}},
	} {
		code, stdout, stderr := rhumb(t, "", append([]string{"search", "--model", tiny}, test.args...)...)
		assert.Equal(t, test.code, code, stderr)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.message)
	}
}
