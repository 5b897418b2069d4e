package rerank

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Options are those of one request. The zero Options are the defaults.
type Options struct {
	Prompt     string           // before the query, or where the model's template puts it; "" = by name
	PromptName string           // any that the model has; "" = the model's default
	Truncate   embed.Truncation // of pairs over the limit: the longer text is cut first, TruncateStart at its start; TruncateNone: an *embed.InputError
	MaxTokens  int              // a limit lower than the model's, special tokens included; 0 = the model's
	Raw        bool             // logits in place of scores or probabilities
}

func optionError(option embed.Option, format string, args ...any) error {
	return &embed.OptionError{Option: option, Err: fmt.Errorf(format, args...)}
}

// checkLength finds how inputs are cut.
func (c *call) checkLength() error {
	m, opts := c.model, &c.options
	least, err := c.least()
	if err != nil {
		return err
	}
	c.encode = m.loaded.Default.Encoder.Options()
	switch opts.Truncate {
	case embed.TruncateDefault: // the model's, or the end of what a template makes
		if c.chats() {
			c.encode.Truncate = tokenizer.TruncateEnd
		}
	case embed.TruncateEnd:
		c.encode.Truncate = tokenizer.TruncateEnd
	case embed.TruncateStart:
		if c.encode.Truncate = tokenizer.TruncateStart; c.chats() {
			return optionError(embed.OptionTruncate, "at the start, where the model's chat template has its instruction, expected TruncateEnd or TruncateNone")
		}
	case embed.TruncateNone:
		c.encode.Truncate = tokenizer.TruncateNone
	default:
		return optionError(embed.OptionTruncate, "%d, expected TruncateDefault, TruncateEnd, TruncateStart or TruncateNone", opts.Truncate)
	}
	limit := c.encode.MaxTokens
	if limit > 0 && limit < least {
		return optionError(embed.OptionMaxTokens, "the model's limit is %d, expected at least %d", limit, least)
	}
	if n := opts.MaxTokens; n != 0 {
		if n < max(1, least) {
			return optionError(embed.OptionMaxTokens, "%d, expected at least %d, or 0 for the model's", n, max(1, least))
		}
		if limit == 0 || n < limit {
			c.encode.MaxTokens = n
		}
	}
	return nil
}

// chats reports whether inputs are what a chat template makes of a pair.
func (c *call) chats() bool { return c.model.template != nil }

// least returns how many tokens an input has in any case.
func (c *call) least() (int, error) {
	switch {
	case c.single:
		return c.model.special[0], nil
	case c.chats():
		err := c.findTail()
		return len(c.tail) + 1, err
	}
	return c.model.special[1], c.model.noPairs
}

// checkPrompt finds the prompt.
func (c *call) checkPrompt() error {
	opts, info := &c.options, &c.model.info
	switch {
	case opts.Prompt != "" && opts.PromptName != "":
		return optionError(embed.OptionPrompt, "given together with prompt name %.100q, expected one of the two", opts.PromptName)
	case opts.Prompt != "":
		c.prompt = opts.Prompt
	case opts.PromptName == "":
		c.prompt = info.Prompts[info.DefaultPrompt]
	default:
		var ok bool
		if c.prompt, ok = info.Prompts[opts.PromptName]; !ok {
			have := "and the model has none"
			if len(info.Prompts) > 0 {
				have = "expected one of: " + strings.Join(slices.Sorted(maps.Keys(info.Prompts)), ", ")
			}
			return optionError(embed.OptionPromptName, "unknown %.100q, %s", opts.PromptName, have)
		}
	}
	return nil
}

// checkKind returns an error unless the model has one output.
func (m *Model) checkKind() error {
	if m.Reranks() {
		return nil
	}
	return &embed.KindError{Kind: "classifier", Err: fmt.Errorf("the model has %d labels, a classifier, expected a reranker, which has one; Classify and ClassifyPairs serve it", len(m.info.Labels))}
}

var errEmptyText = errors.New("empty text")
