package tokenizer

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// rebuild makes the tokenizer of the tokenizer.json o as that class of transformers 5 does.
func (a *arguments) rebuild(o object, class string) (*Tokenizer, error) {
	if err := a.supported(); err != nil {
		return nil, err
	}
	c := &conversion{args: *a, class: class, json: &o, file: o.file}
	if _, ok := a.members[decoderKey]; !ok {
		if err := c.takeAdded(o.get("added_tokens")); err != nil {
			return nil, err
		}
	}
	t, err := tokenizerClasses[class](c)
	if err != nil {
		return nil, err
	}
	if other := c.others(t); len(other) > 0 {
		t.reading = []string{class + " for " + strings.Join(other, ", ")}
	}
	return t, nil
}

// takeAdded adds the added tokens of tokenizer.json to those of the folder; of two with one
// id its own counts.
func (c *conversion) takeAdded(v value) error {
	if v.null() {
		return nil
	}
	entries, err := v.array()
	if err != nil {
		return err
	}
	places := map[int32]int{}
	for i, token := range c.args.added {
		places[token.id] = i
	}
	for _, entry := range entries {
		token, err := parseAddedToken(entry)
		if err != nil {
			return err
		}
		if place, ok := places[token.id]; ok {
			c.args.added[place] = specialToken{addedToken: token}
			continue
		}
		places[token.id] = len(c.args.added)
		c.args.added = append(c.args.added, specialToken{addedToken: token})
	}
	return c.args.sortAdded(v)
}

// jsonModel returns the section model of tokenizer.json, which has to be of that type.
func (c *conversion) jsonModel(kind string) (object, error) {
	v := c.json.get("model")
	o, err := v.object()
	if err != nil {
		return o, err
	}
	found := o.modelKind()
	if t := o.get("type"); !t.null() {
		if found, err = t.str(); err != nil {
			return o, err
		}
	}
	if found != kind {
		return o, v.unsupported("type %q, expected %q: %s of transformers 5 needs it", found, kind, c.class)
	}
	return o, nil
}

// precompiledIn returns the step Precompiled of a normalizer; "" where it has none.
func precompiledIn(normalizer value) string {
	if normalizer.null() {
		return ""
	}
	o, kind, err := parseStep(normalizer)
	if err != nil {
		return ""
	}
	switch kind {
	case "Precompiled":
		return normalizer.text
	case "Sequence":
		steps, _ := o.get("normalizers").array()
		for _, step := range steps {
			if _, kind, err := parseStep(step); err == nil && kind == "Precompiled" {
				return step.text
			}
		}
	}
	return ""
}

// others returns the sections of tokenizer.json that say otherwise than t, which the class
// made.
func (c *conversion) others(t *Tokenizer) (names []string) {
	for _, section := range []struct {
		name string
		same bool
	}{
		{"normalizer", sameJSON(c.steps.normalizer, c.json.get("normalizer").text)},
		{"pre_tokenizer", sameJSON(c.steps.preTokenizer, c.json.get("pre_tokenizer").text)},
		{"model", c.sameModel(t.model)},
		{"post_processor", c.sameFrame(t)},
		{"added_tokens", c.sameAdded(t)},
	} {
		if !section.same {
			names = append(names, section.name)
		}
	}
	return names
}

// sameJSON reports whether two steps are the same; "" is null.
func sameJSON(a, b string) bool {
	var values [2]any
	for i, text := range []string{a, b} {
		if text != "" && json.Unmarshal([]byte(text), &values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// sameModel reports whether m has the switches that tokenizer.json says.
func (c *conversion) sameModel(m model) bool {
	o, err := c.json.get("model").object()
	if err != nil {
		return false
	}
	is := func(key, text, otherwise string) bool {
		v := o.get(key)
		return v.text == text || v.null() && text == otherwise
	}
	unknown := func(id int32) bool {
		v := o.get("unk_token")
		if v.null() {
			return id < 0
		}
		known, ok := m.vocabulary().id(unquote(v.text))
		return ok && known == id
	}
	switch m := m.(type) {
	case *wordPiece:
		return unknown(m.unknown) && is("continuing_subword_prefix", `"##"`, "") && is("max_input_chars_per_word", "100", "")
	case *bpe:
		return unknown(m.unknown) && is("fuse_unk", jsonBool(m.fuse), "false") && is("byte_fallback", jsonBool(m.fallback), "false") &&
			is("ignore_merges", jsonBool(m.ignoreMerges), "false") && is("continuing_subword_prefix", `""`, `""`) && is("end_of_word_suffix", `""`, `""`)
	case *unigram:
		v := o.get("unk_id")
		id, err := v.natural()
		return (err == nil && id == m.unknown || v.null() && m.unknown < 0) && is("byte_fallback", jsonBool(m.fallback), "false")
	}
	return false
}

func jsonBool(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// sameFrame reports whether t puts the special tokens around texts that tokenizer.json says.
func (c *conversion) sameFrame(t *Tokenizer) bool {
	own, err := parseFrame(bareFrame(), c.json.get("post_processor"), t.has)
	return err == nil && slices.Equal(flat(own.single), flat(t.frame.single)) && slices.Equal(flat(own.pair[:]...), flat(t.frame.pair[:]...))
}

// flat returns the special tokens of a sequence and its texts, each with its type.
func flat(parts ...part) (all [][2]int32) {
	special := func(t typed) {
		for i, id := range t.ids {
			all = append(all, [2]int32{id, t.types[i]})
		}
	}
	for _, p := range parts {
		special(p.head)
		all = append(all, [2]int32{int32(-1 - p.text), p.kind})
		special(p.tail)
	}
	return all
}

// sameAdded reports whether t has the added tokens of tokenizer.json alone.
func (c *conversion) sameAdded(t *Tokenizer) bool {
	own, err := parseAdded(c.json.get("added_tokens"), t.vocab)
	if err != nil {
		return false
	}
	tokens := func(a *addedTokens) map[string]addedToken {
		all := map[string]addedToken{}
		for _, token := range a.tokens {
			all[token.content] = token
		}
		return all
	}
	return maps.Equal(tokens(&own), tokens(&t.added))
}
