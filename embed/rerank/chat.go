package rerank

import (
	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// parseTemplate returns what makes a text of a pair, nil where the tokenizer makes pairs,
// as in folders older than sentence-transformers 5.4.
func parseTemplate(l *modelfolder.LogitScore, modelType string, t *tokenizer.Tokenizer) (*loader.Chat, error) {
	if l == nil || l.Template == "" {
		return nil, nil
	}
	chat, err := loader.NewChat(&l.Chat, modelType, t)
	if err != nil {
		return nil, err
	}
	return chat, chat.CheckPair()
}

// findTail finds the tokens that the template puts behind every pair.
func (c *call) findTail() (err error) {
	c.frame, err = c.model.template.Frame(func(filler string) (string, error) {
		return c.model.template.Pair(c.prompt, filler, filler)
	})
	if err != nil {
		err = &embed.OptionError{Option: embed.OptionPrompt, Err: err}
	}
	return err
}

// appendChat appends the tokens of the template's text of a pair, and returns how many
// were dropped.
func (c *call) appendChat(dst pipeline.Tokens, query, document string) (_ pipeline.Tokens, truncated int, err error) {
	text, err := c.model.template.Pair(c.prompt, query, document)
	if err != nil {
		return dst, 0, err
	}
	dst.IDs, truncated, err = c.model.template.Append(dst.IDs, text, c.frame, c.encode)
	return dst, truncated, err
}
