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

// bytesPerToken is about how many bytes of a text a token stands for.
const bytesPerToken = 4

// Tokens returns about how many tokens a text of so many bytes has that is cut to limit
// tokens, 0 for no limit, where frame come with it in any case.
func Tokens(bytes, frame, limit int) int {
	return modelfolder.Lowest(limit, frame+1+bytes/bytesPerToken)
}
