package facade

import (
	"fmt"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// OptionError returns an *embed.OptionError.
func OptionError(option embed.Option, format string, args ...any) error {
	return &embed.OptionError{Option: option, Err: fmt.Errorf(format, args...)}
}

// Prompt returns what comes before a text in a request with the given prompt or prompt
// name. "query" and "document" are no prompt where the model has none for them, as in
// package embed; no name is the model's default one.
func Prompt(m *loader.Model, given, name string) (string, error) {
	if given != "" && name != "" {
		return "", OptionError(embed.OptionPrompt, "given together with prompt name %.100q, expected one of the two", name)
	}
	if given != "" {
		return given, nil
	}
	prompt, _, err := m.Prompt(name)
	if err != nil {
		err = &embed.OptionError{Option: embed.OptionPromptName, Err: err}
	}
	return prompt, err
}

// Cut returns o, how texts are cut, as a request says that has a truncation and a limit of
// its own, 0 for none, which is at least least and lowers that of o.
func Cut(o tokenizer.Options, truncate embed.Truncation, limit, least int) (tokenizer.Options, error) {
	switch truncate {
	case embed.TruncateDefault: // the model's
	case embed.TruncateEnd:
		o.Truncate = tokenizer.TruncateEnd
	case embed.TruncateStart:
		o.Truncate = tokenizer.TruncateStart
	case embed.TruncateNone:
		o.Truncate = tokenizer.TruncateNone
	default:
		return o, OptionError(embed.OptionTruncate, "%d, expected TruncateDefault, TruncateEnd, TruncateStart or TruncateNone", truncate)
	}
	if limit == 0 {
		return o, nil
	}
	if least = max(1, least); limit < least {
		return o, OptionError(embed.OptionMaxTokens, "%d, expected at least %d, or 0 for the model's", limit, least)
	}
	o.MaxTokens = modelfolder.Lowest(o.MaxTokens, limit)
	return o, nil
}

// CutDocument returns the part of a document that its first tokens cover, or where o cuts
// texts at their start its last ones, most of them or 0 for all, and how many it drops.
func CutDocument(t *tokenizer.Tokenizer, text string, most int, o tokenizer.Options) (part string, dropped int, err error) {
	if most == 0 {
		return text, 0, nil
	}
	e, err := t.EncodeOffsets(text, tokenizer.Options{NoSpecial: true, Done: o.Done})
	if dropped = len(e.IDs) - most; err != nil || dropped <= 0 {
		return text, 0, err
	}
	switch o.Truncate {
	case tokenizer.TruncateNone:
		return text, 0, fmt.Errorf("a document of %d tokens, expected %d or fewer", len(e.IDs), most)
	case tokenizer.TruncateStart:
		return text[e.Offsets[dropped].Start:], dropped, nil
	}
	return text[:e.Offsets[most-1].End], dropped, nil
}

// CheckDocumentTokens returns an error unless most is a limit of CutDocument.
func CheckDocumentTokens(most int) error {
	if most < 0 {
		return OptionError(embed.OptionMaxDocumentTokens, "%d, expected 1 or more, or 0 for no limit", most)
	}
	return nil
}
