package chunk_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rhumb-go/rhumb/embed/chunk"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// The tokenizers are WordPiece with unknown words, byte-level BPE with and without spans
// trimmed, BPE with bytes for what it does not know, and Unigram.
var names = []string{ // the first six are of each kind
	"bert-base-uncased", "modernbert", "roberta-base", "mistral-v1", "xlm-roberta-base", "t5-small",
	"bert-base-chinese", "bert-base-multilingual-cased", "cl100k", "clip", "falcon", "mistral-v3", "phi-2",
}

var load = func() func(testing.TB, string) *tokenizer.Tokenizer {
	var lock sync.Mutex
	loaded := map[string]*tokenizer.Tokenizer{}
	return func(t testing.TB, name string) *tokenizer.Tokenizer {
		t.Helper()
		lock.Lock()
		defer lock.Unlock()
		if tok := loaded[name]; tok != nil {
			return tok
		}
		f, err := os.Open("../../tokenizer/testdata/" + name + "/tokenizer.json.gz")
		require.NoError(t, err)
		defer f.Close()
		z, err := gzip.NewReader(f)
		require.NoError(t, err)
		data, err := io.ReadAll(z)
		require.NoError(t, err)
		tok, err := tokenizer.Parse(data)
		require.NoError(t, err)
		loaded[name] = tok
		return tok
	}
}()

// parts are what random texts are made of.
var parts = []string{
	"the ", "food ", "was ", "unbelievably ", "delicious. ", "Dr. Smith's ", "3.14 ", "Really?! ", "(so ", "they) ", "“quoted.” ", "#tag ",
	"Das ", "Essen ", "köstlich", "ко́фе ", "Привет. ", "ΑΒΓ ", "\n", "\r\n", "\n\n", "\r\n\r\n", "\n \t\n", "\u2029", "   ", "\t",
	"中文", "字符。", "日本語の", "テキスト、", "한국어 ", "각", "ภาษาไทย", "น้ำ", "กำลัง", "हिन्दी ", "क्ष", "क्षि", "नमस्ते। ", "العربية ", "עברית ",
	"👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "🇫🇷🇯🇵", "🏳️‍🌈", "❤️", "e\u0301", "a\u0323\u0302\u0301\u0308", "\u200d", "\u0301", "\u0000", "\ufeff", "\U000E0041",
	"aaaaaaaaaaaaaaaaaaaaaaaa", "https://example.org/a/b?c=d ", "{\"a\": [1]} ", "....", "!!!!!!!!!!!!", "<s>", "[SEP]", "\xff", "\xe4\xb8", "\xf0\x9f",
}

// randomText returns a text of n parts, of all or of one script or few.
func randomText(r *rand.Rand, n int) string {
	some := parts
	if r.IntN(2) == 0 {
		at := r.IntN(len(parts) - 4)
		some = parts[at : at+4]
	}
	var b strings.Builder
	for range n {
		part := some[r.IntN(len(some))]
		if r.IntN(3) == 0 {
			part = strings.TrimSpace(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// check checks all that Split promises but where its borders are best.
func check(t *testing.T, tok *tokenizer.Tokenizer, text string, c chunk.Config) []chunk.Chunk {
	t.Helper()
	chunks, err := chunk.Split(tok, text, c)
	if err != nil {
		// There is a code point that is over the limit by itself.
		for i := 0; i < len(text); {
			_, n := utf8.DecodeRuneInString(text[i:])
			if tok.Count(c.Prompt+text[i:i+n], tokenizer.Options{}) > c.MaxTokens {
				return nil
			}
			i += n
		}
		require.NoError(t, err)
	}
	border := make([]bool, len(text)+1)
	border[0] = true
	before := make([]int, len(text)+1) // of a byte inside a character: where that begins, and where it ends
	after := make([]int, len(text)+1)
	for it := graphemes.FromString(text); it.Next(); {
		border[it.End()] = true
		for i := it.Start() + 1; i < it.End(); i++ {
			before[i], after[i] = it.Start(), it.End()
		}
	}
	start, end := -1, 0
	for i, k := range chunks {
		where := fmt.Sprintf("chunk %d: %v", i, k)
		require.Less(t, start, k.Start, where)
		require.Less(t, end, k.End, where)
		require.LessOrEqual(t, k.Start, end, where)
		if c.Overlap == 0 {
			require.Equal(t, end, k.Start, where)
		} else if k.Start < end {
			require.True(t, border[k.Start], where)
			shared := 0
			last := chunks[i-1]
			e, err := tok.EncodeOffsets(c.Prompt+text[last.Start:last.End], tokenizer.Options{})
			require.NoError(t, err)
			for _, o := range e.Offsets {
				if o != (tokenizer.Span{}) && last.Start+o.Start-len(c.Prompt) >= k.Start {
					shared++
				}
			}
			require.LessOrEqual(t, shared, c.Overlap, where)
		}
		start, end = k.Start, k.End
		n := tok.Count(c.Prompt+text[start:end], tokenizer.Options{})
		require.Equal(t, n, k.Tokens, where)
		require.LessOrEqual(t, n, c.MaxTokens, where)
		if !border[end] {
			whole := text[before[end]:after[end]]
			require.Greater(t, tok.Count(c.Prompt+whole, tokenizer.Options{}), c.MaxTokens, "%s: ends in %q", where, whole)
			require.True(t, !utf8.ValidString(whole) || utf8.RuneStart(text[end]), where)
		}
	}
	require.Equal(t, len(text), end)
	again, err := chunk.Split(tok, text, c)
	require.NoError(t, err)
	require.Equal(t, chunks, again)
	return chunks
}

func TestSplitRandom(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			tok := load(t, name)
			r := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				c := chunk.Config{MaxTokens: tok.SpecialTokens() + 1 + r.IntN(40)}
				if r.IntN(3) == 0 {
					c.Prompt = "query: "
					c.MaxTokens += 8
				}
				if r.IntN(2) == 0 {
					c.Overlap = r.IntN(c.MaxTokens - tok.Count(c.Prompt, tokenizer.Options{}))
				}
				text := randomText(r, 1+r.IntN(150))
				if check(t, tok, text, c); t.Failed() {
					t.Fatalf("%+v: %q", c, text)
				}
			}
		})
	}
}

// One word and one character may be longer than any chunk.
func TestSplitLongWord(t *testing.T) {
	const size = 100 << 10
	for _, name := range names[:6] {
		tok := load(t, name)
		for _, part := range []string{"a", "abcdefghij", "中", "น้ำ", "क्ष", "👩‍👩‍👧‍👦", "\u0301", " ", "\n", ".", ")", "\U0001F1E9", "\xff"} {
			t.Run(fmt.Sprintf("%s/%q", name, part), func(t *testing.T) {
				t.Parallel()
				text := "One. " + strings.Repeat(part, size/len(part)) + " two."
				check(t, tok, text, chunk.Config{MaxTokens: 256, Overlap: 32})
			})
		}
	}
}

// join returns the text with bars where chunks begin.
func join(text string, chunks []chunk.Chunk) string {
	var all []string
	for _, k := range chunks {
		all = append(all, text[k.Start:k.End])
	}
	return strings.Join(all, "|")
}

// The borders are those that a reader would choose by the rules.
func TestSplitBorders(t *testing.T) {
	tok := load(t, "bert-base-uncased") // one token for each word and mark here, and two special tokens
	for _, tt := range []struct {
		name           string
		text           string
		limit, overlap int
		want           string
	}{
		{name: "all fits", text: "one two. Three", limit: 6, want: "one two. Three"},
		{name: "words", text: "one two three four five", limit: 4, want: "one two |three four |five"},
		{name: "sentences before words", text: "one. Two three four", limit: 6, want: "one. |Two three four"},
		{name: "as many sentences as fit", text: "one. Two. Three. Four five.", limit: 8, want: "one. Two. Three. |Four five."},
		{name: "paragraphs before sentences", text: "one.\n\nTwo. Three. Four.", limit: 8, want: "one.\n\n|Two. Three. Four."},
		{name: "blank lines with blanks, CRLF", text: "one.\r\n \r\n\r\nTwo. Three.", limit: 6, want: "one.\r\n \r\n\r\n|Two. Three."},
		{name: "indentation is the next line's", text: "one.\n\n  Two. Three.", limit: 6, want: "one.\n\n|  Two. Three."},
		{name: "a line's end is a sentence's", text: "one\nTwo three four", limit: 5, want: "one\n|Two three four"},
		{name: "no dot, no sentence", text: "it is 3.5 e.g. or so. Two", limit: 11, want: "it is 3.5 e.g. |or so. Two"},
		{name: "punctuation stays with its word", text: "one two (three, four", limit: 5, want: "one two |(three, |four"},
		{name: "Chinese", text: "一二三。四五六", limit: 6, want: "一二三。|四五六"},
		{name: "Chinese words", text: "一二三四五六", limit: 4, want: "一二|三四|五六"},
		{name: "overlap", text: "one two three four five six", limit: 5, overlap: 1, want: "one two three |three four five |five six"},
		{name: "overlap that a sentence allows", text: "one two. Three four. Five six.", limit: 8, overlap: 3, want: "one two. Three four. |Three four. Five six."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := check(t, tok, tt.text, chunk.Config{MaxTokens: tt.limit, Overlap: tt.overlap})
			assert.Equal(t, tt.want, join(tt.text, got))
		})
	}
}

func TestSplitErrors(t *testing.T) {
	bert, bytes := load(t, "bert-base-uncased"), load(t, "modernbert")
	for _, tt := range []struct {
		tok  *tokenizer.Tokenizer
		c    chunk.Config
		want string
	}{
		{bert, chunk.Config{}, "limit of 0 tokens, expected more than the 2 special tokens"},
		{bert, chunk.Config{MaxTokens: 2}, "limit of 2 tokens, expected more than the 2 special tokens"},
		{bert, chunk.Config{MaxTokens: 4, Prompt: "one two"}, "limit of 4 tokens, expected more than the 4 of the prompt and the special tokens"},
		{bert, chunk.Config{MaxTokens: 9, Overlap: 7}, "overlap of 7 tokens, expected 0 to 6"},
		{bert, chunk.Config{MaxTokens: 9, Overlap: -1}, "overlap of -1 tokens, expected 0 to 6"},
		{bytes, chunk.Config{MaxTokens: 3}, `bytes 3 to 7: "🀀" has more tokens than the limit of 3 leaves to a text`},
	} {
		_, err := chunk.Split(tt.tok, "ab 🀀", tt.c)
		assert.ErrorContains(t, err, tt.want)
	}
	closed := make(chan struct{})
	close(closed)
	_, err := chunk.Split(bert, strings.Repeat("one two ", 1<<16), chunk.Config{MaxTokens: 512, Done: closed})
	assert.Error(t, err)
	none, err := chunk.Split(bert, "", chunk.Config{MaxTokens: 3})
	assert.NoError(t, err)
	assert.Empty(t, none)
}

func FuzzSplit(f *testing.F) {
	f.Add("One two. Three\n\nfour 👩‍👩‍👧‍👦 e\u0301 \xff", "query: ", uint8(20), uint8(3), uint8(0))
	f.Add(strings.Repeat("字", 40), "", uint8(5), uint8(2), uint8(3))
	f.Add("\x97", " \xf2\xf2\xa4\xb6", uint8(5), uint8(0), uint8(0x9e)) // the text's byte ends the prompt's character
	f.Fuzz(func(t *testing.T, text, prompt string, limit, overlap, which uint8) {
		tok := load(t, names[int(which)%len(names)])
		c := chunk.Config{MaxTokens: int(limit), Overlap: int(overlap), Prompt: prompt}
		if tok.Count(prompt, tokenizer.Options{})+c.Overlap >= c.MaxTokens {
			_, err := chunk.Split(tok, text, c)
			require.Error(t, err)
			return
		}
		check(t, tok, text, c)
	})
}
