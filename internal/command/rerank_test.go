package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scoredRow is a line of rerank's output.
type scoredRow struct {
	Index     int             `json:"index"`
	ID        json.RawMessage `json:"id"`
	Score     float32         `json:"score"`
	Text      string          `json:"text"`
	Truncated int             `json:"truncated"`
}

// reranked returns what rerank prints of documents as jsonl.
func reranked(t *testing.T, documents []string, args ...string) []scoredRow {
	t.Helper()
	args = append([]string{"rerank", "--model", reranker, "--input-format", "jsonl"}, args...)
	code, stdout, stderr := rhumb(t, jsonLines(t, documents...), args...)
	require.Zero(t, code, stderr)
	assert.Empty(t, stderr)
	return parse[scoredRow](t, stdout)
}

// Scores are those of CrossEncoder.predict, the highest first, or in the order of the input.
func TestRerank(t *testing.T) {
	g := readCross(t, reranker)
	for key, args := range map[string][]string{
		"scores": nil, "logits": {"--raw"}, "prompted": {"--prompt", g.CustomPrompt},
	} {
		for q, query := range g.Queries {
			want := g.answers[key][q*len(g.Documents) : (q+1)*len(g.Documents)]
			args := append([]string{"--query", query}, args...)
			inOrder := reranked(t, g.Documents, append(args, "--sort=false")...)
			require.Len(t, inOrder, len(want))
			for i, r := range inOrder {
				assert.Equal(t, i, r.Index)
				assert.Equal(t, g.Documents[i], r.Text)
				assert.InDelta(t, want[i], r.Score, crossTolerance, key)
			}
			sorted := reranked(t, g.Documents, args...)
			slices.SortStableFunc(inOrder, func(a, b scoredRow) int { return cmp.Compare(b.Score, a.Score) })
			assert.Equal(t, inOrder, sorted)
		}
	}
}

// The best are the same, however many parts the input is read in; equal ones go by index.
func TestRerankTop(t *testing.T) {
	g := readCross(t, reranker)
	var documents []string
	for i := range 25 { // more than a chunk
		for _, d := range g.Documents {
			if i%2 == 1 {
				d += fmt.Sprint(" ", i)
			}
			documents = append(documents, d)
		}
	}
	require.Greater(t, len(documents), 2*leastInputs)
	query := []string{"--query", g.Queries[0]}
	all := reranked(t, documents, append(query, "--sort=false")...)
	for i, r := range all {
		require.Equal(t, i, r.Index)
		require.Equal(t, documents[i], r.Text)
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b scoredRow) int { return cmp.Compare(b.Score, a.Score) })
	assert.Equal(t, sorted, reranked(t, documents, query...))
	for _, top := range []int{1, 2, 7, 100, len(documents), 1000} {
		want := slices.Clone(sorted[:min(top, len(sorted))])
		args := append(query, "--top", strconv.Itoa(top))
		assert.Equal(t, want, reranked(t, documents, args...), top)
		slices.SortFunc(want, func(a, b scoredRow) int { return cmp.Compare(a.Index, b.Index) })
		assert.Equal(t, want, reranked(t, documents, append(args, "--sort=false")...), top)
	}
}

func TestRerankInputs(t *testing.T) {
	run := func(args ...string) []scoredRow {
		t.Helper()
		code, stdout, stderr := rhumb(t, "the night\n\na deep river\n", append([]string{"rerank", "--model", reranker, "--query", "river", "--sort=false"}, args...)...)
		require.Zero(t, code, stderr)
		return parse[scoredRow](t, stdout)
	}
	want := run("the night", "", "a deep river")
	require.Len(t, want, 3)
	assert.Equal(t, want, run(), "lines of standard input, an empty one too")
	assert.Equal(t, want, run("--input", write(t, "in.txt", "the night\n\na deep river\n")))
	assert.Equal(t, want, run("--input", write(t, "in.csv", "body,other\nthe night,1\n\"\",2\na deep river,3\n"), "--text-field", "body"))
	got := run("--input", write(t, "in.jsonl", `{"id":"x","text":"the night"}`+"\n\"\"\n\"a deep river\"\n"))
	assert.JSONEq(t, `"x"`, string(got[0].ID))
	got[0].ID = nil
	assert.Equal(t, want, got)

	long := run("the night " + strings.Repeat("river ", 100))
	assert.Positive(t, long[0].Truncated)
	assert.Zero(t, want[0].Truncated)

	code, stdout, stderr := rhumb(t, "", "rerank", "--model", reranker, "--query", "river", "--output-format", "table", "--top", "1", "the night", "a deep river")
	require.Zero(t, code, stderr)
	assert.Regexp(t, `^ +score +index +text\n +0\.\d{4} +[01]  (the night|a deep river)\n$`, stdout)
}

func TestRerankErrors(t *testing.T) {
	long := strings.Repeat("river ", 100)
	t.Setenv("RHUMB_MODEL", "")
	for _, test := range []struct {
		code    int
		message string
		args    []string
	}{
		{2, `--query: missing`, []string{"a"}},
		{1, "query: empty", []string{"--query", "", "a"}},
		{2, "--query: not UTF-8", []string{"--query", "\xff", "a"}},
		{2, "--prompt: not UTF-8", []string{"--query", "q", "--prompt", "\xff", "a"}},
		{1, "prompt name: unknown", []string{"--query", "q", "--prompt-name", "nope", "a"}},
		{2, "--top 0", []string{"--query", "q", "--top", "0", "a"}},
		{2, "--max-tokens 0", []string{"--query", "q", "--max-tokens", "0", "a"}},
		{2, "give one of them", []string{"--query", "q", "--input", "-", "a"}},
		{2, "unknown flag", []string{"--query", "q", "--pooling", "cls", "a"}},
		{1, "argument 2: ", []string{"--query", "q", "--truncate", "none", "a", long}},
		{1, "argument 1: not UTF-8", []string{"--query", "q", "\xff"}},
		{1, "in.jsonl:2: token ids; expected a text", []string{"--query", "q", "--input", write(t, "in.jsonl", "\"a\"\n[1]\n")}},
		{1, "in.jsonl:1: ", []string{"--query", "q", "--input", write(t, "in.jsonl", `["a", "b"]`)}},
	} {
		code, stdout, stderr := rhumb(t, "", append([]string{"rerank", "--model", reranker}, test.args...)...)
		assert.Equal(t, test.code, code, stderr)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.message)
	}
	for _, args := range [][]string{{"rerank", "--query", "q", "a"}, {"classify", "a"}} {
		code, _, stderr := rhumb(t, "", args...)
		assert.Equal(t, 2, code)
		assert.Contains(t, stderr, "--model: none given")
	}
	t.Setenv("RHUMB_MODEL", reranker)
	code, _, stderr := rhumb(t, "", "rerank", "--query", "q", "a")
	assert.Zero(t, code, stderr)
}
