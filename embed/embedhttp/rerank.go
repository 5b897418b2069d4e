package embedhttp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/embed/rerank"
)

// cohereRanking is the superset of Cohere's and Jina's spelling that /v1/rerank takes.
var cohereRanking = rankSpelling{fields: rankingFields, documents: "documents", answer: (*exchange).answerRanking}

// rerank answers POST /v1/rerank.
func (x *exchange) rerank() error {
	return x.rankAs(func([]byte) *rankSpelling { return &cohereRanking })
}

// rerankAny answers POST /rerank, which clients of text-embeddings-inference ask too:
// their documents are texts.
func (x *exchange) rerankAny() error {
	return x.rankAs(func(body []byte) *rankSpelling {
		if members := membersOf(body); members["texts"] != 0 && members["documents"] == 0 {
			x.dialect = &tei
			return &teiRanking
		}
		return &cohereRanking
	})
}

// rankAs answers a request to rank documents that is spelled as its body tells.
func (x *exchange) rankAs(spelled func(body []byte) *rankSpelling) error {
	c := new(ranking)
	var s *rankSpelling
	err := x.receiveFor(&c.basics, []kind{reranker, multiKind}, func(body []byte) error {
		s = spelled(body)
		return readFields(x.h, c, s.fields, body)
	}, func() error { return c.complete(x.h, s) })
	if err != nil {
		return err
	}
	var ranked []rerank.Ranked
	err = x.compute(&c.basics, len(c.documents), func(ctx context.Context) (wait time.Duration, err error) {
		options := c.options()
		options.Raw = s.logits
		if ranked, wait, err = c.model.ranker().RankWait(ctx, c.query, c.documents, 0, options); err != nil {
			return 0, c.rankFailure(err)
		}
		return wait, nil
	})
	if err != nil {
		return err
	}
	err = s.answer(x, c, ranked)
	x.event.Encode = x.sinceEmbedded()
	return err
}

// rankFailure is asFailure for an error of the model with c.
func (c *ranking) rankFailure(err error) *failure {
	return modelFailure(err, "documents", func(err *embed.OptionError) *failure {
		switch err.Option {
		case embed.OptionQuery:
			return fail(codeInvalidInput, "query", "%v", err.Err)
		case embed.OptionMaxDocumentTokens:
			return fail(codeInvalidRequest, "max_tokens_per_doc", "%v", err.Err)
		}
		return c.optionFailure(err)
	})
}

// rankingResult is the JSON of a document in an answer.
type rankingResult struct {
	Index    int       `json:"index"`
	Score    float32   `json:"relevance_score"`
	Document *document `json:"document,omitempty"` // where the request wants it
}

type document struct {
	Text string `json:"text"`
}

// stringResult is a rankingResult as Voyage's clients read it.
type stringResult struct {
	Index    int     `json:"index"`
	Score    float32 `json:"relevance_score"`
	Document *string `json:"document,omitempty"`
}

// asString returns r as a stringResult.
func (r rankingResult) asString() stringResult {
	s := stringResult{r.Index, r.Score, nil}
	if r.Document != nil {
		s.Document = &r.Document.Text
	}
	return s
}

// rankingTail is the JSON of an answer after its results.
type rankingTail struct {
	Meta  rankingMeta  `json:"meta"`
	Usage rankingUsage `json:"usage"`
}

// rankingMeta is what Cohere's clients know.
type rankingMeta struct {
	APIVersion struct {
		Version string `json:"version"`
	} `json:"api_version"`
	BilledUnits struct {
		SearchUnits int `json:"search_units"`
	} `json:"billed_units"`
	Tokens struct {
		InputTokens int `json:"input_tokens"`
	} `json:"tokens"`
}

type rankingUsage struct {
	PromptTokens    int `json:"prompt_tokens"`
	TotalTokens     int `json:"total_tokens"`
	TruncatedTokens int `json:"truncated_tokens"`
}

// answerRanking writes the documents that the request wants, piece by piece: twice, as
// of the clients of one path some read results, and Voyage's data.
func (x *exchange) answerRanking(c *ranking, ranked []rerank.Ranked) error {
	var tail rankingTail
	for _, r := range ranked {
		tail.Usage.TruncatedTokens += x.count(r.Tokens, r.Truncated)
	}
	x.tellTruncated()
	tail.Meta.APIVersion.Version = "2"
	tail.Meta.BilledUnits.SearchUnits = 1
	tail.Meta.Tokens.InputTokens = x.event.Tokens
	tail.Usage.PromptTokens, tail.Usage.TotalTokens = x.event.Tokens, x.event.Tokens
	if n := c.top.value; n > 0 {
		ranked = ranked[:min(n, len(ranked))]
	}
	results := c.results(ranked)
	size := 0
	for _, r := range results {
		if r.Document != nil {
			size += len(r.Document.Text)
		}
	}
	x.keep(int64(size)) // a client that is slow to take the answer holds up nobody but by the texts in it
	model, err := json.Marshal(c.name)
	if err != nil {
		return err
	}
	end, err := json.Marshal(tail)
	if err != nil {
		return err
	}
	p := x.newPieces(true)
	defer p.release()
	b := append(p.buffer, `{"id":"rerank-`...)
	b = append(b, rand.Text()...)
	b = append(b, `","object":"list","model":`...)
	b = append(b, model...)
	const data = `],"data":[`
	for _, name := range []string{`,"results":[`, data} {
		b = append(b, name...)
		for i, r := range results {
			if i > 0 {
				b = append(b, ',')
			}
			if name == data {
				b = appendJSON(b, r.asString())
			} else {
				b = appendJSON(b, r)
			}
			if len(b) >= pieceSize {
				if b, err = p.write(b); err != nil {
					return err
				}
			}
		}
	}
	b = append(b, `],`...)
	b = append(b, end[1:]...) // without its brace
	b = append(b, '\n')
	return p.end(b)
}

// results returns what an answer says of the documents of ranked. Of the texts, those
// that it has are all that is left.
func (c *ranking) results(ranked []rerank.Ranked) []rankingResult {
	results := make([]rankingResult, len(ranked))
	for i, r := range ranked {
		results[i] = rankingResult{Index: r.Index, Score: r.Value}
		if c.texts {
			results[i].Document = &document{c.documents[r.Index]}
		}
	}
	c.documents = nil
	return results
}
