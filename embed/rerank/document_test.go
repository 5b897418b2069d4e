package rerank

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// MaxDocumentTokens leaves of a document its first tokens, or its last ones, and touches
// neither the query nor what the tokenizer or a template puts around it.
func TestMaxDocumentTokens(t *testing.T) {
	words := strings.Fields("the river and summer")
	for _, name := range []string{"rerank-bert", "rerank-roberta", "logit-qwen3"} {
		m, _ := loadGolden(t, name, embed.Config{})
		ids := func(text string) []int32 {
			e, err := m.tokenizer().Encode(text, tokenizer.Options{NoSpecial: true})
			require.NoError(t, err)
			return e.IDs
		}
		document := strings.Join(words, " ")
		all := len(ids(document))
		for _, most := range []int{1, 4, all - 1, all, all + 1} {
			o := Options{MaxDocumentTokens: most}
			whole, cut := tokens(t, &call{model: m, scores: true, pairs: [][2]string{{"the long query", document}}}), tokens(t, &call{model: m, scores: true, pairs: [][2]string{{"the long query", document}}, options: o})
			assert.LessOrEqual(t, len(cut[0].IDs), len(whole[0].IDs)-max(0, all-most)+1, "%s: %d", name, most) // a cut text may have a token more
			scores, err := m.Score(t.Context(), "the long query", []string{document}, o)
			require.NoError(t, err)
			assert.Equal(t, max(0, all-most), scores[0].Truncated, "%s: %d", name, most)
			if most >= all {
				assert.Equal(t, whole[0].IDs, cut[0].IDs)
			}
		}
		o := Options{MaxDocumentTokens: 4, Truncate: embed.TruncateNone}
		_, err := m.Score(t.Context(), "q", []string{"a", document}, o)
		var bad *embed.InputError
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, 1, bad.Index)
		assert.ErrorContains(t, err, "expected 4 or fewer")
		_, err = m.Score(t.Context(), "q", []string{"a"}, Options{MaxDocumentTokens: -1})
		assert.ErrorContains(t, err, "max document tokens: -1, expected 1 or more")
	}
	m, _ := loadGolden(t, "rerank-bert", embed.Config{})
	e, err := m.tokenizer().EncodeOffsets("day summer", tokenizer.Options{NoSpecial: true})
	require.NoError(t, err)
	rest := "day summer"[e.Offsets[len(e.IDs)-1].Start:]
	cut := tokens(t, &call{model: m, scores: true, pairs: [][2]string{{"q", "day summer"}}, options: Options{MaxDocumentTokens: 1, Truncate: embed.TruncateStart}})
	assert.Equal(t, tokens(t, &call{model: m, scores: true, pairs: [][2]string{{"q", rest}}})[0].IDs, cut[0].IDs, "the text of the last token")
}

// The prompt stays where a text by itself is cut at its start.
func TestPromptOfCutTexts(t *testing.T) {
	m, _ := loadGolden(t, "rerank-bert", embed.Config{})
	const prompt = "the river "
	rest := &call{model: m, single: true, pairs: [][2]string{{"day summer"}}, options: Options{Prompt: prompt}}
	whole := tokens(t, rest)[0]
	cut := &call{model: m, pairs: [][2]string{{strings.Repeat("query ", 20) + "day summer"}}, options: Options{
		Prompt: prompt, Truncate: embed.TruncateStart, MaxTokens: len(whole.IDs),
	}}
	assert.Equal(t, whole.IDs, tokens(t, cut)[0].IDs)
	cut.single = true
	assert.Equal(t, whole.IDs, tokens(t, cut)[0].IDs)
}
