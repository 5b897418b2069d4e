package embedhttp

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/rhumb-go/rhumb/embed"
)

// cohere is the API of Cohere, versions 2 and 1. Its rerank in version 1 has the path of
// others' too, and is native.
var cohere = dialect{name: "Cohere", failure: cohereFailure, routes: []route{
	{path: "/v2/embed", methods: post, serve: (*exchange).cohereEmbed, summary: "Embed texts",
		fields: names(cohereTexts.fields), example: `{"model": "minilm", "texts": ["The food was delicious"], "input_type": "search_document", "embedding_types": ["float"]}`},
	{path: "/v1/embed", methods: post, serve: (*exchange).cohereEmbedOld, summary: "Embed texts",
		fields: names(cohereOldTexts.fields), example: `{"model": "minilm", "texts": ["The food was delicious"], "input_type": "search_document"}`},
	{path: "/v2/rerank", methods: post, serve: (*exchange).rerank, summary: "Rank documents by a query",
		fields: names(rankingFields), example: `{"model": "ms-marco-MiniLM-L6-v2", "query": "How do I reset my password?", "documents": ["Choose a new password."]}`},
}}

// cohereTexts is how /v2/embed is asked, and cohereOldTexts /v1/embed.
var (
	cohereTexts = spelling{input: "texts", echo: true, answer: (*exchange).answerCohere, fields: map[string]func(*call, *Handler, string, []byte) error{
		"model":            (*call).setModel,
		"texts":            (*call).setTexts,
		"inputs":           (*call).setContents,
		"input_type":       (*call).setCohereType,
		"embedding_types":  (*call).setFormats,
		"output_dimension": (*call).setDimensions,
		"truncate":         (*call).setTruncate,
		"max_tokens":       (*call).setMaxTokens,
		"priority":         (*call).skip,
	}}
	cohereOldTexts = spelling{input: "texts", echo: true, answer: (*exchange).answerCohereOld, fields: without(cohereTexts.fields, "inputs")}
)

func without[R any](fields map[string]R, name string) map[string]R {
	fields = maps.Clone(fields)
	delete(fields, name)
	return fields
}

func (x *exchange) cohereEmbed() error    { return x.embedAs(&cohereTexts) }
func (x *exchange) cohereEmbedOld() error { return x.embedAs(&cohereOldTexts) }

// setTexts reads a list of texts.
func (c *call) setTexts(h *Handler, field string, value []byte) error {
	if value[0] != '[' {
		return fail(codeInvalidInput, field, "found %s, expected a list of texts", excerpt(value))
	}
	if err := c.setInputs(h, field, value); err != nil {
		return err
	}
	if c.inputs.ids != nil {
		return fail(codeInvalidInput, field, "found %s, expected a list of texts", excerpt(value))
	}
	return nil
}

// setContents reads a list of objects whose content is one text each.
func (c *call) setContents(h *Handler, field string, value []byte) error {
	type content struct {
		Content []struct{ Type, Text string }
	}
	var list []content
	if err := json.Unmarshal(value, &list); err != nil {
		return fail(codeInvalidInput, field, `found %s, expected a list of {"content": [{"type": "text", "text": …}]}`, excerpt(value))
	}
	texts := make([]string, len(list))
	for i, one := range list {
		if len(one.Content) != 1 || one.Content[0].Type != "text" {
			return fail(codeInvalidInput, field, "input %d: expected a content of one text", i)
		}
		texts[i] = one.Content[0].Text
	}
	value, err := json.Marshal(texts)
	if err != nil {
		return err
	}
	return c.setInputs(h, field, value)
}

// coherePurposes are the values of input_type.
var coherePurposes = map[string][]string{
	"search_query": {"query"}, "search_document": {"document"}, "classification": {"classification"}, "clustering": {"clustering"},
}

func (c *call) setCohereType(_ *Handler, field string, value []byte) (err error) {
	c.purpose.field = field
	c.purpose.names, err = word(field, value, coherePurposes, "search_document, search_query, classification, clustering")
	return err
}

// cohereMeta is the JSON of what an answer says of itself.
type cohereMeta struct {
	APIVersion struct {
		Version string `json:"version"`
	} `json:"api_version"`
	BilledUnits struct {
		InputTokens int `json:"input_tokens"`
	} `json:"billed_units"`
}

func (x *exchange) answerCohere(c *call, result *embed.Result) error {
	return x.answerByType(c, "2", result)
}

// answerByType answers with lists of vectors by their forms.
func (x *exchange) answerByType(c *call, version string, result *embed.Result) error {
	return x.answerCohereAs(c, version, "embeddings_by_type", func(p *pieces, b []byte) (_ []byte, err error) {
		for i, one := range c.forms.list {
			b = append(b, "{,"[min(i, 1)], '"')
			b = append(append(b, one.name...), `":`...)
			b, err = p.list(b, len(result.Embeddings), func(b []byte, i int) []byte { return one.append(b, &result.Embeddings[i].Vector) })
			if err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}, result)
}

// answerCohereOld answers as version 1 does: by type where the request has
// embedding_types, and else with one list of vectors.
func (x *exchange) answerCohereOld(c *call, result *embed.Result) error {
	if c.forms.given != "" {
		return x.answerByType(c, "1", result)
	}
	return x.answerCohereAs(c, "1", "embeddings_floats", func(p *pieces, b []byte) ([]byte, error) {
		return p.list(b, len(result.Embeddings), c.vector(result))
	}, result)
}

func (x *exchange) answerCohereAs(c *call, version, kind string, vectors func(p *pieces, b []byte) ([]byte, error), result *embed.Result) error {
	x.countAll(result)
	size := 0
	for _, text := range c.inputs.texts {
		size += len(text)
	}
	x.keep(int64(size)) // a client that is slow to take the answer holds up nobody but by the texts in it
	var meta cohereMeta
	meta.APIVersion.Version, meta.BilledUnits.InputTokens = version, x.event.Tokens
	p := x.newPieces(!c.forms.allBase64())
	defer p.release()
	b, err := vectors(p, fmt.Appendf(p.buffer, `{"id":"embd-%s","response_type":%q,"embeddings":`, rand.Text(), kind))
	if err != nil {
		return err
	}
	b, err = p.list(append(b, `,"texts":`...), len(c.inputs.texts), func(b []byte, i int) []byte { return appendJSON(b, c.inputs.texts[i]) })
	if err != nil {
		return err
	}
	return p.end(append(appendJSON(append(b, `,"meta":`...), meta), "}\n"...))
}

// cohereError is the JSON of an error.
type cohereError struct {
	Message string `json:"message"`
}

// cohereFailure words f as clients know it.
func cohereFailure(f *failure) (int, any) { return f.code.status, cohereError{f.message} }
