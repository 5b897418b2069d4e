package embedhttp

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/rhumb-go/rhumb/embed"
)

// tei is the API of text-embeddings-inference 1.9.3, and of Hugging Face's inference,
// whose paths end with a model's name or a task.
var tei = dialect{name: "text-embeddings-inference", failure: teiFailure, routes: []route{
	{path: "/embed", methods: post, serve: (*exchange).teiEmbed, summary: "Embed texts",
		fields: names(teiTexts.fields), example: `{"inputs": ["The food was delicious"]}`},
	{path: "/embed_all", methods: post, serve: (*exchange).teiEmbedAll, summary: "Embed each token of texts",
		fields: names(teiTokens.fields), example: `{"inputs": "The food was delicious"}`},
	{path: "/embed_sparse", methods: post, serve: (*exchange).teiEmbedSparse, summary: "Embed texts as weights of a vocabulary's entries",
		fields: names(teiSparse.fields), example: `{"inputs": "The food was delicious"}`},
	{path: "/similarity", methods: post, serve: (*exchange).teiSimilarity, summary: "Compare a sentence with others",
		fields: names(teiSentences.fields), example: `{"inputs": {"source_sentence": "The food was delicious", "sentences": ["The service was fast"]}}`},
	{path: "/predict", methods: post, serve: (*exchange).teiPredict, summary: "Label texts or pairs of them",
		fields: names(predictionFields), example: `{"inputs": "The food was delicious"}`},
	{path: "/tokenize", methods: post, serve: (*exchange).teiTokenize, summary: "Tokenize texts",
		fields: names(tokenizeFields), example: `{"inputs": "The food was delicious"}`},
	{path: "/decode", methods: post, serve: (*exchange).teiDecode, summary: "Make texts of token ids",
		fields: names(decodeFields), example: `{"ids": [101, 1996, 2833, 102]}`},
	{path: "/info", methods: get, serve: (*exchange).teiInfo, summary: "Describe the model of requests that name none"},
	{path: "/", methods: post, serve: (*exchange).teiRoot, summary: "Do what the model is for",
		fields: names(teiTexts.fields), example: `{"inputs": "The food was delicious"}`},
	{path: "/models/{model}/pipeline/feature-extraction", methods: post, serve: (*exchange).teiEmbed, summary: "Embed texts",
		fields: names(teiTexts.fields), example: `{"inputs": "The food was delicious"}`},
	{path: "/models/{model}/pipeline/sentence-similarity", methods: post, serve: (*exchange).teiSimilarity, summary: "Compare a sentence with others",
		fields: names(teiSentences.fields), example: `{"inputs": {"source_sentence": "The food was delicious", "sentences": ["The service was fast"]}}`},
	{path: "/models/{model}", methods: post, serve: (*exchange).teiRoot, summary: "Do what the model is for",
		fields: names(teiTexts.fields), example: `{"inputs": "The food was delicious"}`},
}}

// teiReading says how texts are read, and teiParameters what is made of them too. They
// stand beside the texts or in an object of their own.
var (
	teiReading = map[string]func(c *call, h *Handler, field string, value []byte) error{
		"truncate":             (*call).setTruncate,
		"truncation_direction": (*call).setDirection,
		"prompt_name":          (*call).setPromptName,
	}
	teiParameters = with(teiReading, map[string]func(c *call, h *Handler, field string, value []byte) error{
		"normalize":       (*call).setNormalize,
		"dimensions":      (*call).setDimensions,
		"encoding_format": (*call).setFormats,
	})
)

// teiTexts is how /embed is asked, teiTokens /embed_all, teiSparse /embed_sparse and
// teiSentences /similarity. No client names a model, but may.
var (
	teiTexts     = spelling{input: "inputs", answer: (*exchange).answerVectors, fields: teiFields((*call).setInputs, teiParameters)}
	teiTokens    = spelling{input: "inputs", fields: teiFields((*call).setInputs, teiReading)}
	teiSparse    = spelling{input: "inputs", kind: sparseKind, fields: teiFields((*call).setInputs, teiReading)}
	teiSentences = spelling{input: "inputs", answer: (*exchange).answerCosines, fields: teiFields((*call).setSentences, teiReading)}
)

func teiFields(inputs func(c *call, h *Handler, field string, value []byte) error, parameters map[string]func(*call, *Handler, string, []byte) error) map[string]func(*call, *Handler, string, []byte) error {
	return with(parameters, map[string]func(*call, *Handler, string, []byte) error{
		"inputs": inputs,
		"model":  (*call).setModel,
		"parameters": func(c *call, h *Handler, field string, value []byte) error {
			return readFields(h, c, parameters, value)
		},
	})
}

// with returns the fields of both.
func with[R any](fields, more map[string]R) map[string]R {
	fields = maps.Clone(fields)
	maps.Copy(fields, more)
	return fields
}

func (x *exchange) teiEmbed() error      { return x.embedAs(&teiTexts) }
func (x *exchange) teiSimilarity() error { return x.embedAs(&teiSentences) }

// teiRoot answers POST /, which clients ask that know of one path: what they want is
// told by the body, or else by the model.
func (x *exchange) teiRoot() error {
	body, err := x.body()
	if err != nil {
		return err
	}
	var members map[string]beginning
	err = x.parse(body, func(body []byte) error {
		members = membersOf(body)
		return nil
	})
	if err != nil {
		return err
	}
	x.r.Body, x.r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	m := x.h.model(cmp.Or(x.name, x.h.cfg.Default))
	if all := x.h.all(); m == nil && len(all) > 0 {
		m = all[0]
	}
	switch {
	case m == nil:
		return x.teiEmbed() // which says that there is none
	case members["texts"] != 0:
		return x.rankAs(func([]byte) *rankSpelling { return &teiRanking })
	case m.kind() == sparseKind:
		return x.teiEmbedSparse()
	case m.kind() != embedding && m.kind() != "":
		return x.teiPredict()
	case members["inputs"] == '{':
		return x.teiSimilarity()
	}
	return x.teiEmbed()
}

// answerVectors answers with a list of the embeddings.
func (x *exchange) answerVectors(c *call, result *embed.Result) error {
	x.countAll(result)
	return x.list(!c.forms.allBase64(), "", len(result.Embeddings), c.vector(result), "")
}

// teiError is the JSON of an error.
type teiError struct {
	Error string `json:"error"`
	Type  string `json:"error_type"`
}

// teiFailure words f as clients know it.
func teiFailure(f *failure) (int, any) {
	status, kind := f.code.status, "Validation"
	switch {
	case status == http.StatusTooManyRequests, f.code == codeModelsBusy:
		kind = "Overloaded"
	case f.code == codeShuttingDown:
		kind = "Unhealthy"
	case f.code == codeInternal, f.code == codeModelLoad, f.code == codeModelTooLarge:
		kind = "Backend"
	case f.code == codeModelKind:
		status, kind = http.StatusFailedDependency, "Backend"
	case f.code == codeInvalidInput && strings.Contains(f.message, "empty"):
		kind = "Empty"
	case status == http.StatusBadRequest && f.code != codeInvalidJSON:
		status = http.StatusUnprocessableEntity
	}
	return status, teiError{f.message, kind}
}
