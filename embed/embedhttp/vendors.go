package embedhttp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rhumb-go/rhumb/tokenizer"
)

// Fields of Jina's, Voyage's and vLLM's that /v1/embeddings takes beside its own.

// tasks are the values of Jina's task.
var tasks = map[string][]string{
	"retrieval.query":   {"retrieval.query", "query"},
	"retrieval.passage": {"retrieval.passage", "document"},
	"text-matching":     {"text-matching"},
	"classification":    {"classification"},
	"separation":        {"separation"},
}

func (c *call) setTask(_ *Handler, field string, value []byte) (err error) {
	c.purpose.field = field
	c.purpose.names, err = word(field, value, tasks, "retrieval.query, retrieval.passage, text-matching, classification, separation")
	return err
}

func (c *call) setLate(_ *Handler, field string, value []byte) (err error) {
	c.late, err = boolean(field, value)
	return err
}

// setTruncation is setTruncate without words.
func (c *call) setTruncation(_ *Handler, field string, value []byte) error {
	b, err := boolean(field, value)
	if err != nil {
		return err
	}
	return c.truncate.set(field, b)
}

// setTruncateTokens reads vLLM's limit of tokens; -1 is the model's.
func (c *call) setTruncateTokens(h *Handler, field string, value []byte) error {
	if string(value) != "-1" {
		if err := c.setMaxTokens(h, field, value); err != nil {
			return err
		}
	}
	return c.truncate.set(field, true)
}

// chain makes one text of the inputs, which are its chunks, with a space between two
// where there is none: late chunking, arXiv:2409.04701.
func (c *call) chain() error {
	if c.inputs.ids != nil {
		return fail(codeInvalidRequest, "late_chunking", "true with token ids, expected texts")
	}
	var text strings.Builder
	spans := make([]tokenizer.Span, len(c.inputs.texts))
	last := ' '
	for i, chunk := range c.inputs.texts {
		if first, _ := utf8.DecodeRuneInString(chunk); !unicode.IsSpace(last) && !unicode.IsSpace(first) {
			text.WriteByte(' ')
		}
		spans[i].Start = text.Len()
		text.WriteString(chunk)
		spans[i].End = text.Len()
		last, _ = utf8.DecodeLastRuneInString(chunk)
	}
	c.inputs.texts, c.spans = []string{text.String()}, [][]tokenizer.Span{spans}
	return nil
}
