package sparse

import (
	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
)

// Options are those of one request. The zero Options are the defaults.
type Options struct {
	Prompt     string           // before each text; "" = by name
	PromptName string           // "query", "document" or any that the model has; "" = the model's default
	Truncate   embed.Truncation // of texts over the limit; TruncateNone: an *embed.InputError
	MaxTokens  int              // a limit lower than the model's, special tokens included; 0 = the model's
	MaxActive  int              // weights to keep at most, the largest, equal ones by ascending index; 0 = the model's
}

// check finds what the options say.
func (c *call) check() error {
	c.maxActive = c.model.info.MaxActive
	if n := c.options.MaxActive; n != 0 {
		if n < 0 {
			return facade.OptionError(embed.OptionMaxActive, "%d, expected 1 or more, or 0 for the model's", n)
		}
		c.maxActive = n
	}
	var err error
	if c.prompt, err = facade.Prompt(c.model.loaded, c.options.Prompt, c.options.PromptName); err != nil {
		return err
	}
	e := c.model.loaded.Default.Encoder
	c.encode, err = facade.Cut(e.Options(), c.options.Truncate, c.options.MaxTokens, e.Tokenizer.SpecialTokens())
	return err
}
