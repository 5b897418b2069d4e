package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A pairsLine is a tokenizer and pairs of texts, as testdata/generate_pairs.py writes them.
type pairsLine struct {
	Name, Folder string
	File         json.RawMessage
	Cases        []pairCase
}

// A pairCase is [first, second, special, limit, left, ids, types, texts, offsets] in the file.
type pairCase struct {
	first, second string
	options       Options
	ids, types    []int32
	texts         []int8
	offsets       [][2]int
}

func (c *pairCase) UnmarshalJSON(data []byte) error {
	var special, left bool
	var flat []int
	if err := json.Unmarshal(data, &[]any{&c.first, &c.second, &special, &c.options.MaxTokens, &left, &c.ids, &c.types, &c.texts, &flat}); err != nil {
		return err
	}
	c.options.NoSpecial = !special
	if left {
		c.options.Truncate = TruncateStart
	}
	for i := 0; i < len(flat); i += 2 {
		c.offsets = append(c.offsets, [2]int{flat[i], flat[i+1]})
	}
	return nil
}

func readPairs(t testing.TB, name string) (all []pairsLine) {
	t.Helper()
	var data []byte
	if path := os.Getenv("RHUMB_PAIRS_CASES"); path != "" && name == "pairs.json.gz" {
		var err error
		data, err = os.ReadFile(path)
		require.NoError(t, err)
	} else {
		data = gunzip(t, name)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var l pairsLine
		require.NoError(t, json.Unmarshal(lines.Bytes(), &l))
		all = append(all, l)
	}
	require.NoError(t, lines.Err())
	return all
}

// check compares what tok gives for the pair with the reference's answer.
func (c *pairCase) check(t testing.TB, tok *Tokenizer) bool {
	t.Helper()
	e, err := tok.EncodePairOffsets(c.first, c.second, c.options)
	if !assert.NoError(t, err, "%+v", c) ||
		!sameIDs(t, c.ids, e.IDs, "%q %q %+v", c.first, c.second, c.options) ||
		!sameIDs(t, c.types, e.Types, "types of %q %q %+v", c.first, c.second, c.options) ||
		c.texts != nil && !assert.True(t, slices.Equal(c.texts, e.Texts), "texts %v, expected %v", e.Texts, c.texts) {
		return false
	}
	first, second := pythonOffsets(c.first, inText(e, 0)), pythonOffsets(c.second, inText(e, 1))
	got := make([][2]int, len(e.IDs))
	for i, text := range e.Texts {
		switch text {
		case 0:
			got[i] = first[i]
		case 1:
			got[i] = second[i]
		}
	}
	if !assert.True(t, slices.Equal(c.offsets, got), "%q %q %+v: offsets\n%v, expected\n%v", c.first, c.second, c.options, got, c.offsets) {
		return false
	}
	plain, err := tok.EncodePair(c.first, c.second, c.options)
	return assert.NoError(t, err) && sameIDs(t, c.ids, plain.IDs) && sameIDs(t, c.types, plain.Types) && assert.Equal(t, e.Truncated, plain.Truncated)
}

// inText returns the spans of e's tokens of a text, empty ones for the others.
func inText(e Encoding, text int8) []Span {
	spans := slices.Clone(e.Offsets)
	for i := range spans {
		if e.Texts[i] != text {
			spans[i] = Span{}
		}
	}
	return spans
}

// TestPairs compares with pairs.json.gz, or the file that RHUMB_PAIRS_CASES names.
func TestPairs(t *testing.T) {
	fallback := readFallback(t)
	compared, unread, bad := 0, 0, 0
	for _, l := range readPairs(t, "pairs.json.gz") {
		var tok *Tokenizer
		var err error
		if l.Folder != "" {
			i := slices.IndexFunc(fallback.Folders, func(f fallbackFolder) bool { return f.Name == l.Folder })
			require.GreaterOrEqual(t, i, 0, l.Folder)
			tok, err = LoadAs(fallback.folder(t, i), 5)
			require.NoError(t, err, l.Folder)
		} else if tok, err = Parse(l.File); err != nil { // a pipeline drawn by chance may be one that Parse refuses
			t.Logf("%v", err)
			unread++
			continue
		}
		for _, c := range l.Cases {
			compared++
			if !c.check(t, tok) {
				t.Logf("%s%s", l.Folder, l.File)
				bad++
				break
			}
		}
		if bad == 10 {
			break
		}
	}
	t.Logf("%d pairs, %d files not read", compared, unread)
	assert.Greater(t, compared, 1000)
	assert.Less(t, 10*unread, compared)
}

// TestPairsOfHeads compares with the ids that rerankers and classifiers were fed.
func TestPairsOfHeads(t *testing.T) {
	all := readPairs(t, "pairs_heads.json.gz")
	require.Greater(t, len(all), 20)
	for _, l := range all {
		t.Run(l.Name, func(t *testing.T) {
			tok, err := Parse(l.File)
			require.NoError(t, err)
			for _, c := range l.Cases {
				c.check(t, tok)
			}
		})
	}
}

const bertPairs = `"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":3}},{"Sequence":{"id":"A","type_id":2}}],` +
	`"pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"[SEP]","type_id":4}},{"Sequence":{"id":"A","type_id":0}}],` +
	`"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}}`

func TestPairTruncation(t *testing.T) {
	tok := parseString(t, wordPieceFile(bertPairs+`,"pre_tokenizer":{"type":"WhitespaceSplit"}`))
	for _, c := range []struct {
		first, second string
		limit         int
		side          Truncation
		ids, types    []int32
		truncated     int
	}{
		{"a a", "b b b", 0, TruncateEnd, []int32{1, 4, 4, 4, 2, 3, 3}, []int32{0, 1, 1, 1, 4, 0, 0}, 0},
		{"a a", "b b b", 7, TruncateNone, []int32{1, 4, 4, 4, 2, 3, 3}, []int32{0, 1, 1, 1, 4, 0, 0}, 0},
		{"a ab", "b b ab", 6, TruncateStart, []int32{1, 4, 5, 2, 3, 5}, []int32{0, 1, 1, 4, 0, 0}, 1},
		{"a ab", "b b ab", 5, TruncateEnd, []int32{1, 4, 4, 2, 3}, []int32{0, 1, 1, 4, 0}, 2},
		{"b b ab", "a ab", 5, TruncateEnd, []int32{1, 3, 2, 4, 4}, []int32{0, 1, 4, 0, 0}, 2},
		{"a a", "b b", 5, TruncateEnd, []int32{1, 4, 4, 2, 3}, []int32{0, 1, 1, 4, 0}, 1},
		{"a", "b b b b", 5, TruncateEnd, []int32{1, 4, 4, 2, 3}, []int32{0, 1, 1, 4, 0}, 2},
		{"a a", "b b b", 2, TruncateEnd, []int32{1, 2}, []int32{0, 4}, 5},
		{"", "", 2, TruncateNone, []int32{1, 2}, []int32{0, 4}, 0},
		{"a", "", 0, TruncateEnd, []int32{1, 2, 3}, []int32{0, 4, 0}, 0},
	} {
		e, err := tok.EncodePair(c.first, c.second, Options{MaxTokens: c.limit, Truncate: c.side})
		require.NoError(t, err)
		assert.Equal(t, Encoding{IDs: c.ids, Types: c.types, Truncated: c.truncated}, e, "%q %q %d", c.first, c.second, c.limit)
	}
	_, err := tok.EncodePair("a a", "b b b", Options{MaxTokens: 6, Truncate: TruncateNone})
	assert.Equal(t, &TooLongError{Tokens: 7, Limit: 6}, err)
}

func TestTokenTypes(t *testing.T) {
	tok := parseString(t, wordPieceFile(bertPairs))
	e, err := tok.Encode("ab", Options{})
	require.NoError(t, err)
	assert.Equal(t, Encoding{IDs: []int32{1, 5}, Types: []int32{3, 2}}, e)
	e, err = tok.Encode("ab", Options{NoSpecial: true})
	require.NoError(t, err)
	assert.Equal(t, Encoding{IDs: []int32{5}, Types: []int32{2}}, e)
	all, err := tok.EncodeAll([]string{"ab", "aba"}, Options{}, 1)
	require.NoError(t, err)
	assert.Equal(t, [][]int32{{3, 2}, {3, 2, 2}}, [][]int32{all[0].Types, all[1].Types})
	e, err = tok.EncodeOffsets("ab", Options{})
	require.NoError(t, err)
	assert.Equal(t, []int32{3, 2}, e.Types)
	assert.Equal(t, []int32{7, 3, 2, 2}, tok.AppendTypes([]int32{7}, 3, Options{}))
	for name, plain := range map[string]*Tokenizer{"bare": parseString(t, wordPieceFile("")), "unframed": tok.Unframed(), "ended": tok.EndedBy(2)} {
		e, err = plain.Encode("ab", Options{})
		require.NoError(t, err)
		assert.Nil(t, e.Types, name)
		assert.Equal(t, []int32{0, 0}, plain.AppendTypes(nil, 2, Options{}), name)
		e, err = plain.EncodePair("a", "b", Options{NoSpecial: true})
		require.NoError(t, err)
		assert.Equal(t, Encoding{IDs: []int32{3, 4}, Types: []int32{0, 1}}, e, name)
	}
}

func TestPairErrors(t *testing.T) {
	template := func(pair string) string {
		return wordPieceFile(`"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],` + pair + `"special_tokens":{}}`)
	}
	const a, b = `{"Sequence":{"id":"A","type_id":0}}`, `{"Sequence":{"id":"B","type_id":1}}`
	for _, c := range []struct{ file, want string }{
		{template(``), `pair: nothing, expected an array`},
		{template(`"pair":null,`), `pair: null, expected an array`},
		{template(`"pair":[],`), `pair: 0 sequences, expected A and B`},
		{template(`"pair":[` + a + `],`), `pair: 1 sequences, expected A and B`},
		{template(`"pair":[` + a + `,` + b + `,` + a + `],`), `pair[2].Sequence: sequence "A", expected A and B once`},
		{template(`"pair":[` + a + `,{"SpecialToken":{"id":"[SEP]","type_id":0}},` + b + `],`), `special_tokens: no "[SEP]", which the template names`},
	} {
		tok := parseString(t, c.file)
		assert.Equal(t, []int32{5}, encode(t, tok, "ab", Options{}))
		for _, o := range []Options{{}, {NoSpecial: true}} {
			e, err := tok.EncodePair("a", "b", o)
			assert.EqualError(t, err, "no pairs: tokenizer.json: post_processor."+c.want)
			assert.Equal(t, Encoding{}, e)
		}
	}

	tok := parseString(t, wordPieceFile(bertPairs))
	closed := make(chan struct{})
	close(closed)
	for want, o := range map[string]Options{
		"limit of 1 tokens, expected at least 2":         {MaxTokens: 1},
		"prefix of 1 tokens, expected none for a pair":   {Prefix: 1},
		"truncation 3, expected at most 2":               {Truncate: 3},
		"first text: stopped, as Options.Done is closed": {Done: closed},
		"limit of -1 tokens, expected at least 0":        {MaxTokens: -1, NoSpecial: true},
		"8 tokens, model reads 3":                        {MaxTokens: 3, Truncate: TruncateNone},
	} {
		ids, types, n, err := tok.AppendPair([]int32{9}, []int32{8}, "abab", "aab", o)
		assert.EqualError(t, err, want)
		assert.Equal(t, [][]int32{{9}, {8}, {0}}, [][]int32{ids, types, {int32(n)}})
		_, err = tok.EncodePairOffsets("abab", "aab", o)
		assert.EqualError(t, err, want)
	}
}

// An error about a text says which.
func TestPairTextErrors(t *testing.T) {
	tok := parseString(t, `{"model":{"type":"Unigram","unk_id":null,"vocab":[["a",-1]]}}`)
	for want, texts := range map[string][2]string{"first": {"z", "a"}, "second": {"a", "z"}} {
		_, err := tok.EncodePair(texts[0], texts[1], Options{})
		require.ErrorIs(t, err, errNoUnknown)
		assert.ErrorContains(t, err, want+" text: ")
	}
}

func TestAppendPairAllocatesNothing(t *testing.T) {
	skipUnderRace(t)
	tok := reference(t, "bert-base-uncased")
	ids, types := make([]int32, 0, 100), make([]int32, 0, 100)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		ids, types, _, _ = tok.AppendPair(ids[:0], types[:0], "which line keeps one bearing", "a rhumb line does", Options{MaxTokens: 9})
	}))
	assert.Equal(t, []int32{101, 102}, []int32{ids[0], ids[8]})
}

// FuzzEncodePair checks for what holds without a reference.
func FuzzEncodePair(f *testing.F) {
	for _, text := range []string{"", "a\xff\xe6\x97b", " é ☃\u0301\ufdfa<mask>  [SEP]\xc3", "</s> \u1100\u1161\u11a8 \u00a0x"} {
		f.Add(text, "b "+text, 0)
		f.Add(text+text, text, 5)
	}
	f.Fuzz(func(t *testing.T, first, second string, limit int) {
		for _, name := range []string{"bert-base-uncased", "roberta-base", "mistral-v1", "t5-small", "modernbert"} {
			tok := reference(t, name)
			for _, o := range []Options{
				{}, {NoSpecial: true}, {MaxTokens: limit}, {MaxTokens: limit, Truncate: TruncateStart}, {MaxTokens: limit, Truncate: TruncateNone, NoSpecial: true},
			} {
				e, err := tok.EncodePairOffsets(first, second, o)
				ids, types, truncated, plainErr := tok.AppendPair(nil, nil, first, second, o)
				require.Equal(t, err, plainErr)
				if err != nil {
					continue
				}
				sameIDs(t, ids, e.IDs)
				sameIDs(t, types, e.Types)
				require.Equal(t, truncated, e.Truncated)
				require.Len(t, e.Types, len(e.IDs))
				require.Len(t, e.Offsets, len(e.IDs))
				require.Len(t, e.Texts, len(e.IDs))
				if o.MaxTokens > 0 {
					require.LessOrEqual(t, len(e.IDs), o.MaxTokens)
				}
				if o.Truncate == TruncateNone {
					require.Zero(t, e.Truncated)
				}
				// Without a limit each text has the tokens that it has by itself.
				for i, text := range []string{first, second} {
					alone, err := tok.EncodeOffsets(text, Options{NoSpecial: true})
					require.NoError(t, err)
					var mine []int32
					for k, id := range e.IDs {
						if s := e.Offsets[k]; int(e.Texts[k]) == i {
							mine = append(mine, id)
							require.True(t, 0 <= s.Start && s.Start <= s.End && s.End <= len(text), "%v", s)
						}
					}
					if o.MaxTokens == 0 {
						sameIDs(t, alone.IDs, mine)
					} else if o.Truncate == TruncateStart {
						sameIDs(t, alone.IDs[len(alone.IDs)-len(mine):], mine)
					} else {
						sameIDs(t, alone.IDs[:len(mine)], mine)
					}
				}
			}
		}
	})
}
