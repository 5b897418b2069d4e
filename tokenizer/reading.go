package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A tokenizer.json is not all that transformers reads of a folder: its classes change what
// the file says, 4.57 some steps and 5.23 nearly all of them, each in its own way. Where the
// two differ the version that made the folder is right.

// majorVersion returns the major version of transformers, 4 or 5, that reads a folder by
// its config.json and tokenizer_config.json: the one that config.json names, and 4 where it
// names none, which has no class TokenizersBackend.
func majorVersion(config, tokenizerConfig object) int {
	if v := config.get("transformers_version"); strings.HasPrefix(v.text, `"`) {
		number, _, _ := strings.Cut(unquote(v.text), ".")
		if n, err := strconv.Atoi(number); err == nil && n >= 5 {
			return 5
		}
	}
	if tokenizerConfig.get("tokenizer_class").text == `"`+backend+`"` {
		return 5
	}
	return 4
}

// said returns the tokenizer_class of the folder.
func (a *arguments) said() value {
	if v := a.get("tokenizer_class"); v.truthy() {
		return v
	}
	return a.config.get("tokenizer_class")
}

// saidClass returns the tokenizer class that the folder names, without Fast at the end; ""
// where it names none.
func (a *arguments) saidClass() (string, error) {
	said := a.said()
	if !said.truthy() {
		return "", nil
	}
	class, err := said.str()
	return strings.TrimSuffix(class, "Fast"), err
}

// modelType returns the model_type of config.json; "" for none.
func (a *arguments) modelType() (string, error) {
	v := a.config.get("model_type")
	if !v.truthy() {
		return "", nil
	}
	return v.str()
}

// rebuilt returns the class that builds the tokenizer of a folder with the tokenizer.json o
// anew, of which it takes the vocabulary and little else; "" where the file is read as it is:
// AutoTokenizer.from_pretrained of transformers 5.23.
func (a *arguments) rebuilt(o object) (string, error) {
	class, err := a.saidClass()
	if err != nil {
		return "", err
	}
	kind, err := a.modelType()
	if err != nil {
		return "", err
	}
	registered := modelTypes[kind]
	switch {
	case class == "LlamaTokenizer" && kind != "qwen2" && hasByteLevel(o):
		class = backend
	case class == "":
		class = registered
	case registered == backend:
		class = backend
	case kind == "qwen2":
		class = registered
	}
	if class == backend || tokenizerClasses[class] == nil {
		return "", nil
	}
	return class, nil
}

// hasByteLevel reports whether the pre_tokenizer of o has a step ByteLevel.
func hasByteLevel(o object) bool {
	return strings.Contains(o.get("pre_tokenizer").text, `"ByteLevel"`)
}

// Classes of transformers 4.57 that change what a tokenizer.json says, and the model types
// that are read by one where the folder names no class.
var (
	bertClasses = []string{
		"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MPNetTokenizer", "ConvBertTokenizer", "SqueezeBertTokenizer",
		"MobileBertTokenizer", "LayoutLMTokenizer", "FunnelTokenizer", "LxmertTokenizer",
		"bert", "distilbert", "electra", "mpnet", "convbert", "squeezebert", "mobilebert", "layoutlm", "funnel", "lxmert", "ernie", "megatron-bert", "nezha",
	}
	robertaClasses = []string{
		"RobertaTokenizer", "LongformerTokenizer", "BartTokenizer", "LEDTokenizer", "MvpTokenizer", "BlenderbotTokenizer",
		"roberta", "longformer", "bart", "led", "mvp", "blenderbot", "data2vec-text", "roberta-prelayernorm",
	}
	// endingClasses put the tokens around a text that add_bos_token and add_eos_token ask for.
	endingClasses = map[string]ending{
		"LlamaTokenizer": {"<s>", "</s>", "true"}, "llama": {"<s>", "</s>", "true"}, "mistral": {"<s>", "</s>", "true"},
		"mixtral": {"<s>", "</s>", "true"}, "ministral": {"<s>", "</s>", "true"}, "phi3": {"<s>", "</s>", "true"},
		"CodeLlamaTokenizer": {"<s>", "</s>", "true"},
		"GemmaTokenizer":     {"<bos>", "<eos>", "true"}, "gemma": {"<bos>", "<eos>", "true"}, "gemma2": {"<bos>", "<eos>", "true"},
		"gemma3": {"<bos>", "<eos>", "true"}, "gemma3_text": {"<bos>", "<eos>", "true"},
		"CohereTokenizer": {"<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "true"}, "cohere": {"<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "true"},
		"GPTNeoXTokenizer": {"<|endoftext|>", "<|endoftext|>", "false"}, "gpt_neox": {"<|endoftext|>", "<|endoftext|>", "false"},
		"olmo2": {"<|endoftext|>", "<|endoftext|>", "false"},
	}
)

// An ending is what a class of endingClasses has where the folder does not say it.
type ending struct{ bos, eos, addBos string }

// change returns the tokenizer.json o with the steps that transformers 4.57 changes, and a
// line for each: __init__ of PreTrainedTokenizerFast and of the class that the folder names.
func (a *arguments) change(o object) (object, []string, error) {
	class, err := a.readingClass()
	if err != nil {
		return o, nil, err
	}
	a.normalizer = o.get("normalizer")
	c := &change{object{value: o.value, keys: o.keys, members: maps.Clone(o.members)}, nil}
	if slices.Contains(bertClasses, class) {
		with, err := a.bertNormalizer(class)
		if err == nil {
			err = c.replace("normalizer", "BertNormalizer", with)
		}
		if err != nil {
			return o, nil, err
		}
	}
	if v := a.get("add_prefix_space"); v.text != "null" {
		prefix, err := a.boolean("add_prefix_space", "false", "")
		if err != nil {
			return o, nil, err
		}
		space := map[string]string{"add_prefix_space": strconv.FormatBool(prefix)}
		if err := c.replace("pre_tokenizer", "ByteLevel", space); err != nil {
			return o, nil, err
		}
		if slices.Contains(robertaClasses, class) {
			trim, err := a.boolean("trim_offsets", "true", "")
			if err != nil {
				return o, nil, err
			}
			space["trim_offsets"] = strconv.FormatBool(trim)
			if err := c.replace("post_processor", "RobertaProcessing", space); err != nil {
				return o, nil, err
			}
			if err := c.replace("post_processor", "ByteLevel", space); err != nil {
				return o, nil, err
			}
		}
	}
	return c.object, c.lines, nil
}

// A change is a tokenizer.json with other steps.
type change struct {
	object
	lines []string
}

// replace gives the section key other members, where it is a step of that type and does
// not have them.
func (c *change) replace(key, step string, with map[string]string) error {
	v := c.get(key)
	if v.null() {
		return nil
	}
	s, kind, err := parseStep(v)
	if err != nil || kind != step {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(with)) {
		if was := s.get(name); was.text != with[name] && !(was.null() && with[name] == "null") {
			c.lines = append(c.lines, fmt.Sprintf("%s: %s %s", key, name, with[name]))
		}
	}
	v.text = s.with(with)
	c.members[key] = v
	return nil
}

// bertNormalizer returns the switches of the step BertNormalizer of one of bertClasses.
func (a *arguments) bertNormalizer(class string) (map[string]string, error) {
	keys := [][2]string{{"do_lower_case", "lowercase"}, {"tokenize_chinese_chars", "handle_chinese_chars"}}
	if class == "MPNetTokenizer" || class == "mpnet" {
		keys = keys[:1]
	}
	with := map[string]string{"strip_accents": "null"}
	if v := a.get("strip_accents"); !v.null() {
		strip, err := v.boolean()
		if err != nil {
			return nil, err
		}
		with["strip_accents"] = strconv.FormatBool(strip)
	}
	for _, key := range keys {
		on, err := a.boolean(key[0], "true", "")
		if err != nil {
			return nil, err
		}
		with[key[1]] = strconv.FormatBool(on)
	}
	return with, nil
}

// readingClass returns the class, or where the folder names none the model type, that says
// how transformers 4.57 reads a tokenizer.json.
func (a *arguments) readingClass() (string, error) {
	class, err := a.saidClass()
	if err != nil || class != "" {
		return class, err
	}
	return a.modelType()
}

// with returns the text of o with other members.
func (o object) with(members map[string]string) string {
	all := map[string]string{}
	for key, v := range o.members {
		all[key] = v.text
	}
	maps.Copy(all, members)
	out := []byte("{")
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(appendJSON(out, key), ':'), all[key]...)
	}
	return string(append(out, '}'))
}

// end puts the tokens around sequences that the class of endingClasses puts there, to which
// the folder belongs, if any: update_post_processor of transformers 4.57.
func (a *arguments) end(t *Tokenizer) error {
	class, err := a.readingClass()
	if err != nil {
		return err
	}
	if class == "NllbTokenizer" || class == "nllb" || class == "nllb-moe" {
		own := t.frame
		if err := a.language(t); err != nil {
			return err
		}
		t.sayEnds(own)
		return nil
	}
	e, ends := endingClasses[class]
	if !ends {
		return nil
	}
	var ids [2][]int32
	for i, around := range [2]struct{ name, otherwise, add string }{{"bos_token", e.bos, e.addBos}, {"eos_token", e.eos, "false"}} {
		add, err := a.boolean("add_"+around.name, around.add, "false")
		if err != nil {
			return err
		}
		if !add {
			continue
		}
		token, err := a.token(around.name, around.otherwise)
		if err != nil {
			return err
		}
		id, ok := t.ID(token.content)
		if !ok {
			return a.get(around.name).errorf("%q, expected a token of the vocabulary: add_%s asks for it", token.content, around.name)
		}
		ids[i] = []int32{id}
	}
	own := t.frame
	t.frame = bareFrame()
	t.frame.surround(ids[0], ids[0], ids[1])
	t.sayEnds(own)
	return nil
}

// sayEnds adds to the reading of t the tokens around a text, where they are not those of own.
func (t *Tokenizer) sayEnds(own frame) {
	before, after := t.frame.single.head.ids, t.frame.single.tail.ids
	if !slices.Equal(own.single.head.ids, before) || !slices.Equal(own.single.tail.ids, after) {
		t.reading = append(t.reading, fmt.Sprintf("tokens %d before and %d after a text", before, after))
	}
}
