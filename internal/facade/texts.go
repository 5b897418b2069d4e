package facade

import (
	"context"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/internal/loader"
	"github.com/rhumb-go/rhumb/internal/pipeline"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// Texts are the texts of a call, the part of its pipeline.Inputs that is the same for all
// that becomes of them. Settle is called in Check.
type Texts struct {
	List  []string
	Least int  // tokens that a text has in any case
	Limit *int // that it may have, 0 = any number; nil = those of the route
	Empty bool // a text may be empty
	Most  int  // tokens of a text by itself, see CutDocument; 0 = all

	Route  *loader.Route
	Reader loader.Reader     // with the prompt
	Encode tokenizer.Options // of the prompt and a text
}

// Options are what requests of texts may all say, as embed.Options.
type Options struct {
	Prompt, PromptName string
	Truncate           embed.Truncation
	MaxTokens          int
}

// Settle finds what a request with these options means for m.
func (t *Texts) Settle(m *loader.Model, o Options) (err error) {
	prompt, err := Prompt(m, o.Prompt, o.PromptName)
	if err != nil {
		return err
	}
	if t.Route, err = m.RouteOf(o.PromptName); err != nil {
		return &embed.OptionError{Option: embed.OptionPromptName, Err: err}
	}
	e := t.Route.Encoder
	plain := e.Options()
	if t.Limit != nil {
		plain.MaxTokens = *t.Limit
	}
	if t.Encode, err = Cut(plain, o.Truncate, o.MaxTokens, e.Tokenizer.SpecialTokens()); err != nil {
		return err
	}
	if t.Reader, err = e.Reader(prompt, o.PromptName, t.Encode.MaxTokens); err != nil {
		return &embed.OptionError{Option: embed.OptionPrompt, Err: err}
	}
	t.Encode.Prefix = t.Reader.Prefix
	return nil
}

// Reading returns how they are read.
func (t *Texts) Reading() embed.Reading {
	prompt, limit := t.Reader.Alone(t.Encode.MaxTokens)
	return embed.Reading{Tokenizer: t.Route.Encoder.Tokenizer, Prompt: prompt, MaxTokens: limit, Render: t.Reader.Renderer()}
}

// Count is that of pipeline.Inputs.
func (t *Texts) Count() int { return len(t.List) }

// Size is that of pipeline.Inputs.
func (t *Texts) Size() (tokens, bytes int) {
	for _, text := range t.List {
		n := len(t.Reader.Prompt) + len(text)
		bytes += n
		tokens += max(t.Reader.Frame.Size(n, t.Encode.MaxTokens), t.Least)
	}
	return tokens, bytes
}

// Begin is that of pipeline.Inputs.
func (t *Texts) Begin(ctx context.Context) { t.Encode.Done = ctx.Done() }

// Append is that of pipeline.Inputs, and returns too how many tokens of the text were
// dropped.
func (t *Texts) Append(dst pipeline.Tokens, i int) (_ pipeline.Tokens, truncated int, err error) {
	text := t.List[i]
	if text == "" && !t.Empty {
		return dst, 0, loader.ErrEmptyText
	}
	text, dropped, err := CutDocument(t.Route.Encoder.Tokenizer, text, t.Most, t.Encode)
	if err != nil {
		return dst, 0, err
	}
	dst.IDs, truncated, err = t.Reader.Append(dst.IDs, text, t.Encode)
	return dst, truncated + dropped, err
}
