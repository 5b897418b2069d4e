package tokenizer

import (
	"fmt"
	"slices"
)

// EncodePair returns the tokens of two texts in one sequence, as the tokenizer's
// post-processor puts them together, and their token types. With o.NoSpecial only the
// special tokens are missing. Each text is an input of its own: its tokens are those that
// Encode finds. Over o.MaxTokens the longer text is cut, then both are, as longest_first
// of Hugging Face tokenizers 0.23.3 does it, each at the side that o.Truncate says.
// o.Prefix is for single texts. The errors are those of Encode, and that the tokenizer
// makes no pairs.
func (t *Tokenizer) EncodePair(first, second string, o Options) (Encoding, error) {
	ids, types, truncated, err := t.AppendPair(nil, nil, first, second, o)
	return Encoding{IDs: ids, Types: types, Truncated: truncated}, err
}

// AppendPair is EncodePair that appends to ids and types: it returns the extended slices
// and the number of tokens dropped, and allocates nothing where they have room. On an
// error it returns them as they were.
func (t *Tokenizer) AppendPair(ids, types []int32, first, second string, o Options) ([]int32, []int32, int, error) {
	s := t.pool.Get().(*scratch)
	p, err := t.readPair(first, second, o, s, s)
	if err == nil {
		ids, types = t.appendPair(ids, types, &p, o)
	}
	t.pool.Put(s)
	return ids, types, p.truncated(), err
}

// EncodePairOffsets is EncodePair that says for each token which text it is of, and
// where in it, as EncodeOffsets does.
func (t *Tokenizer) EncodePairOffsets(first, second string, o Options) (Encoding, error) {
	texts, s := [2]string{first, second}, [2]*scratch{}
	for i := range s {
		s[i] = t.tracing.Get().(*scratch)
		s[i].trace.tokens = s[i].trace.tokens[:0]
		defer t.tracing.Put(s[i])
	}
	p, err := t.readPair(first, second, o, s[0], s[1])
	if err != nil {
		return Encoding{}, err
	}
	e := Encoding{Truncated: p.truncated()}
	e.IDs, e.Types = t.appendPair(nil, nil, &p, o)
	e.Offsets, e.Texts = make([]Span, len(e.IDs)), slices.Repeat([]int8{-1}, len(e.IDs))
	at := 0
	for i := range t.frame.pair {
		part := &t.frame.pair[i]
		head, tail := part.around(o)
		at += len(head)
		k := part.text
		trace := s[k].trace
		trace.drop(p.dropped[k].start, p.dropped[k].end-p.dropped[k].start)
		for _, trim := range t.frame.trims {
			trim.apply(trace.tokens, s[k].text, trim.pairJoined[k] && !o.NoSpecial)
		}
		trace.spans(e.Offsets[at:], texts[k], s[k].text)
		for range trace.tokens {
			e.Texts[at] = int8(k)
			at++
		}
		at += len(tail)
	}
	return e, nil
}

// pairTokens are the tokens of two texts that are left, and which are not.
type pairTokens struct {
	ids     [2][]int32
	dropped [2]span
}

func (p *pairTokens) truncated() int {
	return p.dropped[0].end - p.dropped[0].start + p.dropped[1].end - p.dropped[1].start
}

// readPair returns the tokens of the texts, which lie in the memory of a; b is that for
// the second text.
func (t *Tokenizer) readPair(first, second string, o Options, a, b *scratch) (p pairTokens, err error) {
	if t.frame.noPair != nil {
		return p, fmt.Errorf("no pairs: %w", t.frame.noPair)
	}
	special := 0
	for i := range t.frame.pair {
		head, tail := t.frame.pair[i].around(o)
		special += len(head) + len(tail)
	}
	if err := o.check(special); err != nil {
		return p, err
	}
	if o.Prefix > 0 {
		return p, fmt.Errorf("prefix of %d tokens, expected none for a pair", o.Prefix)
	}
	ids := a.ids[:0]
	var ends [2]int
	for i, s := range [2]*scratch{a, b} {
		text, name := first, "first"
		if i == 1 {
			text, name = second, "second"
		}
		s.text = appendUTF8(s.text[:0], text)
		s.begin(len(s.text), o.Done)
		if t.fault != nil {
			return p, t.fault
		}
		ids = t.appendTokens(ids, s)
		if a.ids = ids; s.err != nil {
			return p, fmt.Errorf("%s text: %w", name, s.err)
		}
		ends[i] = len(ids)
	}
	p.ids = [2][]int32{ids[:ends[0]], ids[ends[0]:]}
	if o.MaxTokens == 0 || len(ids)+special <= o.MaxTokens {
		return p, nil
	}
	if o.Truncate == TruncateNone {
		return p, &TooLongError{Tokens: len(ids) + special, Limit: o.MaxTokens}
	}
	p.cut(o.MaxTokens-special, o.Truncate)
	return p, nil
}

// cut drops tokens until no more than limit are left: truncate_encodings in
// utils/truncation.rs of Hugging Face tokenizers 0.23.3. The longer text keeps what the
// shorter one leaves, but not less than that has; where it is still too much, each keeps
// half of the limit, the longer one, or the second, the odd token.
func (p *pairTokens) cut(limit int, side Truncation) {
	short, long := 0, 1
	if len(p.ids[0]) > len(p.ids[1]) {
		short, long = 1, 0
	}
	var keep [2]int
	keep[short] = len(p.ids[short])
	keep[long] = max(keep[short], limit-keep[short])
	if keep[short]+keep[long] > limit {
		keep[short], keep[long] = limit/2, limit-limit/2
	}
	for i, ids := range p.ids {
		n := len(ids) - keep[i]
		if side == TruncateStart {
			p.dropped[i], p.ids[i] = span{0, n}, ids[n:]
		} else {
			p.dropped[i], p.ids[i] = span{keep[i], len(ids)}, ids[:keep[i]]
		}
	}
}

// appendPair appends the sequence of p and its token types.
func (t *Tokenizer) appendPair(ids, types []int32, p *pairTokens, o Options) ([]int32, []int32) {
	for i := range t.frame.pair {
		part := &t.frame.pair[i]
		head, tail := part.around(o)
		text := p.ids[part.text]
		ids = append(append(append(ids, head...), text...), tail...)
		types = part.appendTypes(types, len(text), o)
	}
	return ids, types
}

// AppendTypes appends to dst the token types of a sequence of one text, which Append
// with o gave so many tokens, special ones included. They are 0 but for a few
// tokenizers, whose template says otherwise.
func (t *Tokenizer) AppendTypes(dst []int32, tokens int, o Options) []int32 {
	head, tail := t.frame.single.around(o)
	return t.frame.single.appendTypes(dst, tokens-len(head)-len(tail), o)
}

// types returns what AppendTypes appends, nil where all are 0.
func (t *Tokenizer) types(tokens int, o Options) []int32 {
	if !t.frame.single.hasTypes() || tokens == 0 {
		return nil
	}
	return t.AppendTypes(make([]int32, 0, tokens), tokens, o)
}
