package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncodeAll(t *testing.T) {
	tok := reference(t, "bert-base-uncased")
	var texts []string
	for i, c := range referenceCases(t, "bert-base-uncased") {
		long := strings.Repeat(c.Text, 1+i%7*5)
		texts = append(texts, c.Text, long[:min(len(long), 3000)])
	}
	for _, o := range []Options{{}, {NoSpecial: true}, {MaxTokens: 12, Truncate: TruncateStart, Prefix: 3}} {
		var want []Encoding
		for _, text := range texts {
			e, err := tok.Encode(text, o)
			require.NoError(t, err)
			if len(e.IDs) == 0 {
				e.IDs = []int32{}
			}
			want = append(want, e)
		}
		for _, n := range []int{0, 1, 2, 17, len(texts)} {
			for _, workers := range []int{0, 1, 2, 64} {
				got, err := tok.EncodeAll(texts[:n], o, workers)
				require.NoError(t, err)
				require.Len(t, got, n)
				for i := range got {
					require.Equal(t, want[i], got[i], "text %d of %d, %d workers, %+v", i, n, workers, o)
					require.Len(t, got[i].IDs, cap(got[i].IDs)) // to append leaves the next one's alone
				}
			}
		}
	}
}

// Texts without tokens have empty ids, whichever texts a worker takes with them.
func TestEncodeAllEmpty(t *testing.T) {
	tok, err := Parse([]byte(wordPieceFile(`"pre_tokenizer":{"type":"BertPreTokenizer"}`)))
	require.NoError(t, err)
	for _, workers := range []int{1, 3, 8} {
		got, err := tok.EncodeAll(make([]string, 100), Options{NoSpecial: true}, workers)
		require.NoError(t, err)
		for i := range got {
			require.Equal(t, []int32{}, got[i].IDs)
		}
	}
}

func TestEncodeAllErrors(t *testing.T) {
	tok, err := Parse([]byte(wordPieceFile(`"pre_tokenizer":{"type":"BertPreTokenizer"}`)))
	require.NoError(t, err)
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = "a"
		if i >= 333 && i%3 == 0 {
			texts[i] = "a b a b"
		}
	}
	o := Options{MaxTokens: 3, Truncate: TruncateNone}
	for _, workers := range []int{0, 1, 2, 8} {
		for range 20 {
			got, err := tok.EncodeAll(texts, o, workers)
			require.EqualError(t, err, "text 333: 4 tokens, model reads 3")
			var tooLong *TooLongError
			require.ErrorAs(t, err, &tooLong)
			assert.Nil(t, got)
		}
	}
	_, err = tok.EncodeAll(texts, Options{}, -1)
	require.EqualError(t, err, "-1 workers, expected at least 0")
	_, err = tok.EncodeAll(texts, Options{MaxTokens: -1}, 1)
	require.EqualError(t, err, "limit of -1 tokens, expected at least 0")
}

func TestEncodeAllAllocations(t *testing.T) {
	skipUnderRace(t)
	tok := reference(t, "bert-base-uncased")
	for _, repeats := range []int{1, 40} {
		texts := slices.Repeat([]string{strings.Repeat("some words and more ", repeats)}, 512)
		// The ids of a chunk are an array; that of a worker, which grows, and the rest are a few.
		assert.Less(t, testing.AllocsPerRun(10, func() {
			_, err := tok.EncodeAll(texts, Options{}, 1)
			require.NoError(t, err)
		}), 40.0)
	}
}

func TestCount(t *testing.T) {
	for _, name := range referenceNames {
		t.Run(name, func(t *testing.T) {
			tok := reference(t, name)
			for _, c := range referenceCases(t, name) {
				assert.Equal(t, len(c.IDsSpecial), tok.Count(c.Text, Options{}), "%q", c.Text)
				assert.Equal(t, len(c.IDs), tok.Count(c.Text, Options{NoSpecial: true}), "%q", c.Text)
				assert.Equal(t, len(c.IDsSpecial), tok.Count(c.Text, Options{MaxTokens: 16}), "%q", c.Text)
			}
		})
	}
}

func TestCountAllocatesNothing(t *testing.T) {
	skipUnderRace(t)
	tok := reference(t, "roberta-base")
	text := strings.Repeat("The quick brown fox, naïve and unbelievably ẞmart; 你好 ", 20)
	assert.Zero(t, testing.AllocsPerRun(100, func() { tok.Count(text, Options{}) }))
}
