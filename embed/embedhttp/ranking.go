package embedhttp

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// A ranking is a request to rank documents by a query, in the forms of Cohere and Jina.
type ranking struct {
	basics
	query             string
	documents         []string
	top               setting[int]
	maxDocumentTokens int  // 0 = no limit of its own
	whole             bool // a pair over the limit is an error
	direction         embed.Truncation
	texts             bool // the answer has the documents'
	raw               bool // the answer has logits
}

// A rankSpelling is how a dialect spells a request to rank documents and the answer.
type rankSpelling struct {
	fields    map[string]func(c *ranking, h *Handler, field string, value []byte) error
	documents string // the field of the documents
	logits    bool   // the answer is made of logits
	answer    func(x *exchange, c *ranking, ranked []rerank.Ranked) error
}

// rankingFields is what fields is, for a ranking. All but query, documents and
// model may be absent.
var rankingFields = map[string]func(c *ranking, h *Handler, field string, value []byte) error{
	"model":              (*ranking).setModel,
	"query":              (*ranking).setQuery,
	"documents":          (*ranking).setDocuments,
	"top_n":              (*ranking).setTop,
	"top_k":              (*ranking).setTop,
	"return_documents":   (*ranking).setTexts,
	"max_tokens_per_doc": (*ranking).setMaxDocumentTokens,
	"truncation":         (*ranking).setTruncation,
	"prompt":             (*ranking).setPrompt,
	"prompt_name":        (*ranking).setPromptName,
	"rank_fields":        (*ranking).checkRankFields,
	"priority":           (*ranking).skip,
	"user":               (*ranking).skip,
}

// complete checks what only the whole request tells.
func (c *ranking) complete(h *Handler, s *rankSpelling) error {
	if c.query == "" {
		return fail(codeInvalidInput, "query", "missing, expected a text")
	}
	if c.documents == nil {
		return fail(codeInvalidInput, s.documents, "missing, expected a list of texts")
	}
	for _, text := range c.documents {
		c.size += int64(len(c.prompt) + len(c.query) + len(text))
	}
	return c.checkSize(h, "query", len(c.documents))
}

// options returns the request's for the library.
func (c *ranking) options() rerank.Options {
	o := rerank.Options{Prompt: c.prompt, PromptName: c.promptName.value, Truncate: c.direction}
	if c.whole {
		o.Truncate = embed.TruncateNone
	}
	o.MaxDocumentTokens = c.maxDocumentTokens
	return o
}

func (c *ranking) setQuery(h *Handler, field string, value []byte) error {
	if value[0] != '"' {
		return fail(codeInvalidInput, field, "found %s, expected a text", excerpt(value))
	}
	if c.query = unquote(value); c.query == "" {
		return fail(codeInvalidInput, field, "empty text")
	}
	if err := h.checkChars(c.query); err != nil {
		return fail(codeInvalidInput, field, "%v", err)
	}
	return nil
}

// setDocuments reads a list of texts, each a string or an object with a member
// text. A text may be empty.
func (c *ranking) setDocuments(h *Handler, field string, value []byte) error {
	if value[0] != '[' {
		return fail(codeInvalidInput, field, "found %s, expected a list of texts", excerpt(value))
	}
	for part := range parts(value) {
		i := len(c.documents)
		if i == h.cfg.MaxItems {
			return fail(codeInvalidInput, field, "more than %d items", h.cfg.MaxItems)
		}
		s, err := h.document(part)
		if err == nil {
			err = h.checkChars(s)
		}
		if err != nil {
			return fail(codeInvalidInput, field, "document %d: %v", i, err)
		}
		c.documents = append(c.documents, s)
	}
	if c.documents == nil {
		return fail(codeInvalidInput, field, "an empty list, expected at least one document")
	}
	return nil
}

// document reads a string, or an object with a member text.
func (h *Handler) document(value []byte) (s string, err error) {
	if value[0] == '"' {
		return unquote(value), nil
	}
	if value[0] != '{' {
		return "", fmt.Errorf("found %s, expected a text, or an object with a text", excerpt(value))
	}
	found := false
	for part := range parts(value) {
		name, value := member(part)
		switch {
		case name == "text" && value[0] == '"' && !found:
			s, found = unquote(value), true
		case name == "text":
			return "", fmt.Errorf("text: found %s, expected one text", excerpt(value))
		case !h.cfg.IgnoreUnknown:
			return "", fmt.Errorf("%s: unknown, expected text alone", shown(name, maxShown))
		}
	}
	if !found {
		return "", fmt.Errorf("found %s, expected a text in it", excerpt(value))
	}
	return s, nil
}

func (c *ranking) setTop(_ *Handler, field string, value []byte) error {
	n, err := positive(codeInvalidRequest, field, value)
	if err != nil {
		return err
	}
	return c.top.set(field, n)
}

func (c *ranking) setTexts(_ *Handler, field string, value []byte) (err error) {
	c.texts, err = boolean(field, value)
	return err
}

func (c *ranking) setMaxDocumentTokens(_ *Handler, field string, value []byte) (err error) {
	c.maxDocumentTokens, err = positive(codeInvalidRequest, field, value)
	return err
}

// setTruncation reads whether pairs over the limit are cut, as they are by default.
func (c *ranking) setTruncation(_ *Handler, field string, value []byte) error {
	cut, err := boolean(field, value)
	c.whole = !cut
	return err
}

// checkRankFields checks that of documents that are objects the text is what counts.
func (c *ranking) checkRankFields(_ *Handler, field string, value []byte) error {
	var names []string
	if json.Unmarshal(value, &names) != nil || !slices.Equal(names, []string{"text"}) {
		return fail(codeInvalidRequest, field, `found %s, expected ["text"]`, excerpt(value))
	}
	return nil
}
