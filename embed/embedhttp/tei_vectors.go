package embedhttp

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/rhumb-go/rhumb/embed"
	"github.com/rhumb-go/rhumb/encoding"
)

// setSentences reads a sentence and those that it is compared with.
func (c *call) setSentences(h *Handler, field string, value []byte) error {
	if value[0] != '{' {
		return fail(codeInvalidInput, field, "found %s, expected an object of source_sentence and sentences", excerpt(value))
	}
	source, others := inputs{field: "source_sentence"}, inputs{field: "sentences"}
	for part := range parts(value) {
		var err error
		switch name, value := member(part); {
		case name == "source_sentence" && value[0] == '"' && source.texts == nil:
			err = source.read(h, value)
		case name == "sentences" && value[0] == '[' && others.texts == nil:
			err = others.read(h, value)
		default:
			err = fmt.Errorf("%s: found %s, expected source_sentence, a text, and sentences, a list of them", shown(name, maxShown), excerpt(value))
		}
		if err != nil {
			return fail(codeInvalidInput, field, "%v", err)
		}
	}
	if source.texts == nil || others.texts == nil {
		return fail(codeInvalidInput, field, "expected source_sentence, a text, and sentences, a list of them")
	}
	c.inputs = inputs{field: field, texts: append(source.texts, others.texts...)}
	return nil
}

// answerCosines answers with the cosines of the first input with each of the others.
func (x *exchange) answerCosines(c *call, result *embed.Result) error {
	x.countAll(result)
	cosines := make([]float32, len(result.Embeddings)-1)
	source := result.Embeddings[0].Float32
	for i := range cosines {
		cosines[i] = cosine(source, result.Embeddings[i+1].Float32)
	}
	return x.json(http.StatusOK, cosines)
}

// cosine returns that of a and b, which have one length, summed in float64; 0 where one
// of them is all zeros.
func cosine(a, b []float32) float32 {
	var ab, aa, bb float64
	for i, v := range a {
		ab += float64(v) * float64(b[i])
		aa += float64(v) * float64(v)
		bb += float64(b[i]) * float64(b[i])
	}
	if ab == 0 {
		return 0
	}
	return float32(ab / math.Sqrt(aa*bb))
}

// teiEmbedAll answers /embed_all with the vectors of each text's tokens.
func (x *exchange) teiEmbedAll() error {
	c, err := x.call(&teiTokens)
	if err != nil {
		return err
	}
	if c.inputs.ids != nil {
		return fail(codeInvalidInput, "inputs", "token ids, expected texts")
	}
	if err := c.holdTokens(x.h, c.model.Info.Dimensions); err != nil {
		return err
	}
	var result *embed.TokenResult
	err = x.compute(&c.basics, c.inputs.count(), func(ctx context.Context) (wait time.Duration, err error) {
		if result, err = c.model.Queue.EmbedTokens(ctx, c.inputs.texts, c.options()); err != nil {
			return 0, c.embedFailure(err)
		}
		return result.Wait, nil
	})
	if err != nil {
		return err
	}
	for _, text := range result.Texts {
		x.count(len(text.Tokens), text.Truncated)
	}
	x.tellTruncated()
	err = x.list(true, "", len(result.Texts), func(b []byte, i int) []byte {
		for j, token := range result.Texts[i].Tokens {
			b = append(b, "[,"[min(j, 1)])
			b = encoding.AppendJSON(b, token.Float32)
		}
		return append(b, ']')
	}, "")
	x.event.Encode = x.sinceEmbedded()
	return err
}
