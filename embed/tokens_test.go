package embed

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/encoding"
	"github.com/rhumb-go/rhumb/quant"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// tokenFolders are those of testdata/heads with answers for tokens and spans.
var tokenFolders = []string{"tokens-bert", "tokens-bert-dense", "tokens-gemma3", "tokens-qwen3", "tokens-xlm-roberta"}

// tokenCases is the cases.json of one of them.
type tokenCases struct {
	Texts        []string
	IDs          [][]int32  `json:"ids"`
	Special      [][]int    `json:"special"`
	Offsets      [][][2]int `json:"offsets_bytes"`
	PromptIDs    [][]int32  `json:"prompt_ids"`
	PromptLength int        `json:"prompt_length"`
	LateTexts    []string   `json:"late_texts"`
	LateSpans    [][][2]int `json:"late_spans"`
	LateOffsets  [][][2]int `json:"late_offsets_bytes"`
	Pooling      string
	vectors      map[string][][]float32
}

// spans are those of late chunking.
func (c *tokenCases) spans() (all [][]tokenizer.Span) {
	for _, text := range c.LateSpans {
		var spans []tokenizer.Span
		for _, s := range text {
			spans = append(spans, tokenizer.Span{Start: s[0], End: s[1]})
		}
		all = append(all, spans)
	}
	return all
}

func loadTokens(t testing.TB, name string) (*Model, tokenCases) {
	dir := filepath.Join("..", "heads", name) // of goldens
	data, err := os.ReadFile(filepath.Join(goldens, dir, "cases.json"))
	require.NoError(t, err)
	var c tokenCases
	require.NoError(t, json.Unmarshal(data, &c))
	c.vectors = readTensors(t, dir, "golden.safetensors")
	return loadGolden(t, dir, Config{}), c
}

func TestTokenVectors(t *testing.T) {
	for _, name := range tokenFolders {
		t.Run(name, func(t *testing.T) {
			m, c := loadTokens(t, name)
			result, err := m.EmbedTokens(t.Context(), c.Texts, Options{})
			require.NoError(t, err)
			rows := c.vectors["vectors"]
			assert.Equal(t, len(rows[0]), result.Dimensions)
			for i, text := range result.Texts {
				var ids []int32
				var at [][2]int
				for _, token := range text.Tokens {
					ids, at = append(ids, token.ID), append(at, [2]int{token.Start, token.End})
				}
				require.Equal(t, c.IDs[i], ids, "%q", c.Texts[i])
				require.Equal(t, c.Offsets[i], at, "%q", c.Texts[i])
				rows = closeTokens(t, rows, text.Tokens)
			}
			assert.Empty(t, rows)
		})
	}
}

// Tokens of a prompt have vectors, and no place in the text.
func TestTokenVectorsBehindAPrompt(t *testing.T) {
	for _, name := range tokenFolders {
		t.Run(name, func(t *testing.T) {
			m, c := loadTokens(t, name)
			result, err := m.EmbedTokens(t.Context(), c.Texts[:len(c.PromptIDs)], Options{PromptName: "query"})
			require.NoError(t, err)
			rows := c.vectors["prompt_vectors"]
			for i, text := range result.Texts {
				for j, token := range text.Tokens {
					assert.Equal(t, c.PromptIDs[i][j], token.ID)
					assert.LessOrEqual(t, token.End, len(c.Texts[i]))
					if j < c.PromptLength-1 || j == len(text.Tokens)-1 { // the last of the prompt may reach into the text
						assert.Equal(t, tokenizer.Span{}, token.Span, "token %d of %q", j, c.Texts[i])
					}
				}
				require.Len(t, text.Tokens, len(c.PromptIDs[i]))
				rows = closeTokens(t, rows, text.Tokens)
			}
			assert.Empty(t, rows)
		})
	}
}

// closeTokens compares the vectors of tokens with the first of rows, and returns the others.
func closeTokens(t *testing.T, rows [][]float32, tokens []Token) [][]float32 {
	require.GreaterOrEqual(t, len(rows), len(tokens))
	for j, token := range tokens {
		assertClose(t, rows[j], token.Float32, goldenTolerance, "token %d", j)
	}
	return rows[len(tokens):]
}

func assertClose(t *testing.T, want, got []float32, tol float64, format string, args ...any) {
	require.Len(t, got, len(want), format, args)
	for k := range want {
		if d := math.Abs(float64(want[k] - got[k])); !(d <= tol) {
			require.Fail(t, fmt.Sprintf(format, args...), "component %d: %v, expected %v", k, got[k], want[k])
		}
	}
}

func TestLateChunking(t *testing.T) {
	for _, name := range tokenFolders {
		t.Run(name, func(t *testing.T) {
			m, c := loadTokens(t, name)
			for _, unnormalized := range []bool{false, true} {
				result, err := m.Embed(t.Context(), c.LateTexts, Options{Spans: c.spans(), Unnormalized: unnormalized})
				require.NoError(t, err)
				want := c.vectors["late_modules"]
				if c.Pooling == "lasttoken" {
					want = c.vectors["late_last"]
				}
				starts := []int{0}
				for i, spans := range c.LateSpans {
					starts = append(starts, starts[i]+len(spans))
				}
				assert.Equal(t, starts, result.Starts)
				require.Len(t, result.Embeddings, len(want))
				for i, e := range result.Embeddings {
					v := slices.Clone(e.Float32)
					for _, v := range [][]float32{v, want[i]} {
						scaleToUnit(v)
					}
					assertClose(t, want[i], v, goldenTolerance, "span %d", i)
				}
			}
		})
	}
}

func scaleToUnit(v []float32) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
}

// The mean of the reference's own vectors of tokens that begin in each span.
func TestSpansHaveTheTokensThatBeginInThem(t *testing.T) {
	for _, name := range tokenFolders {
		m, c := loadTokens(t, name)
		result, err := m.Embed(t.Context(), c.LateTexts, Options{Spans: c.spans()})
		require.NoError(t, err)
		for i, spans := range c.LateSpans {
			for j, s := range spans {
				n := 0
				for _, at := range c.LateOffsets[i] {
					if at != [2]int{} && s[0] <= at[0] && at[0] < s[1] {
						n++
					}
				}
				assert.Equal(t, n, result.Embeddings[result.Starts[i]+j].Tokens, "%s: span %d of %q", name, j, c.LateTexts[i])
			}
		}
	}
}

// One span for all is the text itself, special tokens and prompt too.
func TestSpanOfAll(t *testing.T) {
	for _, name := range append(slices.Clone(tokenFolders), "../goldens/bert-concat-noprompt") {
		m, c := loadTokensOrModel(t, name)
		var spans [][]tokenizer.Span
		for _, text := range c.Texts {
			spans = append(spans, []tokenizer.Span{{Start: 0, End: len(text)}})
		}
		for _, prompt := range []string{"", "a prompt: "} {
			want, err := m.Embed(t.Context(), c.Texts, Options{Prompt: prompt})
			require.NoError(t, err)
			got, err := m.Embed(t.Context(), c.Texts, Options{Prompt: prompt, Spans: spans})
			require.NoError(t, err)
			assert.Equal(t, want.Embeddings, got.Embeddings, name)
		}
	}
}

// loadTokensOrModel loads a folder that may have no answers for tokens.
func loadTokensOrModel(t testing.TB, name string) (*Model, tokenCases) {
	if golden, ok := strings.CutPrefix(name, "../goldens/"); ok {
		c := readCases(t, golden)
		return loadGolden(t, golden, Config{}), tokenCases{Texts: slices.DeleteFunc(c.Texts, func(text string) bool { return text == "" })[:4]}
	}
	return loadTokens(t, name)
}

// The bits of tokens and spans do not depend on the others, the workers or a queue.
func TestBitsOfTokensAndSpans(t *testing.T) {
	for _, name := range tokenFolders {
		m, c := loadTokens(t, name)
		n := len(c.LateTexts)
		opts := Options{PromptName: "document", Spans: c.spans(), Formats: []encoding.Format{encoding.Float, encoding.Ubinary}}
		tokens, err := m.EmbedTokens(t.Context(), c.LateTexts, Options{})
		require.NoError(t, err)
		late, err := m.Embed(t.Context(), c.LateTexts, opts)
		require.NoError(t, err)

		own := loadGolden(t, filepath.Join("..", "heads", name), Config{Workers: 3, BatchTokens: 1})
		q := NewQueue(own, QueueConfig{})
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				alone, err := q.EmbedTokens(t.Context(), c.LateTexts[i:i+1], Options{})
				if assert.NoError(t, err) {
					assert.Equal(t, tokens.Texts[i], alone.Texts[0])
				}
			})
			wait.Go(func() {
				o := opts
				o.Spans = o.Spans[i : i+1]
				alone, err := q.Embed(t.Context(), c.LateTexts[i:i+1], o)
				if assert.NoError(t, err) {
					assert.Equal(t, late.Embeddings[late.Starts[i]:late.Starts[i+1]], alone.Embeddings)
				}
			})
			wait.Go(func() {
				_, err := q.Embed(t.Context(), c.LateTexts[i:i+1], Options{})
				assert.NoError(t, err)
			})
		}
		wait.Wait()
		require.NoError(t, q.Close(t.Context()))
	}
}

// A table's tokens are its rows times their weights, and their mean is its embedding.
func TestTokensOfATable(t *testing.T) {
	for _, c := range readModuleCases(t).Cases {
		if !strings.HasPrefix(c.Name, "static") && !strings.HasPrefix(c.Name, "model2vec") {
			continue
		}
		m := loadFiles(t, c.files(t), Config{})
		if len(m.route.Spec.Modules) > 0 {
			continue // the mean is not yet the embedding
		}
		text := "the first words, and others"
		tokens, err := m.EmbedTokens(t.Context(), []string{text}, Options{})
		require.NoError(t, err)
		whole, err := m.Embed(t.Context(), []string{text}, Options{Unnormalized: true})
		require.NoError(t, err)
		if whole.Embeddings[0].Truncated > 0 {
			continue
		}
		spans, err := m.Embed(t.Context(), []string{text}, Options{Unnormalized: true, Spans: [][]tokenizer.Span{{{Start: 0, End: len(text)}, {Start: 9, End: len(text)}}}})
		require.NoError(t, err)
		all, part := make([]float64, tokens.Dimensions), make([]float64, tokens.Dimensions)
		n := 0.0
		for _, token := range tokens.Texts[0].Tokens {
			behind := token.Start >= 9
			if behind {
				n++
			}
			for k, x := range token.Float32 {
				all[k] += float64(x) / float64(len(tokens.Texts[0].Tokens))
				if behind {
					part[k] += float64(x)
				}
			}
		}
		require.NotZero(t, n, c.Name)
		for k := range whole.Dimensions {
			assert.InDelta(t, all[k], whole.Embeddings[0].Float32[k], 1e-6, c.Name)    // a sum in float32
			assert.InDelta(t, part[k]/n, spans.Embeddings[1].Float32[k], 1e-6, c.Name) // likewise
			assert.Equal(t, int(n), spans.Embeddings[1].Tokens, c.Name)
		}
	}
}

func TestBadSpans(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	text := "ab é \xff\x80 c d"
	for want, spans := range map[string][]tokenizer.Span{
		"input 1: no spans, expected at least one":                             {},
		"input 1: span 1: bytes 3 to 1, expected ascending ones from 0 to 12":  {{Start: 0, End: 2}, {Start: 3, End: 1}},
		"input 1: span 0: bytes -1 to 1, expected ascending ones from 0 to 12": {{Start: -1, End: 1}},
		"input 1: span 0: bytes 0 to 13, expected ascending ones from 0 to 12": {{Start: 0, End: 13}},
		"input 1: span 0: bytes 0 to 4: 4 is inside a character":               {{Start: 0, End: 4}},
		"input 1: span 0: bytes 4 to 5: 4 is inside a character":               {{Start: 4, End: 5}},
		"input 1: span 1: no token begins in bytes 2 to 3":                     {{Start: 0, End: 2}, {Start: 2, End: 3}},
		"input 1: span 0: no token begins in bytes 9 to 9":                     {{Start: 9, End: 9}},
	} {
		_, err := m.Embed(t.Context(), []string{"x", text}, Options{Spans: [][]tokenizer.Span{{{Start: 0, End: 1}}, spans}})
		require.EqualError(t, err, want)
		fault := (*InputError)(nil)
		require.ErrorAs(t, err, &fault)
	}
	long := strings.Repeat("word ", 100)
	_, err := m.Embed(t.Context(), []string{long}, Options{Spans: [][]tokenizer.Span{{{Start: 0, End: 5}, {Start: 490, End: 500}}}})
	require.ErrorContains(t, err, "input 0: span 1: no token begins in bytes 490 to 500; ")
	require.ErrorContains(t, err, "tokens of the text are beyond the limit")
}

func TestOptionsOfTokensAndSpans(t *testing.T) {
	m := loadGolden(t, "bert", Config{})
	spans := [][]tokenizer.Span{{{Start: 0, End: 1}}}
	wants := func(option Option, err error) {
		t.Helper()
		fault := (*OptionError)(nil)
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, option, fault.Option)
	}
	for option, opts := range map[Option]Options{
		OptionFormats:    {Formats: []encoding.Format{encoding.Int8}},
		OptionRanges:     {Ranges: &quant.Ranges{}},
		OptionSpans:      {Spans: spans},
		OptionDimensions: {Dimensions: m.Info().Dimensions + 1},
		OptionLayers:     {Layers: 99},
	} {
		_, err := m.EmbedTokens(t.Context(), []string{"x"}, opts)
		wants(option, err)
	}
	_, err := m.Embed(t.Context(), []string{"x", "y"}, Options{Spans: spans})
	wants(OptionSpans, err)
	_, err = m.EmbedIDs(t.Context(), [][]int32{{1}}, Options{Spans: spans})
	wants(OptionSpans, err)
	for _, err := range m.EmbedSeq(t.Context(), slices.Values([]string{"x"}), Options{Spans: spans}) {
		wants(OptionSpans, err)
	}
	_, err = m.EmbedTokens(t.Context(), []string{"x", ""}, Options{})
	require.EqualError(t, err, "input 1: empty text")

	all, err := m.EmbedTokens(t.Context(), []string{"x"}, Options{Formats: []encoding.Format{encoding.Float}})
	require.NoError(t, err)
	cut, err := m.EmbedTokens(t.Context(), []string{"x"}, Options{Dimensions: 5})
	require.NoError(t, err)
	for i, token := range cut.Texts[0].Tokens {
		assert.Equal(t, all.Texts[0].Tokens[i].Float32[:5], token.Float32)
	}
}
