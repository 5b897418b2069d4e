package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// labeledRow is a line of classify's output.
type labeledRow struct {
	Index  int             `json:"index"`
	ID     json.RawMessage `json:"id"`
	Labels []struct {
		Label string  `json:"label"`
		Score float32 `json:"score"`
	} `json:"labels"`
	Truncated int `json:"truncated"`
}

// Texts and pairs, mixed, get the labels of transformers' text-classification.
func TestClassify(t *testing.T) {
	g := readCross(t, classifier)
	var inputs []any
	for i, text := range g.Texts {
		inputs = append(inputs, text, g.Pairs[i])
	}
	require.Len(t, g.Pairs, len(g.Texts))
	for key, args := range map[string][]string{"probabilities": nil, "logits": {"--raw"}} {
		run := func(more ...string) []labeledRow {
			args := append(append([]string{"classify", "--model", classifier, "--input-format", "jsonl"}, args...), more...)
			code, stdout, stderr := rhumb(t, jsonLines(t, inputs...), args...)
			require.Zero(t, code, stderr)
			assert.Empty(t, stderr)
			return parse[labeledRow](t, stdout)
		}
		got := run()
		require.Len(t, got, len(inputs))
		for i, r := range got {
			want := g.answers[[]string{"texts_", "pairs_"}[i%2]+key][i/2*len(g.Labels):][:len(g.Labels)]
			assert.Equal(t, i, r.Index)
			require.Len(t, r.Labels, len(g.Labels))
			seen := map[string]bool{}
			for j, l := range r.Labels {
				seen[l.Label] = true
				for k, name := range g.Labels {
					if name == l.Label {
						assert.InDelta(t, want[k], l.Score, crossTolerance, "%s of input %d", key, i)
					}
				}
				if j > 0 {
					assert.LessOrEqual(t, l.Score, r.Labels[j-1].Score, "the highest first")
				}
			}
			assert.Len(t, seen, len(g.Labels))
		}
		for i, r := range run("--top", "2") {
			assert.Equal(t, got[i].Labels[:2], r.Labels)
		}
		for i, r := range run("--top", "9") {
			assert.Equal(t, got[i].Labels, r.Labels)
		}
	}
}

func TestClassifyInputs(t *testing.T) {
	run := func(stdin string, args ...string) (int, string, string) {
		return rhumb(t, stdin, append([]string{"classify", "--model", classifier}, args...)...)
	}
	_, arguments, _ := run("", "the night", "a deep river")
	code, lines, stderr := run("the night\na deep river\n")
	require.Zero(t, code, stderr)
	assert.Equal(t, arguments, lines)
	code, object, stderr := run(`{"id": 7, "text": ["the night", "a deep river"]}`, "--input-format", "jsonl")
	require.Zero(t, code, stderr)
	assert.Equal(t, json.RawMessage("7"), parse[labeledRow](t, object)[0].ID)

	code, table, stderr := run(`["the night", "a deep river"]`, "--input-format", "jsonl", "--output-format", "table", "--top", "1")
	require.Zero(t, code, stderr)
	assert.Regexp(t, `^ +0  (entailment|neutral|contradiction) 0\.\d{4}  the night \| a deep river\n$`, table)

	long := strings.Repeat("river ", 100)
	code, row, stderr := run("", long)
	require.Zero(t, code, stderr)
	assert.Positive(t, parse[labeledRow](t, row)[0].Truncated)

	for _, test := range []struct {
		code                 int
		stdin, args, message string
	}{
		{2, "", "--top 0 a", "--top 0"},
		{2, "", "--max-tokens 0 a", "--max-tokens 0"},
		{1, "a\n\n", "", "stdin:2: empty text"},
		{1, "\"a\"\n[\"\", \"b\"]", "--input-format jsonl", "stdin:2: empty text"},
		{1, `["a", "b", "c"]`, "--input-format jsonl", "stdin:1: a list of 3, expected two strings, a pair of texts"},
		{1, `[1, 2]`, "--input-format jsonl", "stdin:1: token ids; expected a text"},
		{1, "a\n" + long, "--truncate none", "stdin:2: "},
	} {
		code, stdout, stderr := run(test.stdin, strings.Fields(test.args)...)
		assert.Equal(t, test.code, code, stderr)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.message)
	}
}
