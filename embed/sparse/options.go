package sparse

import (
	"cmp"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
)

// Options are those of one request. The zero Options are the defaults.
type Options struct {
	Prompt     string           // before each text; "" = by name
	PromptName string           // "query", "document" or any that the model has, a route's too; "" = the model's default
	Truncate   embed.Truncation // of texts over the limit; TruncateNone: an *embed.InputError
	MaxTokens  int              // a limit lower than the model's, special tokens included; 0 = the model's
	MaxActive  int              // weights to keep at most, the largest, equal ones by ascending index; 0 = the model's
}

// check finds what the options say.
func (c *call) check() error {
	if n := c.options.MaxActive; n < 0 {
		return facade.OptionError(embed.OptionMaxActive, "%d, expected 1 or more, or 0 for the model's", n)
	}
	m, o := c.model.loaded, &c.options
	err := c.Settle(m, facade.Options{Prompt: o.Prompt, PromptName: o.PromptName, Truncate: o.Truncate, MaxTokens: o.MaxTokens})
	if err == nil {
		c.maxActive = cmp.Or(o.MaxActive, maxActive(m, c.Route))
	}
	return err
}
