package rerank

import (
	"fmt"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/facade"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Options are those of one request. The zero Options are the defaults.
type Options struct {
	Prompt            string           // before the query, or where the model's template puts it; "" = by name
	PromptName        string           // "query", "document" or any that the model has; "" = the model's default
	Truncate          embed.Truncation // of pairs over the limit: the longer text is cut first, TruncateStart at its start; TruncateNone: an *embed.InputError
	MaxTokens         int              // a limit lower than the model's, special tokens included; 0 = the model's
	MaxDocumentTokens int              // of a document, whose text is cut to what its first ones cover, with TruncateStart its last, before the pair is; 0 = no limit of its own
	Raw               bool             // logits in place of scores or probabilities
}

// checkLength finds how inputs with the prompt are cut.
func (c *call) checkLength() error {
	m, opts := c.model, &c.options
	least, err := c.least()
	if err != nil {
		return err
	}
	base := m.loaded.Default.Encoder.Options()
	if limit := base.MaxTokens; limit > 0 && limit < least {
		return facade.OptionError(embed.OptionMaxTokens, "the model's limit is %d, expected at least %d", limit, least)
	}
	if err := facade.CheckDocumentTokens(opts.MaxDocumentTokens); err != nil {
		return err
	}
	if c.chats() {
		if opts.Truncate == embed.TruncateStart {
			return facade.OptionError(embed.OptionTruncate, "at the start, where the model's chat template has its instruction, expected TruncateEnd or TruncateNone")
		}
		base.Truncate = tokenizer.TruncateEnd // of what a template makes
	}
	if c.encode, err = facade.Cut(base, opts.Truncate, opts.MaxTokens, least); err == nil && !c.scores && !c.chats() {
		if c.prefix, _, err = m.loaded.Default.Encoder.Prefix(c.prompt, c.encode.MaxTokens); err != nil {
			err = &embed.OptionError{Option: embed.OptionPrompt, Err: err}
		}
	}
	return err
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
		return len(c.frame.Tail) + 1, err
	}
	return c.model.special[1], c.model.noPairs
}

// checkKind returns an error unless the model has one output.
func (m *Model) checkKind() error {
	if m.Reranks() {
		return nil
	}
	return &embed.KindError{Kind: "classifier", Err: fmt.Errorf("the model has %d labels, a classifier, expected a reranker, which has one; Classify and ClassifyPairs serve it", len(m.info.Labels))}
}
