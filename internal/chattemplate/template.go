// Package chattemplate renders the chat templates of language models, which
// are written in Jinja, as transformers 5.23's apply_chat_template does on
// jinja2 3.1: one pure-Go interpreter of the part of the language that such
// templates use, with bounds on time, memory and depth, so that a template
// that comes with a model can be read as data.
//
// What it does not read is an error with its line: include, import, extends,
// block, recursive loops, the filters and tests it does not know, % and
// format on strings, integers over 64 bits.
package chattemplate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
)

const (
	maxSource = 1 << 20 // bytes
	// maxDepth bounds expressions, statements, macros and values within one
	// another while rendering.
	maxDepth = 2000
	// A rendering may use baseBudget and budgetPerByte for each byte of its
	// messages. A byte made or looked at costs 1, a node evaluated stepCost,
	// an item of a list itemCost, a variable or a key of a dict entryCost, so
	// that the budget bounds time and memory.
	baseBudget    = 32 << 20
	budgetPerByte = 64
	stepCost      = 16
	itemCost      = 32
	entryCost     = 128
)

// A Template is a parsed chat template. It may be used by several goroutines.
type Template struct {
	body   []stmt
	tokens map[string]string
	vars   map[string]any
	format Format
}

// A Message is one turn of a chat.
type Message struct{ Role, Content string }

// Format is how a template is given the content of a message.
type Format string

const (
	Flat       Format = "flat"       // a string
	Structured Format = "structured" // a list of {"type": "text", "text": string}
)

// Parse reads a template (at most 1 MiB). tokens are the special tokens that
// it may name, such as bos_token and eos_token; those that the tokenizer does
// not have stay out. format is that of modality_config in the folder's
// sentence_bert_config.json; where that has none, DetectFormat's.
func Parse(source string, format Format, tokens map[string]string) (*Template, error) {
	switch {
	case format != Flat && format != Structured:
		return nil, fmt.Errorf("chat template: unknown message format %q, expected %q or %q", format, Flat, Structured)
	case len(source) > maxSource:
		return nil, fmt.Errorf("chat template: %d bytes, expected at most %d", len(source), maxSource)
	}
	toks, err := lex(source)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	p := &parser{tokens: toks}
	body, _, err := p.body()
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	return &Template{body: body, tokens: tokens, format: format}, nil
}

// With returns t with variables that it may name, a bool, a number, a string or
// nil each: further arguments of apply_chat_template, add_generation_prompt
// among them.
func (t *Template) With(vars map[string]any) *Template {
	with := *t
	with.vars = map[string]any{}
	for name, v := range vars {
		if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			v = int64(f) // as JSON has them
		}
		with.vars[name] = v
	}
	return &with
}

// DetectFormat returns the format that a template's text speaks for: as
// sentence-transformers 6.2 chooses it where the configuration has none or
// "auto", for a model of that model_type.
func DetectFormat(source, modelType string) Format {
	switch modelType {
	case "apertus", "deepseek_v3", "gpt_oss", "seed_oss":
		return Flat
	}
	if source == "" {
		return Structured
	}
	for _, sign := range []string{"content[0]", ".type", "'type'", `"type"`, "message.content["} {
		if strings.Contains(source, sign) {
			return Structured
		}
	}
	return Flat
}

// Render returns the text of a chat, without a prompt for the next turn
// (add_generation_prompt false). It ends in an error where the template does
// something wrong or unknown, raises one itself (Refusal) or takes too long.
func (t *Template) Render(messages ...Message) (string, error) {
	return t.render(t.values(messages))
}

// A Refusal is the error of a template that raises one (raise_exception).
type Refusal struct{ Message string }

func (e *Refusal) Error() string { return "the template refuses the messages: " + e.Message }

func (t *Template) values(messages []Message) *list {
	items := make([]any, len(messages))
	for i, m := range messages {
		var content any = m.Content
		if t.format == Structured {
			content = newList([]any{mustDict("type", "text", "text", m.Content)})
		}
		items[i] = mustDict("role", m.Role, "content", content)
	}
	return newList(items)
}

// mustDict makes a dict of string keys and values in turn.
func mustDict(pairs ...any) *dict {
	d := &dict{}
	for i := 0; i < len(pairs); i += 2 {
		if err := d.set(pairs[i], pairs[i+1]); err != nil {
			panic(err)
		}
	}
	return d
}

// render runs the template on messages and the variables beside them: names
// and values in turn.
func (t *Template) render(messages *list, extra ...any) (s string, err error) {
	defer func() { // the last resort: no input is known to come here
		if p := recover(); p != nil {
			s, err = "", fmt.Errorf("chat template: %v", p)
		}
	}()
	r := &run{scope: &scope{names: map[string]any{
		"messages": messages, "tools": nil, "documents": nil, "add_generation_prompt": false,
	}}}
	for name, token := range t.tokens {
		if _, ok := r.scope.names[name]; !ok {
			r.scope.names[name] = token
		}
	}
	maps.Copy(r.scope.names, t.vars)
	for i := 0; i < len(extra); i += 2 {
		r.scope.names[extra[i].(string)] = extra[i+1]
	}
	r.left = baseBudget + budgetPerByte*size(messages)
	r.scope = &scope{parent: r.scope}
	if _, err := r.block(t.body); err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return r.out.String(), nil
}

// size returns the bytes of the strings in v.
func size(v any) int {
	n := 0
	switch v := v.(type) {
	case string:
		n = len(v)
	case *list:
		for _, x := range v.items {
			n += size(x)
		}
	case *dict:
		for _, x := range v.values {
			n += size(x)
		}
	}
	return n
}

// at says where in the template err is, unless it says so already.
func at(line int, err error) error {
	if err == nil || errors.As(err, new(*lineError)) {
		return err
	}
	return &lineError{line, err}
}

type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }
