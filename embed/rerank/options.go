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

func optionError(option, format string, args ...any) error {
	return &embed.OptionError{Option: option, Err: fmt.Errorf(format, args...)}
}

// checkOptions finds the prompt, and how inputs are cut.
func (c *call) checkOptions() error {
	m, opts := c.model, &c.options
	if err := c.checkPrompt(); err != nil {
		return err
	}
	c.encode = m.loaded.Default.Encoder.Options()
	switch opts.Truncate {
	case embed.TruncateDefault: // the model's
	case embed.TruncateEnd:
		c.encode.Truncate = tokenizer.TruncateEnd
	case embed.TruncateStart:
		c.encode.Truncate = tokenizer.TruncateStart
	case embed.TruncateNone:
		c.encode.Truncate = tokenizer.TruncateNone
	default:
		return optionError("truncate", "%d, expected TruncateDefault, TruncateEnd, TruncateStart or TruncateNone", opts.Truncate)
	}
	least := m.special[1]
	if c.single {
		least = m.special[0]
	}
	limit := c.encode.MaxTokens
	if limit > 0 && limit < least {
		return optionError("max tokens", "the model's limit is %d, expected at least %d", limit, least)
	}
	if n := opts.MaxTokens; n != 0 {
		if n < max(1, least) {
			return optionError("max tokens", "%d, expected at least %d, or 0 for the model's", n, max(1, least))
		}
		if limit == 0 || n < limit {
			c.encode.MaxTokens = n
		}
	}
	return nil
}

// checkPrompt finds the prompt.
func (c *call) checkPrompt() error {
	opts, info := &c.options, &c.model.info
	switch {
	case opts.Prompt != "" && opts.PromptName != "":
		return optionError("prompt", "given together with prompt name %.100q, expected one of the two", opts.PromptName)
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
			return optionError("prompt name", "unknown %.100q, %s", opts.PromptName, have)
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
