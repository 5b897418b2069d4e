package embedhttp

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// teiRanking is how /rerank is asked by clients of text-embeddings-inference. A score is
// the sigmoid of a logit, whatever the model's own activation is, or the logit.
var teiRanking = rankSpelling{documents: "texts", logits: true, answer: (*exchange).answerTEIRanking,
	fields: map[string]func(c *ranking, h *Handler, field string, value []byte) error{
		"model":                (*ranking).setModel,
		"query":                (*ranking).setQuery,
		"texts":                (*ranking).setDocuments,
		"raw_scores":           (*ranking).setRaw,
		"return_text":          (*ranking).setTexts,
		"truncate":             (*ranking).setTruncation,
		"truncation_direction": (*ranking).setDirection,
	}}

func (c *ranking) setRaw(_ *Handler, field string, value []byte) (err error) {
	c.raw, err = boolean(field, value)
	return err
}

// setDirection reads at which side the longer of a query and a text is cut.
func (c *ranking) setDirection(_ *Handler, field string, value []byte) (err error) {
	c.direction, err = word(field, value, directions, "Left, Right")
	return err
}

// teiRank is the JSON of a document in an answer.
type teiRank struct {
	Index int     `json:"index"`
	Text  *string `json:"text,omitempty"` // where the request wants it
	Score float32 `json:"score"`
}

func (x *exchange) answerTEIRanking(c *ranking, ranked []rerank.Ranked) error {
	size := 0
	for _, r := range ranked {
		x.count(r.Tokens, r.Truncated)
		if c.texts {
			size += len(c.documents[r.Index])
		}
	}
	x.tellTruncated()
	x.keep(int64(size))
	return x.list(true, "", len(ranked), func(b []byte, i int) []byte {
		r := teiRank{Index: ranked[i].Index, Score: ranked[i].Value}
		if !c.raw {
			r.Score = float32(1 / (1 + math.Exp(-float64(r.Score))))
		}
		if c.texts {
			r.Text = &c.documents[r.Index]
		}
		return appendJSON(b, r)
	}, "")
}

// appendJSON appends the JSON of v, which has one.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("embedhttp: " + err.Error())
	}
	return append(b, text...)
}

// A prediction is a request to label texts, or pairs of them.
type prediction struct {
	basics
	pairs   [][2]string // the second of a text by itself is empty
	field   string      // of the pairs
	list    bool        // the answer has a list for each
	options rerank.Options
	top     int // labels of each; 0 = all
}

// predictionFields is what fields is, for a prediction.
var predictionFields = map[string]func(c *prediction, h *Handler, field string, value []byte) error{
	"model":                (*prediction).setModel,
	"inputs":               (*prediction).setInputs,
	"raw_scores":           (*prediction).setRaw,
	"truncate":             (*prediction).setTruncate,
	"truncation_direction": (*prediction).setDirection,
	"parameters":           (*prediction).setParameters,
}

// predictionParameters are those of Hugging Face's inference.
var predictionParameters = map[string]func(c *prediction, h *Handler, field string, value []byte) error{
	"top_k":             (*prediction).setTop,
	"function_to_apply": (*prediction).setFunction,
}

// setInputs reads a text or a pair of them, or a list of lists of one or two.
func (c *prediction) setInputs(h *Handler, field string, value []byte) error {
	c.field = field
	one := value[0] == '"'
	if !one && value[0] != '[' {
		return fail(codeInvalidInput, field, "found %s, expected a text, a pair of texts, or a list of lists of one or two", excerpt(value))
	}
	if !one {
		for part := range parts(value) {
			one = part[0] == '"'
			break
		}
	}
	if one {
		return c.addPair(h, field, value)
	}
	c.list = true
	for part := range parts(value) {
		if len(c.pairs) == h.cfg.MaxItems {
			return fail(codeInvalidInput, field, "more than %d items", h.cfg.MaxItems)
		}
		if err := c.addPair(h, field, part); err != nil {
			return err
		}
	}
	if c.pairs == nil {
		return fail(codeInvalidInput, field, "an empty list, expected at least one text")
	}
	return nil
}

// addPair reads a text, or a list of one or two.
func (c *prediction) addPair(h *Handler, field string, value []byte) error {
	i := len(c.pairs)
	in := inputs{field: "pair"}
	if err := in.read(h, value); err != nil {
		return fail(codeInvalidInput, field, "input %d: %v", i, err)
	}
	if n := len(in.texts); n < 1 || n > 2 {
		return fail(codeInvalidInput, field, "input %d: found %s, expected one text, or a pair of them", i, excerpt(value))
	}
	var pair [2]string
	copy(pair[:], in.texts)
	c.pairs = append(c.pairs, pair)
	return nil
}

func (c *prediction) setRaw(_ *Handler, field string, value []byte) (err error) {
	c.options.Raw, err = boolean(field, value)
	return err
}

func (c *prediction) setTruncate(_ *Handler, field string, value []byte) error {
	cut, err := boolean(field, value)
	if !cut {
		c.options.Truncate = embed.TruncateNone
	}
	return err
}

func (c *prediction) setDirection(_ *Handler, field string, value []byte) error {
	side, err := word(field, value, directions, "Left, Right")
	if c.options.Truncate != embed.TruncateNone {
		c.options.Truncate = side
	}
	return err
}

// setParameters reads those of Hugging Face's clients, who want a list for each input.
func (c *prediction) setParameters(h *Handler, field string, value []byte) error {
	c.list = true
	return readFields(h, c, predictionParameters, value)
}

func (c *prediction) setTop(_ *Handler, field string, value []byte) (err error) {
	c.top, err = positive(codeInvalidRequest, field, value)
	return err
}

// setFunction reads what is made of logits. It is the model's that says, or there is none.
func (c *prediction) setFunction(_ *Handler, field string, value []byte) (err error) {
	c.options.Raw, err = word(field, value, map[string]bool{"none": true}, `none, or null for the model's own`)
	return err
}

// teiLabel is the JSON of a label.
type teiLabel struct {
	Score float32 `json:"score"`
	Label string  `json:"label"`
}

// teiPredict answers /predict.
func (x *exchange) teiPredict() error {
	c := new(prediction)
	err := x.receiveFor(&c.basics, []kind{classifier, reranker}, func(body []byte) error {
		return readFields(x.h, c, predictionFields, body)
	}, func() error {
		if c.pairs == nil {
			return fail(codeInvalidInput, "inputs", "missing, expected a text, a pair of texts, or a list of lists of one or two")
		}
		return nil
	})
	if err != nil {
		return err
	}
	var found []rerank.Classification
	err = x.compute(&c.basics, len(c.pairs), func(ctx context.Context) (time.Duration, error) {
		if found, err = c.model.Rerank.ClassifyPairs(ctx, c.pairs, c.options); err != nil {
			return 0, modelFailure(err, c.field, c.optionFailure)
		}
		return 0, nil
	})
	if err != nil {
		return err
	}
	c.pairs = nil
	x.leave()
	all := make([][]teiLabel, len(found))
	for i, f := range found {
		x.count(f.Tokens, f.Truncated)
		for _, l := range f.Labels {
			all[i] = append(all[i], teiLabel{l.Score, l.Name})
		}
		if c.top > 0 && c.top < len(all[i]) {
			all[i] = all[i][:c.top]
		}
	}
	x.tellTruncated()
	if c.list {
		err = x.json(http.StatusOK, all)
	} else {
		err = x.json(http.StatusOK, all[0])
	}
	x.event.Encode = x.sinceEmbedded()
	return err
}
