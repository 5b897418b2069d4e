package embed

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// located returns the tokens of a text, and where in it they are, as loader.Reader.Locate.
func (t *texts) located(text string) (e tokenizer.Encoding, err error) {
	if e, err = t.reader.Locate(text, t.encode); err != nil {
		return e, err
	}
	if unknown := t.route.Encoder.Unknown; unknown >= 0 {
		kept := 0
		for i, id := range e.IDs {
			if id != unknown {
				e.IDs[kept], e.Offsets[kept] = id, e.Offsets[i]
				kept++
			}
		}
		e.IDs, e.Offsets = e.IDs[:kept], e.Offsets[:kept]
	}
	return e, nil
}

// special is where the tokens are that no part of the text became.
var special = loader.Special

// checkSpans checks that there are spans for each text.
func (t *texts) checkSpans() error {
	if spans := t.options.Spans; len(spans) != len(t.inputs) {
		return optionError(OptionSpans, "%d lists, expected %d, one for each text", len(spans), len(t.inputs))
	}
	t.Way = &t.route.GroupWay
	return nil
}

// appendSpans is Append where text i has spans.
func (t *texts) appendSpans(dst pipeline.Tokens, i int) (pipeline.Tokens, error) {
	text, spans := t.inputs[i], t.options.Spans[i]
	if err := checkSpans(text, spans); err != nil {
		return dst, err
	}
	e, err := t.located(text)
	if err != nil {
		return dst, err
	}
	if dst.Groups, err = groups(text, spans, e); err != nil {
		return dst, err
	}
	dst.IDs = append(dst.IDs, e.IDs...)
	for j, group := range dst.Groups {
		to := &t.result.Embeddings[t.result.Starts[i]+j]
		if to.Tokens, to.Truncated = len(group), e.Truncated; group == nil {
			to.Tokens = len(e.IDs)
		}
	}
	return dst, nil
}

// checkSpans checks that spans are parts of text.
func checkSpans(text string, spans []tokenizer.Span) error {
	if len(spans) == 0 {
		return errors.New("no spans, expected at least one")
	}
	for i, s := range spans {
		if s.Start < 0 || s.End < s.Start || s.End > len(text) {
			return fmt.Errorf("span %d: bytes %d to %d, expected ascending ones from 0 to %d", i, s.Start, s.End, len(text))
		}
		for _, at := range []int{s.Start, s.End} {
			if inside(text, at) {
				return fmt.Errorf("span %d: bytes %d to %d: %d is inside a character", i, s.Start, s.End, at)
			}
		}
	}
	return nil
}

// inside reports whether byte i of text is one of a character, but not its first.
func inside(text string, i int) bool {
	if i == len(text) || utf8.RuneStart(text[i]) {
		return false
	}
	from := i - 1
	for from > max(0, i-utf8.UTFMax+1) && !utf8.RuneStart(text[from]) {
		from--
	}
	if from < 0 {
		return false
	}
	_, n := utf8.DecodeRuneInString(text[from:])
	return from+n > i
}

// groups returns the tokens of each of spans, nil for all.
func groups(text string, spans []tokenizer.Span, e tokenizer.Encoding) ([][]int32, error) {
	if len(spans) == 1 && spans[0] == (tokenizer.Span{Start: 0, End: len(text)}) {
		return [][]int32{nil}, nil
	}
	tokens := make([]int32, 0, len(e.IDs)) // in the order of where they begin
	ascending := true
	for i, at := range e.Offsets {
		if at == special {
			continue
		}
		if n := len(tokens); n > 0 && at.Start < e.Offsets[tokens[n-1]].Start {
			ascending = false
		}
		tokens = append(tokens, int32(i))
	}
	if !ascending {
		slices.SortStableFunc(tokens, func(a, b int32) int { return e.Offsets[a].Start - e.Offsets[b].Start })
	}
	begins := func(at int) int { // the first of tokens that begins there or behind
		return sort.Search(len(tokens), func(i int) bool { return e.Offsets[tokens[i]].Start >= at })
	}
	all := make([][]int32, len(spans))
	for i, s := range spans {
		all[i] = tokens[begins(s.Start):begins(s.End)]
		if len(all[i]) == 0 {
			dropped := ""
			if e.Truncated > 0 {
				dropped = fmt.Sprintf("; %d tokens of the text are beyond the limit", e.Truncated)
			}
			return nil, fmt.Errorf("span %d: no token begins in bytes %d to %d%s", i, s.Start, s.End, dropped)
		}
		if !ascending {
			all[i] = slices.Sorted(slices.Values(all[i]))
		}
	}
	return all, nil
}
