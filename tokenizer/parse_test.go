package tokenizer

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const added = `{"id":8,"content":"X","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}`

func TestParseErrors(t *testing.T) {
	template := func(single, special string) string {
		return wordPieceFile(`"post_processor":{"type":"TemplateProcessing","single":` + single + `,"pair":[],"special_tokens":` + special + `}`)
	}
	model := func(old, new string) string { return strings.Replace(wordPieceFile(""), old, new, 1) }
	for _, c := range []struct{ file, want string }{
		{"", `not JSON: it ends early`},
		{"{}x", `not JSON: byte 2: 'x' after the document`},
		{"\"\xff\"", `not UTF-8`},
		{"[]", `an array, expected an object`},
		{"{}", `model: nothing, expected an object`},
		{wordPieceFile(`"version":"1.0"`), `key "version" twice`},
		{strings.Replace(wordPieceFile(""), "1.0", "2.0", 1), `version: "2.0", expected 1.0`},
		{wordPieceFile(`"foo":null`), `unknown key "foo"`},

		{wordPieceFile(`"normalizer":5`), `normalizer: 5, expected an object`},
		{wordPieceFile(`"normalizer":{}`), `normalizer.type: nothing, expected a string`},
		{wordPieceFile(`"normalizer":{"type":"NFKE"}`), `normalizer: unknown type "NFKE"`},
		{wordPieceFile(`"normalizer":{"type":"Lowercase","x":1}`), `normalizer: unknown key "x"`},
		{wordPieceFile(`"normalizer":{"type":"Sequence","normalizers":[{"type":"Lowercase"},{"type":"Mt"}]}`),
			`normalizer.normalizers[1]: unknown type "Mt"`},
		{wordPieceFile(`"normalizer":{"type":"Sequence","normalizers":[null]}`), `normalizer.normalizers[0]: null, expected an object`},
		{wordPieceFile(`"normalizer":{"type":"Sequence"}`), `normalizer.normalizers: nothing, expected an array`},
		{wordPieceFile(`"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":1,"lowercase":true}`),
			`normalizer.strip_accents: 1, expected true or false`},
		{wordPieceFile(`"normalizer":{"type":"BertNormalizer","clean_text":true,"lowercase":true}`),
			`normalizer.handle_chinese_chars: nothing, expected true or false`},

		{wordPieceFile(`"pre_tokenizer":{"type":"UnicodeScript"}`), `pre_tokenizer: unknown type "UnicodeScript"`},
		{wordPieceFile(`"pre_tokenizer":{"type":"BertPreTokenizer","x":1}`), `pre_tokenizer: unknown key "x"`},
		{wordPieceFile(`"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits"}]}`),
			`pre_tokenizer.pretokenizers[0].individual_digits: nothing, expected true or false`},

		{wordPieceFile(`"decoder":{"type":"Fuze"}`), `decoder: unknown type "Fuze"`},
		{wordPieceFile(`"decoder":{"type":"WordPiece","prefix":"##","cleanup":true,"x":1}`), `decoder: unknown key "x"`},
		{wordPieceFile(`"decoder":{"type":"WordPiece","cleanup":true}`), `decoder.prefix: nothing, expected a string`},

		{wordPieceFile(`"post_processor":{"type":"ByteLevel"}`), `post_processor.add_prefix_space: nothing, expected true or false`},
		{wordPieceFile(`"post_processor":{"type":"BertProcessing","cls":["[CLS]"],"sep":["[SEP]",2]}`),
			`post_processor.cls: 1 elements, expected a token and its id`},
		{wordPieceFile(`"post_processor":{"type":"BertProcessing","cls":["[CLS]",1],"sep":["[SEP]",99]}`),
			`post_processor.sep[1]: id 99 is not in the vocabulary`},
		{wordPieceFile(`"post_processor":{"type":"BertProcessing","cls":["[CLS]",1],"sep":["[SEP]",2],"trim_offsets":true}`),
			`post_processor: unknown key "trim_offsets"`},
		{template(`[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}]`, `{}`),
			`post_processor.special_tokens: no "[SEP]", which the template names`},
		{template(`[{"Sequence":{"id":"A","type_id":-1}}]`, `{}`), `post_processor.single[0].Sequence.type_id: -1, expected an integer from 0 to 2147483647`},
		{template(`[{"Sequence":{"id":"B","type_id":0}}]`, `{}`), `post_processor.single[0].Sequence: sequence "B", expected A once`},
		{template(`[{"Word":{"id":"B","type_id":0}}]`, `{}`), `post_processor.single[0]: unknown piece "Word"`},
		{template(`[]`, `{}`), `post_processor.single: 0 sequences, expected A`},
		{template(`[{}]`, `{}`), `post_processor.single[0]: 0 keys, expected Sequence or SpecialToken`},
		{template(`[{"SpecialToken":{"id":"S","type_id":0}}]`, `{"S":{"id":"S","ids":[-1],"tokens":["S"]}}`),
			`post_processor.special_tokens.S.ids[0]: -1, expected an integer from 0 to 2147483647`},

		{model(`"WordPiece"`, `"BPE"`), `model: unknown key "max_input_chars_per_word"`},
		{model(`"WordPiece"`, `"WordPeace"`), `model: unknown type "WordPeace"`},
		{`{"model":{"vocab":{}}}`, `model: no type, and keys that tell none: ["vocab"]`},
		{model(`"type"`, `"dropout":0,"type"`), `model: unknown key "dropout"`},
		{model(`"unk_token":"[UNK]"`, `"unk_token":"?"`), `model.unk_token: "?" is not in the vocabulary`},
		{model(`word":100`, `word":-1`), `model.max_input_chars_per_word: -1, expected an integer from 0 to 2147483647`},
		{model(`"##b":7`, `"##b":-7`), `model.vocab: id of "##b": -7, expected an integer from 0 to 2147483647`},
		{model(`"##b":7`, `"##b":7.0`), `model.vocab: id of "##b": 7.0, expected an integer from 0 to 2147483647`},
		{model(`"##b":7`, `"##b":2147483648`), `model.vocab: id of "##b": 2147483648, expected an integer from 0 to 2147483647`},
		{model(`"##b":7`, `"##b":2147483647`), `model.vocab: id 2147483647 of "##b", expected at most 65611 in a vocabulary of this size`},
		{model(`"##b":7`, `"##b":6`), `model.vocab: id 6 for both "##a" and "##b"`},
		{model(`"##b":7`, `"##a":7`), `model.vocab: "##a" twice`},
		{model(`"##b":7`, `"\u0061":7`), `model.vocab: "a" twice`},
		{model(`{"[UNK]"`, `[{"[UNK]"`), `not JSON: byte 210: expected ',' or ']'`},

		{wordPieceFile(`"added_tokens":{}`), `added_tokens: an object, expected an array`},
		{wordPieceFile(`"added_tokens":[` + strings.Replace(added, `"id"`, `"x":0,"id"`, 1) + `]`), `added_tokens[0]: unknown key "x"`},
		{wordPieceFile(`"added_tokens":[{"id":8,"content":"X"}]`), `added_tokens[0].single_word: nothing, expected true or false`},
	} {
		_, err := Parse([]byte(c.file))
		assert.EqualError(t, err, "tokenizer.json: "+c.want, c.file)
	}
}

func TestParseIgnoresTruncationAndPadding(t *testing.T) {
	tok := parseString(t, wordPieceFile(`"truncation":{"max_length":2,"strategy":"LongestFirst","stride":0},"padding":{"strategy":{"Fixed":9}}`))
	sameIDs(t, []int32{5, 6, 7, 6}, encode(t, tok, "ababa", Options{}))
}

func TestParseOldModelWithoutType(t *testing.T) {
	tok := parseString(t, strings.Replace(wordPieceFile(""), `"type":"WordPiece",`, "", 1))
	sameIDs(t, []int32{5, 6}, encode(t, tok, "aba", Options{}))
}

func TestParseModelErrors(t *testing.T) {
	bpe := func(old, new string) string {
		return strings.Replace(`{"model":{"type":"BPE","dropout":null,"unk_token":"u","fuse_unk":false,"vocab":{"u":0,"a":1,"b":2,"ab":3},"merges":["a b"]}}`, old, new, 1)
	}
	unigram := func(old, new string) string {
		return strings.Replace(`{"model":{"type":"Unigram","unk_id":0,"vocab":[["u",0],["a",-1.5]],"byte_fallback":false}}`, old, new, 1)
	}
	const first = `{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}`
	pre := func(step string) string { return wordPieceFile(`"pre_tokenizer":` + step) }
	for _, c := range []struct{ file, want string }{
		{bpe(`"dropout":null`, `"dropout":0.1`), `model.dropout: 0.1, expected 0: ids would be random`},
		{bpe(`"dropout":null`, `"dropout":"x"`), `model.dropout: "x", expected a number`},
		{bpe(`"dropout"`, `"drop"`), `model: unknown key "drop"`},
		{bpe(`"unk_token":"u"`, `"unk_token":"v"`), `model.unk_token: "v" is not in the vocabulary`},
		{bpe(`"a b"`, `"a c"`), `model.merges: "c" of merge 0 is not in the vocabulary`},
		{bpe(`"a b"`, `"c b"`), `model.merges: "c" of merge 0 is not in the vocabulary`},
		{bpe(`"a b"`, `"b a"`), `model.merges: "ba", which merge 0 makes, is not in the vocabulary`},
		{bpe(`"a b"`, `"ab"`), `model.merges: "ab" at merge 0, expected two pieces`},
		{bpe(`"a b"`, `"a b b"`), `model.merges: "a b b" at merge 0, expected two pieces`},
		{bpe(`"a b"`, `["a","b","b"]`), `model.merges: an array at merge 0, expected two pieces`},
		{bpe(`"a b"`, `[]`), `model.merges: an array at merge 0, expected two pieces`},
		{bpe(`"a b"`, `["a",1]`), `model.merges: an array at merge 0, expected two pieces`},
		{bpe(`["a b"]`, `{}`), `model.merges: an object, expected an array`},
		{unigram(`"unk_id":0`, `"unk_id":2`), `model.unk_id: 2, expected an id below 2`},
		{unigram(`"unk_id":0`, `"unk_id":-1`), `model.unk_id: -1, expected an integer from 0 to 2147483647`},
		{unigram(`["a",-1.5]`, `["a"]`), `model.vocab: an array at piece 1, expected a piece and its score`},
		{unigram(`["a",-1.5]`, `["a","b"]`), `model.vocab: "b", expected a number`},
		{unigram(`["a",-1.5]`, `["a",1e999]`), `model.vocab: 1e999 is out of range`},
		{unigram(`["a",-1.5]`, `[1,-1.5]`), `model.vocab: 1, expected a string`},
		{pre(`{"type":"Split","pattern":{"Regex":"(a)\\1"},"behavior":"Isolated","invert":false}`),
			`pre_tokenizer.pattern: regular expression "(a)\\1": not supported: \1`},
		{pre(`{"type":"Split","pattern":{"String":"a"},"behavior":"isolated","invert":false}`), `pre_tokenizer.behavior: unknown behavior "isolated"`},
		{pre(`{"type":"FixedLength","length":0}`), `pre_tokenizer.length: 0, expected at least 1`},
		{pre(`{"type":"CharDelimiterSplit","delimiter":"ab"}`), `pre_tokenizer.delimiter: "ab", expected one character`},
		{pre(`{"type":"Metaspace","replacement":"_","add_prefix_space":false}`), `pre_tokenizer.add_prefix_space: false, and prepend_scheme "always"`},
		{pre(`{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}`), `pre_tokenizer.prepend_scheme: unknown scheme "last"`},
		{wordPieceFile(`"normalizer":{"type":"Nmt"},"pre_tokenizer":` + first),
			`pre_tokenizer: prepend_scheme first after a normalizer that may drop the start of a text: not supported`},
		{wordPieceFile(`"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},` + first + `]}`),
			`pre_tokenizer: prepend_scheme first after a normalizer and another step: not supported`},
		{pre(`{"type":"Sequence","pretokenizers":[` + first + `,` + first + `]}`),
			`pre_tokenizer: prepend_scheme first after a step that writes: not supported`},
		{wordPieceFile(`"normalizer":{"type":"NFC"},"added_tokens":[` + strings.Replace(added, `ed":false`, `ed":true`, 1) + `],"pre_tokenizer":` + first),
			`pre_tokenizer: prepend_scheme first after a normalizer, and added token "X" is normalized: not supported`},
		{wordPieceFile(`"normalizer":{"type":"Precompiled","precompiled_charsmap":"!"}`),
			`normalizer.precompiled_charsmap: not base64: illegal base64 data at input byte 0`},
		{wordPieceFile(`"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAQAAAAA"}`),
			`normalizer.precompiled_charsmap: a trie of 1024 bytes in 2`},
	} {
		_, err := Parse([]byte(c.file))
		assert.EqualError(t, err, "tokenizer.json: "+c.want, c.file)
	}
}

// TestParseDamaged parses files cut off at each byte and with each byte changed.
func TestParseDamaged(t *testing.T) {
	file := wordPieceFile(`"normalizer":{"type":"Lowercase"},` + framed + `,"decoder":{"type":"WordPiece","prefix":"\u0023#","cleanup":true},"added_tokens":[` + added + `]`)
	tok := parseString(t, file)
	sameIDs(t, []int32{1, 5, 8, 0, 2}, encode(t, tok, "AbX q", Options{}))
	for i := range len(file) {
		_, err := Parse([]byte(file[:i]))
		require.Error(t, err, "cut off at %d", i)
		for _, c := range []byte("\x00\"{}[],:0-\\\xff~") {
			damaged := []byte(file)
			damaged[i] = c
			if tok, err := Parse(damaged); err == nil {
				_, err = tok.Encode("a AB X ab\u0301\xff", Options{})
				require.NoError(t, err)
			}
		}
	}
}

// loneSurrogate reports whether the valid JSON data has one, which is no
// character; encoding/json reads it as U+FFFD, which its own text may have too.
func loneSurrogate(data string) bool {
	var units []string
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			units = append(units, "")
			continue
		}
		i++
		if data[i] != 'u' {
			units = append(units, "")
			continue
		}
		units = append(units, strings.ToLower(data[i+1:i+5]))
		i += 4
	}
	high := func(u string) bool { return len(u) == 4 && u[0] == 'd' && strings.IndexByte("89ab", u[1]) >= 0 }
	low := func(u string) bool { return len(u) == 4 && u[0] == 'd' && strings.IndexByte("cdef", u[1]) >= 0 }
	for i := 0; i < len(units); i++ {
		switch {
		case high(units[i]) && i+1 < len(units) && low(units[i+1]):
			i++
		case high(units[i]) || low(units[i]):
			return true
		}
	}
	return false
}

func depth(data string) (deepest int) {
	now, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == '{' || c == '['):
			now++
			deepest = max(deepest, now)
		case !inString && (c == '}' || c == ']'):
			now--
		}
	}
	return deepest
}

// FuzzJSON holds the reader of JSON against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+3,true,null,"\u00e9\ud83d\ude00\n\/"],"b":{}}`, `"\ud800"`, `"\udc00\ud800"`, `01`, `-`, `1.`, `1e`, `[1,]`, `{"a"}`,
		` [ ] `, `"\x"`, "\"\n\"", `nul`, `{"a":1,"a":2}`, `[[[[]]]]`, strings.Repeat("[", 200) + strings.Repeat("]", 200),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		v, err := newValue([]byte(data), "x")
		valid := json.Valid([]byte(data)) && utf8.ValidString(data)
		if valid && (loneSurrogate(data) || depth(data) > maxDepth) {
			return
		}
		require.Equal(t, valid, err == nil, "%v", err)
		if !valid {
			return
		}
		if s, err := v.str(); err == nil {
			var want string
			require.NoError(t, json.Unmarshal([]byte(data), &want))
			require.Equal(t, want, s)
		}
		if elements, err := v.array(); err == nil {
			var want []json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(data), &want))
			require.Len(t, elements, len(want))
			for i := range want {
				require.Equal(t, string(want[i]), elements[i].text)
			}
		}
		if o, err := v.object(); err == nil {
			var want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(data), &want))
			require.Len(t, o.members, len(want))
			for key := range want {
				require.Equal(t, string(want[key]), o.get(key).text)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(wordPieceFile("")))
	f.Add([]byte(wordPieceFile(framed + `,"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},"added_tokens":[` + added + `]`)))
	f.Add([]byte(wordPieceFile(`"normalizer":{"type":"Sequence","normalizers":[{"type":"BertNormalizer","clean_text":true,
		"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}]},"pre_tokenizer":{"type":"BertPreTokenizer"}`)))
	f.Add([]byte(`{"model":{"type":"BPE","dropout":null,"unk_token":"u","fuse_unk":false,"vocab":{"u":0,"a":1,"b":2,"ab":3},"merges":["a b"]},
		"normalizer":{"type":"Replace","pattern":{"Regex":"\\b|[[:alpha:]&&[^a]]*$"},"content":" "},"pre_tokenizer":{"type":"UnicodeScripts"}}`))
	f.Add([]byte(`{"model":{"type":"Unigram","unk_id":null,"vocab":[["u",0],["a",-1.5],["a",-1],["\u2581",-2]],"byte_fallback":false},
		"pre_tokenizer":{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"first"},"decoder":{"type":"Metaspace","replacement":"\u2581"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Parse(data)
		if err != nil {
			return
		}
		e, err := tok.Encode("a AB X ab\u0301\xff", Options{})
		if err != nil {
			require.ErrorIs(t, err, errNoUnknown)
		}
		for _, id := range e.IDs {
			require.True(t, tok.has(id))
		}
		_, err = tok.Decode(e.IDs, DecodeOptions{})
		require.NoError(t, err)
		if _, err = tok.Lowercase().Encode("AB X", Options{}); err != nil {
			require.ErrorIs(t, err, errNoUnknown)
		}
	})
}
