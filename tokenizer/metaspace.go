package tokenizer

import (
	"bytes"
	"slices"
	"strings"
)

// parseMetaspace appends the steps of the pre-tokenizer Metaspace of Hugging Face
// tokenizers 0.23.3: it writes a character for spaces, puts one before words
// that begin with none, and splits before each.
func parseMetaspace(steps []preTokenizer, o object) ([]preTokenizer, error) {
	replacement, scheme, err := metaspaceKeys(o)
	if err != nil {
		return nil, err
	}
	split := true
	if v := o.get("split"); !v.null() {
		if split, err = v.boolean(); err != nil {
			return nil, err
		}
	}
	prefix := func(word []byte, first bool) string {
		if scheme == "never" || scheme == "first" && !first || word[0] == ' ' || bytes.HasPrefix(word, []byte(replacement)) {
			return ""
		}
		return replacement
	}
	steps = append(steps, preTokenizer{firstOnly: scheme == "first", prefix: prefix, write: func(dst, word []byte) []byte {
		for {
			i := bytes.IndexByte(word, ' ')
			if i < 0 {
				return append(dst, word...)
			}
			dst = append(append(dst, word[:i]...), replacement...)
			word = word[i+1:]
		}
	}})
	if split {
		steps = append(steps, preTokenizer{split: splitBy(literal(replacement), mergeWithNext, false)})
	}
	return steps, nil
}

// metaspaceKeys reads the keys that Metaspace has as a pre-tokenizer and as a
// decoder, those of older files among them.
func metaspaceKeys(o object) (replacement, scheme string, err error) {
	if err = o.only("type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"); err != nil {
		return "", "", err
	}
	if replacement, err = o.get("replacement").char(); err != nil {
		return "", "", err
	}
	scheme = "always"
	if v, ok := o.members["prepend_scheme"]; ok {
		if scheme, err = v.str(); err != nil {
			return "", "", err
		}
		if scheme != "always" && scheme != "first" && scheme != "never" {
			return "", "", v.unsupported("unknown scheme %q", scheme)
		}
	}
	if v := o.get("str_rep"); !v.null() {
		if _, err = v.str(); err != nil {
			return "", "", err
		}
	}
	if v := o.get("add_prefix_space"); !v.null() {
		add, err := v.boolean()
		if err != nil {
			return "", "", err
		}
		if !add && scheme != "never" {
			return "", "", v.errorf("false, and prepend_scheme %q", scheme)
		}
	}
	return replacement, scheme, nil
}

// checkFirst returns an error where a step asks whether a word begins where the
// input does and the steps before it may blur that.
func (t *Tokenizer) checkFirst(v value) error {
	for i, step := range t.preTokenizers {
		if !step.firstOnly {
			continue
		}
		for _, before := range t.preTokenizers[:i] {
			if before.write != nil {
				return v.unsupported("prepend_scheme first after a step that writes: not supported")
			}
		}
		if len(t.normalizers) > 0 && i > 0 {
			return v.unsupported("prepend_scheme first after a normalizer and another step: not supported")
		}
		for k, normalizer := range t.normalizers {
			space := startsWithSpace(normalizer) && !slices.ContainsFunc(t.normalizers[k+1:], changesSpace)
			if !space && !keepsStart(normalizer) {
				return v.unsupported("prepend_scheme first after a normalizer that may drop the start of a text: not supported")
			}
		}
		for _, token := range t.added.tokens {
			if len(t.normalizers) > 0 && token.normalized {
				return v.unsupported("prepend_scheme first after a normalizer, and added token %q is normalized: not supported", token.content)
			}
		}
	}
	return nil
}

// keepsStart reports whether the first character that a step writes always stands
// for the first one that it reads. The reference has it so for Precompiled, too,
// even where that drops the first.
func keepsStart(step normalizer) bool {
	switch n := step.(type) {
	case lowercase, byteLevel, normalForm, *precompiled, prepend:
		return true
	case *bertNormalizer:
		return !n.clean && !n.strip
	case strip:
		return !n.left
	case replacer:
		return n.single && n.content != ""
	}
	return false
}

// changesSpace reports whether a step may write something else for a space that a
// text begins with, where it writes anything.
func changesSpace(step normalizer) bool {
	switch n := step.(type) {
	case lowercase, normalForm:
		return false
	case strip:
		return n.left
	}
	return true
}

// startsWithSpace reports whether a step writes something that begins with a space
// wherever it drops something, so that no other is put before it.
func startsWithSpace(step normalizer) bool {
	r, ok := step.(replacer)
	return ok && strings.HasPrefix(r.content, " ")
}
