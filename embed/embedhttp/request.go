package embedhttp

import (
	"cmp"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A call is a request for embeddings.
type call struct {
	basics
	inputs     inputs
	dimensions setting[int]
	normalize  setting[bool]
	truncate   setting[bool] // whether
	direction  setting[embed.Truncation]
	addSpecial setting[bool] // around token ids
	maxTokens  setting[int]  // of an input
	forms      forms
	purpose    purpose
	outputs    []string           // of a model of several; nil = its embedding, as of all others
	late       bool               // the inputs are the chunks of one text
	spans      [][]tokenizer.Span // of the chunks in it
}

// fields has, for each field of a request, what reads its value, which is not
// null. All but input, inputs and model may be absent.
var fields = map[string]func(c *call, h *Handler, field string, value []byte) error{
	"model":                  (*call).setModel,
	"input":                  (*call).setInputs,
	"inputs":                 (*call).setInputs,
	"dimensions":             (*call).setDimensions,
	"output_dimension":       (*call).setDimensions,
	"encoding_format":        (*call).setFormats,
	"output_dtype":           (*call).setDType,
	"normalized":             (*call).setNormalize,
	"normalize":              (*call).setNormalize,
	"prompt":                 (*call).setPrompt,
	"prompt_name":            (*call).setPromptName,
	"input_type":             (*call).setInputType,
	"truncation_strategy":    (*call).setStrategy,
	"truncation_direction":   (*call).setDirection,
	"truncate":               (*call).setTruncate,
	"add_special_tokens":     (*call).setAddSpecial,
	"embedding_type":         (*call).setFormats,
	"encoding_type":          (*call).setFormats,
	"task":                   (*call).setTask,
	"late_chunking":          (*call).setLate,
	"outputs":                (*call).setOutputs,
	"truncation":             (*call).setTruncation,
	"truncate_prompt_tokens": (*call).setTruncateTokens,
	"user":                   (*call).skip,
	"metadata":               (*call).skip,
}

// call reads a request for embeddings that is spelled as s, and has its model loaded.
func (x *exchange) call(s *spelling) (*call, error) {
	c := new(call)
	return c, x.receiveFor(&c.basics, []kind{cmp.Or(s.kind, embedding)}, func(body []byte) error {
		return readFields(x.h, c, s.fields, body)
	}, func() error { return c.complete(x.h, s) })
}

// complete checks what only the whole request and its model tell.
func (c *call) complete(h *Handler, s *spelling) error {
	if err := c.purpose.settle(c); err != nil {
		return err
	}
	if c.inputs.count() == 0 && !s.empty {
		return fail(codeInvalidInput, s.input, "missing, expected a text, token ids, or a list of them")
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
		if err := c.checkSize(h, "prompt", c.inputs.count()); err != nil {
			return err
		}
	}
	if err := c.forms.complete(); err != nil {
		return err
	}
	if c.late {
		if err := c.chain(); err != nil {
			return err
		}
	}
	if c.outputs != nil {
		return c.checkOutputs(h)
	}
	return c.frame(cmp.Or(s.kind, embedding))
}

// options returns the request's for the library.
func (c *call) options() embed.Options {
	maxTokens := c.maxTokens.value
	if most := c.model.facts().MaxTokens; most > 0 && maxTokens > most { // which limits nothing
		maxTokens = 0
	}
	return embed.Options{
		Prompt:       c.prompt,
		MaxTokens:    maxTokens,
		PromptName:   c.promptName.value,
		Truncate:     c.direction.value,
		Dimensions:   c.dimensions.value,
		Unnormalized: c.normalize.field != "" && !c.normalize.value,
		Formats:      c.forms.formats(),
		Spans:        c.spans,
	}
}

func (c *call) setDimensions(_ *Handler, field string, value []byte) error {
	n, err := positive(codeInvalidDimensions, field, value)
	if err != nil {
		return err
	}
	return c.dimensions.set(field, n)
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

func (c *call) setMaxTokens(_ *Handler, field string, value []byte) error {
	n, err := positive(codeInvalidRequest, field, value)
	if err != nil {
		return err
	}
	return c.maxTokens.set(field, n)
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

// directions are the values of truncation_direction.
var directions = map[string]embed.Truncation{
	"Left": embed.TruncateStart, "Right": embed.TruncateEnd, "left": embed.TruncateStart, "right": embed.TruncateEnd,
}

func (c *call) setDirection(_ *Handler, field string, value []byte) error {
	how, err := word(field, value, directions, "Left, Right")
	if err != nil {
		return err
	}
	return c.direction.set(field, how)
}
