package tokenizer

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// A conversion reads the tokenizer of a folder as the __init__ of one class of
// transformers 5.23 (models/*/tokenization_*.py) and that of TokenizersBackend.
type conversion struct {
	fsys  fs.FS
	args  arguments
	class string
	// version is that of transformers, of a folder without tokenizer.json.
	version int
	json    *object // tokenizer.json; nil = the vocabulary is in the files of older versions
	file    string  // of the vocabulary
	steps   steps   // of the tokenizer
	named   map[string]specialToken
	// extra are the further special tokens where the folder does not list them.
	extra []specialToken
}

// steps are the sections of a tokenizer.json, "" for none.
type steps struct{ normalizer, preTokenizer, decoder string }

// tokens reads the special tokens of the seven names, which are those of the class where
// the folder does not say them.
func (c *conversion) tokens() error { return c.tokensOr(classTokens[c.class]) }

// tokensOr is tokens with other ones.
func (c *conversion) tokensOr(defaults map[string]string) error {
	c.named = map[string]specialToken{}
	for _, name := range tokenNames {
		token, err := c.args.token(name, defaults[name])
		if err != nil {
			return err
		}
		c.named[name] = token
	}
	return nil
}

// need returns an error if there is none of the named special tokens.
func (c *conversion) need(names ...string) error {
	for _, name := range names {
		if c.named[name].content == "" {
			return c.args.get(name).errorf("none, expected a token: %s needs it", c.class)
		}
	}
	return nil
}

// stripMask lets the mask token, where it is a mere string, take the space before it.
func (c *conversion) stripMask() {
	if mask := c.named["mask_token"]; mask.plain {
		mask.lstrip, mask.plain = true, false
		c.named["mask_token"] = mask
	}
}

// finish returns the tokenizer of a model and its steps, without special tokens
// around a sequence.
func (c *conversion) finish(m model, s steps) (*Tokenizer, error) {
	c.steps = s
	added, err := c.addedTokens()
	if err != nil {
		return nil, err
	}
	sections := object{value: value{file: c.file}, members: map[string]value{
		"normalizer":    {s.normalizer, c.file, "normalizer"},
		"pre_tokenizer": {s.preTokenizer, c.file, "pre_tokenizer"},
		"decoder":       {s.decoder, c.file, "decoder"},
		"added_tokens":  {added, configFile, "added tokens"},
	}}
	t := &Tokenizer{model: m}
	if err := t.parseSteps(sections, nil); err != nil {
		return nil, err
	}
	return t, nil
}

// surround puts the named special tokens around sequences, "" for none: before and
// after a text, and before the second of a pair, which tail ends as well.
func (c *conversion) surround(t *Tokenizer, head, between, tail string) (*Tokenizer, error) {
	var ids [3][]int32
	for i, name := range [...]string{head, between, tail} {
		if name == "" {
			continue
		}
		if err := c.need(name); err != nil {
			return nil, err
		}
		id, ok := t.ID(c.named[name].content)
		if !ok { // c.addedTokens has them all
			return nil, c.args.get(name).errorf("%q is not in the vocabulary", c.named[name].content)
		}
		ids[i] = []int32{id}
	}
	t.frame.surround(ids[0], ids[1], ids[2])
	return t, nil
}

// surroundUntyped is surround with token type 0 for all.
func (c *conversion) surroundUntyped(t *Tokenizer, head, between, tail string) (*Tokenizer, error) {
	t, err := c.surround(t, head, between, tail)
	if err == nil {
		t.frame.oneType()
	}
	return t, err
}

// surroundRoberta surrounds sequences as RobertaProcessing does.
func (c *conversion) surroundRoberta(t *Tokenizer, k byteLevelKeys) (*Tokenizer, error) {
	t.frame.trim(k.trims())
	return c.surroundUntyped(t, "cls_token", "sep_token", "sep_token")
}

// ends surrounds sequences as tokenizer.json says, or where there is none add_bos_token and
// add_eos_token.
func (c *conversion) ends(t *Tokenizer) (_ *Tokenizer, err error) {
	if c.json != nil {
		t.frame, err = parseFrame(bareFrame(), c.json.get("post_processor"), t.has)
		return t, err
	}
	var around [2]string
	for i, end := range [2]string{"bos_token", "eos_token"} {
		add, err := c.args.boolean("add_"+end, "false", "false")
		if err != nil {
			return nil, err
		}
		if add && c.named[end].content != "" {
			around[i] = end
		}
	}
	return c.surround(t, around[0], around[0], around[1])
}

// addedTokens returns the section added_tokens: those that the folder lists, by
// id, the special ones by name, and further ones. Of a token that is there
// twice with other flags the last counts.
func (c *conversion) addedTokens() (string, error) {
	list := append([]specialToken(nil), c.args.added...)
	listed, special := map[string]bool{}, map[string]bool{}
	for _, token := range list {
		listed[token.content] = true
	}
	var named []specialToken
	for _, name := range tokenNames {
		named = append(named, c.named[name])
	}
	named = append(named, c.args.specific...)
	for _, token := range named {
		special[token.content] = true
	}
	extra, err := c.args.extra(c.extra)
	if err != nil {
		return "", err
	}
	all := append(named, extra...)
	seen := map[specialToken]bool{}
	for _, token := range list {
		seen[token] = true
	}
	for _, token := range all {
		if !listed[token.content] && token.content != "" && !seen[token] {
			seen[token] = true
			list = append(list, token)
		}
	}
	if c.class == "Qwen2Tokenizer" { // adds them once more, as mere strings
		for _, token := range all {
			list = append(list, plainToken(token.content))
		}
	}
	return writeAdded(list, special), nil
}

// writeAdded writes the section added_tokens. special are tokens with a name.
func writeAdded(list []specialToken, special map[string]bool) string {
	last := map[string]int{}
	var order []string
	for i, token := range list {
		if _, twice := last[token.content]; !twice && token.content != "" {
			order = append(order, token.content)
		}
		last[token.content] = i
	}
	out := []byte("[")
	for i, content := range order {
		token := list[last[content]]
		token.special = token.special || special[content]
		if token.follows || token.plain {
			token.normalized = !token.special
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"id":0,"content":`...)
		out = appendJSON(out, content)
		out = fmt.Appendf(out, `,"single_word":%t,"lstrip":%t,"rstrip":%t,"normalized":%t,"special":%t}`,
			token.singleWord, token.lstrip, token.rstrip, token.normalized, token.special)
	}
	return string(append(out, ']'))
}

// read returns the content of the vocabulary's file: that of the given name, or
// a tokenizer.model where that will do. Both, or a file of another kind that
// transformers would take in its place, are an error.
func (c *conversion) read(name string) ([]byte, error) {
	for _, other := range []string{spmFile, "tiktoken.model", "tekken.json"} {
		if _, err := fs.Stat(c.fsys, other); err != nil || other == name {
			continue
		}
		if _, err := fs.Stat(c.fsys, name); err == nil || other != spmFile || !strings.HasSuffix(name, ".model") {
			return nil, fmt.Errorf("%s: expected %s alone for %s", other, name, c.class)
		}
		name = other
	}
	c.file = name
	data, err := readFile(c.fsys, name)
	if err != nil {
		err = fmt.Errorf("%w: %s needs it", err, c.class)
	}
	return data, err
}

// bert is BertTokenizer, which DistilBertTokenizer and ElectraTokenizer are too.
func (c *conversion) bert() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	t, err := c.wordPiece()
	if err != nil {
		return nil, err
	}
	return c.surround(t, "cls_token", "", "sep_token")
}

// mpnet is MPNetTokenizer: BertTokenizer with other special tokens.
func (c *conversion) mpnet() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	c.stripMask()
	t, err := c.wordPiece()
	if err != nil {
		return nil, err
	}
	return c.surroundRoberta(t, byteLevelKeys{trim: true})
}

// wordPiece reads vocab.txt. do_basic_tokenize and never_split change nothing, as
// in transformers since its tokenizers are those of Hugging Face tokenizers.
func (c *conversion) wordPiece() (*Tokenizer, error) {
	if err := c.need("unk_token", "cls_token", "sep_token"); err != nil {
		return nil, err
	}
	lower, err := c.args.boolean("do_lower_case", "true", "")
	if err != nil {
		return nil, err
	}
	chinese, err := c.args.boolean("tokenize_chinese_chars", "true", "")
	if err != nil {
		return nil, err
	}
	strip := "null" // as lower is
	if v := c.args.get("strip_accents"); !v.null() {
		on, err := v.boolean()
		if err != nil {
			return nil, err
		}
		strip = strconv.FormatBool(on)
	}
	vocab, err := c.pieces()
	if err != nil {
		return nil, err
	}
	m, err := parseWordPiece(object{value: value{file: c.file}, members: map[string]value{
		"unk_token":                 {quote(c.named["unk_token"].content), c.file, "unk_token"},
		"continuing_subword_prefix": {text: `"##"`},
		"max_input_chars_per_word":  {text: "100"},
		"vocab":                     vocab,
	}})
	if err != nil {
		return nil, err
	}
	return c.finish(m, steps{
		normalizer: fmt.Sprintf(`{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":%t,"strip_accents":%s,"lowercase":%t}`,
			chinese, strip, lower),
		preTokenizer: `{"type":"BertPreTokenizer"}`,
		decoder:      `{"type":"WordPiece","prefix":"##","cleanup":true}`,
	})
}

// pieces returns the vocabulary of a WordPiece model.
func (c *conversion) pieces() (value, error) {
	if c.json != nil {
		o, err := c.jsonModel("WordPiece")
		return o.get("vocab"), err
	}
	data, err := c.read("vocab.txt")
	if err != nil {
		return value{}, err
	}
	vocab, err := linesVocabulary(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", c.file, err)
	}
	return value{text: vocab, file: c.file}, err
}

// roberta is RobertaTokenizer.
func (c *conversion) roberta() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	t, err := c.byteLevel("", `{"type":"ByteLevel","add_prefix_space":%t,"trim_offsets":true,"use_regex":true}`, "")
	if err != nil {
		return nil, err
	}
	var k byteLevelKeys
	if k.space, err = c.args.boolean("add_prefix_space", "false", ""); err != nil {
		return nil, err
	}
	if k.trim, err = c.args.boolean("trim_offsets", "true", ""); err != nil {
		return nil, err
	}
	return c.surroundRoberta(t, k)
}

// gpt2 is GPT2Tokenizer.
func (c *conversion) gpt2() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	t, err := c.byteLevel("", `{"type":"ByteLevel","add_prefix_space":%t,"trim_offsets":true,"use_regex":true}`, "")
	if err != nil {
		return nil, err
	}
	return c.ends(t)
}

// qwen2 is Qwen2Tokenizer.
func (c *conversion) qwen2() (*Tokenizer, error) {
	if err := c.tokens(); err != nil {
		return nil, err
	}
	pattern := quote(`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`)
	t, err := c.byteLevel(`{"type":"NFC"}`, `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":`+pattern+
		`},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":%t,"trim_offsets":true,"use_regex":false}]}`, "false")
	if err != nil {
		return nil, err
	}
	return c.ends(t)
}

// byteLevel reads vocab.json and merges.txt. preTokenizer has a place for
// add_prefix_space, which is null where that key is.
func (c *conversion) byteLevel(normalizer, preTokenizer, null string) (*Tokenizer, error) {
	prefix, err := c.args.boolean("add_prefix_space", "false", null)
	if err != nil {
		return nil, err
	}
	vocab, merges, err := c.merges()
	if err != nil {
		return nil, err
	}
	m, err := parseBPE(object{members: map[string]value{"vocab": vocab, "merges": merges}})
	if err != nil {
		return nil, err
	}
	return c.finish(m, steps{
		normalizer:   normalizer,
		preTokenizer: strings.Replace(preTokenizer, "%t", strconv.FormatBool(prefix), 1),
		decoder:      `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`,
	})
}

// merges returns the vocabulary and the merges of a byte-level BPE model.
func (c *conversion) merges() (vocab, merges value, err error) {
	if c.json != nil {
		o, err := c.jsonModel("BPE")
		return o.get("vocab"), o.get("merges"), err
	}
	data, err := c.read("vocab.json")
	if err != nil {
		return vocab, merges, err
	}
	if vocab, err = newValue(data, c.file); err != nil {
		return vocab, merges, err
	}
	const name = "merges.txt"
	if data, err = readFile(c.fsys, name); err != nil {
		return vocab, merges, fmt.Errorf("%w: %s needs it", err, c.class)
	}
	text, err := linesMerges(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return vocab, value{text: text, file: name}, err
}
