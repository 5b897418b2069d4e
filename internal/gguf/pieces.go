package gguf

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// unigram reads the pieces of a Unigram model of SentencePiece, as T5 and XLM-RoBERTa have
// it: white space at the ends and between words counts once where the file says so, which is
// how SentencePiece splits a text, and transformers 5 too.
func (t *tokenizer) unigram(m *model) {
	mask := t.special(m, "mask")
	unknown := t.special(m, "unknown")
	for id, kind := range t.kinds {
		if unknown < 0 && kind == unknownToken {
			unknown = id
		}
	}
	t.special(m, "padding")
	if mask >= 0 && t.kinds[mask] == unusedToken {
		t.tokens[mask] = "<mask>" // which the pieces themselves lack
	}
	switch {
	case unknown < 0:
		m.fail(fmt.Errorf("tokenizer.ggml.unknown_token_id: missing, and no token is of that kind"))
		return
	case t.scores == nil:
		m.wrong("tokenizer.ggml.scores", "a score for each token")
		return
	}
	// Tokens that fill up the table at its end are no pieces.
	used := len(t.tokens)
	for used > 0 && t.kinds[used-1] == unusedToken && used-1 != mask {
		used--
	}
	t.tokens, t.kinds, t.scores = t.tokens[:used], t.kinds[:used], t.scores[:used]
	if unknown >= used {
		m.fail(fmt.Errorf("tokenizer.ggml.unknown_token_id: %d, a token that is not used", unknown))
		return
	}
	t.vocabulary(m)
	pieces := make([][2]any, used)
	for i := range pieces {
		if score := float64(t.scores[i]); math.IsNaN(score) || math.IsInf(score, 0) {
			m.fail(fmt.Errorf("tokenizer.ggml.scores: %v of token %d, expected a finite number", score, i))
			return
		}
		pieces[i] = [2]any{t.tokens[i], t.scores[i]}
	}
	first, last := t.around(m, m.encoder(), true)
	if first >= used || last >= used {
		m.fail(fmt.Errorf("tokenizer.ggml.bos_token_id, eos_token_id: a token that is not used"))
		return
	}
	between := []int{last}
	if first >= 0 {
		between = []int{last, last}
	}
	scheme := "never"
	if m.flag("tokenizer.ggml.add_space_prefix", true) {
		scheme = "always"
	}
	metaspace := map[string]any{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true}
	var preTokenizer any = metaspace
	if m.flag("tokenizer.ggml.remove_extra_whitespaces", true) {
		preTokenizer = map[string]any{"type": "Sequence", "pretokenizers": []any{map[string]any{"type": "WhitespaceSplit"}, metaspace}}
	}
	t.settings["tokenizer_class"] = "PreTrainedTokenizerFast"
	t.json = map[string]any{
		"added_tokens": t.added(mask, true, true), "pre_tokenizer": preTokenizer, "post_processor": t.frame(first, last, between...),
		"model": map[string]any{"type": "Unigram", "unk_id": unknown, "byte_fallback": false, "vocab": pieces},
	}
	if charsmap := t.charsmap(m); len(charsmap) > 0 {
		t.json["normalizer"] = map[string]any{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(charsmap)}
	}
}

// charsmap returns what SentencePiece normalizes text with; nil = nothing.
func (t *tokenizer) charsmap(m *model) []byte {
	const key = "tokenizer.ggml.precompiled_charsmap"
	switch v := m.get(key).(type) {
	case nil:
		return nil
	case []uint8:
		return v
	case []int8:
		b := make([]byte, len(v))
		for i, c := range v {
			b[i] = byte(c)
		}
		return b
	}
	m.wrong(key, "an array of bytes")
	return nil
}

// sentencePiece reads the pieces of a BPE model of SentencePiece, as Llama 2, Mistral and
// Gemma have it. A space stands before a text where the file says so, or nothing.
func (t *tokenizer) sentencePiece(m *model) {
	if len(t.charsmap(m)) > 0 {
		m.refuse("tokenizer.ggml.precompiled_charsmap", "found beside a BPE model, expected none")
	}
	m.get("tokenizer.ggml.remove_extra_whitespaces") // of no effect in llama.cpp, and not in these models
	if t.scores == nil {
		m.wrong("tokenizer.ggml.scores", "a score for each token")
		return
	}
	unknown := t.special(m, "unknown")
	mask := t.special(m, "mask")
	t.special(m, "padding")
	for id, kind := range t.kinds {
		switch {
		case kind == userToken:
			t.tokens[id] = strings.ReplaceAll(t.tokens[id], " ", "▁") // as the model has it
		case kind == unknownToken && unknown < 0:
			unknown = id
		}
	}
	vocabulary := t.vocabulary(m)
	replace := map[string]any{"type": "Replace", "pattern": map[string]any{"String": " "}, "content": "▁"}
	var normalizer any = replace
	if m.flag("tokenizer.ggml.add_space_prefix", true) {
		normalizer = map[string]any{"type": "Sequence", "normalizers": []any{map[string]any{"type": "Prepend", "prepend": "▁"}, replace}}
	}
	first, last := t.around(m, true, false)
	between := []int{last}
	if first >= 0 {
		between = append(between, first)
	}
	model := map[string]any{"type": "BPE", "fuse_unk": true, "byte_fallback": true, "vocab": vocabulary, "merges": t.scoredMerges(vocabulary)}
	if unknown >= 0 {
		model["unk_token"] = t.tokens[unknown]
	}
	t.settings["tokenizer_class"] = "PreTrainedTokenizerFast"
	t.json = map[string]any{"added_tokens": t.added(mask, false, false), "normalizer": normalizer, "post_processor": t.frame(first, last, between...), "model": model}
}

// scoredMerges returns all pairs of tokens that are one together, in the order in which
// transformers 4.57 has them, generate_merges of convert_slow_tokenizer.py: the best score of
// what they make first, then the longest first token, then the longest second one. Control tokens
// and those of users have the score 0 in a model, whatever the file has.
func (t *tokenizer) scoredMerges(vocabulary map[string]int) [][2]string {
	type merge struct {
		left, right int // tokens
		score       float32
		lengths     [2]int
	}
	var merges []merge
	sizes := map[int]bool{} // of tokens, in bytes: to look up a part of another size is in vain, and takes as long as it is
	for _, token := range t.tokens {
		sizes[len(token)] = true
	}
	for id, token := range t.tokens {
		score, begin, runes := t.scores[id], len(merges), utf8.RuneCountInString(token)
		if k := t.kinds[id]; k == controlToken || k == userToken {
			score = 0
		}
		before := 0
		for i := range token {
			if i > 0 {
				before++
				if !sizes[i] || !sizes[len(token)-i] {
					continue
				}
				left, ok := vocabulary[token[:i]]
				if !ok {
					continue
				}
				if right, ok := vocabulary[token[i:]]; ok {
					merges = append(merges, merge{left, right, score, [2]int{before, runes - before}})
				}
			}
		}
		slices.SortFunc(merges[begin:], func(a, b merge) int { return cmp.Or(cmp.Compare(a.left, b.left), cmp.Compare(a.right, b.right)) })
	}
	slices.SortStableFunc(merges, func(a, b merge) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.lengths[0], a.lengths[0]), cmp.Compare(b.lengths[1], a.lengths[1]))
	})
	list := make([][2]string, len(merges))
	for i, m := range merges {
		list[i] = [2]string{t.tokens[m.left], t.tokens[m.right]}
	}
	return list
}
