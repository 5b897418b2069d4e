package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fallbackFolders are the folders of fallback.json.gz, see generate_fallback.py.
type fallbackFolders struct {
	Texts   []string
	Types   map[string]string // classes of model_type
	Forced  []string          // model types whose tokenizer_class does not count
	Files   []string          // contents; folders have indices into them
	Folders []fallbackFolder
}

type fallbackFolder struct {
	Name  string
	Files map[string]int
	Size  int // vocabulary and added tokens
	Cases []struct {
		IDs, Special []int32
		Text         *string
	}
}

func readFallback(t testing.TB) (f fallbackFolders) {
	t.Helper()
	require.NoError(t, json.Unmarshal(gunzip(t, "fallback.json.gz"), &f))
	require.Greater(t, len(f.Texts), 70)
	return f
}

// folder returns the files of the i-th folder.
func (f *fallbackFolders) folder(t testing.TB, i int) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for name, at := range f.Folders[i].Files {
		data := []byte(f.Files[at])
		if text, ok := strings.CutPrefix(f.Files[at], "base64:"); ok {
			var err error
			data, err = base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

func TestFallback(t *testing.T) {
	f := readFallback(t)
	require.Greater(t, len(f.Folders), 50)
	for i, folder := range f.Folders {
		t.Run(folder.Name, func(t *testing.T) {
			tok, err := LoadAs(f.folder(t, i), 5)
			if strings.HasPrefix(folder.Name, "refused: ") {
				require.Error(t, err)
				t.Log(err)
				return
			}
			require.NoError(t, err)
			require.Len(t, folder.Cases, len(f.Texts))
			for k, c := range folder.Cases {
				text := f.Texts[k]
				ids := encode(t, tok, text, Options{NoSpecial: true})
				sameIDs(t, c.IDs, ids, "%q", text)
				sameIDs(t, c.Special, encode(t, tok, text, Options{}), "%q, special", text)
				if c.Text == nil {
					continue
				}
				decoded, err := tok.Decode(ids, DecodeOptions{KeepSpecial: true})
				require.NoError(t, err)
				assert.Equal(t, *c.Text, decoded, "%q, decoded", text)
			}
		})
	}
}

// Each model_type goes to the class that transformers has for it.
func TestModelTypes(t *testing.T) {
	f := readFallback(t)
	require.Greater(t, len(f.Types), 200)
	for name, class := range modelTypes {
		assert.Equal(t, strings.TrimSuffix(f.Types[name], "Fast"), class, name)
		if class != "" {
			assert.Contains(t, tokenizerClasses, class, name)
		}
		forced := class == backend || name == "qwen2"
		assert.Equal(t, slices.Contains(f.Forced, name) || f.Types[name] == backend, forced, name)
	}
}

// edit returns a copy of files with some changed; noFile takes one away.
func edit(files fstest.MapFS, change map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, file := range files {
		out[name] = file
	}
	for name, content := range change {
		out[name] = &fstest.MapFile{Data: []byte(content)}
		if content == noFile {
			delete(out, name)
		}
	}
	return out
}

const noFile = "\x00gone"

func TestFallbackErrors(t *testing.T) {
	f := readFallback(t)
	folders := map[string]fstest.MapFS{}
	for i, folder := range f.Folders {
		folders[folder.Name] = f.folder(t, i)
	}
	config := func(text string) map[string]string { return map[string]string{configFile: text} }
	class := func(name, more string) map[string]string {
		return config(`{"tokenizer_class": "` + name + `"` + more + `}`)
	}
	const model = "sentencepiece.bpe.model"
	for _, c := range []struct {
		from   string
		change map[string]string
		want   string
	}{
		{"bert", map[string]string{"vocab.txt": noFile}, "tokenizer.json: file does not exist, expected it or one of vocab.txt, vocab.json, "},
		{"bert", map[string]string{"vocab.txt": noFile, "vocab.json": "{}"}, "vocab.txt: file does not exist: BertTokenizer needs it (no tokenizer.json, found vocab.json)"},
		{"bert", map[string]string{"tokenizer.json": "{"}, "tokenizer.json: not JSON"},
		{"bert", map[string]string{"config.json": "{"}, "config.json: not JSON"},
		{"bert", map[string]string{"config.json": "[]"}, "config.json: an array, expected an object"},
		{"bert", map[string]string{"config.json": noFile}, "tokenizer_config.json: no tokenizer_class, and no model_type in config.json"},
		{"bert", map[string]string{"config.json": `{"model_type": "bird"}`}, `config.json: model_type: unknown "bird"`},
		{"bert", map[string]string{"config.json": `{"model_type": 7}`}, `config.json: model_type: 7, expected a string`},
		{"bert", config("{"), "tokenizer_config.json: not JSON"},
		{"bert", config(`{"do_lower_case": true, "do_lower_case": false}`), `tokenizer_config.json: key "do_lower_case" twice`},
		{"bert", config(`{"do_lower_case": "yes"}`), `tokenizer_config.json: do_lower_case: "yes", expected true or false`},
		{"bert", config(`{"strip_accents": 1}`), `tokenizer_config.json: strip_accents: 1, expected true or false`},
		{"bert", config(`{"split_special_tokens": true}`), `tokenizer_config.json: split_special_tokens: true, expected none`},
		{"bert", config(`{"cls_token": null}`), "tokenizer_config.json: cls_token: none, expected a token: BertTokenizer needs it"},
		{"bert", config(`{"unk_token": "<unk>"}`), `vocab.txt: unk_token: "<unk>" is not in the vocabulary`},
		{"bert", config(`{"sep_token": {"__type": "AddedToken"}}`), `tokenizer_config.json: sep_token.content: nothing, expected a string`},
		{"bert", config(`{"sep_token": {"__type": "AddedToken", "content": "x", "strip": true}}`), `tokenizer_config.json: sep_token: unknown key "strip"`},
		{"bert", config(`{"sep_token": {"__type": "Token", "content": "x"}}`), `tokenizer_config.json: sep_token.__type: "Token", expected "AddedToken"`},
		{"bert", config(`{"additional_special_tokens": "x"}`), `tokenizer_config.json: additional_special_tokens: "x", expected an array`},
		{"bert", config(`{"added_tokens_decoder": {"x": {"content": "x"}}}`), `added_tokens_decoder.x: key "x", expected an id`},
		{"bert", config(`{"added_tokens_decoder": {"1": "x"}}`), `added_tokens_decoder.1: "x", expected an object`},
		{"bert", config(`{"added_tokens_decoder": {"1": {"content": "x"}, "01": {"content": "y"}}}`), `added_tokens_decoder: id 1 for both "x" and "y"`},
		{"bert", map[string]string{"added_tokens.json": `{"x": -1}`}, "added_tokens.json: x: -1, expected an integer"},
		{"bert", map[string]string{"special_tokens_map.json": `{"cls_token": 1}`}, "special_tokens_map.json: cls_token: 1, expected a string or an AddedToken"},
		{"bert", map[string]string{"special_tokens_map.json": `{"extra_special_tokens": ["x"]}`, configFile: `{"extra_special_tokens": ["y"]}`},
			"special_tokens_map.json: extra_special_tokens: a list here and another in tokenizer_config.json, expected one"},
		{"bert", class("BartphoTokenizer", ""), `tokenizer_config.json: tokenizer_class: unknown "BartphoTokenizer"`},
		{"bert", class("BertTokenizerFastFast", ""), `tokenizer_config.json: tokenizer_class: unknown "BertTokenizerFast"`},
		{"bert", class("XLMRobertaTokenizer", ""), "sentencepiece.bpe.model: file does not exist: XLMRobertaTokenizer needs it (no tokenizer.json, found vocab.txt)"},
		{"bert", class("PreTrainedTokenizerFast", ""), "tokenizer.model: file does not exist: TokenizersBackend needs it"},
		{"bert", map[string]string{"vocab.txt": "[UNK]\n[CLS]\na\xff\n"}, "vocab.txt: line 3: not UTF-8"},
		{"bert", map[string]string{"vocab.txt": ""}, `vocab.txt: unk_token: "[UNK]" is not in the vocabulary`},
		{"bert", map[string]string{"tokenizer.model": ""}, "tokenizer.model: expected vocab.txt alone for BertTokenizer"},
		{"bert", map[string]string{"tekken.json": "{}"}, "tekken.json: expected vocab.txt alone for BertTokenizer"},

		{"roberta", map[string]string{"vocab.json": `["a"]`}, "vocab.json: an array, expected an object"},
		{"roberta", map[string]string{"vocab.json": `{"a": 0, "a": 1}`}, `vocab.json: "a" twice`},
		{"roberta", map[string]string{"vocab.json": `{"a": 0, "b": 0}`}, `vocab.json: id 0 for both "a" and "b"`},
		{"roberta", map[string]string{"vocab.json": `{"a": 2147483647}`}, `vocab.json: id 2147483647 of "a", expected at most`},
		{"roberta", map[string]string{"merges.txt": "a\xff b\n"}, "merges.txt: line 1: not UTF-8"},
		{"roberta", map[string]string{"merges.txt": "#version: 0.2\na\n"}, `merges.txt: line 2: "a", expected two pieces`},
		{"roberta", map[string]string{"vocab.json": `{"a": 0, "b": 1}`, "merges.txt": "a b\n"}, `merges.txt: "ab", which merge 0 makes, is not in the vocabulary`},
		{"roberta", map[string]string{"merges.txt": noFile}, "merges.txt: file does not exist: RobertaTokenizer needs it"},

		{"deberta", map[string]string{"spm.model": noFile, "spiece.model": ""}, "spm.model: file does not exist: DebertaV2Tokenizer needs it (no tokenizer.json, found spiece.model)"},
		{"deberta", config(`{"cls_token": null}`), "tokenizer_config.json: cls_token: none, expected a token: DebertaV2Tokenizer needs it"},
		{"deberta", config(`{"split_by_punct": 1}`), "tokenizer_config.json: split_by_punct: 1, expected true or false"},
		{"xlm-roberta", map[string]string{model: ""}, "sentencepiece.bpe.model: no pieces, expected a SentencePiece model"},
		{"xlm-roberta", map[string]string{model: "[PAD]\n[UNK]\n"}, "sentencepiece.bpe.model: field 11: unknown wire type 3 at byte 0 of 12"},
		{"xlm-roberta", map[string]string{"tokenizer.model": ""}, "tokenizer.model: expected sentencepiece.bpe.model alone for XLMRobertaTokenizer"},
		{"xlm-roberta", map[string]string{model: noFile, "tiktoken.model": ""}, "tiktoken.model: expected sentencepiece.bpe.model alone"},
		{"xlm-roberta", config(`{"mask_token": null}`), "tokenizer_config.json: mask_token: none, expected a token"},
		{"xlm-roberta", config(`{"mask_token": "<s>"}`), `sentencepiece.bpe.model: "<s>" twice among the pieces and the special tokens`},
		{"t5", config(`{"extra_ids": -1}`), "tokenizer_config.json: extra_ids: -1, expected an integer from 0"},
		{"t5", config(`{"extra_ids": 2000000000}`), "tokenizer_config.json: extra_ids: 2000000000, expected at most 65536"},
		{"albert", config(`{"cls_token": "<cls>"}`), `spiece.model: no piece "<cls>", the cls_token that AlbertTokenizer needs`},
		{"llama", class("LlamaTokenizer", `, "legacy": "no"`), `tokenizer_config.json: legacy: "no", expected true or false`},
		{"llama", class("XLMRobertaTokenizer", ""), "tokenizer.model: trainer_spec: model_type bpe, expected unigram: XLMRobertaTokenizer needs it"},
		{"umt5", map[string]string{"config.json": `{"model_type": "llama", "tokenizer_class": "LlamaTokenizer"}`, configFile: noFile},
			"tokenizer.model: trainer_spec: model_type unigram, expected bpe: LlamaTokenizer needs it"},
	} {
		_, err := LoadAs(edit(folders[c.from], c.change), 5)
		assert.ErrorContains(t, err, c.want, "%s with %q", c.from, c.change)
	}
}

// spmMessage returns a model of the pieces and trainer_spec.
func spmMessage(pieces [][]byte, trainer []byte) []byte {
	var out []byte
	for _, piece := range pieces {
		out = appendField(out, 1, piece)
	}
	return appendField(out, 2, trainer)
}

func TestSentencePieceErrors(t *testing.T) {
	piece := func(text string) []byte { return appendField(nil, 1, []byte(text)) }
	ok := [][]byte{piece("a")}
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, "no pieces"},
		{spmMessage(nil, nil), "no pieces"},
		{spmMessage(ok, []byte{3 << 3, 3}), "trainer_spec: model_type 3, expected 1 (unigram) or 2 (bpe)"},
		{spmMessage(ok, []byte{3 << 3, 4}), "trainer_spec: model_type 4, expected 1 (unigram) or 2 (bpe)"},
		{spmMessage(ok, []byte{24<<3&0x7F | 0x80, 1, 1}), "trainer_spec: treat_whitespace_as_suffix true: not supported"},
		{spmMessage([][]byte{piece("a"), piece("b"), piece("a")}, nil), `piece 2: "a", which is piece 0 too`},
		{spmMessage([][]byte{piece("a"), nil}, nil), "piece 1: empty"},
		{spmMessage([][]byte{piece("\xff")}, nil), `piece 0: field 1: "\xff" is not UTF-8`},
		{spmMessage([][]byte{append(piece("a"), 2<<3|fixed32Wire, 0, 0, 0xC0, 0x7F)}, nil), "piece 0: score NaN, expected a finite number"},
		{spmMessage([][]byte{append(piece("a"), 2<<3|fixed32Wire, 0, 0)}, nil), "piece 0: field 2: it ends early at byte 3 of 6"},
		{spmMessage(ok, []byte{45<<3&0x7F | 0x80 | lengthWire, 2, 1, 0xFF}), `trainer_spec: field 45: "\xff" is not UTF-8`},
		{[]byte{1<<3 | lengthWire, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, "field 1: it ends early at byte 0 of 10"},
		{[]byte{1<<3 | lengthWire}, "field 1: it ends early at byte 0 of 1"},
		{[]byte{1 << 3, 0x80}, "field 1: bad number at byte 0 of 2"},
		{[]byte{0x80}, "bad field at byte 0 of 1"},
		{[]byte{0, 0}, "bad field at byte 0 of 2"},
		{[]byte{1<<3 | fixed64Wire, 0}, "field 1: it ends early at byte 0 of 2"},
	} {
		_, err := parseSentencePiece(c.data)
		assert.ErrorContains(t, err, c.want, "%x", c.data)
	}
}

// A model that is cut short or has a wrong byte gives an error, or a tokenizer.
func TestDamagedModels(t *testing.T) {
	f := readFallback(t)
	for i, folder := range f.Folders {
		if !slices.Contains([]string{"xlm-roberta", "llama ends", "umt5 bytes"}, folder.Name) {
			continue
		}
		files := f.folder(t, i)
		for name, file := range files {
			if !strings.HasSuffix(name, ".model") {
				continue
			}
			whole := file.Data
			all, err := parseSentencePiece(whole)
			require.NoError(t, err)
			for n := range whole {
				if part, err := parseSentencePiece(whole[:n]); err == nil {
					require.True(t, len(part.pieces) <= len(all.pieces) && slices.Equal(part.pieces, all.pieces[:len(part.pieces)]), "%d bytes", n)
				}
				if n%101 == 0 {
					loadAndEncode(t, edit(files, map[string]string{name: string(whole[:n])}))
					damaged := slices.Clone(whole)
					damaged[n] ^= 1 << (n % 8)
					loadAndEncode(t, edit(files, map[string]string{name: string(damaged)}))
				}
			}
		}
	}
}

// loadAndEncode checks that ids are in the vocabulary, if there is a tokenizer.
func loadAndEncode(t *testing.T, files fstest.MapFS) {
	tok, err := LoadAs(files, 5)
	if err != nil {
		return
	}
	for _, text := range []string{"", "Hello  wörld <mask> 日本 ☃\n", "<s>▁▁</s>"} {
		for _, id := range encode(t, tok, text, Options{}) {
			require.True(t, tok.has(id), "%q: id %d", text, id)
		}
	}
}

func FuzzSentencePiece(f *testing.F) {
	folders := readFallback(f)
	for i, folder := range folders.Folders {
		for name, file := range folders.folder(f, i) {
			if strings.HasSuffix(name, ".model") && len(folder.Cases) > 0 {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, class := range []string{"XLMRobertaTokenizer", "LlamaTokenizer", "TokenizersBackend"} {
			loadAndEncode(t, fstest.MapFS{
				"tokenizer.model": {Data: data},
				configFile:        {Data: []byte(`{"tokenizer_class": "` + class + `", "add_bos_token": true}`)},
			})
		}
	})
}
