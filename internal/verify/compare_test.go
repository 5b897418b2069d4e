package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tensor"
	"github.com/rhumb-go/rhumb/tokenizer"
)

const goldens = "../../testdata/goldens"

// A golden is a tiny model, and what sentence-transformers answers.
type golden struct {
	model        *embed.Model
	limit        int // of tokens, the folder's
	texts        []string
	ids          [][]int32
	plain, query [][]float32
}

func readGolden(t *testing.T, name string) golden {
	dir := filepath.Join(goldens, name)
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var c struct {
		Texts        []string
		IDs          [][]int32 `json:"ids"`
		MaxSeqLength int       `json:"max_seq_length"`
	}
	require.NoError(t, json.Unmarshal(data, &c))
	m, err := embed.Load(t.Context(), filepath.Join(dir, "model"), embed.Config{MaxTokens: math.MaxInt})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	f, err := tensor.Open(filepath.Join(dir, "encode.safetensors"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // nothing was written
	rows := func(name string) (all [][]float32) {
		x, ok := f.Tensor(name)
		require.True(t, ok)
		data := make([]float32, x.Len())
		require.NoError(t, x.Float32s(data))
		return slices.Collect(slices.Chunk(data, x.Shape[1]))[1:] // the first text is empty
	}
	return golden{m, c.MaxSeqLength, c.Texts[1:], c.IDs[1:], rows("plain"), rows("query")}
}

func (g *golden) options() embed.Options { return embed.Options{MaxTokens: g.limit} }

func (g *golden) compare(t *testing.T, ref Reference, opts embed.Options) *Comparison {
	out, err := Compare(t.Context(), g.model, g.texts, &ref, opts, 0.005)
	require.NoError(t, err)
	t.Logf("%+v", out)
	return out
}

// made returns what a model makes of the texts, perhaps with other ids than its own.
func made(t *testing.T, m *embed.Model, texts []string, opts embed.Options) (rows [][]float32) {
	r, err := m.Embed(t.Context(), texts, opts)
	require.NoError(t, err)
	for _, e := range r.Embeddings {
		rows = append(rows, e.Float32)
	}
	return rows
}

// changedPooling is a golden's folder with another mode of pooling, and nothing behind it.
func changedPooling(t *testing.T, name, mode string) *embed.Model {
	files := fstest.MapFS{}
	dir := filepath.Join(goldens, name, "model")
	for _, file := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		files[file] = &fstest.MapFile{Data: data}
	}
	m, err := embed.LoadFS(t.Context(), files, embed.Config{Pooling: mode})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

func TestCompareEqual(t *testing.T) {
	g := readGolden(t, "bert")
	out := g.compare(t, Reference{Vectors: g.plain, IDs: g.ids}, g.options())
	assert.True(t, out.Equal)
	assert.Empty(t, out.Explanation)
	opts := g.options()
	opts.PromptName = "query"
	assert.True(t, g.compare(t, Reference{Vectors: g.query}, opts).Equal)
}

// Each difference that is made on purpose is found.
func TestCompareExplains(t *testing.T) {
	g := readGolden(t, "bert")
	lower := make([]string, len(g.texts))
	var bare [][]int32
	for i, text := range g.texts {
		lower[i] = strings.ToLower(text)
		e, err := g.model.Tokenizer().Encode(text, tokenizer.Options{NoSpecial: true})
		require.NoError(t, err)
		bare = append(bare, e.IDs[:min(len(e.IDs), g.limit)])
	}
	query := g.options()
	query.PromptName = "query"
	for _, c := range []struct {
		name    string
		vectors [][]float32
		opts    embed.Options
		want    string
	}{
		{"prompt", g.query, g.options(), `equal with the prompt "query" before each text`},
		{"no prompt", g.plain, query, "equal without the prompt"},
		{"cls", made(t, changedPooling(t, "bert", "cls"), g.texts, g.options()), g.options(), "equal with cls pooling: the reference did not use the folder's mean pooling"},
		{"last", made(t, changedPooling(t, "bert", "last"), g.texts, g.options()), g.options(), "equal with lasttoken pooling"},
		{"max", made(t, changedPooling(t, "bert", "max"), g.texts, g.options()), g.options(), "equal with max pooling"},
		{"cut", made(t, g.model, g.texts, embed.Options{MaxTokens: 32}), embed.Options{MaxTokens: 16}, "equal with texts cut at 32 tokens, not at 16"},
		{"layers", made(t, g.model, g.texts, embed.Options{MaxTokens: g.limit, Layers: g.model.Info().Layers - 1}), g.options(), "equal without the last layer"},
		{"cls and prompt", made(t, changedPooling(t, "bert", "cls"), g.texts, embed.Options{MaxTokens: g.limit, Prompt: g.model.Info().Prompts["query"]}), g.options(),
			`equal with cls pooling: the reference did not use the folder's mean pooling, and with the prompt "query" before each text`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := g.compare(t, Reference{Vectors: c.vectors}, c.opts)
			assert.False(t, out.Equal)
			assert.Contains(t, out.Explanation, c.want)
			assert.LessOrEqual(t, out.Remaining, 0.005)
		})
	}
	t.Run("special tokens", func(t *testing.T) {
		all, g := g.texts, g
		g.texts = nil
		for i, text := range all { // one of spaces has none
			if len(bare[i]) > 0 {
				g.texts = append(g.texts, text)
			}
		}
		bare = slices.DeleteFunc(bare, func(ids []int32) bool { return len(ids) == 0 })
		r, err := g.model.EmbedIDs(t.Context(), bare, g.options())
		require.NoError(t, err)
		ref := Reference{IDs: bare}
		for _, e := range r.Embeddings {
			ref.Vectors = append(ref.Vectors, e.Float32)
		}
		out := g.compare(t, ref, g.options())
		assert.Contains(t, out.Explanation, "equal with its own ids")
		assert.False(t, out.Stages[0].Equal)
		ref.IDs = nil
		assert.Contains(t, g.compare(t, ref, g.options()).Explanation, "without special tokens")
	})
	t.Run("lower case", func(t *testing.T) {
		cased := readGolden(t, "roberta")
		for i, text := range cased.texts {
			lower[i] = strings.ToLower(text)
		}
		out := cased.compare(t, Reference{Vectors: made(t, cased.model, lower, cased.options())}, cased.options())
		assert.Contains(t, out.Explanation, "equal with texts in lower case")
	})
	t.Run("noise", func(t *testing.T) {
		var noise [][]float32
		for i := range g.texts {
			row := make([]float32, len(g.plain[0]))
			for j := range row {
				row[j] = float32(math.Sin(float64(i*131 + j*17)))
			}
			noise = append(noise, row)
		}
		out := g.compare(t, Reference{Vectors: noise}, g.options())
		assert.False(t, out.Equal)
		assert.Empty(t, out.Explanation)
	})
}

// Lengths and dimensions are told apart from directions.
func TestCompareLengths(t *testing.T) {
	g := readGolden(t, "roberta")
	opts := g.options()
	opts.Unnormalized = true
	raw, unit := made(t, g.model, g.texts, opts), made(t, g.model, g.texts, g.options())
	out := g.compare(t, Reference{Vectors: raw}, g.options())
	assert.False(t, out.Equal)
	assert.Equal(t, Stage{"length", false, "the reference's vectors are not of unit length: --no-normalize leaves them as the model makes them"}, out.Stages[len(out.Stages)-1])
	assert.True(t, g.compare(t, Reference{Vectors: raw}, opts).Equal)
	out = g.compare(t, Reference{Vectors: unit}, opts)
	assert.Contains(t, out.Stages[len(out.Stages)-1].Found, "leave out --no-normalize")
	cut := made(t, g.model, g.texts, embed.Options{MaxTokens: g.limit, Dimensions: 8})
	out = g.compare(t, Reference{Vectors: cut}, g.options())
	assert.True(t, out.Equal)
	assert.Contains(t, out.Stages[0].Found, "the reference has the first 8 of")
}

// Hidden states say whether the difference is before the pooling or behind it.
func TestCompareHidden(t *testing.T) {
	g := readGolden(t, "bert")
	r, err := g.model.EmbedTokens(t.Context(), g.texts, g.options())
	require.NoError(t, err)
	ref := Reference{Vectors: made(t, changedPooling(t, "bert", "cls"), g.texts, g.options()), IDs: slices.Clone(g.ids)}
	for _, text := range r.Texts {
		var rows [][]float32
		for _, token := range text.Tokens {
			rows = append(rows, token.Float32)
		}
		ref.Hidden = append(ref.Hidden, rows)
	}
	out := g.compare(t, ref, g.options())
	require.Len(t, out.Stages, 3)
	assert.True(t, out.Stages[0].Equal)
	assert.True(t, out.Stages[1].Equal)
	assert.False(t, out.Stages[2].Equal)
	other := slices.Clone(ref.Hidden[2])
	other[1] = ref.Hidden[1][0]
	ref.Hidden[2] = other
	ref.IDs[3] = append(slices.Clone(ref.IDs[3]), 0, 0) // padding
	out = g.compare(t, ref, g.options())
	assert.True(t, out.Stages[0].Equal)
	assert.Contains(t, out.Stages[1].Found, fmt.Sprintf("text 2, token 1 (id %d): ", g.ids[2][1]))
}

func TestCompareErrors(t *testing.T) {
	g := readGolden(t, "bert")
	for want, ref := range map[string]Reference{
		"texts, and the reference has 1 vectors":       {Vectors: g.plain[:1]},
		"the reference has ids of 2":                   {Vectors: g.plain, IDs: g.ids[:2]},
		"reference: row 1 has 3 dimensions, the first": {Vectors: append([][]float32{g.plain[0], {1, 2, 3}}, g.plain[2:]...)},
		"reference: row 0 is of length NaN":            {Vectors: append([][]float32{slices.Repeat([]float32{float32(math.NaN())}, len(g.plain[0]))}, g.plain[1:]...)},
		"dimensions, the model":                        {Vectors: slices.Repeat([][]float32{slices.Repeat([]float32{1}, 500)}, len(g.texts))},
	} {
		_, err := Compare(t.Context(), g.model, g.texts, &ref, g.options(), 0.005)
		require.ErrorContains(t, err, want)
	}
}
