package loader

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rhumb-go/rhumb/internal/chattemplate"
	"github.com/rhumb-go/rhumb/internal/modelfolder"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A Chat makes tokens of what a chat template renders, as sentence-transformers 6.2 does.
type Chat struct {
	*chattemplate.Template
	tokenizer *tokenizer.Tokenizer
	cut       bool // the limit may cut off the tail
}

// NewChat parses the template of a model of that model_type.
func NewChat(c *modelfolder.Chat, modelType string, t *tokenizer.Tokenizer) (*Chat, error) {
	source, format := c.Template, chattemplate.Flat
	switch {
	case c.Detect && c.Several:
		source = "" // the reference looks at one alone
		fallthrough
	case c.Detect:
		format = chattemplate.DetectFormat(source, modelType)
	case c.Structured:
		format = chattemplate.Structured
	}
	template, err := chattemplate.Parse(c.Template, format, c.Tokens)
	if err != nil {
		return nil, err
	}
	return &Chat{template.With(c.Variables), t, c.Cut}, nil
}

// A Frame is what a chat template puts around the texts of one request.
type Frame struct {
	Tail   []int32 // behind each text, kept whatever is cut
	tokens int     // that it has with a short text
	around int     // that it has beside its text
}

// Frame finds that of what render makes of a text. The tail is what two short texts have
// in common at the end, as in sentence-transformers 6.2, unless that is all of one.
func (c *Chat) Frame(render func(filler string) (string, error)) (f Frame, err error) {
	var ids [2][]int32
	for i, filler := range chattemplate.Fillers {
		text, err := render(filler)
		if err != nil {
			return f, err
		}
		e, err := c.tokenizer.Encode(text, tokenizer.Options{NoSpecial: true})
		if err != nil {
			return f, err
		}
		ids[i] = e.IDs
	}
	alone, err := c.tokenizer.Encode(chattemplate.Fillers[0], tokenizer.Options{NoSpecial: true})
	n, most := 0, min(len(ids[0]), len(ids[1]))
	for n < most && ids[0][len(ids[0])-1-n] == ids[1][len(ids[1])-1-n] {
		n++
	}
	f.tokens, f.around = len(ids[0]), max(0, len(ids[0])-len(alone.IDs))
	if n < most && !c.cut {
		f.Tail = ids[0][len(ids[0])-n:]
	}
	return f, err
}

// Append appends the tokens of a text that was rendered, and returns how many were
// dropped. A text that reached the limit ends in f's tail whatever was cut.
func (c *Chat) Append(dst []int32, text string, f Frame, o tokenizer.Options) (ids []int32, truncated int, err error) {
	o.NoSpecial = true
	ids, truncated, err = c.tokenizer.Append(dst, text, o)
	f.restore(ids[len(dst):], o.MaxTokens)
	return ids, truncated, err
}

// Size returns about how many tokens a text of so many bytes has, the prompt included, that
// is cut to limit tokens, 0 for no limit: one for four of its bytes.
func (f *Frame) Size(bytes, limit int) int {
	return modelfolder.Lowest(limit, f.tokens+1+bytes/4)
}

// restore puts the tail at the end of ids where they reached the limit, and returns how
// many of them it is.
func (f *Frame) restore(ids []int32, limit int) int {
	if len(ids) != limit {
		return 0
	}
	tail := f.Tail[max(0, len(f.Tail)-len(ids)):]
	return copy(ids[len(ids)-len(tail):], tail)
}

// ErrEmptyText is the fault of an input that is none.
var ErrEmptyText = errors.New("empty text")

// A Reader makes tokens of the texts of one request.
type Reader struct {
	Prompt  string // before each text, or a message of role system before it
	Encoder *Encoder
	Frame   Frame // of the Encoder's chat template
	Prefix  int   // tokens of the prompt at the head of each text; 0 with a chat template, which has it in it
	Skip    int   // leading tokens that are left out where the prompt is not to be pooled
	task    string
}

// Reader returns that of requests with a prompt, "" for none, the prompt name that they
// came with, and the limit of a text, 0 for none. The error is about the prompt.
func (e *Encoder) Reader(prompt, name string, limit int) (r Reader, err error) {
	r = Reader{Prompt: prompt, Encoder: e}
	if name == "query" || name == "document" {
		r.task = name
	}
	if e.Chat != nil {
		if r.Frame, err = e.Chat.Frame(r.render); err == nil {
			err = r.Frame.checkLimit(limit)
		}
		return r, err
	}
	r.Prefix, r.Skip, err = e.Prefix(prompt, limit)
	return r, err
}

// Prefix returns how many tokens a prompt has at the head of a text, which stay where that
// is cut at its start, and how many a reader skips that leaves it out, as in
// sentence-transformers 6.2, Transformer._get_prompt_length. A prompt of more than limit
// tokens, 0 for any number, is an error.
func (e *Encoder) Prefix(prompt string, limit int) (n, skip int, err error) {
	if prompt == "" {
		return 0, 0, nil
	}
	ids, _, err := e.Tokenizer.Append(nil, prompt, tokenizer.Options{})
	if err != nil {
		return 0, 0, err
	}
	if n = len(ids); limit > 0 && n > limit {
		return 0, 0, fmt.Errorf("%d tokens, model reads %d", n, limit)
	}
	if skip = n; n > 0 && e.Tokenizer.Special(ids[n-1]) {
		skip--
	}
	return n - e.Tokenizer.SpecialTokens(), skip, nil
}

// Renderer returns what the chat template makes of texts with the prompt, nil where there
// is none.
func (r *Reader) Renderer() func(text string) (string, error) {
	if r.Encoder.Chat == nil {
		return nil
	}
	return r.render
}

func (r *Reader) render(text string) (string, error) {
	return r.Encoder.Chat.Text(r.task, r.Prompt, text)
}

// Append appends the tokens of a text, and returns how many were dropped.
func (r *Reader) Append(dst []int32, text string, o tokenizer.Options) (ids []int32, truncated int, err error) {
	chat := r.Encoder.Chat
	if chat == nil {
		if r.Prompt != "" {
			text = r.Prompt + text
		}
		return r.Encoder.Tokenizer.Append(dst, text, o)
	}
	if text, err = r.render(text); err != nil {
		return dst, 0, err
	}
	return chat.Append(dst, text, r.Frame, o)
}

// Special is where the tokens are that no part of a text became.
var Special = tokenizer.Span{Start: -1, End: -1}

// Locate returns the tokens of a text, and where in it they are: Special of special tokens
// and of those of the prompt or of a chat template. A token that the text shares with what
// is before or behind it lies in the text alone.
func (r *Reader) Locate(text string, o tokenizer.Options) (e tokenizer.Encoding, err error) {
	tok, input, before := r.Encoder.Tokenizer, r.Prompt+text, len(r.Prompt)
	first, last := tok.Frame()
	from, to := len(first), len(last)
	if r.Encoder.Chat != nil {
		if input, before, err = r.place(text); err != nil {
			return e, err
		}
		o.NoSpecial, from, to = true, 0, 0
	}
	if e, err = tok.EncodeOffsets(input, o); err != nil {
		return e, err
	}
	if r.Encoder.Chat != nil {
		to = r.Frame.restore(e.IDs, o.MaxTokens)
	}
	for i := range e.Offsets {
		at := &e.Offsets[i]
		if i < from || i >= len(e.IDs)-to || at.Start < before && at.End <= before || at.Start >= before+len(text) {
			*at = Special
		} else {
			*at = tokenizer.Span{Start: max(0, at.Start-before), End: min(at.End-before, len(text))}
		}
	}
	return e, nil
}

// place renders a text, and returns where in the rendering it begins: behind what two
// short texts have in common at the start.
func (r *Reader) place(text string) (rendered string, start int, err error) {
	if rendered, err = r.render(text); err != nil {
		return "", 0, err
	}
	var short [2]string
	for i, filler := range chattemplate.Fillers {
		if short[i], err = r.render(filler); err != nil {
			return "", 0, err
		}
	}
	for start < min(len(short[0]), len(short[1])) && short[0][start] == short[1][start] {
		start++
	}
	if head, ok := strings.CutSuffix(short[0], short[0][start:]); !ok || len(short[0]) == start ||
		rendered != head+text+short[0][start+len(chattemplate.Fillers[0]):] {
		return "", 0, errors.New("the chat template changes the text, so that no part of it can be told from what it becomes, expected it as it is: embed it as a whole")
	}
	return rendered, start, nil
}

// checkLimit returns an error where a limit leaves nothing of a text.
func (f *Frame) checkLimit(limit int) error {
	if limit > 0 && limit <= f.around {
		return fmt.Errorf("%d tokens with the chat template, model reads %d", f.around, limit)
	}
	return nil
}

// slack is how many tokens more a text may have between what a template puts around it
// than alone: words at its ends split otherwise there.
const slack = 2

// Alone returns the limit of a text's tokens with its prompt and special tokens, where
// that of the text as it is read is limit; 0 = none.
func (r *Reader) Alone(limit int) (prompt string, alone int) {
	if r.Encoder.Chat == nil || limit == 0 {
		return r.Prompt, limit
	}
	special := r.Encoder.Tokenizer.SpecialTokens()
	return "", max(special+1, limit-r.Frame.around-slack+special)
}
