package tokenizer

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const framed = `"post_processor":{"type":"BertProcessing","cls":["[CLS]",1],"sep":["[SEP]",2]},
	"pre_tokenizer":{"type":"BertPreTokenizer"}`

func parseString(t testing.TB, file string) *Tokenizer {
	t.Helper()
	tok, err := Parse([]byte(file))
	require.NoError(t, err)
	return tok
}

func TestTruncation(t *testing.T) {
	tok := parseString(t, wordPieceFile(framed))
	for _, c := range []struct {
		name    string
		options Options
		want    []int32
		dropped int
	}{
		{"no limit", Options{}, []int32{1, 3, 4, 5, 3, 2}, 0},
		{"as many as the limit", Options{MaxTokens: 6}, []int32{1, 3, 4, 5, 3, 2}, 0},
		{"none, as many as the limit", Options{MaxTokens: 6, Truncate: TruncateNone}, []int32{1, 3, 4, 5, 3, 2}, 0},
		{"end", Options{MaxTokens: 5}, []int32{1, 3, 4, 5, 2}, 1},
		{"end, no place for text", Options{MaxTokens: 2}, []int32{1, 2}, 4},
		{"end, no special tokens", Options{MaxTokens: 1, NoSpecial: true}, []int32{3}, 3},
		{"end, prefix does not count", Options{MaxTokens: 4, Prefix: 3}, []int32{1, 3, 4, 2}, 2},
		{"start", Options{MaxTokens: 4, Truncate: TruncateStart}, []int32{1, 5, 3, 2}, 2},
		{"start, after the prefix", Options{MaxTokens: 5, Truncate: TruncateStart, Prefix: 1}, []int32{1, 3, 5, 3, 2}, 1},
		{"start, prefix takes all", Options{MaxTokens: 4, Truncate: TruncateStart, Prefix: 2}, []int32{1, 3, 4, 2}, 2},
		{"start, prefix over the limit", Options{MaxTokens: 3, Truncate: TruncateStart, Prefix: 9}, []int32{1, 3, 2}, 3},
		{"start, no place for text", Options{MaxTokens: 2, Truncate: TruncateStart}, []int32{1, 2}, 4},
		{"start, no special tokens", Options{MaxTokens: 1, Truncate: TruncateStart, NoSpecial: true}, []int32{3}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := tok.Encode("a b ab a", c.options)
			require.NoError(t, err)
			assert.Equal(t, Encoding{IDs: c.want, Truncated: c.dropped}, e)
		})
	}

	dst := []int32{9}
	got, _, err := tok.Append(dst, "a b ab a", Options{MaxTokens: 5, Truncate: TruncateNone})
	var tooLong *TooLongError
	require.ErrorAs(t, err, &tooLong)
	assert.Equal(t, TooLongError{Tokens: 6, Limit: 5}, *tooLong)
	assert.EqualError(t, err, "6 tokens, model reads 5")
	assert.Equal(t, dst, got)

	for want, o := range map[string]Options{
		"limit of 1 tokens, expected at least 2":  {MaxTokens: 1},
		"limit of -1 tokens, expected at least 0": {MaxTokens: -1, NoSpecial: true},
		"prefix of -1 tokens, expected at least 0": {
			Prefix: -1},
		"truncation 3, expected at most 2": {Truncate: 3},
	} {
		_, err := tok.Encode("a", o)
		assert.EqualError(t, err, want)
	}
}

func TestVocabulary(t *testing.T) {
	tok := reference(t, "bert-base-uncased")
	assert.Equal(t, 30522, tok.VocabSize())
	assert.Equal(t, 2, tok.SpecialTokens())
	head, tail := tok.Frame()
	assert.Equal(t, [][]int32{{101}, {102}}, [][]int32{head, tail})
	assert.True(t, tok.Special(103))
	assert.False(t, tok.Special(1))
	for _, id := range []int32{-1, 30522, 1<<31 - 1} {
		_, ok := tok.Token(id)
		assert.False(t, ok, id)
	}
	_, ok := tok.ID("nosuchpiece")
	assert.False(t, ok)

	holes := parseString(t, strings.Replace(wordPieceFile(`"added_tokens":[]`), `"##b":7`, `"##b":7,"":9,"z":300`, 1))
	assert.Equal(t, 301, holes.VocabSize())
	_, ok = holes.Token(8)
	assert.False(t, ok, "a hole")
	piece, ok := holes.Token(9)
	assert.True(t, ok && piece == "", "an empty piece")
	sameIDs(t, []int32{300}, encode(t, holes, "z", Options{}))
}

func TestLowercase(t *testing.T) {
	tok := parseString(t, wordPieceFile(framed+`,"added_tokens":[
		{"id":8,"content":"[X]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
		{"id":9,"content":"YY","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false}]`))
	sameIDs(t, []int32{1, 0, 8, 0, 9, 2}, encode(t, tok, "AB[X]yy YY", Options{}))
	lower := tok.Lowercase()
	sameIDs(t, []int32{1, 5, 8, 9, 9, 2}, encode(t, lower, "AB[X]yy YY", Options{}))
	assert.Same(t, lower, lower.Lowercase())
	uncased := reference(t, "bert-base-uncased")
	assert.Same(t, uncased, uncased.Lowercase())
	sameIDs(t, encode(t, uncased, "hello", Options{}), encode(t, uncased, "HELLO", Options{}))
}

func TestUnframed(t *testing.T) {
	tok := parseString(t, wordPieceFile(framed))
	require.Equal(t, 2, tok.SpecialTokens())
	plain := tok.Unframed()
	assert.Zero(t, plain.SpecialTokens())
	sameIDs(t, encode(t, tok, "aba", Options{NoSpecial: true}), encode(t, plain, "aba", Options{}))
	sameIDs(t, []int32{1, 5, 6, 2}, encode(t, tok, "aba", Options{}))
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	_, err := Load(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte(wordPieceFile(`"foo":1`)), 0o600))
	_, err = Load(path)
	require.EqualError(t, err, path+`: unknown key "foo"`)
	require.NoError(t, os.WriteFile(path, []byte(wordPieceFile("")), 0o600))
	tok, err := Load(path)
	require.NoError(t, err)
	sameIDs(t, []int32{5, 6}, encode(t, tok, "aba", Options{}))
}

func TestAppendAllocatesNothing(t *testing.T) {
	for _, name := range []string{"bert-base-uncased", "roberta-base", "clip", "falcon", "cl100k", "mistral-v1", "t5-small"} {
		t.Run(name, func(t *testing.T) { testAppendAllocatesNothing(t, reference(t, name)) })
	}
}

func testAppendAllocatesNothing(t *testing.T, tok *Tokenizer) {
	text := strings.Repeat("The quick brown fox, naïve and unbelievably ẞmart; 你好 한국어 [SEP] a\u0301\u302a ", 20)
	ids := make([]int32, 0, 4096)
	// The scratch is held, as the pool drops it at a garbage collection, and at
	// random under the race detector.
	s := tok.pool.Get().(*scratch)
	assert.Zero(t, testing.AllocsPerRun(50, func() {
		s.text = appendUTF8(s.text[:0], text)
		ids = tok.appendTokens(ids[:0], s)
	}))
	tok.pool.Put(s)
	ids, _, err := tok.Append(ids[:0], text, Options{MaxTokens: 256})
	require.NoError(t, err)
	assert.Len(t, ids, 256)
}

func TestConcurrentEncode(t *testing.T) {
	tok := reference(t, "bert-base-multilingual-cased")
	cases := referenceCases(t, "bert-base-multilingual-cased")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range cases {
				c := cases[(i+g*50)%len(cases)]
				sameIDs(t, c.IDsSpecial, encode(t, tok, c.Text, Options{}))
			}
		})
	}
	wg.Wait()
}

// TestLongMarks holds the canonical order of long runs against its definition:
// a stable sort by combining class.
func TestLongMarks(t *testing.T) {
	tok := parseString(t, wordPieceFile(`"normalizer":{"type":"BertNormalizer","clean_text":true,
		"handle_chinese_chars":true,"strip_accents":true,"lowercase":false}`))
	// U+302E has class 224, U+1D165 216; neither is a nonspacing mark. U+0301 is and goes.
	text := "a" + strings.Repeat("\u302e\u0301\U0001d165\x00", 100) + "b"
	want := "a" + strings.Repeat("\U0001d165", 100) + strings.Repeat("\u302e", 100) + "b"
	assert.Equal(t, want, string(tok.normalize([]byte(text), &scratch{})))
}

func TestInvalidUTF8(t *testing.T) {
	// As Python's bytes.decode(errors="replace"); the first row is the Unicode Standard's table 3-8.
	for text, want := range map[string]string{
		"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64": "a\ufffd\ufffd\ufffdb\ufffdc\ufffd\ufffdd",
		"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41":                 "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdA",
		"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41":                 "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdA",
		"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42":                 "\ufffd\ufffd\ufffd\ufffd\ufffdA\ufffd\ufffdB",
		"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41":                 "\ufffd\ufffd\ufffd\ufffdA",
		"é\ufffd\xe4\xbd":                                      "é\ufffd\ufffd",
	} {
		assert.Equal(t, want, string(appendUTF8(nil, text)), "%x", text)
	}
}

func FuzzEncode(f *testing.F) {
	for _, c := range referenceCases(f, "bert-base-uncased") {
		f.Add(c.Text)
	}
	var toks []*Tokenizer
	for _, name := range []string{"bert-base-uncased", "roberta-base", "clip", "falcon", "mistral-v1", "t5-small"} {
		toks = append(toks, reference(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			ids := encode(t, tok, text, Options{})
			for _, id := range ids {
				assert.True(t, tok.has(id))
			}
			_, err := tok.Decode(ids, DecodeOptions{})
			require.NoError(t, err)
			repaired := string(appendUTF8(nil, text))
			assert.True(t, utf8.ValidString(repaired))
			sameIDs(t, ids, encode(t, tok, repaired, Options{}))
			for _, truncate := range []Truncation{TruncateEnd, TruncateStart} {
				e, err := tok.Encode(text, Options{MaxTokens: 7, Truncate: truncate, Prefix: 2})
				require.NoError(t, err)
				assert.Equal(t, len(ids), len(e.IDs)+e.Truncated)
				assert.LessOrEqual(t, len(e.IDs), 7)
			}
		}
	})
}

// TestTokensOfWhiteSpace encodes with tokens that take each other's white space,
// on which the reference panics.
func TestTokensOfWhiteSpace(t *testing.T) {
	all := strings.ReplaceAll(added, "false", "true")
	tok := parseString(t, wordPieceFile(`"added_tokens":[`+all+`,`+strings.NewReplacer("8", "9", "X", " ").Replace(all)+
		`,`+strings.NewReplacer("8", "10", "X", `\t`).Replace(added)+`]`))
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		b := make([]byte, rng.IntN(30))
		for i := range b {
			b[i] = " X\ta"[rng.IntN(4)]
		}
		for _, id := range encode(t, tok, string(b), Options{}) {
			require.True(t, tok.has(id))
		}
	}
}

// TestRandomBytes encodes bytes at random, of which few are UTF-8.
func TestRandomBytes(t *testing.T) {
	tok := reference(t, "bert-base-uncased")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := make([]byte, rng.IntN(60))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		for _, id := range encode(t, tok, string(b), Options{}) {
			require.True(t, tok.has(id))
		}
	}
}

// TestLongTexts encodes texts without an end to a word, and holds the heap that
// merges many symbols against looking at all pairs.
func TestLongTexts(t *testing.T) {
	for _, name := range []string{"roberta-base", "mistral-v1", "t5-small"} {
		tok := reference(t, name)
		for _, part := range []string{"a", "ab", "\u0301", "\u2581", " ", "\u4e2d", "</s>"} {
			text := strings.Repeat(part, 1<<20/len(part)) + "x"
			e, err := tok.Encode(text, Options{NoSpecial: true})
			require.NoError(t, err)
			assert.NotEmpty(t, e.IDs, "%s %q", name, part)
		}
	}
	m := reference(t, "roberta-base").model.(*bpe)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var symbols []int32
		for range 1 + rng.IntN(fewSymbols) {
			symbols = append(symbols, m.symbols[inside]["etaoin sr"[rng.IntN(9)]])
		}
		many := slices.Clone(symbols)
		many = many[:m.mergeMany(many, &scratch{})]
		sameIDs(t, symbols[:m.merge(symbols, &scratch{})], many)
	}
}

// An added token that is matched in the normalized text is spelled in the form that it has
// there, and is no special token in it: ids and pieces of Hugging Face tokenizers 0.23.3.
func TestNormalizedAddedToken(t *testing.T) {
	for _, c := range []struct{ normalizer, normalized, special, piece, decoded string }{
		{`{"type":"Lowercase"}`, "true", "false", " <a>", " <a>"},
		{`{"type":"Lowercase"}`, "true", "true", " <a>", " <a>"},
		{`{"type":"Lowercase"}`, "false", "true", " <A>", ""},
		{`{"type":"Prepend","prepend":"x"}`, "true", "false", "x <A>", "x <A>"},
		{`{"type":"Strip","strip_left":true,"strip_right":true}`, "true", "false", "<A>", "<A>"},
		{"null", "true", "true", " <A>", ""},
	} {
		tok, err := Parse([]byte(`{"version":"1.0","added_tokens":[{"id":2,"content":" <A>","single_word":false,"lstrip":false,"rstrip":false,"normalized":` +
			c.normalized + `,"special":` + c.special + `}],"normalizer":` + c.normalizer + `,"model":{"type":"WordLevel","vocab":{"[U]":0,"a":1},"unk_token":"[U]"}}`))
		require.NoError(t, err)
		piece, ok := tok.Token(2)
		assert.True(t, ok)
		assert.Equal(t, c.piece, piece, "%+v", c)
		decoded, err := tok.Decode([]int32{2}, DecodeOptions{})
		require.NoError(t, err)
		assert.Equal(t, c.decoded, decoded, "%+v", c)
		id, ok := tok.ID(" <A>")
		assert.True(t, ok)
		assert.EqualValues(t, 2, id)
		assert.Equal(t, c.special == "true", tok.Special(2))
	}
}
