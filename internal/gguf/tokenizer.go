package gguf

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/internal/unsupported"
)

// Kinds of tokens, tokenizer.ggml.token_type, which are those of SentencePiece.
const (
	normalToken  = 1
	unknownToken = 2
	controlToken = 3
	userToken    = 4
	unusedToken  = 5
)

// A tokenizer is the tables of one, and the files that they become.
type tokenizer struct {
	tokens []string // the words, in the form of transformers
	kinds  []int32
	scores []float32 // nil = none
	merges []string

	settings map[string]any // of tokenizer_config.json
	json     map[string]any // tokenizer.json
}

// addTokenizer adds the files of t.
func (f *Folder) addTokenizer(t *tokenizer) error {
	if err := f.add("tokenizer.json", t.json); err != nil {
		return err
	}
	return f.add("tokenizer_config.json", t.settings)
}

// passedTokenizer are the keys that say nothing of how text is split: of generation, of the
// end of messages, of places in code, of token types, which there is a table of.
var passedTokenizer = []string{
	"eot_token_id", "eom_token_id", "token_type_count", "suppress_tokens", "add_sep_token",
	"prefix_token_id", "suffix_token_id", "middle_token_id",
	"fim_pre_token_id", "fim_suf_token_id", "fim_mid_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id",
}

// tokenizer returns that of the model with this config.
func (m *model) tokenizer(config map[string]any) *tokenizer {
	for _, key := range passedTokenizer {
		m.get("tokenizer.ggml." + key)
	}
	m.get("tokenizer.huggingface.json") // llama.cpp and its scripts do not read or write it
	t := &tokenizer{settings: map[string]any{}}
	if n, ok := config["max_position_embeddings"].(int); ok && m.name != "bert" {
		t.settings["model_max_length"] = n
	}
	if n := m.number(m.own("context_length")); n > 0 {
		t.settings["model_max_length"] = n
	}
	var ok bool
	if t.tokens, ok = m.get("tokenizer.ggml.tokens").([]string); !ok || len(t.tokens) == 0 {
		m.wrong("tokenizer.ggml.tokens", "an array of strings")
		return t
	}
	t.tokens = slices.Clone(t.tokens)
	for i, token := range t.tokens {
		if !utf8.ValidString(token) {
			m.fail(fmt.Errorf("tokenizer.ggml.tokens: token %d: %.100q, expected UTF-8", i, token))
		}
	}
	if rows := m.rows("token_embd.weight"); len(t.tokens) > rows {
		m.fail(fmt.Errorf("tokenizer.ggml.tokens: %d tokens, and token_embd.weight has %d rows", len(t.tokens), rows))
	}
	if t.kinds, ok = m.get("tokenizer.ggml.token_type").([]int32); !ok || len(t.kinds) != len(t.tokens) {
		m.wrong("tokenizer.ggml.token_type", fmt.Sprintf("an array of %d int32", len(t.tokens)))
		return t
	}
	if v := m.get("tokenizer.ggml.scores"); v != nil {
		if t.scores, ok = v.([]float32); !ok || len(t.scores) != len(t.tokens) {
			m.wrong("tokenizer.ggml.scores", fmt.Sprintf("an array of %d float32", len(t.tokens)))
			return t
		}
	}
	if v := m.get("tokenizer.ggml.merges"); v != nil {
		if t.merges, ok = v.([]string); !ok {
			m.wrong("tokenizer.ggml.merges", "an array of strings")
		}
	}
	pre := m.textOr("tokenizer.ggml.pre", "")
	switch kind := m.text("tokenizer.ggml.model"); {
	case m.err != nil:
	case kind == "bert":
		t.wordPiece(m)
	case kind == "gpt2":
		t.bpe(m, pre)
	case kind == "t5":
		t.unigram(m)
	case kind == "llama":
		t.sentencePiece(m)
	default:
		m.refuse("tokenizer.ggml.model", "%.100q, expected bert, gpt2, t5 or llama", kind)
	}
	return t
}

// special returns the id of a special token, -1 where the file has none.
func (t *tokenizer) special(m *model, name string) int {
	key := "tokenizer.ggml." + name + "_token_id"
	if m.get(key) == nil {
		return -1
	}
	id := m.number(key)
	if id >= len(t.tokens) {
		m.fail(fmt.Errorf("%s: %d, and there are %d tokens", key, id, len(t.tokens)))
		return -1
	}
	return id
}

// find returns the id of the token of that name, -1 for none.
func (t *tokenizer) find(name string) int { return slices.Index(t.tokens, name) }

// vocabulary returns the ids by token. Two of one name are an error.
func (t *tokenizer) vocabulary(m *model) map[string]int {
	vocabulary := make(map[string]int, len(t.tokens))
	for id, token := range t.tokens {
		if other, twice := vocabulary[token]; twice {
			m.fail(fmt.Errorf("tokenizer.ggml.tokens: token %d: %.100q, which token %d is too", id, token, other))
		}
		vocabulary[token] = id
	}
	return vocabulary
}

// added returns the section added_tokens of tokenizer.json: the control tokens and those that
// users defined. The mask takes the space before it where lstrip says so; those of users are
// looked for after normalization where normalized says so.
func (t *tokenizer) added(mask int, lstrip, normalized bool) []map[string]any {
	list := []map[string]any{}
	for id, kind := range t.kinds {
		special := kind == controlToken || kind == unknownToken || id == mask
		if !special && kind != userToken {
			continue
		}
		list = append(list, map[string]any{
			"id": id, "content": t.tokens[id], "single_word": false, "lstrip": lstrip && id == mask, "rstrip": false,
			"normalized": normalized && !special, "special": special,
		})
	}
	return list
}

// frame returns the section post_processor that puts tokens around a text, and around a pair
// between its texts too; -1 is none.
func (t *tokenizer) frame(first, last int, between ...int) any {
	ids := map[string]any{}
	part := func(id, kind int) []any {
		if id < 0 {
			return nil
		}
		name := t.tokens[id]
		ids[name] = map[string]any{"id": name, "ids": []int{id}, "tokens": []string{name}}
		return []any{map[string]any{"SpecialToken": map[string]any{"id": name, "type_id": kind}}}
	}
	text := func(name string, kind int) any {
		return map[string]any{"Sequence": map[string]any{"id": name, "type_id": kind}}
	}
	second := 0
	if t.settings["model_input_names"] != nil {
		second = 1
	}
	single := append(append(part(first, 0), text("A", 0)), part(last, 0)...)
	pair := append(part(first, 0), text("A", 0))
	for _, id := range between {
		pair = append(pair, part(id, 0)...)
	}
	pair = append(append(pair, text("B", second)), part(last, second)...)
	if len(ids) == 0 {
		return nil
	}
	return map[string]any{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": ids}
}

// wordPiece reads the words of WordPiece, of which the file has those that begin a word with
// U+2581 before them and the others bare, special ones as they are. Text is lowered where a
// key says so, or, in files without it, where no word has an upper-case letter; accents go
// with the case.
func (t *tokenizer) wordPiece(m *model) {
	known := map[string]bool{}
	upper := false
	for id, token := range t.tokens {
		word, begins := strings.CutPrefix(token, "▁")
		switch {
		case t.kinds[id] == controlToken || t.kinds[id] == unknownToken:
			word = token
		case begins && word != "":
			upper = upper || t.kinds[id] == normalToken && strings.ContainsFunc(word, isUpper) && !bracketed(word)
		case bracketed(token):
			word = token // as older files have special tokens
		default:
			word = "##" + token
		}
		if begins && known[word] {
			word = "##" + token // a part of a word that begins with U+2581
		}
		known[word], t.tokens[id] = true, word
	}
	lower := m.flag("tokenizer.ggml.normalizer.lowercase", !upper)
	var strip any // as lower is
	if key := "tokenizer.ggml.normalizer.strip_accents"; m.get(key) != nil {
		strip = m.flag(key, lower)
	}
	id := func(names []string, fallback string) int {
		for _, name := range names {
			if id := t.special(m, name); id >= 0 {
				return id
			}
		}
		return t.find(fallback)
	}
	unknown, pad, mask := id([]string{"unknown"}, "[UNK]"), id([]string{"padding"}, "[PAD]"), id([]string{"mask"}, "[MASK]")
	cls, sep := id([]string{"cls", "bos"}, "[CLS]"), id([]string{"seperator", "eos"}, "[SEP]")
	t.special(m, "bos")
	t.special(m, "eos")
	if unknown < 0 || cls < 0 || sep < 0 {
		m.fail(fmt.Errorf("tokenizer.ggml.tokens: no [UNK], [CLS] or [SEP], and no key that names them"))
		return
	}
	for _, id := range []int{unknown, pad, mask, cls, sep} {
		if id >= 0 && t.kinds[id] != unknownToken {
			t.kinds[id] = controlToken
		}
	}
	for _, key := range []string{"add_bos_token", "add_eos_token"} {
		if !m.flag("tokenizer.ggml."+key, true) && (key == "add_bos_token" || m.name != "bert") {
			m.refuse("tokenizer.ggml."+key, "false, expected true of WordPiece")
		}
	}
	t.settings["tokenizer_class"], t.settings["model_input_names"] = "PreTrainedTokenizerFast", []string{"input_ids", "token_type_ids", "attention_mask"}
	t.json = map[string]any{
		"added_tokens":   t.added(mask, false, false),
		"normalizer":     map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": strip, "lowercase": lower},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"post_processor": t.frame(cls, sep, sep),
		"model": map[string]any{
			"type": "WordPiece", "unk_token": t.tokens[unknown], "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": t.vocabulary(m),
		},
	}
}

// isUpper reports whether r is a letter that lowering the case changes.
func isUpper(r rune) bool { return unicode.ToLower(r) != r }

// bracketed reports whether a token is one such as [CLS].
func bracketed(token string) bool {
	return len(token) > 2 && strings.HasPrefix(token, "[") && strings.HasSuffix(token, "]")
}

// around returns the tokens that are put around a text, -1 for none: those of bos and eos, or
// the other one where a file has but that, where the keys, or otherwise, say so.
func (t *tokenizer) around(m *model, bos, eos bool) (first, last int) {
	first, last = t.special(m, "bos"), t.special(m, "eos")
	cls, sep := t.special(m, "cls"), t.special(m, "seperator")
	if first < 0 || m.name == "modern-bert" && cls >= 0 {
		first = cls
	}
	if last < 0 || m.name == "modern-bert" && sep >= 0 {
		last = sep
	}
	for _, end := range []struct {
		key       string
		otherwise bool
		id        *int
	}{{"tokenizer.ggml.add_bos_token", bos, &first}, {"tokenizer.ggml.add_eos_token", eos, &last}} {
		switch add := m.flag(end.key, end.otherwise); {
		case !add:
			*end.id = -1
		case *end.id < 0:
			m.fail(fmt.Errorf("%s: true, and no key says which token", end.key))
		}
	}
	return first, last
}

// encoder reports whether the model is one of those that descend from BERT, whose texts are
// between two special tokens whatever the file says of them.
func (m *model) encoder() bool {
	return slices.Contains([]string{"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "modern-bert"}, m.name)
}

// A split is how a pre-tokenizer of llama.cpp, tokenizer.ggml.pre, is written in a tokenizer.json.
type split struct {
	pattern    string // "" = GPT-2's, which ByteLevel has
	normalizer string // "" = none
	whole      bool   // words that are tokens are not merged
	begins     bool   // with the first token, where the file does not say
}

const (
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// splits are those of models that tell.
var splits = map[string]split{
	"gpt-2": {}, "phi-2": {}, "roberta-bpe": {}, "jina-v1-en": {}, "jina-v2-code": {}, "jina-v2-es": {}, "jina-v2-de": {},
	"jina-es": {}, "jina-de": {}, "mpt": {}, "olmo": {},
	"modern-bert": {normalizer: "NFC"},
	"qwen2":       {pattern: qwen2Pattern, normalizer: "NFC"},
	"llama-bpe":   {pattern: llama3Pattern, whole: true, begins: true},
	"llama3":      {pattern: llama3Pattern, whole: true, begins: true},
	"llama-v3":    {pattern: llama3Pattern, whole: true, begins: true},
}

// bpe reads a byte-level BPE.
func (t *tokenizer) bpe(m *model, pre string) {
	s, ok := splits[pre]
	if !ok {
		m.fail(unsupported.Errorf("tokenizer.ggml.pre: %.100q, expected one that says how text is split: gpt-2, qwen2, llama-bpe, roberta-bpe, modern-bert, jina-v2-code and their like", pre))
		return
	}
	if t.merges == nil {
		m.fail(fmt.Errorf("tokenizer.ggml.merges: missing, expected an array of strings"))
		return
	}
	merges := make([][2]string, len(t.merges))
	for i, merge := range t.merges {
		at := strings.IndexByte(merge[min(1, len(merge)):], ' ')
		if at < 0 {
			m.fail(fmt.Errorf("tokenizer.ggml.merges: merge %d: %.100q, expected two tokens with a space between them", i, merge))
			return
		}
		merges[i] = [2]string{merge[:at+1], merge[at+2:]}
	}
	mask := t.special(m, "mask")
	t.special(m, "padding")
	t.special(m, "unknown")
	first, last := t.around(m, m.encoder() || s.begins, m.encoder())
	between := []int{last}
	if m.name == "bert" || m.name == "jina-bert-v2" { // RoBERTa's, twice
		between = []int{last, last}
	}
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": m.flag("tokenizer.ggml.add_space_prefix", false), "trim_offsets": true, "use_regex": s.pattern == ""}
	var preTokenizer any = byteLevel
	if s.pattern != "" {
		preTokenizer = map[string]any{"type": "Sequence", "pretokenizers": []any{
			map[string]any{"type": "Split", "pattern": map[string]any{"Regex": s.pattern}, "behavior": "Isolated", "invert": false}, byteLevel,
		}}
	}
	t.settings["tokenizer_class"] = "PreTrainedTokenizerFast"
	t.json = map[string]any{
		"added_tokens": t.added(mask, m.encoder(), true), "pre_tokenizer": preTokenizer, "post_processor": t.frame(first, last, between...),
		"model": map[string]any{"type": "BPE", "fuse_unk": false, "byte_fallback": false, "ignore_merges": s.whole, "vocab": t.vocabulary(m), "merges": merges},
	}
	if s.normalizer != "" {
		t.json["normalizer"] = map[string]any{"type": s.normalizer}
	}
}
