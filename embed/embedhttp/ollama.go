package embedhttp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rhumb-go/rhumb/embed"
)

// ollama is the API of Ollama 0.17.4, for embeddings.
var ollama = dialect{name: "Ollama", below: "/api/", failure: ollamaFailure, routes: []route{
	{path: "/api/embed", methods: post, serve: (*exchange).ollamaEmbed, summary: "Embed texts",
		fields: names(ollamaTexts.fields), example: `{"model": "minilm", "input": ["The food was delicious"]}`},
	{path: "/api/embeddings", methods: post, serve: (*exchange).ollamaEmbedding, summary: "Embed a text",
		fields: names(ollamaText.fields), example: `{"model": "minilm", "prompt": "The food was delicious"}`},
	{path: "/api/tags", methods: get, serve: (*exchange).ollamaTags, summary: "List the models"},
	{path: "/api/ps", methods: get, serve: (*exchange).ollamaRunning, summary: "List the models in memory"},
	{path: "/api/show", methods: post, serve: (*exchange).ollamaShow, summary: "Describe a model",
		fields: names(ollamaShown), example: `{"model": "minilm"}`},
	{path: "/api/version", methods: get, serve: (*exchange).ollamaVersion, open: true, summary: "Tell the version of this API"},
}}

// names returns the fields of a request in order.
func names[R any](fields map[string]R) []string { return slices.Sorted(maps.Keys(fields)) }

// ollamaTexts is how /api/embed is asked, and ollamaText the older /api/embeddings.
var (
	ollamaTexts = spelling{input: "input", empty: true, answer: (*exchange).answerOllama, fields: map[string]func(*call, *Handler, string, []byte) error{
		"model":      (*call).setOllamaModel,
		"input":      (*call).setOllamaInput,
		"truncate":   (*call).setTruncate,
		"dimensions": (*call).setDimensions,
		"keep_alive": (*call).setKeepAlive,
		"options":    (*call).setOllamaOptions,
	}}
	ollamaText = spelling{input: "prompt", empty: true, answer: (*exchange).answerOllamaText, fields: map[string]func(*call, *Handler, string, []byte) error{
		"model":      (*call).setOllamaModel,
		"prompt":     (*call).setOllamaPrompt,
		"keep_alive": (*call).setKeepAlive,
		"options":    (*call).setOllamaOptions,
	}}
)

func (x *exchange) ollamaEmbed() error     { return x.embedAs(&ollamaTexts) }
func (x *exchange) ollamaEmbedding() error { return x.embedAs(&ollamaText) }

// setOllamaModel reads a name, to which Ollama's clients may add a tag.
func (c *basics) setOllamaModel(h *Handler, field string, value []byte) error {
	err := c.setModel(h, field, value)
	if h.model(c.name) == nil {
		c.name = strings.TrimSuffix(c.name, ":latest")
	}
	return err
}

// setOllamaInput reads a text or a list of texts. An empty one is none.
func (c *call) setOllamaInput(h *Handler, field string, value []byte) error {
	if string(value) == `""` || value[0] == '[' && len(strings.TrimSpace(string(value[1:len(value)-1]))) == 0 {
		return nil
	}
	return c.setInputs(h, field, value)
}

// setOllamaPrompt reads a text, which may be empty.
func (c *call) setOllamaPrompt(h *Handler, field string, value []byte) error {
	if value[0] != '"' {
		return fail(codeInvalidInput, field, "found %s, expected a text", excerpt(value))
	}
	return c.setOllamaInput(h, field, value)
}

// setOllamaOptions reads the options of a model's runtime: of those the length of the
// context counts for an embedding.
func (c *call) setOllamaOptions(h *Handler, field string, value []byte) error {
	if value[0] != '{' {
		return fail(codeInvalidRequest, field, "found %s, expected an object", excerpt(value))
	}
	for part := range parts(value) {
		if name, value := member(part); name == "num_ctx" && string(value) != "null" {
			if err := c.setMaxTokens(h, field+".num_ctx", value); err != nil {
				return err
			}
		}
	}
	return nil
}

// answerOllama answers /api/embed. Times are in nanoseconds.
func (x *exchange) answerOllama(c *call, result *embed.Result) error {
	x.countAll(result)
	model, err := json.Marshal(c.name)
	if err != nil {
		return err
	}
	tail := fmt.Sprintf(`,"total_duration":%d,"load_duration":%d,"prompt_eval_count":%d}`, time.Since(x.start), x.event.Load, x.event.Tokens)
	return x.list(true, fmt.Sprintf(`{"model":%s,"embeddings":`, model), len(result.Embeddings), c.vector(result), tail)
}

// answerOllamaText answers /api/embeddings.
func (x *exchange) answerOllamaText(c *call, result *embed.Result) error {
	x.countAll(result)
	vector := []byte("[]")
	if len(result.Embeddings) > 0 {
		vector = c.vector(result)(nil, 0)
	}
	return x.json(200, map[string]json.RawMessage{"embedding": vector})
}

// ollamaError is the JSON of an error.
type ollamaError struct {
	Error string `json:"error"`
}

// ollamaFailure words f as clients know it.
func ollamaFailure(f *failure) (int, any) {
	message := f.message
	switch {
	case f.code == codeModelNotFound:
		message = "model not found: " + strings.TrimPrefix(message, "model: ")
	case f.code == codeInvalidInput && strings.Contains(message, " tokens, model reads "):
		message = "the input length exceeds the context length: " + message
	}
	return f.code.status, ollamaError{message}
}
