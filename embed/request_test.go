package embed

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// prompts returns a model with these prompts in JSON, and a default.
func prompts(t testing.TB, prompts, name string) *Model {
	files := readModel(t, "bert")
	write(files, "config_sentence_transformers.json", fmt.Sprintf(`{"prompts": %s, "default_prompt_name": %s}`, prompts, name))
	return loadFiles(t, files, Config{})
}

func TestPrompts(t *testing.T) {
	for _, c := range []struct {
		name          string
		prompts, main string // of the model
		opts          Options
		want          string // what the text begins with
	}{
		{"none", `{}`, `null`, Options{}, ""},
		{"the request's own", `{"query": "q: "}`, `null`, Options{Prompt: "own"}, "own"},
		{"the request's own before the default", `{"query": "q: "}`, `"query"`, Options{Prompt: "own"}, "own"},
		{"default", `{"other": "o: "}`, `"other"`, Options{}, "o: "},
		{"by name before the default", `{"other": "o: ", "query": "q: "}`, `"other"`, Options{PromptName: "query"}, "q: "},
		{"an empty prompt is a prompt", `{"other": "o: ", "query": ""}`, `"other"`, Options{PromptName: "query"}, ""},
		{"query without one", `{"other": "o: "}`, `"other"`, Options{PromptName: "query"}, ""},
		{"document", `{"document": "d: ", "passage": "p: ", "corpus": "c: "}`, `null`, Options{PromptName: "document"}, "d: "},
		{"document as passage", `{"passage": "p: ", "corpus": "c: "}`, `null`, Options{PromptName: "document"}, "p: "},
		{"document as corpus", `{"corpus": "c: "}`, `null`, Options{PromptName: "document"}, "c: "},
		{"document without one", `{}`, `null`, Options{PromptName: "document"}, ""},
		{"any name of the model", `{"s2s": "s: "}`, `null`, Options{PromptName: "s2s"}, "s: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := prompts(t, c.prompts, c.main)
			want := embedTexts(t, prompts(t, `{}`, `null`), []string{c.want + "river bank"}, Options{})
			assert.Equal(t, want, embedTexts(t, m, []string{"river bank"}, c.opts))
		})
	}
}

func TestPromptErrors(t *testing.T) {
	m := prompts(t, `{"query": "q: ", "s2s": "s: "}`, `null`)
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{Prompt: "own", PromptName: "query"}, `prompt: given together with prompt name "query", expected one of the two`},
		{Options{PromptName: "passage"}, `prompt name: unknown "passage", expected one of: document, query, s2s`},
		{Options{PromptName: "Query"}, `prompt name: unknown "Query", expected one of: document, query, s2s`},
		{Options{Prompt: strings.Repeat("a ", 31)}, `prompt: 33 tokens, model reads 32`},
		{Options{Prompt: "a a a a ", MaxTokens: 5}, `prompt: 6 tokens, model reads 5`},
	} {
		_, err := m.Embed(context.Background(), []string{"a"}, c.opts)
		requireOptionError(t, err, c.want)
	}
	_, err := m.EmbedIDs(context.Background(), [][]int32{{2, 3}}, Options{Prompt: "own"})
	requireOptionError(t, err, `prompt: given with token ids, which have none`)
	_, err = m.EmbedIDs(context.Background(), [][]int32{{2, 3}}, Options{PromptName: "query"})
	requireOptionError(t, err, `prompt name: "query" given with token ids, which have no prompt`)
}

func requireOptionError(t *testing.T, err error, want string) {
	t.Helper()
	require.EqualError(t, err, want)
	var o *OptionError
	require.ErrorAs(t, err, &o)
	require.Equal(t, want, string(o.Option)+": "+o.Unwrap().Error())
}

func TestOptionErrors(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{Dimensions: -1}, "dimensions: -1, expected 1 to 24"},
		{Options{Dimensions: 25}, "dimensions: 25, expected 1 to 24"},
		{Options{Dimensions: math.MinInt}, fmt.Sprintf("dimensions: %d, expected 1 to 24", math.MinInt)},
		{Options{MaxTokens: -1}, "max tokens: -1, expected at least 2, or 0 for the model's"},
		{Options{MaxTokens: 1}, "max tokens: 1, expected at least 2, or 0 for the model's"},
		{Options{Truncate: 200}, "truncate: 200, expected TruncateDefault, TruncateEnd, TruncateStart or TruncateNone"},
		{Options{Formats: []encoding.Format{200}}, "formats: unknown Format(200)"},
		{Options{Formats: []encoding.Format{encoding.Float, encoding.Float}}, "formats: float twice"},
	} {
		_, err := m.Embed(context.Background(), []string{"a"}, c.opts)
		requireOptionError(t, err, c.want)
		_, err = m.EmbedIDs(context.Background(), [][]int32{{2, 3}}, c.opts)
		requireOptionError(t, err, c.want)
	}
	assert.Len(t, embedTexts(t, m, []string{"a"}, Options{Formats: []encoding.Format{encoding.Float}}).Embeddings[0].Float32, 24)
}

func TestInputErrors(t *testing.T) {
	m := loadGolden(t, "bert", Config{Workers: 2})
	long := strings.Repeat("river ", 40)
	for _, c := range []struct {
		name   string
		inputs any
		opts   Options
		index  int
		want   string
	}{
		{"empty text", []string{"a", "", "b", ""}, Options{}, 1, "input 1: empty text"},
		{"empty text and a prompt", []string{""}, Options{Prompt: "p"}, 0, "input 0: empty text"},
		{"too long", []string{"a", "b", long}, Options{Truncate: TruncateNone}, 2, "tokens, model reads 32"},
		{"too long for the request", []string{"a", "b c d e f g"}, Options{Truncate: TruncateNone, MaxTokens: 7}, 1, "input 1: 8 tokens, model reads 7"},
		{"empty list", [][]int32{{2, 3}, {}}, Options{}, 1, "input 1: empty token list"},
		{"nil list", [][]int32{nil}, Options{}, 0, "input 0: empty token list"},
		{"id too large", [][]int32{{2, 500, 3}}, Options{}, 0, "input 0: token id 500, expected 0 to 499: ids must come from this model's tokenizer"},
		{"negative id", [][]int32{{2, 3}, {2, -1, 3}}, Options{}, 1, "input 1: token id -1, expected 0 to 499: ids must come from this model's tokenizer"},
		{"id too large among those that are dropped", [][]int32{append(make([]int32, 33), 500)}, Options{Truncate: TruncateEnd}, 0, "input 0: token id 500, expected 0 to 499"},
		{"ids too long", [][]int32{make([]int32, 33)}, Options{}, 0, "input 0: 33 tokens, model reads 32"},
		{"ids too long, none", [][]int32{make([]int32, 33)}, Options{Truncate: TruncateNone}, 0, "input 0: 33 tokens, model reads 32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			if texts, ok := c.inputs.([]string); ok {
				_, err = m.Embed(context.Background(), texts, c.opts)
			} else {
				_, err = m.EmbedIDs(context.Background(), c.inputs.([][]int32), c.opts)
			}
			require.ErrorContains(t, err, c.want)
			var in *InputError
			require.ErrorAs(t, err, &in)
			assert.Equal(t, c.index, in.Index)
			assert.ErrorIs(t, err, in.Unwrap())
		})
	}
}

func TestWhatIsNoError(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	assert.Empty(t, embedTexts(t, m, nil, Options{}).Embeddings)
	assert.Empty(t, embedIDs(t, m, nil, Options{}).Embeddings)
	spaces := embedTexts(t, m, []string{" ", "\u200b"}, Options{})
	assert.Equal(t, 2, spaces.Embeddings[0].Tokens)
	assert.Equal(t, embedIDs(t, m, [][]int32{{2, 3}, {2, 3}}, Options{}), spaces)
	invalid := embedTexts(t, m, []string{"a\xff\xe2\x82 b", "a\ufffd\ufffd b"}, Options{})
	assert.Equal(t, invalid.Embeddings[1], invalid.Embeddings[0])
}

// notFinite returns a model whose vectors have the component x, an infinity or a NaN.
func notFinite(t testing.TB, x float64) *Model {
	files := readModel(t, "bert-cls-dense")
	write(files, "2_Dense/config.json", `{"in_features": 20, "out_features": 1, "activation_function": "torch.nn.modules.linear.Identity"}`)
	weight := make([]float32, 20)
	weight[7] = float32(x)
	files["2_Dense/model.safetensors"].Data = safetensors(t, float32Tensor("linear.weight", weight, 1, 20), float32Tensor("linear.bias", []float32{0}, 1))
	return loadFiles(t, files, Config{})
}

// A vector that is not finite is an error, not a value, in every format.
func TestNotFinite(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1)} {
		m := notFinite(t, x)
		for _, f := range everyFormat {
			_, err := m.Embed(context.Background(), []string{"a", "b c"}, Options{Formats: []encoding.Format{f}})
			var in *InputError
			require.ErrorAs(t, err, &in)
			assert.Equal(t, 0, in.Index)
			assert.ErrorContains(t, err, "NaN or an infinity")
		}
	}
}

// A zero vector stays zero, in every format.
func TestZeroVector(t *testing.T) {
	files := readModel(t, "bert-cls-dense")
	write(files, "2_Dense/config.json", `{"in_features": 20, "out_features": 3, "activation_function": "torch.nn.modules.linear.Identity"}`)
	files["2_Dense/model.safetensors"].Data = safetensors(t, float32Tensor("linear.weight", make([]float32, 60), 3, 20), float32Tensor("linear.bias", make([]float32, 3), 3))
	for _, unnormalized := range []bool{false, true} {
		e := embedTexts(t, loadFiles(t, files, Config{}), []string{"a"}, Options{Unnormalized: unnormalized, Formats: everyFormat}).Embeddings[0]
		assert.Equal(t, []float32{0, 0, 0}, e.Float32)
		assert.Equal(t, []int8{0, 0, 0}, e.Int8)
		assert.Equal(t, []uint8{128, 128, 128}, e.Uint8)
		assert.Equal(t, []uint8{0}, e.Ubinary)
		assert.Equal(t, []int8{-128}, e.Binary)
		assert.Equal(t, "AAAAAAAAAAAAAAAA", e.Base64)
		assert.Zero(t, e.Scale)
	}
}

// Truncation keeps the special tokens and the prompt.
func TestTruncation(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	c := readCases(t, "bert")
	const i = 9 // a text of 36 tokens
	whole := c.Untruncated[i]
	require.Greater(t, len(whole), 32)
	prompt, err := m.Tokenizer().Encode(c.Prompts["query"], tokenizer.Options{})
	require.NoError(t, err)
	head := prompt.IDs[:len(prompt.IDs)-1]
	body := whole[1 : len(whole)-1]
	join := func(parts ...[]int32) (all []int32) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	end := []int32{3}
	for _, v := range []struct {
		name      string
		opts      Options
		want      []int32
		truncated int
	}{
		{"default", Options{}, join(whole[:31], end), len(whole) - 32},
		{"end", Options{Truncate: TruncateEnd}, join(whole[:31], end), len(whole) - 32},
		{"start", Options{Truncate: TruncateStart}, join([]int32{2}, whole[len(whole)-31:]), len(whole) - 32},
		{"end at 10", Options{Truncate: TruncateEnd, MaxTokens: 10}, join(whole[:9], end), len(whole) - 10},
		{"start at 10", Options{Truncate: TruncateStart, MaxTokens: 10}, join([]int32{2}, whole[len(whole)-9:]), len(whole) - 10},
		{"more than the model's", Options{MaxTokens: 1000}, join(whole[:31], end), len(whole) - 32},
		{"special tokens alone", Options{MaxTokens: 2}, []int32{2, 3}, len(whole) - 2},
		{"end after a prompt", Options{PromptName: "query", MaxTokens: 20}, join(head, body[:19-len(head)], end), len(head) + len(body) - 19},
		{"start after a prompt", Options{PromptName: "query", MaxTokens: 20, Truncate: TruncateStart},
			join(head, body[len(body)-(19-len(head)):], end), len(head) + len(body) - 19},
	} {
		t.Run(v.name, func(t *testing.T) {
			got := embedTexts(t, m, []string{c.Texts[i]}, v.opts)
			assert.Equal(t, len(v.want), got.Embeddings[0].Tokens)
			assert.Equal(t, v.truncated, got.Embeddings[0].Truncated)
			assert.Equal(t, embedIDs(t, m, [][]int32{v.want}, Options{}).Embeddings[0].Float32, got.Embeddings[0].Float32)
			if v.opts.PromptName == "" && v.opts.Truncate != TruncateDefault {
				ids := embedIDs(t, m, [][]int32{whole}, v.opts)
				assert.Equal(t, got, ids, "ids that the tokenizer framed")
			}
		})
	}
}

func TestTruncationOfIDsWithoutSpecialTokens(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	ids := []int32{10, 11, 12, 13, 14, 15}
	for _, c := range []struct {
		truncate Truncation
		ids      []int32
		want     []int32
	}{
		{TruncateEnd, ids, ids[:4]},
		{TruncateStart, ids, ids[2:]},
		{TruncateEnd, append([]int32{2}, ids...), []int32{2, 10, 11, 12}},
		{TruncateStart, append([]int32{2}, ids...), []int32{2, 13, 14, 15}},
	} {
		got := embedIDs(t, m, [][]int32{c.ids}, Options{Truncate: c.truncate, MaxTokens: 4}).Embeddings[0]
		assert.Equal(t, embedIDs(t, m, [][]int32{c.want}, Options{}).Embeddings[0].Float32, got.Float32)
		assert.Equal(t, len(c.ids)-4, got.Truncated)
	}
	assert.Equal(t, []int32{10, 11, 12, 13, 14, 15}, ids)
}

func TestMatryoshka(t *testing.T) {
	for _, c := range []struct {
		name             string
		config           string // added to config.json
		sentence         string // added to config_sentence_transformers.json
		accepts, rejects []int
		check            func(i Info)
	}{
		{"not declared", ``, ``, []int{1, 7, 24}, nil, func(i Info) {
			assert.False(t, i.Matryoshka)
			assert.Nil(t, i.MatryoshkaDimensions)
			assert.Equal(t, 24, i.DefaultDimensions)
		}},
		{"declared", `"is_matryoshka": true,`, ``, []int{1, 7, 24}, nil, func(i Info) { assert.True(t, i.Matryoshka) }},
		{"declared dimensions", `"matryoshka_dimensions": [16, 8],`, ``, []int{8, 16, 24}, []int{1, 7, 9, 23}, func(i Info) {
			assert.True(t, i.Matryoshka)
			assert.Equal(t, []int{8, 16}, i.MatryoshkaDimensions)
		}},
		{"cut by default", ``, `"truncate_dim": 5,`, []int{1, 5, 24}, nil, func(i Info) { assert.Equal(t, 5, i.DefaultDimensions) }},
		{"cut to more than all", ``, `"truncate_dim": 50,`, []int{24}, nil, func(i Info) { assert.Equal(t, 24, i.DefaultDimensions) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := readModel(t, "bert")
			replace(t, files, "config.json", `"is_decoder"`, c.config+`"is_decoder"`)
			replace(t, files, "config_sentence_transformers.json", `"default_prompt_name"`, c.sentence+`"default_prompt_name"`)
			m := loadFiles(t, files, Config{})
			c.check(m.Info())
			assert.Equal(t, 24, m.Info().Dimensions)
			assert.Equal(t, m.Info().DefaultDimensions, embedTexts(t, m, []string{"a"}, Options{}).Dimensions)
			for _, d := range c.accepts {
				r := embedTexts(t, m, []string{"a"}, Options{Dimensions: d})
				assert.Equal(t, d, r.Dimensions)
				assert.Len(t, r.Embeddings[0].Float32, d)
			}
			for _, d := range c.rejects {
				_, err := m.Embed(context.Background(), []string{"a"}, Options{Dimensions: d})
				requireOptionError(t, err, fmt.Sprintf("dimensions: %d, expected 24 or one that the model declares, [8 16]", d))
			}
		})
	}
}
