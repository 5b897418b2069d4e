package embed

import "github.com/rhumb-go/rhumb/tokenizer"

// A Reading is how a model reads the texts of a request: what package chunk needs to cut
// them. Of several routes it is that of the request's. Where texts pass through a chat
// template, MaxTokens is what that leaves of the limit, and the prompt, which is in it, is
// "".
type Reading struct {
	Tokenizer *tokenizer.Tokenizer
	Prompt    string // before each text; "" = none
	MaxTokens int    // of a text, prompt and special tokens included; 0 = no limit
}

// Reading returns how texts are read in a request with these options. The error is an
// OptionError.
func (m *Model) Reading(opts Options) (Reading, error) {
	r := request{model: m, options: opts}
	if err := r.check(); err != nil {
		return Reading{}, err
	}
	if err := r.checkPrompt(); err != nil {
		return Reading{}, err
	}
	prompt, limit := r.reader.Alone(r.encode.MaxTokens)
	return Reading{r.route.Encoder.Tokenizer, prompt, limit}, nil
}
