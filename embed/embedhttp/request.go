package embedhttp

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/embed"
)

// Limits of texts other than inputs, in characters.
const (
	maxName   = 500 // of a model
	maxPrompt = 32000
	maxShown  = 100 // of what an error or the log repeats
)

// A setting is what one or more fields of a request say.
type setting[T comparable] struct {
	field string // the first that said it; "" = none
	value T
}

// set is for a field that says value, as the one before has to.
func (s *setting[T]) set(field string, value T) error {
	if s.field != "" && s.value != value {
		return fail(codeInvalidRequest, field, "contradicts %s", s.field)
	}
	if s.field == "" {
		s.field, s.value = field, value
	}
	return nil
}

// A call is a request for embeddings.
type call struct {
	name       string // of the model, as the request has it
	model      *Model
	inputs     inputs
	dimensions setting[int]
	normalize  setting[bool]
	prompt     string
	size       int64 // of all texts with their prompts, in bytes; 0 where the request has no prompt of its own
	promptName setting[string]
	truncate   setting[bool] // whether
	direction  setting[embed.Truncation]
	addSpecial setting[bool] // around token ids
	forms      forms
}

// fields has, for each field of a request, what reads its value, which is not
// null. All but input, inputs and model may be absent.
var fields = map[string]func(c *call, h *Handler, field string, value []byte) error{
	"model":                (*call).setModel,
	"input":                (*call).setInputs,
	"inputs":               (*call).setInputs,
	"dimensions":           (*call).setDimensions,
	"output_dimension":     (*call).setDimensions,
	"encoding_format":      (*call).setFormats,
	"output_dtype":         (*call).setDType,
	"normalized":           (*call).setNormalize,
	"normalize":            (*call).setNormalize,
	"prompt":               (*call).setPrompt,
	"prompt_name":          (*call).setPromptName,
	"input_type":           (*call).setInputType,
	"truncation_strategy":  (*call).setStrategy,
	"truncation_direction": (*call).setDirection,
	"truncate":             (*call).setTruncate,
	"add_special_tokens":   (*call).setAddSpecial,
	"user":                 (*call).skip,
	"metadata":             (*call).skip,
}

// parse reads a request for embeddings and finds its model.
func (h *Handler) parse(body []byte) (*call, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // which RFC 8259, 8.1, lets readers ignore
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	if body = bytes.TrimSpace(body); body[0] != '{' {
		return nil, fail(codeInvalidJSON, "", "found %s, expected an object", excerpt(body))
	}
	c := new(call)
	seen := map[string]bool{}
	for part := range parts(body) {
		field, value := member(part)
		read, known := fields[field]
		null := string(value) == "null"
		switch {
		case seen[field]:
			return nil, fail(codeInvalidRequest, field, "given twice")
		case !known && !null && !h.cfg.IgnoreUnknown:
			return nil, fail(codeUnknownParameter, shown(field, maxShown), "unknown parameter, which rhumb serve --ignore-unknown passes over")
		}
		if known {
			seen[field] = true
		}
		if known && !null {
			if err := read(c, h, field, value); err != nil {
				return nil, err
			}
		}
	}
	return c, c.complete(h)
}

// complete checks what only the whole request tells.
func (c *call) complete(h *Handler) (err error) {
	if c.name == "" {
		c.name = h.cfg.Default
	}
	if c.name == "" {
		return fail(codeInvalidRequest, "model", "missing, expected one of: %s", strings.Join(h.names, ", "))
	}
	if c.model, err = h.find(c.name); err != nil {
		return err
	}
	if c.inputs.field == "" {
		return fail(codeInvalidInput, "input", "missing, expected a text, token ids, or a list of them")
	}
	if c.truncate.field != "" {
		// true says whether, and that the end goes unless another field says what does.
		how := embed.TruncateEnd
		if !c.truncate.value {
			how = embed.TruncateNone
		}
		if how == embed.TruncateNone || c.direction.field != "truncation_direction" {
			if err := c.direction.set(c.truncate.field, how); err != nil {
				return err
			}
		}
	}
	if c.prompt != "" {
		for _, text := range c.inputs.texts {
			c.size += int64(len(c.prompt) + len(text))
		}
		if c.size > h.cfg.MaxBody {
			return fail(codeTooLarge, "prompt", "%d bytes with one before each of %d texts, expected at most %d", c.size, c.inputs.count(), h.cfg.MaxBody)
		}
	}
	if err := c.forms.complete(); err != nil {
		return err
	}
	return c.frame()
}

// options returns the request's for the library.
func (c *call) options() embed.Options {
	return embed.Options{
		Prompt:       c.prompt,
		PromptName:   c.promptName.value,
		Truncate:     c.direction.value,
		Dimensions:   c.dimensions.value,
		Unnormalized: c.normalize.field != "" && !c.normalize.value,
		Formats:      c.forms.formats(),
	}
}

func (c *call) skip(*Handler, string, []byte) error { return nil }

func (c *call) setModel(_ *Handler, field string, value []byte) (err error) {
	c.name, err = text(field, value, maxName)
	return err
}

func (c *call) setDimensions(_ *Handler, field string, value []byte) error {
	// Of 384 some clients make 384.0.
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil || n <= 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return fail(codeInvalidDimensions, field, "found %s, expected an integer above 0", excerpt(value))
	}
	return c.dimensions.set(field, int(n))
}

func (c *call) setNormalize(_ *Handler, field string, value []byte) error {
	b, err := boolean(field, value)
	if err != nil {
		return err
	}
	return c.normalize.set(field, b)
}

// setTruncate reads a boolean, as Mixlayer has it, or one of Cohere's words.
func (c *call) setTruncate(_ *Handler, field string, value []byte) error {
	if value[0] == '"' {
		how, err := word(field, value, map[string]embed.Truncation{
			"START": embed.TruncateStart, "END": embed.TruncateEnd, "NONE": embed.TruncateNone,
		}, "true, false, START, END, NONE")
		if err != nil {
			return err
		}
		return c.direction.set(field, how)
	}
	b, err := boolean(field, value)
	if err != nil {
		return err
	}
	return c.truncate.set(field, b)
}

func (c *call) setPrompt(_ *Handler, field string, value []byte) (err error) {
	c.prompt, err = text(field, value, maxPrompt)
	return err
}

func (c *call) setPromptName(_ *Handler, field string, value []byte) error {
	name, err := text(field, value, maxPrompt)
	if err != nil {
		return err
	}
	return c.promptName.set(field, name)
}

// inputTypes holds the prompt's name for each input_type.
var inputTypes = map[string]string{
	"query": "query", "search_query": "query",
	"document": "document", "search_document": "document", "passage": "document",
}

func (c *call) setInputType(_ *Handler, field string, value []byte) error {
	name, err := word(field, value, inputTypes, "query, document, search_query, search_document, passage")
	if err != nil {
		return err
	}
	return c.promptName.set(field, name)
}

func (c *call) setStrategy(_ *Handler, field string, value []byte) error {
	how, err := word(field, value, map[string]embed.Truncation{
		"start": embed.TruncateStart, "end": embed.TruncateEnd, "none": embed.TruncateNone,
	}, "start, end, none")
	if err != nil {
		return err
	}
	return c.direction.set(field, how)
}

func (c *call) setDirection(_ *Handler, field string, value []byte) error {
	how, err := word(field, value, map[string]embed.Truncation{
		"Left": embed.TruncateStart, "Right": embed.TruncateEnd,
	}, "Left, Right")
	if err != nil {
		return err
	}
	return c.direction.set(field, how)
}

// text reads a string of 1 to most characters.
func text(field string, value []byte, most int) (string, error) {
	if value[0] != '"' {
		return "", fail(codeInvalidRequest, field, "found %s, expected a string", excerpt(value))
	}
	s := unquote(value)
	if n := utf8.RuneCountInString(s); n == 0 || n > most {
		return "", fail(codeInvalidRequest, field, "%d characters, expected 1 to %d", n, most)
	}
	return s, nil
}

// word reads one of the words.
func word[T any](field string, value []byte, words map[string]T, list string) (t T, err error) {
	if value[0] == '"' {
		if t, ok := words[unquote(value)]; ok {
			return t, nil
		}
	}
	return t, fail(codeInvalidRequest, field, "found %s, expected one of: %s", excerpt(value), list)
}

func boolean(field string, value []byte) (b bool, err error) {
	if err := json.Unmarshal(value, &b); err != nil {
		return false, fail(codeInvalidRequest, field, "found %s, expected true or false", excerpt(value))
	}
	return b, nil
}
