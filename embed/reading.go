package embed

import (
	"fmt"

	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Reading is how a model reads the texts of a request: what package chunk needs to cut
// them, and what shows their tokens. Of several routes it is that of the request's. Where
// texts pass through a chat template, MaxTokens is what that leaves of the limit, and the
// prompt, which is in it, is "".
type Reading struct {
	Tokenizer *tokenizer.Tokenizer
	Prompt    string // before each text; "" = none
	MaxTokens int    // of a text, prompt and special tokens included; 0 = no limit

	// Render returns what the model's chat template makes of a text and the prompt, which
	// the tokenizer adds no special tokens to; nil = it has none.
	Render func(text string) (string, error)
}

// Encode returns the tokens of a text as the model reads it, whatever its limit, and what
// their offsets are places in: the text behind the prompt, or what the chat template makes
// of them. With o.NoSpecial it is without special tokens, and without the template.
func (r *Reading) Encode(text string, o tokenizer.Options) (e tokenizer.Encoding, read string, err error) {
	read = r.Prompt + text
	if r.Render != nil && !o.NoSpecial {
		if read, err = r.Render(text); err != nil {
			return e, "", fmt.Errorf("chat template: %w", err)
		}
		o.NoSpecial = true
	}
	e, err = r.Tokenizer.EncodeOffsets(read, o)
	return e, read, err
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
	return Reading{r.route.Encoder.Tokenizer, prompt, limit, r.reader.Renderer()}, nil
}

// Reading returns how texts are read, as Model.Reading does.
func (q *Queue) Reading(opts Options) (Reading, error) { return q.model.Reading(opts) }
