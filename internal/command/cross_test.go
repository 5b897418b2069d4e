package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhumb-go/rhumb/tensor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Folders of testdata/heads.
const (
	reranker   = "../../testdata/heads/rerank-bert/model"
	classifier = "../../testdata/heads/classify-bert-nli/model"
)

// crossTolerance is of scores and probabilities, as in package rerank: the reference
// differs from itself by 3e-6 between batches of padded rows.
const crossTolerance = 3e-5

// A crossGolden is what the reference makes of inputs.
type crossGolden struct {
	Queries, Documents, Texts, Labels []string
	Pairs                             [][2]string
	CustomPrompt                      string `json:"custom_prompt"`
	answers                           map[string][]float32
}

// readCross reads that of a folder of testdata/heads.
func readCross(t *testing.T, model string) *crossGolden {
	t.Helper()
	g := &crossGolden{answers: map[string][]float32{}}
	data, err := os.ReadFile(filepath.Join(model, "../cases.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, g))
	f, err := tensor.Open(filepath.Join(model, "../golden.safetensors"))
	require.NoError(t, err)
	defer f.Close()
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		if x.DType == tensor.I32 {
			continue // where answers begin
		}
		g.answers[name] = make([]float32, x.Len())
		require.NoError(t, x.Float32s(g.answers[name]))
	}
	return g
}

// jsonLines returns values as jsonl.
func jsonLines[T any](t *testing.T, values ...T) string {
	t.Helper()
	var b strings.Builder
	for _, v := range values {
		require.NoError(t, json.NewEncoder(&b).Encode(v))
	}
	return b.String()
}

// parse reads lines of JSON with exactly the fields of T.
func parse[T any](t *testing.T, lines string) (list []T) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var v T
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&v), "%s", line)
		list = append(list, v)
	}
	return list
}

// A model of another kind is refused by what it is, with the command that serves it.
func TestWrongKind(t *testing.T) {
	texts := write(t, "in.txt", "summer\n")
	out := filepath.Join(t.TempDir(), "out.jsonl")
	for _, test := range []struct{ args, message string }{
		{"embed summer --model " + reranker, "a cross-encoder, expected an embedding model; rerank.Load, rhumb rerank and rhumb classify serve it"},
		{"similarity summer --model " + reranker, "rhumb rerank"},
		{"search --corpus " + texts + " summer --model " + reranker, "rhumb rerank"},
		{"batch " + texts + " " + out + " --model " + reranker, "rhumb rerank"},
		{"calibrate --input " + texts + " --model " + reranker, "rhumb rerank"},
		{"bench --model " + reranker, "rhumb rerank"},
		{"embed summer --model " + classifier, `"BertForSequenceClassification" with 3 labels, a classifier, expected an embedding model; rerank.Load and rhumb classify serve it`},
		{"rerank --query q summer --model " + tiny, "an embedding model, expected a reranker or a classifier; embed.Load and rhumb embed serve it"},
		{"rerank --query q summer --model minilm", "an embedding model, expected a reranker or a classifier; rhumb embed serves it"},
		{"rerank --query q summer --model " + classifier, classifier + ": a classifier with 3 labels, expected a reranker; rhumb classify serves it"},
		{"classify summer --model " + tiny, "rhumb embed serve it"},
	} {
		code, stdout, stderr := rhumb(t, "", strings.Fields(test.args)...)
		assert.Equal(t, 1, code, test.args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.message, test.args)
	}
	assert.NoFileExists(t, out)
}

func TestInfoOfCrossEncoders(t *testing.T) {
	type info struct {
		Kinds, Labels []string
		MultiLabel    bool `json:"multi_label"`
		Activation    string
		MaxTokens     int `json:"max_tokens"`
		Dimensions    *int
		Pooling       []string
		Fingerprint   string
		Memory        map[string]int64
	}
	read := func(args ...string) (i info) {
		t.Helper()
		code, stdout, stderr := rhumb(t, "", append([]string{"info", "--json"}, args...)...)
		require.Zero(t, code, stderr)
		require.NoError(t, json.Unmarshal([]byte(stdout), &i))
		return i
	}
	i := read(reranker)
	assert.Equal(t, []string{"reranker"}, i.Kinds)
	assert.Len(t, i.Labels, 1)
	assert.Equal(t, "Sigmoid", i.Activation)
	assert.Equal(t, 56, i.MaxTokens)
	assert.Nil(t, i.Dimensions)
	assert.Len(t, i.Fingerprint, 32)
	assert.Less(t, i.Memory["bfloat16"], i.Memory["float32"])

	i = read(classifier)
	assert.Equal(t, []string{"classifier"}, i.Kinds)
	assert.Equal(t, []string{"entailment", "neutral", "contradiction"}, i.Labels)
	assert.False(t, i.MultiLabel)
	i = read("../../testdata/heads/classify-distilbert-multi-label/model")
	assert.True(t, i.MultiLabel)

	i = read(tiny)
	assert.Equal(t, []string{"embedding"}, i.Kinds)
	assert.Equal(t, 24, *i.Dimensions)
	assert.Nil(t, i.Labels)
	i = read("--pooling", "cls", classifier)
	assert.Equal(t, []string{"embedding"}, i.Kinds)
	assert.Equal(t, []string{"cls"}, i.Pooling)

	for model, want := range map[string]string{
		reranker:   `kind +reranker\n(.*\n)*activation +Sigmoid\n`,
		classifier: `kind +classifier\n(.*\n)*labels +3\n +0: entailment\n +1: neutral\n +2: contradiction\n`,
	} {
		code, stdout, stderr := rhumb(t, "", "info", model)
		require.Zero(t, code, stderr)
		assert.Regexp(t, want, stdout)
		assert.NotContains(t, stdout, "dimensions")
	}
}

// A copy in 8 bits scores as the model does that is packed into 8 bits, but for what finer
// weights add to that, which the copy has not: docs/int8.md.
func TestQuantizeReranker(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := rhumb(t, "", "quantize", reranker, out)
	require.Zero(t, code, stderr)
	scores := func(model, precision string) (all []float64) {
		code, stdout, stderr := rhumb(t, "", "rerank", "--sort=false", "--query", "river", "--precision", precision, "--model", model, "a deep river", "the night")
		require.Zero(t, code, stderr)
		for line := range strings.Lines(stdout) {
			var row struct{ Score float64 }
			require.NoError(t, json.Unmarshal([]byte(line), &row))
			all = append(all, row.Score)
		}
		require.Len(t, all, 2)
		return all
	}
	whole, copied, want := scores(reranker, "int8"), scores(out, "int8"), scores(reranker, "float32")
	assert.InDeltaSlice(t, want, whole, 2e-3)
	assert.InDeltaSlice(t, want, copied, 5e-3)
}
