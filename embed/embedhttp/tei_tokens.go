package embedhttp

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/multivector"
	"github.com/rhumb-go/rhumb/embed/sparse"
	"github.com/rhumb-go/rhumb/tokenizer"
)

// A tokenization is a request to make token ids of texts, or texts of token ids.
type tokenization struct {
	basics
	inputs  inputs
	bare    bool // without special tokens around a text
	special bool // texts have those that are among the ids
}

// tokenizeFields and decodeFields are what fields is, for a tokenization.
var (
	tokenizeFields = map[string]func(c *tokenization, h *Handler, field string, value []byte) error{
		"model":              (*tokenization).setModel,
		"inputs":             (*tokenization).setInputs,
		"add_special_tokens": (*tokenization).setAddSpecial,
		"prompt_name":        (*tokenization).setPromptName,
	}
	decodeFields = map[string]func(c *tokenization, h *Handler, field string, value []byte) error{
		"model":               (*tokenization).setModel,
		"ids":                 (*tokenization).setInputs,
		"skip_special_tokens": (*tokenization).setSkipSpecial,
	}
)

func (c *tokenization) setInputs(h *Handler, field string, value []byte) error {
	c.inputs.field = field
	if err := c.inputs.read(h, value); err != nil {
		return c.inputs.failure(err)
	}
	if (field == "ids") != (c.inputs.ids != nil) {
		return fail(codeInvalidInput, field, "found %s, expected %s", excerpt(value), map[bool]string{true: "token ids", false: "texts"}[field == "ids"])
	}
	return nil
}

func (c *tokenization) setAddSpecial(_ *Handler, field string, value []byte) error {
	add, err := boolean(field, value)
	c.bare = !add
	return err
}

func (c *tokenization) setSkipSpecial(_ *Handler, field string, value []byte) error {
	skip, err := boolean(field, value)
	c.special = !skip
	return err
}

// receiveTokenization reads a request with those fields, of which field has the inputs.
func (x *exchange) receiveTokenization(fields map[string]func(*tokenization, *Handler, string, []byte) error, field string) (*tokenization, error) {
	c := new(tokenization)
	return c, x.receiveFor(&c.basics, allKinds, func(body []byte) error {
		return readFields(x.h, c, fields, body)
	}, func() error {
		if c.inputs.count() == 0 {
			return fail(codeInvalidInput, field, "missing")
		}
		return nil
	})
}

// allKinds are those that there are, the first one before the others.
var allKinds = []kind{embedding, reranker, classifier, multiKind, sparseKind}

// teiToken is the JSON of a token. Start and Stop are where it is in its text, in bytes: in
// the text behind its prompt, or in what a chat template makes of them.
type teiToken struct {
	ID      int32  `json:"id"`
	Text    string `json:"text"`
	Special bool   `json:"special"`
	Start   *int   `json:"start"` // null of a special token
	Stop    *int   `json:"stop"`
}

// A readText is the tokens of a text, and what their offsets are places in.
type readText struct {
	tokens tokenizer.Encoding
	text   string
}

// keptTokens are how many tokens of a request are kept from when they are looked at until they are
// written; texts beyond are encoded again, as all of a large request would take many times its memory.
const keptTokens = 1 << 16

// teiTokenize answers /tokenize. Nothing is cut.
func (x *exchange) teiTokenize() error {
	c, err := x.receiveTokenization(tokenizeFields, "inputs")
	if err != nil {
		return err
	}
	reading, err := c.reading()
	if err != nil {
		return modelFailure(err, "inputs", c.optionFailure)
	}
	o := tokenizer.Options{NoSpecial: c.bare, Done: x.r.Context().Done()}
	var kept []readText // the first ones
	tokens := 0
	for i, text := range c.inputs.texts { // the answer begins when all can be in it
		e, read, err := reading.Encode(text, o)
		if err != nil {
			if gone := x.r.Context().Err(); gone != nil {
				return gone
			}
			return fail(codeInvalidInput, "inputs", "input %d: %v", i, err)
		}
		if tokens += len(e.IDs); tokens <= keptTokens {
			kept = append(kept, readText{e, read})
		}
	}
	x.event.Model, x.event.Kind, x.event.Texts = c.model.Name, string(c.model.kind()), len(c.inputs.texts)
	var failed error
	err = x.list(true, "", len(c.inputs.texts), func(b []byte, i int) []byte {
		var r readText
		if i < len(kept) {
			r = kept[i]
		} else if r.tokens, r.text, err = reading.Encode(c.inputs.texts[i], o); err != nil {
			failed = errors.Join(failed, err)
			return b
		}
		b = append(b, '[')
		for j, id := range r.tokens.IDs {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, tokenOf(reading.Tokenizer, id, r.text, r.tokens.Offsets[j]))
		}
		return append(b, ']')
	}, "")
	return errors.Join(failed, err)
}

// reading returns how the model reads the texts of c; that of a reranker or classifier one
// by one, as it has no chat template for these.
func (c *tokenization) reading() (embed.Reading, error) {
	m, name := c.model, c.promptName.value
	switch {
	case m.Queue != nil:
		return m.Queue.Reading(embed.Options{PromptName: name})
	case m.Sparse != nil:
		return m.Sparse.Reading(sparse.Options{PromptName: name})
	case m.MultiVector != nil:
		return m.MultiVector.Reading(multivector.Options{PromptName: name})
	}
	prompt, ok := m.RerankInfo.Prompts[name]
	if name != "" && !ok {
		return embed.Reading{}, fail(codeInvalidRequest, c.promptName.field, "unknown %.100q, expected one of: %q", name, names(m.RerankInfo.Prompts))
	}
	return embed.Reading{Tokenizer: m.Rerank.Tokenizer(), Prompt: prompt}, nil
}

// tokenOf describes the token id that stands for that span of a text.
func tokenOf(t *tokenizer.Tokenizer, id int32, text string, at tokenizer.Span) teiToken {
	piece, _ := t.Token(id)
	if at == (tokenizer.Span{}) && t.Special(id) {
		return teiToken{ID: id, Text: piece, Special: true}
	}
	return teiToken{ID: id, Text: text[at.Start:at.End], Special: t.Special(id), Start: &at.Start, Stop: &at.End}
}

// teiDecode answers /decode.
func (x *exchange) teiDecode() error {
	c, err := x.receiveTokenization(decodeFields, "ids")
	if err != nil {
		return err
	}
	t := c.model.queue().Tokenizer()
	size := c.inputs.textSize(t)
	if size > x.h.cfg.MaxBody {
		return fail(codeTooLarge, "ids", "they stand for %d bytes of text, expected at most %d", size, x.h.cfg.MaxBody)
	}
	if err := x.hold(size); err != nil {
		return err
	}
	texts := make([]string, len(c.inputs.ids))
	for i, ids := range c.inputs.ids {
		if texts[i], err = t.Decode(ids, tokenizer.DecodeOptions{KeepSpecial: c.special}); err != nil {
			return fail(codeInvalidInput, "ids", "input %d: %v", i, err)
		}
	}
	return x.json(http.StatusOK, texts)
}

// textSize returns the bytes of what all token ids stand for, which may be many times those of the request.
func (in *inputs) textSize(t *tokenizer.Tokenizer) (n int64) {
	for _, ids := range in.ids {
		for _, id := range ids {
			piece, _ := t.Token(id) // one that there is not is Decode's error
			n += int64(len(piece))
		}
	}
	return n
}

// teiAPI is the version of text-embeddings-inference whose API this is.
const teiAPI = "1.9.3"

// teiDescription is the JSON of /info.
type teiDescription struct {
	ModelID               string         `json:"model_id"`
	ModelSHA              *string        `json:"model_sha"`
	ModelDType            string         `json:"model_dtype"`
	ServedModelName       string         `json:"served_model_name"`
	ModelType             map[string]any `json:"model_type"`
	MaxConcurrentRequests int            `json:"max_concurrent_requests"` // texts that wait; 0 = not known before the model is loaded
	MaxInputLength        int            `json:"max_input_length"`        // tokens
	MaxBatchTokens        int            `json:"max_batch_tokens"`        // that wait; 0 = not known before the model is loaded
	MaxBatchRequests      *int           `json:"max_batch_requests"`
	MaxClientBatchSize    int            `json:"max_client_batch_size"`
	AutoTruncate          bool           `json:"auto_truncate"`
	TokenizationWorkers   int            `json:"tokenization_workers"`
	Version               string         `json:"version"`
	SHA                   *string        `json:"sha"`
	DockerLabel           *string        `json:"docker_label"`
}

// teiInfo answers /info.
func (x *exchange) teiInfo() error {
	name, err := x.h.usual(allKinds)
	if err != nil {
		return err
	}
	m, err := x.h.find(name)
	if err != nil {
		return err
	}
	f := m.facts()
	info := teiDescription{
		ModelID: m.Name, ServedModelName: m.Name, ModelDType: f.Precision.String(), MaxInputLength: f.MaxTokens, AutoTruncate: true, Version: teiAPI,
		MaxClientBatchSize: x.h.cfg.MaxItems, TokenizationWorkers: f.Workers,
	}
	if q := m.queue(); q != nil {
		s := q.Stats()
		info.MaxConcurrentRequests, info.MaxBatchTokens = s.MaxTexts, s.MaxTokens
	}
	switch m.kind() {
	case embedding:
		info.ModelType = map[string]any{"embedding": map[string]string{"pooling": strings.Join(m.Info.Pooling, "+")}}
	case sparseKind:
		info.ModelType = map[string]any{"embedding": map[string]string{"pooling": "splade"}}
	case multiKind:
		info.ModelType = map[string]any{string(reranker): map[string]any{"id2label": map[string]string{}, "label2id": map[string]string{}}}
	default:
		labels, ids := map[string]string{}, map[string]string{}
		for i, label := range m.RerankInfo.Labels {
			labels[strconv.Itoa(i)], ids[label] = label, strconv.Itoa(i)
		}
		info.ModelType = map[string]any{string(m.kind()): map[string]any{"id2label": labels, "label2id": ids}}
	}
	return x.json(http.StatusOK, info)
}
