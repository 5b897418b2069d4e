package rerank

import (
	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/chattemplate"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// parseTemplate returns the template that makes a text of a pair, nil where the tokenizer
// makes pairs, as in folders older than sentence-transformers 5.4.
func parseTemplate(l *modelfolder.LogitScore, modelType string) (*chattemplate.Template, error) {
	if l == nil || l.Template == "" {
		return nil, nil
	}
	format := chattemplate.Flat
	switch {
	case l.Detect:
		format = chattemplate.DetectFormat(l.Template, modelType)
	case l.Structured:
		format = chattemplate.Structured
	}
	t, err := chattemplate.Parse(l.Template, format, l.Tokens)
	if err != nil {
		return nil, err
	}
	return t, t.CheckPair()
}

// findTail finds the tokens that the template puts behind every pair. They are those that
// two pairs of short words have in common at the end.
func (c *call) findTail() error {
	texts, err := c.model.template.Fillers(c.prompt)
	if err != nil {
		return &embed.OptionError{Option: "prompt", Err: err}
	}
	var ids [2][]int32
	for i, text := range texts {
		e, err := c.model.tokenizer().Encode(text, tokenizer.Options{NoSpecial: true})
		if err != nil {
			return &embed.OptionError{Option: "prompt", Err: err}
		}
		ids[i] = e.IDs
	}
	n := 0
	for a, b := ids[0], ids[1]; n+1 < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n]; {
		n++
	}
	c.tail, c.frame = ids[0][len(ids[0])-n:], len(ids[0])
	return nil
}

// appendChat appends the tokens of the template's text of a pair, and returns how many
// were dropped. A text that reached the limit ends in the tail whatever was cut, as in
// sentence-transformers 6.2.
func (c *call) appendChat(dst pipeline.Tokens, query, document string) (pipeline.Tokens, int, error) {
	text, err := c.model.template.Pair(c.prompt, query, document)
	if err != nil {
		return dst, 0, err
	}
	o := c.encode
	o.NoSpecial = true
	from := len(dst.IDs)
	ids, truncated, err := c.model.tokenizer().Append(dst.IDs, text, o)
	if n := len(ids) - from; err == nil && n > 0 && n == o.MaxTokens {
		copy(ids[len(ids)-len(c.tail):], c.tail)
	}
	dst.IDs = ids
	return dst, truncated, err
}
