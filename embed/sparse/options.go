package sparse

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Options are those of one request. The zero Options are the defaults.
type Options struct {
	Prompt     string           // before each text; "" = by name
	PromptName string           // "query", "document" or any that the model has; "" = the model's default
	Truncate   embed.Truncation // of texts over the limit; TruncateNone: an *embed.InputError
	MaxTokens  int              // a limit lower than the model's, special tokens included; 0 = the model's
	MaxActive  int              // weights to keep at most, the largest, equal ones by ascending index; 0 = the model's
}

func optionError(option embed.Option, format string, args ...any) error {
	return &embed.OptionError{Option: option, Err: fmt.Errorf(format, args...)}
}

// check finds what the options say.
func (c *call) check() error {
	c.maxActive = c.model.info.MaxActive
	if n := c.options.MaxActive; n != 0 {
		if n < 0 {
			return optionError(embed.OptionMaxActive, "%d, expected 1 or more, or 0 for the model's", n)
		}
		c.maxActive = n
	}
	if err := c.checkPrompt(); err != nil {
		return err
	}
	e := c.model.loaded.Default.Encoder
	c.encode = e.Options()
	switch c.options.Truncate {
	case embed.TruncateDefault: // the model's
	case embed.TruncateEnd:
		c.encode.Truncate = tokenizer.TruncateEnd
	case embed.TruncateStart:
		c.encode.Truncate = tokenizer.TruncateStart
	case embed.TruncateNone:
		c.encode.Truncate = tokenizer.TruncateNone
	default:
		return optionError(embed.OptionTruncate, "%d, expected TruncateDefault, TruncateEnd, TruncateStart or TruncateNone", c.options.Truncate)
	}
	if n, least := c.options.MaxTokens, max(1, e.Tokenizer.SpecialTokens()); n != 0 {
		if n < least {
			return optionError(embed.OptionMaxTokens, "%d, expected at least %d, or 0 for the model's", n, least)
		}
		c.encode.MaxTokens = modelfolder.Lowest(c.encode.MaxTokens, n)
	}
	return nil
}

// checkPrompt finds the prompt. "query" and "document" are no prompt where the model has
// none for them, as in package embed.
func (c *call) checkPrompt() error {
	opts, info := &c.options, &c.model.info
	switch {
	case opts.Prompt != "" && opts.PromptName != "":
		return optionError(embed.OptionPrompt, "given together with prompt name %.100q, expected one of the two", opts.PromptName)
	case opts.Prompt != "":
		c.prompt = opts.Prompt
		return nil
	case opts.PromptName == "":
		c.prompt = info.Prompts[info.DefaultPrompt]
		return nil
	}
	others, ok := modelfolder.Fallbacks[opts.PromptName]
	for _, name := range append([]string{opts.PromptName}, others...) {
		if prompt, ok := info.Prompts[name]; ok {
			c.prompt = prompt
			return nil
		}
	}
	if !ok {
		have := slices.Sorted(maps.Keys(info.Prompts))
		have = slices.Compact(slices.Sorted(slices.Values(append(have, "query", "document"))))
		return optionError(embed.OptionPromptName, "unknown %.100q, expected one of: %s", opts.PromptName, strings.Join(have, ", "))
	}
	return nil
}
