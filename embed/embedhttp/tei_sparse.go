package embedhttp

import (
	"context"
	"time"

	"github.com/rhumb-go/rhumb/embed/sparse"
)

// teiWeight is the JSON of one weight.
type teiWeight struct {
	Index int32   `json:"index"`
	Value float32 `json:"value"`
}

// teiEmbedSparse answers /embed_sparse with the weights of each text that are not zero.
func (x *exchange) teiEmbedSparse() error {
	c, err := x.call(&teiSparse)
	if err != nil {
		return err
	}
	var vectors []sparse.Vector
	err = x.compute(&c.basics, c.inputs.count(), func(ctx context.Context) (wait time.Duration, err error) {
		options := sparse.Options{PromptName: c.promptName.value, Truncate: c.direction.value}
		if vectors, wait, err = c.model.Sparse.EmbedWait(ctx, c.inputs.texts, options); err != nil {
			return 0, c.embedFailure(err)
		}
		return wait, nil
	})
	if err != nil {
		return err
	}
	c.inputs = inputs{}
	x.leave()
	for _, v := range vectors {
		x.count(v.Tokens, v.Truncated)
	}
	x.tellTruncated()
	err = x.list(true, "", len(vectors), func(b []byte, i int) []byte {
		b = append(b, '[')
		for j, index := range vectors[i].Indices {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, teiWeight{index, vectors[i].Values[j]})
		}
		return append(b, ']')
	}, "")
	x.event.Encode = x.sinceEmbedded()
	return err
}
